"""The ``harness`` command, guarded from its first line: Ctrl-C is caught even while the commands are imported.

The entry point imports this module unguarded, so the module itself imports next to nothing.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. The exit status is 2 for what the user can fix, 130 for Ctrl-C, and 1 for a bug of ours."""
    try:
        from harness.cli.terminal.process import as_command

        with as_command():
            from harness.cli.commands import app

            app()
    except KeyboardInterrupt:  # it came before ``as_command`` could handle it
        if sys.stderr is not None:
            print("harness: interrupted", file=sys.stderr)
        sys.exit(130)


def __getattr__(name: str) -> object:
    """Return ``app``, the command line for use in this process, imported only when somebody asks for it."""
    if name == "app":
        from harness.cli.commands import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
