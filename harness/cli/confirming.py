"""``harness confirm``: the searches' best rules and the known optimizers, retrained on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_rules_boards
from harness.cli.terminal.following import followed, stoppable
from harness.cli.terminal.output import announce
from harness.contracts import CPU
from harness.errors import ProtocolError, check_range

if TYPE_CHECKING:
    from harness.contracts import Rule

TOP, SEEDS, MOST_SEEDS = 5, "0-9", 20  # the exact test goes through all 2ⁿ signs of n seeds


def confirm(
    top: Annotated[
        int | None,
        typer.Option(
            help="Best rules of each searcher, by what they earn beyond what their seeds give.",
            show_default=f"{TOP}, or 0 with --finals or --rule",
        ),
    ] = None,
    finals: Annotated[
        bool, typer.Option("--finals", help="The final best of every run; the leaderboard then shows what they earn.")
    ] = False,
    seeds: Annotated[
        str, typer.Option(help=f"Fresh seeds to retrain on, {MOST_SEEDS} at most, as 0-9 or 100-119.")
    ] = SEEDS,
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", help="A rule of your own: infix, tokens, or a name from `harness ls rules`."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How rules are retrained.", show_default="as the searches scored")
    ] = None,
    board: Annotated[int | None, typer.Option(help="Whose rules, by the number on `harness leaderboard`.")] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Let unfinished runs nominate, too.")] = False,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: Annotated[
        str | None, typer.Option(help="auto, cifar10, synthetic, or module:attribute.", show_default="the searched one")
    ] = None,
    data_root: options.DataRoot = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: options.Quiet = False,
) -> None:
    """Retrain the searchers' best rules and the known optimizers on fresh seeds, and end with the rules' board.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    from harness.board.rules.confirming import retrain
    from harness.board.rules.judging import group_of
    from harness.board.rules.plan import planned
    from harness.race.protocols import named
    from harness.race.store.ledger import Ledger
    from harness.space.zoo import resolve

    chosen_seeds = options.seeds(seeds)
    check_range("seeds: how many", len(chosen_seeds), least=1, most=MOST_SEEDS, error=ProtocolError)
    check_range("top", 0 if top is None else top, least=0, error=ProtocolError)
    check_range("board", 1 if board is None else board, least=1, error=ProtocolError)
    own = [resolve(text) for text in rules or []]
    top = (0 if own or finals else TOP) if top is None else top
    options.check_device(device)
    if not top and not finals and own:
        given = {"--board": board is not None, "--unfinished": unfinished}
        options.tell_unused(given, "without --top, no searcher's rules are confirmed beside those of --rule")
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    chosen = None if protocol is None else named(protocol)
    _tell_repeated(own, rules or [])
    if cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster has as many as it has")
    if top or finals or not own:
        Ledger.read(results).close()  # where there is no store, none is to be made
    _tell_one_seed(seeds)
    with Ledger.open(results) as ledger, stoppable():
        plan = planned(
            ledger, own, top=top, finals=finals, board=board, unfinished=unfinished, protocol=chosen, data=data
        )
        options.tell_unread(plan.protocol, data, data_root, default=None)
        headers = retrain(
            plan,
            ledger,
            seeds=chosen_seeds,
            data_root=data_root,
            device=device,
            workers=slots,
            cluster=cluster,
            announce=announce,
            follow=followed(quiet=quiet),
        )
    print_rules_boards(results, BoardFormat.TEXT, only=group_of(headers[0]))


def _tell_repeated(own: Sequence[Rule], texts: Sequence[str]) -> None:
    """Say which rules of ``--rule`` are no function of their own: every function is retrained once."""
    from harness.board.rules.known import known_optimizers

    known = {rule.key: name for name, rule in known_optimizers().items()}
    given: dict[str, str] = {}
    for rule, text in zip(own, texts, strict=True):
        if rule.key in known:
            announce(f"--rule {text!r} is {known[rule.key]}, a known optimizer, which is retrained anyway")
        elif rule.key in given:
            announce(f"--rule {text!r} is the same function as {given[rule.key]!r}, and is retrained once")
        given.setdefault(rule.key, text)


def _tell_one_seed(text: str) -> None:
    """Say what a lone number means: it was a number of seeds once, and commands of those days are still about."""
    if text.isdecimal() and 1 < int(text) <= MOST_SEEDS:
        many = f"--seeds 0-{int(text) - 1}"
        announce(f"--seeds {text} is the one seed {text}, as for every command; {text} seeds are {many}")
