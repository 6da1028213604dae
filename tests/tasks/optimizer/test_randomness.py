"""Noise and drop: their statistics, and whose generator they draw from."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.seeds import derive_seed
from harness.tasks.optimizer.streams import Streams
from harness.tasks.optimizer.update_rule import RuleOptimizer

COUNT = 1_000_000


def delta(rule: str, gradient: Tensor, **settings: Any) -> Tensor:
    """Δ of one step from zero weights."""
    param = torch.zeros_like(gradient)
    optimizer = RuleOptimizer([param], rule, 1.0, **settings)
    param.grad = gradient
    optimizer.step()
    return -param


@pytest.mark.parametrize("rule", ["drop(m, 0.3) * exp(1e-3w)", "g + noise * drop(v, 0.1)", "noise"])
def test_the_seed_decides_and_the_global_generator_is_left_alone(rule: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (delta(rule, torch.ones(100), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def share_is(dropped: Tensor, probability: float) -> bool:
    """Within five standard errors: a false alarm once in 1.7 million calls."""
    spread = math.sqrt(probability * (1 - probability) / COUNT)
    return abs(float(dropped.double().mean()) - probability) < 5 * spread


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_drop_zeroes_the_given_share_and_does_not_rescale(probability: float, dtype: torch.dtype) -> None:
    result = delta(f"drop(g, {probability})", torch.full((COUNT,), 3.0, dtype=dtype))
    assert set(result.unique().tolist()) == {0.0, 3.0}
    assert share_is(result == 0.0, probability)


def test_different_drops_are_independent_and_equal_ones_share_a_mask() -> None:
    ones = torch.ones(COUNT)
    result = delta("drop(g, 0.3) + drop(g2, 0.5)", ones)
    assert share_is(result == 0.0, 0.3 * 0.5)
    assert share_is(result == 2.0, 0.7 * 0.5)
    assert delta("exp(drop(g, 0.3)) * drop(g, 0.3)", ones).unique().tolist() == [0.0, pytest.approx(math.e)]


def test_a_fresh_mask_for_each_step_and_each_tensor() -> None:
    first, second = torch.zeros(COUNT), torch.zeros(COUNT)
    first.grad, second.grad = torch.ones(COUNT), torch.ones(COUNT)
    optimizer = RuleOptimizer([first, second], "drop(g, 0.5)", 1.0)
    optimizer.step()
    assert share_is((first == 0) & (second == 0), 0.25)
    optimizer.step()
    assert share_is(first == 0, 0.25)


def test_a_dropped_infinity_is_zero() -> None:
    gradient = torch.tensor([math.inf, -math.inf, math.nan, 1.0]).repeat(1_000)
    result = delta("drop(g, 0.5)", gradient)
    assert not torch.equal(result.nan_to_num(), (-gradient).nan_to_num())
    assert (result[0::4] == 0).any()
    assert set(result[0::4].tolist()) == {0.0, math.inf}
    assert set(result[1::4].tolist()) == {0.0, -math.inf}
    assert (result[2::4] == 0).any()


def test_a_dropped_number() -> None:
    assert share_is(delta("drop(1, 0.3)", torch.ones(COUNT)) == 0.0, 0.3)


def test_noise_is_normal_with_its_sigma_and_one_tensor_a_step() -> None:
    for settings, sigma in (({}, 0.01), ({"noise_sigma": 2.0}, 2.0)):
        noise = delta("noise", torch.ones(COUNT), **settings).double()
        # Five standard errors each: a false alarm once in 1.7 million.
        assert abs(float(noise.mean())) < 5 * sigma / math.sqrt(COUNT)
        assert abs(float(noise.std()) / sigma - 1) < 5 / math.sqrt(2 * COUNT)
        assert abs(float((noise.abs() < sigma).double().mean()) - 0.6827) < 5 * math.sqrt(0.6827 * 0.3173 / COUNT)
    product = delta("noise * exp(noise)", torch.ones(1_000))
    noise = delta("noise", torch.ones(1_000))
    torch.testing.assert_close(product, noise * noise.exp())


def test_which_gpu_it_is_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfProcessor(torch.Generator):
        def __new__(cls, *_: object) -> OfProcessor:
            return super().__new__(cls)

    monkeypatch.setattr(torch, "Generator", OfProcessor)  # there need not be two GPUs here

    def seeds(*devices: str) -> list[int]:
        streams = Streams()
        return [streams.generator(torch.device(device), {}, seed=7).initial_seed() for device in devices]

    assert seeds("cuda:1") == seeds("cuda:0") == [derive_seed(7, "rule", "cuda:0")]
    assert seeds("cuda:3", "cpu", "cuda:1") == seeds("cuda:0", "cpu", "cuda:1")
    assert len(set(seeds("cuda:3", "cpu", "cuda:1"))) == 3
    assert seeds("cpu") == [derive_seed(7, "rule", "cpu")]


def test_a_stream_goes_on_from_the_state_whatever_has_replaced_it() -> None:
    """As ``ZeroRedundancyOptimizer`` replaces it, without a call of the optimizer."""
    device, state = torch.device("cpu"), {torch.zeros(2): {"stream": None}, torch.zeros(3): {"stream": None}}
    streams = Streams()

    def drawn() -> Tensor:
        return torch.rand(4, generator=streams.generator(device, state, seed=0))

    drawn()
    streams.keep(state)
    saved = [each["stream"] for each in state.values()]
    second, third = drawn(), drawn()
    for each, stream in zip(state.values(), saved, strict=True):
        each["stream"] = stream.to(torch.bfloat16)  # what torch makes of it for parameters of this type
    streams.keep(state)  # saved again before anything is drawn
    assert torch.equal(drawn(), second)
    late = torch.zeros(5)
    state = {late: {"stream": None}, **state}  # a parameter that has no stream yet does not begin it anew
    assert torch.equal(drawn(), third)
    streams.keep(state)
    assert torch.equal(state[late]["stream"], [*state.values()][1]["stream"])
    for each in state.values():
        each["stream"] = None  # as saved before anything was drawn
    assert torch.equal(drawn(), torch.rand(4, generator=Streams().generator(device, {}, seed=0)))


def test_a_stream_of_another_type_of_device_begins_anew() -> None:
    device, state = torch.device("cpu"), {torch.zeros(2): {"stream": torch.zeros(16, dtype=torch.uint8)}}  # a GPU's
    assert Streams().generator(device, state, seed=7).initial_seed() == derive_seed(7, "rule", "cpu")
