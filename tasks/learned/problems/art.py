"""Neural art ([L2L] §3.4; Gatys et al. 2015): paint a picture with the content of one and the style of another.

::

    family = NeuralArt(data)
    problems = family.draw(seed, 4, variant="test")
    weights = problems.start()              # (4, 3 · 64 · 64)
    images = picture(problems, weights)     # four pictures to look at

The parameters are the picture itself, θ = (pixel − 128) / 64. So θ lies in about [−2, 2], and an update of 0.1 changes
a pixel by 6 of 255. Let F be the network's outputs for θ at its layer of content and P those for the content. Let G be
the Gram matrix FFᵀ of the outputs at a layer of style, divided by the number of positions, and A that of the style:

    f(θ) = CONTENT · ‖F − P‖² / E‖P‖²  +  STYLE · mean over layers of ‖G − A‖² / ‖A‖²
           +  SMOOTH · mean squared difference between neighbours, across and down

Gatys et al. do not divide by the size of P and A (**D**). Divided, f means the same for every network, style and
resolution: it begins between 30 and 60, and 100 steps of Adam bring it to 3 to 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from harness.contracts import Dataset
from harness.errors import DataError, check_choice, message
from harness.seeds import derive_seed
from harness.tasks.data.art.source import ArtData, Picture
from harness.tasks.learned.lstm import CPU, Architecture
from harness.tasks.learned.problem import ALL, Layer, Problems, Schedule, Variant, sent
from harness.tasks.learned.problems.features import Features

SIDE, DOUBLE = 64, 128  # pixels ([L2L] §3.4)
STYLE_SIDE = 128  # pixels that a style is measured at, whatever the resolution (**D**)
CONTENT, STYLE, SMOOTH = 20.0, 40.0, 6.0  # content and style are recognized about equally well (**D**)
NOISE = 0.3  # standard deviation of the initial θ, which is grey on average (**D**)
GREY, UNIT = 128, 64  # pixel = GREY + UNIT · θ
LEAST_CROP = 0.5  # of a picture's shorter side (**D**)
MEASURED = 32  # pictures, at most, that E‖P‖² is the mean of
PIECE = 8  # pictures that pass the network at once, so that memory is bounded
CUDA_PIECE = 64  # on a GPU, where twice as many pixels take some 6 GB
TEST, OTHER_STYLE, TWICE = "test", "style", "double"  # variants


@dataclass(frozen=True, slots=True)
class Target:
    """What pictures shall look like.

    Attributes:
        content: P, (problems, channels, height, width).
        expected: E‖P‖² of one picture.
        style: A of each layer of style, (problems, channels, channels).
    """

    content: Tensor
    expected: float
    style: Sequence[Tensor]

    def piece(self, rows: slice) -> Target:
        """Return the targets of some problems."""
        return Target(self.content[rows], self.expected, [each[rows] for each in self.style])


@dataclass(frozen=True, slots=True, eq=False)
class ArtProblems:
    """Some pictures to be painted.

    Attributes:
        features: the frozen network.
        target: what they shall look like.
        first: the initial θ, (problems, 3, side, side).
        contents: the pictures whose content they shall have, in their resolution.
        styles: the pictures whose style they shall have.
    """

    features: Features
    target: Target
    first: Tensor
    contents: Sequence[Image.Image]
    styles: Sequence[Image.Image]

    @property
    def layers(self) -> Sequence[Layer]:
        """The picture: (3, side, side)."""
        return (Layer("picture", tuple(self.first.shape[1:])),)

    def start(self) -> Tensor:
        """Return the initial weights, (problems, 3 · side · side)."""
        return self.first.flatten(1).clone()

    def evaluate(self, weights: Tensor, step: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - every step is alike
        """Return values (problems,) and gradients (problems, 3 · side · side)."""
        values, gradients = [], []
        size = CUDA_PIECE if weights.is_cuda else PIECE
        for first in range(0, len(weights), size):
            rows = slice(first, first + size)
            theta = weights[rows].detach().view(-1, *self.first.shape[1:]).requires_grad_()
            with torch.enable_grad():
                of_each = self.losses(theta, rows).sum(0)
                (gradient,) = torch.autograd.grad(of_each.sum(), theta)
            values.append(of_each.detach())
            gradients.append(gradient.flatten(1))
        return torch.cat(values), torch.cat(gradients)

    def losses(self, theta: Tensor, rows: slice = slice(None)) -> Tensor:
        """Return the weighted losses of content, style and smoothness, (3, problems).

        Args:
            theta: pictures of some problems, (problems, 3, side, side).
            rows: which problems.
        """
        found, target = self.features(GREY + UNIT * theta), self.target.piece(rows)
        content = (found[self.features.content] - target.content).square().sum((1, 2, 3)) / target.expected
        style = torch.stack(
            [
                (gram(found[name]) - wanted).square().sum((1, 2)) / wanted.square().sum((1, 2))
                for name, wanted in zip(self.features.style, target.style, strict=True)
            ]
        ).mean(0)
        smooth = theta.diff(dim=2).square().mean((1, 2, 3)) + theta.diff(dim=3).square().mean((1, 2, 3))
        return torch.stack([CONTENT * content, STYLE * style, SMOOTH * smooth])


class NeuralArt:
    """The family; every step sees the whole function.

    Args:
        data: pictures and network, an ``ArtData``.

    Raises:
        DataError: it is another data set, or the network's outputs for it cannot be used.
    """

    name: ClassVar[str] = "neural-art"
    version: ClassVar[int] = 1
    inputs: ClassVar[str] = "art"
    variants: ClassVar[Mapping[str, Variant]] = {
        "": Variant(summary=f"{SIDE}×{SIDE} pixels, one style, all pictures of content but the last; 100 steps"),
        TEST: Variant(summary="the same style, with the content that no optimizer was trained on", trains=False),
        OTHER_STYLE: Variant(summary="other styles, with that content", trains=False),
        TWICE: Variant(summary=f"{DOUBLE}×{DOUBLE} pixels, with the first style and that content", trains=False),
    }
    kinds: ClassVar[tuple[str, ...]] = (ALL,)
    architecture: ClassVar[Architecture] = Architecture()
    schedule: ClassVar[Schedule] = Schedule(batch=2, draws=500, trial=30, coordinates=2_048, held_out=8, every=10)

    def __init__(self, data: Dataset | None, *, device: torch.device = CPU) -> None:
        if not isinstance(data, ArtData):
            got, hint = "none" if data is None else data.name, "Name neural-art or synthetic-art"
            raise DataError(message(f"data of {self.name}", expected="pictures for neural art", got=got, hint=hint))
        self.data: Dataset = data
        self._data = data
        self._features = Features(data.network, device=device)
        self._expected: dict[int, float] = {}
        self._styles: dict[int, tuple[Image.Image, list[Tensor]]] = {}

    def on(self, device: torch.device) -> NeuralArt:
        """Return the same family, whose problems compute on a device."""
        return NeuralArt(self.data, device=device)

    def joined(self, problems: Sequence[ArtProblems]) -> ArtProblems:
        """Return the problems of several draws side by side."""
        targets = [each.target for each in problems]
        grams = [torch.cat(each) for each in zip(*(target.style for target in targets), strict=True)]
        return ArtProblems(
            self._features,
            Target(torch.cat([target.content for target in targets]), targets[0].expected, grams),
            torch.cat([each.first for each in problems]),
            [shown for each in problems for shown in each.contents],
            [shown for each in problems for shown in each.styles],
        )

    def draw(self, seed: int, count: int, *, variant: str = "") -> ArtProblems:
        """Draw pictures to paint; all variants of a comparison have the same crops, and those of 64×64 the same θ.

        Raises:
            SettingError: there is no such variant.
        """
        check_choice(f"variant of {self.name}", variant, self.variants)
        side = DOUBLE if variant == TWICE else SIDE
        pictures = self._data.content[-1:] if variant else self._data.content[:-1]
        contents, styles, first = [], [], []
        for index in range(count):
            generator = torch.Generator().manual_seed(derive_seed(seed, "problem", index))
            contents.append(_cropped(pictures[_below(len(pictures), generator)], side, generator))
            other = 1 + _below(len(self._data.style) - 1, generator)
            styles.append(self._style(other if variant == OTHER_STYLE else 0))
            first.append(NOISE * torch.randn(3, side, side, generator=generator))
        wanted = torch.cat([self._outputs(each)[self._features.content] for each in contents])
        grams = [torch.cat(each) for each in zip(*(of_layers for _, of_layers in styles), strict=True)]
        target = Target(wanted, self._mean_size(side), grams)
        theta = sent(torch.stack(first), self._features.device)
        return ArtProblems(self._features, target, theta, contents, [shown for shown, _ in styles])

    def _style(self, place: int) -> tuple[Image.Image, list[Tensor]]:
        """Return a style's picture, and its Gram matrices A by layer, each (1, channels, channels)."""
        if place not in self._styles:
            shown = _whole(self._data.style[place], STYLE_SIDE)
            found = self._outputs(shown)
            grams = [gram(found[name]) for name in self._features.style]
            for each in grams:
                self._check(float(each.square().sum()), f"style {self._data.style[place].name}")
            self._styles[place] = shown, grams
        return self._styles[place]

    def _mean_size(self, side: int) -> float:
        """Return E‖P‖² over the pictures of training, the first ``MEASURED`` at most."""
        if side not in self._expected:
            shown = [_whole(each, side) for each in self._data.content[:-1][:MEASURED]]
            sizes = [float(self._outputs(each)[self._features.content].square().sum()) for each in shown]
            self._check(sum(sizes), "content")
            self._expected[side] = sum(sizes) / len(sizes)
        return self._expected[side]

    def _check(self, size: float, of_what: str) -> None:
        """Raise unless outputs can be divided by their size.

        Raises:
            DataError: they are all 0, or too large.
        """
        if not 0 < size < float("inf"):
            what, got = f"network of data {self._data.name}", f"{size} as the sum of their squares for {of_what}"
            hint = "Take another network, or other pictures"
            raise DataError(message(what, expected="outputs that are finite and not all 0", got=got, hint=hint))

    @torch.no_grad()
    def _outputs(self, shown: Image.Image) -> dict[str, Tensor]:
        pixels = torch.from_numpy(np.asarray(shown).copy()).permute(2, 0, 1)
        return self._features(sent(pixels[None].float(), self._features.device))


