from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contracts import ChildProtocol, Outcome
from harness.race import protocols
from harness.registry import BUILT_IN, Kind, load
from harness.space.zoo import resolve

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

Score = Callable[..., Outcome]


@pytest.fixture
def outcome() -> Score:
    """What a rule earns on an arena, without its time."""

    def evaluated(rule: str, arena: ChildProtocol, *, seed: int = 0) -> Outcome:
        (found,) = load(Kind.TASK, arena.task)(arena, None).evaluate([resolve(rule)], seed=seed)
        return dataclasses.replace(found, seconds=0.0)

    return evaluated


@pytest.fixture(params=[name for name in BUILT_IN[Kind.PROTOCOL] if name.startswith("toy-")])
def arena(request: pytest.FixtureRequest) -> ChildProtocol:
    """Each cheap arena's protocol in turn."""
    return protocols.named(request.param)
