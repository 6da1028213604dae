"""Where runs are kept: the one door to SQLite, and runs as files."""
