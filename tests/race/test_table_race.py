"""Races on tables of outcomes: the space is the table's, and nothing trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness import registry
from harness.errors import ProtocolError, SpaceError
from harness.race.protocols import named
from harness.space.counting.small_spaces import small_space
from harness.space.grammar import Space


def test_the_space_comes_from_the_table(tmp_path: Path) -> None:
    board = harness.race("random", protocol="table-broad", children=5, seeds=2, results=tmp_path, progress=False)
    assert board.space == small_space("broad")
    assert board.protocol == named("table-broad")
    told = harness.load(tmp_path).trials
    table = harness.table("broad")
    earned = {(key, score) for key, score in zip(told["key"], told["score"], strict=True)}
    held = {(key, score) for key, score in zip(table.outcomes["key"], table.outcomes["score"], strict=True)}
    assert earned <= held


def test_another_space_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"space of protocol table-broad: expected icml2017, 1 block.*Name no space"):
        harness.race("random", space=Space.of(), protocol="table-broad", results=tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


def test_the_table_s_own_space_may_be_named(tmp_path: Path) -> None:
    board = harness.run(
        "random",
        space=small_space("signs"),
        protocol="table-signs",
        children=2,
        seeds=1,
        results=tmp_path,
        progress=False,
    )
    assert board.space == small_space("signs")


def test_a_race_on_a_table_repeats_and_resumes(tmp_path: Path) -> None:
    def earned(folder: str) -> list[tuple[float, ...]]:
        searchers, place = ["gp", "evolution"], tmp_path / folder
        board = harness.race(searchers, protocol="table-signs", children=40, seeds=2, results=place, progress=False)
        return [row.areas for row in board.rows]

    assert earned("one") == earned("two") == earned("one")


def test_a_confirmation_would_meet_the_same_outcomes_again_and_is_refused(tmp_path: Path) -> None:
    board = harness.run("random", protocol="table-broad", children=5, seeds=1, results=tmp_path, progress=False)
    with pytest.raises(ProtocolError, match=r"protocol table-broad: expected one that trains children.*such as quick"):
        harness.confirm(board, seeds=2, progress=False)


def test_a_rule_outside_the_table_is_no_score_of_chance() -> None:
    with pytest.raises(SpaceError, match=r"rule adam: expected a function of icml2017, 2 blocks.*does not hold adam"):
        harness.score("adam", "table-signs")


def test_a_race_on_a_table_loads_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from harness.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, 'distributed' in sys.modules)"
    )
    arguments = "race --protocol table-signs --searchers random,gp --seeds 0 --children 10 --quiet --results"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments.split(), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False False"


def test_all_are_those_that_take_the_space(tmp_path: Path) -> None:
    everybody = set(registry.entries(registry.Kind.SEARCHER))
    small = harness.race("all", protocol="table-broad", children=2, seeds=1, results=tmp_path / "s", progress=False)
    assert {row.searcher for row in small.rows} == everybody
    large = harness.race("all", protocol="toy-quadratic", children=2, seeds=1, results=tmp_path / "l", progress=False)
    assert {row.searcher for row in large.rows} == everybody - {"exhaustive"}
