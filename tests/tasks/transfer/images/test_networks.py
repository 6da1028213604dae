"""The networks: shapes and counts against published ones, initial weights, one vector, and dropout."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from coloured_images import coloured
from scipy import stats
from torch import nn

from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.data.pictures.source import PictureData
from harness.tasks.transfer.images.classifier import Classifier
from harness.tasks.transfer.images.dropout import OwnDropout
from harness.tasks.transfer.images.nasnet import NasnetTask
from harness.tasks.transfer.images.protocols import IMAGENET, IMAGENET_MINI, WRN, WRN_MINI
from harness.tasks.transfer.images.starting import started
from harness.tasks.transfer.images.vector import in_one_vector
from harness.tasks.transfer.images.wide_resnet import WideResnetTask

FEW = {"train_examples": 20, "validation_examples": 20}


def network(task: WideResnetTask | NasnetTask) -> Classifier:
    with reproducible_arithmetic():
        found = task.workload.start(0)
    assert isinstance(found, Classifier)
    return found


def wide(depth: int, width: int) -> int:
    """Count a Wide ResNet's weights by the paper's Table 1: convolutions, norms, one linear layer."""
    blocks, count, before = (depth - 4) // 6, 3 * 16 * 9, 16
    for filters in (16 * width, 32 * width, 64 * width):
        for _ in range(blocks):
            count += 2 * before + before * filters * 9 + 2 * filters + filters * filters * 9
            count += before * filters if before != filters else 0
            before = filters
    return count + 2 * before + before * 10 + 10


@pytest.mark.parametrize(("protocol", "published"), [(WRN, 2.7e6), (WRN_MINI, 0.08e6)], ids=["16-4", "10-1"])
def test_wide_resnets_have_the_published_number_of_weights(protocol: Any, published: float, data: ImageData) -> None:
    """[Zagoruyko and Komodakis 2016, Table 4] gives 2.7 million for WRN-16-4."""
    found = network(WideResnetTask(replace(protocol, **FEW), data))
    assert len(found.parameters[0]) == wide(protocol.depth, protocol.width)
    assert len(found.parameters[0]) == pytest.approx(published, rel=0.05)
    assert [type(each) for each in found.module.modules() if isinstance(each, nn.Conv2d)] == [nn.Conv2d] * (
        protocol.depth - 3 + (2 if protocol.width == 1 else 3)
    )
    found.module.eval()
    assert found.module(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_nasnet_has_the_published_number_of_weights(pictures: PictureData) -> None:
    """[Zoph et al. 2018, Table 2] gives 5.3 million for NASNet-A 4@1056 with a thousand classes."""
    thousand = replace(pictures, classes=tuple(map(str, range(1000))))
    found = network(NasnetTask(replace(IMAGENET, **FEW), thousand))
    assert len(found.parameters[0]) == 5_289_978
    found.module.eval()
    assert found.module(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


@pytest.mark.parametrize("side", [32, 64, 96, 224])
def test_nasnet_takes_pictures_of_any_size(pictures: PictureData, side: int) -> None:
    found = network(NasnetTask(replace(IMAGENET_MINI, side=side, **FEW), pictures))
    found.module.eval()
    assert found.module(torch.zeros(2, 3, side, side)).shape == (2, 10)


def test_initial_weights_have_the_distributions_of_pytorchcv(data: ImageData) -> None:
    """He's uniform distribution for convolutions, PyTorch's for the linear layer; norms do nothing at first."""
    found = network(WideResnetTask(replace(WRN, **FEW), data)).module
    for layer in found.modules():
        if isinstance(layer, nn.Conv2d):
            bound = math.sqrt(6 / layer.weight[0].numel())
            even = stats.uniform(-bound, 2 * bound).cdf
            # 17 layers: a false alarm once in some 600,000 draws; the draws are the same every time
            assert stats.kstest(layer.weight.detach().flatten().numpy(), even).pvalue > 1e-7
        elif isinstance(layer, nn.BatchNorm2d):
            assert bool((layer.weight == 1).all() and (layer.bias == 0).all())
            assert layer.running_mean is not None
            assert layer.running_var is not None
            assert bool((layer.running_mean == 0).all() and (layer.running_var == 1).all())
        elif isinstance(layer, nn.Linear):
            assert layer.weight.abs().max().item() == pytest.approx(1 / 16, rel=0.02)


def test_a_layer_without_known_initial_weights_is_refused() -> None:
    with pytest.raises(TypeError, match="no initial weights for a layer of type PReLU"):
        started(lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.PReLU()), 0)


def test_one_vector_changes_no_output_and_no_gradient() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 3, groups=4),
            nn.Flatten(),
            nn.Linear(16, 2),
        )

    inputs = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    whole, parts = started(build, 1), started(build, 1)
    vector = in_one_vector(whole)
    outputs = whole(inputs)
    torch.testing.assert_close(outputs, parts(inputs))
    outputs.square().sum().backward()
    parts(inputs).square().sum().backward()
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
    assert vector.grad is not None
    assert vector.grad.abs().sum() > 0
    assert len(vector) == sum(each.numel() for each in parts.parameters())


def test_dropout_draws_from_a_stream_of_its_own() -> None:
    layer, inputs = OwnDropout(0.25), torch.ones(200, 500)
    layer.train()
    layer.restart(1)
    first, second = layer(inputs), layer(inputs)
    assert not torch.equal(first, second)
    layer.restart(1)
    assert torch.equal(layer(inputs), first)
    assert first.unique().tolist() == pytest.approx([0.0, 4 / 3])
    # 100,000 draws: 5 standard deviations of the share are 0.007
    assert (first == 0).double().mean().item() == pytest.approx(0.25, abs=0.007)
    layer.eval()
    assert torch.equal(layer(inputs), inputs)


def test_every_epoch_of_a_child_drops_other_entries(nasnet: Any, pictures: PictureData) -> None:
    """The stream starts anew with each epoch, from the seed and the epoch alone, so that a child can resume."""
    found = network(NasnetTask(nasnet, pictures))
    (layer,) = [each for each in found.module.modules() if isinstance(each, OwnDropout)]
    masks = []
    for epoch in (0, 1, 0):
        next(iter(found.losses(epoch)))
        masks.append(layer(torch.ones(50, 50)))
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


def test_accuracy_counts_outputs_that_are_not_finite_as_wrong(wrn: Any, data: ImageData) -> None:
    found = network(WideResnetTask(wrn, data, test=True))
    with torch.no_grad():
        found.parameters[0].fill_(math.nan)
    assert found.score() == 0.0
    assert found.test() == 0.0
    assert math.isnan(network(WideResnetTask(wrn, data)).test()), "no test examples, no score"


def test_accuracy_is_the_share_that_is_right(wrn: Any) -> None:
    images, labels = coloured(100, 32)
    single = ImageData.of("one", train=(images, np.minimum(labels, 1)), test=(images, labels), source="")
    found = network(WideResnetTask(replace(wrn, train_examples=60, validation_examples=40), single))
    with torch.no_grad():
        found.parameters[0].zero_()
        found.module.output.bias[1] = 1.0  # type: ignore[union-attr, index]
    assert found.score() == pytest.approx(0.9, abs=0.03)
