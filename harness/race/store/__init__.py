"""Where runs are kept: the only access to SQLite, and runs as files."""
