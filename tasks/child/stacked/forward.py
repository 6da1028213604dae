"""The steps of many children at once on a GPU, as Triton kernels; a program never touches more than one cell.

A *cell* is one child at one learning rate. All cells of a stack see the same batch, so they share the images' patches.
Everything else belongs to one cell, and no other cell changes the order of its sums, so a cell's bits do not depend on
what trains beside it. A cell whose ``alive`` is 0 costs only a launch.

Layouts, with B images, S their side, H = S/2, Q = S/4, F filters, K the patches' entries rounded up (``network``):
``patches`` (images, 4, H·H, K), the four places of each pooling apart; ``pooled`` and ``out`` (cells, B, H+2, H+2, F)
with borders of zeros; ``features``, ``kept`` and ``slope`` (cells, B, Q·Q, F); ``codes1`` (cells, B, H·H, F) and
``codes2`` (cells, B, Q·Q, F), which of its four places a pooling chose, CUT where ReLU gave 0.

The first layer's batch norm comes from the patches' Gram matrix, as on a processor (``cpu.network``).
"""

from __future__ import annotations

import triton
import triton.language as tl

CUT = tl.constexpr(4)
EPSILON = tl.constexpr(1e-5)  # of batch norm: PyTorch's default, and so is
MOMENTUM = tl.constexpr(0.1)
MEAN, INVERSE, SCALE, SHIFT = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)  # rows of ``norms``


