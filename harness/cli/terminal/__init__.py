"""The command's side of the terminal: what it prints and shows, how it is stopped, and examples for its help."""
