"""What a table shows: how its children ended, how much of the scores is noise, and which rules are best or tied.

The optimum and the tie set are chosen among the rules that were retrained on fresh seeds. The replicates that chose
these rules say nothing about their worth, and rules without fresh seeds cannot be paired with them (**D**).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
from numpy.typing import NDArray

from harness.board.comparison import LEVEL, holm
from harness.board.statistics import Estimate, estimate, paired_t
from harness.board.tables.opening import Table
from harness.contracts import Rule, Status

Scores = NDArray[np.float64]
DIGITS = 12  # of a mean score


@dataclass(frozen=True, slots=True)
class Noise:
    """How far the scores of one rule differ from seed to seed.

    Attributes:
        spread: standard deviation of one rule's scores over seeds, over all rules (root of the mean variance).
        share: share of this noise in the variance of single scores, by analysis of variance; None if there is no
            variance.
    """

    spread: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two replicates agree over all rules.

    Attributes:
        first: a replicate, from 0.
        second: another.
        pearson: correlation of the scores; None if one replicate has no variance.
        spearman: correlation of their ranks; None likewise.
        difference: mean of second minus first, with its interval.
        environments: the environments of the two, by number.
    """

    first: int
    second: int
    pearson: float | None
    spearman: float | None
    difference: Estimate
    environments: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueRule:
    """A rule of the table that was retrained on fresh seeds.

    Attributes:
        rule: the rule.
        key: its canonical form.
        place: its place by truth, from 1; equal rules share it.
        truth: mean score over fresh seeds, with its interval.
        test: mean test score over them; None if there is none.
        replicates: mean score of the replicates, which chose it and are biased upward.
        difference: its truth minus the optimum's.
        adjusted: p of the paired t test of that difference after Holm's correction over all retrained rules.
        tied: whether it is not shown to be worse than the optimum.
    """

    rule: Rule
    key: str
    place: int
    truth: float
    low: float | None
    high: float | None
    test: float | None
    replicates: float
    difference: float
    adjusted: float
    tied: bool


@dataclass(frozen=True, slots=True)
class Known:
    """Where a known optimizer stands.

    Attributes:
        name: name of the optimizer.
        key: its canonical form.
        truth: its mean score on fresh seeds.
        place: the place that it has or would have among the table's rules by truth, from 1.
        inside: whether it is in the table's space.
        tied: whether it is in the tie set; None outside the space.
    """

    name: str
    key: str
    truth: float
    place: int
    inside: bool
    tied: bool | None


@dataclass(frozen=True, slots=True)
class TableFigures:
    """Everything that is shown of a table.

    Attributes:
        table: the table.
        statuses: how many children ended in each status, for each replicate.
        environments: how many outcomes each environment gave, including those on fresh seeds, by its number.
        agreements: how each two replicates agree.
        noise: noise over all rules and replicates.
        noise_of_best: noise over the retrained rules and fresh seeds.
        rules: the retrained rules of the table, the best first.
        known: the known optimizers, the best first.
        unretrained: the best mean score of replicates among the other rules; None if there are none.
    """

    table: Table
    statuses: tuple[Mapping[Status, int], ...]
    environments: tuple[int, ...]
    agreements: tuple[Agreement, ...]
    noise: Noise
    noise_of_best: Noise
    rules: tuple[TrueRule, ...]
    known: tuple[Known, ...]
    unretrained: float | None

    @property
    def tie_set(self) -> tuple[TrueRule, ...]:
        """The optimum and the rules that are not shown to be worse."""
        return tuple(each for each in self.rules if each.tied)


