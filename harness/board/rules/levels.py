"""What a seed itself gives: by how much scores are raised or lowered by the weights and batches that it deals.

Every searcher with one seed trains from the same weights on the same batches, so a lucky seed raises what all of them
find. Of the published searches seeds raise good rules by up to 0.026 and lower them by up to 0.018, more than many good
rules differ: the highest raw scores are the luckiest seed's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harness.contracts import Status
from harness.race.runs import Judged

GOOD = 0.75  # of the way from chance to the best rule met on two seeds: the rules that levels are taken from (**D**)
SHRINKAGE = 1.0  # a seed's variance over a child's own: how much is believed of a level that rests on few rules (**D**)
DIGITS = 6  # of a level: no rounding of the machine's may order two rules

Cell = tuple[str, int]
"""Environment hash and seed: what evaluations must share to have one level."""
Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of rules and seeds together.

    Attributes:
        levels: what each seed gives, 0 on average over what is known of them.
        leads: of every rule, by key: its mean score less the levels of the seeds that it was trained on; one that
            failed counts with chance, its score.
    """

    levels: Mapping[Cell, float]
    leads: Mapping[str, float]


def standing(records: Sequence[Judged], *, chance: float) -> Standing:
    """Fit score = rule + seed to all charged evaluations of some searches, whoever made them.

    Only rules that were trained on two seeds or more tell of the seeds. Of these, the ones at chance tell nothing
    about good ones, so the levels are fitted to the good ones alone (**D**: in the published searches they leave a
    residual of 0.012, and all shared rules nearly twice that). The fit is the least squares one with the levels drawn
    towards 0 as if seeds varied as much as children do (**D**): a level that rests on n rules keeps about n/(n + 1) of
    itself, and a seed of which nothing is known has 0, so that a lone seed's leads are its scores.

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
    """The keys, and of every child its key's number, its cell's and its score; what several runs share counts once."""
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
    order = np.argsort(errors, kind="stable")  # errors last: another machine or hour may have done better
    rules, places, scores = rules[order], places[order], scores[order]
    _, first = np.unique(rules * len(cells) + places, return_index=True)
    return list(numbers), rules[first], places[first], scores[first]


def _levels(
    rules: Numbers, places: Numbers, scores: Scores, *, rules_count: int, cells_count: int, chance: float
) -> Scores:
    """The levels by cell, from the good rules that were trained on two cells or more."""
    means = _means(rules, scores, rules_count)
    shared = np.bincount(rules, minlength=rules_count) > 1
    if not shared.any():
        return np.zeros(cells_count)
    bar = chance + GOOD * (means[shared].max() - chance)
    trained = scores > (chance + bar) / 2  # where a good rule came to nothing, that tells of itself, not of the seed
    kept = (shared & (means >= bar))[rules] & trained
    names, rules = np.unique(rules[kept], return_inverse=True)
    places, scores = places[kept], scores[kept]
    deviations = scores - _means(rules, scores, len(names))[rules]
    # The normal equations without the rules' own effects: each rule leaves I - 11'/n over the n cells it was trained on
    met = sparse.csr_array((np.ones(len(rules)), (rules, places)), shape=(len(names), cells_count))
    share = sparse.diags_array(1.0 / met.sum(axis=1)) @ met
    system = np.diag(met.sum(axis=0) + SHRINKAGE) - (met.T @ share).toarray()
    found: Scores = np.linalg.solve(system, np.bincount(places, deviations, minlength=cells_count))
    return found


def _means(rules: Numbers, values: Scores, count: int) -> Scores:
    sums: Scores = np.bincount(rules, values, minlength=count).astype(np.float64)
    return sums / np.maximum(1, np.bincount(rules, minlength=count))
