"""A stack of rules steps each as ``RuleOptimizer`` would, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from harness.conformance.task import trial_rules
from harness.contracts import Rule
from harness.space.zoo import ZOO, named
from harness.tasks.arithmetic import rules
from harness.tasks.optimizer.kernels import WORDS
from harness.tasks.optimizer.stacked import rounding
from harness.tasks.optimizer.stacked import rules as stacked
from harness.tasks.optimizer.stacked.calls import DROP, INTEGERS, NOISE, Place, written_down
from harness.tasks.optimizer.stacked.rules import StackedRules
from harness.tasks.optimizer.stacked.schedule import scheduled
from harness.tasks.optimizer.update_rule import RuleOptimizer

TEXTS = ("noise", "2", "g", "ld", "exp(cd) * 2", "ld ^ g", "g ^ rd", "g ^ ld - noise", "drop(ld, 0.5) + drop(g, 0.5)")
TEXTS += ("anneal", "1 / ld", "g / ld", "ld - g", "exp(ld) * g + anneal / rd", "drop(m, 0.3) * log(cd) - anneal")
RULES = (*map(named, ZOO), *rules(), *trial_rules(60, seed=8), *map(Rule.parse, TEXTS))
SEEDS = [place % 2 for place in range(len(RULES))]  # not as the λs below, so that rules of one seed are at several
STEPS = 3


def parameters(shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> Callable[[], list[Tensor]]:
    generator = torch.Generator().manual_seed(4)
    return lambda: [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def bits(tensor: Tensor) -> list[int]:
    return tensor.contiguous().view(WORDS[tensor.element_size()]).flatten().tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shapes", [[(8, 3, 10)], [(3, 27)], [(3, 10, 10), (3, 7, 2)]], ids=str)
@pytest.mark.parametrize("alike", ["as this machine does", "exact functions alone"])
def test_every_rule_of_a_stack_steps_to_the_bits_of_its_own_optimizer(dtype, shapes, alike, monkeypatch) -> None:
    if alike == "exact functions alone":
        monkeypatch.setattr(stacked, "uniform", lambda name, _, scaled=False: name in rounding.EXACT and not scaled)
    rates = torch.tensor([0.3, 10.0, 1e-3], dtype=dtype).view(3, *[1] * len(shapes))
    draw = parameters(shapes, dtype)
    start, gradients = draw(), [draw() for _ in range(STEPS)]
    stack = StackedRules(RULES, SEEDS, start, rates, noise_sigma=0.1, total_steps=STEPS - 1)
    for gradient in gradients:
        for own, each in zip(stack.gradients, gradient, strict=True):
            own.copy_(each.expand_as(own))
        stack.step()
    for place, (rule, seed) in enumerate(zip(RULES, SEEDS, strict=True)):
        weights = [each.clone() for each in start]
        optimizer = RuleOptimizer(weights, rule, rates, noise_sigma=0.1, seed=seed, total_steps=STEPS - 1)
        for gradient in gradients:
            for weight, each in zip(weights, gradient, strict=True):
                weight.grad = each
            optimizer.step()
        assert [bits(each[place]) for each in stack.weights] == [bits(each) for each in weights], rule.infix


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rules_at_one_rate_alone_go_on_as_they_would_have_with_the_others(dtype, monkeypatch) -> None:
    """Here only exact functions and addcmul round alike, so the stack computes all others in full size."""
    exact = rounding.EXACT
    monkeypatch.setattr(
        stacked, "uniform", lambda name, _, scaled=False: (name in exact and not scaled) or name == "addcmul"
    )
    shapes, rates = [(3, 5, 17), (3, 6, 5)], torch.tensor([0.3, 10.0, 1e-3], dtype=dtype).view(3, 1, 1)
    draw = parameters(shapes, dtype)
    start, gradients = draw(), [draw() for _ in range(2 * STEPS)]
    whole, narrow = (StackedRules(RULES, SEEDS, start, rates, noise_sigma=0.1, total_steps=2 * STEPS) for _ in range(2))
    cells = [(rule, rule % 3) for rule in range(len(RULES)) if rule % 5]
    for turn, gradient in enumerate(gradients):
        if turn == STEPS:
            narrow.narrow(cells)
        for own, each in zip(whole.gradients, gradient, strict=True):
            own.copy_(each.expand_as(own))
        for own, each in zip(narrow.gradients, gradient, strict=True):
            if turn < STEPS:
                own.copy_(each.expand_as(own))
            else:
                own.copy_(torch.stack([each[row][None] for _, row in cells]))
        whole.step()
        narrow.step()
    for place, (rule, row) in enumerate(cells):
        expected = [bits(each[rule, row]) for each in whole.weights]
        assert [bits(each[place, 0]) for each in narrow.weights] == expected, RULES[rule].infix


def test_a_step_is_written_down_once_for_all_steps() -> None:
    step = written_down(Rule.parse("drop(adam, 0.3) + noise"), dtype=torch.float32)
    names = [call.name for call in step.calls]
    assert step.means == ("m", "v")
    assert step.draws == [INTEGERS, NOISE]
    assert sorted(names) == sorted(["mul", "add", "div", "mul", "addcmul", "sqrt", "div", "add", "div", DROP, "add"])
    assert isinstance(step.delta, Place)
    assert step.calls[-1].writes is step.delta
    assert {read.name for call in step.calls for read in call.reads if hasattr(read, "name")} == {"m", "root v"}


def test_calls_wait_for_their_arguments_and_many_are_taken_at_once() -> None:
    steps = [written_down(rule, dtype=torch.float32) for rule in RULES]
    groups, done = list(scheduled(steps)), [0] * len(steps)
    made: set[tuple[int, Place]] = set()
    for group in groups:
        assert len({call.name for _, call in group}) == 1
        for rule, call in group:
            places = [read for read in call.reads if isinstance(read, Place)]
            assert all(place.holds or place.draw or (rule, place) in made for place in places)
        made |= {(rule, call.writes) for rule, call in group}
        for rule, _ in group:
            done[rule] += 1
    assert done == [len(step.calls) for step in steps]
    assert len(groups) < sum(done) / 4


def test_running_means_are_updated_in_their_order() -> None:
    (step,) = [written_down(Rule.parse("m"), dtype=torch.float32)]
    assert [[call.name for _, call in group] for group in scheduled([step, step])] == [
        ["mul", "mul"],
        ["add", "add"],
        ["div", "div"],
    ]