def gram(outputs: Tensor) -> Tensor:
    """Return FFᵀ divided by the number of positions, (pictures, channels, channels).

    Args:
        outputs: F, (pictures, channels, height, width).
    """
    rows = outputs.flatten(2)
    return rows @ rows.transpose(1, 2) / rows.shape[2]


def picture(problems: Problems, weights: Tensor) -> list[Image.Image]:
    """Return what some weights look like, one picture for each row; values beyond black and white are clipped.

    Args:
        problems: problems of this family.
        weights: θ, (problems, 3 · side · side), from any optimizer.
    """
    pixels = (GREY + UNIT * weights.detach().view(-1, *problems.layers[0].shape)).round().clamp(0, 255)
    return [Image.fromarray(each) for each in pixels.nan_to_num().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()]


def _below(bound: int, generator: torch.Generator) -> int:
    return int(torch.randint(bound, (), generator=generator))


def _cropped(source: Picture, side: int, generator: torch.Generator) -> Image.Image:
    """Return a square of a picture, of random size and place, mirrored or not, in side × side pixels."""
    height, width = source.pixels.shape[:2]
    short = min(height, width)
    least = max(1, int(LEAST_CROP * short))
    size = least + _below(short - least + 1, generator)
    top, left = _below(height - size + 1, generator), _below(width - size + 1, generator)
    cut = np.ascontiguousarray(source.pixels[top : top + size, left : left + size])
    shown = Image.fromarray(cut).resize((side, side), Image.Resampling.LANCZOS)
    return ImageOps.mirror(shown) if _below(2, generator) else shown


def _whole(source: Picture, side: int) -> Image.Image:
    """Return the central square of a picture in side × side pixels."""
    return ImageOps.fit(Image.fromarray(source.pixels), (side, side), Image.Resampling.LANCZOS)
