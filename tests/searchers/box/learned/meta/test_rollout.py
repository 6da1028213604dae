"""Unrolling: what the network reads at each step, in both forms, and gradients from the loss to its weights."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.searchers.box.learned.architecture import Architecture, Cell
from harness.searchers.box.learned.meta import rollout
from harness.searchers.box.learned.meta.losses import Loss, loss_of
from harness.searchers.box.learned.meta.rollout import BETWEEN, Batch, finishing, unroll
from harness.searchers.box.learned.network import Network, State
from harness.seeds import derive_seed

CPU = torch.device("cpu")


class Recording(Network):
    """A network that remembers what it read and where it asked."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture, seed=0)
        self.read: list[Tensor] = []
        self.asked: list[Tensor] = []

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        points, state = super().forward(inputs, state)
        self.read.append(inputs)
        self.asked.append(points)
        return points, state


def by_events(durations: np.ndarray, parallel: int) -> list[int | None]:
    """Which point of one function has finished before each step, by a queue of events."""
    running: list[tuple[float, int]] = []
    found: list[int | None] = []
    now = 0.0
    for step, duration in enumerate(durations):
        done = None
        if step >= parallel:
            now, done = heapq.heappop(running)
        found.append(done)
        heapq.heappush(running, (now + duration, step))
    return found


def test_each_point_follows_from_the_last_one_and_its_value() -> None:
    network = Recording(Architecture(dimensions=2, hidden=5))
    found = unroll(network, Batch.draw(1, 3, 6, parallel=0, device=CPU))
    assert (network.read[0] == 0).all()
    for step in range(1, 6):
        told = torch.cat([network.asked[step - 1], found.values[:, step - 1, None].float()], 1)
        assert torch.equal(network.read[step], told)


@pytest.mark.parametrize("parallel", [1, 2, 5])
def test_with_workers_results_come_in_the_order_in_which_they_finish(parallel: int) -> None:
    count, steps, seed = 4, 12, 2
    network = Recording(Architecture(dimensions=2, parallel=parallel, hidden=5))
    found = unroll(network, Batch.draw(seed, count, steps, parallel=parallel, device=CPU))
    stream = np.random.Generator(np.random.Philox(key=derive_seed(seed, "durations")))
    durations = stream.uniform(*BETWEEN, (count, steps))
    late = 0
    for row in range(count):
        for step, done in enumerate(by_events(durations[row], parallel)):
            read = network.read[step][row]
            if done is None:
                assert (read == 0).all()
                continue
            assert read[0] == 1
            told = torch.cat([network.asked[done][row], found.values[row, done, None].float()])
            assert torch.equal(read[1:], told)
            late += done != step - parallel
    assert (late > 0) == (parallel > 1), "else the order of finishing is never another one than that of asking"


def test_which_worker_finishes_depends_on_the_seed_and_the_draw_alone() -> None:
    few, many = finishing(3, 2, 20, 4), finishing(3, 5, 20, 4)
    assert torch.equal(few, many[:, :2])
    assert not torch.equal(few, finishing(4, 2, 20, 4))


@pytest.mark.parametrize("parallel", [0, 3])
@pytest.mark.parametrize("cell", ["lstm", "dnc"])
@pytest.mark.parametrize("loss", ["sum", "ei", "oi", "oi-whole"])
def test_the_gradient_by_the_weights_is_what_differences_say(
    monkeypatch: pytest.MonkeyPatch, loss: Loss, cell: Cell, parallel: int
) -> None:
    monkeypatch.setattr(rollout, "STEEPEST", math.inf)
    architecture = Architecture(dimensions=2, cell=cell, parallel=parallel, hidden=4, slots=3, width=3, heads=1)
    network = Network(architecture, seed=1).double()
    batch = Batch.draw(5, 8, 7, parallel=parallel, device=CPU)
    weights = list(network.parameters())
    loss_of(loss, unroll(network, batch)).backward()
    generator = torch.Generator().manual_seed(6)
    directions = [torch.randn(each.shape, dtype=each.dtype, generator=generator) for each in weights]
    found = sum(float((each.grad * way).sum()) for each, way in zip(weights, directions, strict=True))
    step, values = 1e-5, []
    if loss == "oi":
        values_of = _with_incumbents_of(network, batch)
    for sign in (1, -1):
        with torch.no_grad():
            for each, way in zip(weights, directions, strict=True):
                each += sign * step * way
            unrolled = unroll(network, batch)
            values.append(float(values_of(unrolled.values) if loss == "oi" else loss_of(loss, unrolled)))
            for each, way in zip(weights, directions, strict=True):
                each -= sign * step * way
    assert found == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-8)
    assert abs(found) > 1e-5


def test_gradients_by_points_that_are_too_steep_are_shortened_for_each_draw_alone() -> None:
    points = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [-60.0, 80.0]], dtype=torch.float64)
    shortened = rollout._shortened(points)
    lengths = [rollout.STEEPEST / 4, 0.5, 0.0, rollout.STEEPEST / 4]
    torch.testing.assert_close(torch.linalg.vector_norm(shortened, dim=1), torch.tensor(lengths, dtype=torch.float64))
    torch.testing.assert_close(shortened[1:3], points[1:3])
    torch.testing.assert_close(shortened[3] / 2.5, torch.tensor([-0.6, 0.8], dtype=torch.float64))


def test_an_unroll_shortens_them(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = Architecture(dimensions=2, hidden=4)
    network, batch = Network(architecture, seed=1), Batch.draw(5, 8, 7, parallel=0, device=CPU)

    def length() -> float:
        gradients = torch.autograd.grad(loss_of("oi", unroll(network, batch)), list(network.parameters()))
        return float(sum(each.square().sum() for each in gradients))

    usual = length()
    monkeypatch.setattr(rollout, "STEEPEST", 1e-3)
    assert length() < 1e-3 * usual


def _with_incumbents_of(network: Network, batch: Batch):
    """The observed improvement against fixed incumbents, since its gradient stops there."""
    with torch.no_grad():
        incumbents = unroll(network, batch).values.cummin(1).values[:, :-1]
    return lambda values: (values[:, 1:] - incumbents).clamp(max=0).sum(1).mean()
