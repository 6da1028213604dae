"""The ``harness`` command, guarded from its first line: Ctrl-C is caught while the commands are still imported.

Whoever starts the command imports this module unguarded, so it imports next to nothing itself.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit status 2 for what the user can fix, 130 for Ctrl-C, 1 for a bug of ours."""
    try:
        from harness.cli.terminal.process import as_command

        with as_command():
            from harness.cli.commands import app

            app()
    except KeyboardInterrupt:  # it came before ``as_command`` could take it
        if sys.stderr is not None:
            print("harness: interrupted", file=sys.stderr)
        sys.exit(130)


def __getattr__(name: str) -> object:
    """``app``, the command line for use in this process, without importing it for the sake of the entry point."""
    if name == "app":
        from harness.cli.commands import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
