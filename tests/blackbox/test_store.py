"""The store of a contest: every function once, gaps are found, and what is damaged or foreign is one line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from harness.blackbox.contest import BLOCK, GRID, TIMED, Aside, Part
from harness.blackbox.store import Store
from harness.errors import LedgerError

PINS = {"conditions": {"seed": 0}, "label": "random"}
MADE = {"commit": "0123", "hardware": "a processor"}


def store(folder: Path, **changes: object) -> Store:
    return Store(folder / "random", {**PINS, **changes}, 4)


def part(first: int, count: int) -> Part:
    values = first + np.arange(count)[:, None] + np.arange(4) / 10
    return Part(first, values, np.full(count, np.nan), np.full(count, 0.5))


def test_parts_come_back_in_order_up_to_the_first_gap(tmp_path: Path) -> None:
    made = store(tmp_path)
    for first, count, commit in ((0, 2, "a"), (2, 3, "b"), (7, 2, "c")):
        made.add(part(first, count), {**MADE, "commit": commit})
    runs = made.runs()
    assert runs.values.tolist() == part(0, 5).values.tolist()
    assert runs.seconds.tolist() == [0.5] * 5
    assert runs.made == {"commit": ("a", "b"), "hardware": ("a processor",)}
    found = Store.found(tmp_path / "random")
    assert found is not None
    assert (found.pins, found.steps) == (PINS, 4)
    assert found.runs().values.tolist() == runs.values.tolist()


def test_a_folder_without_runs_has_none(tmp_path: Path) -> None:
    assert Store.found(tmp_path) is None
    assert store(tmp_path).runs().values.shape == (0, 4)
    assert store(tmp_path).aside() is None


def test_what_is_missing_lies_within_blocks_and_between_files(tmp_path: Path) -> None:
    made = store(tmp_path)
    assert made.gaps(2 * BLOCK + 1) == [(0, BLOCK), (BLOCK, BLOCK), (2 * BLOCK, 1)]
    made.add(part(0, 2), MADE)
    made.add(part(5, 1), MADE)
    assert made.gaps(9) == [(2, 3), (6, 3)]
    assert made.gaps(2) == []
    offered = []
    for first, count in made.missing(9):
        offered.append((first, count))
        made.add(part(first, min(count, 2)), MADE)
    assert offered == [(2, 3), (4, 1), (6, 3), (8, 1)]
    assert len(made.runs().values) == 9


@pytest.mark.parametrize("shown", [True, False])
def test_what_was_run_apart_comes_back(tmp_path: Path, shown: bool) -> None:
    rng = np.random.default_rng(0)
    aside = Aside(
        rng.random(TIMED),
        rng.random((TIMED, GRID if shown else 0)),
        rng.random((TIMED, 4 if shown else 0)),
        rng.random((TIMED, 4 if shown else 0)),
    )
    made = store(tmp_path)
    made.add_aside(aside, MADE)
    found = made.aside()
    assert found is not None
    for name in ("seconds", "curves", "points", "values"):
        assert getattr(found, name).tolist() == getattr(aside, name).tolist()
    assert made.gaps(3) == [(0, 3)]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"{}"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    made = store(tmp_path)
    made.add(part(0, 2), MADE)
    (path,) = made.folder.iterdir()
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="Restore a copy, or delete it and run the contest again") as caught:
        made.runs()
    assert str(caught.value).startswith(f"runs in {path}: expected a file that harness blackbox wrote, got a damaged")


def test_every_byte_that_is_lost_at_the_end_is_noticed(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.add(part(0, 2), MADE)
    (path,) = made.folder.iterdir()
    whole = path.read_bytes()
    for size in range(0, len(whole), 50):
        path.write_bytes(whole[:size])
        with pytest.raises(LedgerError, match="a damaged file"):
            made.runs()


def rewritten(path: Path, head: dict[str, object] | None = None, **arrays: np.ndarray) -> None:
    with np.load(path) as file:
        before = {name: file[name] for name in file.files}
    told = json.loads(str(before.pop("head"))) | (head or {})
    content = io.BytesIO()
    np.savez(content, head=np.array(json.dumps(told)), **{**before, **arrays})
    path.write_bytes(content.getvalue())


@pytest.mark.parametrize(
    ("head", "arrays", "said"),
    [
        ({"schema": 2}, {}, "expected schema 1, got schema 2. Update the harness to read it."),
        ({"format": "another"}, {}, "a damaged file"),
        ({"first": 1}, {}, "expected functions from 0 on, got those from 1 on"),
        ({"pins": {"seed": 1}}, {}, "expected a run of this contest, got one of another contest"),
        ({"steps": 5}, {}, "one of another contest"),
        ({"made": {"commit": 1}}, {}, "a damaged file"),
        ({}, {"values": np.zeros((2, 3))}, "expected float64 of shape (2, 4), got float64 of shape (2, 3)"),
        ({}, {"seconds": np.zeros(2, dtype=np.int64)}, "got int64 of shape (2,)"),
        ({}, {"minima": np.array([{}, {}], dtype=object)}, "a damaged file"),
        ({"schema": 0}, {}, "a damaged file"),
        ({"schema": True}, {}, "a damaged file"),
        ({"made": {"commit": "a" * 201}}, {}, "a damaged file"),
        ({}, {"values": np.full((2, 4), np.nan)}, "expected values of ±1e+100 at most, got others"),
        ({}, {"values": np.full((2, 4), -1e200)}, "expected values of ±1e+100 at most, got others"),
        ({}, {"seconds": np.array([0.5, -1.0])}, "expected times from 0 s on, got others"),
        ({}, {"seconds": np.array([0.5, np.nan])}, "expected times from 0 s on, got others"),
        ({}, {"minima": np.array([0.0, np.inf])}, "expected values from the functions' minima on, got others"),
        ({}, {"minima": np.array([0.0, 1.5])}, "expected values from the functions' minima on, got others"),
    ],
)
def test_a_changed_file_is_one_line(
    tmp_path: Path, head: dict[str, object], arrays: dict[str, np.ndarray], said: str
) -> None:
    made = store(tmp_path)
    made.add(part(0, 2), MADE)
    (path,) = made.folder.iterdir()
    rewritten(path, head, **arrays)
    with pytest.raises(LedgerError) as caught:
        made.runs()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["000001-000002.npz", "x.npz", "000005-000003.npz"])
def test_files_whose_names_contradict_each_other_are_one_line(tmp_path: Path, name: str) -> None:
    made = store(tmp_path)
    made.add(part(0, 2), MADE)
    (made.folder / name).write_bytes(b"")
    with pytest.raises(LedgerError, match="expected functions that no other file has in its name"):
        made.gaps(9)


def test_every_byte_that_is_turned_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.add(part(0, 2), MADE)
    (path,) = made.folder.iterdir()
    whole, runs = path.read_bytes(), made.runs()
    refused = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = made.runs()
        except LedgerError:
            refused += 1
        else:
            assert found.values.tolist() == runs.values.tolist()
    assert refused > len(whole) / 6
