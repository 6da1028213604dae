"""Spare the disk, and give back what a test named in the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness import registry
from harness.race.store import sqlite

SMALL = {"blocks": 1, "operands": ["g", "m", "v"], "unary": ["id", "neg", "exp"]}


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SYNCHRONOUS", {False: "OFF", True: "OFF"})
    monkeypatch.setattr(registry, "_HERE", {kind: {} for kind in registry.Kind})


@pytest.fixture(scope="session")
def raced(tmp_path_factory: pytest.TempPathFactory) -> harness.Board:
    """The board of two searchers on two seeds."""
    folder: Path = tmp_path_factory.mktemp("raced")
    return harness.race(
        ["gp", "random"], space=SMALL, protocol="toy-quadratic", children=6, seeds=2, results=folder, progress=False
    )
