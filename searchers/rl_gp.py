"""``rl+gp``: the controller writes rules from which genetic programming breeds, and learns from the best ones bred.

Mundhenk et al., "Symbolic Regression via Neural-Guided Genetic Programming Population Seeding" (NeurIPS 2021). There,
every round of thousands of samples starts a new population from the controller. A budget of hundreds of children is too
small for that. So here (**D**) the controller writes the first population and, later, a share of the proposals, which
join the population like any other child.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from harness.contracts import Origin, Rule, Trial
from harness.searchers.gp import INITIAL, GeneticProgramming
from harness.searchers.rl.agent import ReinforcementLearning
from harness.seeds import derive_seed
from harness.settings import Range, Value
from harness.space.grammar import Space


class ControllerSeededGP:
    """Two searchers that learn from each other's results: ``rl`` and ``gp``.

    Each has its own defaults, except that the controller starts without random draws. Every result joins the
    population. The controller learns from its own proposals, and from other proposals that are among the best so far:
    the elites.

    Args:
        space: the space to search.
        seed: decides every draw of both searchers.
        samples: proposals that the controller makes before the first rule is bred; if not set, at most a quarter of the
            children of a run.
        initial: proposals before the first rule is bred: the controller's, then random draws; if not set, 10 or a
            quarter of the children of a run, whichever is fewer.
        share: share of the later proposals that the controller makes.
        elites: how many of the best so far the controller learns from, if it did not propose them.
        batch: how many proposals are asked for before their results are told.
    """

    version = 3  # rises when its proposals change, or those of rl or gp

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        samples: Annotated[int, Range(1, 100_000)] = 10,
        initial: Annotated[int | None, Range(1, 100_000)] = None,
        share: Annotated[float, Range(0.0, 1.0)] = 0.2,
        elites: Annotated[int, Range(0, 10_000)] = 10,
        batch: Annotated[int, Range(1, 10_000)] = 5,
    ) -> None:
        self.batch = batch
        self._samples, self._share, self._elites = samples, share, elites
        self._controller = ReinforcementLearning(space, seed=derive_seed(seed, "rl+gp", "rl"), batch=batch, initial=0)
        bred_from = INITIAL if initial is None else initial
        self._breeder = GeneticProgramming(space, seed=derive_seed(seed, "rl+gp", "gp"), initial=bred_from)
        self._proposed = 0
        self._owed = 0.0  # proposals that the controller's share allows and that it has not made yet
        self._written: set[str] = set()  # functions that the controller proposed
        self._best: dict[str, float] = {}  # the elites: function → score

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return the settings that say how many proposals come before the first rule is bred."""
        return {"samples": int(settings["samples"]), "initial": int(settings.get("initial", INITIAL))}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules, the controller's first."""
        sampled = min(count, max(0, self._samples - self._proposed))
        self._owed += self._share * (count - sampled)
        owed = min(int(self._owed), count - sampled)
        self._owed -= owed
        rules = list(self._controller.ask(sampled + owed))
        self._written.update(rule.key for rule in rules)
        rules += self._breeder.ask(count - len(rules))
        self._proposed += len(rules)
        return rules

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add all results to the population, and let the controller learn from those that concern it."""
        self._breeder.tell(trials)
        self._controller.tell([trial for trial in trials if self._is_news(trial)])

    def origin(self, rule: Rule) -> Origin | None:
        """Return the origin of a rule, from the searcher that proposed it."""
        return self._controller.origin(rule) if rule.key in self._written else self._breeder.origin(rule)

    def _is_news(self, trial: Trial) -> bool:
        """Whether the controller learns from a result; updates the list of the best."""
        key, score = trial.rule.key, trial.outcome.score
        before = set(self._best)
        self._best.setdefault(key, score)
        ranked = sorted(self._best.items(), key=lambda item: -item[1])  # stable, so that ties go by age
        self._best = dict(ranked[: self._elites])
        return key in self._written or (key in self._best and key not in before)
