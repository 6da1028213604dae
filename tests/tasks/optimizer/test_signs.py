"""PowerSign and AddSign with any constants: their formulas in numpy, the rules that equal them, and wrong texts."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import harness
from harness.board.rules.known import candidate
from harness.candidates import NamedOptimizer
from harness.contracts import Rule
from harness.errors import HarnessError, SettingError
from harness.space.zoo import named
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.optimizer.candidate import Buildable, Scheduled
from harness.tasks.optimizer.signs import sign_optimizer

STEPS, TOTAL = 9, 7
TEXTS = (
    "PowerSign",
    "PowerSign(base=1.5, decay='rd', n=10)",
    "PowerSign(base=10, decay='ld')",
    "PowerSign(base=0.5, decay='cd', n=2.5)",
    "PowerSign(decay='rd', n=0.5, beta=0.5)",
    "AddSign(alpha=-2)",
    "AddSign(alpha=0, decay='cd')",
    "AddSign(alpha=0.25, decay='rd', n=3)",
)


class Weights:
    """A network of one vector."""

    def __init__(self) -> None:
        self.weight = torch.linspace(-1, 1, 30, dtype=torch.float64)
        self.parameters = self.layers = [self.weight]


def moved(optimizer: torch.optim.Optimizer, weight: torch.Tensor, steps: range = range(STEPS)) -> list[Any]:
    ends = []
    for step in steps:
        weight.grad = torch.from_numpy(gradient(step))
        optimizer.step()
        ends.append(weight.numpy().copy())
    return ends


def gradient(step: int) -> Any:
    rng = np.random.default_rng([5, step])
    return rng.standard_normal(30) * (rng.random(30) > 0.1)


@pytest.mark.parametrize("text", TEXTS)
def test_it_steps_as_its_formula_says(text: str) -> None:
    found = sign_optimizer(text)
    options, weights, mean = found.options, np.linspace(-1, 1, 30), np.zeros(30)
    network = Weights()
    ours = moved(optimizer_for(found, network, 0.1, seed=0, noise_sigma=0.0, total_steps=TOTAL), network.weight)
    for step in range(STEPS):
        g, t = gradient(step), min(step, TOTAL)
        mean = options["beta"] * mean + (1 - options["beta"]) * g
        decays = {None: 1.0, "ld": 1 - t / TOTAL}
        if options["n"] is not None:
            decays["cd"] = (1 + math.cos(2 * math.pi * options["n"] * t / TOTAL)) / 2
            decays["rd"] = (1 + math.cos(math.pi * ((options["n"] * t) % TOTAL) / TOTAL)) / 2
        agreement = decays[options["decay"]] * np.sign(g) * np.sign(mean)
        scale = options["base"] ** agreement if found.name == "PowerSign" else options["alpha"] + agreement
        weights = weights - 0.1 * scale * g
        np.testing.assert_allclose(ours[step], weights, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("decay", [None, "ld", "cd", "rd"])
@pytest.mark.parametrize(("method", "name", "constant"), [
    (harness.powersign, "PowerSign", {"base": math.e}), (harness.powersign, "PowerSign", {"base": 2}),
    (harness.addsign, "AddSign", {"alpha": 1}), (harness.addsign, "AddSign", {"alpha": 2}),
])  # fmt: skip
def test_what_a_rule_can_say_is_a_rule_and_steps_alike(
    method: Any, name: str, constant: dict[str, float], decay: str | None
) -> None:
    rule = method(**constant, decay=decay)
    assert isinstance(rule, Rule)
    written = ", ".join(f"{option}={value!r}" for option, value in {**constant, "decay": decay}.items())
    ends = []
    for each in (rule, sign_optimizer(f"{name}({written})")):
        network = Weights()
        ends.append(
            moved(optimizer_for(each, network, 0.1, seed=0, noise_sigma=0.0, total_steps=TOTAL), network.weight)
        )
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_known_rules_are_what_the_defaults_give() -> None:
    assert harness.powersign().key == named("powersign").key
    assert harness.addsign().key == named("addsign").key
    for decay in ("ld", "cd", "rd"):
        assert harness.powersign(decay=decay).key == named(f"powersign-{decay}").key
        assert harness.addsign(decay=decay).key == named(f"addsign-{decay}").key
    assert isinstance(harness.powersign(decay="rd", n=1), Rule)
    assert isinstance(harness.powersign(np.float64(2.0), decay="cd", n=0.5), Rule)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (lambda: harness.powersign(1.5, decay="rd", n=10), "nos:PowerSign(base=1.5, decay='rd', n=10.0)"),
        (lambda: harness.powersign(decay="cd", n=2), f"nos:PowerSign(base={math.e}, decay='cd', n=2.0)"),
        (lambda: harness.addsign(np.float32(0.5)), "nos:AddSign(alpha=0.5)"),
        (lambda: harness.addsign(-1, decay="ld"), "nos:AddSign(alpha=-1.0, decay='ld')"),
    ],
)
def test_what_a_rule_cannot_say_is_a_candidate(found: Any, text: str) -> None:
    made = found()
    assert made.text == text
    assert made == candidate(text)


def test_one_optimizer_has_one_key_and_a_record_that_can_be_read_and_sent() -> None:
    made = sign_optimizer("powersign(decay='rd')")
    assert made.key == sign_optimizer("PowerSign(n=1, decay='rd', beta=0.9)").key
    assert made.key != sign_optimizer("PowerSign(n=2, decay='rd')").key
    assert NamedOptimizer.read(str(made)).key == made.key
    assert pickle.loads(pickle.dumps(made)) == made
    assert isinstance(made, Scheduled)
    assert not isinstance(made, Buildable)


@pytest.mark.parametrize("text", [TEXTS[1], TEXTS[-1]])
def test_a_training_that_is_saved_in_the_middle_goes_on_to_the_same_bits(text: str) -> None:
    def built(network: Weights) -> torch.optim.Optimizer:
        return sign_optimizer(text).build_for(network.layers, learning_rate=0.1, total_steps=TOTAL)

    whole, first = Weights(), Weights()
    expected = moved(built(whole), whole.weight)
    begun = built(first)
    moved(begun, first.weight, range(4))
    resumed = built(first)
    resumed.load_state_dict(begun.state_dict())
    assert np.array_equal(moved(resumed, first.weight, range(4, STEPS)), expected[4:])


def test_parameters_without_a_gradient_stay_and_a_closure_is_called() -> None:
    one, two = torch.ones(2), torch.ones(2)
    optimizer = sign_optimizer("AddSign").build_for([one, two], learning_rate=0.5)
    one.grad = torch.ones(2)
    assert optimizer.step(lambda: 3.0) == 3.0
    assert (one.tolist(), two.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_a_decay_needs_the_steps_of_the_training() -> None:
    with pytest.raises(SettingError, match=r"total_steps: expected the steps .*, on which cd depends, got none"):
        sign_optimizer("AddSign(decay='cd')").build_for([torch.ones(1)], learning_rate=0.1)


@pytest.mark.parametrize("text", [
    "PowerSign(base=1e300)", "PowerSign(base=1e-300)", "AddSign(alpha=1e300)", "AddSign(alpha=-1e39)",
])  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_constant_that_the_type_cannot_hold_ends_in_weights_that_are_not_finite(
    text: str, dtype: torch.dtype
) -> None:
    weight = torch.ones(2, dtype=dtype)
    weight.grad = torch.tensor([1.0, -1.0], dtype=dtype)
    optimizer = sign_optimizer(text).build_for([weight], learning_rate=1.0)
    optimizer.step()
    weight.grad = torch.tensor([-0.5, 0.5], dtype=dtype)  # their signs are not the mean's
    optimizer.step()
    assert not weight.isfinite().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Power", "candidate nos:Power, optimizer: expected one of AddSign, PowerSign, got 'Power'. Did you mean"),
        ("PowerSign(alpha=2)", "candidate nos:PowerSign, option: expected one of base, beta, decay, n, got 'alpha'. "),
        ("PowerSign(base=0)", "candidate nos:PowerSign, base: expected a number above 0, got 0. "),
        ("PowerSign(base='e')", "candidate nos:PowerSign, base: expected a number above 0, got 'e'. "),
        ("PowerSign(base=None)", "candidate nos:PowerSign, base: expected a number above 0, got None. "),
        ("AddSign(beta=1)", "candidate nos:AddSign, beta: expected a number in [0, 1), got 1. "),
        ("AddSign(alpha=True)", "candidate nos:AddSign, alpha: expected a number, got True. "),
        ("AddSign(decay='xd')", "candidate nos:AddSign, decay: expected one of cd, ld, rd, got 'xd'. Did you mean"),
        ("AddSign(decay='rd', n=0)", "candidate nos:AddSign, n: expected a number above 0, got 0. "),
        ("AddSign(decay='ld', n=2)", "candidate nos:AddSign, n: expected none with decay ld, got 2. "),
        ("AddSign(n=2)", "candidate nos:AddSign, n: expected none with decay None, got 2. "),
        ("AddSign(lr=2)", "candidate nos:AddSign, option: expected one of alpha, beta, decay, n, got 'lr'. "),
        ("AddSign(2)", "candidate: expected an optimizer as NAME(option=value, ...), got 'AddSign(2)'. "),
    ],
)
def test_a_wrong_text_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(HarnessError) as caught:
        candidate(f"nos:{text}")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
