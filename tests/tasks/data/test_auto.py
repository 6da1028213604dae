from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.tasks.data import auto, cifar10, download, synthetic
from harness.tasks.data.images import ImageData

STAND_IN = ImageData.of(
    "synthetic",
    train=(np.zeros((1, 4, 4, 3), np.uint8), np.zeros(1, np.uint8)),
    test=(np.zeros((1, 4, 4, 3), np.uint8), np.zeros(1, np.uint8)),
    source="",
)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "load", lambda *_: STAND_IN)
    monkeypatch.setattr(download, "obstacle", lambda: "no route to host")


def test_cifar10_on_the_machine_is_taken_without_a_word(write_tree: Callable[[Path], Path], tmp_path: Path) -> None:
    lines: list[str] = []
    assert auto.load(write_tree(tmp_path / "tree"), lines.append).name == "cifar10"
    assert lines == []


def test_the_stand_in_is_announced_in_one_line() -> None:
    lines: list[str] = []
    assert auto.load(None, lines.append) is STAND_IN
    assert len(lines) == 1
    assert "no route to host" in lines[0]
    assert "stand-in" in lines[0]
    assert "\n" not in lines[0]


def test_a_download_that_fails_half_way_ends_with_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise DataError("The disk is full.")

    monkeypatch.setattr(download, "obstacle", lambda: "")
    monkeypatch.setattr(download, "fetch", broken)
    lines: list[str] = []
    assert auto.load(None, lines.append) is STAND_IN
    assert len(lines) == 1
    assert "The disk is full" in lines[0]


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_folder_that_was_named_is_never_replaced(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "typo"
    monkeypatch.setenv(cifar10.ROOT_VARIABLE, str(missing) if by == "environment" else "")
    with pytest.raises(DataError, match="typo"):
        auto.load(missing if by == "argument" else None, lambda _: None)


def test_a_damaged_tree_is_never_replaced(write_tree: Callable[[Path], Path], tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    (tree / "train" / "ant" / "0000.png").unlink()
    with pytest.raises(DataError, match="train/ant"):
        auto.load(tree, lambda _: None)
