"""Which rules the searches of a board put forward to be confirmed (protocol §3: a search only nominates)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from harness.board.entrants import Entrant, distinct, entrant, labels
from harness.board.leaderboard import boards
from harness.board.tables import Board, Nomination
from harness.board.verdicts import Finder
from harness.contracts import Status
from harness.race.records import Judged, RunState


def nominations(records: Iterable[Judged], board: Board, *, top: int, unfinished: bool = False) -> list[Nomination]:
    """Each searcher's best rules by search score, every function once.

    Runs that have not used up their budget nominate nothing unless asked to (**D**): who is stopped early must not
    have the luckier half of a search.

    Args:
        records: of one store.
        board: the searchers' board whose runs nominate.
        top: the most rules of each searcher.
        unfinished: let unfinished runs nominate, too.

    Returns:
        By search score, the best first. A rule that several searchers nominate stands for all of them.
    """
    runs: dict[Entrant, list[Judged]] = defaultdict(list)
    for record in _of(records, board.comparable):
        if unfinished or record.state is RunState.FINISHED:
            runs[entrant(record.header)].append(record)
    best: dict[str, Nomination] = {}
    for own in runs.values():
        (alone,) = boards(own, top=top)
        for each in alone.rules:
            if each.key not in best or each.score > best[each.key].score:
                best[each.key] = each
    return sorted(best.values(), key=lambda each: (-each.score, each.key))


@dataclass(slots=True)
class _Find:
    score: float
    seeds: set[int] = field(default_factory=set)


def finders(records: Iterable[Judged], comparable: str, keys: Collection[str]) -> dict[str, tuple[Finder, ...]]:
    """Who found which rule, nominated or not.

    Args:
        records: of one store.
        comparable: of the searches to look at.
        keys: the rules' canonical forms.

    Returns:
        For every rule that was found, its finders, the highest search score first.
    """
    runs = _of(records, comparable)
    named, _ = labels([record.header for record in runs]) if runs else ({}, [])
    finds: dict[tuple[str, str], _Find] = {}
    for record in runs:
        results, label = record.results, named[entrant(record.header)]
        for key, score, status in zip(results.keys, results.scores, results.statuses, strict=True):
            if key in keys and status is Status.OK:
                find = finds.setdefault((key, label), _Find(score))
                find.score = max(find.score, score)
                find.seeds.add(record.header.seed)
    found: dict[str, list[Finder]] = defaultdict(list)
    for (key, label), find in finds.items():
        found[key].append(Finder(label=label, seeds=tuple(sorted(find.seeds)), score=find.score))
    return {key: tuple(sorted(each, key=lambda one: (-one.score, one.label))) for key, each in found.items()}


def _of(records: Iterable[Judged], comparable: str) -> Sequence[Judged]:
    """The searches of one comparable group, one copy of each."""
    kept, _ = distinct(
        [record for record in records if record.header.searches and record.header.comparable == comparable]
    )
    return kept