@triton.jit
def first_norm(
    weights, moments, sums, norms, correlated, scaled, shift, running, alive, flags, steps,
    count, stride: tl.constexpr, at_w1: tl.constexpr, at_norms: tl.constexpr,
    TAPS: tl.constexpr, K: tl.constexpr, F: tl.constexpr, CHUNKS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Compute batch norm of the first layer on one batch; a cell whose weights are not finite ends here.

    Args:
        moments: (K, K) float64, Σ x xᵀ over the batch's patches.
        sums: (K,) float64, Σ x.
        norms: (2, cells, 4, F) float64, gets the first layer's rows.
        correlated: (cells, K, F) float64, gets Σ x·y.
        scaled: (cells, K, F), gets the filters times the norm's scale.
        shift: (2, cells, F), gets the norm's shift.
        flags: (cells, CHUNKS), where the last update left values that are not finite.
        steps: (cells,), counts the batches seen.
        count: outputs per filter.
    """
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    tl.store(steps + cell, tl.load(steps + cell) + 1)
    chunk = tl.arange(0, WIDE)
    ruined = tl.sum(tl.load(flags + cell * CHUNKS + chunk, mask=chunk < CHUNKS, other=0))
    if ruined > 0:
        tl.store(alive + cell, 0)
        return
    k, f = tl.arange(0, K), tl.arange(0, F)
    place = k[:, None] * F + f[None, :]
    base = weights + cell * stride
    w = tl.load(base + at_w1 + place, mask=k[:, None] < TAPS, other=0.0)
    exact = w.to(tl.float64)
    y = tl.zeros([K, F], tl.float64)
    for each in range(TAPS):
        column = tl.load(moments + k * K + each)
        row = tl.load(base + at_w1 + each * F + f).to(tl.float64)
        y += column[:, None] * row[None, :]
    tl.store(correlated + cell * K * F + place, y)
    total = tl.sum(tl.load(sums + k)[:, None] * exact, 0)
    squares = tl.sum(exact * y, 0)
    scale = _norm(
        total, squares, count, base + at_norms, norms + cell * 4 * F, running + cell * 4 * F, shift + cell * F, f, F
    )
    tl.store(scaled + cell * K * F + place, (exact * scale[None, :]).to(tl.float32))


@triton.jit
def _norm(total, squares, count, parameters, norms, running, shift, f, F: tl.constexpr):
    """Normalise by the batch, update the running mean and variance, and return the scale (F,), float64."""
    mean = total / count
    spread = squares - total * mean
    spread = tl.where(spread != spread, float("inf"), tl.where(spread < 0.0, 0.0, spread))
    spread = spread.to(tl.float32).to(tl.float64)
    inverse = 1.0 / tl.sqrt(spread / count + EPSILON)
    gain, offset, bias = tl.load(parameters + f), tl.load(parameters + F + f), tl.load(parameters + 2 * F + f)
    scale = gain.to(tl.float64) * inverse
    moved = offset.to(tl.float64) - mean * scale
    tl.store(norms + MEAN * F + f, mean)
    tl.store(norms + INVERSE * F + f, inverse)
    tl.store(norms + SCALE * F + f, scale)
    tl.store(norms + SHIFT * F + f, moved)
    tl.store(shift + f, moved.to(tl.float32))
    old_mean, old_variance = tl.load(running + f), tl.load(running + F + f)
    tl.store(running + f, (old_mean * (1 - MOMENTUM) + MOMENTUM * (mean + bias)).to(tl.float32))
    tl.store(running + F + f, (old_variance * (1 - MOMENTUM) + MOMENTUM * (spread / (count - 1))).to(tl.float32))
    return scale


@triton.jit
def running_norms(
    weights, running, scaled, scale, shift, alive, width,
    stride: tl.constexpr, at_w1: tl.constexpr, at_norms: tl.constexpr,
    TAPS: tl.constexpr, K: tl.constexpr, F: tl.constexpr,
):  # fmt: skip
    """Compute both batch norms from running means, for scoring; ``scale`` and ``shift`` are (2, cells, F)."""
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    k, f = tl.arange(0, K), tl.arange(0, F)
    place = k[:, None] * F + f[None, :]
    base = weights + cell * stride
    for layer in tl.static_range(2):
        parameters = base + at_norms + layer * 3 * F + f
        means = running + (cell * 2 + layer) * 2 * F + f
        gain, offset = tl.load(parameters).to(tl.float64), tl.load(parameters + F).to(tl.float64)
        bias = tl.load(parameters + 2 * F).to(tl.float64)
        factor = gain / tl.sqrt(tl.load(means + F).to(tl.float64) + EPSILON)
        moved = offset + factor * (bias - tl.load(means).to(tl.float64))
        tl.store(scale + (layer * width + cell) * F + f, factor.to(tl.float32))
        tl.store(shift + (layer * width + cell) * F + f, moved.to(tl.float32))
        if layer == 0:
            w = tl.load(base + at_w1 + place, mask=k[:, None] < TAPS, other=0.0)
            tl.store(scaled + cell * K * F + place, (w.to(tl.float64) * factor[None, :]).to(tl.float32))


@triton.jit
def first(
    patches, chosen, scaled, shift, pooled, codes, alive, batch,
    H: tl.constexpr, K: tl.constexpr, F: tl.constexpr, P: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Compute the first convolution, batch norm, pooling and ReLU; only the pooled result is written."""
    cell, tile, image = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    p, k, f = tile * P + tl.arange(0, P), tl.arange(0, K), tl.arange(0, F)
    inside = p[:, None] < H * H
    w = tl.load(scaled + cell * K * F + k[:, None] * F + f[None, :])
    source = patches + tl.load(chosen + image) * (4 * H * H * K) + p[:, None] * K + k[None, :]
    best = tl.dot(tl.load(source, mask=inside, other=0.0), w, input_precision=PRECISION)
    code = tl.zeros([P, F], tl.int32)
    for place in tl.static_range(1, 4):
        y = tl.dot(tl.load(source + place * H * H * K, mask=inside, other=0.0), w, input_precision=PRECISION)
        better = (y > best) | (y != y)
        best = tl.where(better, y, best)
        code = tl.where(better, place, code)
    best += tl.load(shift + cell * F + f)[None, :]
    cut = best <= 0.0
    best = tl.where(cut, 0.0, best)
    code = tl.where(cut, CUT, code)
    at = cell * batch + image
    target = (at * (H + 2) + p[:, None] // H + 1) * (H + 2) + p[:, None] % H + 1
    tl.store(pooled + target * F + f[None, :], best, mask=inside)
    tl.store(codes + (at * (H * H) + p[:, None]) * F + f[None, :], code.to(tl.uint8), mask=inside)


@triton.jit
def second(
    pooled, weights, out, partial, alive, batch,
    stride: tl.constexpr, at_w2: tl.constexpr,
    H: tl.constexpr, F: tl.constexpr, P: tl.constexpr, TILES: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Compute the second convolution without its bias, and the sums of each output tile and of its squares."""
    cell, tile, image = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    p, k, f = tile * P + tl.arange(0, P), tl.arange(0, F), tl.arange(0, F)
    inside = p[:, None] < H * H
    at = cell * batch + image
    corner = (at * (H + 2) + p[:, None] // H) * (H + 2) + p[:, None] % H
    w = weights + cell * stride + at_w2 + k[:, None] * F + f[None, :]
    y = tl.zeros([P, F], tl.float32)
    for tap in range(9):
        x = tl.load(pooled + (corner + tap // 3 * (H + 2) + tap % 3) * F + k[None, :], mask=inside, other=0.0)
        y = tl.dot(x, tl.load(w + tap * F * F), y, input_precision=PRECISION)
    tl.store(out + (corner + H + 3) * F + f[None, :], y, mask=inside)
    row = partial + (at * TILES + tile) * 2 * F + f
    tl.store(row, tl.sum(y, 0))
    tl.store(row + F, tl.sum(y * y, 0))


@triton.jit
def totals(partial, rows: tl.constexpr, F: tl.constexpr, ROWS: tl.constexpr):
    """Sum (rows, 2, F) over the rows in float64, always in the same order."""
    f = tl.arange(0, F)
    one, other = tl.zeros([F], tl.float64), tl.zeros([F], tl.float64)
    for begin in range(0, rows, ROWS):
        row = begin + tl.arange(0, ROWS)
        at = partial + row[:, None] * 2 * F + f[None, :]
        one += tl.sum(tl.load(at, mask=row[:, None] < rows, other=0.0).to(tl.float64), 0)
        other += tl.sum(tl.load(at + F, mask=row[:, None] < rows, other=0.0).to(tl.float64), 0)
    return one, other


@triton.jit
def second_norm(
    weights, partial, norms, scale, shift, running, alive, width, rows: tl.constexpr, count,
    stride: tl.constexpr, at_norms: tl.constexpr, F: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Compute batch norm of the second layer from the sums of ``second``."""
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    f = tl.arange(0, F)
    total, squares = totals(partial + cell * rows * 2 * F, rows, F, ROWS)
    at = width + cell
    parameters = weights + cell * stride + at_norms + 3 * F
    factor = _norm(
        total, squares, count, parameters, norms + at * 4 * F, running + (cell * 2 + 1) * 2 * F, shift + at * F, f, F
    )
    tl.store(scale + at * F + f, factor.to(tl.float32))


@triton.jit
def pool(
    out, scale, shift, features, kept, codes, alive, width, batch,
    H: tl.constexpr, Q: tl.constexpr, F: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    """Compute the second layer's batch norm, pooling and ReLU; ``kept`` gets pooling's choices before batch norm."""
    cell, tile, image = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    if tl.load(alive + cell) == 0:
        return
    p, f = tile * P + tl.arange(0, P), tl.arange(0, F)
    inside = p[:, None] < Q * Q
    at = cell * batch + image
    factor = tl.load(scale + (width + cell) * F + f)[None, :]
    corner = (at * (H + 2) + p[:, None] // Q * 2 + 1) * (H + 2) + p[:, None] % Q * 2 + 1
    source = out + corner * F + f[None, :]
    chosen = tl.load(source, mask=inside, other=0.0)
    best = chosen * factor
    code = tl.zeros([P, F], tl.int32)
    for place in tl.static_range(1, 4):
        y = tl.load(source + (place // 2 * (H + 2) + place % 2) * F, mask=inside, other=0.0)
        value = y * factor
        better = (value > best) | (value != value)
        best = tl.where(better, value, best)
        chosen = tl.where(better, y, chosen)
        code = tl.where(better, place, code)
    best += tl.load(shift + (width + cell) * F + f)[None, :]
    cut = best <= 0.0
    target = (at * (Q * Q) + p[:, None]) * F + f[None, :]
    tl.store(features + target, tl.where(cut, 0.0, best), mask=inside)
    tl.store(kept + target, chosen, mask=inside)
    tl.store(codes + target, tl.where(cut, CUT, code).to(tl.uint8), mask=inside)


@triton.jit
def _logits(features, weights, count, D: tl.constexpr, CLASSES: tl.constexpr, B: tl.constexpr, C: tl.constexpr,
            DEPTH: tl.constexpr, at_bias: tl.constexpr, PRECISION: tl.constexpr):  # fmt: skip
    """Return the linear layer of one cell, (B, C); rows from ``count`` and columns from CLASSES on are meaningless."""
    b, c = tl.arange(0, B), tl.arange(0, C)
    values = tl.zeros([B, C], tl.float32)
    for begin in range(0, D, DEPTH):
        d = begin + tl.arange(0, DEPTH)
        x = tl.load(features + b[:, None] * D + d[None, :], mask=(b[:, None] < count) & (d[None, :] < D), other=0.0)
        w = tl.load(weights + c[None, :] * D + d[:, None], mask=(c[None, :] < CLASSES) & (d[:, None] < D), other=0.0)
        values = tl.dot(x, w, values, input_precision=PRECISION)
    return values + tl.load(weights + at_bias + c, mask=c < CLASSES, other=0.0)[None, :]


@triton.jit
def loss(
    features, weights, slopes, labels, chosen, slant, losses, alive, batch,
    stride: tl.constexpr, at_bias: tl.constexpr, D: tl.constexpr, CLASSES: tl.constexpr,
    B: tl.constexpr, C: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Add the mean cross-entropy to ``losses`` (cells,), and write its gradient by the logits, ``slant`` (cells, B, C).

    A cell whose loss is not finite ends here.
    """
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    base = weights + cell * stride
    b, c = tl.arange(0, B), tl.arange(0, C)
    values = _logits(features + cell * batch * D, base, batch, D, CLASSES, B, C, DEPTH, at_bias, PRECISION)
    real = (b[:, None] < batch) & (c[None, :] < CLASSES)
    label = tl.load(labels + tl.load(chosen + b, mask=b < batch, other=0))
    largest = tl.max(tl.where(c[None, :] < CLASSES, values, -float("inf")), 1)
    centred = values - largest[:, None]
    powers = tl.where(c[None, :] < CLASSES, tl.exp(centred), 0.0)
    total = tl.sum(powers, 1)
    here = c[None, :] == label[:, None]
    each = tl.log(total) - tl.sum(tl.where(here, centred, 0.0), 1)
    mean = tl.sum(tl.where(b < batch, each, 0.0), 0) / batch
    if not (tl.abs(mean) < float("inf")):
        tl.store(alive + cell, 0)
        return
    tl.store(losses + cell, tl.load(losses + cell) + mean.to(tl.float64))
    gradient = tl.where(real, (powers / total[:, None] - tl.where(here, 1.0, 0.0)) / batch, 0.0)
    tl.store(slant + cell * B * C + b[:, None] * C + c[None, :], gradient)
    tl.store(slopes + cell * stride + at_bias + c, tl.sum(gradient, 0), mask=c < CLASSES)


@triton.jit
def count_right(
    features, weights, labels, right, logits, alive, batch, begin, count,
    stride: tl.constexpr, at_bias: tl.constexpr, D: tl.constexpr, CLASSES: tl.constexpr,
    B: tl.constexpr, C: tl.constexpr, DEPTH: tl.constexpr, PRECISION: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Add to ``right`` (cells,) how many of ``count`` images have the largest logit, of all finite ones, at the label.

    Args:
        begin: the first image.
        logits: (cells, B, C), gets the logits if KEEP.
    """
    cell = tl.program_id(0).to(tl.int64)
    if tl.load(alive + cell) == 0:
        return
    b, c = tl.arange(0, B), tl.arange(0, C)
    base = weights + cell * stride
    values = _logits(features + cell * batch * D, base, count, D, CLASSES, B, C, DEPTH, at_bias, PRECISION)
    finite = tl.min(tl.where((c[None, :] >= CLASSES) | (tl.abs(values) < float("inf")), 1, 0), 1)
    found = tl.argmax(tl.where(c[None, :] < CLASSES, values, -float("inf")), 1)
    label = tl.load(labels + begin + b, mask=b < count, other=-1)
    hits = tl.where((b < count) & (finite == 1) & (found == label), 1, 0)
    tl.store(right + cell, tl.load(right + cell) + tl.sum(hits, 0))
    if KEEP:
        tl.store(logits + cell * B * C + b[:, None] * C + c[None, :], values)
