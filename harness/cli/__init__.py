"""The command line: one module a command group, each thin: parse, call, print."""
