from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from harness.tasks.child.convnet import ConvNet


def network(seed: int = 5) -> ConvNet:
    return ConvNet(32, channels=3, classes=10, seed=seed)


def test_weights_are_pytorchs_defaults() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layers = {
            "conv1": nn.Conv2d(3, 32, 3, padding=1),
            "conv2": nn.Conv2d(32, 32, 3, padding=1),
            "linear": nn.Linear(32 * 8 * 8, 10),
            "norm1": nn.BatchNorm2d(32),
            "norm2": nn.BatchNorm2d(32),
        }
    state = network(5).state_dict()
    expected = {f"{name}.{key}": value for name, layer in layers.items() for key, value in layer.state_dict().items()}
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value), key


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    one, again, other = network(1), network(1), network(2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.linear.weight, again.linear.weight)
    assert not torch.equal(one.linear.weight, other.linear.weight)


def test_it_has_the_parameters_of_the_protocol() -> None:
    assert sum(parameter.numel() for parameter in network().parameters()) == 30_762


def test_pooling_first_is_the_same_function() -> None:
    net = network().eval()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        x = max_pool2d(net.norm1(net.conv1(images)).relu(), 2)
        x = max_pool2d(net.norm2(net.conv2(x)).relu(), 2)
        assert torch.equal(net(images), net.linear(x.flatten(1)))


def test_activations_stay_channels_last() -> None:
    net = network()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    out = net.conv1(images.to(memory_format=torch.channels_last))
    assert out.is_contiguous(memory_format=torch.channels_last)
