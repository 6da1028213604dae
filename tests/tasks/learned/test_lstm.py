"""The coordinate-wise LSTM: its inputs by hand, one function computed in two ways, all coordinates alike."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from harness.errors import SettingError
from harness.tasks.learned import lstm as module
from harness.tasks.learned.lstm import Architecture, CoordinateLstm, FrozenLstm, preprocess, preset, start

PAPER = Architecture()
PLAIN = Architecture(preprocessing=0.0, scale=1.0)


def gradients(*shape: int, seed: int = 0) -> torch.Tensor:
    """Gradients of sizes from 1e-8 to 1, and some that are zero."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 10 ** (8 * torch.rand(shape, generator=generator) - 8)
    found = sizes * torch.randn(shape, generator=generator)
    return torch.where(torch.rand(shape, generator=generator) < 0.1, torch.zeros(()), found)


def test_preprocessing_gives_the_papers_two_numbers() -> None:
    p = 10.0
    given = torch.tensor([1.0, -math.e, math.exp(-5), 0.0, 1e-6, -1e-6, math.inf, -math.inf])
    first, second = preprocess(given, p)
    expected = [0.0, 0.1, -0.5, -1.0, -1.0, -1.0, math.inf, math.inf]
    torch.testing.assert_close(first, torch.tensor(expected))
    tiny = 1e-6 * math.exp(10)
    torch.testing.assert_close(second, torch.tensor([1.0, -1.0, 1.0, 0.0, tiny, -tiny, 1.0, -1.0]))


def test_the_two_forms_meet_at_the_threshold() -> None:
    edge = math.exp(-10.0)
    below, above = preprocess(torch.tensor([edge * (1 - 1e-6), edge * (1 + 1e-6)]), 10.0).unbind(1)
    torch.testing.assert_close(below, above, atol=1e-5, rtol=0)


def test_a_gradient_that_is_not_a_number_stays_visible() -> None:
    assert preprocess(torch.tensor([math.nan]), 10.0).isnan().any()
    network = CoordinateLstm(PAPER)
    assert FrozenLstm(network)(torch.tensor([math.nan]), start(PAPER, coordinates=1)).isnan().all()


def test_an_infinite_gradient_gives_a_finite_update() -> None:
    update = FrozenLstm(CoordinateLstm(PAPER))(torch.tensor([math.inf, -math.inf]), start(PAPER, coordinates=2))
    assert update.isfinite().all()


def test_without_preprocessing_the_gradient_itself_is_read() -> None:
    given = gradients(5)
    assert torch.equal(preprocess(given, 0.0), given[None])


@pytest.mark.parametrize("architecture", [PAPER, PLAIN, Architecture(hidden=5, layers=1), Architecture(layers=3)])
def test_one_step_after_another_is_the_same_function_as_the_sequence(architecture: Architecture) -> None:
    network, steps = CoordinateLstm(architecture, seed=1), gradients(12, 7)
    frozen, state = FrozenLstm(network), start(architecture, coordinates=7)
    for each in gradients(3, 7, seed=1):  # so that neither begins at zero
        frozen(each, state)
    before = state.copy()
    taken = torch.stack([frozen(each, state) for each in steps])
    inputs = torch.stack([preprocess(each, architecture.preprocessing) for each in steps])
    torch.testing.assert_close(network(inputs, before), taken, rtol=1e-5, atol=1e-6)
    assert not torch.equal(before.h, state.h), "the copy stays as it is"


def test_pieces_change_nothing_but_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen, steps = FrozenLstm(CoordinateLstm(PAPER)), gradients(4, 23)
    whole, parts = start(PAPER, coordinates=23), start(PAPER, coordinates=23)
    at_once = [frozen(each, whole) for each in steps]
    monkeypatch.setattr(module, "PIECE", 5)
    for each, expected in zip(steps, at_once, strict=True):
        torch.testing.assert_close(frozen(each, parts), expected)
    torch.testing.assert_close(parts.h, whole.h)
    torch.testing.assert_close(parts.c, whole.c)


def test_permuted_coordinates_give_permuted_updates() -> None:
    frozen, steps = FrozenLstm(CoordinateLstm(PAPER)), gradients(6, 50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    ours, theirs = start(PAPER, coordinates=50), start(PAPER, coordinates=50)
    for each in steps:
        torch.testing.assert_close(frozen(each[order], theirs), frozen(each, ours)[order])
    torch.testing.assert_close(theirs.c, ours.c[..., order])


def test_the_output_is_scaled() -> None:
    one, ten = (FrozenLstm(CoordinateLstm(replace(PAPER, scale=scale))) for scale in (0.1, 1.0))
    given = gradients(5)
    torch.testing.assert_close(10 * one(given, start(PAPER, coordinates=5)), ten(given, start(PAPER, coordinates=5)))


def test_the_seed_decides_the_weights_and_nothing_global_is_drawn() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (CoordinateLstm(PAPER, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for ours, theirs in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(one.lstm.weight_hh_l0, other.lstm.weight_hh_l0)
    assert one.lstm.weight_hh_l0.abs().max() <= 1 / math.sqrt(20)


def test_the_preset_deepmind_changes_preprocessing_and_scale_where_there_is_some() -> None:
    assert preset(PAPER, "paper") == PAPER
    assert preset(PAPER, "deepmind") == replace(PAPER, preprocessing=5.0, scale=0.01)
    assert preset(PLAIN, "deepmind") == PLAIN
    with pytest.raises(SettingError, match="Did you mean 'deepmind'"):
        preset(PAPER, "deepmid")
