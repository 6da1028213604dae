"""What the searches of a board did with their children: curves by seed, rewards, words over time, rules by size."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.board import statistics
from harness.board.entrants import entrant, labels
from harness.board.searches.board import Regret
from harness.board.wording import formula
from harness.contracts import Rule, Status
from harness.errors import HarnessError
from harness.race.runs import Judged, RunState
from harness.race.store.rows import rule_from
from harness.space.draws import IDENTITY
from harness.space.equivalence import canonical
from harness.space.grammar import Space

PARTS = 10  # into which a run is divided to count its words
MOST_RULES = 3000  # the best rules, whose sizes are computed: a canonical form takes a millisecond
MOST_SHOWN = 400  # points besides the front
LEAST_TRAINED = 10  # children with a word before its share of failures is shown


@dataclass(frozen=True, slots=True)
class Steps:
    """A step curve: the children at which it changes, and its value from each of them on."""

    children: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """One searcher's curves of a figure after each child: best-so-far, unless said otherwise.

    Attributes:
        label: the searcher's name on the board.
        many: whether there are several seeds, so that quartiles mean something.
        median: median over seeds.
        low: lower quartile over seeds, at the same children.
        high: upper quartile.
        seeds: the curve of each seed, by its number; empty for regret, whose band says enough.
    """

    label: str
    many: bool
    median: Steps
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: tuple[tuple[int, Steps], ...]


@dataclass(frozen=True, slots=True)
class Words:
    """The words in one searcher's proposals: shares by word and by tenth of the run; None for an empty tenth."""

    label: str
    shares: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A function that a search found, with its size.

    Attributes:
        infix: the first string proposed for it.
        nodes: nodes of its canonical expression.
        score: mean reward over the children trained with it, one per seed; a failed child counts with chance.
        seeds: how many seeds trained it.
        labels: the searchers that found it.
        front: whether no function of the same or smaller size scored more.
    """

    infix: str
    nodes: int
    score: float
    seeds: int
    labels: tuple[str, ...]
    front: bool


@dataclass(frozen=True, slots=True)
class Risk:
    """How often children diverged whose rules contain a word."""

    word: str
    trained: int
    diverged: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Children that could not be trained, counted by error message."""

    label: str
    message: str
    count: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the searches of one board did.

    Attributes:
        curves: curves of the searchers that have finished a run.
        rewards: the rewards of each searcher's children, by its label.
        vocabulary: the words that are counted.
        words: the words used, by searcher.
        sized: the functions on the front, and the best of the others.
        diverged: children that diverged, whatever words their rules contain.
        risks: how often children diverged, by word, for words that enough children had.
        failures: children that could not be trained.
    """

    curves: tuple[Curves, ...]
    rewards: tuple[tuple[str, tuple[float, ...]], ...]
    vocabulary: tuple[str, ...]
    words: tuple[Words, ...]
    sized: tuple[Sized, ...]
    diverged: int
    risks: tuple[Risk, ...]
    failures: tuple[Failure, ...]


def usage(records: Sequence[Judged], space: Space) -> Usage:
    """Compute what the searches of a board did.

    Args:
        records: one copy of each run of the board. Unfinished runs count for everything but the curves.
        space: the space that they searched.
    """
    named, _ = labels([record.header for record in records]) if records else ({}, [])
    runs: dict[str, list[Judged]] = defaultdict(list)
    for record in sorted(records, key=lambda each: each.header.seed):
        runs[named[entrant(record.header)]].append(record)
    vocabulary = tuple(word for word in (*space.operands, *space.unary, *space.binary) if word != IDENTITY)
    return Usage(
        curves=tuple(_curves(label, own) for label, own in runs.items() if _finished(own)),
        rewards=tuple(
            (label, tuple(s for run in own for s in run.results.charged_scores)) for label, own in runs.items()
        ),
        vocabulary=vocabulary,
        words=tuple(_words(label, own, vocabulary) for label, own in runs.items()),
        sized=_sized(runs),
        diverged=sum(status is Status.DIVERGED for run in records for status in run.results.charged_statuses),
        risks=_risks(records, vocabulary),
        failures=_failures(runs),
    )


def steps(curve: Sequence[float]) -> Steps:
    """Reduce a curve over children 1 … B to its changes and its end."""
    kept = _changes([curve])
    return Steps(tuple(place + 1 for place in kept), tuple(float(curve[place]) for place in kept))


def _changes(curves: Sequence[Sequence[float]]) -> list[int]:
    """Return the places where any of the curves changes, including the first and the last place."""
    size = len(curves[0])
    inner = [place for place in range(1, size - 1) if any(curve[place] != curve[place - 1] for curve in curves)]
    return sorted({0, *inner, size - 1})


def _finished(runs: Sequence[Judged]) -> list[Judged]:
    return [run for run in runs if run.state is RunState.FINISHED]


def _curves(label: str, runs: Sequence[Judged]) -> Curves:
    finished = _finished(runs)
    header = finished[0].header
    every: list[NDArray[np.float64]] = [
        statistics.best_so_far(
            run.results.charged_scores, children=header.budget.children, chance=header.protocol.chance
        )
        for run in finished
    ]
    low, high = statistics.quartile_curves(every)
    return _banded(
        label,
        statistics.median_curve(every).tolist(),
        (low.tolist(), high.tolist()),
        seeds=tuple((run.header.seed, steps(curve.tolist())) for run, curve in zip(finished, every, strict=True)),
        many=len(every) > 1,
    )


def regret_curves(label: str, found: Regret) -> Curves:
    """The regret of one searcher."""
    return _banded(label, found.curve, found.band, many=len(found.finals) > 1)


def share_curves(label: str, found: Regret) -> Curves:
    """The share of one searcher's seeds that hold a rule of the tie set, which has no band."""
    return _banded(label, found.share, (found.share, found.share), many=False)


