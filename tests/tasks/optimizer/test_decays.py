"""Decays and annealed noise (protocol §6): against formulas in numpy, through every way of saving, and wrong uses."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import Rule
from harness.errors import SettingError
from harness.space.zoo import named
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.update_rule import RuleOptimizer

Array = NDArray[np.float64]
STEPS, TOTAL = 12, 9  # the last steps come after the training's end
DECAYS: dict[str, Callable[[int, float], float]] = {  # protocol §6, with t and n
    "ld": lambda t, _: 1 - t / TOTAL,
    "cd": lambda t, _: (1 + math.cos(2 * math.pi * 0.5 * t / TOTAL)) / 2,
    "rd": lambda t, n: (1 + math.cos(math.pi * ((n * t) % TOTAL) / TOTAL)) / 2,
}
RULES = ("powersign-ld", "addsign-rd", "ld", "anneal + rd * g", "g * cd + drop(m, 0.3) * noise", "exp(ld) * v - anneal")


def gradients(seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal(40) * 10 ** rng.uniform(-3, 1) for _ in range(STEPS)]
    for gradient in found:
        gradient[rng.integers(0, 40, 4)] = 0.0
    return found


def stepped(optimizer: RuleOptimizer, weight: Tensor, steps: Sequence[int], given: list[Array]) -> list[Array]:
    """The weights after each of some steps."""
    ends = []
    for step in steps:
        weight.grad = torch.from_numpy(given[step].copy()).to(weight.dtype)
        optimizer.step()
        ends.append(weight.double().numpy().copy())
    return ends


@pytest.mark.parametrize("periods", [1, 2, 10, 2.5])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("method", ["powersign", "addsign"])
def test_the_known_rules_step_as_their_formulas_say(method: str, decay: str, periods: float) -> None:
    rng, given = np.random.default_rng(1), gradients()
    weights, mean = rng.standard_normal(40), np.zeros(40)
    weight = torch.from_numpy(weights.copy())
    optimizer = RuleOptimizer([weight], f"{method}-{decay}", 0.1, total_steps=TOTAL, rd_periods=periods)
    for step, (g, ours) in enumerate(zip(given, stepped(optimizer, weight, range(STEPS), given), strict=True)):
        mean = 0.9 * mean + 0.1 * g
        agreement = DECAYS[decay](min(step, TOTAL), periods) * np.sign(g) * np.sign(mean)
        weights = weights - 0.1 * (math.e**agreement if method == "powersign" else 1 + agreement) * g
        np.testing.assert_allclose(ours, weights, rtol=1e-13, atol=1e-15)


def test_decays_begin_at_1_and_end_as_the_protocol_says() -> None:
    for name in DECAYS:
        assert Progress(0, 10).factor(name) == 1.0
    assert [Progress(step, 10).factor("ld") for step in (5, 10, 11, 99)] == [0.5, 0.0, 0.0, 0.0]
    assert [Progress(step, 10).factor("cd") for step in (5, 10, 99)] == pytest.approx([0.5, 0.0, 0.0], abs=1e-15)
    assert Progress(9, 10).factor("rd") == pytest.approx((1 + math.cos(0.9 * math.pi)) / 2)
    assert [Progress(step, 10).factor("rd") for step in (10, 11)] == [1.0, 1.0]
    assert [Progress(step, 10, 2.0).factor("rd") for step in (0, 5, 10)] == [1.0, 1.0, 1.0]
    for step in range(300):
        for total in (1, 7, 100):
            for name in DECAYS:
                assert 0.0 <= Progress(step, total, 3.0).factor(name) <= 1.0


def test_annealed_noise_has_the_variance_of_its_step() -> None:
    """A normal sample of N has a variance off by more than 5·√(2/N) once in 1.7 million times; 5 steps are tried."""
    entries = 100_000
    weight = torch.zeros(entries, dtype=torch.float64)
    optimizer = RuleOptimizer([weight], "anneal", 1.0, total_steps=3, noise_sigma=7.0)
    draws = stepped(optimizer, weight, range(5), [np.zeros(entries)] * 5)
    moves = -np.diff(np.array([np.zeros(entries), *draws]), axis=0)
    for step, move in enumerate(moves):
        variance = 1 / (1 + min(step, 3)) ** 0.55
        assert move.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / entries))
        assert abs(move.mean()) < 5 * math.sqrt(variance / entries)
    assert abs(np.corrcoef(moves)[np.triu_indices(5, 1)]).max() < 6 / math.sqrt(entries), "each step draws afresh"


def test_annealed_noise_is_one_draw_of_the_seed_and_not_that_of_noise() -> None:
    def drawn(rule: str, seed: int) -> Tensor:
        weight = torch.zeros(50)
        weight.grad = torch.ones(50)
        RuleOptimizer([weight], rule, 1.0, seed=seed, total_steps=3, noise_sigma=1.0).step()
        return weight

    assert torch.equal(drawn("anneal", 1), drawn("anneal", 1))
    assert not torch.equal(drawn("anneal", 1), drawn("anneal", 2))
    assert not drawn("anneal - anneal", 1).any()
    assert drawn("anneal - noise", 1).abs().min() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rule", RULES)
def test_a_training_that_is_saved_in_the_middle_goes_on_to_the_same_bits(rule: str, dtype: torch.dtype) -> None:
    def built(weight: Tensor) -> RuleOptimizer:
        return RuleOptimizer([weight], rule, 0.1, total_steps=TOTAL, rd_periods=2)

    given = gradients(2)
    whole = torch.linspace(-1, 1, 40).to(dtype)
    expected = stepped(built(whole), whole, range(STEPS), given)
    weight = torch.linspace(-1, 1, 40).to(dtype)
    first = built(weight)
    stepped(first, weight, range(5), given)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    copied, twin = copy.deepcopy((first, weight))
    pickled, other = pickle.loads(pickle.dumps((first, weight)))
    loaded, third = built(fresh := weight.clone()), fresh
    loaded.load_state_dict(torch.load(file))
    for optimizer, its in ((first, weight), (copied, twin), (pickled, other), (loaded, third)):
        ends = stepped(optimizer, its, range(5, STEPS), given)
        assert all(np.array_equal(one, two) for one, two in zip(ends, expected[5:], strict=True))


def test_the_steps_are_a_parameters_own() -> None:
    """As in the bias correction: a parameter without a gradient takes no step."""
    params = [torch.zeros(3, dtype=torch.float64) for _ in range(3)]
    optimizer = RuleOptimizer(params, "ld + 1 - 1", 1.0, total_steps=4)
    for step in range(3):
        for place, param in enumerate(params):
            param.grad = None if (step, place) == (0, 1) else torch.ones(3, dtype=torch.float64)
        optimizer.step()
    moves = [-param[0].item() for param in params]
    assert moves == [1 + 0.75 + 0.5, 1 + 0.75, 1 + 0.75 + 0.5]
    assert [optimizer.state[param]["step"] for param in params] == [3, 2, 3]


def test_groups_share_one_training_and_a_later_one_begins_its_own_count() -> None:
    one, two = torch.zeros(1), torch.zeros(1)
    optimizer = RuleOptimizer([one], "ld", 1.0, total_steps=2)
    one.grad = torch.ones(1)
    optimizer.step()
    optimizer.add_param_group({"params": [two], "lr": 10.0, "total_steps": 2})
    two.grad = torch.ones(1)
    optimizer.step()
    assert (one.item(), two.item()) == (-1.5, -10.0)
    with pytest.raises(SettingError, match=r"^total_steps of a group: expected the optimizer's own, 2, got 3\. "):
        optimizer.add_param_group({"params": [torch.zeros(1)], "total_steps": 3})


def test_a_rule_without_decays_takes_the_settings_and_keeps_none_of_them() -> None:
    weight = torch.ones(1)
    optimizer = RuleOptimizer([weight], "m", total_steps=100, rd_periods=3)
    plain = RuleOptimizer([weight.clone()], "m")
    assert optimizer.state_dict() == plain.state_dict()
    optimizer.add_param_group({"params": [torch.ones(1)], "total_steps": 5, "rd_periods": 1.0})
    assert "total_steps" not in optimizer.param_groups[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "total_steps: expected the steps of the whole training, on which ld depends, got none. "),
        ({"total_steps": 0}, "total_steps: expected a whole number of at least 1, got 0. "),
        ({"total_steps": 1.5}, "total_steps: expected a whole number of at least 1, got 1.5. "),
        ({"total_steps": True}, "total_steps: expected a whole number of at least 1, got True. "),
        ({"total_steps": "many"}, "total_steps: expected a whole number of at least 1, got 'many'. "),
        ({"total_steps": 5, "rd_periods": 0}, "rd_periods: expected a number above 0, got 0. "),
        ({"total_steps": 5, "rd_periods": math.inf}, "rd_periods: expected a number above 0, got inf. "),
        ({"total_steps": 5, "rd_periods": torch.ones(2)}, "rd_periods: expected a number above 0, got tensor("),
        ({"total_steps": 5, "rd_periods": "x"}, "rd_periods: expected a number, got 'x'. "),
    ],
)
def test_a_wrong_use_is_one_clear_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        RuleOptimizer([torch.ones(1)], "powersign-ld", **settings)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_whatever_needs_the_length_is_named() -> None:
    with pytest.raises(SettingError, match="on which anneal and rd depend, got none"):
        RuleOptimizer([torch.ones(1)], "anneal * rd")
    RuleOptimizer([torch.ones(1)], Rule.parse("ld - ld + g"))  # the function does not depend on it


def test_a_state_of_another_training_is_rejected() -> None:
    saved = RuleOptimizer([torch.ones(1)], "powersign-ld", total_steps=100).state_dict()
    other = RuleOptimizer([torch.ones(1)], "powersign-ld", total_steps=50)
    with pytest.raises(
        SettingError, match=r"^total_steps of the optimizer state: expected 50, got 100\. Build the opt"
    ):
        other.load_state_dict(saved)
    RuleOptimizer([torch.ones(1)], named("powersign-ld"), total_steps=100).load_state_dict(saved)


def test_numpy_integers_count_steps_too() -> None:
    optimizer = RuleOptimizer([torch.ones(1)], "cd", total_steps=np.int64(7))
    assert optimizer.param_groups[0]["total_steps"] == 7
    assert type(optimizer.param_groups[0]["total_steps"]) is int
