"""The pictures that the candidates of ``neural-art-*.json`` painted, as ``paintings.png``.

::

    python results/learned/paintings.py FOLDER      # of the data set neural-art

Each row is the first compared problem of one variant: content, style, and what every candidate has after the last step,
with the λ of its record, and its f. The folder must hold the data that the comparisons were run on.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from matplotlib import pyplot
from PIL import Image

from harness.board.learned.record import Comparison, Entrant, read
from harness.library.learned.candidates import entrants
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.data.art.folder import load
from harness.tasks.learned.comparing import FRESH, Batch, Setting, environment, trace
from harness.tasks.learned.problem import Layer, Problems
from harness.tasks.learned.problems.art import ArtProblems, NeuralArt, picture

HERE = Path(__file__).parent
FILE = "paintings.png"
LONGEST = 14  # characters of a name above a picture
CLOSE = 1e-3  # how much a final f may differ from the record, as a part of it, where the arithmetic is the record's


class Watched:
    """Problems that remember the weights at which they were evaluated last."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.weights = problems.start()

    @property
    def layers(self) -> Sequence[Layer]:
        """As of the problems."""
        return self._problems.layers

    def start(self) -> torch.Tensor:
        """As of the problems."""
        return self._problems.start()

    def evaluate(self, weights: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """As of the problems."""
        self.weights = weights.detach().clone()
        return self._problems.evaluate(weights, step)


def main(folder: Path) -> None:
    """Paint, and write the picture.

    Args:
        folder: of the data set ``neural-art``.
    """
    family = NeuralArt(load(folder, print))
    rows = [row(read(path), family) for path in sorted(HERE.glob("neural-art-*.json"))]
    figure, axes = pyplot.subplots(
        len(rows), max(map(len, rows)), figsize=(1.25 * max(map(len, rows)), 1.45 * len(rows)), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for number, shown in enumerate(rows):
        for axis, (name, image) in zip(axes[number], shown, strict=False):
            axis.imshow(image, interpolation="nearest")
            axis.set_title(name, fontsize=6, pad=2)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.95, wspace=0.04, hspace=0.15)
    figure.savefig(HERE / FILE, dpi=128)


def row(comparison: Comparison, family: NeuralArt) -> list[tuple[str, Image.Image]]:
    """Content and style of a comparison's first problem, and what its candidates painted, best first, with names."""
    conditions = comparison.conditions
    assert conditions.fingerprint == family.data.fingerprint, "the comparison was run on other data"
    setting = Setting(
        family=family, variant=conditions.variant, seed=conditions.seed, count=conditions.count, steps=conditions.steps
    )
    batch = next(setting.batches(FRESH, conditions.count))
    problems = cast(ArtProblems, batch.problems)
    ordered = sorted(comparison.candidates, key=lambda each: each.curve.mean[-1] or math.inf)
    same = environment(setting) == conditions.environment
    painted = [paint(each, batch, setting, check=same) for each in ordered]
    return [(conditions.name, problems.contents[0]), ("style", problems.styles[0]), *painted]


def paint(entrant: Entrant, batch: Batch, setting: Setting, *, check: bool) -> tuple[str, Image.Image]:
    """The first picture that a candidate paints, with its name and f.

    Another processor rounds otherwise, and a hundred steps magnify that, so f is the record's only on its own.
    """
    watched = Watched(batch.problems)
    ((_, candidate),) = entrants([entrant.name], NeuralArt.name, results=HERE, board=None, announce=print)
    assert str(candidate) == entrant.candidate, f"{entrant.name} is {candidate} now, and was {entrant.candidate}"
    with reproducible_arithmetic(setting.place):
        watching = replace(batch, problems=watched)
        *_, last = trace(watching, candidate, rate=entrant.rate or 1.0, steps=setting.steps)
    recorded = entrant.finals[0]
    assert recorded is not None
    f = float(last[0])
    assert not check or math.isclose(f, recorded, rel_tol=CLOSE), f"{entrant.name}: {f}, not {recorded}"
    return f"{entrant.name[:LONGEST]}, {f:.3g}", picture(batch.problems, watched.weights)[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
