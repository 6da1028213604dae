"""What ``--workers``, ``--seeds`` and ``--device`` mean, alike in all commands, and that mistakes are told first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from complaints import complaint
from typer.testing import CliRunner

from harness.cli import options
from harness.cli.main import app
from harness.library import arguments as called
from harness.race import conditions
from harness.race.engines.inline import InlineEngine
from harness.race.store.ledger import Ledger

RUN = ("run", "--searcher", "random", "--protocol", "toy-quadratic", "--seeds", "0", "--quiet")
CONFIRM = ("confirm", "--rule", "m * exp(g2)", "--protocol", "toy-quadratic", "--workers", "1", "--quiet")
needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_workers_are_no_more_than_cores_unless_the_user_insists(capsys: pytest.CaptureFixture[str]) -> None:
    assert options.worker_count("auto") == 2
    assert options.worker_count("1") == 1
    assert options.worker_count("2") == 2
    assert options.worker_count("1000", oversubscribe=True) == 1000
    assert capsys.readouterr().err == ""
    assert options.worker_count("1000") == 2
    assert capsys.readouterr().err == "--workers 1000: limited to 2 for 2 cores; --oversubscribe allows more\n"


def test_on_a_gpu_an_asynchronous_search_has_two_workers_so_that_one_trains_while_the_searcher_is_asked() -> None:
    assert options.worker_count("auto", device="cuda") == 1
    assert options.worker_count("auto", device="cuda", asynchronous=True) == 2
    assert options.worker_count("1", device="cuda", asynchronous=True) == 1
    assert called.workers("auto", device="cuda", asynchronous=True) == 2


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("arguments", "children", "expected"),
    [
        ((*RUN, "--children", "3", "--workers", "1000"), 3, 2),
        ((*RUN, "--children", "3", "--workers", "1000", "--oversubscribe"), 3, 3),
        ((*RUN, "--children", "1"), 1, 1),
        (("confirm", "--rule", "m * exp(g2)", *RUN[3:], "--workers", "1000", "--oversubscribe"), 8, 8),
    ],
)
def test_no_command_opens_more_workers_than_it_has_cores_or_children(
    arguments: tuple[str, ...], children: int, expected: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[int] = []

    def opening(spec: Any, *, workers: int, cluster: str | None, task: Any) -> InlineEngine:
        del cluster
        opened.append(workers)
        return InlineEngine(task or spec.build())

    monkeypatch.setattr(conditions, "open_engine", opening)
    invoke(*arguments, "--results", str(tmp_path))
    assert opened == [expected]
    with Ledger.read(tmp_path) as ledger:
        assert [record.header.budget.children for record in ledger.runs()] == [children]


@pytest.mark.parametrize(
    ("text", "expected"), [("0-2", (0, 1, 2)), ("100,103", (100, 103)), ("0", (0,)), ("3", (3,)), ("0-1,1", (0, 1))]
)
def test_seeds_are_a_list_for_run_and_confirm_alike(text: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    searched, confirmed = tmp_path / "searched", tmp_path / "confirmed"
    run = (*RUN[:5], "--children", "1", "--workers", "1", "--quiet", "--results", str(searched), "--seeds", text)
    invoke(*run)
    told = invoke(*CONFIRM, "--results", str(confirmed), "--seeds", text)
    for folder in (searched, confirmed):
        with Ledger.read(folder) as ledger:
            assert sorted(record.header.seed for record in ledger.runs()) == list(expected)
    # It was the number of seeds of a confirmation once, and published commands have it.
    said = "--seeds 3 means the single seed 3, as in every command; for 3 seeds write --seeds 0-2"
    assert (said in told) == (text == "3")


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        pytest.fail("data was loaded before the options were checked")

    monkeypatch.setattr(conditions, "dataset", load)


SCORING = [
    ["rule", "score", "g"],
    ["run", "--searcher", "random"],
    ["race", "--searchers", "random"],
    ["confirm", "--rule", "g2"],
]


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:", "CPU", "cpu:0", ""])
@pytest.mark.parametrize("arguments", SCORING, ids=" ".join)
def test_no_data_is_loaded_for_a_device_that_is_none(
    arguments: list[str],
    device: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = complaint(capsys, monkeypatch, *arguments, "--device", device)
    assert line == f"harness: device: expected cpu, or cuda if there is a GPU, got {device!r}. Name one of these.\n"
    assert list(tmp_path.iterdir()) == []


@needs_none
@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("arguments", SCORING, ids=" ".join)
@pytest.mark.parametrize(
    ("protocol", "expected"), [("quick", "finds no GPUs"), ("toy-quadratic", "expected cpu, got cuda")]
)
def test_no_data_is_loaded_for_a_device_that_is_not_there(
    arguments: list[str],
    protocol: str,
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in complaint(capsys, monkeypatch, *arguments, "--protocol", protocol, "--device", "cuda")


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("arguments", SCORING[1:], ids=" ".join)
def test_no_data_is_loaded_for_a_cluster_that_does_not_answer(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    line = complaint(capsys, monkeypatch, *arguments, "--cluster", "nonsense://somewhere")
    assert "expected a Dask scheduler that answers" in line
