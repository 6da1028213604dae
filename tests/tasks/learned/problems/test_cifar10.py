"""Convolutional networks on images: the function and its gradient are PyTorch's, and each variant has its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.errors import DataError
from harness.tasks.data import synthetic
from harness.tasks.data.images import ImageData
from harness.tasks.learned.lstm import CoordinateLstm
from harness.tasks.learned.meta.rollout import Rollout, accumulate
from harness.tasks.learned.problem import KERNELS, REST, spans
from harness.tasks.learned.problems import side_by_side
from harness.tasks.learned.problems.cifar10 import Cifar10, Cifar10Problems
from harness.tasks.learned.problems.examples import Examples

CLASSES = {"": 10, "5-labels": 5, "2-labels": 2, "held-out-5": 5, "held-out-8": 8}
ORIGINALS = {"": 0, "5-labels": 0, "2-labels": 0, "held-out-5": 5, "held-out-8": 2}


def images(side: int = 16) -> ImageData:
    """Random images, whose first pixel says their label."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (200, side, side, 3), dtype=np.uint8), (np.arange(200) % 10).astype(np.uint8)
    pixels[:, 0, 0, 0] = labels
    return ImageData.of("random", train=(pixels, labels), test=(pixels[:10], labels[:10]), source="")


@pytest.fixture(scope="module")
def family() -> Cifar10:
    return Cifar10(images())


class Exact(Examples):
    """Images in float64: in float32, rounding may lead the gradient of a pooled pixel to its neighbour."""

    def batch(self, seeds: Sequence[int], step: int) -> tuple[Tensor, Tensor]:
        pixels, labels = super().batch(seeds, step)
        return pixels.double(), labels


class Network(nn.Module):
    """The network as a module, with the same order of its parameters."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(nn.Conv2d(count, 16, 3, padding=1, bias=False) for count in (3, 16, 16))
        self.norms = nn.ModuleList(nn.BatchNorm2d(16) for _ in range(3))
        self.hidden = nn.Sequential(nn.Linear(16 * 2 * 2, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU())
        self.last = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        for kernel, norm in zip(self.kernels, self.norms, strict=True):
            x = nn.functional.max_pool2d(nn.functional.relu(norm(kernel(x))), 2)
        logits: Tensor = self.last(self.hidden(x.flatten(1)))
        return logits


def by_pytorch(problems: Cifar10Problems, row: Tensor, place: int, step: int) -> tuple[Tensor, Tensor]:
    """Value and gradient of one problem."""
    module = Network(problems.examples.classes).double()
    parameters = list(module.parameters())
    assert [tuple(each.shape) for each in parameters] == [layer.shape for layer in problems.layers]
    nn.utils.vector_to_parameters(row, parameters)
    batch, labels = problems.examples.batch(problems.seeds, step)
    loss = nn.functional.cross_entropy(module(batch[place].permute(0, 3, 1, 2).contiguous()), labels[place])
    return loss.detach(), torch.cat([each.flatten() for each in torch.autograd.grad(loss, parameters)])


@pytest.mark.parametrize("variant", CLASSES)
def test_value_and_gradient_are_those_of_a_module(variant: str, family: Cifar10) -> None:
    drawn = family.draw(0, 2, variant=variant)
    problems = replace(drawn, examples=Exact(*(getattr(drawn.examples, each.name) for each in fields(Examples))))
    weights = problems.start().double()
    weights += 0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    values, gradients = problems.evaluate(weights, 3)
    for place in range(2):
        value, gradient = by_pytorch(problems, weights[place], place, 3)
        torch.testing.assert_close(values[place], value)
        torch.testing.assert_close(gradients[place], gradient)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("variant", ["", "held-out-5"])
def test_all_problems_at_once_are_what_they_are_one_after_another(
    variant: str, grouped: bool, family: Cifar10, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a GPU computes them."""
    monkeypatch.setattr(side_by_side, "GROUPED", grouped)
    drawn = family.draw(0, 3, variant=variant)
    problems = replace(drawn, examples=Exact(*(getattr(drawn.examples, each.name) for each in fields(Examples))))
    weights = problems.start().double()
    weights += 0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(problems.evaluate_at_once(weights, 3), problems.evaluate(weights, 3))
    weights[1] = torch.nan
    values, gradients = problems.evaluate_at_once(weights, 3)
    assert values.isfinite().tolist() == gradients.isfinite().all(1).tolist() == [True, False, True]


@pytest.mark.parametrize("variant", CLASSES)
def test_each_variant_reads_the_images_of_its_labels_alone(variant: str, family: Cifar10) -> None:
    problems = family.draw(0, 3, variant=variant)
    batch, labels = problems.examples.batch(problems.seeds, 0)
    originals = (batch[:, :, 0, 0, 0] * 255).round().long()
    assert torch.equal(originals - ORIGINALS[variant], labels)
    assert set(labels.flatten().tolist()) == set(range(CLASSES[variant]))
    assert problems.layers[-1].shape == (CLASSES[variant],)


