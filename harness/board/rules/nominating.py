"""Which rules the searches of a board put forward to be confirmed (protocol §3: a search only nominates).

There are two ways, and neither depends on how lucky a seed is (**D**). Raw scores would nominate from the luckiest seed
alone, as they once did, and miss the better rules of the other seeds.

- **By lead**: each searcher's best rules by their lead over the seeds they were trained on (``levels``). A rule's lead
  is the mean over all its children, whichever searcher trained them: the best of several would be the luckiest.
- **Finals**: the final best of every run, so that each seed nominates and nothing is compared between seeds. It is also
  what a search would have returned had it been the only one.

A confirmation's header names the way, by the sentences below, before anything is retrained. A new way, or a change to
one of these, needs a new sentence.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from harness.board.entrants import Entrant, distinct, entrant, labels
from harness.board.rules.board import Finder
from harness.board.rules.levels import standing
from harness.board.searches.board import Board
from harness.contracts import Rule, Status
from harness.race.runs import Judged, Results, RunState
from harness.race.store.rows import rule_from

FINALS = "the final best of every run"
LEAD = "the top {top} of each searcher by lead over their seeds"
UNFINISHED = "unfinished runs too"
BY_HAND = "{count} named by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominee:
    """A nominated rule.

    Attributes:
        rule: the first string that earned ``score``; others with its key are the same function.
        key: its canonical form.
        score: its best search score.
        lead: its mean score minus the levels of its seeds.
    """

    rule: Rule
    key: str
    score: float
    lead: float


def way(*, top: int, finals: bool, unfinished: bool = False, by_hand: int = 0) -> str:
    """Say how the rules of a confirmation are chosen, as its header does; empty if all are named by hand."""
    ways = [FINALS] * finals + [LEAD.format(top=top)] * (top > 0)
    if not ways:
        return ""
    return "; ".join([*ways, *[UNFINISHED] * unfinished, *[BY_HAND.format(count=by_hand)] * (by_hand > 0)])


def nominations(
    records: Iterable[Judged], board: Board, *, top: int, finals: bool = False, unfinished: bool = False
) -> list[Nominee]:
    """Return the rules that the runs of a board nominate, every function once.

    Unfinished runs nominate nothing unless asked to (**D**): a search that is stopped early must not profit from a
    lucky start. What they trained still counts for the seeds' levels.

    Args:
        records: the runs of one store.
        board: the searchers' board whose runs nominate.
        top: how many rules of each searcher to nominate by lead at most; 0 for none.
        finals: whether to nominate the final best of every run.
        unfinished: whether unfinished runs nominate, too.

    Returns:
        The nominees by lead, the best first. A rule that several searchers nominate is listed once.
    """
    runs = _of(records, board.comparable)
    leads = standing(runs, chance=board.protocol.chance).leads
    own: dict[Entrant, list[Results]] = defaultdict(list)
    for record in runs:
        if unfinished or record.state is RunState.FINISHED:
            own[entrant(record.header)].append(record.results)
    chosen: set[str] = set()
    for each in own.values():
        if top:
            chosen.update(heapq.nsmallest(top, _trained(each), key=lambda key: (-leads[key], key)))
        if finals:
            chosen.update(results.keys[results.best] for results in each if results.best is not None)
    nominees = [
        Nominee(rule=rule_from(rule), key=key, score=score, lead=leads[key])
        for key, (score, rule) in _best(itertools.chain.from_iterable(own.values()), chosen).items()
    ]
    return sorted(nominees, key=lambda each: (-each.lead, each.key))


def _trained(runs: Iterable[Results]) -> set[str]:
    """Return the keys of the rules that trained successfully at least once."""
    return {
        key
        for results in runs
        for key, status in zip(results.keys, results.statuses, strict=True)
        if status is Status.OK
    }


def _best(runs: Iterable[Results], keys: Collection[str]) -> dict[str, tuple[float, str]]:
    """Return the best score of each rule, with the first string that earned it."""
    best: dict[str, tuple[float, str]] = {}
    for results in runs:
        columns = (results.keys, results.rules, results.statuses, results.scores)
        for key, rule, status, score in zip(*columns, strict=True):
            if key in keys and status is Status.OK and (key not in best or score > best[key][0]):
                best[key] = (score, rule)
    return best


@dataclass(slots=True)
class _Find:
    score: float
    seeds: set[int] = field(default_factory=set)


def finders(records: Iterable[Judged], comparable: str, keys: Collection[str]) -> dict[str, tuple[Finder, ...]]:
    """Return who found each rule, nominated or not.

    Args:
        records: the runs of one store.
        comparable: the comparable hash of the searches to look at.
        keys: the rules' canonical forms.

    Returns:
        The finders of every rule that was found, the highest search score first.
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
    """Return the searches of one comparable group, one copy of each."""
    kept, _ = distinct(
        [record for record in records if record.header.searches and record.header.comparable == comparable]
    )
    return kept
