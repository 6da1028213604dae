"""``harness.transfer``, by what callers have at hand."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

import harness
from harness.board.transfer.plan import every, sized
from harness.errors import DataError, ProtocolError, RegistryError, SettingError
from harness.race.progress import Progress
from harness.race.store.ledger import Ledger
from harness.registry import Kind, register
from harness.tasks.toy.protocols import TOY_QUADRATIC

sys.path.append(str(Path(__file__).parents[1] / "support"))
from gated_lines import GATED, OTHER, GatedTask
from small_workload import SMALL, LinesTask, Nothing

LINES = "gated_lines:GATED"
QUIET: dict[str, Any] = {"progress": False}
RULES = ["adam", "sgd", "torch:SGD(momentum=0.9)", "sign(m)"]


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers a workload of two sizes, and one of one size."""
    from harness import registry

    fresh: dict[Kind, dict[str, object]] = {kind: dict(known) for kind, known in registry._HERE.items()}
    monkeypatch.setattr(registry, "_HERE", fresh)
    for protocol in (replace(GATED, name="gated"), replace(GATED, name="gated-mini", epochs=2), OTHER):
        register("protocol", protocol.name, protocol)


@pytest.mark.usefixtures("workloads")
def test_workloads_are_named_without_their_size_and_one_size_is_both() -> None:
    small, full = sized(["gated", "other"], mini=True), sized(["gated", "other"], mini=False)
    assert {name: each.name for name, each in small.items()} == {"gated": "gated-mini", "other": "other"}
    assert {name: each.name for name, each in full.items()} == {"gated": "gated", "other": "other"}
    assert sized(["toy-quadratic"], mini=True)["toy-quadratic"] == TOY_QUADRATIC
    with pytest.raises(RegistryError, match="Did you mean 'gated'"):
        sized(["gatde"], mini=True)
    with pytest.raises(ProtocolError, match="expected a name without -mini, got gated-mini"):
        sized(["gated-mini"], mini=True)


@pytest.mark.usefixtures("workloads")
def test_all_are_the_registered_protocols_with_a_horizon() -> None:
    named = every(mini=True)
    assert {"gated", "other"} <= set(named)
    assert not {"quick", "toy-quadratic", "table-signs"} & set(named)
    assert len(set(named)) == len(named)
    register("protocol", "tiny-mini", replace(GATED, name="tiny-mini"))
    assert "tiny" in every(mini=True)
    assert "tiny" not in every(mini=False)
    assert set(sized(["all"], mini=True)) == set(every(mini=True))
    with pytest.raises(ProtocolError, match="expected a full size, got only tiny-mini"):
        sized(["tiny"], mini=False)


def test_a_transfer_returns_the_board_of_all_that_was_chosen_alike(tmp_path: Path) -> None:
    first = harness.transfer(RULES[:2], LINES, seeds=2, results=tmp_path, **QUIET)
    second = harness.transfer(RULES[:3], ["toy-quadratic", LINES][1:], seeds=[5], results=first, **QUIET)
    (workload,) = second.workloads
    assert (workload.label, workload.protocol.hash) == ("gated", GATED.hash)
    assert {each.label for each in workload.results} == {"adam", "sgd", "torch SGD(momentum=0.9)"}
    assert [len(each.seeds) for each in workload.results if each.label == "adam"] == [3]
    assert not (tmp_path / "checkpoints").exists()


def test_a_transfer_that_was_stopped_goes_on(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.children == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="nothing is lost"):
        harness.transfer(RULES, LINES, seeds=2, results=tmp_path, progress=press)
    assert harness.load(tmp_path).runs["state"].tolist() == ["stopped"]
    board = harness.transfer(RULES, LINES, seeds=2, results=tmp_path, **QUIET)
    assert board.workloads[0].results[0].seeds == (0, 1)
    assert harness.load(tmp_path).runs["kind"].tolist() == ["transfer"] * 2


def test_a_funnel_keeps_the_better_third_and_shares_its_end_with_a_plain_transfer(tmp_path: Path) -> None:
    board = harness.transfer(RULES, LINES, seeds=2, funnel=[1, 3, 6], results=tmp_path, **QUIET)
    (workload,) = board.workloads
    assert workload.funnel is not None
    stopped = sorted(each.stopped or 0 for each in workload.funnel.entered)
    assert stopped == [0, 1, 1, 3]
    (finalist,) = [each.label for each in workload.funnel.entered if each.finished]
    assert [each.label for each in workload.results] == [finalist], "a stopped one is not ranked as finished"
    plain = harness.transfer(RULES, LINES, seeds=2, results=tmp_path, **QUIET)
    with Ledger.read(tmp_path) as ledger:
        last = ledger.rows()[-1].header
        sources = {str(each.rule): each.source.value for each in ledger.archive(last.identity).entries}
    assert sorted(sources.values()) == ["shared", "trained", "trained", "trained"]
    assert [len(each.results) for each in plain.workloads if each.funnel is None] == [len(RULES)]


