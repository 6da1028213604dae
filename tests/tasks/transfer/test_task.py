"""A workload's child: the schedule, the test scores beside it, and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_workload import SMALL, LinesTask, Nothing

from harness.checkpoints import checkpoint, forget
from harness.contracts import Outcome, Rule, Status
from harness.errors import ProtocolError
from harness.tasks.optimizer.signs import sign_optimizer
from harness.tasks.optimizer.torch_optimizers import torch_optimizer
from harness.tasks.transfer.training import Training
from harness.tasks.transfer.workload import WorkloadProtocol

ADAM, NOISY = Rule.parse("adam"), Rule.parse("drop(m, 0.3) + noise")
DECAYING = Rule.parse("exp(ld) * m + 1e-3w * anneal * rd")


class KillError(BaseException):
    """Stands for a kill: nothing catches it."""


def scored(protocol: WorkloadProtocol, rule: Any = ADAM, **settings: Any) -> Outcome:
    """Return a candidate's outcome, with its seconds left out."""
    (outcome,) = LinesTask(protocol, Nothing(), **settings).evaluate([rule], seed=3)
    return replace(outcome, seconds=0.0)


def test_a_child_sweeps_and_the_best_rate_trains_on() -> None:
    """The diverged λ scores chance, and the test scores are those of the last and of the best epoch."""
    outcome = scored(SMALL, test=True)
    assert outcome.status is Status.OK
    assert outcome.learning_rate == 0.1
    assert [rate for rate, _ in outcome.sweep] == list(SMALL.learning_rates)
    assert len(outcome.curve) == SMALL.epochs
    assert outcome.score == outcome.curve[-1]
    assert outcome.examples == 20 * (3 + SMALL.epochs - 1)
    assert outcome.test is not None
    assert outcome.test_at_best == outcome.test, "the last epoch is the best one here"
    assert dict(outcome.figures).keys() == {"sum"}


def test_test_examples_change_no_other_figure() -> None:
    """A score on test examples decides nothing."""
    tested = scored(SMALL, test=True)
    assert scored(SMALL) == replace(tested, test=None, test_at_best=None, figures=())


def test_the_test_score_at_the_best_epoch_is_that_of_a_shorter_training() -> None:
    """A rule that gets worse after its best epoch keeps the test score that it had there."""
    drifting = Rule.parse("sign(g)")
    long = replace(SMALL, epochs=30)
    outcome = scored(long, drifting, test=True)
    best = outcome.curve.index(max(outcome.curve)) + 1
    assert best < 30
    assert outcome.test_at_best == scored(replace(long, epochs=best, horizon=30), drifting, test=True).test


OTHERS = (torch_optimizer("SGD(momentum=0.9,nesterov=True)"), sign_optimizer("AddSign(alpha=3,decay='rd',n=2)"))


@pytest.mark.parametrize("candidate", [ADAM, NOISY, DECAYING, *OTHERS])
def test_a_killed_child_goes_on_to_the_same_bits(tmp_path: Path, candidate: Any) -> None:
    """Whichever epoch it is killed after, sweep or later, the outcome is that of an undisturbed child."""
    whole = scored(SMALL, candidate, test=True)
    for kill in range(1, 7):
        folder, epochs = tmp_path / str(kill), [0]

        def watch(_: int, __: int, epochs: list[int] = epochs, kill: int = kill) -> None:
            epochs[0] += 1
            if epochs[0] > kill:
                raise KillError

        if kill < 6:
            with pytest.raises(KillError):
                scored(SMALL, candidate, test=True, checkpoints=folder, watch=watch)
        else:
            scored(SMALL, candidate, test=True, checkpoints=folder)
        trained: list[int] = []
        assert (
            scored(SMALL, candidate, test=True, checkpoints=folder, watch=lambda a, _, t=trained: t.append(a)) == whole
        )
        assert len(trained) == 6 - kill, "epochs before the kill are not trained again"
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("candidate", [ADAM, DECAYING, *OTHERS])
def test_a_child_of_more_epochs_goes_on_from_one_of_fewer(tmp_path: Path, candidate: Any) -> None:
    """A funnel's later rung trains only the epochs that are left; decays span those of the last one all along."""
    short, long = replace(SMALL, epochs=2, horizon=4), replace(SMALL, horizon=4)
    scored(short, candidate, checkpoints=tmp_path)
    trained: list[int] = []
    found = scored(long, candidate, checkpoints=tmp_path, watch=lambda a, _: trained.append(a))
    assert len(trained) == 2
    assert found == scored(long, candidate)


def test_decays_span_the_horizon_or_else_the_epochs() -> None:
    """Four steps an epoch: T is 16, or 40 with a horizon of ten epochs."""
    for protocol, total in ((SMALL, 16), (replace(SMALL, horizon=10), 40)):
        training = LinesTask(protocol, Nothing()).training(DECAYING, 0.1, seed=0, report=lambda *_: None)
        assert isinstance(training, Training)
        assert training.state()["optimizer"]["param_groups"][0]["total_steps"] == total


def test_a_checkpoint_of_another_child_is_not_used(tmp_path: Path) -> None:
    """Candidate, seed and numbers are in the name; a damaged file, and one of another environment, begin anew."""
    scored(SMALL, checkpoints=tmp_path)
    (file,) = tmp_path.iterdir()
    assert file == checkpoint(tmp_path, SMALL, ADAM, data="0123", seed=3)
    others = [
        checkpoint(tmp_path, SMALL, NOISY, data="0123", seed=3),
        checkpoint(tmp_path, SMALL, ADAM, data="0123", seed=4),
        checkpoint(tmp_path, SMALL, ADAM, data="4567", seed=3),
        checkpoint(tmp_path, replace(SMALL, batch_size=4), ADAM, data="0123", seed=3),
        checkpoint(tmp_path, replace(SMALL, epochs=5), ADAM, data="0123", seed=3),
    ]
    assert len({file, *others}) == 6
    whole = scored(SMALL)
    saved = torch.load(file, weights_only=True)
    for content in (saved | {"environment": {}}, {"state": 1}, [1]):
        torch.save(content, file)
        assert scored(SMALL, checkpoints=tmp_path) == whole
    file.write_bytes(file.read_bytes()[:100])
    assert scored(SMALL, checkpoints=tmp_path) == whole
    forget(tmp_path, SMALL, ADAM, data="0123", seed=3)
    forget(tmp_path, SMALL, ADAM, data="0123", seed=3)
    assert not list(tmp_path.iterdir())


def test_a_rule_that_diverges_after_the_sweep_scores_chance(tmp_path: Path) -> None:
    """Its test scores are chance, too, and it does not train again from its checkpoint."""
    runaway = replace(SMALL, learning_rates=(0.28,), epochs=200)
    outcome = scored(runaway, Rule.parse("g + g3"), test=True, checkpoints=tmp_path)
    assert outcome.status is Status.DIVERGED
    assert (outcome.score, outcome.test, outcome.test_at_best) == (0.0, 0.0, 0.0)


def test_an_error_in_training_is_an_outcome() -> None:
    """Law 2: whatever a candidate does, it is an outcome."""
    outcome = scored(SMALL, object())
    assert outcome.status is Status.ERROR


def test_rungs_are_refused() -> None:
    """A workload trains every λ for an epoch."""
    with pytest.raises(ProtocolError, match="rungs of protocol 'lines-mini': expected none"):
        LinesTask(replace(SMALL, rungs=(0.5,)), Nothing())
