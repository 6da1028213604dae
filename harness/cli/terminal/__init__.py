"""The command's side of the terminal: what it prints, what it shows while it works, and how it is stopped."""
