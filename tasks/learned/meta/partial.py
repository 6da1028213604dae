"""An unfinished meta-training in a file, as ``safetensors``: it is replaced after every validation."""

from __future__ import annotations

import hashlib
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
NUMBERS = ("batch", "drawn", "skipped", "waited", "best", "trials", "seconds", "threads", "going_on", "ahead_batch")
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
        what = f"unfinished training in {path}"
        try:
            saved, states = _read(path)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as cause:
            got, hint = f"a damaged file ({type(cause).__name__})", "Delete it to train from the beginning"
            raise SettingError(message(what, expected="what harness wrote", got=got, hint=hint)) from cause
        if saved["plan"] != new.plan:
            name, theirs, ours = _difference(saved["plan"], new.plan)
            hint = "Resume it with the options that it began with, or delete the file"
            raise SettingError(message(what, expected=f"{name} {ours}", got=theirs, hint=hint))
        kept: dict[str, Any] = {**{name: saved[name] for name in NUMBERS}, **states}
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
        arrays = {f"{part}/{name}": value for part in STATES for name, value in getattr(self, part).items()}
        text = json.dumps(numbers)
        write(self.path, save(arrays, metadata={"partial": text, "digest": _digest(text, arrays)}))

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, State]]:
    """Return what a file holds.

    Raises:
        ValueError: it is damaged; or another exception of reading, converting and looking up.
    """
    if not path.is_file():
        raise ValueError("no file")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(metadata["partial"], arrays) != metadata["digest"]:
        raise ValueError("another content than was written")
    states: dict[str, State] = {name: {} for name in STATES}
    for name, value in arrays.items():
        part, _, inner = name.partition("/")
        states[part][inner] = value
    return json.loads(metadata["partial"]), states


def _digest(text: str, arrays: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(arrays.items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, object, object]:
    """Return the name and the values of the first entry in which two plans differ."""
    for name in {**one, **other}:
        theirs, ours = one.get(name), other.get(name)
        if theirs != ours:
            if isinstance(theirs, dict) and isinstance(ours, dict):
                return _difference(theirs, ours)
            return name, theirs, ours
    return "plan", one, other
