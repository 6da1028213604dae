"""Tests here share tiny weights, which are drawn and not trained, and what makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.tasks.learned.lstm import Architecture
from harness.tasks.learned.problem import ALL, KERNELS, REST
from harness.tasks.learned.weights import Header, LearnedWeights, fresh, save

TINY = Architecture(hidden=3, layers=2)
Make = Callable[..., LearnedWeights]


def make(kinds: tuple[str, ...] = (ALL,), seed: int = 0, architecture: Architecture = TINY) -> LearnedWeights:
    header = Header(problems="quadratic", seed=seed, architecture=architecture, kinds=kinds)
    networks = fresh(header)
    with torch.no_grad():
        for network in networks.values():
            network.output.bias.fill_(0.1)  # so that zeros are moved, too
    return LearnedWeights(header, networks)


@pytest.fixture
def made() -> Make:
    return make


@pytest.fixture
def weights() -> LearnedWeights:
    return make()


@pytest.fixture
def two_kinds() -> LearnedWeights:
    return make((KERNELS, REST))


@pytest.fixture
def file(tmp_path: Path, weights: LearnedWeights) -> Path:
    save(weights, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def exact() -> Architecture:
    """For float64: no preprocessing, so that everything is smooth."""
    return replace(TINY, preprocessing=0.0, scale=1.0)
