"""The network: its LSTM against the equations, functions that do not meet, gradients to all that they should reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import SettingError
from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.network import Network

LSTM = Architecture(dimensions=3, hidden=5)
DNC = Architecture(dimensions=3, cell="dnc", hidden=5, slots=4, width=3, heads=2)


def inputs(steps: int, count: int, architecture: Architecture) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(steps, count, architecture.inputs, generator=generator)


def test_the_lstm_computes_what_the_equations_say() -> None:
    network = Network(LSTM, seed=1)
    cell = {name: weight.detach().numpy().astype(float) for name, weight in network.named_parameters()}
    h = c = np.zeros((2, 5))
    state = network.start(2)
    for given in inputs(4, 2, LSTM):
        gates = given.numpy() @ cell["cell.cell.weight_ih"].T + h @ cell["cell.cell.weight_hh"].T
        gates = gates + cell["cell.cell.bias_ih"] + cell["cell.cell.bias_hh"]
        added, kept, shown = (1 / (1 + np.exp(-gates[:, 5 * k : 5 * k + 5])) for k in (0, 1, 3))
        c = kept * c + added * np.tanh(gates[:, 10:15])
        h = shown * np.tanh(c)
        expected = 1 / (1 + np.exp(-(h @ cell["output.weight"].T + cell["output.bias"])))
        points, state = network(given, state)
        np.testing.assert_allclose(points.detach().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("architecture", [LSTM, DNC])
def test_functions_side_by_side_do_not_influence_each_other(architecture: Architecture) -> None:
    network, given = Network(architecture, seed=0), inputs(6, 4, architecture)
    together, alone = network.start(4), [network.start(1) for _ in range(4)]
    for each in given:
        points, together = network(each, together)
        for number in range(4):
            point, alone[number] = network(each[number : number + 1], alone[number])
            torch.testing.assert_close(point[0], points[number])


@pytest.mark.parametrize("architecture", [LSTM, DNC])
def test_gradients_reach_every_weight_and_every_earlier_input(architecture: Architecture) -> None:
    network, given = Network(architecture, seed=0), inputs(6, 2, architecture).requires_grad_()
    state = network.start(2)
    for each in given:
        points, state = network(each, state)
    points.sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())
    assert given.grad is not None
    assert (given.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize("architecture", [LSTM, DNC])
def test_an_earlier_state_stays_as_it_was(architecture: Architecture) -> None:
    network, given = Network(architecture, seed=0), inputs(2, 2, architecture)
    _, before = network(given[0], network.start(2))
    first, _ = network(given[1], before)
    again, _ = network(given[1], before)
    assert torch.equal(first, again)


def test_the_parallel_form_reads_one_number_more() -> None:
    assert Architecture(dimensions=3).inputs == 4
    assert Architecture(dimensions=3, parallel=5).inputs == 5


def test_the_seed_decides_the_weights_and_nothing_global_is_drawn() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (Network(LSTM, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.output.weight, other.output.weight)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"cell": "ltsm"}, "Did you mean 'lstm'"),
        ({"dimensions": 0}, "dimensions: expected 1 to 256, got 0"),
        ({"hidden": 0}, "hidden: expected 1 to 512, got 0"),
        ({"parallel": -1}, "parallel: expected 0 to 64, got -1"),
        ({"slots": 1}, "slots: expected 2 to 128, got 1"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Architecture(**{"dimensions": 2, **sizes})


@pytest.mark.parametrize("cell", ["lstm", "dnc"])
@pytest.mark.parametrize("dimensions", [1, 6])
def test_a_new_network_looks_around_and_heeds_what_it_reads(cell: str, dimensions: int) -> None:
    network = Network(Architecture(dimensions=dimensions, cell=cell), seed=0)
    generator, told, state = torch.Generator().manual_seed(1), torch.zeros(64, dimensions + 1), network.start(64)
    points = []
    with torch.no_grad():
        for _ in range(30):
            point, state = network(told, state)
            told = torch.cat([point, torch.randn(64, 1, generator=generator)], 1)
            points.append(point)
    assert torch.stack(points).std(0).mean() > 0.02, "over the steps of a function"
    assert torch.stack(points[5:]).std(1).mean() > 0.02, "over functions"
