"""Hill climbing with restarts: change one token of the best rule so far, and keep the change if it is no worse.

Mitchell, Holland and Forrest, "When Will a Genetic Algorithm Outperform Hill Climbing?" (NIPS 1993), random-mutation
hill climbing, on the tokens of a rule in place of bits. Ours (**D**) are the restarts, and that no function is proposed
twice while others can be found. It has no population, no crossover and no model: what a cleverer method earns beyond
this one is due to the method, not to searching near good rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from harness.contracts import Origin, Rule, Trial
from harness.seeds import derive_seed
from harness.settings import Range, Value
from harness.space.draws import Draws
from harness.space.grammar import SLOTS, Space

TRIES = 50  # to find a neighbour that is of the space and a function not proposed before


class HillClimbing:
    """Propose neighbours of the best rule: the same token string but for one token.

    The first climb begins at the best of ``initial`` random draws. A neighbour with a score at least as high takes the
    best rule's place. A climb ends after ``patience`` neighbours in a row that did not score higher, or when no new
    neighbour is found. The next one begins at a fresh random draw; where several rules are asked for before one has a
    score, at the best of several.

    Args:
        space: what to search.
        seed: decides every draw.
        initial: rules drawn at random to begin with. If not set, a quarter of the children of a run at most.
        patience: how many neighbours in a row may fail to score higher before a fresh random draw is climbed from.
        plain: probability, beyond the share of ``id``, that a unary function is left out of a random draw.
        batch: how many proposals to have scored before learning from them.
    """

    version = 1

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        initial: Annotated[int, Range(1, 100_000)] = 25,
        patience: Annotated[int, Range(1, 100_000)] = 50,
        plain: Annotated[float, Range(0.0, 0.99)] = 0.5,
        batch: Annotated[int, Range(1, 100_000)] = 5,
    ) -> None:
        self.batch = batch
        self._space = space
        self._patience = patience
        self._draws = Draws(space, seed=seed, plain=plain)
        self._rng = np.random.default_rng(derive_seed(seed, "hill-climbing"))
        self._draws_left = initial
        self._best: Trial | None = None  # of the present climb
        self._failed = 0  # neighbours in a row that were no better
        self._climb = 0
        self._climbs: dict[Rule, int] = {}  # the climb for which a rule was last proposed
        self._proposed: set[str] = set()
        self._origins: dict[Rule, Origin] = {}

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """The draws to begin with."""
        return {"initial": int(settings["initial"])}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules: random draws to begin with, then neighbours of the best."""
        return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Move to what is no worse than the best rule of this climb; end the climb if patience has run out.

        With asynchronous results, proposals of an earlier climb may be told late. They are ignored.
        """
        for trial in trials:
            if self._climbs.get(trial.rule) == self._climb:
                self._hear(trial)
        if self._failed >= self._patience:
            self._best, self._failed = None, 0
            self._climb += 1

    def origin(self, rule: Rule) -> Origin | None:
        """The rule that a neighbour was made from."""
        return self._origins.get(rule)

    def _hear(self, trial: Trial) -> None:
        if self._best is None or trial.outcome.score > self._best.outcome.score:
            self._failed = 0
        elif self._origins[trial.rule].parents:
            self._failed += 1
        if self._best is None or trial.outcome.score >= self._best.outcome.score:
            self._best = trial

    def _proposal(self) -> Rule:
        rule, came = None, Origin(how="drawn at random")
        if self._best is not None and self._draws_left <= 0:
            rule = self._neighbour(self._best.rule)
            if rule is None:
                self._failed = self._patience  # the climb ends with the next tell, unless that brings a better rule
            else:
                came = Origin(how="a neighbour of its parent", parents=(self._best.rule,))
        if rule is None:
            self._draws_left -= 1
            rule = self._draws.draw_new(self._proposed)
        self._proposed.add(rule.key)
        self._climbs[rule] = self._climb
        self._origins[rule] = came
        return rule

    def _neighbour(self, rule: Rule) -> Rule | None:
        """The rule with one token changed, of a function not proposed before; None if the tries run out."""
        for _ in range(TRIES):
            position = int(self._rng.integers(self._space.positions))
            others = [token for token in self._space.choices(position) if token != rule.tokens[position]]
            if not others:
                continue
            number, slot = divmod(position, len(SLOTS))
            token = others[int(self._rng.integers(len(others)))]
            block = replace(rule.blocks[number], **{SLOTS[slot]: token})
            near = Rule((*rule.blocks[:number], block, *rule.blocks[number + 1 :]))
            if self._space.contains(near) and near.key not in self._proposed:
                return near
        return None
