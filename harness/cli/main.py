"""The ``harness`` command: gathers the command groups, and turns every expected failure into one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import harness
from harness.cli import boards, confirming, conformance, listing, rules, running, spaces
from harness.cli.output import complain
from harness.errors import HarnessError

app = typer.Typer(
    name="harness",
    help="Where methods that discover neural-network optimizers compete.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(running.run)
app.command("race")(running.race)
app.command("confirm")(confirming.confirm)
app.command("runs")(boards.runs)
app.command("leaderboard")(boards.leaderboard)
app.command("ls")(listing.ls)
app.command("conformance")(conformance.conformance)
app.add_typer(rules.app, name="rule")
app.add_typer(spaces.app, name="space")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {harness.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Where methods that discover neural-network optimizers compete."""


def main() -> None:
    """Run the command line; exit status 2 for what the user can mend, 130 for Ctrl-C, 1 for a bug of ours."""
    try:
        app()
    except HarnessError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
