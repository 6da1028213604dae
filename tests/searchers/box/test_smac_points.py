"""SMAC over the box: one clear line without the package, and with it the same points whatever the global state."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.conformance.box import Asked, Told, bowl, drive, rows
from harness.conformance.surroundings import snapshot, stirred, untouched
from harness.errors import SettingError
from harness.searchers.box.smac_points import SmacPoints

installed = pytest.mark.skipif(importlib.util.find_spec("smac") is None, reason="smac is of the extra blackbox")


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> Any:
        return None if name == "smac" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    with pytest.raises(SettingError) as caught:
        SmacPoints(2, seed=0)
    assert str(caught.value) == (
        "optimizer 'smac': expected the package smac, got none. "
        "Install it with pip install -e '.[blackbox]' where the harness was checked out."
    )


@installed
def test_a_contest_is_told_its_packages() -> None:
    assert all(metadata.version(each) for each in SmacPoints.libraries)
    assert {"smac", "scikit-learn"} <= set(SmacPoints.libraries)


@installed
def test_its_forest_proposes_the_same_whatever_the_global_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    drive(SmacPoints(2, seed=0, startup=1), 2, steps=3, out=1)  # late imports change what they like
    seen: list[list[Asked | Told]] = []
    for state in (1, 2):
        with stirred(state):
            before = snapshot()
            seen.append(drive(SmacPoints(2, seed=0, startup=4), 2, steps=9, out=3))
            untouched(before)
    assert rows(seen[0]) == rows(seen[1])
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@installed
def test_its_forest_learns_from_values() -> None:
    def points(sign: float) -> np.ndarray:
        return np.array(
            rows(drive(SmacPoints(1, seed=0, startup=4), 1, steps=7, out=1, judge=lambda x: sign * bowl(x)))
        )

    up, down = points(1.0), points(-1.0)
    assert (up[:4] == down[:4]).all()
    assert (up[4:] != down[4:]).any()
