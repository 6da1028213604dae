"""``harness.confirm``: retrain the searches' best rules and the known optimizers on fresh seeds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness import plain
from harness.board.rules.confirming import retrain
from harness.board.rules.judging import group_of
from harness.board.rules.known import known_optimizers
from harness.board.rules.plan import planned
from harness.board.searches.judging import comparables
from harness.contracts import CPU, Candidate, Dataset, TaskProtocol
from harness.errors import LedgerError, ProtocolError, check_range, message
from harness.library import FRESH_SEEDS, MOST_FRESH_SEEDS, TOP, arguments
from harness.library.arguments import CandidateLike, ProtocolLike, ResultsLike, SeedsLike
from harness.library.boards import Board, RulesBoard, rules_boards
from harness.library.racing import ProgressLike, heard, stopped, tell_unread
from harness.race.active_run import Stopped
from harness.race.conditions import Announce
from harness.race.header import ConfirmationHeader
from harness.race.racing import Follow
from harness.race.store.ledger import Ledger


def confirm(
    results: ResultsLike | None = None,
    rules: CandidateLike | Iterable[CandidateLike] = (),
    *,
    top: int | None = None,
    finals: bool = False,
    seeds: SeedsLike = FRESH_SEEDS,
    protocol: ProtocolLike | None = None,
    board: int | None = None,
    unfinished: bool = False,
    data: str | Dataset | None = None,
    data_root: str | os.PathLike[str] | None = None,
    workers: int | str = 1,
    cluster: str | None = None,
    device: str = CPU,
    progress: ProgressLike = True,
) -> RulesBoard:
    """Retrain the searchers' best rules and the known optimizers on fresh seeds, and return the rules' board.

    Every completed child is kept. After Ctrl-C or a kill, the same call with the same ``results`` resumes.

    Args:
        results: the results folder, or the board that a race returned, whose rules are then confirmed. If ``rules`` are
            given, it may be None for a temporary folder, which is removed when Python exits.
        rules: rules of your own: infix, tokens, a name from ``harness ls rules``, or a ``Rule``; or torch optimizers,
            such as ``torch:AdamW(weight_decay=0.01)``, which are trained with the sweep's learning rates.
        top: how many of each searcher's best rules to take, by their lead over what their seeds give; None for 5, or
            for 0 with ``finals`` or ``rules``.
        finals: whether to take the final best of every run; the searchers' board then shows what these earn.
        seeds: a number of fresh seeds from 0, or the seeds themselves; at most 20.
        protocol: how rules are retrained; None for the protocol of the searches, or for ``quick`` if only ``rules`` are
            given and no board.
        board: the board whose rules to take, by its number on ``harness leaderboard``; not needed if ``results`` is a
            board.
        unfinished: whether unfinished runs nominate, too.
        data: name of the data set, or the data set itself; None for the data of the searches.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache.
        workers: how many children train at once, or ``"auto"`` for one per core.
        cluster: address of a Dask scheduler to train on.
        device: where a child trains: ``cpu``, or ``cuda`` for a GPU.
        progress: True to show progress, a function that is called with it, or False to show nothing.

    Returns:
        The board of all rules in ``results`` that were retrained under the same conditions.

    Raises:
        HarnessError: an argument is wrong, nothing was searched, or children cannot train.
        KeyboardInterrupt: after Ctrl-C, once the children that train here have ended; nothing is lost.

    Example:
        >>> import harness
        >>> found = harness.run("random", protocol="toy-quadratic", children=6, seeds=1, progress=False)
        >>> board = harness.confirm(found, ["m * exp(v)"], top=1, seeds=2, progress=False)
        >>> board.seeds, board.rules[0].key == board.best_known
        ((0, 1), True)
    """
    own = arguments.listed(rules)
    if results is None and not own:
        hint = "Give the board that a race returned, or its results folder"
        raise LedgerError(message("results", expected="searches or rules to confirm", got="none", hint=hint))
    if isinstance(results, Board) and board is None:
        board = _number(results)
    tell, follow = heard(progress)
    place = arguments.place(results)
    try:
        headers = retrained(
            place,
            own,
            top=plain.whole_or_none("top", top, least=0),
            finals=plain.flag("finals", finals),
            seeds=arguments.seeds(seeds),
            protocol=None if protocol is None else arguments.protocol(protocol),
            board=plain.whole_or_none("board", board, least=1),
            unfinished=plain.flag("unfinished", unfinished),
            data=None if data is None else arguments.data(data),
            data_root=plain.path_or_none("data_root", data_root),
            workers=arguments.workers(workers, device=device),
            cluster=cluster,
            device=device,
            announce=tell,
            follow=follow,
        )
    except Stopped:
        raise stopped(place) from None
    (found,) = rules_boards(place, only=group_of(headers[0]))
    return found


def retrained(
    results: Path,
    rules: Sequence[CandidateLike],
    *,
    top: int | None,
    finals: bool,
    seeds: Sequence[int],
    protocol: TaskProtocol | None,
    reference: str = "",
    board: int | None,
    unfinished: bool,
    data: str | Dataset | None,
    data_root: Path | None,
    workers: int,
    cluster: str | None,
    device: str,
    announce: Announce,
    follow: Follow,
) -> list[ConfirmationHeader]:
    """Retrain rules as ``confirm`` does, resuming what the store holds. The arguments are those of ``confirm``.

    Returns:
        The headers of the runs, all finished.

    Raises:
        HarnessError: an argument is wrong, nothing was searched, or children cannot train.
        Stopped: the follower asked to stop; completed children are kept.
    """
    check_range("seeds: how many", len(seeds), least=1, most=MOST_FRESH_SEEDS, error=ProtocolError)
    check_range("top", 0 if top is None else top, least=0, error=ProtocolError)
    check_range("board", 1 if board is None else board, least=1, error=ProtocolError)
    own = [arguments.candidate(each) for each in rules]
    top = nominated_of_each(rules, top=top, finals=finals)
    _tell_repeated(own, list(map(str, rules)), announce)
    if top or finals or not own:
        Ledger.read(results).close()  # raises if there is no store, so that none is created
    with Ledger.open(results) as ledger:
        plan = planned(
            ledger,
            own,
            top=top,
            finals=finals,
            board=board,
            unfinished=unfinished,
            protocol=protocol,
            reference=reference,
            data=data,
        )
        if plan.protocol.tabled:
            what, hint = f"protocol {plan.protocol.name}", "Choose another with --protocol, such as quick"
            got = "one that looks up the outcomes that the searches met"
            raise ProtocolError(message(what, expected="one that trains children", got=got, hint=hint))
        tell_unread(plan.protocol, announce, data=data is not None, data_root=data_root is not None)
        return retrain(
            plan,
            ledger,
            seeds=seeds,
            data_root=data_root,
            device=device,
            workers=workers,
            cluster=cluster,
            announce=announce,
            follow=follow,
        )


def nominated_of_each(own: Sequence[CandidateLike], *, top: int | None, finals: bool) -> int:
    """Return how many rules each searcher nominates; the default depends on the other arguments."""
    if top is None:
        return 0 if own or finals else TOP
    return top


def _number(searched: Board) -> int:
    """Return the number of a board among those of its store.

    Raises:
        LedgerError: its runs are no longer in the store.
    """
    with Ledger.read(searched.results) as ledger:
        groups = list(comparables(ledger.results()))
    if searched.comparable not in groups:
        what, hint = f"results folder {searched.results}", "Name the folder that holds them"
        raise LedgerError(message(what, expected="the runs of the board", got="other runs", hint=hint))
    return 1 + groups.index(searched.comparable)


def _tell_repeated(rules: Sequence[Candidate], texts: Sequence[str], announce: Announce) -> None:
    """Say which candidates are the same function as another: every function is retrained once."""
    known = {rule.key: name for name, rule in known_optimizers().items()}
    given: dict[str, str] = {}
    for rule, text in zip(rules, texts, strict=True):
        if rule.key in known:
            announce(f"{text!r} is the known optimizer {known[rule.key]}, which is always retrained")
        elif rule.key in given:
            announce(f"{text!r} is the same function as {given[rule.key]!r}; it is retrained once")
        given.setdefault(rule.key, text)
