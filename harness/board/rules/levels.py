"""Seed levels: by how much a seed's weights and batches raise or lower all scores.

All searchers with one seed train from the same weights on the same batches, so a lucky seed raises what all of them
find. In the published searches, seeds raise good rules by up to 0.026 and lower them by up to 0.018. Many good rules
differ by less, so the highest raw scores are those of the luckiest seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
from numpy.typing import NDArray

from harness.contracts import Status
from harness.race.runs import Judged

GOOD = 0.75  # of the way from chance to the best rule met on two seeds: rules above it determine the levels (**D**)
SHRINKAGE = 1.0  # a seed's variance over a child's: how far to trust a level that is based on few rules (**D**)
DIGITS = 6  # of a level: rounding by the machine must not order two rules

Cell = tuple[str, int]
"""Environment hash and seed: what evaluations must share to have one level."""
Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """The levels of seeds and the leads of rules.

    Attributes:
        levels: by how much each seed raises scores; 0 on average over all known levels.
        leads: each rule's mean score minus the levels of the seeds that it was trained on, by key; a failed child
            counts with its score, chance.
    """

    levels: Mapping[Cell, float]
    leads: Mapping[str, float]


def standing(records: Sequence[Judged], *, chance: float) -> Standing:
    """Fit score = rule + seed to all charged evaluations of some searches, by any searcher.

    Only rules that were trained on two or more seeds say something about the seeds. Rules at chance say nothing about
    good rules, so the levels are fitted to good rules alone (**D**: in the published searches these leave a residual of
    0.012, and all shared rules nearly twice that). It is a least-squares fit that shrinks the levels towards 0 as if
    seeds varied as much as children do (**D**). A level based on n rules keeps about n/(n + 1) of its value. A seed
    with no shared rules has level 0, so the leads on a lone seed are its scores.

    Args:
        records: the searches of one board, one copy of each, unfinished ones too.
        chance: the protocol's score of a failed child.
    """
    cells = sorted({_cell(record) for record in records})
    keys, rules, places, scores = _evaluations(records, {cell: place for place, cell in enumerate(cells)})
    found = _levels(rules, places, scores, rules_count=len(keys), cells_count=len(cells), chance=chance)
    levels = np.round(found, DIGITS)
    leads = _means(rules, scores - levels[places], len(keys))
    return Standing(dict(zip(cells, levels.tolist(), strict=True)), dict(zip(keys, leads.tolist(), strict=True)))


def _cell(record: Judged) -> Cell:
    return record.header.environment_hash, record.header.seed


def _evaluations(records: Iterable[Judged], cells: Mapping[Cell, int]) -> tuple[list[str], Numbers, Numbers, Scores]:
    """Return the keys, and each child's key number, cell number and score; children that runs share count once."""
    numbers: dict[str, int] = {}
    columns: list[tuple[Numbers, Numbers, Scores, NDArray[np.bool_]]] = []
    for record in records:
        results = record.results
        own = np.fromiter((numbers.setdefault(key, len(numbers)) for key in results.keys), np.int64, len(results))
        errors = np.fromiter((status is Status.ERROR for status in results.statuses), np.bool_, len(results))
        scores = np.asarray(results.scores, np.float64)
        columns.append((own, np.full(len(own), cells[_cell(record)]), scores, errors))
    if not columns:
        return [], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    rules, places, scores, errors = map(np.concatenate, zip(*columns, strict=True))
    order = np.argsort(errors, kind="stable")  # errors last: another machine or hour may have succeeded
    rules, places, scores = rules[order], places[order], scores[order]
    _, first = np.unique(rules * len(cells) + places, return_index=True)
    return list(numbers), rules[first], places[first], scores[first]


def _levels(
    rules: Numbers, places: Numbers, scores: Scores, *, rules_count: int, cells_count: int, chance: float
) -> Scores:
    """Return the levels by cell, from the good rules that were trained on two or more cells."""
    means = _means(rules, scores, rules_count)
    shared = np.bincount(rules, minlength=rules_count) > 1
    if not shared.any():
        return np.zeros(cells_count)
    bar = chance + GOOD * (means[shared].max() - chance)
    trained = scores > (chance + bar) / 2  # a good rule that failed says something about itself, not about the seed
    kept = (shared & (means >= bar))[rules] & trained
    names, rules = np.unique(rules[kept], return_inverse=True)
    places, scores = places[kept], scores[kept]
    deviations = scores - _means(rules, scores, len(names))[rules]
    # The normal equations without the rules' own effects: each rule leaves I - 11'/n over the n cells it was trained on
    met = scipy.sparse.csr_array((np.ones(len(rules)), (rules, places)), shape=(len(names), cells_count))
    share = scipy.sparse.diags_array(1.0 / met.sum(axis=1)) @ met
    system = np.diag(met.sum(axis=0) + SHRINKAGE) - (met.T @ share).toarray()
    found: Scores = np.linalg.solve(system, np.bincount(places, deviations, minlength=cells_count))
    return found


def _means(rules: Numbers, values: Scores, count: int) -> Scores:
    sums: Scores = np.bincount(rules, values, minlength=count).astype(np.float64)
    return sums / np.maximum(1, np.bincount(rules, minlength=count))
