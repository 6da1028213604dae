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
from harness.weight_files import write

State = dict[str, Tensor]
NUMBERS = ("batch", "skipped", "waited", "best", "seconds", "threads")


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
        what = f"unfinished training in {path}"
        try:
            saved, current, best = _read(path)
            numbers = {name: saved[name] for name in NUMBERS}
            theirs = dict(saved["plan"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as cause:
            got, hint = f"a damaged file ({type(cause).__name__})", "Delete it to train from the beginning"
            raise SettingError(message(what, expected="what harness wrote", got=got, hint=hint)) from cause
        for name in {**theirs, **new.plan}:
            if theirs.get(name) != new.plan.get(name):
                hint = "Resume it with the options that it began with, or delete the file"
                expected = f"{name} {new.plan.get(name)}"
                raise SettingError(message(what, expected=expected, got=theirs.get(name), hint=hint))
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
        text = json.dumps({name: getattr(self, name) for name in NUMBERS} | {"plan": self.plan})
        arrays = {f"current/{name}": value for name, value in self.current.items()}
        arrays |= {f"best/{name}": value for name, value in self.best_weights.items()}
        write(self.path, save(arrays, metadata={"partial": text, "digest": _digest(text, arrays)}))

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], State, State]:
    """Return the numbers, the current state and the best weights that a file holds.

    Raises:
        ValueError: it is damaged; or another exception of reading, converting and looking up.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ValueError("no file")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _digest(metadata["partial"], arrays) != metadata["digest"]:
        raise ValueError("another content than was written")
    current, best = (
        {name.removeprefix(part): value for name, value in arrays.items() if name.startswith(part)}
        for part in ("current/", "best/")
    )
    return json.loads(metadata["partial"]), current, best


def _digest(text: str, arrays: State) -> str:
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(arrays.items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()
