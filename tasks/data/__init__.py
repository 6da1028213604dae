"""Where the child's examples come from."""
