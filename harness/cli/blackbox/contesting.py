"""``harness blackbox``: optimizers of the unit box minimize black-box functions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.blackbox.counts import counts
from harness.cli.boards import BoardFormat
from harness.cli.terminal.following import stoppable
from harness.cli.terminal.output import announce, console, document


def blackbox(
    problems: Annotated[
        str,
        typer.Option(help="Families of functions, comma-separated: see `harness ls functions`. A variant: gp/3."),
    ],
    entrants: Annotated[
        list[str],
        typer.Option(
            "--entrants",
            help="Optimizers of the box, comma-separated: see `harness ls box-optimizers`. Settings: rnn(cell='dnc').",
        ),
    ],
    count: Annotated[
        list[str] | None,
        typer.Option(
            "--count",
            help="Functions of each problem: N for all entrants, or ENTRANT=N, such as gp=100; repeat it for several.",
            show_default="100",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Root seed of functions and optimizers.")] = 0,
    steps: Annotated[int, typer.Option(help="Points of each function that are evaluated.")] = 100,
    workers_simulated: Annotated[
        int, typer.Option("--workers-simulated", help="Points out at once, whose results come in random order.")
    ] = 1,
    functions_root: Annotated[
        Path | None, typer.Option("--functions-root", help="Folder of files, for families that read some.")
    ] = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: options.Quiet = False,
    format: Annotated[BoardFormat, typer.Option(help="How to print the board.")] = BoardFormat.TEXT,
) -> None:
    """Let optimizers of the unit box minimize black-box functions, and end with the board.

    If interrupted, run the same command again to resume: completed parts are kept. With more entrants or functions it
    computes only those.
    """
    from harness.library.blackbox.contesting import Asked, board_of, contested, watching
    from harness.library.live import counting
    from harness.race.active_run import Stopped

    asked = Asked(
        problems=options.listed(problems, "--problems"),
        entrants=options.distinct([each for text in entrants for each in options.split(text)], "--entrants"),
        count=counts(count or []),
        seed=seed,
        steps=steps,
        workers=workers_simulated,
        root=functions_root,
    )
    with stoppable("completed parts are kept"):
        try:
            found = contested(results, asked, announce=announce, watched=watching(quiet=quiet))
        except KeyboardInterrupt:
            raise Stopped from None
    with counting("judging the contest"):
        judged = board_of(found, results)
    if format is BoardFormat.TEXT:
        from harness.board.terminal import show_page

        show_page(judged.page(), console())
    else:
        document(judged.render(format.value))
