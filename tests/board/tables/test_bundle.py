"""Many runs on a table as one small file, which gives back every run to the byte."""

from __future__ import annotations

import bz2
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.board.tables import bundle
from harness.errors import LedgerError
from harness.race.runs import RunState
from harness.race.store.archive import encode, line


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> harness.Board:
    folder: Path = tmp_path_factory.mktemp("raced")
    searchers = ["gp", "random", "exhaustive"]
    return harness.race(searchers, protocol="table-broad", children=30, seeds=3, results=folder, progress=False)


@pytest.fixture(scope="module")
def packed(raced: harness.Board) -> Path:
    (path,) = harness.export(raced, format="bundle")
    return path


def test_a_bundle_is_small_and_gives_back_every_run_to_the_byte(
    raced: harness.Board, packed: Path, tmp_path: Path
) -> None:
    whole = [path.read_bytes() for path in harness.export(raced, tmp_path / "whole")]
    assert [encode(course.archive) for course in bundle.decode(packed)] == whole
    assert packed.stat().st_size < 0.05 * sum(map(len, whole))
    assert harness.import_runs(packed, tmp_path / "other").taken == len(whole) == 9
    again = harness.export(tmp_path / "other", tmp_path / "again")
    assert [path.read_bytes() for path in again] == whole


def test_the_same_runs_give_the_same_bytes(raced: harness.Board, packed: Path, tmp_path: Path) -> None:
    (again,) = harness.export(raced, tmp_path, format="bundle")
    assert again.read_bytes() == packed.read_bytes()


def test_boards_from_a_bundle_are_those_of_the_store(raced: harness.Board, packed: Path) -> None:
    loaded = harness.load(packed)
    (board,) = loaded.boards
    assert (board.rows, board.comparisons, board.rules) == (raced.rows, raced.comparisons, raced.rules)
    assert loaded.trials.rows == harness.load(raced).trials.rows
    assert loaded.boards[0].rows == board.rows  # by way of every trial, now that they are read


def test_a_run_without_a_table_has_no_place_in_a_bundle(tmp_path: Path) -> None:
    board = harness.run("random", protocol="toy-quadratic", children=2, seeds=1, results=tmp_path, progress=False)
    with pytest.raises(LedgerError, match=r"expected a run on a table, got toy-quadratic\. Export it with"):
        harness.export(board, format="bundle")


def test_an_unfinished_run_has_no_place_in_a_bundle(packed: Path) -> None:
    whole = bundle.decode(packed)[0].archive
    with pytest.raises(LedgerError, match="expected a finished run, got stopped"):
        bundle.encode([dataclasses.replace(whole, state=RunState.STOPPED)])


def test_an_outcome_that_is_not_the_table_s_is_seen(packed: Path) -> None:
    whole = bundle.decode(packed)[0].archive
    first, *others = whole.entries
    assert first.outcome is not None
    other = dataclasses.replace(first, outcome=dataclasses.replace(first.outcome, score=0.5))
    with pytest.raises(LedgerError, match="expected the outcomes of its table, got another of"):
        bundle.encode([dataclasses.replace(whole, entries=(other, *others))])


def written(packed: Path, to: Path, change: Callable[[list[dict[str, object]]], None]) -> Path:
    """A bundle with something changed and its checksum right."""
    lines = [json.loads(text) for text in bz2.decompress(packed.read_bytes()).splitlines()][:-1]
    change(lines)
    body = b"".join(map(line, lines))
    to.write_bytes(bz2.compress(body + line({"sha256": hashlib.sha256(body).hexdigest()})))
    return to


def newer(lines: list[dict[str, object]]) -> None:
    lines[0]["schema"] = 2


def another(lines: list[dict[str, object]]) -> None:
    lines[0]["format"] = "other"


def fewer(lines: list[dict[str, object]]) -> None:
    del lines[1:3]


def uncounted(lines: list[dict[str, object]]) -> None:
    del lines[0]["runs"]


def outside(lines: list[dict[str, object]]) -> None:
    rules = lines[2]["rules"]
    assert isinstance(rules, list)
    rules[0] = 6_480


def unpaired(lines: list[dict[str, object]]) -> None:
    del lines[-1]


def short(lines: list[dict[str, object]]) -> None:
    lines[2]["sources"] = "t"


