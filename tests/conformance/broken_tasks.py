"""Tasks that each break one promise; importable, since one check finds them from another process."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.checkpoints import checkpoint
from harness.contracts import Dataset, Outcome, Rule, Status, TaskProtocol
from harness.seeds import derive_seed


@dataclass(frozen=True, kw_only=True)
class OwnProtocol(TaskProtocol):
    """With a number of its own."""

    steps: int


OWN = OwnProtocol(name="own", version=1, task="broken_tasks:Sound", learning_rates=(0.1, 1.0), chance=0.0, steps=3)


class Sound:
    """Keeps every promise: a made-up score from the rule's key and the seed, and failure for exp of exp."""

    def __init__(self, protocol: TaskProtocol, data: Dataset) -> None:
        self.protocol, self.data = protocol, data

    @property
    def environment(self) -> Mapping[str, str]:
        return {"numpy": np.__version__}

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        return [self.score(rule, seed) for rule in rules]

    def score(self, rule: Rule, seed: int) -> Outcome:
        chance, rates = self.protocol.chance, self.protocol.learning_rates
        if rule.key.count("exp") > 1:
            return Outcome(status=Status.DIVERGED, score=chance, learning_rate=None, examples=10, seconds=0.1)
        score = float(np.random.default_rng(derive_seed(seed, rule.key)).uniform(chance, 1))
        sweep = tuple((rate, score / 2) for rate in rates)
        return Outcome(
            status=Status.OK, score=score, learning_rate=rates[0], examples=10, seconds=0.1, sweep=sweep, curve=(score,)
        )


class Changed(Sound):
    """Sound but for one change to each outcome that is no failure."""

    change: ClassVar[Mapping[str, object]] = {}

    def score(self, rule: Rule, seed: int) -> Outcome:
        outcome = super().score(rule, seed)
        return replace(outcome, **self.change) if outcome.status is Status.OK else outcome  # type: ignore[arg-type]


class Raises(Sound):
    def score(self, rule: Rule, seed: int) -> Outcome:
        if rule.key.count("exp") > 1:
            raise OverflowError("too large")
        return super().score(rule, seed)


