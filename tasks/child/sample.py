"""A few steps of a fixed child, whose bits reveal differences in computing (``harness.tasks.arithmetic``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from harness.seeds import derive_seed
from harness.tasks import machine
from harness.tasks.arithmetic import RATE, SEED, STEPS, digest, rules
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.stacked import opening, stack
from harness.tasks.child.step import TOGETHER, starter
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.update_rule import RuleOptimizer

BATCHES = 2  # in the pool of examples
MOST_SCORED = 300  # validation examples: a full and a partial scoring batch on either path


@dataclass(frozen=True, slots=True)
class Sample:
    """What decides which code a child runs, since products of different sizes take different branches.

    Attributes:
        path: a path of ``harness.tasks.child.step``.
        dtype: dtype of weights and sums.
        reduced: whether products are in bfloat16.
        device: where it trains.
        batch_size: size of every batch.
        scored: number of validation examples.
        side: height and width of the images.
        channels: channels of the images.
        classes: number of classes.
    """

    path: str
    dtype: torch.dtype
    reduced: bool
    device: torch.device
    batch_size: int
    scored: int
    side: int
    channels: int
    classes: int


@cache
def arithmetic(sample: Sample) -> str:
    """Return the digest of weights, losses and outputs of a network that takes steps by one rule after another.

    Examples are whole numbers drawn by PCG64, the same on every machine; everything else is computed as for a child.
    The digest is computed once per process.

    Raises:
        EngineError: the machine has no memory left, or its GPU is gone.
    """
    with machine.answerable(), reproducible_arithmetic(sample.device):
        return digest(_computed(sample))


def _computed(sample: Sample) -> Iterator[Tensor | float]:
    if sample.path in TOGETHER:
        examples, size = _examples(sample), sample.batch_size
        ground = opening.ground(sample.path, examples, batch_size=size)
        yield from stack.sample(ground, pool=len(examples.pool), batch_size=size)
        return
    start = starter(sample.path, _examples(sample), batch_size=sample.batch_size, reduced=sample.reduced)
    network = start(derive_seed(SEED, "weights"))
    batches = torch.arange(BATCHES * sample.batch_size).split(sample.batch_size)
    for place, rule in enumerate(rules()):
        seed = derive_seed(SEED, "rule", place)
        optimizer = RuleOptimizer(network.parameters, rule, RATE, seed=seed)
        for step in range(STEPS):
            yield network.loss(batches[step % BATCHES])
            yield from network.exact
            optimizer.step()
        yield from network.parameters
    yield network.logits()


def _examples(sample: Sample) -> Examples:
    pool, scored = BATCHES * sample.batch_size, min(sample.scored, MOST_SCORED)
    count = (pool + scored) * (sample.side**2 * sample.channels + 1)
    raw = np.random.PCG64(SEED).random_raw(-(-count // 8)).astype("<u8").view(np.uint8)
    numbers = raw[:count].reshape(pool + scored, -1)
    images = numbers[:, 1:].reshape(-1, sample.side, sample.side, sample.channels)
    labels = numbers[:, 0] % sample.classes
    choice = Choice(images[:pool], labels[:pool], images[pool:], labels[pool:], sample.classes)
    return Examples.of(choice, sample.dtype).on(sample.device)
