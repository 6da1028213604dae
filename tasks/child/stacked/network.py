"""The networks of many children side by side on one GPU: ``FusedNetwork``'s function and gradients, cell by cell.

Weights, gradients and running means of a cell are one row each, in the order of ``memory_layout.Vector``. All stacks of
one size share the arrays that a step writes before it reads, so these are allocated once (``Room``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.cpu.kernels import FILTERS
from harness.tasks.child.cpu.memory_layout import Vector
from harness.tasks.child.examples import Part
from harness.tasks.child.stacked import backward, forward

PRECISION = "tf32x3"  # three products of tf32 for one of float32, on tensor cores: errors as float32's own
LAUNCH: dict[str, dict[str, int]] = {  # P, places of a feature map that a program takes at once; warps and stages
    "first": {"P": 64, "num_warps": 4, "num_stages": 1},
    "second": {"P": 128, "num_warps": 4, "num_stages": 2},
    "pool": {"P": 64, "num_warps": 4, "num_stages": 1},
    "pool_back": {"P": 64, "num_warps": 4, "num_stages": 1},
    "second_weights": {"P": 32, "num_warps": 1, "num_stages": 2},
    "second_back": {"P": 64, "num_warps": 4, "num_stages": 2},
    "first_weights": {"P": 64, "num_warps": 2, "num_stages": 2},
}
ROWS = 32  # of a sum that are loaded at a time
DEPTH = 64  # features of a logit that are loaded at a time
SPLITS = 5  # parts of a batch whose gradients are summed separately, then together
SUMMED = 1024  # weights a program sums over the splits
ALIGNMENT = 64  # entries
CHUNK = 500  # images whose patches are made at a time


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Images as the first convolution reads them.

    Attributes:
        entries: (images, 4, H·H, K), the 3×3 patches with a border of zeros, with the four places of each pooling
            separate.
        labels: (images,), int32.
    """

    entries: Tensor
    labels: Tensor

    @classmethod
    def of(cls, part: Part, *, entries: int) -> Patches:
        """Return normalised examples in this layout, on their device; 131 kB per image of CIFAR-10."""
        images, channels, side, _ = part.images.shape
        half = side // 2
        laid = torch.zeros(images, 4, half * half, entries, device=part.images.device)
        for begin in range(0, images, CHUNK):
            block = part.images[begin : begin + CHUNK].float().permute(0, 2, 3, 1)
            padded = torch.nn.functional.pad(block, (0, 0, 1, 1, 1, 1))
            taps = [padded[:, i : i + side, j : j + side] for i in range(3) for j in range(3)]
            patches = torch.cat(taps, 3).view(-1, half, 2, half, 2, 9 * channels)
            laid[begin : begin + CHUNK, ..., : 9 * channels] = patches.permute(0, 2, 4, 1, 3, 5).reshape(
                -1, 4, half * half, 9 * channels
            )
        return cls(laid, part.labels.to(torch.int32))

    def moments(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return Σ x xᵀ (K, K) and Σ x (K,) over the patches of some images, float64."""
        rows = self.entries[chosen].reshape(-1, self.entries.shape[3]).double()
        return rows.mT @ rows, rows.sum(0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides which code runs, apart from the number of cells.

    Attributes:
        batch: images per batch.
        side: side of an image.
        channels: channels of an image.
        classes: number of classes.
    """

    batch: int
    side: int
    channels: int
    classes: int

    @property
    def half(self) -> int:
        """H, the side after the first pooling."""
        return self.side // 2

    @property
    def quarter(self) -> int:
        """Q, the side after both poolings."""
        return self.side // 4

    @property
    def taps(self) -> int:
        """Entries of a patch."""
        return 9 * self.channels

    @property
    def entries(self) -> int:
        """K: taps, rounded up for a tensor core."""
        return _power_of_2(self.taps)

    @property
    def features(self) -> int:
        """Entries of a feature map."""
        return self.quarter**2 * FILTERS

    @property
    def tiles(self) -> int:
        """Tiles of the second convolution's output."""
        return self.tiles_of("second")

    def tiles_of(self, kernel: str) -> int:
        """Return how many programs or turns a kernel needs for an image's feature maps after the first pooling."""
        return -(-(self.half**2) // LAUNCH[kernel]["P"])

    @property
    def places(self) -> dict[str, int]:
        """Where in a row the second convolution, the first, the norms and the linear bias begin; and its length."""
        second = self.classes * self.features
        first = second + 9 * FILTERS**2
        norms = first + self.taps * FILTERS
        bias = norms + 6 * FILTERS
        return {"w2": second, "w1": first, "norms": norms, "bias": bias, "end": bias + self.classes}

    @property
    def stride(self) -> int:
        """The distance from one cell's row to the next."""
        return -(-self.places["end"] // ALIGNMENT) * ALIGNMENT

    def sizes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Return the arrays that a step writes before it reads: shape for one cell, and dtype."""
        batch, half, classes = self.batch, self.half, _power_of_2(self.classes)
        wide, map_ = (batch, half + 2, half + 2, FILTERS), (batch, self.features)
        real, exact, byte = torch.float32, torch.float64, torch.uint8
        return {
            "pooled": (wide, real),
            "out": (wide, real),
            "codes1": ((batch, half**2, FILTERS), byte),
            "slope1": ((batch, half**2, FILTERS), real),
            "features": (map_, real),
            "kept": (map_, real),
            "slope": (map_, real),
            "codes2": (map_, byte),
            "scaled": ((self.entries, FILTERS), real),
            "correlated": ((self.entries, FILTERS), exact),
            "factors": ((2, FILTERS), real),
            "slant": ((_power_of_2(batch), classes), real),
            "tiles": ((batch * self.tiles, 2, FILTERS), real),
            "places": ((self.quarter**2, 2, FILTERS), real),
            "routed": ((SPLITS, self.entries, FILTERS), real),
            "totals": ((SPLITS, FILTERS), real),
            "w2": ((SPLITS, 9, FILTERS, FILTERS), real),
        }

    @property
    def image_bytes(self) -> int:
        """Memory on the device that an image's patches take."""
        return 4 * self.half**2 * self.entries * torch.float32.itemsize

    @property
    def cell_bytes(self) -> int:
        """Memory on the device that a cell takes: these arrays, and its weights, slopes and three running means."""
        arrays = sum(math.prod(size) * dtype.itemsize for size, dtype in self.sizes().values())
        return arrays + 5 * self.stride * torch.float32.itemsize


class Room:
    """The arrays that steps write before they read; the borders are never written and stay zero.

    Args:
        shape: shape of the networks.
        cells: how many cells there is room for.
        device: the device.
    """

    def __init__(self, shape: Shape, cells: int, device: torch.device) -> None:
        self.cells = cells
        self.of = {
            name: torch.zeros(cells, *size, dtype=dtype, device=device) for name, (size, dtype) in shape.sizes().items()
        }
        self.norms = torch.zeros(2, cells, 4, FILTERS, dtype=torch.float64, device=device)
        self.scale, self.shift = (torch.zeros(2, cells, FILTERS, device=device) for _ in range(2))


class StackedNetworks:
    """Cells that train side by side, each like a ``ConvNet``.

    Args:
        shape: shape of the network and its batches.
        room: arrays for at least as many cells.
        cells: how many cells.
        seed: decides the initial weights of every cell, as in ``ConvNet``.
        device: where they are.
        chunks: how many programs update a cell.

    Attributes:
        weights: (cells, stride).
        slopes: their gradients.
        running: (cells, 2, 2, F), layer by layer batch norm's running means.
        alive: (cells,), int32: 0 once loss or weights are not finite.
        flags: (cells, chunks), int32: where weights are not finite.
        losses: (cells,), float64: sums over the batches since they were last read.
        steps: (cells,), int32: batches seen, including the one that ended a cell.
    """

    def __init__(self, shape: Shape, room: Room, *, cells: int, seed: int, device: torch.device, chunks: int) -> None:
        self.shape, self._room, self._device, self._chunks = shape, room, device, chunks
        vector = Vector(shape.channels, shape.side, classes=shape.classes, dtype=torch.float32)
        vector.take(ConvNet(shape.side, channels=shape.channels, classes=shape.classes, seed=seed))
        row = torch.zeros(shape.stride)
        row[: len(vector.flat)] = vector.flat
        self.weights = row.to(device).repeat(cells, 1)
        self.slopes = torch.zeros_like(self.weights)
        self.running = torch.zeros(cells, 2, 2, FILTERS, device=device)
        self.running[:, :, 1] = 1.0
        self.alive = torch.ones(cells, dtype=torch.int32, device=device)
        self.flags = torch.zeros(cells, chunks, dtype=torch.int32, device=device)
        self.losses = torch.zeros(cells, dtype=torch.float64, device=device)
        self.steps = torch.zeros(cells, dtype=torch.int32, device=device)

    @property
    def cells(self) -> int:
        """How many cells there are, including dead ones."""
        return len(self.weights)

    @property
    def finite(self) -> Tensor:
        """Which cells are alive, with finite weights after their last step; (cells,), bool."""
        return (self.alive != 0) & (self.flags == 0).all(1)

    def named(self, row: Tensor) -> dict[str, Tensor]:
        """Return copies of a cell's weights or slopes (stride,) by ``ConvNet``'s names and in its shapes."""
        shape = self.shape
        vector = Vector(shape.channels, shape.side, classes=shape.classes, dtype=torch.float32)
        vector.flat.copy_(row[: len(vector.flat)])
        network = ConvNet(shape.side, channels=shape.channels, classes=shape.classes, seed=0)
        return {name: vector.named[name].reshape(each.shape) for name, each in network.named_parameters()}

    def only(self, places: Tensor) -> None:
        """Keep only these cells."""
        for name in ("weights", "slopes", "running", "alive", "flags", "losses", "steps"):
            setattr(self, name, getattr(self, name)[places].contiguous())

    def gradients(self, pool: Patches, chosen: Tensor) -> None:
        """Compute the loss and gradients of every live cell on one batch (batch,) of the pool."""
        shape, room, at = self.shape, self._room.of, self.shape.places
        moments, sums = pool.moments(chosen)
        count = shape.batch * shape.side**2
        common = {"stride": shape.stride, "F": FILTERS}
        whole = {"TAPS": shape.taps, "K": shape.entries, "at_w1": at["w1"], "at_norms": at["norms"], **common}
        logits = self._logits()
        forward.first_norm[(self.cells,)](
            self.weights, moments, sums, self._room.norms, room["correlated"], room["scaled"], self._room.shift,
            self.running, self.alive, self.flags, self.steps, count,
            CHUNKS=self._chunks, WIDE=_power_of_2(self._chunks), **whole,
        )  # fmt: skip
        self._maps(pool.entries, chosen, shape.batch)
        forward.second_norm[(self.cells,)](
            self.weights, room["tiles"], self._room.norms, self._room.scale, self._room.shift, self.running, self.alive,
            self._room.cells, shape.batch * shape.tiles, count // 4, at_norms=at["norms"], ROWS=ROWS, **common,
        )  # fmt: skip
        self._pool(shape.batch)
        forward.loss[(self.cells,)](
            room["features"], self.weights, self.slopes, pool.labels, chosen, room["slant"], self.losses, self.alive,
            shape.batch, **logits,
        )  # fmt: skip
        backward.linear_back[(self.cells, shape.quarter**2)](
            room["features"], room["kept"], room["codes2"], self.weights, self.slopes, room["slant"], self._room.norms,
            room["slope"], room["places"], self.alive, self._room.cells, shape.batch, D=shape.features,
            **{name: logits[name] for name in ("CLASSES", "B", "C", "PRECISION")}, **common,
        )  # fmt: skip
        backward.second_norm_back[(self.cells,)](
            room["places"], self._room.norms, self.slopes, room["factors"], self.alive, self._room.cells,
            shape.quarter**2, count // 4, at_norms=at["norms"], ROWS=ROWS, **common,
        )  # fmt: skip
        backward.pool_back[self._grid("pool_back", shape.batch)](
            room["out"], room["slope"], room["codes2"], self._room.scale, room["factors"], self.alive,
            self._room.cells, shape.batch, H=shape.half, Q=shape.quarter, F=FILTERS, **LAUNCH["pool_back"],
        )  # fmt: skip
        each = {"EACH": -(-shape.batch // SPLITS), "H": shape.half}
        backward.second_weights[(self.cells, SPLITS, 3)](
            room["pooled"], room["out"], room["w2"], self.alive, shape.batch, SPLITS,
            F=FILTERS, PRECISION=PRECISION, TILES=shape.tiles_of("second_weights"), **each, **LAUNCH["second_weights"],
        )  # fmt: skip
        backward.sum_splits[(self.cells, -(-9 * FILTERS**2 // SUMMED))](
            room["w2"], self.slopes, self.alive, SPLITS,
            stride=shape.stride, at_w2=at["w2"], N=9 * FILTERS**2, BLOCK=SUMMED,
        )  # fmt: skip
        backward.second_back[(self.cells, shape.tiles_of("second_back"), shape.batch)](
            room["out"], self.weights, room["codes1"], room["slope1"], self.alive, shape.batch, at_w2=at["w2"],
            H=shape.half, PRECISION=PRECISION, **common, **LAUNCH["second_back"],
        )  # fmt: skip
        backward.first_weights[(self.cells, SPLITS)](
            pool.entries, chosen, room["slope1"], room["codes1"], room["routed"], room["totals"], self.alive,
            shape.batch, SPLITS, K=shape.entries, F=FILTERS, PRECISION=PRECISION,
            TILES=shape.tiles_of("first_weights"), **each, **LAUNCH["first_weights"],
        )  # fmt: skip
        backward.first_norm_back[(self.cells,)](
            room["routed"], room["totals"], self.weights, self.slopes, self._room.norms, room["correlated"], sums,
            self.alive, SPLITS, count, **whole,
        )  # fmt: skip

    def right(self, part: Patches, *, kept: Tensor | None = None) -> Tensor:
        """Return how many of a part's images each cell classifies correctly, (cells,), int32, with running means.

        Args:
            part: the images, in the layout of the pool.
            kept: (cells, images, classes), gets the logits.
        """
        shape, room, at = self.shape, self._room.of, self.shape.places
        found = torch.zeros(self.cells, dtype=torch.int32, device=self._device)
        numbers = torch.arange(len(part.labels), dtype=torch.int64, device=self._device)
        forward.running_norms[(self.cells,)](
            self.weights, self.running, room["scaled"], self._room.scale, self._room.shift, self.alive,
            self._room.cells, stride=shape.stride, at_w1=at["w1"], at_norms=at["norms"],
            TAPS=shape.taps, K=shape.entries, F=FILTERS,
        )  # fmt: skip
        for begin in range(0, len(part.labels), shape.batch):
            count = min(shape.batch, len(part.labels) - begin)
            self._maps(part.entries, numbers[begin : begin + count], count)
            self._pool(count)
            forward.count_right[(self.cells,)](
                room["features"], self.weights, part.labels, found, room["slant"], self.alive, shape.batch, begin,
                count, KEEP=kept is not None, **self._logits(),
            )  # fmt: skip
            if kept is not None:
                kept[:, begin : begin + count] = room["slant"][: self.cells, :count, : shape.classes]
        return found

    def _logits(self) -> dict[str, Any]:
        shape = self.shape
        return {
            "stride": shape.stride,
            "at_bias": shape.places["bias"],
            "D": shape.features,
            "CLASSES": shape.classes,
            "B": _power_of_2(shape.batch),
            "C": _power_of_2(shape.classes),
            "DEPTH": DEPTH,
            "PRECISION": PRECISION,
        }

    def _maps(self, images: Tensor, chosen: Tensor, count: int) -> None:
        """Compute both convolutions of some images with the norms that are in the room."""
        shape, room = self.shape, self._room.of
        forward.first[(self.cells, shape.tiles_of("first"), count)](
            images, chosen, room["scaled"], self._room.shift, room["pooled"], room["codes1"], self.alive, shape.batch,
            H=shape.half, K=shape.entries, F=FILTERS, PRECISION=PRECISION, **LAUNCH["first"],
        )  # fmt: skip
        forward.second[(self.cells, shape.tiles, count)](
            room["pooled"], self.weights, room["out"], room["tiles"], self.alive, shape.batch, stride=shape.stride,
            at_w2=shape.places["w2"], H=shape.half, F=FILTERS, TILES=shape.tiles, PRECISION=PRECISION,
            **LAUNCH["second"],
        )  # fmt: skip

    def _pool(self, count: int) -> None:
        shape, room = self.shape, self._room.of
        forward.pool[self._grid("pool", count)](
            room["out"], self._room.scale, self._room.shift, room["features"], room["kept"], room["codes2"], self.alive,
            self._room.cells, shape.batch, H=shape.half, Q=shape.quarter, F=FILTERS, **LAUNCH["pool"],
        )  # fmt: skip

    def _grid(self, kernel: str, count: int) -> tuple[int, int, int]:
        return (self.cells, -(-(self.shape.quarter**2) // LAUNCH[kernel]["P"]), count)


def _power_of_2(number: int) -> int:
    """Return the next power of 2, at least 16 for a tensor core."""
    return max(16, 1 << (number - 1).bit_length())
