"""The child's arithmetic as machine code, compiled by Numba at its first use and kept on disk (protocol §2).

All arrays are channels-last: the 32 filters are the innermost dimension, on which vector instructions work. The inputs
of convolutions have a border of zeros, so that no loop needs to check its position: an output pixel is a sum over three
runs of neighbouring numbers, each ``3 · channels`` long.

Three things make it fast. Sums stay in registers: eight pixels times all filters at once if the processor has AVX-512.
Activations pass from layer to layer while they are in the cache. And the first convolution's output is never stored:
batch norm needs its mean and variance first, and its gradient needs all of it, but both follow from the Gram matrix of
the image patches, which does not depend on weights (``cpu.network``).

Loops that LLVM would not vectorise by itself are written in its vector instructions, which it translates for any
processor. Numba caches machine code by source file and does not notice when another file changes, so all of it is here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from harness.tasks.child.cpu.room import Array, Room

FILTERS = 32
BLOCK = 8  # rows have room for whole blocks of so many pixels
DEAD = 4  # the code of a pooling window that ReLU sets to 0; 0 … 3 say where its largest entry is
STRIP = 2  # rows of pooling windows whose share of a weight's gradient is summed in a register

_FEATURES = get_host_cpu_features()
_WIDE = bool(_FEATURES.get("avx512f"))
_VECTOR_BYTES = 64 if _WIDE else 32 if _FEATURES.get("avx") else 16
# How many pairs of sums fit in the registers: for pixels, for taps of the first layer, for taps of the second.
_PIXELS, _TAPS1, _TAPS2 = (8, 9, 12) if _WIDE else (4, 3, 4)
_BYTE = ir.IntType(8)


def _compiled(function: Callable[..., None]) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no place for a cache: each process compiles for itself
        return njit(**options)(function)


class _Emitter:
    """Writes vector instructions for one dtype."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.builder = builder
        self.itemsize = dtype.bitwidth // 8
        self.lanes = _VECTOR_BYTES // self.itemsize
        self.chunks = range(0, FILTERS, self.lanes)
        self.vector = ir.VectorType(context.get_value_type(dtype), self.lanes)
        self.bytes = ir.VectorType(_BYTE, self.lanes)
        self.word = context.get_value_type(types.intp)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        multiply_add = f"llvm.fmuladd.v{self.lanes}f{dtype.bitwidth}"
        self.multiply_add = cgutils.get_or_insert_function(builder.module, kind, multiply_add)

    def at(self, pointer: Any, *offsets: Any) -> Any:
        for offset in offsets:
            pointer = self.builder.gep(pointer, [self.word(offset) if isinstance(offset, int) else offset])
        return pointer

    def times(self, left: Any, right: Any) -> Any:
        return self.builder.mul(left, self.word(right) if isinstance(right, int) else right)

    def load(self, pointer: Any, kind: Any = None) -> Any:
        value = self.builder.load(self.builder.bitcast(pointer, (kind or self.vector).as_pointer()))
        value.align = 1
        return value

    def store(self, value: Any, pointer: Any) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer())).align = 1

    def add(self, first: Any, second: Any, times: Any) -> Any:
        """Multiply and add, with a single rounding if the processor can."""
        return self.builder.call(self.multiply_add, [second, times, first])

    def code(self, place: int) -> Any:
        return ir.Constant(self.bytes, [place] * self.lanes)

    def sums(self, count: int) -> list[Any]:
        """Return so many vectors of zeros, which LLVM keeps in registers."""
        places = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for place in places:
            self.builder.store(self.zero, place)
        return places

    def add_to(self, place: Any, value: Any, times: Any = None) -> None:
        old = self.builder.load(place)
        new = self.builder.fadd(old, value) if times is None else self.add(old, value, times)
        self.builder.store(new, place)

    def add_products(self, sums: list[Any], factors: Iterable[Any], pair: Any) -> None:
        """For each factor, add the number it points to, times the two vectors that ``pair`` points to, to two sums."""
        i32 = ir.IntType(32)
        undefined, everywhere = ir.Constant(self.vector, ir.Undefined), ir.VectorType(i32, self.lanes)(None)
        vectors = [self.load(pair), self.load(self.at(pair, self.lanes))]
        for index, factor in enumerate(factors):
            single = self.builder.insert_element(undefined, self.builder.load(factor), i32(0))
            spread = self.builder.shuffle_vector(single, undefined, everywhere)
            for half, vector in enumerate(vectors):
                self.add_to(sums[2 * index + half], spread, vector)

    def add_to_doubles(self, pointer: Any, place: Any) -> None:
        """Add a sum to float64 numbers in memory."""
        kind, value = ir.VectorType(ir.DoubleType(), self.lanes), self.builder.load(place)
        exact = value if value.type == kind else self.builder.fpext(value, kind)
        self.store(self.builder.fadd(self.load(pointer, kind), exact), pointer)


