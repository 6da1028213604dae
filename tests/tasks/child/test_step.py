"""Both paths are one function: losses, gradients and scores agree, whatever the images' shape."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.contracts import ChildProtocol, Rule
from harness.tasks.child import step
from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.cpu.network import FusedNetwork, PatchMoments
from harness.tasks.child.examples import Examples, Part
from harness.tasks.child.plain import PlainNetwork
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.step import FUSED, PLAIN, Network, starter
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer.update_rule import RuleOptimizer

BATCH = 20
SHAPES = [(32, 3), (8, 3), (12, 1), (28, 1), (16, 4), (4, 2)]  # whole blocks of pixels and others; side and channels


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with reproducible_arithmetic():
        yield


def pictures(side: int, *, channels: int, dtype: torch.dtype, count: int = 60) -> Examples:
    """Noise on a colour of its own for each image: batch norm's variance is then mostly between images."""
    generator = torch.Generator().manual_seed(side)
    noise = torch.randn(count, side, side, channels, generator=generator, dtype=torch.float64)
    colours = torch.randn(count, 1, 1, channels, generator=generator, dtype=torch.float64)
    images = (0.3 * noise + colours).to(dtype).permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (count,), generator=generator)
    return Examples(Part(images, labels), Part(images[:50], labels[:50]), 10)


def fused(examples: Examples, *, seed: int = 7) -> FusedNetwork:
    network = starter(FUSED, examples, batch_size=BATCH)(seed)
    assert isinstance(network, FusedNetwork)
    return network


def follow(reference: ConvNet, network: FusedNetwork) -> None:
    """Give the reference the network's weights."""
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            parameter.copy_(network.weights.named[name].reshape(parameter.shape))


def gradients(reference: ConvNet, examples: Examples, chosen: Tensor) -> float:
    reference.zero_grad()
    images = examples.pool.images[chosen].to(reference.linear.weight.dtype)
    loss = cross_entropy(reference(images), examples.pool.labels[chosen])
    loss.backward()
    return loss.item()


@pytest.mark.parametrize(("side", "channels"), SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_loss_and_gradients_are_the_plain_modules(
    side: int, channels: int, dtype: torch.dtype, tolerance: float
) -> None:
    """Against the module in float64, whose rounding does not count; over three steps, so that the means have moved."""
    examples = pictures(side, channels=channels, dtype=dtype)
    network = fused(examples)
    reference = ConvNet(side, channels=channels, classes=10, seed=7).double()
    optimizer = RuleOptimizer(network.parameters, Rule.parse("m"), 0.05)
    for batch in torch.arange(60).view(BATCH, 3).T:
        follow(reference, network)
        loss = network.loss(batch)
        assert loss == pytest.approx(gradients(reference, examples, batch), rel=tolerance)
        for name, parameter in reference.named_parameters():
            assert parameter.grad is not None
            found = network.slopes.named[name].reshape(parameter.shape).double()
            error = float((found - parameter.grad).abs().max())
            if name in ("conv1.bias", "conv2.bias"):  # batch norm takes them out: rounding is all there is
                assert error <= tolerance * 1e-2
            else:
                assert error <= tolerance * float(parameter.grad.abs().max()), name
        for layer, norm in enumerate((reference.norm1, reference.norm2)):
            for place, running in enumerate((norm.running_mean, norm.running_var)):
                assert running is not None
                np.testing.assert_allclose(network.running[layer, place], running, rtol=tolerance, atol=tolerance)
        optimizer.step()


@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_scores_are_the_plain_modules(side: int, channels: int) -> None:
    examples = pictures(side, channels=channels, dtype=torch.float64)
    ours, plain = fused(examples), PlainNetwork(examples, seed=7)
    scores = []
    for network in (ours, plain):
        optimizer = RuleOptimizer(network.parameters, Rule.parse("m"), 0.05)
        for batch in torch.arange(60).split(BATCH) * 3:
            network.loss(batch)
            optimizer.step()
        scores.append(network.score())
    assert scores[0] == scores[1] > 0.15


def test_the_first_of_equal_entries_takes_the_gradient() -> None:
    """Flat images: inside, all entries of a window are equal, and which one is chosen moves the weights' gradient."""
    examples = pictures(8, channels=3, dtype=torch.float64)
    flat = examples.pool.images.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8)
    flat = flat.contiguous(memory_format=torch.channels_last)
    examples = dataclasses.replace(examples, pool=dataclasses.replace(examples.pool, images=flat))
    network, reference = fused(examples), ConvNet(8, channels=3, classes=10, seed=7).double()
    follow(reference, network)
    # Below zero, where a scale of batch norm turns the largest entry into the smallest, too.
    with torch.no_grad():
        reference.norm1.weight[::2] = network.weights.named["norm1.weight"][::2] = -0.5
    assert network.loss(torch.arange(BATCH)) == pytest.approx(gradients(reference, examples, torch.arange(BATCH)))
    assert reference.conv1.weight.grad is not None
    torch.testing.assert_close(network.slopes.named["conv1.weight"], reference.conv1.weight.grad, rtol=1e-9, atol=1e-12)


