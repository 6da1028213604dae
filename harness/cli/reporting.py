"""``harness report``: one HTML file that shows all that the ledger holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import announce
from harness.library import REPORT


def report(
    results: options.Results = options.DEFAULT_RESULTS,
    to: Annotated[
        Path | None, typer.Option(help="The file to write.", show_default=f"{REPORT} in the results folder")
    ] = None,
    board: Annotated[
        int | None, typer.Option(help="One board alone, by its number on `harness leaderboard`.", min=1)
    ] = None,
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--no-replay",
            help="Ask the searchers where the confirmed rules came from. With --replay that imports whatever "
            "module:attribute a run names, so say it only of runs that you trust.",
            show_default="ask the registered searchers",
        ),
    ] = None,
) -> None:
    """Write one HTML file with tables, curves and rules, which opens offline and holds its data for download."""
    from harness.library.live import counting
    from harness.library.reporting import report as write

    written = write(results, to, board=board, replay=replay, counting=counting)
    announce(f"{written.path}: {written.runs} runs, {written.size / 1e6:.1f} MB; open it in any browser")