def _pointer(_context: Any, array: Any, _offset: Any) -> tuple[Any, Any]:
    """Return a pointer to an entry of a contiguous array, counted as if the array were flat."""

    def generate(context: Any, builder: Any, signature: Any, args: list[Any]) -> Any:
        return builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])

    return types.CPointer(array.dtype)(array, types.intp), generate


_at: Any = intrinsic(_pointer)


def _vectorised(emit: Callable[..., None]) -> Any:
    """Return a function for compiled code, whose instructions ``emit`` writes, given an emitter and the arguments.

    Arguments are whole numbers and pointers; the first one's dtype is that of the vectors.
    """

    def generate(context: Any, builder: Any, signature: Any, args: list[Any]) -> Any:
        emit(_Emitter(context, builder, signature.args[0].dtype), *args)
        return context.get_dummy_value()

    def declare(_context: Any, *kinds: Any) -> tuple[Any, Any]:
        return types.void(*(types.intp if isinstance(kind, types.Integer) else kind for kind in kinds)), generate

    declare.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]
    declare.__name__ = emit.__name__
    return intrinsic(declare)


def _block(e: _Emitter, out: Any, image: Any, row: Any, stride: Any, weights: Any) -> None:
    """Compute neighbouring output pixels for two vectors of filters: Σ over three rows of image times weights."""
    run = e.times(e.word(3), stride)
    sums = e.sums(2 * _PIXELS)
    for y in range(3):
        pixels, taps = e.at(image, e.times(row, y)), e.at(weights, e.times(run, y * FILTERS))
        with cgutils.for_range(e.builder, run) as loop:
            factors = [e.at(pixels, loop.index, e.times(stride, pixel)) for pixel in range(_PIXELS)]
            e.add_products(sums, factors, e.at(taps, e.times(loop.index, FILTERS)))
    for index, place in enumerate(sums):
        e.store(e.builder.load(place), e.at(out, index // 2 * FILTERS + index % 2 * e.lanes))


_correlate = _vectorised(_block)


@_vectorised
def _correlate_filters(e: _Emitter, out: Any, image: Any, row: Any, weights: Any) -> None:
    """Do the same for an input with as many channels as filters: the known number gives better code."""
    _block(e, out, image, row, e.word(FILTERS), weights)


def _outer_product(taps: int) -> Any:
    """Return a function that adds neighbouring weights' gradient over rows and columns of pixels to ``total``."""

    @_vectorised
    def add_outer(
        e: _Emitter, total: Any, image: Any, row: Any, stride: Any, slope: Any, slope_row: Any, rows: Any, columns: Any
    ) -> None:
        sums = e.sums(2 * taps)
        with cgutils.for_range(e.builder, rows) as down:
            pixels, slopes = e.at(image, e.times(row, down.index)), e.at(slope, e.times(slope_row, down.index))
            with cgutils.for_range(e.builder, columns) as along:
                pixel = e.at(pixels, e.times(stride, along.index))
                factors = [e.at(pixel, tap) for tap in range(taps)]
                e.add_products(sums, factors, e.at(slopes, e.times(along.index, FILTERS)))
        for index, place in enumerate(sums):
            where = e.at(total, index // 2 * FILTERS + index % 2 * e.lanes)
            e.store(e.builder.fadd(e.load(where), e.builder.load(place)), where)

    return add_outer


_add_outer1, _add_outer1_narrow, _add_outer2 = _outer_product(_TAPS1), _outer_product(3), _outer_product(_TAPS2)


@_vectorised
def _pool_row(
    e: _Emitter, out: Any, codes: Any, kept: Any, source: Any, row: Any, scale: Any, shift: Any, windows: Any
) -> None:
    """Scale, shift, pool 2×2 and apply ReLU to a row of windows; ``kept`` gets the chosen entries unchanged.

    As in PyTorch, the first among equals is chosen, and NaN before everything.
    """
    build = e.builder
    for f in e.chunks:
        factor, summand = e.load(e.at(scale, f)), e.load(e.at(shift, f))
        with cgutils.for_range(build, windows) as loop:
            here = build.add(e.times(loop.index, FILTERS), e.word(f))
            start = e.at(source, f, e.times(loop.index, 2 * FILTERS))
            chosen = e.load(start)
            best, code = e.add(summand, chosen, factor), e.code(0)
            for place in range(1, 4):
                raw = e.load(e.at(start, e.times(row, place // 2), place % 2 * FILTERS))
                value = e.add(summand, raw, factor)
                higher, odd = build.fcmp_ordered(">", value, best), build.fcmp_unordered("uno", value, value)
                better = build.or_(higher, odd)
                best, chosen = build.select(better, value, best), build.select(better, raw, chosen)
                code = build.select(better, e.code(place), code)
            dead = build.fcmp_ordered("<=", best, e.zero)
            e.store(build.select(dead, e.zero, best), e.at(out, here))
            e.store(build.select(dead, e.code(DEAD), code), e.at(codes, here))
            e.store(chosen, e.at(kept, here))


@_vectorised
def _route_row(e: _Emitter, target: Any, row: Any, slope: Any, codes: Any, sums: Any, windows: Any) -> None:
    """Write a row of windows' gradient to the entries that pooling chose, zero to the others, and sum it."""
    for f in e.chunks:
        (total,) = e.sums(1)
        with cgutils.for_range(e.builder, windows) as loop:
            here = e.builder.add(e.times(loop.index, FILTERS), e.word(f))
            parts = _routed(e, e.at(slope, here), e.at(codes, here))
            for place, part in enumerate(parts):
                where = e.at(target, f, e.times(loop.index, 2 * FILTERS), e.times(row, place // 2))
                e.store(part, e.at(where, place % 2 * FILTERS))
                e.add_to(total, part)
        e.add_to_doubles(e.at(sums, f), total)


@_vectorised
def _route_row_normalised(
    e: _Emitter, target: Any, row: Any, slope: Any, codes: Any, source: Any, source_row: Any, factors: Any, windows: Any
) -> None:
    """Do the same through batch norm: factor 0 times the gradient, plus factor 1 times source, plus factor 2."""
    for f in e.chunks:
        scale, slant, shift = (e.load(e.at(factors, place * FILTERS + f)) for place in range(3))
        with cgutils.for_range(e.builder, windows) as loop:
            here = e.builder.add(e.times(loop.index, FILTERS), e.word(f))
            parts = _routed(e, e.at(slope, here), e.at(codes, here))
            along = e.times(loop.index, 2 * FILTERS)
            for place, part in enumerate(parts):
                offset = place % 2 * FILTERS + f
                entry = e.load(e.at(source, along, e.times(source_row, place // 2), offset))
                value = e.add(e.add(shift, entry, slant), part, scale)
                e.store(value, e.at(target, along, e.times(row, place // 2), offset))


def _routed(e: _Emitter, slope: Any, codes: Any) -> list[Any]:
    gradient, code = e.load(slope), e.load(codes, e.bytes)
    masks = [e.builder.icmp_signed("==", code, e.code(place)) for place in range(4)]
    return [e.builder.select(mask, gradient, e.zero) for mask in masks]


@_vectorised
def _cut_and_sum(e: _Emitter, slope: Any, codes: Any, kept: Any, mean: Any, sums: Any, windows: Any) -> None:
    """Set windows' gradient to 0 where ReLU does, and sum it and its products with kept − mean."""
    build = e.builder
    for f in e.chunks:
        total, products = e.sums(2)
        middle = e.load(e.at(mean, f))
        with cgutils.for_range(build, windows) as loop:
            here = build.add(e.times(loop.index, FILTERS), e.word(f))
            dead = build.icmp_signed("==", e.load(e.at(codes, here), e.bytes), e.code(DEAD))
            value = build.select(dead, e.zero, e.load(e.at(slope, here)))
            e.store(value, e.at(slope, here))
            e.add_to(total, value)
            e.add_to(products, value, build.fsub(e.load(e.at(kept, here)), middle))
        e.add_to_doubles(e.at(sums, f), total)
        e.add_to_doubles(e.at(sums, FILTERS + f), products)


@_vectorised
def _add_squares(e: _Emitter, source: Any, sums: Any, pixels: Any) -> None:
    """Sum a row of pixels and their squares."""
    for f in e.chunks:
        total, squares = e.sums(2)
        with cgutils.for_range(e.builder, pixels) as loop:
            value = e.load(e.at(source, f, e.times(loop.index, FILTERS)))
            e.add_to(total, value)
            e.add_to(squares, value, value)
        e.add_to_doubles(e.at(sums, f), total)
        e.add_to_doubles(e.at(sums, FILTERS + f), squares)


@_vectorised
def _copy(e: _Emitter, target: Any, source: Any, count: Any) -> None:
    memcpy: Any = cgutils.raw_memcpy
    memcpy(e.builder, target, source, count, e.word(e.itemsize))


@_compiled
def _first_layer(room: Room, b: int, channels: int, weights: Array, unit: Array, shift: Array) -> None:
    """Convolve image b of ``room.padded`` by two rows at a time, pool, apply ReLU: ``pooled[b]``, ``codes1[b]``."""
    height, width = room.padded.shape[1:]
    columns, half, side = room.rows.shape[1], room.codes1.shape[1], room.pooled.shape[2]
    step = 2 * _VECTOR_BYTES // room.rows.itemsize
    for i in range(half):
        for r in range(2):
            start = (b * height + 2 * i + r) * width
            for x in range(0, columns, _PIXELS):
                for f in range(0, FILTERS, step):
                    out = _at(room.rows, (r * columns + x) * FILTERS + f)
                    _correlate(out, _at(room.padded, start + x * channels), width, channels, _at(weights, f))
        pooled = _at(room.pooled, (((b * (half + 2)) + i + 1) * side + 1) * FILTERS)
        codes, kept = _at(room.codes1, (b * half + i) * half * FILTERS), _at(room.slope1, 0)
        source, row = _at(room.rows, 0), columns * FILTERS
        _pool_row(pooled, codes, kept, source, row, _at(unit, 0), _at(shift, 0), half)


@_compiled
def _convolve2(image: Array, weights: Array, out: Array) -> None:
    """Convolve (H+2, W2+2, F) into (H, W2, F)."""
    width = image.shape[1] * FILTERS
    step = 2 * _VECTOR_BYTES // out.itemsize
    for y in range(out.shape[0]):
        for x in range(0, out.shape[1], _PIXELS):
            for f in range(0, FILTERS, step):
                start = _at(image, y * width + x * FILTERS)
                _correlate_filters(_at(out, (y * out.shape[1] + x) * FILTERS + f), start, width, _at(weights, f))


@_compiled
def load(images: Array, chosen: Array, channels: int, room: Room) -> None:
    """Copy the chosen images (examples, S, S·C) into ``room.padded``."""
    for b in range(len(chosen)):
        for y in range(images.shape[1]):
            target = _at(room.padded, (b * room.padded.shape[1] + y + 1) * room.padded.shape[2] + channels)
            _copy(target, _at(images, (chosen[b] * images.shape[1] + y) * images.shape[2]), images.shape[2])


@_compiled
def add_chosen(rows: Array, chosen: Array, total: Array) -> None:
    """Sum the chosen of (examples, n) into (n,)."""
    total[:] = 0.0
    for b in range(len(chosen)):
        total += rows[chosen[b]]


@_compiled
def convolve(room: Room, channels: int, weights1: Array, unit: Array, shift1: Array, weights2: Array) -> None:
    """Compute both convolutions, and in ``room.sums`` the sums of the outputs and of their squares.

    Args:
        room: holds the images; gets ``pooled``, ``codes1`` and ``out``.
        channels: C.
        weights1: (9·C·F,), taps before filters, and scaled by batch norm.
        unit: (F,), ones.
        shift1: (F,), what batch norm adds.
        weights2: (9·F·F,), taps before filters.
    """
    room.sums[:] = 0.0
    for b in range(room.out.shape[0]):
        _first_layer(room, b, channels, weights1, unit, shift1)
        _convolve2(room.pooled[b], weights2, room.out[b])
        _add_image(room, b)


@_compiled
def _add_image(room: Room, b: int) -> None:
    half, row = room.out.shape[1], room.out.shape[2] * FILTERS
    for y in range(half):
        _add_squares(_at(room.out, (b * half + y) * row), _at(room.sums, 0), half)


@_compiled
def convolve_first(room: Room, channels: int, weights1: Array, unit: Array, shift1: Array) -> None:
    """Compute the first half of ``convolve``; something else computes ``out``."""
    for b in range(room.out.shape[0]):
        _first_layer(room, b, channels, weights1, unit, shift1)


@_compiled
def add_images(room: Room) -> None:
    """Sum ``out``, and its squares, into ``sums``."""
    room.sums[:] = 0.0
    for b in range(room.out.shape[0]):
        _add_image(room, b)


@_compiled
def pool(room: Room, count: int, scale: Array, shift: Array) -> None:
    """Normalise so many images' ``out``, pool, and apply ReLU: ``features``, ``kept`` and ``codes2``."""
    quarter, row = room.features.shape[1], room.out.shape[2] * FILTERS
    for i in range(count * quarter):
        at = i * quarter * FILTERS
        codes, kept, source = _at(room.codes2, at), _at(room.kept, at), _at(room.out, 2 * i * row)
        _pool_row(_at(room.features, at), codes, kept, source, row, _at(scale, 0), _at(shift, 0), quarter)


@_compiled
def cut(room: Room, mean: Array) -> None:
    """Set ``room.slope`` to 0 where ReLU does; ``sums`` gets Σ slope and Σ slope·(kept − mean)."""
    room.sums[:] = 0.0
    windows = room.slope.shape[1] ** 2
    for b in range(room.slope.shape[0]):
        at = b * windows * FILTERS
        slope, codes, kept = _at(room.slope, at), _at(room.codes2, at), _at(room.kept, at)
        _cut_and_sum(slope, codes, kept, _at(mean, 0), _at(room.sums, 0), windows)


@_compiled
def backward(room: Room, channels: int, factors: Array, weights2: Array, total1: Array, total2: Array) -> None:
    """Compute the gradients of the weights from that of the features, as ``cut`` left it.

    Args:
        room: as ``convolve``, ``pool`` and ``cut`` left it; ``sums[0]`` gets the sum of the first layer's gradients.
        channels: C.
        factors: (3, F), how the second batch norm's gradient follows from its output's gradient and its input.
        weights2: (9·F·F,), the second layer's weights flipped, with inputs and outputs exchanged.
        total1: (9·C·F,), gets the sum of image patches times gradients, as if there were no first batch norm.
        total2: (9·F·F,), gets the gradient of the second layer's weights.
    """
    total1[:] = 0
    total2[:] = 0
    room.sums[0] = 0.0
    inner_row = room.inner.shape[1] * FILTERS
    for b in range(room.slope.shape[0]):
        _route_image(room, b, factors, room.inner, inner_row + FILTERS, inner_row)
        _add_second(room.pooled[b], room.inner, room.codes1.shape[1], total2)
        _convolve2(room.inner, weights2, room.slope1)
        _add_first(room, b, channels, total1)


@_compiled
def _route_image(room: Room, b: int, factors: Array, target: Array, start: int, row: int) -> None:
    """Write one image's gradient of ``out`` to the rows that begin at ``start``."""
    quarter, half, source_row = room.slope.shape[1], room.codes1.shape[1], room.out.shape[2] * FILTERS
    for i in range(quarter):
        at = (b * quarter + i) * quarter * FILTERS
        source = _at(room.out, (b * half + 2 * i) * source_row)
        slope, codes, where = _at(room.slope, at), _at(room.codes2, at), _at(target, start + 2 * i * row)
        _route_row_normalised(where, row, slope, codes, source, source_row, _at(factors, 0), quarter)


@_compiled
def route(room: Room, factors: Array, slopes: Array) -> None:
    """Compute the first part of ``backward``, the gradient of ``out``; something else computes the second layer."""
    row = room.out.shape[2] * FILTERS
    for b in range(room.slope.shape[0]):
        _route_image(room, b, factors, slopes, b * room.out.shape[1] * row, row)


@_compiled
def backward_first(room: Room, channels: int, slopes1: Array, total1: Array) -> None:
    """Compute the last part of ``backward`` from the gradients of all images' ``pooled`` (B, H, W2, F)."""
    total1[:] = 0
    room.sums[0] = 0.0
    size = room.slope1.size
    for b in range(room.slope.shape[0]):
        _copy(_at(room.slope1, 0), _at(slopes1, b * size), size)
        _add_first(room, b, channels, total1)


@_compiled
def _add_second(image: Array, slope: Array, side: int, total: Array) -> None:
    width = image.shape[1] * FILTERS
    step = 2 * _VECTOR_BYTES // total.itemsize
    for y in range(0, side, 2 * STRIP):
        rows = min(2 * STRIP, side - y)
        for v in range(3):
            for k in range(0, 3 * FILTERS, _TAPS2):
                for f in range(0, FILTERS, step):
                    where, start = _at(total, (v * 3 * FILTERS + k) * FILTERS + f), _at(image, (y + v) * width + k)
                    slopes = _at(slope, (y + 1) * width + FILTERS + f)
                    _add_outer2(where, start, width, FILTERS, slopes, width, rows, side)


@_compiled
def _add_first(room: Room, b: int, channels: int, total: Array) -> None:
    height, width = room.padded.shape[1:]
    half, row, run = room.codes1.shape[1], room.strip.shape[1] * FILTERS, 3 * channels
    step = 2 * _VECTOR_BYTES // total.itemsize
    for i in range(0, half, STRIP):
        for u in range(STRIP):
            slope = _at(room.slope1, (i + u) * room.slope1.shape[1] * FILTERS)
            codes = _at(room.codes1, (b * half + i + u) * half * FILTERS)
            _route_row(_at(room.strip, 2 * u * row), row, slope, codes, _at(room.sums, 0), half)
        for v in range(3):
            for f in range(0, FILTERS, step):
                for k in range(0, run, _TAPS1 if run % _TAPS1 == 0 else 3):
                    where = _at(total, (v * run + k) * FILTERS + f)
                    start, strip = _at(room.padded, (b * height + 2 * i + v) * width + k), _at(room.strip, f)
                    if run % _TAPS1 == 0:
                        _add_outer1(where, start, width, channels, strip, row, 2 * STRIP, 2 * half)
                    else:
                        _add_outer1_narrow(where, start, width, channels, strip, row, 2 * STRIP, 2 * half)