def renamed(lines: list[dict[str, object]]) -> None:
    lines[1]["name"] = "other"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (newer, "expected schema 1, got schema 2, written by a newer harness. Upgrade this program."),
        (another, "expected a bundle that `harness export --format bundle` wrote, got something else."),
        (fewer, "expected 9 runs, got 8."),
        (uncounted, "expected a number of runs in its first line, got none."),
        (outside, "by numbers below 6,480"),
        (unpaired, "expected two lines for each run"),
        (short, "a batch, a rule and a source for each proposal"),
        (renamed, "as the header's fields give it, got other"),
    ],
)
def test_a_wrong_bundle_is_one_clear_line(
    packed: Path, tmp_path: Path, change: Callable[[list[dict[str, object]]], None], said: str
) -> None:
    with pytest.raises(LedgerError) as caught:
        harness.load(written(packed, tmp_path / "b.runs.bz2", change)).boards  # noqa: B018 - it is read when asked for
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_course_that_no_search_can_take_is_not_imported(packed: Path, tmp_path: Path) -> None:
    def free(lines: list[dict[str, object]]) -> None:
        lines[2]["sources"] = "d" + str(lines[2]["sources"])[1:]

    done = harness.import_runs(written(packed, tmp_path / "f.runs.bz2", free), tmp_path / "new")
    assert "expected an earlier proposal of the same function, got none" in str(done.refused[0])
    assert (done.taken, len(done.refused)) == (8, 1), "it keeps none of the others out"


def test_a_damaged_bundle_is_one_clear_line(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    for damaged in (content[:-20], b"nothing", b"", bz2.compress(b""), content[:60] + bytes(8) + content[68:]):
        path = tmp_path / "d.runs.bz2"
        path.write_bytes(damaged)
        done = harness.import_runs(path, tmp_path / "new")
        assert "Fetch another copy of it" in str(done.refused[0])
    assert not (tmp_path / "new").exists()
    tampered = bz2.compress(bz2.decompress(content).replace(b'"sources": "t', b'"sources": "s', 1))
    path.write_bytes(tampered)
    assert "expected the checksum of its lines" in str(harness.import_runs(path, tmp_path / "new").refused[0])


def test_what_follows_a_bundle_in_its_file_is_not_ignored(packed: Path, tmp_path: Path) -> None:
    for tail in (packed.read_bytes(), b"more"):
        (tmp_path / "two.runs.bz2").write_bytes(packed.read_bytes() + tail)
        done = harness.import_runs(tmp_path / "two.runs.bz2", tmp_path / "new")
        assert done.taken == 0
        assert "expected at most" in str(done.refused[0])


@pytest.mark.parametrize(("name", "value"), [("rules", 1.5), ("rules", True), ("batches", 1.0)])
def test_numbers_of_a_bundle_are_whole(packed: Path, tmp_path: Path, name: str, value: object) -> None:
    def broken(lines: list[dict[str, object]]) -> None:
        numbers = lines[2][name]
        assert isinstance(numbers, list)
        numbers[0] = value

    done = harness.import_runs(written(packed, tmp_path / "b.runs.bz2", broken), tmp_path / "new")
    (error,) = done.refused
    assert "expected two lines for each run, got TypeError: a batch or a rule that is no whole number." in str(error)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.runs.bz2")
    with pytest.raises(LedgerError, match="expected a file that bzip2 can unpack, got no file"):
        bundle.decode(tmp_path / "p.runs.bz2")


def test_a_bundle_of_other_runs_is_not_replaced(tmp_path: Path) -> None:
    """Its name is that of the results folder, which is mostly ``results``."""
    one, two, to = tmp_path / "one" / "results", tmp_path / "two" / "results", tmp_path / "to"
    for seed, results in enumerate((one, two)):
        harness.run("random", protocol="table-broad", children=3, seeds=[seed], results=results, progress=False)
    (path,) = harness.export(one, to, format="bundle")
    before = path.read_bytes()
    assert harness.export(one, to, format="bundle") == [path]
    with pytest.raises(LedgerError, match="expected no bundle of other runs, got one with 1 others, such as random"):
        harness.export(two, to, format="bundle")
    assert path.read_bytes() == before
    harness.run("random", protocol="table-broad", children=3, seeds=[0, 1], results=one, progress=False)
    assert harness.export(one, to, format="bundle") == [path]
