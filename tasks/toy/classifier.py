"""A small classifier on a generated data set: the child in miniature, with minibatches and validation accuracy.

::

    outcomes = ClassifierTask(protocol).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.contracts import ChildProtocol
from harness.tasks.toy.arena import DTYPES, Arena, ToyTask, batches, normal, stream

CLASSES = 10
FEATURES = 16
HIDDEN = 16
TEACHER = 4  # tanh units of the network that labels the examples (**D**)
SCALES = (0.3, 3.0)  # standard deviations of the features, spaced evenly by logarithm (**D**)


class ClassifierTask(ToyTask):
    """Score rules by what a ReLU network with one hidden layer learns with them, on the child's schedule (protocol §2).

    Examples are Gaussian, with features of very different sizes. Their label is the largest of ten noisy outputs of a
    random network of tanh units, which gets the features at equal size, so that small features matter as much as large
    ones (**D**). Data set, initial weights and batches follow from the seed, and the score is validation accuracy.

    Args:
        protocol: sizes, λs and epochs.
        data: not used; the examples follow from the seed.

    Raises:
        ProtocolError: the protocol's dtype is not float32 or float64.
    """

    name = "toy-classifier"
    version = 1

    def arena(self, seed: int) -> Arena:
        """Return the examples, the batches and the initial weights of a seed."""
        return Lesson.of(self.protocol, seed)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Examples, batches and initial weights for one seed. A last feature of 1 carries the hidden units' biases.

    Examples are columns, because sums over classes then run over whole vectors, several times as fast.

    Attributes:
        inputs: training examples by batch, (epochs, steps, features + 1, batch).
        targets: their classes as columns of 0 and 1, (epochs, steps, classes, batch).
        validation_inputs: (features + 1, validation examples).
        validation_targets: (classes, validation examples), bool.
        hidden: initial weights of the hidden layer, (hidden, features + 1).
        output: initial weights of the output layer, (classes, hidden).
    """

    separable: ClassVar[bool] = True

    inputs: Tensor
    targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor
    hidden: Tensor
    output: Tensor

    @classmethod
    def of(cls, protocol: ChildProtocol, seed: int) -> Lesson:
        """Draw and return the lesson of a seed, in float64 and then rounded to the protocol's dtype."""
        name, dtype = ClassifierTask.name, DTYPES[protocol.dtype]
        features, targets = _examples(protocol.train_examples + protocol.validation_examples, seed)
        order = torch.stack(list(batches(protocol, seed, name)))
        weights = stream(seed, name, "weights")
        hidden = normal(weights, HIDDEN, FEATURES + 1) * math.sqrt(2.0 / FEATURES)  # He et al. 2015
        hidden[:, -1] = 0.0
        output = normal(weights, CLASSES, HIDDEN) / math.sqrt(HIDDEN)
        return cls(
            inputs=features[order].mT.contiguous().to(dtype),
            targets=targets[order].mT.contiguous().to(dtype),
            validation_inputs=features[protocol.train_examples :].mT.contiguous().to(dtype),
            validation_targets=targets[protocol.train_examples :].mT.contiguous(),
            hidden=hidden.to(dtype),
            output=output.to(dtype),
        )

    def stack(self, rates: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return two tensors of weights, (rates, hidden, features + 1) and (rates, classes, hidden)."""
        return [layer.repeat(len(rates), 1, 1) for layer in (self.hidden, self.output)], rates[:, None, None]

    def gradients(self, weights: Sequence[Tensor], epoch: int, step: int) -> tuple[list[Tensor], Tensor]:
        """Return the gradients of the batch's mean cross-entropy, and the negated sum of all log-probabilities."""
        hidden, output = (layer.flatten(0, 1) for layer in weights)  # (cells, ...)
        inputs = self.inputs[epoch, step].expand(len(hidden), -1, -1)
        active, logs = _forward(hidden, output, inputs)
        sizes = logs.sum((1, 2)).neg_()
        error = logs.exp_().sub_(self.targets[epoch, step]).div_(inputs.shape[2])  # of the logits
        back = torch.bmm(output.mT, error).mul_(active.sign())
        slopes = (torch.bmm(back, inputs.mT), torch.bmm(error, active.mT))
        return [slope.view_as(layer) for slope, layer in zip(slopes, weights, strict=True)], sizes.view(
            weights[0].shape[:2]
        )

    def loss(self, weights: Sequence[Tensor], epoch: int, step: int) -> Tensor:
        """Return the negated sum of the batch's cross-entropies."""
        hidden, output = weights
        _, logs = _forward(hidden, output, self.inputs[epoch, step].expand(len(hidden), -1, -1))
        return logs.flatten(1) @ self.targets[epoch, step].flatten()

    def scores(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the validation accuracy, with shares for ties; NaN where an output is not finite."""
        hidden, output = weights
        inputs = self.validation_inputs.expand(len(hidden), -1, -1)
        logits = torch.bmm(output, torch.bmm(hidden, inputs).relu_())  # (rates, classes, examples)
        largest = logits == logits.amax(1, keepdim=True)
        right = (largest & self.validation_targets).sum(1) / largest.sum(1)
        scores = right.to(logits.dtype).mean(1)
        scores[~logits.sum((1, 2)).isfinite()] = math.nan
        return scores


def _forward(hidden: Tensor, output: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hidden units, (cells, hidden, batch), and the log-probabilities, (cells, classes, batch)."""
    active = torch.bmm(hidden, inputs).relu_()
    return active, torch.log_softmax(torch.bmm(output, active), 1)


def _examples(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return examples with the constant feature last, (count, features + 1), float64, and classes (count, classes)."""
    name = ClassifierTask.name
    teacher, draws = stream(seed, name, "teacher"), stream(seed, name, "examples")
    plain = normal(draws, count, FEATURES)
    units = torch.tanh(plain @ normal(teacher, FEATURES, TEACHER) * 2.0 / math.sqrt(FEATURES))
    logits = units @ normal(teacher, TEACHER, CLASSES)
    logits = (logits - logits.mean(0)) / logits.std(0)
    targets = torch.nn.functional.one_hot(logits.argmax(1), CLASSES).bool()
    low, high = map(math.log, SCALES)
    scales = torch.linspace(low, high, FEATURES, dtype=torch.float64).exp()
    scales = scales[torch.randperm(FEATURES, generator=teacher)]
    return torch.cat([plain * scales, torch.ones(count, 1, dtype=torch.float64)], 1), targets
