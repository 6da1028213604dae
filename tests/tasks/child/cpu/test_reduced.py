"""Products in bfloat16: the same network, rounded where the module says and nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch

from harness.contracts import ChildProtocol, Rule, Status
from harness.tasks.child import step
from harness.tasks.child.cpu.network import FusedNetwork, PatchMoments
from harness.tasks.child.cpu.reduced import ReducedNetwork
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.plain import PlainNetwork
from harness.tasks.child.protocols import PAPER, PAPER_BF16, QUICK, QUICK_BF16
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.images import ImageData

BATCH = 20
SHAPES = [(32, 3), (12, 1), (4, 2)]  # rows of whole blocks of pixels and others; side and channels


class Exact(ReducedNetwork):
    """The same code with nothing rounded."""

    products = torch.float32


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with reproducible_arithmetic():
        yield


def pictures(side: int, channels: int) -> Examples:
    generator = torch.Generator().manual_seed(side)
    noise = torch.randn(60, side, side, channels, generator=generator)
    images = (0.3 * noise + torch.randn(60, 1, 1, channels, generator=generator)).permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (60,), generator=generator)
    return Examples(Part(images, labels), Part(images[:50], labels[:50]), 10)


def started(kind: type[FusedNetwork], examples: Examples) -> FusedNetwork:
    return kind(examples, PatchMoments.of(examples.pool.images), batch_size=BATCH, seed=7)


@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_but_for_the_rounding_it_is_the_fused_network(side: int, channels: int) -> None:
    examples = pictures(side, channels)
    one, other = started(FusedNetwork, examples), started(Exact, examples)
    for batch in torch.arange(60).view(BATCH, 3).T:
        assert one.loss(batch) == pytest.approx(other.loss(batch), rel=1e-5)
        for name, expected in one.slopes.named.items():
            if name not in ("conv1.bias", "conv2.bias"):  # batch norm takes them out: rounding is all there is
                difference = (expected - other.slopes.named[name]).abs().max()
                assert float(difference) <= 1e-4 * float(expected.abs().max()), name
        one.weights.flat.sub_(0.05 * one.slopes.flat)
        other.weights.flat.copy_(one.weights.flat)
    assert one.score() == pytest.approx(other.score(), abs=0.021)


@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_it_rounds_where_the_plain_module_rounds(side: int, channels: int) -> None:
    examples = pictures(side, channels)
    ours, exact = started(ReducedNetwork, examples), started(FusedNetwork, examples)
    plain = PlainNetwork(examples, seed=7, reduced=True)
    batch = torch.arange(BATCH)
    losses = [network.loss(batch) for network in (ours, exact, plain)]
    assert losses[0] == pytest.approx(losses[2], rel=1e-3)
    assert losses[0] != losses[1]
    for name, parameter in plain.network.named_parameters():
        if name in ("conv1.bias", "conv2.bias"):
            continue
        assert parameter.grad is not None
        found, full = (network.slopes.named[name].reshape(parameter.shape) for network in (ours, exact))
        size = float(parameter.grad.norm())
        assert float((found - parameter.grad).norm()) <= 0.03 * size, name
        if name == "conv2.weight":
            assert 1e-4 * size < float((found - full).norm()) < 0.1 * size


def test_a_child_in_bfloat16_learns_alike_and_says_so(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = dataclasses.replace(protocol, name="low", dtype="bfloat16")
    rules = [Rule.parse("m"), Rule.parse("adam")]
    exact, ours, plain = (
        ChildTask(each, data, plain=slow).evaluate(rules, seed=3)
        for each, slow in ((protocol, False), (low, False), (low, True))
    )
    for one, other, slow in zip(exact, ours, plain, strict=True):
        assert other.status is Status.OK
        assert abs(other.score - one.score) <= 0.15
        assert abs(other.score - slow.score) <= 0.15
    task = ChildTask(low, data)
    assert [replaced(outcome) for outcome in task.evaluate(rules, seed=3)] == [replaced(outcome) for outcome in ours]
    assert isinstance(task._prepared()(1), ReducedNetwork)
    assert not isinstance(ChildTask(protocol, data)._prepared()(1), ReducedNetwork)
    assert "bfloat16 by" not in ChildTask(protocol, data).environment
    assert task.environment["bfloat16 by"] == step.bfloat16_instructions()
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert task.environment["bfloat16 by"] == "amx"


def replaced(outcome: object) -> object:
    return dataclasses.replace(outcome, seconds=0.0)  # type: ignore[type-var]


def test_the_variants_differ_in_arithmetic_alone() -> None:
    for exact, low in ((QUICK, QUICK_BF16), (PAPER, PAPER_BF16)):
        assert dataclasses.replace(low, name=exact.name, dtype="float32") == exact
        assert low.hash != exact.hash
