"""The global state of the process, which a searcher or task must neither change nor depend on.

This is the only place in the project that touches the global random generators, to check that nothing else does.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from harness.conformance.checks import require, same


def left_alone(run: Callable[[], object]) -> str:
    """Require that a run changes no global state, and return what was watched.

    Raises:
        Broken: it changes some.
    """
    run()  # so that late imports are done now
    with stirred(3):  # to detect who restores a generator to its state after the first run
        before = snapshot()
        run()
        untouched(before)
    return f"{len(before)} kinds of state"


def not_listened_to(made: Callable[[], Sequence[object]], *, what: str) -> str:
    """Require that a run gives the same whatever the global generators give, and return how much was compared.

    Raises:
        Broken: it does not.
    """
    seen = []
    for seed in (1, 2):
        with stirred(seed):
            seen.append(made())
    same(*seen, what=what)
    return f"{len(seen[0])} {what}s"


def snapshot() -> dict[str, object]:
    """Return all the global state that is watched, by name; torch's is included once torch is loaded."""
    seen: dict[str, object] = {
        "Python's random": random.getstate(),
        "numpy.random": repr(np.random.get_state()),  # noqa: NPY002 - this is the state to watch
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
    """Raise unless everything is as in an earlier snapshot.

    Raises:
        Broken: something has changed.
    """
    after = snapshot()
    changed = [name for name, value in before.items() if after[name] != value]
    require(not changed, f"changed {', '.join(changed)}")


@contextmanager
def stirred(seed: int) -> Iterator[None]:
    """Seed every global generator within the block, and restore them all afterwards."""
    torch = _torch()
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - put back below
    mine = torch.get_rng_state() if torch else None
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - to detect code that uses it
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
