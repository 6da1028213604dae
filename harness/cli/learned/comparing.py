"""``harness learn compare``: learned optimizers beside rules and torch's optimizers, on fresh problems."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat
from harness.cli.terminal.following import stoppable
from harness.cli.terminal.output import announce, console, document
from harness.contracts import CPU

NOTED = "for all problems, or FAMILY={}, such as mnist={}; repeat it for several."


def compare(
    problems: Annotated[
        str,
        typer.Option(help="Families of problems, comma-separated: see `harness ls problems`. A variant: mnist/relu."),
    ],
    candidates: Annotated[
        list[str],
        typer.Option(
            "--candidates",
            help="What to compare, comma-separated: lstm, nag, rmsprop, names from `harness ls rules`, formulas, torch "
            "optimizers, other learned optimizers, or top:3, the best three confirmed rules.",
        ),
    ],
    count: Annotated[int, typer.Option(help="Fresh problems to compare on.")] = 100,
    seed: Annotated[int, typer.Option(help="Root seed of the problems.")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Steps on each problem.", show_default="as the family states")
    ] = None,
    board: Annotated[
        int | None,
        typer.Option(help="The board whose rules top:3 takes, by its number on `harness leaderboard --rules`."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="A data set: NAME " + NOTED.format("NAME", "mnist"), show_default="auto"),
    ] = None,
    data_root: Annotated[
        list[str] | None,
        typer.Option(
            "--data-root",
            help="Folder of the data: PATH " + NOTED.format("PATH", "data/mnist"),
            show_default="$HARNESS_DATA_ROOT or the user's cache",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, or cuda for a GPU.")] = CPU,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: options.Quiet = False,
    format: Annotated[BoardFormat, typer.Option(help="How to print the board.")] = BoardFormat.TEXT,
) -> None:
    """Compare learned optimizers with rules and torch's optimizers on fresh problems, and end with the board.

    If interrupted, run the same command again to resume: completed candidates are kept. With more candidates it
    computes only those.
    """
    from harness.library.learned.comparing import Asked, board_of, compared, watching
    from harness.library.live import counting
    from harness.race.active_run import Stopped

    asked = Asked(
        problems=options.listed(problems, "--problems"),
        candidates=options.distinct([each for text in candidates for each in options.split(text)], "--candidates"),
        count=count,
        seed=seed,
        steps=steps,
        board=board,
        device=device,
        data=options.by_name(data or [], "--data", noun="problems"),
        data_root=options.by_name(data_root or [], "--data-root", noun="problems"),
    )
    with stoppable("completed candidates are kept"):
        try:
            found = compared(results, asked, announce=announce, watched=watching(quiet=quiet))
        except KeyboardInterrupt:
            raise Stopped from None
    with counting("judging the comparison"):
        judged = board_of(found, results)
    if format is BoardFormat.TEXT:
        from harness.board.terminal import show_page

        show_page(judged.page(), console())
    else:
        document(judged.render(format.value))
