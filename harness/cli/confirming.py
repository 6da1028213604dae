"""``harness confirm``: retrain the searches' best rules and the known optimizers on fresh seeds."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_rules_boards
from harness.cli.terminal.following import followed, stoppable
from harness.cli.terminal.output import announce
from harness.contracts import CPU
from harness.library import FRESH_SEEDS, MOST_FRESH_SEEDS, TOP

SEEDS = f"0-{FRESH_SEEDS - 1}"


def confirm(
    top: Annotated[
        int | None,
        typer.Option(
            help="How many of each searcher's best rules, by their lead over what their seeds give.",
            show_default=f"{TOP}, or 0 with --finals, --rule or --candidate",
        ),
    ] = None,
    finals: Annotated[
        bool,
        typer.Option("--finals", help="Retrain the final best of every run; the leaderboard then shows the results."),
    ] = False,
    seeds: Annotated[
        str, typer.Option(help=f"Fresh seeds to retrain on, at most {MOST_FRESH_SEEDS}, such as 0-9 or 100-119.")
    ] = SEEDS,
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", help="A rule of your own: infix, tokens, or a name from `harness ls rules`."),
    ] = None,
    candidates: Annotated[
        list[str] | None,
        typer.Option(
            "--candidate",
            help="An optimizer, such as torch:AdamW(weight_decay=0.01), with the sweep's lr, or a rule; "
            "`harness ls candidates` lists the families.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="How rules are retrained.",
            show_default="the searches' protocol; quick for rules named by hand without --board",
        ),
    ] = None,
    board: Annotated[
        int | None,
        typer.Option(
            help="The board whose rules, protocol and data to use, by its number on `harness leaderboard`.",
        ),
    ] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Let unfinished runs nominate, too.")] = False,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: Annotated[
        str | None,
        typer.Option(help=options.DATA_HELP, show_default="that of the searches"),
    ] = None,
    data_root: options.DataRoot = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: options.Quiet = False,
) -> None:
    """Retrain the searchers' best rules and the known optimizers on fresh seeds, and end with the rules' board.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    from harness.board.rules.judging import group_of
    from harness.library.confirming import nominated_of_each, retrained
    from harness.race.protocols import named

    chosen_seeds, own = options.seeds(seeds), [*(rules or []), *(candidates or [])]
    options.check_device(device)
    if own and not nominated_of_each(own, top=top, finals=finals) and not finals:
        options.tell_unused({"--unfinished": unfinished}, "without --top, only the rules named by hand are confirmed")
        if protocol is not None and data is not None:
            options.tell_unused({"--board": board is not None}, "it decides --protocol and --data, and both are given")
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    scoring = None if protocol is None else named(protocol)
    if cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster decides how many workers there are")
    _tell_one_seed(seeds)
    with stoppable():
        headers = retrained(
            results,
            own,
            top=top,
            finals=finals,
            seeds=chosen_seeds,
            protocol=scoring,
            reference=protocol if protocol is not None and ":" in protocol else "",
            board=board,
            unfinished=unfinished,
            data=data,
            data_root=data_root,
            workers=slots,
            cluster=cluster,
            device=device,
            announce=announce,
            follow=followed(quiet=quiet),
        )
    print_rules_boards(results, BoardFormat.TEXT, only=group_of(headers[0]))


def _tell_one_seed(text: str) -> None:
    """Say what a lone number means: it used to be a number of seeds, and people still have such commands."""
    if text.isdecimal() and 1 < int(text) <= MOST_FRESH_SEEDS:
        many = f"--seeds 0-{int(text) - 1}"
        announce(f"--seeds {text} means the single seed {text}, as in every command; for {text} seeds write {many}")
