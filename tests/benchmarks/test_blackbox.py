"""Optimizers of the unit box: what a proposal of a network costs, beside that of a Gaussian process.

``pytest tests/benchmarks/test_blackbox.py --benchmark-enable`` measures and holds the bounds; as ordinary tests these
ask a few times.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from figures import FIGURES, RATIOS, record
from pytest_benchmark.fixture import BenchmarkFixture

from harness.blackbox.contracts import BoxOptimizer
from harness.searchers.box.learned.architecture import Architecture, Cell
from harness.searchers.box.learned.network import Network
from harness.searchers.box.learned.points import RnnPoints
from harness.searchers.box.learned.weights import Header, LearnedWeights, save
from harness.searchers.box.true_gp_points import TrueGpPoints

DIMENSIONS, STEPS, FUNCTIONS, ROUNDS = 6, 100, 1_000, 7
MOST_MILLISECONDS = {"lstm": 0.2}  # a proposal alone
MOST_MICROSECONDS = {"lstm": 5.0}  # a proposal for each of 1,000 functions side by side


def drawn(cell: Cell, folder: Path) -> str:
    """Write weights as they are before training, which cost the same; return their file."""
    architecture = Architecture(dimensions=DIMENSIONS, cell=cell)
    path = folder / f"{cell}.safetensors"
    save(LearnedWeights(Header(architecture=architecture, loss="oi"), Network(architecture, seed=0)), path)
    return str(path)


def per_proposal(optimizer: BoxOptimizer, steps: int) -> float:
    """Return the seconds of one thread that asking for a point and telling its value take."""
    began = time.thread_time()
    for value in np.linspace(-1, 1, steps):
        optimizer.tell(optimizer.ask(1), np.array([value]))
    return (time.thread_time() - began) / steps


@pytest.mark.parametrize("cell", ["lstm", "dnc"])
def test_a_proposal_of_a_network(benchmark: BenchmarkFixture, cell: Cell, tmp_path: Path) -> None:
    weights, alone, together = drawn(cell, tmp_path), list[float](), list[float]()
    steps, functions = (3, 2) if benchmark.disabled else (STEPS, FUNCTIONS)

    def ask() -> None:
        alone.append(per_proposal(RnnPoints(DIMENSIONS, seed=0, cell=cell, weights=weights), steps))
        many = RnnPoints.side_by_side(DIMENSIONS, seeds=range(functions), cell=cell, weights=weights)
        began = time.thread_time()
        for value in np.linspace(-1, 1, steps):
            many.ask()
            many.tell(np.full(functions, value))
        together.append((time.thread_time() - began) / steps / functions)

    ask()
    benchmark.pedantic(ask, rounds=1 if benchmark.disabled else ROUNDS)  # type: ignore[no-untyped-call]
    if benchmark.disabled:
        return
    for label, seconds, most in (
        (f"{cell}: milliseconds a proposal, d = {DIMENSIONS}", 1e3 * min(alone), MOST_MILLISECONDS.get(cell)),
        (
            f"{cell}: microseconds a proposal, {functions:,} side by side",
            1e6 * min(together),
            MOST_MICROSECONDS.get(cell),
        ),
    ):
        record(benchmark, FIGURES, {label: seconds}, bounds={label: [None, most]} if most else {})


def test_a_proposal_of_a_network_beside_one_of_a_gaussian_process(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    weights, ratios, steps = drawn("lstm", tmp_path), list[float](), 3 if benchmark.disabled else STEPS

    def ask() -> None:
        process = per_proposal(TrueGpPoints(DIMENSIONS, seed=0), steps)
        ratios.append(process / per_proposal(RnnPoints(DIMENSIONS, seed=0, weights=weights), steps))

    benchmark.pedantic(ask, rounds=1 if benchmark.disabled else 3)  # type: ignore[no-untyped-call]
    if not benchmark.disabled:
        record(benchmark, RATIOS, {f"gp-true to lstm: a proposal, d = {DIMENSIONS}": median(ratios)})
