"""The file of a comparison: everything comes back, and what is not one of ours is one line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from comparing import BEST, LSTM, MIDDLE, comparison, conditions, entrant

from harness.board.learned.record import FOLDER, Comparison, Curve, read, stored
from harness.board.rules.known import candidate
from harness.errors import LedgerError


@pytest.fixture
def made() -> Comparison:
    return comparison({"lstm": BEST, "adam": MIDDLE})


@pytest.fixture
def file(made: Comparison, tmp_path: Path) -> Path:
    path = tmp_path / FOLDER / made.conditions.file
    path.parent.mkdir()
    path.write_bytes(bytes(made))
    return path


def test_what_was_written_is_read(made: Comparison, file: Path, tmp_path: Path) -> None:
    assert read(file) == made
    assert bytes(read(file)) == bytes(made)
    assert stored(tmp_path) == [made]
    assert len(file.read_text(encoding="utf-8").splitlines()) == 4  # the head, a line for each candidate, the end


def test_a_folder_without_comparisons_has_none_and_one_without_candidates_does_not_count(tmp_path: Path) -> None:
    assert stored(tmp_path) == []
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "empty.json").write_bytes(bytes(Comparison(conditions=conditions())))
    assert stored(tmp_path) == []


def test_comparisons_come_by_problems_then_seed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name, variant, seed in (("mnist", "", 1), ("mnist", "relu", 0), ("cifar", "", 0), ("mnist", "", 0)):
        each = comparison({"adam": MIDDLE}, problems=name, variant=variant, seed=seed)
        (tmp_path / FOLDER / each.conditions.file).write_bytes(bytes(each))
    found = [(each.conditions.name, each.conditions.seed) for each in stored(tmp_path)]
    assert found == [("cifar", 0), ("mnist", 0), ("mnist", 1), ("mnist/relu", 0)]


def test_a_file_is_named_by_all_conditions() -> None:
    names = {
        conditions(**change).file
        for change in ({}, {"seed": 1}, {"count": 9}, {"steps": 5}, {"environment": {"torch": "3"}}, {"version": 2})
    }
    assert len(names) == 6
    assert conditions(problems="my.module:Bowls", variant="a b").file.startswith("my.module-Bowls-a-b-")


def test_a_curve_holds_mean_median_and_the_quantiles_and_null_for_what_is_not_finite() -> None:
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, math.inf, math.nan, 3e38]])
    curve = Curve.of(values)
    assert curve.mean == (3.0, None)
    assert curve.median == (3.0, pytest.approx(3e38))
    assert curve.low == (pytest.approx(1.4), pytest.approx(1.4))
    assert curve.high == (pytest.approx(4.6), None)


def test_a_candidate_is_known_by_what_it_computes(made: Comparison) -> None:
    assert made.done(candidate("adam"))
    assert made.done(candidate("adam * 1"))
    assert not made.done(candidate("sgd"))
    other = made.with_entrant(entrant("lstm", BEST, record=LSTM.replace("0123", "9999")))  # other weights, same name
    assert len(other.candidates) == 3


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
        (("format",), "another", "expected a file that harness learn compare wrote, got another one"),
        (("conditions", "count"), "8", "conditions.count"),
        (("conditions", "count"), 9, "9 final values of lstm"),
        (("conditions", "steps"), 9, "10 values of each curve of lstm"),
        (("conditions", "extra"), 1, "no field conditions.extra"),
        (("candidates", 1, "rate"), 0.5, "the λ of adam among those that were tried"),
        (("candidates", 1, "validation"), [], "the λ of adam among those that were tried"),
        (("candidates", 1, "candidate"), "no rule", "a candidate's record of adam"),
        (("candidates", 1, "candidate"), LSTM, "every candidate once"),
        (("candidates", 0, "finals", 0), "x", "candidates.0.finals.0"),
        (("candidates", 0, "name"), "two\nlines", "one short line of text in candidates.0.name"),
    ],
)
def test_a_changed_file_is_one_line(file: Path, path: tuple[str | int, ...], to: object, said: str) -> None:
    _changed(file, *path, to=to)
    with pytest.raises(LedgerError) as caught:
        read(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"comparison in {file}: expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"format": NaN}'])
def test_a_damaged_file_is_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="Restore a copy, or delete it and compare again"):
        read(file)


def test_a_number_that_is_not_finite_is_refused(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace("0.012", "Infinity", 1), encoding="utf-8")
    with pytest.raises(LedgerError, match="finite"):
        read(file)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file"):
        read(tmp_path / "none.json")
