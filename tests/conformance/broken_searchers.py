"""Searchers that each break one promise; importable, since some checks find them from another process."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from harness.contracts import Rule, Status, Trial
from harness.settings import Range
from harness.space.grammar import Space


class Sound:
    """Keeps every promise, learning included: it varies the best rule it has heard of."""

    version = 1
    batch = 4

    def __init__(self, space: Space, *, seed: int) -> None:
        self.space = space
        self.rng = np.random.default_rng([seed, 99])
        self.best: tuple[float, Rule] | None = None

    def ask(self, count: int) -> Sequence[Rule]:
        return [self.propose() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if self.best is None or trial.outcome.score > self.best[0]:
                self.best = (trial.outcome.score, trial.rule)

    def propose(self) -> Rule:
        fresh = self.space.sample(self.rng)
        if self.best is None or self.rng.random() < 0.5:
            return fresh
        mixed = Rule((*self.best[1].blocks[:-1], fresh.blocks[-1]))
        return mixed if self.space.contains(mixed) else fresh


class Chatty(Sound):
    """Breaks nothing: it only prints."""

    def ask(self, count: int) -> Sequence[Rule]:
        print("asked", flush=True)
        os.write(1, b"for more\n")
        return super().ask(count)


class ReturnsAGenerator(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        return (self.propose() for _ in range(count))  # type: ignore[return-value]


class ReturnsNothing(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        super().ask(count)  # forgot to return it
        return None  # type: ignore[return-value]


class DefaultOutOfRange(Sound):
    def __init__(self, space: Space, *, seed: int, share: Annotated[float, Range(0, 1)] = 2.0) -> None:
        super().__init__(space, seed=seed)
        self.share = share


class TakesAnySetting(Sound):
    def __init__(self, space: Space, *, seed: int, **_settings: object) -> None:
        super().__init__(space, seed=seed)


class MisstatesStartup(Sound):
    @staticmethod
    def startup(_settings: object) -> dict[str, int]:
        return {"draws": 10}


class BadDefault(Sound):
    def __init__(self, space: Space, *, seed: int, sizes: tuple[int, ...] = (1, 2)) -> None:  # noqa: ARG002
        super().__init__(space, seed=seed)


class VersionText(Sound):
    version = "1.0"  # type: ignore[assignment]


class NoBatch(Sound):
    batch = 0


class TooMany(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        return super().ask(count + 1)


class NothingAtOnce(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        return super().ask(count) if count > 1 else []


class SomethingForNothing(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        return super().ask(max(1, count))


class EndsOnAddition(Sound):
    def propose(self) -> Rule:
        rule = super().propose()
        return Rule((*rule.blocks[:-1], replace(rule.blocks[-1], binary="add")))


class ProposesTexts(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        return [str(rule) for rule in super().ask(count)]  # type: ignore[misc]


class HashOrder(Sound):
    def propose(self) -> Rule:
        return min((self.space.sample(self.rng) for _ in range(20)), key=lambda rule: hash(str(rule)))


class ClassState(Sound):
    told = 0

    def tell(self, trials: Sequence[Trial]) -> None:
        type(self).told += len(trials)

    def propose(self) -> Rule:
        return self.space.sample(np.random.default_rng(type(self).told + int(self.rng.integers(1000))))


class Unseeded(Sound):
    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed)
        self.rng = np.random.default_rng()


class TrustsStatus(Sound):
    def tell(self, trials: Sequence[Trial]) -> None:
        if any(trial.outcome.status is Status.ERROR for trial in trials):
            raise RuntimeError("no child of mine fails")


class NeedsSpread(Sound):
    def tell(self, trials: Sequence[Trial]) -> None:
        scores = [trial.outcome.score for trial in trials]
        self.weights = [(score - min(scores)) // (max(scores) - min(scores)) for score in scores]


class NeedsOrder(Sound):
    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed)
        self.waiting: list[Rule] = []

    def ask(self, count: int) -> Sequence[Rule]:
        rules = list(super().ask(count))
        self.waiting += rules
        return rules

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if self.waiting.pop(0) != trial.rule:
                raise RuntimeError("this is not what I asked for first")


class DividesByCharged(Sound):
    def tell(self, trials: Sequence[Trial]) -> None:
        self.mean = sum(trial.outcome.score for trial in trials) / sum(trial.charged for trial in trials)


class NeverRepeats(Sound):
    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed)
        self.seen: set[Rule] = set()

    def propose(self) -> Rule:
        while (rule := super().propose()) in self.seen:
            pass
        self.seen.add(rule)
        return rule


class GivesUpLoudly(NeverRepeats):
    def propose(self) -> Rule:
        if len(self.seen) == self.space.size():
            raise RuntimeError("nothing is left")
        return super().propose()


class SortsWhatItIsTold(Sound):
    def tell(self, trials: Sequence[Trial]) -> None:
        trials.sort(key=lambda trial: trial.outcome.score)  # type: ignore[attr-defined]


class KeepsItsAnswer(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        self.answer = list(super().ask(count))
        return self.answer

    def tell(self, trials: Sequence[Trial]) -> None:  # noqa: ARG002
        self.rng = np.random.default_rng(len(self.answer))


class SeedsPython(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        random.seed(1)
        return super().ask(count)


class SeedsNumpy(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        np.random.rand()  # noqa: NPY002 - the breach
        return super().ask(count)


class SetsEnvironment(Sound):
    def tell(self, trials: Sequence[Trial]) -> None:  # noqa: ARG002
        os.environ["BROKEN_SEARCHER"] = str(int(os.environ.get("BROKEN_SEARCHER", "0")) + 1)


class ListensToPython(Sound):
    def propose(self) -> Rule:
        return self.space.sample(np.random.default_rng(random.randrange(1000)))


class Slow(Sound):
    def ask(self, count: int) -> Sequence[Rule]:
        time.sleep(0.02)
        return super().ask(count)
