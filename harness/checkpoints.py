"""Where a child in training is saved, so that training of hours survives a kill: the file's name, which all agree on.

A task that takes ``checkpoints`` saves each child there after every epoch, and goes on from the file if there is one.
Whoever records the child's outcome deletes the file with ``forget``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from harness.contracts import Candidate, TaskProtocol


def checkpoint(folder: Path, protocol: TaskProtocol, candidate: Candidate, *, data: str, seed: int) -> Path:
    """Return the file of one child.

    It does not depend on how many epochs the protocol trains, only on how many its decays span: a child of a funnel's
    later rung goes on from the file of an earlier one.

    Args:
        folder: the folder of all checkpoints.
        protocol: how the child is trained.
        candidate: what trains it.
        data: fingerprint of the data set.
        seed: the child's seed.
    """
    spec = protocol.spec()
    epochs = spec.pop("epochs", 0)
    spec["horizon"] = spec.get("horizon") or epochs
    names = {"protocol": spec, "data": data, "candidate": candidate.key, "seed": seed}
    name = hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()[:32]
    return folder / f"{name}.pt"


def forget(folder: Path, protocol: TaskProtocol, candidate: Candidate, *, data: str, seed: int) -> None:
    """Delete a child's file, if there is one; the arguments are those of ``checkpoint``."""
    checkpoint(folder, protocol, candidate, data=data, seed=seed).unlink(missing_ok=True)
