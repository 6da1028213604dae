"""Regularized evolution: a population that ages, tournaments, mutation and crossover.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search" (AAAI 2019), algorithm 1,
applied to the blocks of a rule instead of the cells of a network. Our own choices (**D**) are the mutations, the
crossover, that the population holds each behaviour once, and that no function is proposed twice while others can be
found. Mutations prefer to leave out unary functions: of all changes to a good rule, this one most often gives a better
rule (``results/studies/searchers``). A mutation that does not change the parent's function is kept and mutated further:
such neutral steps cost nothing here, and they lead to functions that no single step reaches.
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

TRIES = 50  # at one child before a random draw takes its place
WHOLE = 0.5  # of crossovers take a whole block of the second parent, where there is more than one; the rest take a side
UNCHANGED = 0.5  # of crossed children are not mutated besides


class RegularizedEvolution:
    """Vary the best of a few members drawn from the latest results (Real et al. 2019, algorithm 1).

    A child is a mutant of the winner of a tournament, or its crossing with a second winner. Scores within
    ``resolution`` of each other are taken for one behaviour, of which the population keeps the better or, of equals,
    the newer.

    The defaults were chosen by ``results/studies/stronger``, for searches of 50 to 1,000 children.

    Args:
        space: the space to search.
        seed: decides every draw.
        population: P, how many of the latest results are alive, each behaviour once.
        tournament: S, how many of them compete to be the parent of a child; at most the population.
        initial: how many rules start the search: those of warm_start, then random draws. Real et al. use P. If not set,
            at most a quarter of the children of a run.
        crossover: probability that a child takes a block, or an operand with its unary function, from a second parent.
        plain: probability, beyond the share of ``id``, that a unary function is left out, in random draws and when a
            mutation changes one.
        redraw: probability that a mutation redraws a whole block.
        swap: probability that a mutation exchanges the two sides of a block; other mutations change one word of one
            block.
        again: probability, after each mutation of a child, that it is mutated once more.
        resolution: scores that differ by less count as one behaviour; 0 to tell all apart.
        batch: how many proposals are scored before the searcher learns from them.
        warm_start: known rules that start the search, by name, formula or token string, separated by commas.

    Raises:
        SettingError: the tournament is larger than the population, the probabilities of redraw and swap add up to more
            than 1, or a rule of warm_start is unknown or outside the space.
    """

    version = 3

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        population: Annotated[int, Range(1, 100_000)] = 25,
        tournament: Annotated[int, Range(1, 100_000)] = 10,
        initial: Annotated[int, Range(1, 100_000)] = 15,
        crossover: Annotated[float, Range(0.0, 1.0)] = 0.3,
        plain: Annotated[float, Range(0.0, 0.99)] = 0.85,
        redraw: Annotated[float, Range(0.0, 1.0)] = 0.03,
        swap: Annotated[float, Range(0.0, 1.0)] = 0.05,
        again: Annotated[float, Range(0.0, 0.95)] = 0.1,
        resolution: Annotated[float, Range(0.0, 1.0)] = 0.002,
        batch: Annotated[int, Range(1, 100_000)] = 5,
        warm_start: str = "",
    ) -> None:
        _check_at_most("tournament", tournament, population, "the population")
        _check_at_most("swap", swap, round(1.0 - redraw, 9), "what redraw leaves of 1")
        self.batch = batch
        self._space = space
        self._population, self._tournament, self._resolution = population, tournament, resolution
        self._crossover, self._redraw, self._swap, self._again = crossover, redraw, swap, again
        self._plain = plain if IDENTITY in space.unary else 0.0
        self._draws = Draws(space, seed=seed, plain=plain)
        self._rng = np.random.default_rng(derive_seed(seed, "evolution"))
        self._known = deque(known_rules(warm_start, space))
        self._draws_left = initial - len(self._known)
        self._alive: list[Trial] = []  # the oldest first, the next to die
        self._proposed: set[str] = set()
        self._origins: dict[Rule, Origin] = {}
        self._partners = [_partners(space, number) for number in range(space.blocks)]
        self._pairs = [frozenset(space.pairs(number)) for number in range(space.blocks)]

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return how many rules start the search."""
        return {"initial": int(settings["initial"])}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules: the known ones, then random draws, then children of tournament winners."""
        return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add the trials to the population in the order told; the oldest members beyond its size die."""
        for trial in trials:
            self._join(trial)

    def origin(self, rule: Rule) -> Origin | None:
        """Return where the latest proposal of this rule came from: its parents, and what was done to them."""
        return self._origins.get(rule)

    def _proposal(self) -> Rule:
        rule = self._known.popleft() if self._known else None
        came = Origin(how="a known rule to begin with")
        if rule is None and self._draws_left <= 0 and self._alive:
            rule, came = self._child(self._winner())
        if rule is None:
            self._draws_left -= 1
            rule, came = self._draws.draw_new(self._proposed), Origin(how="drawn at random")
        self._proposed.add(rule.key)
        self._origins[rule] = came
        return rule

    def _child(self, parent: Rule) -> tuple[Rule | None, Origin]:
        """Return a child that is a function not proposed before, and how it came about; None if the tries run out."""
        rule, mutant = parent, Origin(how="a mutant of its parent", parents=(parent,))
        for _ in range(TRIES):
            if rule is parent and self._crossover and self._rng.random() < self._crossover:
                partner = self._winner()
                rule = self._crossed(parent, partner)
                came = replace(mutant, how="crossed", parents=(parent, partner)) if rule != parent else mutant
                if rule.key in self._proposed or self._rng.random() >= UNCHANGED:
                    rule = self._mutant(rule)
                    came = replace(came, how="crossed and mutated") if came is not mutant else mutant
            else:
                rule, came = self._mutant(rule), mutant
            if rule.key not in self._proposed:
                return rule, came
            if rule.key != parent.key:
                rule = parent
        return None, mutant

    def _join(self, born: Trial) -> None:
        """Let one trial in, in place of the others of its behaviour; not where a better one of them lives."""
        score = born.outcome.score
        if any(0.0 < each.outcome.score - score < self._resolution for each in self._alive):
            return
        others = [each for each in self._alive if abs(each.outcome.score - score) >= self._resolution]
        self._alive = [*others, born][-self._population :]

    def _winner(self) -> Rule:
        """Return the best of S members drawn without replacement; among equals the first drawn."""
        drawn = self._rng.permutation(len(self._alive))[: self._tournament]
        best: Trial = max((self._alive[place] for place in drawn), key=lambda member: member.outcome.score)
        return best.rule

    def _crossed(self, one: Rule, two: Rule) -> Rule:
        """The first rule with a block of the second in its place, or an operand with its unary function in any place.

        The first as it is, where a constraint forbids that.
        """
        number = int(self._rng.integers(self._space.blocks))
        if self._space.blocks > 1 and self._rng.random() < WHOLE:
            block = two.blocks[number]
        else:
            old, new = one.blocks[number], two.blocks[int(self._rng.integers(self._space.blocks))]
            op, unary = ((new.op1, new.u1), (new.op2, new.u2))[int(self._rng.integers(2))]
            left = self._rng.random() < 0.5
            block = replace(old, op1=op, u1=unary) if left else replace(old, op2=op, u2=unary)
            if (block.op1, block.op2) not in self._pairs[number]:
                return one
        return Rule((*one.blocks[:number], block, *one.blocks[number + 1 :]))

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