@pytest.fixture(params=[FUSED, PLAIN])
def network(request: pytest.FixtureRequest) -> Network:
    return starter(request.param, pictures(8, channels=3, dtype=torch.float32), batch_size=BATCH)(1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_weight_that_is_not_finite_ends_the_run(value: float) -> None:
    network = fused(pictures(8, channels=3, dtype=torch.float32))
    (weights,) = network.parameters
    for place in (*range(0, len(weights), 997), *range(len(weights) - 10 - 6 * 32, len(weights))):
        kept = weights[place].item()
        weights[place] = value
        assert not math.isfinite(network.loss(torch.arange(BATCH)))
        weights[place] = kept
    assert math.isfinite(network.loss(torch.arange(BATCH)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_answer_that_is_not_finite_is_wrong(network: Network, value: float) -> None:
    network.parameters[-1].detach()[-1] = value  # the last class's bias
    assert network.score() == 0.0


@pytest.mark.parametrize("layer", ["conv1.weight", "conv2.weight"])
@pytest.mark.parametrize("size", [1e10, 1e19, 1e25])
def test_where_squares_overflow_both_paths_go_on_alike(layer: str, size: float) -> None:
    """PyTorch's variance is then infinite, the outputs are all one, and the running variance stays infinite."""
    examples = pictures(8, channels=3, dtype=torch.float32)
    ours, plain = fused(examples), PlainNetwork(examples, seed=7)
    ours.weights.named[layer].mul_(size)
    dict(plain.network.named_parameters())[layer].detach().mul_(size)
    for batch in torch.arange(60).split(BATCH):
        assert ours.loss(batch) == pytest.approx(plain.loss(batch), rel=1e-4)
    for place, norm in enumerate((plain.network.norm1, plain.network.norm2)):
        assert norm.running_var is not None
        np.testing.assert_allclose(ours.running[place, 1], norm.running_var, rtol=1e-3)
    assert np.isinf(ours.running[:, 1]).any() == (size > 1e18)
    assert ours.score() == plain.score() > 0


@pytest.mark.parametrize(
    ("dtype", "layers", "sizes"),
    [
        (torch.float32, ("conv1.weight", "conv2.weight"), (1e10, 1e20, 1e30)),
        (torch.float32, ("norm1.weight", "norm1.bias", "norm2.weight", "linear.weight"), (1e10, 1e20, 1e30, 1e35)),
        (torch.float64, ("conv1.weight", "conv2.weight"), (1e75, 1e100, 1e154, 1e200, 1e290)),
        (torch.float64, ("norm1.weight", "norm1.bias", "norm2.weight", "linear.weight"), (1e100, 1e155, 1e290)),
    ],
)
def test_both_paths_find_the_same_losses_finite(
    dtype: torch.dtype, layers: Sequence[str], sizes: Sequence[float]
) -> None:
    """In float64 no wider numbers hold the squares: they overflow, and the variance is infinite, not unknown."""
    examples = pictures(8, channels=3, dtype=dtype)
    for layer, size, seed in itertools.product(layers, sizes, range(3)):
        ours, plain = fused(examples, seed=seed), PlainNetwork(examples, seed=seed)
        random = torch.rand(ours.weights.named[layer].shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
        ours.weights.named[layer].copy_((2 * random - 1) * size)
        follow(plain.network, ours)
        losses = [network.loss(torch.arange(BATCH)) for network in (ours, plain)]
        assert math.isfinite(losses[0]) == math.isfinite(losses[1]), (layer, size, losses)


@pytest.mark.parametrize("size", [1e30, 1e38])
def test_weights_at_the_end_of_the_numbers_neither_raise_nor_warn(network: Network, size: float) -> None:
    for parameter in network.parameters:
        parameter.detach().mul_(size)
    network.loss(torch.arange(BATCH))
    assert 0.0 <= network.score() <= 1.0


def test_scoring_changes_nothing(network: Network) -> None:
    network.loss(torch.arange(BATCH))
    before = [parameter.detach().clone() for parameter in network.parameters]
    score = network.score()
    assert score == network.score()
    loss = network.loss(torch.arange(BATCH))
    network.score()
    assert loss == network.loss(torch.arange(BATCH))
    assert all(torch.equal(one, other) for one, other in zip(network.parameters, before, strict=True))


def test_two_networks_of_one_start_do_not_disturb_each_other() -> None:
    examples = pictures(8, channels=3, dtype=torch.float32)
    start = starter(FUSED, examples, batch_size=BATCH)
    alone, one, other = start(1), start(1), start(2)
    for batch in torch.arange(60).split(BATCH):
        assert one.loss(batch) == alone.loss(batch) != other.loss(batch)
        assert torch.equal(one.parameters[0].grad, alone.parameters[0].grad)  # type: ignore[arg-type]


def test_moments_are_those_of_the_patches() -> None:
    images = pictures(8, channels=3, dtype=torch.float64, count=103).pool.images
    moments = PatchMoments.of(images)
    unfolded = nn.functional.unfold(images, 3, padding=1)  # (examples, C·9, pixels), channels before taps
    patches = unfolded.unflatten(1, (3, 9)).transpose(1, 2).flatten(1, 2)
    np.testing.assert_allclose(moments.sums, patches.sum(2), atol=1e-12)
    np.testing.assert_allclose(moments.products, (patches @ patches.mT).flatten(1), atol=1e-12)


def test_the_record_says_which_path_it_was(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ChildTask(protocol, data).environment["step"] == FUSED
    assert ChildTask(protocol, data).environment["numba"]
    assert ChildTask(protocol, data).environment["numpy"] == np.__version__
    assert ChildTask(protocol, data, plain=True).environment["step"] == PLAIN
    assert not {"numba", "numpy"} & set(ChildTask(protocol, data, plain=True).environment)
    assert step.path_for(5) == PLAIN
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert ChildTask(protocol, data).environment["step"] == PLAIN
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    monkeypatch.setattr(step.importlib.util, "find_spec", lambda _: None)
    assert ChildTask(protocol, data).environment["step"] == PLAIN


@pytest.mark.parametrize("seed", range(6))
def test_both_paths_earn_the_same_where_rounding_does_not_count(
    seed: int, protocol: ChildProtocol, data: ImageData
) -> None:
    """At a large λ it does: biases have rounding errors for a gradient, and a rule may step by their signs."""
    rules = [Rule.parse(text) for text in ("g", "adam", "g + noise - noise")]
    exact = dataclasses.replace(protocol, dtype="float64", learning_rates=(1e-3, 1e-2))
    ours, plain = (ChildTask(exact, data, plain=slow).evaluate(rules, seed=seed) for slow in (False, True))
    for one, other in zip(ours, plain, strict=True):
        assert dataclasses.replace(one, seconds=0.0) == dataclasses.replace(other, seconds=0.0)


@pytest.mark.parametrize("rule", ["adam", "sign(g)", "m * exp(v)"])
@pytest.mark.parametrize(
    ("dtype", "powers"), [("float32", (10, 16, 25, 33, 37, 38)), ("float64", (37, 75, 77, 150, 154, 200, 303, 307))]
)
def test_both_paths_end_the_same_learning_rates(
    rule: str, dtype: str, powers: Sequence[int], protocol: ChildProtocol, data: ImageData
) -> None:
    """Whatever the λ: where a loss is not finite (protocol §2), and only there."""
    wide = dataclasses.replace(protocol, dtype=dtype)
    starts = [ChildTask(wide, data, plain=slow)._prepared() for slow in (False, True)]
    for power, seed in itertools.product(powers, (0, 1, 2, 4, 18)):
        ends = []
        for start in starts:
            rate = float(f"1e{power}")
            child = Child(Rule.parse(rule), rate, protocol=wide, start=start, seed=seed, report=lambda *_: None)
            ends.append(child.train_epoch())
        assert ends[0] == ends[1], (power, seed)


@pytest.mark.parametrize("path", [FUSED, PLAIN])
def test_a_network_goes_on_from_its_state_to_the_same_bits(path: str) -> None:
    """Weights and running means are all that training changes, and a state is a copy."""
    examples = pictures(8, channels=3, dtype=torch.float32)
    start = starter(path, examples, batch_size=BATCH)
    batches = torch.arange(60).split(BATCH)

    def trained(network: Network, epochs: int) -> list[float]:
        optimizer = RuleOptimizer(network.parameters, Rule.parse("g"), 0.05)
        losses = []
        for batch in batches * epochs:
            losses.append(network.loss(batch))
            optimizer.step()
        return [*losses, network.score()]

    first, second = start(1), start(2)
    trained(first, 2)
    state = first.state()
    whole = trained(first, 2)
    for _ in range(2):
        second.load(state)
        assert trained(second, 2) == whole
    assert all(torch.equal(*pair) for pair in zip(first.parameters, second.parameters, strict=True))
    assert all(not torch.equal(each, first.state()[name]) for name, each in state.items())
