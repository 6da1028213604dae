"""How commands use the terminal: what they print and show, how they are stopped, and examples for their help."""