def test_learned_optimizers_are_compared_on_labels_that_the_held_out_ones_leave_out(family: Cifar10) -> None:
    assert tuple(family.variants) == tuple(CLASSES)
    assert [name for name, variant in family.variants.items() if variant.trains] == ["", "held-out-5", "held-out-8"]
    assert {variant.steps for variant in family.variants.values()} == {100}
    for compared, trained in (("5-labels", "held-out-5"), ("2-labels", "held-out-8")):
        apart = [set(family.draw(0, 1, variant=name).examples.chosen.tolist()) for name in (compared, trained)]
        assert not apart[0] & apart[1]
        assert len(apart[0] | apart[1]) == 200


def test_a_problem_follows_from_seed_and_number_alone(family: Cifar10) -> None:
    problems, fewer = family.draw(3, 3), family.draw(3, 2)
    weights = problems.start()
    assert torch.equal(weights, problems.start())
    assert torch.equal(weights[:2], fewer.start())
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights, family.draw(4, 3).start())
    again = fewer.evaluate(fewer.start(), 1)
    assert all(torch.equal(one, other[:2]) for one, other in zip(again, problems.evaluate(weights, 1), strict=True))


def test_scales_begin_at_1_and_shifts_and_biases_at_0(family: Cifar10) -> None:
    problems, place = family.draw(0, 1), 0
    (row,) = problems.start()
    for layer in problems.layers:
        part = row[place : place + layer.size]
        place += layer.size
        if layer.name.startswith(("scale", "shift", "bias")):
            assert set(part.tolist()) == {1.0 if layer.name.startswith("scale") else 0.0}
        else:
            inputs = layer.size // layer.shape[0]
            assert abs(float(part.std()) * inputs**0.5 - 1) < 0.15
    assert place == len(row)


def test_problems_do_not_influence_each_other(family: Cifar10) -> None:
    problems = family.draw(3, 3)
    weights = problems.start()
    values, gradients = problems.evaluate(weights, 2)
    weights[0], weights[2] = torch.nan, torch.inf
    spoilt, slopes = problems.evaluate(weights, 2)
    assert torch.equal(spoilt[1], values[1])
    assert torch.equal(slopes[1], gradients[1])
    assert spoilt.isfinite().tolist() == [False, True, False]
    assert not slopes[0].isfinite().any()


def test_kernels_come_first_and_have_an_lstm_of_their_own(family: Cifar10) -> None:
    problems = family.draw(0, 1)
    found = spans(problems.layers, family.kinds)
    kernels = 16 * (3 + 16 + 16) * 9
    assert found == {KERNELS: slice(0, kernels), REST: slice(kernels, problems.start().shape[1])}
    networks = {kind: CoordinateLstm(family.architecture, seed=index) for index, kind in enumerate(family.kinds)}
    values, recorded = Rollout(problems, networks).unroll(2)
    assert values.isfinite().all()
    for kind, network in networks.items():
        accumulate(network, recorded[kind])
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_other_data_is_one_line() -> None:
    with pytest.raises(DataError, match=r"data 'random': expected images of at least 8×8 pixels, got 200 of 7×7\. "):
        Cifar10(images(7))
    whole = images()
    keep = whole.train_labels < 4
    few = (whole.train_images[keep], whole.train_labels[keep])
    family = Cifar10(ImageData.of("four", train=few, test=few, source=""))
    assert family.draw(0, 1).layers[-1].shape == (4,)
    with pytest.raises(DataError, match=r"data 'four': expected images with the labels 5 to 9, got 4 classes\. "):
        family.draw(0, 1, variant="held-out-5")


def test_sgd_learns_the_stand_in_and_adam_does_otherwise() -> None:
    """One problem of 40 steps, on the stand-in with every other pixel: SGD ends near 1.5, ADAM near 0.9."""
    whole = synthetic.generate(500, 10)
    train, test = (
        (images[:, ::2, ::2], labels)
        for images, labels in ((whole.train_images, whole.train_labels), (whole.test_images, whole.test_labels))
    )
    family = Cifar10(ImageData.of("small", train=train, test=test, source=""))
    ends = []
    for kind, rate in ((torch.optim.SGD, 0.1), (torch.optim.Adam, 0.01)):
        problems = family.draw(0, 1)
        weights = nn.Parameter(problems.start())
        optimizer, values = kind([weights], lr=rate), []
        for step in range(40):
            value, weights.grad = problems.evaluate(weights.detach(), step)
            optimizer.step()
            values.append(float(value.mean()))
        assert np.mean(values[-5:]) < 0.7 * values[0]
        ends.append(np.mean(values[-5:]))
    assert ends[1] < ends[0] - 0.3
