"""How the table of ``table-mini`` was made: ``python -m harness.tasks.blackbox.tables.making_mini FILE``.

Each setting trains a network with one hidden layer on 200 generated points of three noisy spirals, by stochastic
gradient descent with momentum. Its cost is the cross-entropy on 300 other points; 9.9999 where that is larger or NaN.
"""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.blackbox.contracts import Points
from harness.seeds import derive_seed

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
DECAYS = (0.0, 0.0001, 0.001, 0.01, 0.1)
BATCHES = (4, 10, 25, 100)
EPOCHS = (3, 8, 20, 50)
CLASSES, UNITS, MOMENTUM = 3, 16, 0.9
TRAINED, HELD_OUT = 200, 300
LARGEST = 9.9999
SEED = 0


def points(count: int, *, part: str) -> tuple[Points, NDArray[np.int64]]:
    """Return points (count, 2) of the spirals, with their classes (count,)."""
    draws = np.random.default_rng(derive_seed(SEED, "mini", part))
    classes = draws.integers(CLASSES, size=count)
    along = draws.random(count)
    angle = 2 * np.pi * (classes / CLASSES + 0.6 * along)
    place = (0.2 + along[:, None]) * np.stack([np.cos(angle), np.sin(angle)], 1)
    return place + 0.12 * draws.standard_normal((count, 2)), classes


def loss(rate: float, decay: float, batch: int, epochs: int) -> float:
    """Train with one setting, and return its cost."""
    (inputs, classes), (others, their_classes) = points(TRAINED, part="train"), points(HELD_OUT, part="held out")
    draws = np.random.default_rng(derive_seed(SEED, "mini", "weights"))
    weights = [draws.standard_normal((2, UNITS)), np.zeros(UNITS), draws.standard_normal((UNITS, CLASSES)) / 4]
    speeds = [np.zeros_like(each) for each in weights]
    with np.errstate(all="ignore"):
        for _ in range(epochs):
            for rows in np.split(draws.permutation(TRAINED), TRAINED // batch):
                for weight, speed, slope in zip(
                    weights, speeds, _slopes(weights, inputs[rows], classes[rows]), strict=True
                ):
                    speed *= MOMENTUM
                    speed -= rate * (slope + decay * weight)
                    weight += speed
        _, logarithms = _outputs(weights, others)
        found = float(-logarithms[np.arange(HELD_OUT), their_classes].mean())
    return found if found < LARGEST else LARGEST  # not so for NaN


def _outputs(weights: list[Points], inputs: Points) -> tuple[Points, Points]:
    """Return the hidden units and the logarithms of the probabilities."""
    hidden = np.tanh(inputs @ weights[0] + weights[1])
    scores = hidden @ weights[2]
    scores = scores - scores.max(1, keepdims=True)
    return hidden, scores - np.log(np.exp(scores).sum(1, keepdims=True))


def _slopes(weights: list[Points], inputs: Points, classes: NDArray[np.int64]) -> list[Points]:
    """Return the gradient of the mean cross-entropy with respect to each of the weights."""
    hidden, logarithms = _outputs(weights, inputs)
    wrong = np.exp(logarithms)
    wrong[np.arange(len(classes)), classes] -= 1
    wrong /= len(classes)
    back = wrong @ weights[2].T * (1 - hidden**2)
    return [inputs.T @ back, back.sum(0), hidden.T @ wrong]


def main(path: Path) -> None:
    """Write the table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["learning_rate", "weight_decay", "batch_size", "epochs", "loss"])
        for setting in itertools.product(RATES, DECAYS, BATCHES, EPOCHS):
            writer.writerow([*(f"{each:g}" for each in setting), f"{loss(*setting):.4f}"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
