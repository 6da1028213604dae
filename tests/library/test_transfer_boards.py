"""Boards of transfers from Python: from a folder, from exported runs, as columns."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.contracts import Metric
from harness.errors import LedgerError
from harness.library.boards import transfer_boards_of
from harness.race.header import TransferHeader
from harness.race.store.ledger import Ledger

RULES = ["adam", "sgd", "g * exp(sign(g) * sign(m))"]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> harness.TransferBoard:
    """Three candidates on two toys, six seeds each."""
    folder = tmp_path_factory.mktemp("moved")
    workloads = ["toy-quadratic", "toy-rosenbrock"]
    return harness.transfer(RULES, workloads, seeds=6, results=folder, progress=False)


def test_the_board_of_a_folder_is_that_of_the_call_and_of_its_exported_runs(moved, tmp_path: Path) -> None:
    again = harness.transfer_board(moved.results)
    assert again == harness.transfer_board(moved, 1) == harness.load(moved).transfer_boards[0] == moved
    harness.export(moved, tmp_path / "runs")
    (exported,) = harness.load(tmp_path / "runs").transfer_boards
    assert exported.render("json") == moved.render("json")


def test_it_shows_itself_as_the_command_does(moved) -> None:
    from typer.testing import CliRunner

    from harness.cli.main import app

    def printed(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["leaderboard", "--transfer", *arguments, "--results", str(moved.results)])
        assert done.exit_code == 0
        return done.stdout

    assert str(moved).split() == printed().split()
    for format in ("json", "csv", "md"):
        assert moved.render(format) == printed("--format", format)
    assert "<table>" in moved._repr_html_()


def test_cells_children_and_curves_agree_with_the_board(moved) -> None:
    assert moved.cells.rows == 2 * 3
    for workload in moved.workloads:
        for each in workload.results:
            (value,) = moved.cells.where(workload=workload.label, label=each.label)["value"]
            assert value == each.figure.mean
            own = moved.children.where(workload=workload.label, label=each.label)
            assert own["seed"].tolist() == list(range(6))
            assert own["validation"].mean() == pytest.approx(each.validation.mean)
            assert np.isnan(own["test"]).all(), "toys have no test examples"
            curves = moved.curves.where(workload=workload.label, label=each.label, seed=0)
            assert curves["epoch"].tolist() == list(range(1, 1 + len(each.children[0].curve)))
            assert curves["value"].tolist() == list(each.children[0].curve)
    own = moved.cells.where(label="adam")
    assert all(math.isfinite(median) for median in own["time_median"])
    assert own["time_reached"].tolist() == own["time_seeds"].tolist() == [6, 6]


def test_a_figure_in_a_metric_is_that_of_the_score(moved) -> None:
    with Ledger.read(moved.results) as ledger:
        records = ledger.transfers()
    metric = Metric("objective value", score="1 / (1 + x)")
    records = [
        replace(each, header=replace(each.header, protocol=replace(each.header.protocol, metric=metric)))
        for each in records
    ]
    (board,) = transfer_boards_of(records, moved.results)
    scores = board.children["validation"].reshape(6, 6).mean(axis=1)
    assert board.cells["value"] == pytest.approx(1 / scores - 1)
    assert (board.cells["value_low"] <= board.cells["value"]).all()
    assert (board.cells["value"] <= board.cells["value_high"]).all()


def test_several_boards_are_told_apart_by_their_number(moved, tmp_path: Path) -> None:
    with Ledger.read(moved.results) as ledger:
        records = ledger.transfers()
    later = []
    for each in records:
        assert isinstance(each.header, TransferHeader)
        header = replace(each.header, transfer=replace(each.header.transfer, chosen="another way"))
        later.append(replace(each, header=header, started=each.started + 1e6))
    assert [each.chosen for each in transfer_boards_of([*later, *records], tmp_path)] == ["", "another way"]


def test_what_is_not_there_is_one_clear_line(moved, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="board of transfers: expected a number from 1 to 1, got 2"):
        harness.transfer_board(moved, 2)
    with pytest.raises(LedgerError, match="expected a ledger"):
        harness.transfer_board(tmp_path)
    searched = harness.race(["random"], protocol="toy-quadratic", children=2, seeds=1, results=tmp_path, progress=False)
    with pytest.raises(LedgerError, match="transfers: expected some in the ledger, got none"):
        harness.transfer_board(searched)
    assert harness.load(searched).transfer_boards == ()


def test_the_report_of_a_folder_has_a_section_of_its_transfers(moved, tmp_path: Path) -> None:
    written = harness.report(moved, tmp_path / "report.html")
    assert written.runs == 12
    page = written.path.read_text(encoding="utf-8")
    assert 'id="t1-matrix"' in page
    assert "harness transfer --workloads toy-quadratic --full --seeds 0-5" in page.replace("<span>", "").replace(
        "</span>", ""
    )
