"""The gradient of an unroll: against finite differences, against plain autograd, and over parts of the coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from harness.tasks.learned.lstm import Architecture, CoordinateLstm
from harness.tasks.learned.meta import rollout as module
from harness.tasks.learned.meta.rollout import Recorded, Rollout, accumulate
from harness.tasks.learned.problem import ALL, KERNELS, REST, Layer

PLAIN = Architecture(hidden=3, layers=2, preprocessing=0.0, scale=1.0)
PAPER = Architecture(hidden=3, layers=2)


@dataclass
class Linear:
    """f_t(θ) = a_t·θ in float64: its gradient is constant, so that the gradient of an unroll is exact."""

    slopes: Tensor  # (steps, problems, parameters)
    layers: Sequence[Layer] = (Layer("w", (4,)),)

    def start(self) -> Tensor:
        return torch.ones_like(self.slopes[0])

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        return (self.slopes[step] * weights).sum(1), self.slopes[step]


@dataclass
class Quartic:
    """f(θ) = Σ aθ⁴ + θ² in float64, by hand; minibatches differ by a factor."""

    scale: Tensor  # (problems, parameters)
    layers: Sequence[Layer] = (Layer("kernel", (1, 1, 2, 2)), Layer("bias", (2,)))

    def start(self) -> Tensor:
        return torch.linspace(-1, 1, self.scale.numel(), dtype=self.scale.dtype).reshape(self.scale.shape)

    def value(self, weights: Tensor, step: int) -> Tensor:
        return (1 + 0.1 * step) * (self.scale * weights**4 + weights**2).sum(1)

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:
        slope = (1 + 0.1 * step) * (4 * self.scale * weights**3 + 2 * weights)
        return self.value(weights, step), slope


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact(architecture: Architecture, seed: int = 0) -> CoordinateLstm:
    return CoordinateLstm(architecture, seed=seed).double()


def gradients(network: CoordinateLstm) -> list[Tensor]:
    found = [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]
    network.zero_grad()
    return found


def close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("architecture", [PLAIN, PAPER])
def test_the_gradient_of_an_unroll_agrees_with_finite_differences(architecture: Architecture) -> None:
    problems, network, steps = Linear(drawn(6, 2, 4)), exact(architecture), 5
    _, recorded = Rollout(problems, {ALL: network}).unroll(steps)
    accumulate(network, recorded[ALL])
    found = gradients(network)

    def loss() -> float:
        return float(Rollout(problems, {ALL: network}).unroll(steps)[0].sum())

    by, checked = 1e-5, 0
    with torch.no_grad():
        for weight, gradient in zip(network.parameters(), found, strict=True):
            flat = weight.view(-1)
            for place in range(0, len(flat), 5):
                before = float(flat[place])
                flat[place] = before + by
                above = loss()
                flat[place] = before - by
                below = loss()
                flat[place] = before
                expected, checked = (above - below) / (2 * by), checked + 1
                assert float(gradient.view(-1)[place]) == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert checked > 20


def unrolled(
    problems: Quartic, network: CoordinateLstm, unrolls: int, steps: int, *, dropped: bool
) -> list[list[Tensor]]:
    """The gradients of some unrolls by plain autograd, one after another with the state carried over.

    Args:
        problems: what is optimized.
        network: the optimizer.
        unrolls: how many.
        steps: of each.
        dropped: whether ∂∇/∂φ is taken as 0.
    """
    weights, step, found = problems.start(), 0, []
    shape = (network.architecture.layers, weights.numel(), network.architecture.hidden)
    h, c = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    for _ in range(unrolls):
        weights, h, c = (each.detach() for each in (weights, h, c))
        weights.requires_grad_()
        loss = torch.zeros((), dtype=torch.float64)
        for _ in range(steps):
            value = problems.value(weights, step).sum()
            (slope,) = torch.autograd.grad(value, weights, create_graph=not dropped)
            read = slope.reshape(1, -1, 1)
            hidden, (h, c) = network.lstm(read.detach() if dropped else read, (h, c))
            weights = weights + network.output(hidden).view_as(weights) * network.architecture.scale
            step += 1
            loss = loss + problems.value(weights, step).sum()
        loss.backward()
        found.append(gradients(network))
    return found


def test_it_is_that_of_plain_autograd_with_the_gradients_detached() -> None:
    problems, network = Quartic(drawn(2, 6).abs()), exact(PLAIN)
    rollout, found = Rollout(problems, {ALL: network}), []
    for _ in range(3):
        _, recorded = rollout.unroll(4)
        accumulate(network, recorded[ALL])
        found.append(gradients(network))
    for ours, plain in zip(found, unrolled(problems, network, 3, 4, dropped=True), strict=True):
        close(ours, plain)
    whole = unrolled(problems, network, 1, 4, dropped=False)[0]
    assert not torch.allclose(found[0][0], whole[0], rtol=1e-3), "second derivatives would change it"


def test_an_unroll_returns_the_values_after_each_step() -> None:
    problems, network = Quartic(drawn(2, 6).abs()), exact(PAPER)
    one, other = Rollout(problems, {ALL: network}), Rollout(problems, {ALL: network})
    values, _ = one.unroll(3)
    more, _ = one.unroll(2)
    for expected in [*values, *more]:
        other.step()
        assert torch.equal(other.evaluate()[0], expected)
        assert torch.equal(expected, problems.value(other.weights, other.steps))


def test_each_kind_of_parameter_has_its_own_lstm() -> None:
    problems = Quartic(drawn(2, 6).abs())
    networks = {KERNELS: exact(PAPER, seed=1), REST: exact(PAPER, seed=2)}
    rollout = Rollout(problems, networks)
    _, recorded = rollout.unroll(3)
    assert {kind: each.gradients.shape for kind, each in recorded.items()} == {KERNELS: (4, 8), REST: (4, 4)}
    alone = Rollout(problems, {ALL: networks[KERNELS]})
    alone.unroll(3)
    torch.testing.assert_close(rollout.weights[:, :4], alone.weights[:, :4])
    assert not torch.allclose(rollout.weights[:, 4:], alone.weights[:, 4:])


def recorded_of(network: CoordinateLstm) -> Recorded:
    rollout = Rollout(Quartic(drawn(2, 6).abs()), {ALL: network})
    rollout.unroll(2)  # so that the state is not zero
    return rollout.unroll(5)[1][ALL]


def test_parts_of_the_coordinates_add_up_to_the_whole() -> None:
    """So a part that is drawn at random is an unbiased estimate, whatever its size."""
    network = exact(PAPER)
    recorded = recorded_of(network)
    accumulate(network, recorded)
    whole = gradients(network)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    for part in order.split(5):
        accumulate(network, recorded, chosen=part, weight=len(part) / 12)
    close(gradients(network), whole)


def test_coordinates_are_differentiated_in_pieces_without_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    network = exact(PAPER)
    recorded = recorded_of(network)
    accumulate(network, recorded, weight=0.5)
    whole = gradients(network)
    monkeypatch.setattr(module, "SEQUENCES", 5)
    accumulate(network, recorded, weight=0.5)
    close(gradients(network), whole)
