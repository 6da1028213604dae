"""One child at one learning rate: its network, its optimizer, its batches (protocol §2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from harness.contracts import Candidate, ChildProtocol
from harness.seeds import derive_seed
from harness.tasks.child.device import exact_cuda
from harness.tasks.child.step import Start
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.sweep import steps_of

CPU = torch.device("cpu")


class Child:
    """A network in training; equal arguments give equal weights after every step, bit for bit.

    Every learning rate starts from the same weights and sees the same batches (protocol §2, **D**): both depend only on
    ``seed``.

    Args:
        candidate: what updates the weights: a rule, or a candidate that builds another optimizer.
        learning_rate: λ.
        protocol: gives the number of examples and epochs, the batch size and σ of the noise.
        start: builds the network.
        seed: the child's seed.
        report: called after each part of an epoch, however it ended, with how many examples it consumed and should
            consume.
    """

    def __init__(
        self,
        candidate: Candidate,
        learning_rate: float,
        *,
        protocol: ChildProtocol,
        start: Start,
        seed: int,
        report: Callable[[int, int], None],
    ) -> None:
        self.examples = 0
        self._epoch = 0
        self._batches: tuple[Tensor, ...] = ()
        self._place = 0
        self._protocol = protocol
        self._seed = seed
        self._report = report
        self._network = start(derive_seed(seed, "weights"))
        self._optimizer = optimizer_for(
            candidate,
            self._network,
            learning_rate,
            seed=derive_seed(seed, "rule"),
            noise_sigma=protocol.noise_sigma,
            total_steps=steps_of(protocol),
        )

    def train_epoch(self) -> bool:
        """Train the rest of an epoch, in a new order; return False as soon as loss or weights are not finite."""
        return math.isfinite(self.train_until(1.0))

    def train_until(self, share: float) -> float:
        """Train up to a share of an epoch; return the mean loss, NaN as soon as loss or weights are not finite.

        Args:
            share: share of the current epoch, or of the next one if none has begun; at most 1.
        """
        if self._place == len(self._batches):
            self._begin_epoch()
        part = self._batches[self._place : round(share * len(self._batches))]
        self._place += len(part)
        before = self.examples
        try:
            return self._train(part)
        finally:
            self._report(self.examples - before, sum(map(len, part)))

    def _begin_epoch(self) -> None:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "batches", self._epoch))
        order = torch.randperm(self._protocol.train_examples, generator=generator)
        self._batches, self._place = order.split(self._protocol.batch_size), 0
        self._epoch += 1

    def _train(self, batches: Sequence[Tensor]) -> float:
        total = 0.0
        for batch in batches:
            loss = self._network.loss(batch)
            self.examples += len(batch)
            if not math.isfinite(loss):
                return math.nan
            total += loss
            self._optimizer.step()
        # Weights that are not finite after the last step would end the next epoch at its first loss.
        finite = all(bool(torch.isfinite(parameter).all()) for parameter in self._network.parameters)
        return total / max(len(batches), 1) if finite else math.nan

    def score(self) -> float:
        """Return the accuracy on the validation set; batch norm uses its running means."""
        return self._network.score()

    def test(self) -> float:
        """Return the accuracy on the test set, which is used once, when a confirmed rule's child has ended."""
        return self._network.test()


@contextmanager
def reproducible_arithmetic(device: torch.device = CPU) -> Iterator[None]:
    """Use one thread and deterministic kernels, and flush denormal numbers to zero; restore the settings afterwards.

    With one thread, a child's outcome does not depend on how many run beside it. Denormals are flushed because some
    rules drive weights or running means there, where a CPU takes a hundred times as long. Torch fills new memory with
    NaN for deterministic kernels, in case an operation reads what it never wrote; none does here, and the filling takes
    a sixth of the time.
    """
    threads = torch.get_num_threads()
    deterministic = torch.get_deterministic_debug_mode()
    flushes = float(torch.tensor(1e-38) * 0.01) == 0.0
    memory: Any = torch.utils.deterministic  # whose attribute torch's stubs do not know
    fills = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms loads torch's compiler: one second more
    memory.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    try:
        with nullcontext() if device.type == "cpu" else exact_cuda(device):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(deterministic)
        memory.fill_uninitialized_memory = fills
        torch.set_flush_denormal(flushes)
