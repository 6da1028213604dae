"""The child's network as PyTorch trains it, on images of any shape: the reference, and the fallback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.examples import Examples, Part, share_right

SCORING_BATCH = 250  # the activations of more images do not fit the cache


class PlainNetwork:
    """``ConvNet`` with its training and scoring examples; a ``harness.tasks.child.step.Network``.

    Args:
        examples: what to train and score on.
        seed: decides the initial weights.
        reduced: whether to multiply in bfloat16, as ``ConvNet`` does.
    """

    def __init__(self, examples: Examples, *, seed: int, reduced: bool = False) -> None:
        images = examples.pool.images
        count, channels, size, _ = images.shape
        network = ConvNet(size, channels=channels, classes=examples.classes, seed=seed, reduced=reduced)
        self.network = network.to(images.device, images.dtype)
        self.parameters: list[Tensor] = list(self.network.parameters())
        self._examples = examples
        self._rows = images.permute(0, 2, 3, 1).reshape(count, -1)  # a view: the images are stored channels-last

    @property
    def layers(self) -> Sequence[Tensor]:
        """The modules' own parameters."""
        return self.parameters

    def loss(self, chosen: Tensor) -> float:
        """Return the mean loss over the pool's examples at ``chosen`` (batch,); if finite, compute its gradients."""
        pool = self._examples.pool
        chosen = chosen.to(pool.labels.device)
        _, channels, height, width = pool.images.shape
        self.network.train()
        images = self._rows.index_select(0, chosen).view(-1, height, width, channels).permute(0, 3, 1, 2)
        loss = cross_entropy(self.network(images), pool.labels.index_select(0, chosen))
        if torch.isfinite(loss):
            self.network.zero_grad()
            loss.backward()
        return loss.item()

    @property
    def exact(self) -> Sequence[Tensor]:
        """Return nothing: PyTorch rounds within its operations."""
        return ()

    def logits(self) -> Tensor:
        """Return the logits of the validation set, (validation examples, classes), which ``score`` uses."""
        return self._logits(self._examples.validation)

    def score(self) -> float:
        """Return the accuracy on the validation set; batch norm uses its running means."""
        return share_right(self.logits(), self._examples.validation)

    def test(self) -> float:
        """Return the accuracy on the test set; only for examples that have one."""
        assert self._examples.test is not None, "a search has no test examples"
        return share_right(self._logits(self._examples.test), self._examples.test)

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the weights and running means."""
        return {name: each.clone() for name, each in self.network.state_dict().items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore what ``state`` returned."""
        self.network.load_state_dict(state)

    def _logits(self, part: Part) -> Tensor:
        self.network.eval()
        with torch.inference_mode():
            return torch.cat([self.network(batch) for batch in part.images.split(SCORING_BATCH)])
