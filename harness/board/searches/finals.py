"""What each run's final best earns on fresh seeds: the figure beside area that no lucky seed can win (protocol §3).

Area and final best are search scores, the best of many noisy ones: who draws more, or has the luckier seed, has more of
them. Here every final best was trained again, by ``harness confirm --finals``, on seeds that no search has seen.
"""

from __future__ import annotations

import statistics as averages
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.board import statistics
from harness.board.comparison import compare, places
from harness.board.searches.board import Retrained, RetrainedRow
from harness.contracts import Status
from harness.errors import HarnessError
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.runs import Judged, RunState
from harness.race.store.rows import candidate_from
from harness.seeds import derive_seed

Finals = Mapping[str, Mapping[int, str | None]]
"""By label and the run's seed: the key of the final best; None where every child failed."""
Fresh = Mapping[int, Mapping[str, float]]
"""By fresh seed and key: the validation score."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """Whose final bests were all retrained on which seeds of one environment."""

    labels: tuple[str, ...]
    seeds: tuple[int, ...]
    fresh: Fresh
    environment: Mapping[str, str]


def retrained(
    finished: Mapping[str, Sequence[Judged]], header: RunHeader, confirmations: Iterable[Judged]
) -> Retrained | None:
    """Judge searchers by the fresh scores of their runs' final bests.

    A run's figure is the mean over the fresh seeds; one that found nothing has chance, as in its area. All runs are
    measured on the same fresh seeds of one environment (**D**): those on which the final bests of most searchers are
    all retrained. A searcher with one that is not is left out, for the best of its runs would speak for all. It is the
    validation score (**D**), as in the area; a test score chooses nothing, between searchers neither.

    Args:
        finished: finished runs by the searcher's label.
        header: of one of them: the protocol and data that the confirmations must share.
        confirmations: of the same store; unfinished ones do not count.

    Returns:
        The figures; None where no searcher's final bests were all retrained.
    """
    alike = [
        record
        for record in confirmations
        if isinstance(record.header, ConfirmationHeader)
        and record.state is RunState.FINISHED
        and (record.header.protocol.hash, record.header.data_fingerprint)
        == (header.protocol.hash, header.data_fingerprint)
    ]
    if not alike or not finished:
        return None
    finals = {label: {each.header.seed: _final(each) for each in own} for label, own in finished.items()}
    choice = _choice(finals, alike)
    if choice is None:
        return None
    chance = header.protocol.chance
    figures = {
        label: {seed: _figure(key, choice, chance=chance) for seed, key in sorted(finals[label].items())}
        for label in choice.labels
    }
    return _judged(figures, choice, missing=tuple(label for label in finals if label not in figures))


def _judged(figures: Mapping[str, Mapping[int, float]], choice: _Choice, *, missing: tuple[str, ...]) -> Retrained:
    means = {label: averages.fmean(own.values()) for label, own in figures.items()}
    ordered = {label: figures[label] for label in sorted(figures, key=lambda each: (-means[each], each))}
    comparisons = compare(ordered, seed=derive_seed(0, "board", "retrained", "pairs"))
    ranges = places(tuple(ordered), comparisons)
    rows = (
        RetrainedRow(
            label=label,
            places=ranges[label],
            seeds=tuple(own),
            scores=tuple(own.values()),
            mean=statistics.bootstrapped(tuple(own.values()), seed=derive_seed(0, "board", "retrained")),
        )
        for label, own in ordered.items()
    )
    return Retrained(
        seeds=choice.seeds,
        environment=choice.environment,
        rows=tuple(rows),
        comparisons=comparisons,
        missing=missing,
    )


def _final(record: Judged) -> str | None:
    results = record.results
    return None if (best := results.best) is None else _key(results.rules[best], results.keys[best])


def _key(tokens: str, stored: str) -> str:
    """A candidate's key of today: searches and their confirmation may be of different versions of the language."""
    try:
        return candidate_from(tokens).key
    except HarnessError:
        return stored


def _choice(finals: Finals, confirmations: Sequence[Judged]) -> _Choice | None:
    """The environment and its seeds that tell of most searchers, and of these the one with most seeds."""
    wanted = {label: {key for key in own.values() if key is not None} for label, own in finals.items()}
    found: list[_Choice] = []
    for environment, fresh in _fresh(confirmations, set().union(*wanted.values())):
        whole = {
            seed: tuple(label for label, keys in wanted.items() if keys <= own.keys()) for seed, own in fresh.items()
        }
        for labels in dict.fromkeys(filter(None, whole.values())):
            seeds = tuple(sorted(seed for seed, own in whole.items() if set(labels) <= set(own)))
            found.append(_Choice(labels, seeds, fresh, environment))
    return max(found, key=lambda each: (len(each.labels), len(each.seeds)), default=None)


def _fresh(confirmations: Sequence[Judged], keys: set[str]) -> list[tuple[Mapping[str, str], Fresh]]:
    """What rules earned on fresh seeds, by environment in the order begun."""
    found: dict[str, tuple[Mapping[str, str], dict[int, dict[str, float]]]] = {}
    failed: set[tuple[str, int, str]] = set()
    for record in sorted(confirmations, key=lambda each: (each.started, each.header.seed, each.header.identity)):
        header, results = record.header, record.results
        _, fresh = found.setdefault(header.environment_hash, (header.environment, defaultdict(dict)))
        for tokens, stored, status, score in zip(
            results.rules, results.keys, results.statuses, results.scores, strict=True
        ):
            slot = (header.environment_hash, header.seed, key := _key(tokens, stored))
            if key in keys and (key not in fresh[header.seed] or slot in failed):
                fresh[header.seed][key] = score
                (failed.add if status is Status.ERROR else failed.discard)(slot)  # another hour may do better
    return list(found.values())


def _figure(key: str | None, choice: _Choice, *, chance: float) -> float:
    return chance if key is None else averages.fmean(choice.fresh[seed][key] for seed in choice.seeds)
