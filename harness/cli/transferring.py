"""``harness transfer``: what rules and other optimizers are worth on other workloads."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_transfer_boards
from harness.cli.terminal.following import followed, stoppable
from harness.cli.terminal.output import announce
from harness.contracts import CPU
from harness.errors import ProtocolError, message
from harness.library import TRANSFER_SEEDS

SEEDS = f"0-{TRANSFER_SEEDS - 1}"
NOTED = "for all workloads, or WORKLOAD={}, such as lm={}; repeat it for several."


def transfer(
    rules: Annotated[
        list[str],
        typer.Option(
            "--rules",
            help="What to train, comma-separated: names from `harness ls rules`, formulas, torch optimizers, or top:5, "
            "the best five confirmed rules.",
        ),
    ],
    workloads: Annotated[
        str, typer.Option(help="Workloads without -mini, comma-separated, or all; other protocols can be named, too.")
    ],
    seeds: Annotated[str, typer.Option(help="Seeds, one run each on every workload, such as 0-4.")] = SEEDS,
    mini: Annotated[
        bool, typer.Option("--mini/--full", help="The size that fits one core, or that of the paper.")
    ] = True,
    funnel: Annotated[
        str,
        typer.Option(
            help="Rungs in epochs, such as 10,30,100,300: after each, the better third of the candidates goes on.",
            show_default="train all to the end",
        ),
    ] = "",
    board: Annotated[
        int | None,
        typer.Option(help="The board whose rules top:5 takes, by its number on `harness leaderboard --rules`."),
    ] = None,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="A data set: NAME " + NOTED.format("NAME", "ptb"), show_default="auto"),
    ] = None,
    data_root: Annotated[
        list[str] | None,
        typer.Option(
            "--data-root",
            help="Folder of the data: PATH " + NOTED.format("PATH", "corpora/ptb"),
            show_default="$HARNESS_DATA_ROOT or the user's cache",
        ),
    ] = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: options.Quiet = False,
) -> None:
    """Train rules and other optimizers on other workloads, and end with what each is worth there.

    If interrupted, run the same command again to resume: completed children are kept, and so is every completed epoch.
    """
    from harness.board.transfer.training import Machines
    from harness.library.transferring import Asked, transferred

    options.check_device(device)
    asked = Asked(
        rules=options.distinct([each for text in rules for each in options.split(text)], "--rules"),
        workloads=options.listed(workloads, "--workloads"),
        seeds=options.seeds(seeds),
        mini=mini,
        funnel=_rungs(funnel),
        board=board,
        data=options.by_name(data or [], "--data", noun="workloads"),
        data_root=options.by_name(data_root or [], "--data-root", noun="workloads"),
    )
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    if cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster decides how many workers there are")
    with stoppable():
        headers = transferred(
            results,
            asked,
            machines=Machines(slots, cluster, device),
            announce=announce,
            follow=followed(quiet=quiet),
        )
    print_transfer_boards(results, BoardFormat.TEXT, only=headers[0].transfer.chosen)


def _rungs(text: str) -> tuple[int, ...]:
    """Read ``10,30,100`` as numbers of epochs.

    Raises:
        ProtocolError: it is not a list of numbers.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(part.isdecimal() and len(part) <= options.MOST_DIGITS for part in parts):
        hint = "Write --funnel 10,30,100,300"
        raise ProtocolError(message("funnel", expected="numbers of epochs", got=repr(text), hint=hint))
    return tuple(map(int, parts))
