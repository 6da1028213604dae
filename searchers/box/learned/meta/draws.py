"""Draws of a Gaussian process over the unit box, revealed where they are asked, with gradients ([L2L-BB] §2.2).

With L the Cholesky factor of the covariance of all points, and ε ~ N(0, I) drawn beforehand, the values y = Lε have the
process's law. Row t of L needs only the first t points, so this is the chain rule of probability::

    k = k(X_{<t}, x_t)     l = L_{<t}⁻¹ k     d = √(σ² + jitter − lᵀl)     y_t | y_{<t} ~ N(lᵀε_{<t}, d²)

A draw is thus a deterministic and smooth function of the points. L and L⁻¹ grow in place, in float64. Autograd forbids
that, so the gradient of a row is written out: forwards and backwards, a step takes some 35 small operations, and memory
holds four matrices (count, steps, steps) in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LENGTHSCALE = 0.3  # of the RBF kernel exp(−‖x − x'‖² / 2ℓ²), whose variance σ² is 1 (**D**)
JITTER = 1e-4  # variance added to every value; with less, points close together make gradients explode (**D**)


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a draw is at some points, given the earlier values; each is (count,), float64.

    Attributes:
        value: the draw's values.
        mean: their mean given the earlier values.
        deviation: their standard deviation given the earlier values.
    """

    value: Tensor
    mean: Tensor
    deviation: Tensor


def innovations(seed: int, count: int, steps: int) -> Tensor:
    """Return ε of some draws, (count, steps), in float64; row i depends on the seed, i and the steps alone."""
    stream = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(stream.standard_normal((count, steps)))


class Draws:
    """Some draws, each of which is asked at a point of its own at every step.

    Args:
        noise: ε, (count, steps), float64; its device is where the draws are computed.
        dimensions: of the box.
    """

    def __init__(self, noise: Tensor, dimensions: int) -> None:
        self._rows = _Rows(noise, dimensions)
        self._step = 0
        self._last = noise.new_empty(0)  # connects each row to the one before it, so that gradients come in order

    def __call__(self, points: Tensor) -> Revealed:
        """Return the values of all draws at points (count, dimensions), and their law given the earlier ones."""
        reveal: Any = _Reveal.apply  # which torch's stubs do not type
        value, mean, deviation, self._last = reveal(points, self._last, self._rows, self._step)
        self._step += 1
        return Revealed(value, mean, deviation)


class _Rows:
    """The matrices of some draws: what is known of them forwards, and of their gradients backwards."""

    def __init__(self, noise: Tensor, dimensions: int) -> None:
        count, steps = noise.shape
        self.noise = noise
        self.points = noise.new_ones(count, steps, dimensions + 1)  # x, and a 1 to sum with
        self.factor, self.inverse, self.adjoint, self.weights = (noise.new_zeros(count, steps, steps) for _ in range(4))
        self.top = 0  # the last row that has a gradient

    def reveal(self, row: int, points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Add a row; return value, mean and deviation (count,), and k (count, row)."""
        noise, inverse = self.noise, self.inverse
        self.points[:, row, :-1] = points
        apart = self.points[:, :row, :-1] - self.points[:, row, None, :-1]  # (count, row, dimensions)
        kernel = apart.square_().sum(-1).mul_(-0.5 / LENGTHSCALE**2).exp_()  # (count, row)
        before = inverse[:, :row, :row]
        part = torch.bmm(before, kernel[..., None])[..., 0]  # l
        known = torch.linalg.vecdot(part, part)
        deviation = known.neg_().add_(1 + JITTER).clamp_min_(JITTER).sqrt_()
        mean = torch.linalg.vecdot(part, noise[:, :row])
        value = torch.addcmul(mean, deviation, noise[:, row])
        self.factor[:, row, :row] = part
        self.factor[:, row, row] = deviation
        scale = deviation.reciprocal()
        inverse[:, row, row] = scale
        torch.mul(torch.bmm(part[:, None], before)[:, 0], scale.neg_()[:, None], out=inverse[:, row, :row])
        return value, mean, deviation, kernel

    def gradient(
        self, row: int, kernel: Tensor, value: Tensor | None, mean: Tensor | None, deviation: Tensor | None
    ) -> Tensor:
        """Return the gradient by a row's points, (count, dimensions), given those by what it revealed.

        The later rows up to ``top`` have had their turn. With gradients written ∂::

            ∂l = ∂y ε + ∂mean ε + what later rows add,   ∂d likewise,   ∂l −= (∂d / d) l     as d² = σ² + jitter − lᵀl
            ∂k = L⁻ᵀ ∂l,   ∂L_{<t} = −∂k lᵀ                                                  as L_{<t} l = k

        so that row s adds −∂k_s[t] L[s, …] to ∂L[t, …]. By the points, k has the gradient k (x' − x) / ℓ².
        """
        factor, noise, above = self.factor, self.noise, slice(row + 1, self.top + 1)
        by_row = torch.bmm(self.adjoint[:, above, row, None].mT, factor[:, above, : row + 1])[:, 0]
        by_part, by_deviation = by_row[:, :row], by_row[:, row]
        if value is not None:
            by_row.addcmul_(value[:, None], noise[:, : row + 1])
        if mean is not None:
            by_part.addcmul_(mean[:, None], noise[:, :row])
        if deviation is not None:
            by_deviation.add_(deviation)
        by_part.addcmul_((by_deviation / factor[:, row, row])[:, None], factor[:, row, :row], value=-1)
        by_kernel = torch.bmm(by_part[:, None], self.inverse[:, :row, :row])[:, 0]
        torch.neg(by_kernel, out=self.adjoint[:, row, :row])
        by_kernel.mul_(kernel)
        self.weights[:, row, :row] = by_kernel
        self.weights[:, :row, row] = by_kernel
        known = slice(self.top + 1)
        pull = torch.bmm(self.weights[:, row, None, known], self.points[:, known])[:, 0]  # (count, dimensions + 1)
        apart = pull[:, :-1].addcmul_(pull[:, -1:], self.points[:, row, :-1], value=-1)
        return apart.mul_(LENGTHSCALE**-2)


class _Reveal(torch.autograd.Function):
    """A row with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, points: Tensor, _last: Tensor, rows: _Rows, row: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        value, mean, deviation, ctx.kernel = rows.reveal(row, points)
        ctx.rows, ctx.row, ctx.dtype = rows, row, points.dtype
        return value, mean, deviation, rows.noise.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        *revealed, after = gradients
        rows, row = ctx.rows, ctx.row
        if after is None:  # no later row has a gradient
            rows.top = row
        gradient = rows.gradient(row, ctx.kernel, *revealed)
        return gradient.to(ctx.dtype), rows.noise.new_empty(0), None, None
