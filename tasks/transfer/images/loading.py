"""Batches of pictures that are opened, cropped and scaled when they are needed (protocol §7).

Other threads prepare the next batches while one trains. What is drawn for a picture depends on the seed, the epoch and
the picture's place in it alone, so the number of threads changes no bit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.errors import DataError, message
from harness.seeds import derive_seed
from harness.tasks.data.images import Bytes
from harness.tasks.data.pictures.source import Pictures
from harness.tasks.transfer.images.classifier import Batch

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels, between 0 and 1
WIDEST = 4 / 3  # a crop's width is 3/4 to 4/3 of its height, as Szegedy et al. 2015 have it
MIDDLE = 7 / 8  # of the shorter side, what is seen in scoring: 224 of 256 pixels
DRAWS = 5  # of a picture in training: area, ratio, left, top, mirrored
Places = NDArray[np.int64]
Draws = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of a picture's width and height."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some pictures of a data set.

    Attributes:
        pictures: all pictures.
        places: which of them, (examples,).
    """

    pictures: Pictures
    places: Places

    def __len__(self) -> int:
        return len(self.places)


class Loader:
    """Pictures in batches; a ``harness.tasks.transfer.images.classifier.Source``.

    For training, each picture is cropped to a random part of its area with a random ratio of width to height, and
    mirrored half of the time (Szegedy et al. 2015; a crop that does not fit ends at the picture's edge, **D**). For
    scoring, the middle is taken. Both are scaled to the network's size, and normalised by the usual mean and deviation
    of ImageNet's channels.

    Args:
        pool: what to train on.
        held_out: the validation set.
        tested: the test set; None if there is none.
        side: height and width of what the network sees.
        batch_size: pictures in a batch.
        least_area: the least share of a picture that is seen in training.
        device: where the network trains.
        threads: how many threads prepare pictures, a batch each.
    """

    def __init__(
        self,
        pool: Part,
        held_out: Part,
        tested: Part | None,
        *,
        side: int,
        batch_size: int,
        least_area: float,
        device: torch.device,
        threads: int,
    ) -> None:
        self.examples = len(pool)
        self.steps = math.ceil(len(pool) / batch_size)
        self._pool, self._held_out, self._tested = pool, held_out, tested
        self._side, self._batch_size, self._least_area = side, batch_size, least_area
        self._device, self._threads = device, threads
        self._shift, self._scale = 255 * torch.tensor(MEAN), 1 / (255 * torch.tensor(DEVIATION))

    def batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's pictures in a random order, each cropped and mirrored at random."""
        order, drawn = (torch.Generator().manual_seed(derive_seed(seed, name, epoch)) for name in ("batches", "crops"))
        places = self._pool.places[torch.randperm(self.examples, generator=order).numpy()]
        draws = torch.rand(self.examples, DRAWS, generator=drawn, dtype=torch.float64).numpy()
        return self._batches(Part(self._pool.pictures, places), draws)

    def validation(self) -> Iterator[Batch]:
        """Yield the held-out pictures."""
        return self._batches(self._held_out)

    def test(self) -> Iterator[Batch]:
        """Yield the test pictures."""
        return iter(()) if self._tested is None else self._batches(self._tested)

    def _batches(self, part: Part, draws: Draws | None = None) -> Iterator[Batch]:
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self._threads) as threads:
            try:
                for begin in range(0, len(part), self._batch_size):
                    waiting.append(threads.submit(self._read, part, draws, begin))
                    if len(waiting) > self._threads:
                        yield self._ready(waiting.popleft().result())
                while waiting:
                    yield self._ready(waiting.popleft().result())
            finally:  # the caller may stop at any batch
                threads.shutdown(wait=True, cancel_futures=True)

    def _read(self, part: Part, draws: Draws | None, begin: int) -> Batch:
        """Return a batch on the processor, before it is normalised: (batch, side, side, 3), uint8."""
        places = part.places[begin : begin + self._batch_size]
        images = np.empty((len(places), self._side, self._side, 3), np.uint8)
        for row, place in enumerate(places):
            images[row] = self._seen(part.pictures, int(place), None if draws is None else draws[begin + row])
        return torch.from_numpy(images), torch.from_numpy(part.pictures.labels[places].astype(np.int64))

    def _seen(self, pictures: Pictures, place: int, draws: Draws | None) -> Bytes:
        """Return what the network sees of a picture, (side, side, 3).

        Raises:
            DataError: the picture is damaged.
        """
        try:
            with pictures.open(place) as picture:
                box = middle(picture.size) if draws is None else crop(picture.size, draws, self._least_area)
                seen = cut(picture, box, self._side)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as cause:
            expected, hint = "an intact picture", "Restore it, and run the same command again to resume"
            raise DataError(message(pictures.called(place), expected=expected, got=cause, hint=hint)) from cause
        return seen[:, ::-1] if draws is not None and draws[4] < 0.5 else seen

    def _ready(self, batch: Batch) -> Batch:
        images, labels = (each.to(self._device) for each in batch)
        shift, scale = self._shift.to(self._device), self._scale.to(self._device)
        return images.float().sub_(shift).mul_(scale).permute(0, 3, 1, 2), labels


def crop(size: tuple[int, int], draws: Draws, least_area: float) -> Box:
    """Return a random part of a picture.

    Args:
        size: width and height.
        draws: (DRAWS,), uniform in [0, 1).
        least_area: the least share of its area, unless the part ends at the picture's edge.
    """
    width, height = size
    area = (least_area + (1 - least_area) * draws[0]) * width * height
    ratio = WIDEST ** (2 * draws[1] - 1)
    across, down = min(1.0, math.sqrt(area * ratio) / width), min(1.0, math.sqrt(area / ratio) / height)
    left, top = draws[2] * (1 - across), draws[3] * (1 - down)
    return left, top, left + across, top + down


def middle(size: tuple[int, int]) -> Box:
    """Return the middle of a picture, a square of the given share of its shorter side."""
    width, height = size
    across, down = (MIDDLE * min(size) / side for side in (width, height))
    return (1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2


def cut(picture: Image.Image, box: Box, side: int) -> Bytes:
    """Return a part of a picture scaled to (side, side, 3); of a JPEG file, no more is decoded than that needs."""
    left, top, right, bottom = box
    picture.draft("RGB", (math.ceil(side / (right - left)), math.ceil(side / (bottom - top))))
    width, height = picture.size
    scaled = (left * width, top * height, min(right * width, width), min(bottom * height, height))
    colours = picture if picture.mode == "RGB" else picture.convert("RGB")
    return np.asarray(colours.resize((side, side), Image.Resampling.BILINEAR, box=scaled))
