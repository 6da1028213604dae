"""``harness.table``: every rule of a small space with what it earned on real children, to be looked up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from harness import plain
from harness.board.tables.figures import TrueRule, true_rules
from harness.board.tables.opening import Table, opened
from harness.board.wording import formula
from harness.contracts import Outcome, Rule, TaskProtocol
from harness.errors import SettingError, check_range
from harness.library import arguments
from harness.library.arguments import RuleLike
from harness.library.columns import Columns
from harness.space.grammar import Space

# fmt: off
_FUNCTIONS: dict[str, type] = {
    "rule": object, "tokens": object, "key": object, "strings": int, "score": float, "spread": float, "test": float,
    "truth": float, "retrained": bool, "tied": bool,
}
_OUTCOMES: dict[str, type] = {
    "key": object, "rule": object, "tokens": object, "fresh": bool, "replicate": int, "environment": int,
    "status": object, "score": float, "learning_rate": float, "examples": int, "test": float, "message": object,
    "sweep": object, "curve": object,
}
# fmt: on


def table(name: str | os.PathLike[str]) -> RuleTable:
    """Open a table of outcomes: what every function of a small space earned on real children.

    Args:
        name: ``broad``, ``signs`` or ``adaptive``, which are installed with the harness; or a path that ends in
            ``.npz``.

    Raises:
        DataError: there is no table with that name, or it is damaged.

    Example:
        >>> import harness
        >>> signs = harness.table("signs")
        >>> len(signs.rules), signs.optimum.rule.infix
        (4122, 'm * exp(sign(g) * sign(m))')
        >>> round(signs.truth("powersign"), 3), signs.score("powersign", 0)
        (0.448, 0.479)
    """
    return RuleTable(opened(name))


class RuleTable:
    """A table of outcomes. Use ``table``.

    Attributes:
        name: its name, such as ``signs``.
        space: the space whose functions it holds.
        trained_by: the protocol that scored them.
        replicates: how many outcomes each function has; a search meets one of them.
    """

    def __init__(self, opened: Table) -> None:
        self._table = opened
        self.name = opened.name
        self.space: Space = opened.space
        self.trained_by: TaskProtocol = opened.protocol
        self.replicates = opened.own.seeds

    @property
    def rules(self) -> Sequence[Rule]:
        """One rule for each function, its shortest string, in the order of the table."""
        return self._table.own.rules

    def outcome(self, rule: RuleLike, replicate: int) -> Outcome:
        """What a rule earned in a replicate, counted from 0; ``test`` is the score that no search sees.

        Raises:
            SpaceError: the table does not hold the rule.
            SettingError: there is no such replicate.
        """
        what = f"table {self.name}, replicate"
        replicate = plain.integer(what, replicate, "Give one, such as 0")
        check_range(what, replicate, least=0, most=self.replicates - 1, error=SettingError)
        return self._table.outcome(arguments.rule(rule), replicate)

    def score(self, rule: RuleLike, replicate: int) -> float:
        """The reward of a rule in a replicate, counted from 0: what a search can meet.

        Raises:
            SpaceError: the table does not hold the rule.
            SettingError: there is no such replicate.
        """
        return self.outcome(rule, replicate).score

    def truth(self, rule: RuleLike) -> float:
        """What a rule is worth: its mean on ten fresh seeds, or where it has none, the mean of its replicates.

        The known optimizers have a truth even where the table does not hold them.

        Raises:
            SpaceError: neither the table nor the known optimizers have the rule.
        """
        return self._table.truth(arguments.rule(rule))

    @cached_property
    def retrained(self) -> Sequence[TrueRule]:
        """The rules of the table that have a truth on fresh seeds, the best first."""
        return true_rules(self._table)

    @property
    def optimum(self) -> TrueRule:
        """The rule of highest truth."""
        return self.retrained[0]

    @property
    def tie_set(self) -> Sequence[TrueRule]:
        """The optimum and the rules not shown worse than it, paired by seed, after Holm's correction."""
        return tuple(each for each in self.retrained if each.tied)

    @cached_property
    def functions(self) -> Columns:
        """One row a function, in the order of the table.

        ``strings`` is how many strings of the space are that function; ``score`` and ``test`` are means over the
        replicates, ``spread`` is the standard deviation of their scores; ``retrained`` says whether ``truth`` is from
        fresh seeds, ``tied`` whether the rule is in the tie set.
        """
        own = self._table.own
        found = {each.key: each for each in self.retrained}
        spreads = own.scores.std(axis=1, ddof=1) if self.replicates > 1 else [None] * len(own.keys)
        rows = zip(
            own.rules, own.keys, self._table.strings, own.scores.mean(1), spreads, own.tests.mean(1), strict=True
        )
        return Columns.of(
            _FUNCTIONS,
            [
                (
                    *(formula(rule), str(rule), key, strings, score, spread, test, self._table.truth(key)),
                    *(key in found, key in found and found[key].tied),
                )
                for rule, key, strings, score, spread, test in rows
            ],
        )

    @cached_property
    def outcomes(self) -> Columns:
        """One row an outcome: every function in every replicate, then those that were retrained on every fresh seed.

        ``replicate`` counts a rule's outcomes from 0, those on fresh seeds anew; ``environment`` numbers those that
        ``harness table info`` lists.
        """
        return Columns.of(_OUTCOMES, [row for fresh in (False, True) for row in self._rows(fresh=fresh)])

    def _rows(self, *, fresh: bool) -> list[Sequence[object]]:
        grid = self._table.fresh if fresh else self._table.own
        rows: list[Sequence[object]] = []
        for place, (key, rule) in enumerate(zip(grid.keys, grid.rules, strict=True)):
            for seed in range(grid.seeds):
                outcome = grid.outcome(place, seed)
                environment = int(grid.arrays["environment"][place, seed])
                rows.append(
                    (
                        *(key, formula(rule), str(rule), fresh, seed, environment, outcome.status.value),
                        *(outcome.score, outcome.learning_rate, outcome.examples, outcome.test, outcome.message),
                        *(np.array(outcome.sweep).reshape(-1, 2), np.array(outcome.curve)),
                    )
                )
        return rows

    def __repr__(self) -> str:
        return f"table {self.name}: {len(self.rules):,} functions of {self.space.describe()}"
