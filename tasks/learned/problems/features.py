"""A frozen network as torch computes it: from pictures to the outputs of some of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.tasks.data import torchvision_import
from harness.tasks.data.art.source import AVERAGE_POOL, CONVOLUTION, RELU, SQUEEZENET, Layer, Network
from harness.tasks.learned.lstm import CPU

Step = Callable[[Tensor], Tensor]
TAPS = {"conv1": 1, "fire2": 3, "fire3": 4, "fire4": 5, "fire5": 7, "fire6": 8, "fire7": 9, "fire8": 10, "fire9": 12}
"""Where torchvision's SqueezeNet 1.0 has the output of a layer, after its ReLU; pooling lies between them."""


class Features:
    """The outputs of a frozen network's layers of content and style.

    Args:
        network: what is computed; layers after the last one that counts are left out.
        dtype: what it is computed in.
        device: where it is computed.

    Attributes:
        content: name of the layer of content.
        style: names of the layers of style.
    """

    def __init__(self, network: Network, *, dtype: torch.dtype = torch.float32, device: torch.device = CPU) -> None:
        description, self.device = network.description, device
        self.content, self.style = description.content, description.style
        wanted = {self.content, *self.style}
        weights = {name: torch.from_numpy(array.copy()).to(device, dtype) for name, array in network.arrays.items()}
        steps = _squeezenet(weights) if network.layout == SQUEEZENET else _chain(description.layers, weights)
        last = max(place for place, (name, _) in enumerate(steps) if name in wanted)
        self._steps = [(name if name in wanted else "", step) for name, step in steps[: last + 1]]
        self._mean = torch.tensor(description.mean, dtype=dtype, device=device)[:, None, None]
        self._scale = description.scale
        self._flipped = description.colours == "bgr"

    def __call__(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the outputs of the layers that count, by name, each (pictures, channels, height, width).

        Args:
            pixels: (pictures, 3, height, width), of 0 to 255, red first.
        """
        values = pixels.flip(1) if self._flipped else pixels
        values = (values - self._mean) * self._scale
        found = {}
        for name, step in self._steps:
            values = step(values)
            if name:
                found[name] = values
        return found


def _chain(layers: Iterable[Layer], weights: Mapping[str, Tensor]) -> list[tuple[str, Step]]:
    return [(layer.name, _step(layer, weights)) for layer in layers]


def _step(layer: Layer, weights: Mapping[str, Tensor]) -> Step:
    if layer.kind == CONVOLUTION:
        kernel, bias = weights[f"{layer.name}.w"], weights[f"{layer.name}.b"]
        return lambda values: functional.conv2d(values, kernel, bias, stride=layer.stride, padding=layer.padding)
    if layer.kind == RELU:
        return functional.relu
    pool = functional.avg_pool2d if layer.kind == AVERAGE_POOL else functional.max_pool2d
    return lambda values: pool(values, layer.size, stride=layer.stride)


def _squeezenet(weights: Mapping[str, Tensor]) -> list[tuple[str, Step]]:
    with torch.device("meta"):  # nothing is drawn from torch's global generator
        features: nn.Sequential = torchvision_import.models().squeezenet1_0(weights=None).features.eval()
    state = {}
    for name, weight in weights.items():
        layer, _, part = name.removesuffix(".w").removesuffix(".b").partition(".")
        names = {"": "", "conv1x1_1": ".squeeze", "conv1x1_2": ".expand1x1", "conv3x3_2": ".expand3x3"}
        place = 0 if layer == "conv1" else TAPS[layer]
        state[f"{place}{names[part]}.{'weight' if name.endswith('.w') else 'bias'}"] = weight
    features.load_state_dict(state, assign=True)
    features.requires_grad_(requires_grad=False)
    named = {place: name for name, place in TAPS.items()}
    return [(named.get(place, ""), module) for place, module in enumerate(features)]
