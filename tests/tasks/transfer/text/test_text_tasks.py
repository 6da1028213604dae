"""Both tasks keep every promise, and a child goes on from its checkpoint to the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_text import SMALL_LM, SMALL_NMT, small_pairs, small_text

from harness.conformance import check_task, failures
from harness.contracts import Outcome, Rule, Status
from harness.errors import DataError
from harness.race.conditions import dataset
from harness.race.protocols import check_protocol
from harness.registry import AUTOMATIC, BUILT_IN, STAND_INS, Kind, load
from harness.tasks.optimizer.torch_optimizers import torch_optimizer
from harness.tasks.transfer.text.protocols import LM, LM_MINI, NMT, NMT_MINI, TextProtocol

TASKS = {"lm": (SMALL_LM, small_text), "nmt": (SMALL_NMT, small_pairs)}
BOTH = pytest.mark.parametrize("name", TASKS)


class KillError(BaseException):
    """Stands for a kill: nothing catches it."""


def scored(name: str, candidate: Any, **settings: Any) -> Outcome:
    protocol, data = TASKS[name]
    (outcome,) = load(Kind.TASK, name)(protocol, data(), test=True, **settings).evaluate([candidate], seed=3)
    assert outcome.status is Status.OK, outcome.message
    return replace(outcome, seconds=0.0)


@BOTH
def test_the_tasks_conform(name: str) -> None:
    """Among the promises: the same bits in another process, and one line for whatever a rule breaks."""
    protocol, data = TASKS[name]
    assert failures(check_task(name, protocol=protocol, data=data(), rules=6)) == []


@BOTH
@pytest.mark.parametrize("candidate", [Rule.parse("drop(m, 0.3) + noise"), torch_optimizer("Adam")])
def test_a_killed_child_goes_on_to_the_same_bits(name: str, candidate: Any, tmp_path: Path) -> None:
    """After the first epoch of the sweep, and between the epochs at the best rate."""
    whole = scored(name, candidate)
    assert len(whole.curve) == 3
    assert whole.test is not None
    for kill in (1, 3):
        epochs = [0]

        def watch(_: int, __: int, epochs: list[int] = epochs, kill: int = kill) -> None:
            epochs[0] += 1
            if epochs[0] > kill:
                raise KillError

        with pytest.raises(KillError):
            scored(name, candidate, checkpoints=tmp_path / str(kill), watch=watch)
        assert scored(name, candidate, checkpoints=tmp_path / str(kill)) == whole


def test_bleu_is_kept_beside_the_score() -> None:
    assert dict(scored("nmt", Rule.parse("adam")).figures).keys() == {"BLEU"}
    assert scored("lm", Rule.parse("adam")).figures == ()


@pytest.mark.parametrize("protocol", [LM, LM_MINI, NMT, NMT_MINI], ids=lambda protocol: protocol.name)
def test_the_protocols_are_registered_with_perplexity(protocol: TextProtocol) -> None:
    check_protocol(protocol)
    assert load(Kind.PROTOCOL, protocol.name).protocol is protocol
    assert protocol.measured.figure(0.01) == pytest.approx(100)
    assert protocol.chance == 1 / (protocol.vocabulary or 10_000)
    targets = load(Kind.PROTOCOL, protocol.name).targets
    assert list(targets) == sorted(targets)
    assert targets[0] > protocol.chance


@pytest.mark.parametrize("protocol", [LM_MINI, NMT_MINI], ids=lambda protocol: protocol.name)
def test_auto_and_the_stand_in_are_of_the_kind_that_a_protocol_reads(
    protocol: TextProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_DATA_ROOT", raising=False)
    stand_in = dataset(STAND_INS[protocol.inputs], None, protocol)
    assert dataset("auto", None, protocol).fingerprint == stand_in.fingerprint
    workload = load(Kind.TASK, protocol.task)(protocol, stand_in).workload
    assert workload.examples <= protocol.train_examples < workload.examples + 700
    with pytest.raises(DataError, match=rf"expected {protocol.inputs}, got cifar10, which holds images. Choose "):
        dataset("cifar10", None, protocol)


def test_every_registered_data_set_says_what_it_holds() -> None:
    assert {entry.inputs for entry in BUILT_IN[Kind.DATA].values()} == set(AUTOMATIC) == set(STAND_INS)
    for inputs, name in STAND_INS.items():
        assert BUILT_IN[Kind.DATA][name].inputs == inputs
