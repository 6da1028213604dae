"""The state of the process that a searcher or task must leave alone, and must not listen to.

This is the one place in the project that touches the global random generators: to see that nobody else does.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from harness.conformance.checks import require


def snapshot() -> dict[str, object]:
    """Everything global that is watched, by name. torch's is included once torch is loaded."""
    seen: dict[str, object] = {
        "Python's random": random.getstate(),
        "numpy.random": repr(np.random.get_state()),  # noqa: NPY002 - the global state is what is watched
        "numpy's error handling": np.geterr(),
        "os.environ": dict(os.environ),
        "the working directory": os.getcwd(),
        "sys.path": list(sys.path),
    }
    if torch := _torch():
        seen |= {
            "torch's generator": torch.get_rng_state().numpy().tobytes(),
            "torch's default dtype": torch.get_default_dtype(),
            "torch's grad mode": torch.is_grad_enabled(),
            "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        }
    return seen


def untouched(before: Mapping[str, object]) -> None:
    """Demand that nothing in an earlier snapshot has changed.

    Raises:
        Broken: something has.
    """
    after = snapshot()
    changed = [name for name, value in before.items() if after[name] != value]
    require(not changed, f"changed {', '.join(changed)}")


@contextmanager
def stirred(seed: int) -> Iterator[None]:
    """Within the block, every global generator is seeded; afterwards each is as it was."""
    torch = _torch()
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - put back below
    mine = torch.get_rng_state() if torch else None
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - whoever listens to it is found out
        if torch:
            torch.manual_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch:
            torch.set_rng_state(mine)


def _torch() -> Any:
    return sys.modules.get("torch")
