"""The update of all cells of a stack in one kernel, driven by a table of tokens: each cell has a rule of its own.

``tokens`` makes the table. Values are selected, never multiplied by masks, so that a NaN stays in its place. The
formulas and their order are those of ``optimizer.kernels``: one for each of ``harness.space.word.PRIMITIVES``, except
for those that are one number for all weights.
"""

from __future__ import annotations

import triton
import triton.language as tl

from harness.tasks.child.stacked.tokens import CODES, OPERATIONS

NOISE, CLAMP, DROP, NEG, ABS, EXP, SIGN, ADD, MUL, SUB, OVER, PLUS_EPS, RAISED, LN = (
    tl.constexpr(CODES[name]) for name in OPERATIONS[:14]
)
ROOT, COPY, MEAN_M, MEAN_V, MEAN_GAMMA, UNBIAS_M, UNBIAS_V, UNBIAS_GAMMA, RMS, ANNEAL = (
    tl.constexpr(CODES[name]) for name in OPERATIONS[14:]
)
BLOCK = 256
SMALLEST = tl.constexpr(2.0**-126)  # of the normal numbers


@triton.jit
def _pick(place, number, g, w, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9):
    value = tl.where(place == 0, g, tl.where(place == 1, w, number))
    value = tl.where(place == 2, r0, tl.where(place == 3, r1, value))
    value = tl.where(place == 4, r2, tl.where(place == 5, r3, value))
    value = tl.where(place == 6, r4, tl.where(place == 7, r5, value))
    value = tl.where(place == 8, r6, tl.where(place == 9, r7, value))
    return tl.where(place == 10, r8, tl.where(place == 11, r9, value))


@triton.jit
def _signs(x):
    return tl.where(x > 0.0, 1.0, 0.0) - tl.where(x < 0.0, 1.0, 0.0)  # 0 for NaN, as in torch


@triton.jit
def _flushed(x):
    """Return denormal numbers as zero, as ``reproducible_arithmetic`` does on a processor."""
    return tl.where(tl.abs(x) < SMALLEST, 0.0, x)


@triton.jit
def _raised(x, y):
    """Return xʸ for x ≥ 0, with C's special cases."""
    value = tl.exp2(y * tl.log2(x))
    return tl.where((y == 0.0) | (x == 1.0), 1.0, value)  # for NaN, too


@triton.jit
def update(
    weights, slopes, means, rows, numbers, lengths, rates, alive, flags, seeds, now, epsilon, sigma, longest,
    stride: tl.constexpr, N: tl.constexpr, CHUNKS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Update SIZE weights of one cell, ``w ← w − λΔ``, and their running means (cells, 3, stride).

    Args:
        flags: (cells, CHUNKS), 1 where a weight is not finite afterwards.
        seeds: (1,) int64, the seed of this step's draws.
        now: (10,), β, 1 − β and 1 − βᵗ of m, v and γ, and √(1 − βᵗ) of v (``tokens.decays``).
        longest: how many rows a cell has room for.
    """
    cell, chunk = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if tl.load(alive + cell) == 0:
        return
    i = chunk * SIZE + tl.arange(0, SIZE)
    real = i < N
    at = cell * stride + i
    w = _flushed(tl.load(weights + at, mask=real, other=0.0))
    g = _flushed(tl.load(slopes + at, mask=real, other=0.0))
    mean = means + cell * 3 * stride + i
    seed = tl.load(seeds)
    fade_m, fade_v, fade_gamma = tl.load(now), tl.load(now + 1), tl.load(now + 2)
    rest_m, rest_v, rest_gamma = tl.load(now + 3), tl.load(now + 4), tl.load(now + 5)
    due_m, due_v, due_gamma, root_v = tl.load(now + 6), tl.load(now + 7), tl.load(now + 8), tl.load(now + 9)
    zero = tl.zeros([SIZE], tl.float32)
    r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
    result = zero
    step, length = 0, tl.load(lengths + cell)
    while step < length:  # in Triton's interpreter a loaded number cannot bound a range
        row = rows + (cell * longest + step) * 4
        own = numbers + (cell * longest + step) * 2
        operation, target = tl.load(row), tl.load(row + 1)
        one, two = tl.load(own), tl.load(own + 1)
        x = _pick(tl.load(row + 2), one, g, w, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9)
        y = _pick(tl.load(row + 3), two, g, w, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9)
        if operation == ADD:
            result = x + y
        elif operation == MUL:
            result = x * y
        elif operation == SUB:
            result = x - y
        elif operation == PLUS_EPS:
            result = x + epsilon
        elif operation == ABS:
            result = tl.abs(x)
        elif operation == OVER:
            result = x / y
        elif operation == EXP:
            result = tl.exp(x)
        elif operation == LN:
            result = tl.log(x)
        elif operation == SIGN:
            result = _signs(x)
        elif operation == NEG:
            result = -x
        elif operation == ROOT:
            result = tl.sqrt(x)
        elif operation == RAISED:
            result = _raised(x, y)
        elif operation == CLAMP:
            result = tl.where(x > two, two, tl.where(x < -two, -two, x))
        elif operation == DROP:
            drawn = tl.randint(seed, tl.load(row + 3) * N + i).to(tl.uint32, bitcast=True) >> 1
            result = tl.where(drawn.to(tl.float32) < two, 0.0, x)
        elif operation == NOISE:
            result = tl.randn(seed, tl.load(row + 3) * N + i) * sigma
        elif operation == ANNEAL:
            result = tl.randn(seed, tl.load(row + 3) * N + i) * two
        elif operation == MEAN_M:
            result = tl.load(mean, mask=real, other=0.0) * fade_m + rest_m * x
            result = _flushed(result)
            tl.store(mean, result, mask=real)
        elif operation == MEAN_V:
            result = tl.load(mean + stride, mask=real, other=0.0) * fade_v + rest_v * x * y
            result = _flushed(result)
            tl.store(mean + stride, result, mask=real)
        elif operation == MEAN_GAMMA:
            result = tl.load(mean + 2 * stride, mask=real, other=0.0) * fade_gamma + rest_gamma * x * y
            result = _flushed(result)
            tl.store(mean + 2 * stride, result, mask=real)
        elif operation == UNBIAS_M:
            result = x / due_m
        elif operation == UNBIAS_V:
            result = x / due_v
        elif operation == UNBIAS_GAMMA:
            result = x / due_gamma
        elif operation == RMS:
            result = tl.sqrt(x) / root_v + epsilon
        else:
            result = x + zero
        result = _flushed(result)
        r0 = tl.where(target == 2, result, r0)
        r1 = tl.where(target == 3, result, r1)
        r2 = tl.where(target == 4, result, r2)
        r3 = tl.where(target == 5, result, r3)
        r4 = tl.where(target == 6, result, r4)
        r5 = tl.where(target == 7, result, r5)
        r6 = tl.where(target == 8, result, r6)
        r7 = tl.where(target == 9, result, r7)
        r8 = tl.where(target == 10, result, r8)
        r9 = tl.where(target == 11, result, r9)
        step += 1
    w -= tl.load(rates + cell) * result
    tl.store(weights + at, w, mask=real)
    broken = tl.max(tl.where(real & ~(tl.abs(w) < float("inf")), 1, 0), 0)
    tl.store(flags + cell * CHUNKS + chunk, broken)