def _banded(
    label: str,
    middle: Sequence[float],
    band: tuple[Sequence[float], Sequence[float]],
    *,
    many: bool,
    seeds: tuple[tuple[int, Steps], ...] = (),
) -> Curves:
    """A curve with its band by their changes."""
    kept = _changes([middle, *band])
    low, high = (tuple(end[place] for place in kept) for end in band)
    median = Steps(tuple(place + 1 for place in kept), tuple(middle[place] for place in kept))
    return Curves(label=label, many=many, median=median, low=low, high=high, seeds=seeds)


def _words(label: str, runs: Sequence[Judged], vocabulary: Sequence[str]) -> Words:
    counts: list[Counter[str]] = [Counter() for _ in range(PARTS)]
    totals = [0] * PARTS
    for run in runs:
        rules = run.results.rules
        for part in range(PARTS):
            first, end = (-(-edge * len(rules) // PARTS) for edge in (part, part + 1))  # rounded up
            totals[part] += end - first
            counts[part].update(_words_of(rules[first:end]))
    shares = (
        tuple(count[word] / total if total else None for count, total in zip(counts, totals, strict=True))
        for word in vocabulary
    )
    return Words(label, tuple(shares))


def _words_of(rules: Iterable[str]) -> Iterator[str]:
    """Yield the words of each rule, each word once per rule."""
    return itertools.chain.from_iterable(set(rule.split(" ")) for rule in rules)


def _sized(runs: Mapping[str, Sequence[Judged]]) -> tuple[Sized, ...]:
    """Return the functions found, thinned, with the Pareto front of size against reward.

    There may be hundreds of thousands of functions, nearly all of them met once, so rules stay texts until few are
    left.
    """
    first: dict[str, str] = {}  # of the children whose status is OK
    child: dict[str, tuple[int, float]] = {}  # by seed and score: one child per seed; the rest are copies of it
    more: dict[str, set[tuple[int, float]]] = defaultdict(set)
    for run in itertools.chain.from_iterable(runs.values()):
        results, seed = run.results, run.header.seed
        for key, rule, status, score in zip(results.keys, results.rules, results.statuses, results.scores, strict=True):
            each = (seed, score)
            if child.setdefault(key, each) != each:
                more[key].add(each)
            if status is Status.OK:
                first.setdefault(key, rule)

    def mean(key: str) -> float:
        scores = [score for _, score in {child[key], *more.get(key, ())}]
        return math.fsum(scores) / len(scores)

    means = {key: mean(key) for key in first}
    best = heapq.nlargest(MOST_RULES, means, key=means.__getitem__)
    nodes = {key: size for key in best if (size := _nodes(rule_from(first[key])))}
    front = set(_front(nodes, means))
    shown = [*front, *[key for key in nodes if key not in front][:MOST_SHOWN]]
    found = _finders(runs, set(shown))
    sized = (
        Sized(
            infix=formula(rule_from(first[key])),
            nodes=nodes[key],
            score=means[key],
            seeds=len({seed for seed, _ in (child[key], *more.get(key, ()))}),
            labels=tuple(found[key]),
            front=key in front,
        )
        for key in shown
    )
    return tuple(sorted(sized, key=lambda each: (each.nodes, -each.score)))


def _finders(runs: Mapping[str, Sequence[Judged]], keys: Collection[str]) -> dict[str, list[str]]:
    """Return the labels of the searchers that found each function, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for label, own in runs.items():
        met = {
            key
            for run in own
            for key, status in zip(run.results.keys, run.results.statuses, strict=True)
            if key in keys and status is Status.OK
        }
        for key in met:
            found[key].append(label)
    return found


def _front(nodes: Mapping[str, int], means: Mapping[str, float]) -> Iterator[str]:
    """Yield the functions that no function of the same or smaller size beats."""
    highest = -1.0
    for key in sorted(nodes, key=lambda each: (nodes[each], -means[each])):
        if means[key] > highest:
            highest = means[key]
            yield key


def _nodes(rule: Rule) -> int:
    """Count the nodes of the canonical expression; 0 for a string that this version of the language cannot read."""
    try:
        return sum(1 for _ in canonical(rule).walk())
    except (HarnessError, KeyError, ValueError):
        return 0


def _risks(records: Sequence[Judged], vocabulary: Sequence[str]) -> tuple[Risk, ...]:
    trained: Counter[str] = Counter()
    diverged: Counter[str] = Counter()
    for record in records:
        results = record.results
        charged = list(itertools.compress(results.rules, results.charged))
        trained.update(_words_of(charged))
        ended = zip(charged, results.charged_statuses, strict=True)
        diverged.update(_words_of(rule for rule, status in ended if status is Status.DIVERGED))
    found = (Risk(word, trained[word], diverged[word]) for word in vocabulary if trained[word] >= LEAST_TRAINED)
    return tuple(sorted(found, key=lambda each: (-each.diverged / each.trained, each.word)))


def _failures(runs: Mapping[str, Sequence[Judged]]) -> tuple[Failure, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], str] = {}
    for label, own in runs.items():
        for run in own:
            results = run.results
            for place, status in enumerate(results.statuses):
                if status is Status.ERROR and results.charged[place]:
                    slot = (label, results.messages[place])
                    counts[slot] += 1
                    example.setdefault(slot, formula(rule_from(results.rules[place])))
    return tuple(Failure(*slot, count, example[slot]) for slot, count in counts.most_common())
