"""What runs train on: pinned whoever wrote the task, and with a cluster as its workers say."""

from __future__ import annotations

import dataclasses
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

from harness.cli.main import app
from harness.race import conditions
from harness.race.conditions import prepared
from harness.race.engines import engine
from harness.race.store.ledger import Ledger
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks.toy import QuadraticTask
from harness.tasks.toy.protocols import TOY_QUADRATIC


class Outside(QuadraticTask):
    """A task whose author did not think of the language."""

    environment = {"mine": "1"}  # noqa: RUF012 - the contract asks for no more


def test_the_language_is_pinned_for_a_task_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("outside")
    module.Outside = Outside  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "outside", module)
    protocol = dataclasses.replace(TOY_QUADRATIC, task="outside:Outside")
    training = prepared(protocol, "auto", None, device="cpu", cluster=None)
    assert training.conditions.environment == {"language": str(LANGUAGE_VERSION), "mine": "1"}
    assert dict(training.spec.environment) == training.conditions.environment
    built_in = prepared(TOY_QUADRATIC, "auto", None).conditions
    assert built_in.environment == QuadraticTask(TOY_QUADRATIC).environment


def test_with_a_cluster_no_task_is_built_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build = engine.build_task

    def elsewhere(*given: Any, **named: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread(), "only the worker has the device"
        return build(*given, **named)

    def invoke(*arguments: str) -> str:
        common = ("--protocol", "toy-quadratic", "--quiet", "--results", str(tmp_path), "--cluster", address)
        result = CliRunner().invoke(app, [*arguments, *common], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    for module in (conditions, engine):
        monkeypatch.setattr(module, "build_task", elsewhere)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        invoke("run", "--children", "3", "--seeds", "0", "--blocks", "1")
        assert "Confirmed rules" in invoke("confirm", "--top", "1", "--seeds", "0")
    records = Ledger.read(tmp_path).results()
    assert len(records) == 2
    assert all(each.header.environment == QuadraticTask(TOY_QUADRATIC).environment for each in records)