def figures(table: Table) -> TableFigures:
    """Compute what a table shows."""
    rules = true_rules(table)
    others = np.ones(len(table.own.keys), dtype=bool)
    others[[table.own.places[each.key] for each in rules]] = False
    counts = Counter(table.own.arrays["environment"].ravel().tolist())
    counts.update(table.fresh.arrays["environment"].ravel().tolist())
    inside = [place for place, key in enumerate(table.fresh.keys) if key in table.own.places]
    return TableFigures(
        table=table,
        statuses=tuple(
            {status: int((column == number).sum()) for number, status in enumerate(Status)}
            for column in table.own.arrays["status"].T
        ),
        environments=tuple(counts[number] for number in range(len(table.header["environments"]))),
        agreements=tuple(_agreement(table, *pair) for pair in itertools.combinations(range(table.own.seeds), 2)),
        noise=noise(table.own.scores),
        noise_of_best=noise(table.fresh.scores[inside]),
        rules=rules,
        known=_known(table, rules),
        unretrained=float(table.own.scores[others].mean(axis=1).max()) if others.any() else None,
    )


def true_rules(table: Table) -> tuple[TrueRule, ...]:
    """Return the retrained rules of a table by truth, the best first; ties in the table's order.

    Each rule is compared with the best over the fresh seeds that all share. The sign-flip test of the boards cannot
    find any difference: with ten seeds its smallest p is 0.002, which is never significant after Holm's correction over
    200 rules. So the test is the two-sided paired t test. The best was chosen because it is the best on these very
    seeds, which makes the others look worse: of 200 equal rules, at least one is left out of the tie set in four draws
    of ten (simulated), so it is no 95% confidence set.
    """
    fresh, own = table.fresh, table.own
    inside = sorted((own.places[key], place) for place, key in enumerate(fresh.keys) if key in own.places)
    scores = fresh.scores[[place for _, place in inside]]
    means = np.round(scores.mean(axis=1), DIGITS)  # sums of equal scores in another order are equal
    order = np.argsort(-means, kind="stable").tolist()
    chances = [paired_t((scores[each] - scores[order[0]]).tolist()) for each in order[1:]]
    found = []
    for each, adjusted in zip(order, (1.0, *holm(chances)), strict=True):
        at_home, away = inside[each]
        test = float(fresh.tests[away].mean())
        truth = estimate(scores[each].tolist())
        found.append(
            TrueRule(
                rule=own.rules[at_home],
                key=own.keys[at_home],
                place=1 + int((means > means[each]).sum()),
                truth=truth.mean,
                low=truth.low,
                high=truth.high,
                test=None if np.isnan(test) else test,
                replicates=float(own.scores[at_home].mean()),
                difference=float(means[each] - means[order[0]]),
                adjusted=adjusted,
                tied=adjusted > LEVEL,
            )
        )
    return tuple(found)


def noise(scores: Scores) -> Noise:
    """Return how much of the variance of single scores is noise (one-way analysis of variance with random effects).

    Args:
        scores: shape (rules, seeds), two seeds or more.
    """
    within = float(scores.var(axis=1, ddof=1).mean())
    between = max(0.0, float(scores.mean(axis=1).var(ddof=1)) - within / scores.shape[1]) if len(scores) > 1 else 0.0
    total = within + between
    return Noise(float(np.sqrt(within)), within / total if total else None)


def correlations(first: Scores, second: Scores) -> tuple[float | None, float | None]:
    """Return Pearson's and Spearman's correlation; None if one side has no variance."""
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return None, None
    return float(np.corrcoef(first, second)[0, 1]), float(scipy.stats.spearmanr(first, second).statistic)


def _agreement(table: Table, first: int, second: int) -> Agreement:
    one, other = table.own.scores[:, first], table.own.scores[:, second]
    environments = table.own.arrays["environment"]

    def of(replicate: int) -> tuple[int, ...]:
        return tuple(sorted(set(environments[:, replicate].tolist())))

    difference = estimate((other - one).tolist())
    return Agreement(first, second, *correlations(one, other), difference, (of(first), of(second)))


def _known(table: Table, rules: tuple[TrueRule, ...]) -> tuple[Known, ...]:
    retrained = {each.key: each for each in rules}
    truths = [each.truth for each in rules]
    found = []
    for name, key in table.known.items():
        own = retrained.get(key)
        truth = own.truth if own else table.truth(key)
        place = 1 + sum(each > truth for each in truths)
        found.append(Known(name, key, truth, place, inside=own is not None, tied=own.tied if own else None))
    return tuple(sorted(found, key=lambda each: -each.truth))
