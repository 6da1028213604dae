"""The command line: one thin module per command group, which parses, calls and prints."""