def test_a_longer_funnel_or_more_seeds_are_another_funnel(tmp_path: Path) -> None:
    harness.transfer(RULES, LINES, seeds=1, funnel=[1, 6], results=tmp_path, **QUIET)
    harness.transfer(RULES, LINES, seeds=2, funnel=[1, 6], results=tmp_path, **QUIET)
    with Ledger.read(tmp_path) as ledger:
        funnels = [each.header.transfer.funnel for each in ledger.transfers()]  # type: ignore[attr-defined]
    assert [each.seeds for each in funnels] == [(0,), (0,), (0, 1), (0, 1), (0, 1), (0, 1)]


@pytest.mark.usefixtures("workloads")
def test_workloads_have_data_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register("task", "lines", LinesTask)
    register("protocol", "lines", replace(SMALL, inputs="lines", name="lines"))
    register("protocol", "lines2", replace(SMALL, inputs="lines", name="lines2"))
    register("data", "straight", Nothing("straight", "0001"))
    crooked = Nothing("crooked", "0002")
    given: dict[str, Any] = {"lines": "straight", "": crooked}
    board = harness.transfer("adam", ["lines", "lines2"], seeds=1, data=given, results=tmp_path, **QUIET)
    assert [(each.label, each.data) for each in board.workloads] == [("lines", "straight"), ("lines2", "crooked")]
    heard: list[str] = []
    monkeypatch.setattr("harness.library.racing.announce", heard.append)
    harness.transfer("adam", [LINES], seeds=1, data={LINES: "straight"}, results=tmp_path)
    assert any("is not used: protocol gated reads no data" in line for line in heard)
    with pytest.raises(ProtocolError, match="data_root of workload: expected one of lines, got 'lm'"):
        harness.transfer("adam", ["lines"], seeds=1, data=given | {}, data_root={"lm": "x"}, **QUIET)
    with pytest.raises(DataError, match="expected a name, or a data set"):
        harness.transfer("adam", ["lines"], seeds=1, data={"lines": 3}, **QUIET)  # type: ignore[dict-item]
    wrong: dict[str, Any] = {"data_root": 3}
    with pytest.raises(SettingError, match="data_root: expected the path of a file or folder, got 3"):
        harness.transfer("adam", ["lines"], seeds=1, **wrong, **QUIET)
    for other in (3, [3]):
        with pytest.raises(ProtocolError, match="workloads: expected names, got 3"):
            harness.transfer("adam", other, seeds=1, **QUIET)  # type: ignore[arg-type]


def test_every_workload_is_checked_before_any_child_trains(tmp_path: Path) -> None:
    bad = "toy-quadratic"
    with pytest.raises(harness.HarnessError, match="one that trains other optimizers, too"):
        harness.transfer(RULES, [LINES, bad], seeds=1, results=tmp_path, **QUIET)
    assert Ledger.read(tmp_path).rows() == []


def test_checkpoints_lie_in_the_results_folder_and_go_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    evaluate = GatedTask.evaluate

    def watched(self: GatedTask, rules: Any, *, seed: int) -> Any:
        found = evaluate(self, rules, seed=seed)
        counted.append(len(list((tmp_path / "checkpoints").glob("*.pt"))))
        return found

    monkeypatch.setattr(GatedTask, "evaluate", watched)
    harness.transfer(RULES, LINES, seeds=2, results=tmp_path, **QUIET)
    assert counted == [1] * 8, "disk use does not grow with the number of candidates"
    counted.clear()
    harness.transfer(RULES, LINES, seeds=2, funnel=[1, 3, 5], results=tmp_path, **QUIET)
    assert counted == [*range(1, 9), 4, 4, 4, 4, 2, 1], "in a funnel those are kept that may go on"


def test_a_cluster_that_shares_the_folder_saves_children_there_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path | None] = []
    evaluate = GatedTask.evaluate

    def watched(self: GatedTask, rules: Any, *, seed: int) -> Any:
        saved.append(self._checkpoints)
        return evaluate(self, rules, seed=seed)

    monkeypatch.setattr(GatedTask, "evaluate", watched)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        board = harness.transfer(RULES[:2], LINES, seeds=1, cluster=address, results=tmp_path / "a", **QUIET)
    alone = harness.transfer(RULES[:2], LINES, seeds=1, results=tmp_path / "b", **QUIET)
    assert saved == [tmp_path / "a" / "checkpoints"] * 2 + [tmp_path / "b" / "checkpoints"] * 2
    assert [each.figure for each in board.workloads[0].results] == [each.figure for each in alone.workloads[0].results]
    assert not (tmp_path / "a" / "checkpoints").exists()
