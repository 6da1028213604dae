"""The child: two 3×3 convolutions of 32 filters and a linear layer ([NOS] §4.2, protocol §2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FILTERS = 32


class ConvNet(nn.Module):
    """conv 3×3, batch norm, max pool 2×2, ReLU, twice; then linear to the classes.

    Pooling before ReLU gives the same function as pooling after it, since ReLU is monotone, with a quarter of the work.
    Padding keeps the image's size. Convolutions and batch norm have PyTorch's defaults, including a bias, although
    batch norm removes it again (**D**).

    Args:
        size: height and width of the images, a multiple of 4.
        channels: channels of the images.
        classes: number of classes.
        seed: decides the initial weights: PyTorch's default distributions, drawn from a generator of our own.
        reduced: whether the second convolution multiplies in bfloat16, as ``harness.tasks.child.cpu.reduced`` does.
    """

    def __init__(self, size: int, *, channels: int, classes: int, seed: int, reduced: bool = False) -> None:
        super().__init__()
        self._reduced = reduced
        # On the meta device nothing is drawn from the global generator.
        with torch.device("meta"):
            self.conv1 = nn.Conv2d(channels, FILTERS, 3, padding=1)
            self.norm1 = nn.BatchNorm2d(FILTERS)
            self.conv2 = nn.Conv2d(FILTERS, FILTERS, 3, padding=1)
            self.norm2 = nn.BatchNorm2d(FILTERS)
            self.linear = nn.Linear(FILTERS * (size // 4) ** 2, classes)
        # As ``to_empty`` does, which asks torch's shape arithmetic and so loads SymPy: half a second more.
        memory = {name: torch.empty(each.shape, dtype=each.dtype) for name, each in self.state_dict().items()}
        self.load_state_dict(memory, assign=True)
        generator = torch.Generator().manual_seed(seed)
        for norm in (self.norm1, self.norm2):
            norm.reset_parameters()
        for layer in (self.conv1, self.conv2, self.linear):
            # PyTorch's default, kaiming_uniform_ with a = √5, is uniform within ±1/√fan_in; so is its bias.
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        # Twice as fast on a CPU; torch's stubs do not know that modules accept it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits.

        Args:
            images: (batch, channels, size, size), best in channels-last layout.

        Returns:
            (batch, classes).
        """
        x = nn.functional.max_pool2d(self.norm1(self.conv1(images)), 2).relu_()
        x = nn.functional.max_pool2d(self.norm2(self._second(x)), 2).relu_()
        logits: Tensor = self.linear(x.flatten(1))
        return logits

    def _second(self, x: Tensor) -> Tensor:
        if not self._reduced:
            exact: Tensor = self.conv2(x)
            return exact
        products = nn.functional.conv2d(x.bfloat16(), self.conv2.weight.bfloat16(), padding=1).to(x.dtype)
        assert self.conv2.bias is not None
        return products + self.conv2.bias[:, None, None]
