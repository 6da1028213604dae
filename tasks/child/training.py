"""One child at one learning rate: its network, its optimizer, its batches (protocol §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn.functional import cross_entropy

from harness.contracts import ChildProtocol, Rule
from harness.race.seeds import derive_seed
from tasks.child.convnet import ConvNet
from tasks.child.examples import Examples
from tasks.update_rule import RuleOptimizer

SCORING_BATCH = 250  # the activations of more images than that leave the cache


class Child:
    """A network in training; equal arguments give equal weights after every step, bit for bit.

    Every learning rate starts from the same weights and sees the same batches (protocol §2, **D**): neither depends on
    anything but ``seed``.

    Args:
        rule: what updates the weights.
        learning_rate: λ.
        protocol: gives batch size, dtype and σ of the noise.
        examples: what to train and score on.
        seed: the child's seed.
        report: hears, after each epoch, however it ended, how many examples it consumed.
    """

    def __init__(
        self,
        rule: Rule,
        learning_rate: float,
        *,
        protocol: ChildProtocol,
        examples: Examples,
        seed: int,
        report: Callable[[int], None],
    ) -> None:
        size, channels = examples.pool.images.shape[-1], examples.pool.images.shape[1]
        self.examples = 0
        self._epoch = 0
        self._data = examples
        self._batch_size = protocol.batch_size
        self._seed = seed
        self._report = report
        self._network = ConvNet(size, channels=channels, classes=examples.classes, seed=derive_seed(seed, "weights"))
        self._network.to(examples.pool.images.dtype)
        self._optimizer = RuleOptimizer(
            self._network.parameters(),
            rule,
            learning_rate,
            seed=derive_seed(seed, "rule"),
            noise_sigma=protocol.noise_sigma,
        )

    def train_epoch(self) -> bool:
        """Train on the whole pool once, shuffled anew; False as soon as loss or weights are not finite."""
        before = self.examples
        try:
            return self._train_batches()
        finally:
            self._report(self.examples - before)

    def _train_batches(self) -> bool:
        pool = self._data.pool
        count, channels, height, width = pool.images.shape
        rows = pool.images.permute(0, 2, 3, 1).reshape(count, -1)  # a view: the images are stored channels-last
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "batches", self._epoch))
        self._epoch += 1
        self._network.train()
        for batch in torch.randperm(count, generator=generator).split(self._batch_size):
            images = rows.index_select(0, batch).view(-1, height, width, channels).permute(0, 3, 1, 2)
            loss = cross_entropy(self._network(images), pool.labels.index_select(0, batch))
            self.examples += len(batch)
            if not torch.isfinite(loss):
                return False
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        # Weights that the last step ruined would end the next epoch at its first loss.
        return all(bool(torch.isfinite(parameter).all()) for parameter in self._network.parameters())

    def score(self) -> float:
        """Share of the validation set that is classified rightly; batch norm uses its running means."""
        validation = self._data.validation
        self._network.eval()
        right = 0
        with torch.inference_mode():
            images, labels = validation.images.split(SCORING_BATCH), validation.labels.split(SCORING_BATCH)
            for batch, truth in zip(images, labels, strict=True):
                logits = self._network(batch)
                sane = torch.isfinite(logits).all(1)  # argmax takes NaN for the largest: that is no answer
                right += int(((logits.argmax(1) == truth) & sane).sum())
        return right / len(validation)


@contextmanager
def reproducible_arithmetic() -> Iterator[None]:
    """One thread, deterministic kernels, and denormal numbers flushed to zero; as it was before, afterwards.

    One thread, so that a child's outcome does not depend on how many run beside it. Denormals, because some rules
    drive weights or running means there, where a CPU takes a hundred times as long.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    flushes = float(torch.tensor(1e-38) * 0.01) == 0.0
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.set_flush_denormal(flushes)
