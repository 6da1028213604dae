"""Candidates that are no rules on the child: both paths agree, and beside rules all earn what they earn alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor

from harness.candidates import NamedOptimizer
from harness.contracts import ARITHMETIC, Candidate, ChildProtocol, Outcome, Rule, Status
from harness.space.zoo import named as named_rule
from harness.tasks.child import scoring
from harness.tasks.child import step as paths
from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.cpu.network import FusedNetwork
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.step import FUSED, PLAIN, STACKED, Network, starter
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer.signs import sign_optimizer
from harness.tasks.optimizer.torch_optimizers import UNFIT, optimizers, torch_optimizer

FIT = sorted(set(optimizers()) - set(UNFIT))
OTHERS = ("SGD(momentum=0.9, nesterov=True, weight_decay=0.01)", "Adam(amsgrad=True)", "AdamW(fused=True)")
SIGNS = (
    *("PowerSign", "PowerSign(base=1.5, decay='rd', n=10)", "PowerSign(base=0.1, decay='ld')", "AddSign(alpha=-0.5)"),
    *("AddSign(alpha=3, decay='cd', n=2)", "PowerSign(base=1e300)", "PowerSign(base=1e-300)", "AddSign(alpha=1e300)"),
)
INERT = ("conv1.bias", "conv2.bias")  # batch norm takes them out: rounding is all that moves them


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


@pytest.fixture(scope="module")
def task(protocol: ChildProtocol, data: ImageData) -> ChildTask:
    return ChildTask(protocol, data, candidates=True)


def followed(path: str, candidate: Candidate, protocol: ChildProtocol, data: ImageData) -> tuple[list[float], Network]:
    """The losses of six steps in float64, whose rounding shows nothing, and the network after them."""
    examples = Examples.of(Choice.of(protocol, data), torch.float64)
    with reproducible_arithmetic():
        child = Child(
            candidate,
            0.01,
            protocol=protocol,
            start=starter(path, examples, batch_size=protocol.batch_size),
            seed=0,
            report=lambda *_: None,
        )
        losses = [child.train_until(part / 3) for part in (1, 2, 3, 1, 2, 3)]
    return losses, child._network


def named(network: Network) -> Mapping[str, Tensor]:
    if isinstance(network, FusedNetwork):
        return network.weights.named
    return dict(network.network.named_parameters())  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [*FIT, *OTHERS])
def test_the_fast_path_is_the_plain_one(text: str, protocol: ChildProtocol, data: ImageData) -> None:
    (ours, fast), (theirs, plain) = (followed(path, torch_optimizer(text), protocol, data) for path in (FUSED, PLAIN))
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert len(set(ours)) == 6, "it trains"
    for name, weights in named(plain).items():
        if name not in INERT:
            torch.testing.assert_close(named(fast)[name].reshape(weights.shape), weights.detach(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("path", [FUSED, PLAIN])
def test_layers_are_the_same_memory_in_the_shapes_of_the_layers(
    path: str, protocol: ChildProtocol, data: ImageData
) -> None:
    examples = Examples.of(Choice.of(protocol, data), torch.float32)
    network = starter(path, examples, batch_size=protocol.batch_size)(0)
    shapes = {parameter.shape for parameter in ConvNet(8, channels=3, classes=10, seed=0).parameters()}
    layers = network.layers
    assert {layer.shape for layer in layers} == shapes
    assert sum(layer.numel() for layer in layers) == sum(each.numel() for each in network.parameters)
    network.loss(torch.arange(protocol.batch_size))
    steps = [parameter.grad.clone() for parameter in network.parameters if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in network.parameters]
    with torch.no_grad():
        for layer in layers:
            layer -= layer.grad
    for parameter, start, step in zip(network.parameters, before, steps, strict=True):
        assert torch.equal(parameter.detach(), start - step)


@pytest.mark.parametrize("name", FIT)
def test_every_optimizer_trains_a_child_again_to_the_bit(name: str, task: ChildTask) -> None:
    one, again = (task.evaluate([torch_optimizer(name)], seed=3)[0] for _ in range(2))
    assert one.status is Status.OK, one.message
    assert timeless(one) == timeless(again)
    assert len({score for _, score in one.sweep}) > 1, "the sweep's λ is its lr"


@pytest.mark.parametrize("path", [FUSED, PLAIN])
@pytest.mark.parametrize("text", SIGNS)
def test_every_sign_method_trains_a_child_whatever_its_numbers(
    text: str, path: str, task: ChildTask, protocol: ChildProtocol, data: ImageData
) -> None:
    optimizer = sign_optimizer(text)
    one, again = (task.evaluate([optimizer], seed=3)[0] for _ in range(2))
    assert one.status is not Status.ERROR, one.message
    assert timeless(one) == timeless(again)
    if "300" not in text:
        assert one.status is Status.OK
        losses, _ = followed(path, optimizer, protocol, data)
        assert len(set(losses)) == 6


def test_a_sign_method_that_a_rule_can_say_earns_what_the_rule_does(task: ChildTask) -> None:
    """But for rounding, which a score of 40 examples hardly shows."""
    rules = [named_rule("powersign-ld"), named_rule("addsign-cd")]
    both = task.evaluate(
        [*rules, sign_optimizer("PowerSign(decay='ld')"), sign_optimizer("AddSign(decay='cd')")], seed=3
    )
    for one, other in zip(both[:2], both[2:], strict=True):
        assert one.score == pytest.approx(other.score, abs=0.05)
        assert one.learning_rate == other.learning_rate


def test_adamw_without_decay_is_adam(task: ChildTask) -> None:
    texts = ("AdamW(weight_decay=0)", "Adam", "AdamW(weight_decay=1)")
    without, adam, decayed = (timeless(each) for each in task.evaluate(list(map(torch_optimizer, texts)), seed=3))
    assert without == adam
    assert decayed != adam


def test_rules_beside_candidates_earn_what_they_earn_alone(
    task: ChildTask, protocol: ChildProtocol, data: ImageData
) -> None:
    rules = [Rule.parse("adam"), Rule.parse("drop(m, 0.3)")]
    mixed = task.evaluate([rules[0], torch_optimizer("AdamW"), torch_optimizer("Adafactor"), rules[1]], seed=3)
    alone = ChildTask(protocol, data).evaluate(rules, seed=3)
    assert [timeless(mixed[0]), timeless(mixed[3])] == list(map(timeless, alone))
    assert task.environment == ChildTask(protocol, data).environment, "so both are of one board"


def test_a_candidate_that_cannot_be_built_is_an_error(task: ChildTask) -> None:
    (outcome,) = task.evaluate([NamedOptimizer.read(str(torch_optimizer("Adam")))], seed=0)
    assert outcome.status is Status.ERROR
    assert "expected one that can be built, got a record" in outcome.message


def test_where_rules_train_side_by_side_the_others_train_plainly_and_the_record_says_so(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    together: list[Sequence[Rule]] = []

    def stacked(_: ChildTask, rules: Sequence[Rule], seed: int) -> list[Outcome]:
        together.append(rules)
        return [Outcome(status=Status.OK, score=0.5, learning_rate=0.1, examples=seed, seconds=0.0) for _ in rules]

    monkeypatch.setattr(paths, "stacks", lambda *_, **__: True)
    monkeypatch.setattr(scoring, "version", lambda name: f"of {name}")
    monkeypatch.setattr(scoring, "arithmetic", lambda sample: f"digest of {sample.path}")
    monkeypatch.setattr(ChildTask, "_score_together", stacked)
    searching = ChildTask(protocol, data, stacked=True)
    confirming = ChildTask(protocol, data, stacked=True, candidates=True)
    assert (searching.environment["step"], searching.environment[ARITHMETIC]) == (STACKED, f"digest of {STACKED}")
    others = {"step of other optimizers": PLAIN, f"{ARITHMETIC} of other optimizers": f"digest of {PLAIN}"}
    assert not others.keys() & searching.environment.keys(), "what searches recorded stays what it was"
    assert confirming.environment == {**searching.environment, **others}
    rules, adam = [Rule.parse("g"), Rule.parse("m")], torch_optimizer("Adam")
    mixed = confirming.evaluate([rules[0], adam, rules[1]], seed=3)
    assert together == [rules]
    (plain,) = ChildTask(protocol, data, plain=True).evaluate([adam], seed=3)
    assert [each.score for each in mixed] == [0.5, plain.score, 0.5]
    assert timeless(mixed[1]) == timeless(plain)
