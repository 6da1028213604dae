"""Unrolling a network on draws of a Gaussian process, one after another or with several workers ([L2L-BB] §2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.searchers.box.learned.meta.draws import Draws, innovations
from harness.searchers.box.learned.meta.losses import Unrolled
from harness.searchers.box.learned.network import Network
from harness.seeds import derive_seed

STEEPEST = 10.0  # the most that the gradient of a draw's loss by one of its points may be (**D**)
BETWEEN = (0.5, 1.5)  # how long an evaluation takes, uniformly (**D**)


class Batch(NamedTuple):
    """What one unroll draws beforehand.

    Attributes:
        noise: ε of the draws, (count, steps), float64.
        workers: which worker finishes before each step and evaluates its point, (steps, count), int64; None for points
            that are evaluated one after another.
    """

    noise: Tensor
    workers: Tensor | None

    @classmethod
    def draw(cls, seed: int, count: int, steps: int, *, parallel: int, device: torch.device) -> Batch:
        """Draw a batch for so many workers, 0 for none."""
        noise = innovations(derive_seed(seed, "values"), count, steps)
        workers = finishing(derive_seed(seed, "durations"), count, steps, parallel) if parallel else None
        return cls(_sent(noise, device), None if workers is None else _sent(workers, device))


def finishing(seed: int, count: int, steps: int, parallel: int) -> Tensor:
    """Return which worker takes the point of each step, (steps, count): the one that finishes first.

    Before the first ``parallel`` steps nothing finishes: all workers get a point, in order.
    """
    stream = np.random.Generator(np.random.Philox(key=seed))
    durations = stream.uniform(*BETWEEN, (count, steps)).T
    ends, rows = np.zeros((count, parallel)), np.arange(count)
    found = np.empty((steps, count), dtype=np.int64)
    for step in range(steps):
        found[step] = step if step < parallel else ends.argmin(1)
        ends[rows, found[step]] += durations[step]
    return torch.from_numpy(found)


def unroll(network: Network, batch: Batch) -> Unrolled:
    """Let a network ask draws at a point after another, and return what they were there.

    Gradients flow through points, values and states to the network's weights, if autograd is on. Those by the points
    of a draw are shortened to ``STEEPEST / count``, since they flow to all earlier points, and may grow at every step.
    """
    noise, workers = batch
    count, steps = noise.shape
    architecture = network.architecture
    draws = Draws(noise, architecture.dimensions)
    weight = next(network.parameters())
    state = network.start(count, device=weight.device, dtype=weight.dtype)
    told = weight.new_zeros(count, architecture.dimensions + 1)  # x and y
    pending = None if workers is None else _Pending(workers, architecture.parallel, told)
    values, means, deviations = [], [], []
    for step in range(steps):
        points, state = network(told if pending is None else pending.finished(step), state)
        if points.requires_grad:
            points.register_hook(_shortened)
        revealed = draws(points)
        values.append(revealed.value)
        means.append(revealed.mean)
        deviations.append(revealed.deviation)
        told = torch.cat([points, revealed.value.to(points.dtype)[:, None]], 1)
        if pending is not None:
            pending.begin(step, told)
    return Unrolled(torch.stack(values, 1), torch.stack(means, 1), torch.stack(deviations, 1))


def _shortened(gradient: Tensor) -> Tensor:
    """Return the gradient of a mean over draws by their points, (count, dimensions), with shortened rows."""
    lengths = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    shortened: Tensor = gradient * (STEEPEST / len(gradient) / (lengths + 1e-12)).clamp(max=1)
    return shortened


class _Pending:
    """The points that workers evaluate.

    Args:
        workers: as in ``Batch``.
        parallel: how many workers there are.
        zeros: what the network reads in place of a point and its value while there is none, (count, dimensions + 1).
    """

    def __init__(self, workers: Tensor, parallel: int, zeros: Tensor) -> None:
        self._parallel = parallel
        self._index = workers[:, :, None, None].expand(-1, -1, 1, zeros.shape[1])  # (steps, count, 1, dimensions + 1)
        numbers = torch.arange(parallel, device=zeros.device)
        self._taken = (workers[:, :, None] == numbers)[..., None]  # (steps, count, parallel, 1)
        self._flag, self._zeros = zeros.new_ones(len(zeros), 1), zeros
        self._slots = zeros[:, None].expand(-1, parallel, -1)

    def finished(self, step: int) -> Tensor:
        """Return what the network reads at a step: o_t, and the point and value that finished before it."""
        if step < self._parallel:
            return torch.cat([torch.zeros_like(self._flag), self._zeros], 1)
        return torch.cat([self._flag, self._slots.gather(1, self._index[step])[:, 0]], 1)

    def begin(self, step: int, evaluated: Tensor) -> None:
        """Give the point of a step, with its value, to the worker that is free."""
        self._slots = torch.where(self._taken[step], evaluated[:, None], self._slots)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, without waiting for what the device computes."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
