"""How far each search's incumbent is from the best rule of its table, child by child (protocol §5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.board import statistics
from harness.board.comparison import Comparison, compare
from harness.board.searches.board import Regret, Row, Truth
from harness.contracts import Status, TaskProtocol
from harness.errors import HarnessError, LedgerError, message
from harness.race.runs import Judged, Results
from harness.seeds import derive_seed

Truths = Callable[[TaskProtocol], Truth | None]
"""What is known of the table that a protocol looks outcomes up in; None where it trains children."""
DIGITS = 12  # of a regret: sums of equal scores in another order are equal


@dataclass(frozen=True, slots=True)
class Regrets:
    """The rows of a board with the regret of each, where its table is known.

    Attributes:
        rows: in the order of the board; as they were where no table is known.
        comparisons: of the final regret of every two rows.
        truth: of the table.
        notes: why regret is missing.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...] = ()
    truth: Truth | None = None
    notes: tuple[str, ...] = ()


def regrets(
    protocol: TaskProtocol, rows: Sequence[Row], finished: Mapping[str, Sequence[Judged]], truths: Truths
) -> Regrets:
    """Add to each row the regret of its runs, and hold each against the random search that its area is held against.

    Args:
        protocol: of the board.
        rows: in its order.
        finished: runs by the row's label.
        truths: what is known of tables.
    """
    try:
        truth = truths(protocol)
        if truth is None:
            return Regrets(tuple(rows))
        found = {row.label: regret(finished[row.label], truth) for row in rows}
    except HarnessError as cause:
        return Regrets(tuple(rows), notes=(f"Regret is missing. {cause}",))
    figures = {row.label: dict(zip(row.seeds, found[row.label].finals, strict=True)) for row in rows}
    pairs = compare(figures, seed=derive_seed(0, "board", "regret", "pairs"))
    among = {(each.first, each.second): each for both in pairs for each in (both, both.turned())}
    told = []
    for row in rows:
        against = row.against_random and among[row.label, row.against_random.second]
        told.append(replace(row, regret=replace(found[row.label], against_random=against)))
    return Regrets(tuple(told), pairs, truth)


def no_truth(_: TaskProtocol) -> None:
    """Know of no table."""


def incumbents(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The child with the highest score so far after each child, the earliest of equals.

    Args:
        scores: in the order trained, −∞ where a child was not OK or there is none, shape ``(searches, children)``.

    Returns:
        Its place, from 0; −1 before the first that is OK. Shape ``(searches, children)``.
    """
    best = np.maximum.accumulate(scores, axis=1)
    before = np.concatenate([np.full((len(scores), 1), -np.inf), best[:, :-1]], axis=1)
    places = np.where(scores > before, np.arange(scores.shape[1]), -1)
    return np.maximum.accumulate(places, axis=1)


def shortfall(truth: Truth, worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Regret, from what incumbents are worth."""
    return np.round(truth.highest - worth, DIGITS) + 0.0  # no −0


def regret(runs: Sequence[Judged], truth: Truth) -> Regret:
    """The regret of one entrant's finished runs.

    Args:
        runs: of equal budget.
        truth: of the table that they searched.

    Raises:
        LedgerError: a run was scored with a rule that the table does not hold.
    """
    runs = sorted(runs, key=lambda each: each.header.seed)
    header = runs[0].header
    children, chance = header.budget.children, header.protocol.chance
    worth = np.full((len(runs), children), chance)
    tied = np.zeros((len(runs), children), dtype=np.bool_)
    for place, run in enumerate(runs):
        keys = _incumbent_keys(run.results, children)
        if unknown := [key for key in keys if key is not None and key not in truth.worth]:
            hint = "Import it again from where it was made"
            expected = f"rules of table {truth.table}"
            raise LedgerError(message(f"run {run.header.name}", expected=expected, got=unknown[0], hint=hint))
        worth[place] = [chance if key is None else truth.worth[key] for key in keys]
        tied[place] = [key in truth.ties for key in keys]
    curves = shortfall(truth, worth)
    low, high = statistics.quartile_curves(list(curves))
    finals = curves[:, -1].tolist()
    return Regret(
        finals=tuple(finals),
        final=statistics.bootstrapped(finals, seed=derive_seed(0, "board", "regret")),
        curve=tuple(statistics.median_curve(list(curves)).tolist()),
        band=(tuple(low.tolist()), tuple(high.tolist())),
        share=tuple(tied.mean(axis=0).tolist()),
        held=int(tied[:, -1].sum()),
        reached=statistics.reached(list(tied.astype(np.float64)), target=1.0),
        against_random=None,
    )


def _incumbent_keys(results: Results, children: int) -> list[str | None]:
    """The key of a run's incumbent after each child of the budget; None before there is one."""
    charged = [place for place, counts in enumerate(results.charged) if counts][:children]
    scores = np.full((1, children), -np.inf)
    for number, place in enumerate(charged):
        if results.statuses[place] is Status.OK:
            scores[0, number] = results.scores[place]
    return [None if number < 0 else results.keys[charged[number]] for number in incumbents(scores)[0].tolist()]
