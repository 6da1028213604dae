"""Regularized evolution: an ageing population, tournaments, and mutation only.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search" (AAAI 2019), algorithm 1,
applied to the blocks of a rule instead of the cells of a network. Our own choices (**D**) are the mutations, and that
no function is proposed twice while others can be found. Mutations prefer to leave out unary functions: of all changes
to a good rule, this one most often gives a better rule (``results/studies/searchers``). A mutation that does not change
the parent's function is kept and mutated further: such neutral steps cost nothing here, and they lead to functions that
no single step reaches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from harness.contracts import Block, Origin, Rule, Trial
from harness.errors import SettingError, message
from harness.seeds import derive_seed
from harness.settings import Range, Value
from harness.space.draws import IDENTITY, Draws
from harness.space.embedding import known_rules
from harness.space.grammar import SLOTS, Space

MUTATIONS = 50  # tried for one child before a random draw replaces it


class RegularizedEvolution:
    """Mutate the best of a few members drawn from the latest results (Real et al. 2019, algorithm 1).

    Args:
        space: the space to search.
        seed: decides every draw.
        population: P, how many of the latest results are alive.
        tournament: S, how many of them compete to be the parent of a child; at most the population.
        initial: how many rules start the search: those of warm_start, then random draws. Real et al. use P. If not set,
            at most a quarter of the children of a run.
        plain: probability, beyond the share of ``id``, that a unary function is left out, in random draws and when a
            mutation changes one.
        redraw: probability that a mutation redraws a whole block.
        swap: probability that a mutation exchanges the two sides of a block; other mutations change one word of one
            block.
        again: probability, after each mutation of a child, that it is mutated once more.
        batch: how many proposals are scored before the searcher learns from them.
        warm_start: known rules that start the search, by name, formula or token string, separated by commas.

    Raises:
        SettingError: the tournament is larger than the population, the probabilities of redraw and swap add up to more
            than 1, or a rule of warm_start is unknown or outside the space.
    """

    version = 2

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        population: Annotated[int, Range(1, 100_000)] = 50,
        tournament: Annotated[int, Range(1, 100_000)] = 15,
        initial: Annotated[int, Range(1, 100_000)] = 25,
        plain: Annotated[float, Range(0.0, 0.99)] = 0.5,
        redraw: Annotated[float, Range(0.0, 1.0)] = 0.03,
        swap: Annotated[float, Range(0.0, 1.0)] = 0.05,
        again: Annotated[float, Range(0.0, 0.95)] = 0.1,
        batch: Annotated[int, Range(1, 100_000)] = 5,
        warm_start: str = "",
    ) -> None:
        _check_at_most("tournament", tournament, population, "the population")
        _check_at_most("swap", swap, round(1.0 - redraw, 9), "what redraw leaves of 1")
        self.batch = batch
        self._space = space
        self._tournament = tournament
        self._redraw = redraw
        self._swap = swap
        self._again = again
        self._plain = plain if IDENTITY in space.unary else 0.0
        self._draws = Draws(space, seed=seed, plain=plain)
        self._rng = np.random.default_rng(derive_seed(seed, "evolution"))
        self._known = deque(known_rules(warm_start, space))
        self._draws_left = initial - len(self._known)
        self._alive: deque[Trial] = deque(maxlen=population)  # the oldest on the left, the next to die
        self._proposed: set[str] = set()
        self._origins: dict[Rule, Origin] = {}
        self._partners = [_partners(space, number) for number in range(space.blocks)]

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return how many rules start the search."""
        return {"initial": int(settings["initial"])}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules: the known ones, then random draws, then mutants of tournament winners."""
        return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add the trials to the population in the order told; the oldest members beyond its size die."""
        self._alive.extend(trials)

    def origin(self, rule: Rule) -> Origin | None:
        """Return where the latest proposal of this rule came from, with the parent of a mutant."""
        return self._origins.get(rule)

    def _proposal(self) -> Rule:
        rule = self._known.popleft() if self._known else None
        came = Origin(how="a known rule to begin with")
        if rule is None and self._draws_left <= 0 and self._alive:
            parent = self._winner()
            rule, came = self._child(parent), Origin(how="a mutant of its parent", parents=(parent,))
        if rule is None:
            self._draws_left -= 1
            rule, came = self._draws.draw_new(self._proposed), Origin(how="drawn at random")
        self._proposed.add(rule.key)
        self._origins[rule] = came
        return rule

    def _child(self, parent: Rule) -> Rule | None:
        """Return a mutant of a parent that is a function not proposed before; None if the tries run out."""
        rule = parent
        for _ in range(MUTATIONS):
            rule = self._mutant(rule)
            if rule.key not in self._proposed:
                return rule
            if rule.key != parent.key:
                rule = parent
        return None

    def _winner(self) -> Rule:
        """Return the best of S members drawn without replacement; among equals the first drawn."""
        drawn = self._rng.permutation(len(self._alive))[: self._tournament]
        return max((self._alive[place] for place in drawn), key=lambda member: member.outcome.score).rule

    def _mutant(self, rule: Rule) -> Rule:
        """Return a rule with one mutation of one block, and further ones with the probability ``again``."""
        while True:
            number = int(self._rng.integers(self._space.blocks))
            kind, old = self._rng.random(), rule.blocks[number]
            if kind < self._redraw:
                block = self._draws.draw().blocks[number]  # blocks are independent of each other
            elif kind < self._redraw + self._swap:
                block = Block(old.op2, old.op1, old.u2, old.u1, old.binary)  # legal: constraints ignore sides
            else:
                block = self._changed(old, number)
            rule = Rule((*rule.blocks[:number], block, *rule.blocks[number + 1 :]))
            if self._rng.random() >= self._again:
                return rule

    def _changed(self, block: Block, number: int) -> Block:
        """Return the block with one word changed, at a slot where the other words allow another choice."""
        choices = {
            "op1": self._partners[number][block.op2],
            "op2": self._partners[number][block.op1],
            "u1": self._space.unary,
            "u2": self._space.unary,
            "binary": self._space.binaries(number),
        }
        slots = [slot for slot in SLOTS if len(choices[slot]) > 1]
        if not slots:
            return block
        slot = slots[int(self._rng.integers(len(slots)))]
        old = getattr(block, slot)
        if slot in ("u1", "u2") and old != IDENTITY and self._rng.random() < self._plain:
            return replace(block, **{slot: IDENTITY})
        others = [token for token in choices[slot] if token != old]
        return replace(block, **{slot: others[int(self._rng.integers(len(others)))]})


def _partners(space: Space, number: int) -> dict[str, tuple[str, ...]]:
    """Return what may stand beside each operand of a block; no constraint distinguishes the sides."""
    found: dict[str, list[str]] = {}
    for op1, op2 in space.pairs(number):
        found.setdefault(op1, []).append(op2)
    return {op1: tuple(others) for op1, others in found.items()}


def _check_at_most(name: str, got: float, most: float, whose: str) -> None:
    if got > most:
        expected = f"at most {most:g}, {whose}"
        raise SettingError(message(f"setting {name}", expected=expected, got=got, hint="Lower it, or raise the other"))
