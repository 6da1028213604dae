"""Unrolling a learned optimizer, and the gradient of its meta-loss ([L2L] §2, protocol §8).

The meta-loss of an unroll of U steps is Σ_{t=1}^{U} f(θ_t), with θ_{t+1} = θ_t + g_t. Since ∂∇_t/∂φ is taken as 0,
the gradients that the LSTM reads are constants, so that

    d/dφ Σ_t f(θ_t) = Σ_t ∇f(θ_t)ᵀ dθ_t/dφ = Σ_s (Σ_{t>s} ∇f(θ_t))ᵀ dg_s/dφ.

Every coordinate is therefore a sequence of its own. An unroll first records the gradients, without any graph; then
torch's LSTM runs over the recorded sequences, some coordinates after another, and the sums above are what is
differentiated. Memory does not depend on the problem's graph, and a random part of the coordinates gives an unbiased
estimate of the meta-gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.backends import cudnn

from harness.tasks.learned.lstm import CoordinateLstm, FrozenLstm, State, preprocess, start
from harness.tasks.learned.problem import Problems, spans

Networks = Mapping[str, CoordinateLstm]  # by kind of parameter
SEQUENCES = 1_024  # that are differentiated at once: they take some 50 MB, and more are slower
CUDA_SEQUENCES = 2**15  # on a GPU: they take some 2 GB
CUDNN = True  # whether cuDNN computes them there, or else torch's own kernels


@dataclass(slots=True)
class Recorded:
    """What one unroll recorded of one kind of parameters.

    Attributes:
        before: the state before the first step.
        gradients: ∇_t for t = 0 … U, (U + 1, coordinates).
    """

    before: State
    gradients: Tensor


class Rollout:
    """Problems that a learned optimizer optimizes, with its states.

    Args:
        problems: what is optimized.
        networks: the optimizer's LSTMs, by kind of parameter; ``use`` replaces their weights.
    """

    def __init__(self, problems: Problems, networks: Networks) -> None:
        self._problems = problems
        self.weights = problems.start()
        self.steps = 0
        count = len(self.weights)
        self._spans = spans(problems.layers, tuple(networks))
        self.states = {
            kind: start(
                networks[kind].architecture,
                coordinates=count * (span.stop - span.start),
                device=self.weights.device,
                dtype=self.weights.dtype,
            )
            for kind, span in self._spans.items()
        }
        self.use(networks)
        self._next: tuple[Tensor, Tensor] | None = None  # value and gradient at the present weights

    def use(self, networks: Networks) -> None:
        """Take the next steps with the weights that these LSTMs have now."""
        self._frozen = {kind: FrozenLstm(networks[kind], device=self.weights.device) for kind in self._spans}

    def evaluate(self) -> tuple[Tensor, Tensor]:
        """Return value (problems,) and gradient (problems, parameters) at the present weights."""
        if self._next is None:
            value, gradient = self._next = self._problems.evaluate(self.weights, self.steps)
            if value.shape != self.weights.shape[:1] or gradient.shape != self.weights.shape:
                raise ValueError(f"values of shape {tuple(value.shape)}, gradients of shape {tuple(gradient.shape)}")
        return self._next

    def step(self) -> None:
        """Take one step."""
        _, gradient = self.evaluate()
        for kind, span in self._spans.items():
            part = gradient[:, span]
            update = self._frozen[kind](part.reshape(-1), self.states[kind])
            self.weights[:, span] += update.view_as(part)
        self.steps += 1
        self._next = None

    def unroll(self, steps: int) -> tuple[Tensor, dict[str, Recorded]]:
        """Take some steps and return the values after each, (steps, problems), and what they recorded, by kind."""
        before = {kind: state.copy() for kind, state in self.states.items()}
        values, gradients = [], []
        for _ in range(steps):
            gradients.append(self.evaluate()[1])
            self.step()
            values.append(self.evaluate()[0])
        gradients.append(self.evaluate()[1])
        recorded = torch.stack(gradients)  # (steps + 1, problems, parameters)
        return torch.stack(values), {
            kind: Recorded(before[kind], recorded[..., span].flatten(1)) for kind, span in self._spans.items()
        }


def accumulate(lstm: CoordinateLstm, recorded: Recorded, *, weight: float = 1.0, chosen: Tensor | None = None) -> None:
    """Add the meta-gradient of an unroll to the gradients of the LSTM's weights.

    Args:
        lstm: the LSTM that took the steps, with its weights unchanged since.
        recorded: what the unroll recorded.
        weight: what the gradient is multiplied by.
        chosen: indices of the coordinates to differentiate; None for all. The sum over them is scaled up to stand for
            all.
    """
    before, gradients = recorded.before, recorded.gradients
    count = gradients.shape[1]
    if chosen is not None:
        before = before.part(chosen)
        gradients = gradients[:, chosen]
        weight *= count / len(chosen)
    p = lstm.architecture.preprocessing
    if gradients.is_cuda:
        inputs = preprocess(gradients[:-1], p).transpose(0, 1)
    else:  # step by step, as its rounding is on record
        inputs = torch.stack([preprocess(each, p) for each in gradients[:-1]])
    still_to_come = gradients[1:].flip(0).cumsum(0).flip(0)  # Σ_{t>s} ∇_t for each s, (steps, coordinates)
    size = CUDA_SEQUENCES if gradients.is_cuda else SEQUENCES
    for first in range(0, gradients.shape[1], size):
        piece = slice(first, first + size)
        with _implementation():
            updates = lstm(inputs[..., piece], before.part(piece))
        ((updates * still_to_come[:, piece]).sum() * weight).backward()


@contextmanager
def _implementation() -> Iterator[None]:
    """Let ``CUDNN`` decide what computes the sequences on a GPU."""
    before = cudnn.enabled
    cudnn.enabled = before and CUDNN
    try:
        yield
    finally:
        cudnn.enabled = before
