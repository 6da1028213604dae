"""Searchers of rules that optimize over the unit box: ``box-random``, ``box-cmaes`` and ``box-gp`` (protocol §9).

Each reads the points of an optimizer of the box as rules. Beside ``random`` and ``tpe``, which choose words, they show
what it costs to search rules as points: neighbouring points are rules that often have nothing in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np

from harness.blackbox.contracts import BoxOptimizer, Points
from harness.contracts import Origin, Rule, Trial
from harness.limits import Range
from harness.searchers.box.encoding import RuleBox
from harness.searchers.box.random_points import RandomPoints
from harness.seeds import derive_seed
from harness.settings import Value
from harness.space.draws import Draws
from harness.space.grammar import Space

ASKS = 5  # how often the optimizer is asked for one proposal before a random draw replaces it


class BoxSearch:
    """Search rules with an optimizer of the unit box.

    A function that has a score already is not proposed again while others can be found: the optimizer is told that
    score for the new point and is asked again, since to it the point is a new one. After ``asks`` times, or where the
    score is not known yet, a random rule is proposed, which the optimizer does not hear of.

    Args:
        space: the space to search.
        seed: decides every draw.
        optimizer: optimizes over the box; less is better, so it is told 1 − score.
        batch: how many proposals are scored before the searcher learns from them.
        asks: how often the optimizer is asked for one proposal; 1 to take whatever it says, repeats included.
    """

    def __init__(self, space: Space, *, seed: int, optimizer: BoxOptimizer, batch: int, asks: int = ASKS) -> None:
        self.batch = batch
        self._box = RuleBox(space)
        self._optimizer = optimizer
        self._asks = asks
        self._draws = Draws(space, seed=derive_seed(seed, "box", "instead of repeats"))
        self._waiting: dict[Rule, list[Points]] = {}
        self._values: dict[str, float] = {}  # by key
        self._proposed: set[str] = set()
        self._origins: dict[Rule, Origin] = {}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules."""
        return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Tell the optimizer what its points earned; failed children earn chance."""
        for trial in trials:
            value = self._values[trial.rule.key] = 1.0 - trial.outcome.score
            waiting = self._waiting.get(trial.rule)
            if waiting:
                self._tell(waiting.pop(0), value)

    def origin(self, rule: Rule) -> Origin | None:
        """Return whether the optimizer chose the rule."""
        return self._origins.get(rule)

    def _proposal(self) -> Rule:
        for attempt in range(self._asks):
            point = self._optimizer.ask(1)[0]
            rule = self._box.rule(point)
            known = self._values.get(rule.key)
            if self._asks == 1 or rule.key not in self._proposed:
                break
            if known is None or attempt + 1 == self._asks:  # its score is on the way, or nothing new is found
                if known is None:
                    self._forget(point)
                else:
                    self._tell(point, known)
                return self._propose(self._draws.draw_new(self._proposed), "drawn at random")
            self._tell(point, known)
        self._waiting.setdefault(rule, []).append(point)
        return self._propose(rule, "a point of the box")

    def _propose(self, rule: Rule, how: str) -> Rule:
        self._proposed.add(rule.key)
        self._origins[rule] = Origin(how=how)
        return rule

    def _forget(self, point: Points) -> None:
        """Drop a point that stands for no child of its own."""

    def _tell(self, point: Points, value: float) -> None:
        self._optimizer.tell(point[None], np.array([value]))


class BoxRandom(BoxSearch):
    """Uniform points of the box: what the encoding alone costs, beside ``random``. It may propose a rule twice.

    Args:
        space: the space to search.
        seed: decides the draws.
    """

    version = 1

    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed, optimizer=RandomPoints(space.positions, seed=seed), batch=64, asks=1)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: it learns nothing, so it has no start-up."""
        return {}


class BoxCmaEs(BoxSearch):
    """CMA-ES over the box (Hansen and Ostermeier 2001).

    Args:
        space: the space to search.
        seed: decides every draw.
        batch: how many proposals are scored before the searcher learns from them.
    """

    version = 1

    def __init__(self, space: Space, *, seed: int, batch: Annotated[int, Range(1, 100_000)] = 5) -> None:
        from harness.searchers.box.optuna_points import CmaEsPoints  # it loads SciPy

        super().__init__(space, seed=seed, optimizer=CmaEsPoints(space.positions, seed=seed), batch=batch)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: its first population is drawn around the middle of the box."""
        return {}


class BoxGp(BoxSearch):
    """Expected improvement over the box, under a Gaussian process with a kernel fitted to the scores.

    Of its candidates, those that are functions proposed before are passed over (**D**). If it was told their scores and
    asked again, as ``box-cmaes`` is, its process would have several points for each child, and so cost much more.

    Args:
        space: the space to search.
        seed: decides every draw.
        startup: how many random points start the search. If not set, at most a quarter of the children of a run.
        batch: how many proposals are scored before the searcher learns from them; it averages over what those that wait
            may score.
    """

    version = 1

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        startup: Annotated[int, Range(0, 100_000)] = 20,
        batch: Annotated[int, Range(1, 100_000)] = 5,
    ) -> None:
        from harness.searchers.box.fitted_gp_points import FittedGpPoints  # it loads SciPy

        self._process = FittedGpPoints(space.positions, seed=seed, startup=startup, known=self._was_proposed)
        super().__init__(space, seed=seed, optimizer=self._process, batch=batch, asks=2)

    def _forget(self, point: Points) -> None:
        self._process.forget(point)

    def _was_proposed(self, point: Points) -> bool:
        return self._box.rule(point).key in self._proposed

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return how many random points start the search."""
        return {"startup": int(settings["startup"])}