class LosesOne(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        return super().evaluate(rules, seed=seed)[1:]


class ScoresAlone(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        return [each.score for each in super().evaluate(rules, seed=seed)]  # type: ignore[misc]


class ReturnsADict(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        return dict(zip(rules, super().evaluate(rules, seed=seed), strict=True))  # type: ignore[return-value]


class NeedsRules(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        max(rules, key=str)
        return super().evaluate(rules, seed=seed)


class ScoresNan(Changed):
    change: ClassVar = {"score": float("nan")}


class ScoresPercent(Changed):
    change: ClassVar = {"curve": (55.0,)}


class OwnRates(Changed):
    change: ClassVar = {"learning_rate": 0.123}


class SweepsElse(Changed):
    change: ClassVar = {"sweep": ((0.1, 0.5),)}


class SweepsBackwards(Changed):
    change: ClassVar = {"sweep": ((10.0, 0.5), (0.1, 0.5))}


class CountsBackwards(Changed):
    change: ClassVar = {"examples": -1}


class StopsClock(Changed):
    change: ClassVar = {"seconds": float("inf")}


class NoRate(Changed):
    change: ClassVar = {"learning_rate": None}


class Talks(Changed):
    change: ClassVar = {"message": "well done"}


class FailsAll(Changed):
    change: ClassVar = {"status": Status.ERROR, "score": 0.0, "message": "no"}


class RewardsFailure(Sound):
    def score(self, rule: Rule, seed: int) -> Outcome:
        outcome = super().score(rule, seed)
        return outcome if outcome.status is Status.OK else replace(outcome, score=0.5)


class Varied(Sound):
    """A sound outcome with its score moved by something it should not depend on."""

    def shift(self, rule: Rule) -> float:
        raise RuntimeError(f"each one below has its own for {rule}")

    def score(self, rule: Rule, seed: int) -> Outcome:
        outcome = super().score(rule, seed)
        return (
            replace(outcome, score=(outcome.score + self.shift(rule)) % 1) if outcome.status is Status.OK else outcome
        )


class Unseeded(Varied):
    def shift(self, rule: Rule) -> float:  # noqa: ARG002
        return float(np.random.default_rng().random())


class DependsOnCompany(Varied):
    seen = 0

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        self.seen = len(rules)
        return super().evaluate(rules, seed=seed)

    def shift(self, rule: Rule) -> float:  # noqa: ARG002
        return self.seen / 1000


class DependsOnStack(Varied):
    """Scores otherwise in a full stack alone, and there only the rule at the end of it."""

    width = 40

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        outcomes = list(super().evaluate(rules, seed=seed))
        if len(rules) >= self.width:
            outcomes[-1] = replace(outcomes[-1], examples=outcomes[-1].examples + 1)
        return outcomes

    def shift(self, rule: Rule) -> float:  # noqa: ARG002
        return 0.0


class LikesNothing(Sound):
    width = 0


class LikesHalves(Sound):
    width = 1.5


class DependsOnString(Varied):
    def shift(self, rule: Rule) -> float:
        return derive_seed(0, str(rule)) % 997 / 997


class DependsOnHash(Varied):
    def shift(self, rule: Rule) -> float:
        return hash(str(rule)) % 997 / 997


class ListensToPython(Varied):
    def shift(self, rule: Rule) -> float:  # noqa: ARG002
        return random.Random(random.getstate()[1][5]).random()  # listens without a sound


class OneSeed(Sound):
    def score(self, rule: Rule, seed: int) -> Outcome:  # noqa: ARG002
        return super().score(rule, 0)


class ChangesFolder(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        os.chdir("/" if os.getcwd() != "/" else "/tmp")
        return super().evaluate(rules, seed=seed)


class SeedsNumpy(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        np.random.seed(0)  # noqa: NPY002 - the breach
        return super().evaluate(rules, seed=seed)


class SeedsTorch(Sound):
    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        import torch

        torch.manual_seed(0)
        return super().evaluate(rules, seed=seed)


class NumbersForTexts(Sound):
    @property
    def environment(self) -> Mapping[str, str]:
        return {"threads": 2}  # type: ignore[dict-item]


class MovingEnvironment(Sound):
    @property
    def environment(self) -> Mapping[str, str]:
        return {"drawn": str(np.random.default_rng().random())}


@dataclass(frozen=True, kw_only=True)
class FarProtocol(TaskProtocol):
    """With a horizon."""

    horizon: int = 0


FAR = FarProtocol(name="far", version=1, task="broken_tasks:Saves", learning_rates=(0.1, 1.0), chance=0.0, epochs=3)


class Saves(Sound):
    """Keeps every promise, and saves how many epochs a child has trained."""

    def __init__(self, protocol: TaskProtocol, data: Dataset, checkpoints: Path | None = None) -> None:
        super().__init__(protocol, data)
        self.folder = checkpoints

    def place(self, rule: Rule, seed: int) -> Path:
        """The file of a child."""
        assert self.folder is not None
        return checkpoint(self.folder, self.protocol, rule, data=self.data.fingerprint, seed=seed)

    def found(self, path: Path) -> int:
        """How many epochs were trained before; none if the file is damaged."""
        text = path.read_text() if path.exists() else ""
        return len(text) - 1 if text.endswith(".") else 0

    def score(self, rule: Rule, seed: int) -> Outcome:
        outcome = super().score(rule, seed)
        if self.folder is None or outcome.status is not Status.OK:
            return outcome
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.place(rule, seed)
        before = self.found(path)
        path.write_text("e" * self.protocol.epochs + ".")
        return self.resumed(outcome, before)

    def resumed(self, outcome: Outcome, before: int) -> Outcome:  # noqa: ARG002
        return outcome


class SavesNothing(Saves):
    def score(self, rule: Rule, seed: int) -> Outcome:
        return Sound.score(self, rule, seed)


class SavesElsewhere(Saves):
    def place(self, rule: Rule, seed: int) -> Path:
        return super().place(rule, seed).with_suffix(".mine")


class ForgetsWhenSaving(Saves):
    def resumed(self, outcome: Outcome, before: int) -> Outcome:
        return outcome if before else replace(outcome, examples=0)


class GoesOnElsewhere(Saves):
    def resumed(self, outcome: Outcome, before: int) -> Outcome:
        return replace(outcome, examples=0) if before == self.protocol.epochs else outcome


class TripsOverDamage(Saves):
    def found(self, path: Path) -> int:
        if path.exists() and not path.read_text().endswith("."):
            raise ValueError("damaged")
        return super().found(path)


class CountsEpochsTwice(Saves):
    def resumed(self, outcome: Outcome, before: int) -> Outcome:
        return replace(outcome, examples=0) if 0 < before < self.protocol.epochs else outcome
