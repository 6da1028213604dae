"""The gradients of many children at once on a GPU, from the network's end to its beginning (see ``forward``)."""

from __future__ import annotations

import triton
import triton.language as tl

from harness.tasks.child.stacked.forward import CUT, INVERSE, MEAN, SCALE, totals


@triton.jit
def linear_back(
    features, kept, codes, weights, slopes, slant, norms, slope, partial, alive, width, batch,
    stride: tl.constexpr, D: tl.constexpr, CLASSES: tl.constexpr, F: tl.constexpr,
    B: tl.constexpr, C: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Back through the linear layer at one place of the feature map.

    Writes the layer's gradient; the features' gradient, ``slope``, which is zero where ReLU is; and the place's share
    of the sums for batch norm's gradient: ``partial`` (cells, Q·Q, 2, F), Σ slope and Σ slope·(y − mean).
    """
    cell, place = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if tl.load(alive + cell) == 0:
        return
    b, c, f = tl.arange(0, B), tl.arange(0, C), tl.arange(0, F)
    column = place * F + f
    real = b[:, None] < batch
    source = (cell * batch + b[:, None]) * D + column[None, :]
    x = tl.load(features + source, mask=real, other=0.0)
    gradient = tl.load(slant + cell * B * C + c[:, None] + b[None, :] * C)
    found = tl.dot(gradient, x, input_precision=PRECISION)
    tl.store(slopes + cell * stride + c[:, None] * D + column[None, :], found, mask=c[:, None] < CLASSES)
    rows = tl.load(weights + cell * stride + c[:, None] * D + column[None, :], mask=c[:, None] < CLASSES, other=0.0)
    back = tl.dot(tl.load(slant + cell * B * C + b[:, None] * C + c[None, :]), rows, input_precision=PRECISION)
    back = tl.where(tl.load(codes + source, mask=real, other=CUT) == CUT, 0.0, back)
    tl.store(slope + source, back, mask=real)
    mean = tl.load(norms + (width + cell) * 4 * F + MEAN * F + f).to(tl.float32)
    y = tl.load(kept + source, mask=real, other=0.0) - mean[None, :]
    row = partial + (cell * (D // F) + place) * 2 * F + f
    tl.store(row, tl.sum(back, 0))
    tl.store(row + F, tl.sum(tl.where(back == 0.0, 0.0, back * y), 0))


@triton.jit
def _norm_back(total, products, count, norms, parameters, f, F: tl.constexpr):
    """Store batch norm's own gradients at ``parameters``; return (a, b) of the gradient scale·slope + a·y + b."""
    mean, inverse = tl.load(norms + MEAN * F + f), tl.load(norms + INVERSE * F + f)
    scale = tl.load(norms + SCALE * F + f)
    a = -scale * inverse * inverse * products / count
    b = -scale * total / count - a * mean
    tl.store(parameters + f, (products * inverse).to(tl.float32))
    tl.store(parameters + F + f, total.to(tl.float32))
    # The bias has no gradient, but PyTorch's has rounding errors, and some rules use their signs, so they are kept.
    one, two, three = (scale * total).to(tl.float32), (a * mean * count).to(tl.float32), (b * count).to(tl.float32)
    tl.store(parameters + 2 * F + f, one + two + three)
    return a, b


@triton.jit
def second_norm_back(
    partial, norms, slopes, factors, alive, width, rows: tl.constexpr, count,
    stride: tl.constexpr, at_norms: tl.constexpr, F: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Back through the second batch norm; ``factors`` (cells, 2, F) gets a and b."""
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    f = tl.arange(0, F)
    total, products = totals(partial + cell * rows * 2 * F, rows, F, ROWS)
    parameters = slopes + cell * stride + at_norms + 3 * F
    a, b = _norm_back(total, products, count, norms + (width + cell) * 4 * F, parameters, f, F)
    tl.store(factors + cell * 2 * F + f, a.to(tl.float32))
    tl.store(factors + cell * 2 * F + F + f, b.to(tl.float32))


@triton.jit
def pool_back(
    out, slope, codes, scale, factors, alive, width, batch,
    H: tl.constexpr, Q: tl.constexpr, F: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    """Overwrite the second convolution's output with its gradient."""
    cell, tile, image = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    p, f = tile * P + tl.arange(0, P), tl.arange(0, F)
    inside = p[:, None] < Q * Q
    at = cell * batch + image
    source = (at * (Q * Q) + p[:, None]) * F + f[None, :]
    code = tl.load(codes + source, mask=inside, other=CUT).to(tl.int32)
    back = tl.load(slope + source, mask=inside, other=0.0) * tl.load(scale + (width + cell) * F + f)[None, :]
    a, b = tl.load(factors + cell * 2 * F + f)[None, :], tl.load(factors + cell * 2 * F + F + f)[None, :]
    corner = (at * (H + 2) + p[:, None] // Q * 2 + 1) * (H + 2) + p[:, None] % Q * 2 + 1
    target = out + corner * F + f[None, :]
    for place in tl.static_range(4):
        there = target + (place // 2 * (H + 2) + place % 2) * F
        y = tl.load(there, mask=inside, other=0.0)
        tl.store(there, tl.where(code == place, back, 0.0) + a * y + b, mask=inside)


@triton.jit
def second_weights(
    pooled, out, partial, alive, batch, splits: tl.constexpr,
    EACH: tl.constexpr, H: tl.constexpr, F: tl.constexpr, P: tl.constexpr, TILES: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Sum a row of taps of the second convolution's gradient over EACH images: ``partial`` (cells, splits, 9, F, F)."""
    cell, split, row = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    k, f = tl.arange(0, F), tl.arange(0, F)
    one, two, three = tl.zeros([F, F], tl.float32), tl.zeros([F, F], tl.float32), tl.zeros([F, F], tl.float32)
    for each in range(EACH * TILES):
        image, p = split * EACH + each // TILES, each % TILES * P + tl.arange(0, P)
        inside = p < tl.where(image < batch, H * H, 0)
        corner = ((cell * batch + image) * (H + 2) + p // H) * (H + 2) + p % H
        back = tl.load(out + (corner[:, None] + H + 3) * F + f[None, :], mask=inside[:, None], other=0.0)
        x = pooled + (corner[None, :] + row * (H + 2)) * F + k[:, None]
        one = tl.dot(tl.load(x, mask=inside[None, :], other=0.0), back, one, input_precision=PRECISION)
        two = tl.dot(tl.load(x + F, mask=inside[None, :], other=0.0), back, two, input_precision=PRECISION)
        three = tl.dot(tl.load(x + 2 * F, mask=inside[None, :], other=0.0), back, three, input_precision=PRECISION)
    target = partial + ((cell * splits + split) * 9 + row * 3) * F * F + k[:, None] * F + f[None, :]
    tl.store(target, one)
    tl.store(target + F * F, two)
    tl.store(target + 2 * F * F, three)


@triton.jit
def second_back(
    out, weights, codes, slope, alive, batch,
    stride: tl.constexpr, at_w2: tl.constexpr, H: tl.constexpr, F: tl.constexpr, P: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Back through the second convolution and ReLU: ``slope`` (cells, B, H·H, F), the gradient at pooling's choices."""
    cell, tile, image = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    p, k, f = tile * P + tl.arange(0, P), tl.arange(0, F), tl.arange(0, F)
    inside = p[:, None] < H * H
    at = cell * batch + image
    corner = (at * (H + 2) + p[:, None] // H + 2) * (H + 2) + p[:, None] % H + 2
    w = weights + cell * stride + at_w2 + f[None, :] * F + k[:, None]  # transposed: from outputs to inputs
    back = tl.zeros([P, F], tl.float32)
    for tap in range(9):
        y = tl.load(out + (corner - (tap // 3 * (H + 2) + tap % 3)) * F + k[None, :], mask=inside, other=0.0)
        back = tl.dot(y, tl.load(w + tap * F * F), back, input_precision=PRECISION)
    target = (at * (H * H) + p[:, None]) * F + f[None, :]
    cut = tl.load(codes + target, mask=inside, other=CUT) == CUT
    tl.store(slope + target, tl.where(cut, 0.0, back), mask=inside)


@triton.jit
def first_weights(
    patches, chosen, slope, codes, routed, partial, alive, batch, splits: tl.constexpr,
    EACH: tl.constexpr, H: tl.constexpr, K: tl.constexpr, F: tl.constexpr, P: tl.constexpr, TILES: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Back through the first pooling to the first convolution, over EACH images, as if there were no batch norm.

    Writes ``routed`` (cells, splits, K, F), Σ x·slope, and ``partial`` (cells, splits, F), Σ slope.
    """
    cell, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if tl.load(alive + cell) == 0:
        return
    k, f = tl.arange(0, K), tl.arange(0, F)
    found = tl.zeros([K, F], tl.float32)
    total = tl.zeros([F], tl.float32)
    for each in range(EACH * TILES):
        image, p = split * EACH + each // TILES, each % TILES * P + tl.arange(0, P)
        inside = p < tl.where(image < batch, H * H, 0)
        source = ((cell * batch + image) * (H * H) + p[:, None]) * F + f[None, :]
        back = tl.load(slope + source, mask=inside[:, None], other=0.0)
        code = tl.load(codes + source, mask=inside[:, None], other=CUT).to(tl.int32)
        total += tl.sum(back, 0)
        number = tl.load(chosen + image, mask=image < batch, other=0)
        x = patches + number * (4 * H * H * K) + p[None, :] * K + k[:, None]
        for place in range(4):
            patch = tl.load(x + place * H * H * K, mask=inside[None, :], other=0.0)
            found = tl.dot(patch, tl.where(code == place, back, 0.0), found, input_precision=PRECISION)
    at = cell * splits + split
    tl.store(routed + at * K * F + k[:, None] * F + f[None, :], found)
    tl.store(partial + at * F + f, total)


@triton.jit
def first_norm_back(
    routed, partial, weights, slopes, norms, correlated, sums, alive, splits: tl.constexpr, count,
    stride: tl.constexpr, at_w1: tl.constexpr, at_norms: tl.constexpr,
    TAPS: tl.constexpr, K: tl.constexpr, F: tl.constexpr,
):  # fmt: skip
    """Sum the splits, and go back through the first batch norm to the gradient of the first convolution."""
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    k, f = tl.arange(0, K), tl.arange(0, F)
    place = k[:, None] * F + f[None, :]
    found, total = tl.zeros([K, F], tl.float64), tl.zeros([F], tl.float64)
    for split in range(splits):
        found += tl.load(routed + (cell * splits + split) * K * F + place).to(tl.float64)
        total += tl.load(partial + (cell * splits + split) * F + f).to(tl.float64)
    real = k[:, None] < TAPS
    w = tl.load(weights + cell * stride + at_w1 + place, mask=real, other=0.0).to(tl.float64)
    rows = norms + cell * 4 * F
    products = tl.sum(tl.where(real, w * found, 0.0), 0) - tl.load(rows + MEAN * F + f) * total
    a, b = _norm_back(total, products, count, rows, slopes + cell * stride + at_norms, f, F)
    scale = tl.load(rows + SCALE * F + f)
    y = tl.load(correlated + cell * K * F + place)
    gradient = scale[None, :] * found + a[None, :] * y + b[None, :] * tl.load(sums + k)[:, None]
    tl.store(slopes + cell * stride + at_w1 + place, gradient.to(tl.float32), mask=real)


@triton.jit
def sum_splits(partial, slopes, alive, splits: tl.constexpr, stride: tl.constexpr, at_w2: tl.constexpr,
               N: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Compute the gradient of the second convolution as the sum of its splits."""
    cell, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if tl.load(alive + cell) == 0:
        return
    i = block * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for split in range(splits):
        total += tl.load(partial + (cell * splits + split) * N + i, mask=i < N, other=0.0)
    tl.store(slopes + cell * stride + at_w2 + i, total, mask=i < N)
