"""Cost of a step: rules against torch's own optimizers, on a network like the child and on 25 million parameters.

Optimizers take turns in one process and are compared by ratios. ``pytest tests/benchmarks/test_optimizer.py
--benchmark-enable`` measures and holds the bounds; as ordinary tests these take a step or two of small networks.
"""

from __future__ import annotations

import math
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import pytest
import torch
from figures import COUNTERS, RATIOS, record
from pytest_benchmark.fixture import BenchmarkFixture
from stepping import CHILD, COMPILED, LARGE, OPTIMIZERS, Taken, in_turn, weights

TORCH = "torch adam"
IN_TURN = (TORCH, "rule adam", "rule powersign", *COMPILED)
COMPILER = os.environ.get("CXX", "g++")
ROUNDS = 15
MEANS = {TORCH: 2, "rule adam": 2, "compiled adam": 2, "rule powersign": 1, "compiled powersign": 1}  # kept, of float32
MOST = {"rule adam": 1.0, "compiled adam": 0.7, "compiled powersign": 0.7}  # of the time that torch's Adam takes


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step(benchmark: BenchmarkFixture, name: str) -> None:
    params = weights(CHILD)
    before = [param.clone() for param in params]
    benchmark(OPTIMIZERS[name](params).step)
    assert not any(torch.equal(param, old) for param, old in zip(params, before, strict=True))


@pytest.mark.thorough
@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_network(benchmark: BenchmarkFixture, threads: int) -> None:
    """Measured in a process of its own, as users have it.

    A process that has trained a child keeps the memory it frees. Torch's Adam allocates up to 25 megabytes for a
    temporary, and is spared a part of its time there.
    """
    if benchmark.disabled:
        taken: Taken = benchmark.pedantic(in_turn, args=(list(MEANS.keys() & OPTIMIZERS.keys()), threads, CHILD, 1))
        shapes = CHILD
    else:
        names, shapes = [name for name in IN_TURN if _runs(name)], LARGE
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            taken = benchmark.pedantic(lambda: fresh.submit(in_turn, names, threads, shapes, ROUNDS).result())
    entries = sum(math.prod(shape) for shape in shapes)
    for name in MEANS.keys() & taken.keys():
        counter, bytes_kept = f"{name}: state bytes a parameter", 4.0 * MEANS[name]
        record(benchmark, COUNTERS, {counter: taken[name][1] / entries}, bounds={counter: [bytes_kept, bytes_kept]})
    if benchmark.disabled:
        return
    others = [name for name in taken if name != TORCH]
    least, middle = ({name: of(seconds) for name, (seconds, _) in taken.items()} for of in (min, median))
    ratios = {f"{name} to {TORCH}": least[name] / least[TORCH] for name in others}
    ratios |= {f"{name} to {TORCH}, median": middle[name] / middle[TORCH] for name in others}
    bounds = {f"{name} to {TORCH}": [None, most] for name, most in MOST.items() if name in taken}
    record(benchmark, RATIOS, ratios, bounds=bounds)


def _runs(name: str) -> bool:
    return not name.startswith("compiled") or shutil.which(COMPILER) is not None
