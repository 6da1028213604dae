"""The networks of many children by PyTorch's operations, on any device: ``ConvNet``'s function, cell by cell.

All operations are batched over cells: convolutions are products of each cell's filters with patches of the images, in
which an image is a part of a row, and batch norm sees the filters of all cells as channels. No operation mixes cells,
so a NaN stays in its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from harness.tasks.child.convnet import FILTERS, ConvNet
from harness.tasks.child.examples import Part

Parameters = Sequence[Tensor]  # one per parameter of ``ConvNet``, each (cells, ...)


class Networks:
    """How to compute with the parameters of some cells.

    Args:
        size: height and width of the images.
        channels: channels of the images.
        classes: number of classes.
    """

    def __init__(self, size: int, *, channels: int, classes: int) -> None:
        self._network = partial(ConvNet, size, channels=channels, classes=classes)
        self.shapes = [each.shape for each in self._network(seed=0).parameters()]

    def started(self, *, seed: int, like: Tensor) -> Tensor:
        """Return one cell's initial weights, (entries,), in the order of ``ConvNet.parameters``."""
        return torch.cat([each.detach().flatten() for each in self._network(seed=seed).parameters()]).to(like)

    def parts(self, rows: Tensor) -> list[Tensor]:
        """Return the parameters of rows (cells, entries) as views."""
        cut = rows.split([shape.numel() for shape in self.shapes], dim=1)
        return [part.unflatten(1, shape) for part, shape in zip(cut, self.shapes, strict=True)]

    def losses(self, rows: Tensor, running: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return each cell's mean cross-entropy (cells,) on a batch, and its gradients (cells, entries).

        Args:
            rows: the weights.
            running: (2, 2, cells, F), layer by layer batch norm's running means and variances, which are updated.
            images: (batch, channels, size, size).
            labels: (batch,).
        """
        leaves = [part.detach().requires_grad_() for part in self.parts(rows)]
        with torch.enable_grad():
            logits = self.logits(leaves, running, images, training=True)
            cells, batch, classes = logits.shape
            each = functional.cross_entropy(logits.view(-1, classes), labels.repeat(cells), reduction="none")
            losses = each.view(cells, batch).mean(1)
            slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), torch.cat([slope.flatten(1) for slope in slopes], 1)

    def logits(self, weights: Parameters, running: Tensor, images: Tensor, *, training: bool = False) -> Tensor:
        """Return (cells, batch, classes).

        Args:
            weights: the parameters of all cells.
            running: as for ``losses``; used if not training.
            images: (batch, channels, size, size).
            training: whether batch norm uses the batch's own means.
        """
        first, first_bias, gain, offset, second, second_bias, gain2, offset2, last, last_bias = weights
        cells, batch = len(first), len(images)
        patches = _patches(images.transpose(0, 1)[None])
        y = _convolved(first, first_bias, patches.expand(cells, -1, -1))
        x = _pooled(_normed(y, gain, offset, running[0], training=training), batch)
        y = _convolved(second, second_bias, _patches(x))
        x = _pooled(_normed(y, gain2, offset2, running[1], training=training), batch)
        features = x.transpose(1, 2).flatten(2)
        return torch.baddbmm(last_bias[:, None], features, last.transpose(1, 2))


def _patches(maps: Tensor) -> Tensor:
    """Return the 3×3 patches of feature maps (cells, channels, batch, H, H) with a border of zeros.

    Returns:
        (cells, channels·9, batch·H·H), in the order of a filter's weights.
    """
    size = maps.shape[3]
    padded = functional.pad(maps, (1, 1, 1, 1))
    taps = [padded[..., i : i + size, j : j + size] for i in range(3) for j in range(3)]
    return torch.stack(taps, 2).flatten(1, 2).flatten(2)


def _convolved(filters: Tensor, bias: Tensor, patches: Tensor) -> Tensor:
    """Return the products of filters (cells, F, ...) and patches, (cells, F, batch·H·H)."""
    return torch.baddbmm(bias[..., None], filters.flatten(2), patches)


def _normed(maps: Tensor, gain: Tensor, offset: Tensor, running: Tensor, *, training: bool) -> Tensor:
    """Return batch norm of (cells, F, batch·H·H), with the filters of all cells as channels of one image."""
    mean, variance = (each.view(-1) for each in running)  # views, since they are updated
    channels = maps.flatten(0, 1)[None]
    return functional.batch_norm(channels, mean, variance, gain.flatten(), offset.flatten(), training=training)[0]


def _pooled(maps: Tensor, batch: int) -> Tensor:
    """Return max pooling and ReLU of (cells·F, batch·H·H), as (cells, F, batch, H/2, H/2)."""
    side = round((maps.shape[1] / batch) ** 0.5)
    pooled = functional.max_pool2d(maps.view(-1, batch, side, side), 2).relu_()
    return torch.unflatten(pooled, 0, (-1, FILTERS))


def right(logits: Tensor, part: Part) -> Tensor:
    """Return of how many images each cell's largest logit (cells, images, classes), all finite, is the label's."""
    sane = torch.isfinite(logits).all(2)  # argmax treats NaN as the largest, which is not an answer
    hits: Tensor = (logits.argmax(2) == part.labels) & sane
    return hits.sum(1)
