"""The file of a contest: small, everything comes back, and what is not one of ours is one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from contests import BEST, MIDDLE, WORST, conditions, record

from harness.board.blackbox.record import FOLDER, Record, read, stored
from harness.errors import LedgerError


@pytest.fixture
def made() -> Record:
    return record({"random": MIDDLE, "cmaes": BEST}, shown=True)


@pytest.fixture
def file(made: Record, tmp_path: Path) -> Path:
    path = tmp_path / FOLDER / f"{made.conditions.stem}.json"
    path.parent.mkdir()
    path.write_bytes(bytes(made))
    return path


def test_what_was_written_is_read(made: Record, file: Path, tmp_path: Path) -> None:
    assert read(file) == made
    assert bytes(read(file)) == bytes(made)
    assert stored(tmp_path) == [made]
    assert len(file.read_text(encoding="utf-8").splitlines()) == 6  # the head, the entrants, the pair, the end


def test_a_folder_without_contests_has_none(tmp_path: Path) -> None:
    assert stored(tmp_path) == []


def test_contests_come_by_functions_then_workers_and_seed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name, variant, workers, seed in (("gp", "2", 1, 1), ("gp", "2", 5, 0), ("gp", "2", 1, 0), ("branin", "", 1, 0)):
        each = record({"random": MIDDLE}, functions=name, variant=variant, workers=workers, seed=seed)
        (tmp_path / FOLDER / f"{each.conditions.stem}.json").write_bytes(bytes(each))
    found = [(each.conditions.name, each.conditions.workers, each.conditions.seed) for each in stored(tmp_path)]
    assert found == [("branin", 1, 0), ("gp/2", 1, 0), ("gp/2", 1, 1), ("gp/2", 5, 0)]


def test_a_file_is_named_by_all_conditions() -> None:
    changes = ({}, {"seed": 1}, {"steps": 9}, {"workers": 5}, {"version": 2}, {"fingerprint": "a"}, {"environment": {}})
    assert len({conditions(**change).stem for change in changes}) == len(changes)
    assert conditions(functions="my.module:Bowls", variant="a b").stem.startswith("my.module-Bowls-a-b-")


def test_fifteen_entrants_on_two_thousand_functions_take_some_tens_of_kilobytes() -> None:
    rng = np.random.default_rng(0)
    ends = {f"entrant-{number}": rng.normal(size=2_000).tolist() for number in range(15)}
    assert len(bytes(record(ends, steps=100))) < 70_000
    assert len(bytes(record(ends, steps=100, shown=True))) < 130_000


def _changed(file: Path, *path: str | int, to: object) -> None:
    content = json.loads(file.read_bytes())
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("schema",), 2, "expected schema 1, got schema 2. Update the harness to read it."),
        (("format",), "another", "expected a file that harness blackbox wrote, got another one"),
        (("conditions", "steps"), 9, "9 values of the curve of cmaes"),
        (("conditions", "extra"), 1, "no field conditions.extra"),
        (("entrants", 0, "curve", "margin"), [0.1], "5 values of the curve of cmaes"),
        (("entrants", 0, "trajectories"), [], "2 trajectories of cmaes"),
        (("entrants", 1, "trajectories", 0, "points"), [0.1], "5 points of each trajectory of random"),
        (("entrants", 0, "label"), "random", "every entrant once"),
        (("entrants", 0, "label"), "two\nlines", "one short line of text in entrants.0.label"),
        (("entrants", 0, "count"), "8", "entrants.0.count"),
        (("entrants", 0, "seconds"), -1.0, "entrants.0.seconds"),
        (("pairs",), [], "a test of every two entrants"),
        (("pairs", 0, "p"), 1.5, "pairs.0.p"),
    ],
)
def test_a_changed_file_is_one_line(file: Path, path: tuple[str | int, ...], to: object, said: str) -> None:
    _changed(file, *path, to=to)
    with pytest.raises(LedgerError) as caught:
        read(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"contest in {file}: expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"format": NaN}'])
def test_a_damaged_file_is_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="Restore a copy, or delete it and run the contest again"):
        read(file)


def test_a_number_that_is_not_finite_is_refused(file: Path) -> None:
    content = json.loads(file.read_bytes())
    content["entrants"][0]["median"] = float("inf")
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(LedgerError, match="finite"):
        read(file)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file"):
        read(tmp_path / "none.json")


def test_an_entrant_of_other_settings_has_a_folder_of_its_own() -> None:
    method = record({"rnn": WORST}).entrants[0].method
    changes = ({}, {"settings": {"cell": "dnc"}}, {"version": 2}, {"fingerprint": "a"}, {"side_by_side": True})
    assert len({method.model_copy(update=change).folder for change in changes}) == len(changes)
