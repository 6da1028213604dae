from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.contracts import ChildProtocol
from harness.seeds import derive_seed
from harness.space.zoo import resolve
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.step import FUSED, PLAIN, Network, starter
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer import building
from harness.tasks.optimizer.update_rule import RuleOptimizer

Begin = Callable[..., Child]


class Listened:
    """A network whose batches are written down."""

    def __init__(self, network: Network, batches: list[Tensor]) -> None:
        self.network, self.batches = network, batches
        self.parameters = network.parameters
        self.score = network.score

    def loss(self, chosen: Tensor) -> float:
        self.batches.append(chosen)
        return self.network.loss(chosen)


@pytest.fixture
def batches() -> list[Tensor]:
    """The examples of every batch trained on."""
    return []


@pytest.fixture
def roots() -> list[int]:
    """The seed of every network started."""
    return []


@pytest.fixture(params=[FUSED, PLAIN])
def start(
    request: pytest.FixtureRequest,
    protocol: ChildProtocol,
    data: ImageData,
    batches: list[Tensor],
    roots: list[int],
) -> Begin:
    examples = Examples.of(Choice.of(protocol, data), torch.float32)
    networks = starter(request.param, examples, batch_size=protocol.batch_size)

    def listened(root: int) -> Listened:
        roots.append(root)
        return Listened(networks(root), batches)

    def begin(
        learning_rate: float,
        seed: int = 0,
        report: Callable[[int, int], None] = lambda *_: None,
        rule: str = "g",
    ) -> Child:
        return Child(
            resolve(rule),
            learning_rate,
            protocol=protocol,
            start=listened,
            seed=seed,
            report=report,
        )

    return begin


def test_an_epoch_is_the_whole_pool_once_shuffled_anew(start: Begin, batches: list[Tensor]) -> None:
    reports: list[tuple[int, int]] = []
    child = start(0.01, report=lambda *told: reports.append(told))
    assert child.train_epoch()
    assert child.train_epoch()
    assert [len(batch) for batch in batches] == [20] * 6
    first, second = torch.cat(batches[:3]), torch.cat(batches[3:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(60))
    assert not torch.equal(first, second)
    assert (child.examples, reports) == (120, [(60, 60), (60, 60)])


@pytest.mark.parametrize("rule", ["powersign-ld", "addsign-rd", "g + anneal * cd", "drop(g, 0.3) * exp(rd)"])
def test_decays_span_all_epochs_of_a_child_and_the_sweep_is_their_beginning(
    rule: str, start: Begin, batches: list[Tensor]
) -> None:
    """To the bits of an optimizer that is told 9 steps, which are 3 epochs of 3, on the same batches."""
    child, twin = start(0.01, rule=rule), start(0.01)
    ends = []
    for _ in range(3):
        assert child.train_epoch()
        ends.append([weights.detach().clone() for weights in child._network.parameters])
    network = twin._network
    optimizer = RuleOptimizer(network.parameters, rule, 0.01, seed=derive_seed(0, "rule"), total_steps=9)
    for step, batch in enumerate(list(batches), start=1):
        network.loss(batch)
        optimizer.step()
        if step % 3 == 0:
            assert all(map(torch.equal, network.parameters, ends[step // 3 - 1]))
    assert step == 9


def test_every_learning_rate_sees_the_same_batches(start: Begin, batches: list[Tensor]) -> None:
    start(1e-5).train_epoch()
    start(1e-1).train_epoch()
    start(1e-1, seed=1).train_epoch()
    one, two, three = (torch.cat(batches[at : at + 3]) for at in (0, 3, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_weights_batches_and_the_rules_noise_each_have_a_stream_of_the_childs_seed(
    start: Begin, batches: list[Tensor], roots: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another stream moves every score: raise the protocol's version then."""
    built: list[dict[str, object]] = []

    def optimizer(*arguments: object, **named: object) -> RuleOptimizer:
        built.append(named)
        return RuleOptimizer(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "RuleOptimizer", optimizer)
    for seed in (0, 7):
        child = start(0.01, seed=seed)
        child.train_epoch()
        child.train_epoch()
    start(1.0, seed=7)
    assert roots == [derive_seed(seed, "weights") for seed in (0, 7, 7)]
    assert [named["seed"] for named in built] == [derive_seed(seed, "rule") for seed in (0, 7, 7)]
    for number, (seed, epoch) in enumerate([(0, 0), (0, 1), (7, 0), (7, 1)]):
        generator = torch.Generator().manual_seed(derive_seed(seed, "batches", epoch))
        assert torch.equal(torch.cat(batches[3 * number : 3 * number + 3]), torch.randperm(60, generator=generator))


def test_children_of_one_seed_start_from_equal_weights_and_of_another_from_others(start: Begin) -> None:
    one, same, other = (
        torch.cat([part.detach().reshape(-1).clone() for part in start(rate, seed=seed)._network.parameters])
        for rate, seed in ((1e-3, 0), (1.0, 0), (1e-3, 1))
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_loss_that_is_not_finite_ends_the_epoch_at_once(start: Begin) -> None:
    reports: list[tuple[int, int]] = []
    child = start(1e38, report=lambda *told: reports.append(told))
    assert not child.train_epoch()
    assert child.examples < 60
    assert reports == [(child.examples, 60)]


def test_an_epoch_in_parts_is_the_same_epoch(start: Begin, batches: list[Tensor]) -> None:
    reports: list[tuple[int, int]] = []
    whole, parted = start(0.01), start(0.01, report=lambda *told: reports.append(told))
    whole.train_epoch()
    whole.train_epoch()
    losses = [parted.train_until(1 / 3), parted.train_until(2 / 3)]
    assert parted.train_epoch()
    assert parted.train_epoch()
    assert parted.examples == whole.examples == 120
    assert reports == [(20, 20), (20, 20), (20, 20), (60, 60)]
    assert torch.equal(torch.cat(batches[:6]), torch.cat(batches[6:]))
    assert parted.score() == whole.score()
    assert all(1 < loss < 4 for loss in losses)


def test_weights_ruined_by_the_last_step_are_noticed(start: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start(0.01)
    steps: list[int] = []
    real = child._optimizer.step

    def ruin() -> None:
        real()
        steps.append(1)
        if len(steps) == 3:
            with torch.no_grad():
                child._network.parameters[-1].view(-1)[-1] = float("inf")

    monkeypatch.setattr(child._optimizer, "step", ruin)
    assert not child.train_epoch()
    assert child.examples == 60


def test_it_learns(start: Begin) -> None:
    child = start(0.1)
    for _ in range(5):
        assert child.train_epoch()
    assert child.score() > 0.5


def test_arithmetic_is_put_back_whatever_happens() -> None:
    def state() -> tuple[int, bool, bool, bool]:
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            float(torch.tensor(1e-38) * 0.01) == 0.0,
            torch.utils.deterministic.fill_uninitialized_memory,
        )

    def interrupted() -> None:
        with reproducible_arithmetic():
            assert state() == (1, True, True, False)
            raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = state()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert state() == before == (2, False, False, True)
    finally:
        torch.set_num_threads(threads)
