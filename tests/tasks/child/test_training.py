from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.contracts import ChildProtocol, Rule
from tasks.child import training
from tasks.child.examples import Choice, Examples
from tasks.child.training import Child, reproducible_arithmetic
from tasks.data.images import ImageData

Start = Callable[..., Child]


@pytest.fixture
def start(protocol: ChildProtocol, data: ImageData) -> Start:
    examples = Examples.of(Choice.of(protocol, data), torch.float32)

    def begin(learning_rate: float, seed: int = 0, report: Callable[[int], None] = lambda _: None) -> Child:
        rule = Rule.parse("g")
        return Child(rule, learning_rate, protocol=protocol, examples=examples, seed=seed, report=report)

    return begin


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The labels of every batch trained on, as the loss sees them."""
    seen: list[torch.Tensor] = []
    real = torch.nn.functional.cross_entropy

    def spy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(labels)
        return real(logits, labels)

    monkeypatch.setattr(training, "cross_entropy", spy)
    return seen


def test_an_epoch_is_the_whole_pool_once_shuffled_anew(start: Start, batches: list[torch.Tensor]) -> None:
    reports: list[int] = []
    child = start(0.01, report=reports.append)
    assert child.train_epoch()
    assert child.train_epoch()
    assert [len(batch) for batch in batches] == [20] * 6
    first, second = torch.cat(batches[:3]), torch.cat(batches[3:])
    assert first.bincount().tolist() == second.bincount().tolist() == [6] * 10
    assert not torch.equal(first, second)
    assert (child.examples, reports) == (120, [60, 60])


def test_every_learning_rate_sees_the_same_batches(start: Start, batches: list[torch.Tensor]) -> None:
    start(1e-5).train_epoch()
    start(1e-1).train_epoch()
    start(1e-1, seed=1).train_epoch()
    one, two, three = (torch.cat(batches[at : at + 3]) for at in (0, 3, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_a_loss_that_is_not_finite_ends_the_epoch_at_once(start: Start) -> None:
    reports: list[int] = []
    child = start(1e38, report=reports.append)
    assert not child.train_epoch()
    assert child.examples < 60
    assert reports == [child.examples]


def test_weights_ruined_by_the_last_step_are_noticed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start(0.01)
    steps: list[int] = []
    real = child._optimizer.step

    def ruin() -> None:
        real()
        steps.append(1)
        if len(steps) == 3:
            with torch.no_grad():
                child._network.linear.bias[0] = float("inf")

    monkeypatch.setattr(child._optimizer, "step", ruin)
    assert not child.train_epoch()
    assert child.examples == 60


def test_scoring_changes_nothing(start: Start) -> None:
    child = start(0.01)
    child.train_epoch()
    before = {key: value.clone() for key, value in child._network.state_dict().items()}
    score = child.score()
    assert score == child.score()
    assert all(torch.equal(value, before[key]) for key, value in child._network.state_dict().items())


def test_an_answer_that_is_not_finite_is_wrong(start: Start) -> None:
    child = start(0.01)
    with torch.no_grad():
        child._network.linear.bias.fill_(float("nan"))
    assert child.score() == 0.0


def test_it_learns(start: Start) -> None:
    child = start(0.1)
    for _ in range(5):
        assert child.train_epoch()
    assert child.score() > 0.5


def test_arithmetic_is_put_back_whatever_happens() -> None:
    def state() -> tuple[int, bool, bool]:
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            float(torch.tensor(1e-38) * 0.01) == 0.0,
        )

    def interrupted() -> None:
        with reproducible_arithmetic():
            assert state() == (1, True, True)
            raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = state()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert state() == before == (2, False, False)
    finally:
        torch.set_num_threads(threads)
