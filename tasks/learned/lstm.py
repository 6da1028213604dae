"""The coordinate-wise LSTM of [L2L] §2.1 (protocol §8): each weight of a network has its own state, all share φ.

::

    lstm = CoordinateLstm(Architecture(), seed=0)
    steps, state = FrozenLstm(lstm), start(lstm.architecture, coordinates=1_000)
    weights += steps(gradient, state)  # (1000,); the state moves on

The same function is computed in two ways: over a whole sequence by torch's LSTM, with gradients, for meta-training; and
one step after another without gradients, in pieces that fit a processor's cache, where weights are updated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor, nn

from harness.errors import check_choice
from harness.limits import Range
from harness.seeds import derive_seed

PIECE = 2_048  # coordinates that a step computes at once: their gates take 0.7 MB
CUDA_PIECE = 2**19  # on a GPU, where few large kernels are fastest: with all that is in between, they take 0.5 GB
CPU = torch.device("cpu")
MOST_HIDDEN, MOST_LAYERS = 256, 8
PRESETS = ("paper", "deepmind")  # the latter has the numbers of the authors' public code (protocol §8, **D**)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What the LSTM computes besides its weights; the defaults are those of [L2L] §3 for networks.

    Attributes:
        hidden: units of each layer.
        layers: LSTM layers.
        preprocessing: p of the inputs (log|∇|/p, sign ∇) or, for |∇| < e⁻ᵖ, (−1, eᵖ∇) ([L2L] appendix A); 0 to read ∇
            itself.
        scale: what the output is multiplied by.
    """

    hidden: Annotated[int, Range(1, MOST_HIDDEN)] = 20
    layers: Annotated[int, Range(1, MOST_LAYERS)] = 2
    preprocessing: Annotated[float, Range(0, 50)] = 10.0
    scale: Annotated[float, Range(0, 1_000)] = 0.1

    def __post_init__(self) -> None:
        """Turn whole numbers into floats, which files and hashes write in another way."""
        for name in ("preprocessing", "scale"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def inputs(self) -> int:
        """Numbers that the first layer reads of each gradient."""
        return 2 if self.preprocessing else 1


def preset(architecture: Architecture, name: str) -> Architecture:
    """Return what a preset computes where the paper has some architecture: of a family without preprocessing, the same.

    Raises:
        SettingError: there is no such preset.
    """
    check_choice("preset", name, PRESETS)
    if name == "paper" or not architecture.preprocessing:
        return architecture
    return replace(architecture, preprocessing=5.0, scale=0.01)


@dataclass(slots=True)
class State:
    """The LSTM's state for some coordinates: h and c, each (layers, hidden, coordinates)."""

    h: Tensor
    c: Tensor

    def copy(self) -> State:
        """Return a copy, which later steps leave as it is."""
        return State(self.h.clone(), self.c.clone())

    def part(self, coordinates: slice | Tensor) -> State:
        """Return the state of some coordinates: for a slice, the same memory."""
        return State(self.h[..., coordinates], self.c[..., coordinates])


def start(
    architecture: Architecture,
    *,
    coordinates: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> State:
    """Return the state before the first step: zeros."""
    shape = (architecture.layers, architecture.hidden, coordinates)
    h, c = (torch.zeros(shape, device=device, dtype=dtype) for _ in range(2))
    return State(h, c)


def pieces(coordinates: int, device: torch.device = CPU) -> list[slice]:
    """Return the slices in which a step computes some coordinates on a device."""
    size = PIECE if device.type == "cpu" else CUDA_PIECE
    return [slice(first, first + size) for first in range(0, coordinates, size)]


def preprocess(gradient: Tensor, p: float) -> Tensor:
    """Return what the first layer reads ([L2L] appendix A).

    Args:
        gradient: (coordinates,), or of some steps, (steps, coordinates).
        p: as ``Architecture.preprocessing``.

    Returns:
        (inputs, coordinates), or (inputs, steps, coordinates).
    """
    if not p:
        return gradient[None]
    magnitude = gradient.abs()
    large = magnitude >= math.exp(-p)
    first = torch.where(large, magnitude.log() / p, -1.0)
    return torch.stack([first, torch.where(large, gradient.sign(), gradient * math.exp(p))])


class CoordinateLstm(nn.Module):
    """The network m of [L2L] §2.1 with its weights φ.

    Args:
        architecture: what it computes.
        seed: decides the initial weights: uniform in ±1/√hidden, as torch's are; the output's bias is 0.
    """

    def __init__(self, architecture: Architecture, *, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture
        with torch.device("meta"):  # nothing is drawn from torch's global generator
            lstm = nn.LSTM(architecture.inputs, architecture.hidden, architecture.layers)
            output = nn.Linear(architecture.hidden, 1)
        self.lstm, self.output = lstm.to_empty(device="cpu"), output.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(derive_seed(seed, "learned optimizer"))
        bound = 1 / math.sqrt(architecture.hidden)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-bound, bound, generator=generator)
            self.output.bias.zero_()

    def forward(self, inputs: Tensor, state: State) -> Tensor:
        """Return the updates of a sequence, through which gradients flow to the weights.

        Args:
            inputs: (steps, inputs, coordinates), as ``preprocess`` returns each step's.
            state: the state before the first step, which stays as it is.

        Returns:
            (steps, coordinates).
        """
        before = tuple(each.transpose(1, 2).contiguous() for each in (state.h, state.c))
        hidden, _ = self.lstm(inputs.transpose(1, 2).contiguous(), before)
        updates: Tensor = self.output(hidden).squeeze(-1) * self.architecture.scale
        return updates


class FrozenLstm:
    """The steps of a ``CoordinateLstm`` as its weights are now, without gradients.

    Args:
        lstm: its weights are copied.
        device: where it computes.
    """

    @torch.no_grad()
    def __init__(self, lstm: CoordinateLstm, *, device: torch.device | str = "cpu") -> None:
        self.architecture = lstm.architecture
        self._layers = []
        for layer in range(lstm.architecture.layers):
            inputs, recurrent, bias, other = (
                getattr(lstm.lstm, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            matrix, total = _gates_in_order(torch.cat([inputs, recurrent], 1)), _gates_in_order(bias + other)
            self._layers.append((matrix.to(device), total[:, None].to(device)))
        self._output = (lstm.output.weight.detach() * lstm.architecture.scale).to(device)
        self._bias = (lstm.output.bias.detach() * lstm.architecture.scale).to(device)

    @torch.no_grad()
    def __call__(self, gradient: Tensor, state: State) -> Tensor:
        """Return the updates of one step, and move the state on.

        Args:
            gradient: (coordinates,), in the dtype of the LSTM's weights.
            state: changed in place.

        Returns:
            (coordinates,): what is added to the weights.
        """
        update = torch.empty_like(gradient)
        for piece in pieces(len(gradient), gradient.device):
            part = state.part(piece)
            update[piece] = self._step(gradient[piece], part.h, part.c)
        return update

    def _step(self, gradient: Tensor, h: Tensor, c: Tensor) -> Tensor:
        hidden = self.architecture.hidden
        x = preprocess(gradient, self.architecture.preprocessing)
        for layer, (matrix, bias) in enumerate(self._layers):
            gates = torch.addmm(bias, matrix, torch.cat([x, h[layer]]))  # (4 hidden, coordinates)
            gates[: 3 * hidden].sigmoid_()
            gates[3 * hidden :].tanh_()
            kept, added, shown, candidate = gates.split(hidden)
            x = c[layer].mul_(kept).addcmul_(added, candidate).tanh().mul_(shown)
            h[layer] = x
        return torch.addmm(self._bias[:, None], self._output, x)[0]


def _gates_in_order(rows: Tensor) -> Tensor:
    """Reorder torch's gates (input, forget, cell, output) so that those with a sigmoid come first."""
    added, kept, candidate, shown = rows.chunk(4)
    return torch.cat([kept, added, shown, candidate])
