"""The differentiable neural computer: against the paper's equations in loops, and on tasks that need its memory."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.dnc import EPSILON, DncCell, DncState, _scaled
from harness.searchers.box.learned.network import Network

sys.path.append(str(Path(__file__).parents[3] / "support"))
from dnc_by_loops import LoopedDnc

SMALL = Architecture(dimensions=3, cell="dnc", hidden=7, slots=5, width=4, heads=2)


def lively(architecture: Architecture, seed: int) -> Network:
    """A network in float64 whose weights are large, so that its gates open and its heads choose."""
    network = Network(architecture, seed=seed).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(3.0)
    return network


def run(network: Network, inputs: Tensor, state: DncState | None = None) -> tuple[Tensor, DncState]:
    """Return points (steps, count, dimensions) and the last state, for inputs (steps, count, inputs)."""
    state, points = state or network.start(inputs.shape[1], dtype=inputs.dtype), []
    for each in inputs:
        point, state = network(each, state)
        points.append(point)
    return torch.stack(points), state


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_it_computes_what_the_papers_equations_say(heads: int) -> None:
    architecture = Architecture(dimensions=3, cell="dnc", hidden=7, slots=5, width=4, heads=heads)
    network, inputs = lively(architecture, seed=heads), noise(30, 2, 4)
    points, state = run(network, inputs)
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    for number in range(2):
        looped = LoopedDnc(weights, slots=5, width=4, heads=heads, epsilon=EPSILON)
        expected = [looped.step(each) for each in inputs[:, number].numpy()]
        np.testing.assert_allclose(points[:, number].detach().numpy(), expected, atol=1e-4)
        for ours, theirs in (
            (state.memory, looped.memory),
            (state.usage, looped.usage),
            (state.links, looped.links),
            (state.precedence, looped.precedence),
            (state.read, looped.read),
        ):
            np.testing.assert_allclose(ours[number].detach().numpy(), theirs, atol=1e-4)
        assert looped.links.max() > 0.01, "its links were used"
        assert looped.usage.max() > 0.1


def test_the_least_used_slot_is_allocated_first() -> None:
    cell = DncCell(SMALL)
    usage = torch.tensor([[1.0, 0.0, 1.0, 1.0, 1.0], [0.5, 1.0, 0.25, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[0, 1.0, 0, 0, 0], [0.5 * 0.25, 0, 0.75, 0, 0], [1.0, 0, 0, 0, 0]])
    torch.testing.assert_close(cell._allocation(usage), expected, atol=1e-5, rtol=0)


def test_its_gradients_are_those_of_differences() -> None:
    network, inputs = lively(SMALL, seed=3), noise(4, 2, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: run(network, given)[0].sum(0), inputs)


def test_gradients_stay_finite_where_the_memory_is_empty() -> None:
    network, inputs = Network(SMALL, seed=0), torch.zeros(100, 3, 4, requires_grad=True)
    run(network, inputs)[0].sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


def test_a_word_of_zeros_is_like_no_other_and_its_gradient_is_finite() -> None:
    words = torch.zeros(1, 2, requires_grad=True)
    scaled = _scaled(words)
    scaled.sum().backward()
    assert torch.equal(scaled, torch.zeros(1, 2))
    assert words.grad is not None
    assert words.grad.isfinite().all()
    torch.testing.assert_close(_scaled(torch.tensor([3.0, 4.0])), torch.tensor([0.6, 0.8]))


def learned(*, repeats: int, memory: bool = True) -> float:
    """Train on sequences of bits that are shown once and then to be given back; return the share that is right.

    In between the controller forgets its own state, so that only the memory can tell what was shown.

    Args:
        repeats: how often the sequence is to be given back.
        memory: whether the memory is kept; without it, all there is to do is to guess.
    """
    length, bits = 3, 2
    architecture = Architecture(dimensions=bits, cell="dnc", hidden=16, slots=6, width=6, heads=1)
    network, rng = Network(architecture, seed=0), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    right = 0.0
    for _ in range(250 if memory else 20):
        shown = torch.randint(0, 2, (length, 64, bits), generator=rng).float()
        inputs = torch.zeros(length * (1 + repeats), 64, bits + 1)
        inputs[:length, :, :bits] = shown
        inputs[length:, :, bits] = 1.0
        _, state = run(network, inputs[:length])
        blank = network.start(64)
        assert isinstance(blank, DncState)
        state = replace(state, h=blank.h, c=blank.c) if memory else blank
        points, wanted = run(network, inputs[length:], state)[0], shown.repeat(repeats, 1, 1)
        right = ((points > 0.5) == (wanted > 0.5)).float().mean().item()
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy(points, wanted).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
    return right


@pytest.mark.parametrize("repeats", [1, 2], ids=["copy", "repeat"])
def test_it_learns_to_give_sequences_back_from_its_memory(repeats: int) -> None:
    assert learned(repeats=repeats) > 0.95


def test_without_the_memory_it_would_have_to_guess() -> None:
    """384 fair coins are right more often than 65% once in 10⁸ times."""
    assert learned(repeats=1, memory=False) < 0.65
