"""An unfinished meta-training in a file, as ``safetensors``: it is replaced after every validation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from harness.weight_files import load_unfinished, save_unfinished

State = dict[str, Tensor]
NUMBERS = ("batch", "skipped", "waited", "best", "seconds", "threads")
OPTIONS = {
    "dimensions": "--dimensions",
    "cell": "--cell",
    "loss": "--loss",
    "parallel": "--parallel",
    "seed": "--seed",
    "batches": "--batches",
    "draws": "--draws",
    "rate": "--rate",
    "start": "--start with the hash",
}
"""The options of ``harness learn searcher`` by the entries of a plan."""
STATES = ("current", "best")


@dataclass(slots=True)
class Partial:
    """Where a training is, and all that its next steps depend on.

    Attributes:
        path: its file.
        plan: what the training must agree with to go on, for JSON.
        threads: torch's threads.
        batch: batches that it was trained on.
        skipped: gradients that were not finite.
        waited: validations of the last horizon since the last improvement.
        best: the best validation.
        seconds: how long it has taken so far.
        current: weights and Adam's state after ``batch`` batches; empty before the first validation.
        best_weights: weights at the best validation.
    """

    path: Path
    plan: Mapping[str, object]
    threads: int = 1
    batch: int = 0
    skipped: int = 0
    waited: int = 0
    best: float = math.inf
    seconds: float = 0.0
    current: State = field(default_factory=dict)
    best_weights: State = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, plan: Mapping[str, object], *, threads: int) -> Partial:
        """Return the training that a file holds, or a new one if there is no file.

        Raises:
            SettingError: the file holds another training, or is damaged.
        """
        new = cls(path, json.loads(json.dumps(plan)), threads)
        if not path.exists():
            return new
        numbers, states = load_unfinished(path, new.plan, NUMBERS, STATES, options=OPTIONS)
        current, best = ({name: torch.from_numpy(array) for name, array in state.items()} for state in states)
        return cls(path, new.plan, **numbers, current=current, best_weights=best)

    def validated(self, value: float, weights: State, *, last: bool) -> None:
        """Note a validation of some weights; only those of the last horizon can end the training early."""
        if value < self.best or not self.best_weights:
            self.best, self.best_weights, self.waited = value, weights, 0
        elif last:
            self.waited += 1

    def save(self) -> None:
        """Write the file.

        Raises:
            SettingError: it cannot be written.
        """
        numbers = {name: getattr(self, name) for name in NUMBERS} | {"plan": self.plan}
        states = (self.current, self.best_weights)
        arrays = [{name: value.numpy() for name, value in state.items()} for state in states]
        save_unfinished(self.path, numbers, dict(zip(STATES, arrays, strict=True)))

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
