"""``harness confirm``: the searches' best rules and the known optimizers, retrained on fresh seeds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_rules_boards
from harness.cli.competing import carry_out, due_of, tell_finished
from harness.cli.output import announce
from harness.contracts import CPU
from harness.errors import DataError, LedgerError, ProtocolError, check_range, message

if TYPE_CHECKING:
    from harness.board.tables import Board
    from harness.cli.grounds import Ground
    from harness.contracts import ChildProtocol, Dataset, Rule
    from harness.race.ledger import Ledger
    from harness.race.records import RunHeader, RunResults
    from harness.space.grammar import Space

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
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler to train on.", metavar="ADDRESS")
    ] = None,
    device: options.Device = CPU,
    data: Annotated[
        str | None, typer.Option(help="auto, cifar10, synthetic, or module:attribute.", show_default="the searched one")
    ] = None,
    data_root: options.DataRoot = None,
    results: options.Results = options.DEFAULT_RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
) -> None:
    """Retrain the searchers' best rules and the known optimizers on fresh seeds, and end with the rules' board.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    from harness.cli.grounds import prepared
    from harness.race.ledger import Ledger
    from harness.race.protocol import named
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
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(results))
        plan = _plan(ledger, own, top=top, finals=finals, board=board, unfinished=unfinished)
        scoring = chosen or named("quick" if plan.searched is None else plan.searched.protocol.name)
        if plan.searched is not None and chosen is None:
            _check_protocol(scoring, plan.searched)
        searched_data = "auto" if plan.searched is None else plan.searched.data
        options.tell_unread(scoring, data, data_root, default=None)
        ground = prepared(scoring, data or searched_data, data_root, device=device, cluster=cluster, test=True)
        if plan.searched is not None and data is None and scoring.inputs == plan.searched.protocol.inputs:
            _check_data(ground.data, plan.searched)
        headers = [_header(plan, ground, seed) for seed in chosen_seeds]
        due = due_of(headers, ledger)
        _tell_plan(plan, headers, due)
        _tell_one_seed(seeds)
        if due:
            from harness.race.confirming import Listed
            from harness.race.engine import open_engine

            engine = open_engine(ground.spec, workers=min(slots, len(plan.rules)), cluster=cluster, task=ground.task)
            stack.callback(engine.close)
            build = functools.partial(Listed, plan.rules)
            carry_out([(each, build) for each in headers if each.identity in due], engine, ledger, quiet=quiet)
    from harness.board.confirmation import group_of

    print_rules_boards(results, BoardFormat.TEXT, only=group_of(headers[0]))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to retrain.

    Attributes:
        rules: the known optimizers first.
        searched: the searchers' board that they are from; None if no search did.
        space: the searched one, or the whole language.
        nominated: how the rules were chosen; empty where all were named by hand.
    """

    rules: tuple[Rule, ...]
    searched: Board | None
    space: Space
    nominated: str = ""


def _plan(ledger: Ledger, own: Sequence[Rule], *, top: int, finals: bool, board: int | None, unfinished: bool) -> _Plan:
    """Choose the rules.

    Raises:
        LedgerError: the store has no searches to nominate any, or several groups of them and none was chosen.
    """
    from harness.board.nominating import nominations, way
    from harness.race.confirming import to_confirm
    from harness.space.grammar import Space
    from harness.space.vocabulary import ARXIV2, edition_with

    if not (top or finals):
        rules = to_confirm(own)
        edition = edition_with((word for rule in rules for word in rule.tokens), least=ARXIV2)
        whole = Space.of(edition.name, blocks=4, distinct_operands=False, last_not_add=False, connected=False)
        return _Plan(rules, None, whole)
    records = ledger.results()
    searched = _searched(records, board=board, unfinished=unfinished)
    nominated = nominations(records, searched, top=top, finals=finals, unfinished=unfinished)
    if not nominated:
        what = f"rules to confirm, board {board or 1}"
        hint = "Search on, or name rules with --rule"
        raise LedgerError(message(what, expected="a search that found one", got="children that all failed", hint=hint))
    rules = to_confirm([*(each.rule for each in nominated), *own])
    return _Plan(rules, searched, searched.space, way(top=top, finals=finals, unfinished=unfinished, by_hand=len(own)))


def _tell_repeated(own: Sequence[Rule], texts: Sequence[str]) -> None:
    """Say which rules of ``--rule`` are no function of their own: every function is retrained once."""
    from harness.race.confirming import known_optimizers

    known = {rule.key: name for name, rule in known_optimizers().items()}
    given: dict[str, str] = {}
    for rule, text in zip(own, texts, strict=True):
        if rule.key in known:
            announce(f"--rule {text!r} is {known[rule.key]}, a known optimizer, which is retrained anyway")
        elif rule.key in given:
            announce(f"--rule {text!r} is the same function as {given[rule.key]!r}, and is retrained once")
        given.setdefault(rule.key, text)


def _searched(records: Sequence[RunResults], *, board: int | None, unfinished: bool) -> Board:
    """The searchers' board whose rules are to be confirmed: the one asked for, or the only one with runs that count.

    Raises:
        LedgerError: there is none, or there are several to choose from.
    """
    from harness.board.leaderboard import boards

    found = boards(records, top=0)
    counting = [(number, each) for number, each in enumerate(found, 1) if each.rows or unfinished]
    if board is not None:
        counting = [(number, each) for number, each in counting if number == board]
    what = "searches to confirm" if board is None else f"searches to confirm, board {board}"
    if not counting:
        asked = found if board is None else found[board - 1 : board]
        got = f"{sum(len(each.unfinished) for each in asked)} unfinished" if asked else "none"
        if board is not None and found and not asked:
            got = f"only boards 1 to {len(found)}"
        hint = "Let one finish, take unfinished ones with --unfinished, or name rules with --rule"
        raise LedgerError(message(what, expected="finished ones in the store", got=got, hint=hint))
    if len(counting) > 1:
        told = "; ".join(f"{number} is {_described(each)}" for number, each in counting)
        hint = f"Choose with --board: {told}"
        raise LedgerError(message(what, expected="one board of them", got=f"{len(counting)} boards", hint=hint))
    return counting[0][1]


def _check_protocol(protocol: ChildProtocol, searched: Board) -> None:
    """Raise unless a protocol is the one that searches were scored by, which shares its name.

    Raises:
        ProtocolError: it is another.
    """
    if protocol.hash != searched.protocol.hash:
        raise ProtocolError(
            message(
                f"protocol {protocol.name}",
                expected=f"v{searched.protocol.version} ({searched.protocol.hash}), by which the searches were scored",
                got=f"v{protocol.version} ({protocol.hash})",
                hint="Go back to the version of this program that searched, or choose another way with --protocol",
            )
        )


def _check_data(data: Dataset, searched: Board) -> None:
    """Raise unless a data set is the one that was searched on, which shares its name.

    Raises:
        DataError: it holds something else.
    """
    if data.fingerprint != searched.fingerprint:
        raise DataError(
            message(
                f"data set {data.name}",
                expected=f"fingerprint {searched.fingerprint}, as the searches had it",
                got=data.fingerprint,
                hint="Get that copy and name its folder with --data-root, or take this one with --data",
            )
        )


def _described(board: Board) -> str:
    space, protocol = board.space, board.protocol
    return (
        f"{space.edition} n={space.blocks}, {protocol.name} v{protocol.version}, {board.data}, "
        f"{board.budget.children} children"
    )


def _header(plan: _Plan, ground: Ground, seed: int) -> RunHeader:
    """What pins the retraining of all rules on one seed."""
    from harness.race.confirming import CONFIRMER, Listed
    from harness.race.protocol import Budget
    from harness.race.provenance import provenance
    from harness.race.records import Confirmation, RunHeader

    searched = "" if plan.searched is None else plan.searched.comparable
    return RunHeader(
        searcher=CONFIRMER,
        searcher_version=Listed.version,
        settings={},
        space=plan.space,
        protocol=ground.protocol,
        data=ground.data.name,
        data_fingerprint=ground.data.fingerprint,
        budget=Budget(len(plan.rules), len(plan.rules)),
        seed=seed,
        asynchronous=False,
        environment=ground.environment,
        provenance=provenance(),
        confirmation=Confirmation(tuple(map(str, plan.rules)), searched, plan.nominated),
    )


def _tell_plan(plan: _Plan, headers: Sequence[RunHeader], due: set[str]) -> None:
    from harness.race.confirming import KNOWN

    first = headers[0]
    others = len(plan.rules) - len(KNOWN)
    announce(
        f"confirming {len(plan.rules)} rules, {len(KNOWN)} known and {others} other"
        f"{f' ({plan.nominated})' if plan.nominated else ''}; "
        f"protocol {first.protocol.name} v{first.protocol.version}; "
        f"data {first.data} ({first.data_fingerprint[:8]}); {len(headers)} fresh seed{'s' if len(headers) > 1 else ''}"
    )
    tell_finished(len(headers) - len(due), len(headers))


def _tell_one_seed(text: str) -> None:
    """Say what a lone number means: it was a number of seeds once, and commands of those days are still about."""
    if text.isdecimal() and 1 < int(text) <= MOST_SEEDS:
        many = f"--seeds 0-{int(text) - 1}"
        announce(f"--seeds {text} is the one seed {text}, as for every command; {text} seeds are {many}")
