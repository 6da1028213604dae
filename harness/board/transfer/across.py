"""What is said across workloads: mean ranks, and performance profiles (Dolan and Moré 2002, Dahl et al. 2023).

A candidate counts only beside others that finished the same workloads. Of the sets of candidates that finished at least
so and so many workloads, the one is compared that gives the most results (**D**).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.board.transfer.board import Across, MeanRank, Profile, Workload

DIGITS = 12  # of mean scores; below, sums in another order differ
MOST_RATIO = 4.0  # up to which AlgoPerf integrates a profile


def across(workloads: Sequence[Workload], labels: Sequence[str]) -> Across | None:
    """Return the summary of a board; None where no two candidates finished one workload.

    Args:
        workloads: the columns.
        labels: all candidates.
    """
    counted = representatives(workloads)
    compared, common = _common(counted, labels)
    if len(compared) < 2 or not common:
        return None
    timed = [each for each in common if all(_median(each, label) is not None for label in compared)]
    return Across(
        workloads=tuple(each.label for each in common),
        ranks=_ranks(common, compared),
        left_out=tuple(label for label in labels if label not in compared),
        timed=tuple(each.label for each in timed),
        profiles=_profiles(timed, compared) if timed else (),
    )


def representatives(workloads: Sequence[Workload]) -> list[Workload]:
    """Return the columns that count across workloads: one for each task, and none with a funnel.

    A task in several sizes, on several data sets or in several environments counts once, by the column with the most
    children, the first of equals: how good they are plays no part. A funnel stops most candidates, so it ranks none.
    """
    found: dict[str, Workload] = {}
    for each in workloads:
        if not each.results or each.funnel is not None:
            continue
        held = found.get(each.protocol.task)
        if held is None or _children(each) > _children(held):
            found[each.protocol.task] = each
    return [each for each in workloads if any(each is one for one in found.values())]


def _children(each: Workload) -> int:
    return sum(len(result.children) for result in each.results)


def _common(workloads: Sequence[Workload], labels: Sequence[str]) -> tuple[list[str], list[Workload]]:
    """Return the candidates to compare, and the workloads that all of them finished."""
    finished = {label: sum(each.of(label) is not None for each in workloads) for label in labels}
    best: tuple[list[str], list[Workload]] = ([], [])
    for least in range(1, len(workloads) + 1):
        compared = [label for label in labels if finished[label] >= least]
        common = [each for each in workloads if all(each.of(label) for label in compared)]
        if len(compared) > 1 and len(compared) * len(common) >= len(best[0]) * len(best[1]):
            best = compared, common
    return best


def _ranks(workloads: Sequence[Workload], labels: Sequence[str]) -> tuple[MeanRank, ...]:
    columns = []
    for each in workloads:
        means = [round(result.figure.mean, DIGITS) for label in labels if (result := each.of(label))]
        columns.append([sum(other > mean for other in means) + (means.count(mean) + 1) / 2 for mean in means])
    rows = zip(labels, zip(*columns, strict=True), strict=True)
    found = [MeanRank(label=label, mean=sum(ranks) / len(ranks), ranks=ranks) for label, ranks in rows]
    return tuple(sorted(found, key=lambda each: (each.mean, each.label)))


def _median(each: Workload, label: str) -> float | None:
    result = each.of(label)
    return None if result is None or result.time is None else result.time.median


def _profiles(workloads: Sequence[Workload], labels: Sequence[str]) -> tuple[Profile, ...]:
    ratios: Mapping[str, list[float]] = {label: [] for label in labels}
    for each in workloads:
        times = {label: time for label in labels if (time := _median(each, label)) is not None}
        fastest = min(times.values())
        for label, time in times.items():
            ratios[label].append(time / fastest if math.isfinite(time) else math.inf)
    found = [profile(label, own) for label, own in ratios.items()]
    return tuple(sorted(found, key=lambda each: (-each.score, each.label)))


def profile(label: str, ratios: Sequence[float]) -> Profile:
    """Return a candidate's profile.

    Args:
        label: the candidate's.
        ratios: its times as multiples of the fastest candidate's, one a workload.
    """
    plain = Profile(label=label, ratios=tuple(ratios), score=0.0)
    places = [1.0, *sorted({ratio for ratio in ratios if 1.0 < ratio < MOST_RATIO}), MOST_RATIO]
    area = sum((end - start) * plain.share(start) for start, end in pairwise(places))
    return Profile(label=label, ratios=plain.ratios, score=area / (MOST_RATIO - 1.0))
