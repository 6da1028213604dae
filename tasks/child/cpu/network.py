"""The child's network on the fast path: the same function and gradients as ``ConvNet``, several times faster.

Parameters, gradients and running means are one vector each, so that a rule's operations run once for all of them. There
is no autograd between them and the loss: the forward and backward passes are written out, and ``cpu.kernels`` runs
them.

The first layer's batch norm needs the mean and variance of a convolution's output. For a filter w and image patches x
these are w·x̄ and wᵀ(X/n − x̄x̄ᵀ)w, where X = Σxxᵀ is the patches' Gram matrix. Its gradient, too, needs that output
only in Σx·y = X·w. X depends only on the images: ``PatchMoments`` holds it for each image, in float64.

It sums a batch's outputs in float64, while PyTorch's batch norm uses the network's dtype. So in float32 a weight above
about 1e33 can overflow there and not here: here the loss is finite, and training continues (protocol §2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.cpu import kernels
from harness.tasks.child.cpu.kernels import FILTERS
from harness.tasks.child.cpu.memory_layout import Vector, make_room
from harness.tasks.child.cpu.room import Array
from harness.tasks.child.examples import Examples, Part, share_right

MOMENTUM, EPSILON = 0.1, 1e-5  # of batch norm: PyTorch's defaults
CHUNK = 100  # images whose patches are in memory at a time


@dataclass(frozen=True, slots=True, eq=False)
class PatchMoments:
    """Sums over the 3×3 patches of each image, including its border of zeros.

    Attributes:
        products: (examples, (9·C)²), float64: Σ x xᵀ.
        sums: (examples, 9·C), float64: Σ x.
    """

    products: Array
    sums: Array

    @classmethod
    def of(cls, images: Tensor) -> PatchMoments:
        """Sum over the patches of (examples, C, S, S): once per process, 60 MB for 10,000 images of CIFAR-10."""
        count, channels, side, _ = images.shape
        width, taps = channels * (side + 2), 9 * channels
        products = torch.empty((count, taps, taps), dtype=torch.float64)
        sums = torch.empty((count, taps), dtype=torch.float64)
        for begin in range(0, count, CHUNK):
            part = images[begin : begin + CHUNK].permute(0, 2, 3, 1).double()
            padded = torch.nn.functional.pad(part, (0, 0, 1, 1, 1, 1)).contiguous()
            views = padded.as_strided(
                (len(part), side, side, 3, 3 * channels), (width * (side + 2), width, channels, width, 1)
            )
            patches = views.reshape(len(part), side * side, taps)
            torch.bmm(patches.mT, patches, out=products[begin : begin + CHUNK])
            torch.sum(patches, 1, out=sums[begin : begin + CHUNK])
        return cls(products.view(count, -1).numpy(), sums.numpy())


@dataclass(slots=True, eq=False)
class Norm:
    """Batch norm of one layer on one batch, as the map y → scale·y + shift; all (F,), float64.

    Attributes:
        mean: mean of the convolution's output without its bias, which batch norm removes again.
        inverse: 1/√(variance + ε).
        scale: the parameter times ``inverse``.
        shift: the other parameter minus mean times scale.
        count: number of outputs per filter.
    """

    mean: Array
    inverse: Array
    scale: Array
    shift: Array
    count: int

    @classmethod
    def of(cls, sums: Array, squares: Array, *, count: int, parameters: Array, running: Array) -> Norm:
        """Return the batch norm of a batch, and update the running mean and variance (2, F)."""
        mean = sums / count
        # In the network's dtype a sum of squares may overflow; then, as in PyTorch, all outputs are the same.
        spread = np.maximum(squares - sums * mean, 0.0)
        # In float64 both overflow, since there is no wider type; if sums are not finite, neither is the loss.
        spread = np.where(np.isnan(spread), np.inf, spread).astype(parameters.dtype).astype(np.float64)
        inverse = 1 / np.sqrt(spread / count + EPSILON)
        # Not running + MOMENTUM · (new − running): after an overflow it must stay infinite, as in PyTorch, not NaN.
        running *= 1 - MOMENTUM
        running += MOMENTUM * np.stack([mean + parameters[2], spread / (count - 1)])
        scale = parameters[0] * inverse
        return cls(mean, inverse, scale, parameters[1] - mean * scale, count)

    def backward(self, slope_sum: Array, slope_products: Array, *, slopes: Array) -> tuple[Array, Array]:
        """Return the gradient of the outputs y as a and b of scale·slope + a·y + b.

        Args:
            slope_sum: Σ slope.
            slope_products: Σ slope·(y − mean).
            slopes: (3, F), gets the gradients of the parameters.

        Returns:
            (a, b).
        """
        slopes[0], slopes[1] = slope_products * self.inverse, slope_sum
        a = -self.scale * self.inverse**2 * slope_products / self.count
        b = -self.scale * slope_sum / self.count - a * self.mean
        # The bias has no gradient, but PyTorch's has rounding errors, and some rules use their signs, so they are kept.
        parts = [self.scale * slope_sum, a * self.mean * self.count, b * self.count]
        first, second, third = (part.astype(slopes.dtype) for part in parts)
        slopes[2] = first + second + third
        return a, b


class FusedNetwork:
    """``ConvNet`` with its examples, its gradients and batch norm's running means.

    Args:
        examples: what to train and score on; the side of the images is a multiple of 4.
        moments: the patch moments of the pool's images.
        batch_size: size of every batch.
        seed: decides the initial weights, as in ``ConvNet``.

    Attributes:
        weights: the weights.
        slopes: their gradients.
        running: (layer, mean and variance, F), batch norm's running means.
    """

    def __init__(self, examples: Examples, moments: PatchMoments, *, batch_size: int, seed: int) -> None:
        images = examples.pool.images
        _, channels, side, _ = images.shape
        self._moments = moments
        self._pool, self._labels = _rows(images), examples.pool.labels
        self._examples = examples
        self._channels, self._side = channels, side
        classes = examples.classes
        self.weights = Vector(channels, side, classes=classes, dtype=images.dtype)
        self.slopes = Vector(channels, side, classes=classes, dtype=images.dtype)
        self.weights.take(ConvNet(side, channels=channels, classes=classes, seed=seed))
        self.weights.flat.grad = self.slopes.flat
        dtype = self.weights.w1.dtype
        self.running = np.zeros((2, 2, FILTERS), dtype)
        self.running[:, 1] = 1.0
        self._room = make_room(batch_size, side=side, channels=channels, dtype=dtype)
        self._features, self._slope = (
            torch.from_numpy(part).view(batch_size, -1) for part in (self._room.features, self._room.slope)
        )
        self._products, self._patches = np.zeros((9 * channels) ** 2), np.zeros(9 * channels)
        self._kept: tuple[list[Norm], Array] = ([], np.zeros(0))
        self._unit, self._places = np.ones(FILTERS, dtype), torch.arange(batch_size)

    @property
    def parameters(self) -> list[Tensor]:
        """One vector of all weights, which always has a ``grad``."""
        return [self.weights.flat]

    @property
    def layers(self) -> list[Tensor]:
        """Views of the weights in the shapes of ``ConvNet``, except for the order of the features."""
        views, grads = self.weights.layers, self.slopes.layers
        for view, grad in zip(views, grads, strict=True):
            view.grad = grad
        return views

    def loss(self, chosen: Tensor) -> float:
        """Return the mean loss over the pool's examples at ``chosen`` (batch,); if finite, compute its gradients."""
        # Such weights have no finite loss; that includes the convolutions' biases, though batch norm removes them here.
        if not np.isfinite(self.weights.flat.numpy()).all():
            return math.nan
        with np.errstate(all="ignore"):
            norms, correlated = self._kept = self._forward(chosen.numpy())
            logits = torch.addmm(self.weights.bias, self._features, self.weights.linear.T)
            likelihoods = torch.log_softmax(logits, 1)
            loss = torch.nn.functional.nll_loss(likelihoods, self._labels.index_select(0, chosen)).item()
            if math.isfinite(loss):
                slope = likelihoods.exp_()
                slope[self._places, self._labels.index_select(0, chosen)] -= 1
                self._backward(slope.div_(len(chosen)), norms, correlated)
        return loss

    def _forward(self, chosen: Array) -> tuple[list[Norm], Array]:
        """Return batch norm and Σ x·y of the first layer, (9·C, F), after computing the features."""
        room, weights, dtype = self._room, self.weights, self.weights.w1.dtype
        kernels.load(self._pool, chosen, self._channels, room)
        kernels.add_chosen(self._moments.products, chosen, self._products)
        kernels.add_chosen(self._moments.sums, chosen, self._patches)
        w1 = weights.w1.reshape(-1, FILTERS).astype(np.float64)
        correlated = self._products.reshape(len(w1), -1) @ w1
        sums, squares = self._patches @ w1, (w1 * correlated).sum(0)
        count = len(chosen) * self._side**2
        first = Norm.of(sums, squares, count=count, parameters=weights.norms[0], running=self.running[0])
        scaled = (w1 * first.scale).astype(dtype).reshape(-1)
        self._convolve(scaled, first.shift.astype(dtype))
        second = Norm.of(*room.sums, count=count // 4, parameters=weights.norms[1], running=self.running[1])
        kernels.pool(room, len(chosen), second.scale.astype(dtype), second.shift.astype(dtype))
        return [first, second], correlated

    def _backward(self, slope: Tensor, norms: list[Norm], correlated: Array) -> None:
        """Compute all gradients from that of the logits (batch, classes), by the chain rule."""
        room, weights, slopes, dtype = self._room, self.weights, self.slopes, self.weights.w1.dtype
        first, second = norms
        torch.mm(slope.T, self._features, out=slopes.linear)
        torch.sum(slope, 0, out=slopes.bias)
        torch.mm(slope, weights.linear, out=self._slope)
        kernels.cut(room, second.mean.astype(dtype))
        slant, shift = second.backward(*room.sums, slopes=slopes.norms[1])
        factors = np.stack([second.scale, slant, shift]).astype(dtype)
        self._convolve_back(factors)
        routed, total = slopes.w1.reshape(-1, FILTERS), room.sums[0]  # Σ x·slope and Σ slope, before batch norm
        products = (weights.w1.reshape(routed.shape) * routed.astype(np.float64)).sum(0) - first.mean * total
        slant, shift = first.backward(total, products, slopes=slopes.norms[0])
        routed[:] = first.scale * routed + slant * correlated + shift * self._patches[:, None]

    def _convolve(self, weights1: Array, shift1: Array) -> None:
        """Compute both convolutions of the images in the room (``kernels.convolve``)."""
        kernels.convolve(self._room, self._channels, weights1, self._unit, shift1, self.weights.w2)

    def _convolve_back(self, factors: Array) -> None:
        """Compute both convolutions' weight gradients, as if there were no first batch norm (``kernels.backward``)."""
        behind = self.weights.w2.reshape(3, 3, FILTERS, FILTERS)[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1)
        kernels.backward(self._room, self._channels, factors, behind, self.slopes.w1, self.slopes.w2)

    @property
    def exact(self) -> list[Tensor]:
        """Return Σ x·y of the first layer and both layers' batch norms from the last loss; all float64."""
        norms, correlated = self._kept
        parts = [part for norm in norms for part in (norm.mean, norm.inverse, norm.scale, norm.shift)]
        return [torch.from_numpy(part) for part in (correlated, *parts)]

    def logits(self) -> Tensor:
        """Return the logits of the validation set, (validation examples, classes), which ``score`` uses."""
        return self._logits(self._examples.validation)

    def score(self) -> float:
        """Return the accuracy on the validation set; batch norm uses its running means."""
        return share_right(self.logits(), self._examples.validation)

    def test(self) -> float:
        """Return the accuracy on the test set; only for examples that have one."""
        assert self._examples.test is not None, "a search has no test examples"
        return share_right(self._logits(self._examples.test), self._examples.test)

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the weights and running means."""
        return {"weights": self.weights.flat.clone(), "running": torch.from_numpy(self.running.copy())}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore what ``state`` returned."""
        self.weights.flat.copy_(state["weights"])
        self.running[:] = state["running"].numpy()

    def _logits(self, part: Part) -> Tensor:
        """Return the logits of a part: batch norm with running means scales and shifts the filters before it."""
        images = _rows(part.images)
        room, weights, dtype = self._room, self.weights, self.weights.w1.dtype
        found = torch.empty((len(part), self._examples.classes), dtype=weights.flat.dtype)
        with np.errstate(all="ignore"):
            scales = weights.norms[:, 0] / np.sqrt(self.running[:, 1].astype(np.float64) + EPSILON)
            shifts = weights.norms[:, 1] + scales * (weights.norms[:, 2] - self.running[:, 0])
            w1 = (weights.w1.reshape(-1, FILTERS) * scales[0]).astype(dtype).reshape(-1)
            shift1, scale2, shift2 = (part.astype(dtype) for part in (shifts[0], scales[1], shifts[1]))
            for begin in range(0, len(part), len(room.features)):
                chosen = np.arange(begin, min(begin + len(room.features), len(part)))
                kernels.load(images, chosen, self._channels, room)
                self._convolve(w1, shift1)
                kernels.pool(room, len(chosen), scale2, shift2)
                features = self._features[: len(chosen)]
                found[begin : begin + len(chosen)] = torch.addmm(weights.bias, features, weights.linear.T)
        return found


def _rows(images: Tensor) -> Array:
    """View channels-last images (examples, C, S, S) as (examples, S, S·C)."""
    return images.permute(0, 2, 3, 1).flatten(2).numpy()
