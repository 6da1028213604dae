"""Tests here share tiny weights, which are drawn and not trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.network import Network
from harness.searchers.box.learned.weights import Header, LearnedWeights, file_name, save

Make = Callable[..., LearnedWeights]


def make(*, loss: str = "oi", seed: int = 0, **sizes: object) -> LearnedWeights:
    """Weights whose points depend much on what is read: all but biases are three times as large as drawn."""
    tiny = {"dimensions": 2, "hidden": 6, "slots": 3, "width": 4, "heads": 2}
    architecture = Architecture(**{**tiny, **sizes})
    network = Network(architecture, seed=seed)
    for name, weight in network.named_parameters():
        if "weight" in name:
            weight.data.mul_(3.0)
    return LearnedWeights(Header(architecture=architecture, loss=loss, seed=seed), network)


@pytest.fixture
def made() -> Make:
    return make


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder of weights: both cells for two and three dimensions, and one of the parallel form."""
    folder = tmp_path / "trained"
    for sizes in (
        {"cell": "lstm", "dimensions": 2},
        {"cell": "lstm", "dimensions": 3},
        {"cell": "dnc", "dimensions": 2},
        {"cell": "dnc", "dimensions": 3},
        {"cell": "lstm", "dimensions": 2, "parallel": 3},
    ):
        weights = make(**sizes)
        save(weights, folder / file_name(weights.header.architecture, "oi"))
    return folder
