"""An unfinished meta-training in a file, as ``safetensors``: it is replaced after every validation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.weight_files import load_unfinished, save_unfinished

State = dict[str, Tensor]
NUMBERS = ("batch", "drawn", "skipped", "waited", "best", "trials", "seconds", "threads", "going_on", "ahead_batch")
OPTIONS = {
    "problems": "--problems",
    "data": "--data",
    "preset": "--preset",
    "seed": "--seed",
    "draws": "--batches",
    "batch": "--problems-at-once",
    "coordinates": "--coordinates",
    "held_out": "--held-out",
    "every": "--every",
    "patience": "--patience",
    "rate": "--rate",
    "rates": "--rates",
    "decay": "--decay",
}
"""The options of ``harness learn optimizer`` by the entries of a plan; each before those that it decides, too."""
STATES = ("current", "best_weights", "ahead", "ahead_best")


@dataclass(slots=True)
class Partial:
    """Where a training is, and all that its next steps depend on.

    Attributes:
        path: its file.
        plan: what the training must agree with to go on.
        threads: torch's threads.
        batch: batches that the present λ was trained on.
        drawn: batches of all λ.
        skipped: meta-gradients that were not finite.
        waited: validations since the last improvement.
        best: the best validation of the present λ.
        trials: the best validation of each λ whose trial has ended.
        seconds: how long it has taken so far.
        going_on: whether the best λ is trained to the end now.
        current: weights and Adam's state after ``batch`` batches; empty before the first.
        best_weights: weights at the best validation.
        ahead: weights and Adam's state at the end of the best trial so far.
        ahead_best: weights at its best validation.
        ahead_batch: batches that it was trained on.
    """

    path: Path
    plan: Mapping[str, object]
    threads: int = 1
    batch: int = 0
    drawn: int = 0
    skipped: int = 0
    waited: int = 0
    best: float = math.inf
    trials: list[float] = field(default_factory=list)
    seconds: float = 0.0
    going_on: bool = False
    current: State = field(default_factory=dict)
    best_weights: State = field(default_factory=dict)
    ahead: State = field(default_factory=dict)
    ahead_best: State = field(default_factory=dict)
    ahead_batch: int = 0

    @classmethod
    def open(cls, path: Path, plan: Mapping[str, object], *, threads: int) -> Partial:
        """Return the training that a file holds, or a new one if there is no file.

        Raises:
            SettingError: the file holds another training, or is damaged.
        """
        new = cls(path, json.loads(json.dumps(plan)), threads)
        if not path.exists():
            return new
        numbers, arrays = load_unfinished(path, new.plan, NUMBERS, STATES, options=OPTIONS)
        states = [{name: torch.from_numpy(array) for name, array in state.items()} for state in arrays]
        kept: dict[str, Any] = numbers | dict(zip(STATES, states, strict=True))
        return cls(path, new.plan, **kept)

    def count(self) -> None:
        """Count a batch."""
        self.batch += 1
        self.drawn += 1

    def validated(self, value: float, weights: State) -> None:
        """Note a validation of some weights."""
        if value < self.best or not self.best_weights:
            self.best, self.best_weights, self.waited = value, weights, 0
        else:
            self.waited += 1

    def end_trial(self) -> None:
        """Note that the present λ has been tried, and begin the next one."""
        if not self.trials or self.best < min(self.trials):
            self.ahead, self.ahead_best, self.ahead_batch = self.current, self.best_weights, self.batch
        self.trials.append(self.best)
        self.current, self.best_weights, self.batch, self.waited, self.best = {}, {}, 0, 0, math.inf
        self.save()

    @property
    def chosen(self) -> int:
        """The λ with the best trial, by its number."""
        return self.trials.index(min(self.trials))

    def go_on(self) -> None:
        """Begin to train the best λ to the end, from where its trial ended."""
        if self.going_on:
            return
        self.going_on = True
        self.current, self.best_weights, self.best = self.ahead, self.ahead_best, min(self.trials)
        self.ahead, self.ahead_best, self.batch, self.waited = {}, {}, self.ahead_batch, 0
        self.save()

    def save(self) -> None:
        """Write the file.

        Raises:
            SettingError: it cannot be written.
        """
        numbers = {name: getattr(self, name) for name in NUMBERS} | {"plan": self.plan}
        states = {part: {name: value.numpy() for name, value in getattr(self, part).items()} for part in STATES}
        save_unfinished(self.path, numbers, states)

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
