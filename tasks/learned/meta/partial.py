"""An unfinished meta-training in a file, as ``safetensors``: it is replaced after every validation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from harness.errors import SettingError, message
from harness.tasks.learned.weights import write

State = dict[str, Tensor]
NUMBERS = ("batch", "drawn", "skipped", "waited", "best", "trials", "threads", "going_on", "ahead_batch")


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
        going_on: whether the best λ is trained to the end now.
        current: weights and Adam's state at the last validation.
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
        if not path.is_file():
            return new
        what, hint = f"unfinished training in {path}", "Repeat that command to resume it, or delete the file"
        try:
            with safe_open(path, framework="pt") as file:
                saved: dict[str, Any] = json.loads((file.metadata() or {})["partial"])
                states: dict[str, State] = {name: {} for name in ("current", "best_weights", "ahead", "ahead_best")}
                for name in file.keys():  # noqa: SIM118
                    part, _, inner = name.partition("/")
                    states[part][inner] = file.get_tensor(name)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as cause:
            got = f"a damaged file ({type(cause).__name__})"
            raise SettingError(
                message(what, expected="one of this command", got=got, hint="Delete the file")
            ) from cause
        if saved["plan"] != new.plan:
            differing = _difference(saved["plan"], new.plan)
            raise SettingError(message(what, expected="the same options", got=f"another {differing}", hint=hint))
        kept: dict[str, Any] = {**{name: saved[name] for name in NUMBERS}, **states}
        return cls(path, new.plan, **kept)

    def count(self) -> None:
        """Count a batch."""
        self.batch += 1
        self.drawn += 1

    def validated(self, value: float, state: State, weights: State) -> None:
        """Note a validation, and save."""
        self.current = state
        if value < self.best or not self.best_weights:
            self.best, self.best_weights, self.waited = value, weights, 0
        else:
            self.waited += 1
        self.save()

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
        parts = ("current", "best_weights", "ahead", "ahead_best")
        arrays = {f"{part}/{name}": value for part in parts for name, value in getattr(self, part).items()}
        write(self.path, save(arrays, metadata={"partial": json.dumps(numbers)}))

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return the name of the first entry in which two plans differ."""
    for name, value in one.items():
        if value != other.get(name):
            return _difference(value, other[name]) if isinstance(value, dict) and name in other else name
    return "plan"
