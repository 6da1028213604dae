"""The recurrent network of [L2L-BB] (protocol §9): h_t, x_t = RNN(h_{t−1}, x_{t−1}, y_{t−1}).

::

    network = Network(Architecture(dimensions=2), seed=0)
    state = network.start(1_000)                      # one for each of 1,000 functions
    points, state = network(inputs, state)            # (1000, 2) in (0, 1), at inputs (1000, 3)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.dnc import DncCell, DncState
from harness.searchers.box.learned.lstm import LstmCell, LstmState
from harness.seeds import derive_seed

State = LstmState | DncState
SPREAD = 5.0  # how much larger than torch's the weights of what is read and of the points begin (**D**)


class Network(nn.Module):
    """The network with its weights θ, by which gradients flow to earlier points and to the weights.

    Args:
        architecture: what it computes.
        seed: decides the initial weights: uniform in ±1/√hidden as torch's are, or five times as wide where x and y
            are read and points are written. Else all points would begin near the middle of the box, and a network
            that does not look around gets no gradient that tells it to.
    """

    def __init__(self, architecture: Architecture, *, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        lstm = LstmCell(architecture.inputs, architecture.hidden) if architecture.cell == "lstm" else None
        self.cell: LstmCell | DncCell = lstm or DncCell(architecture)
        with torch.device("meta"):  # nothing is drawn from torch's global generator
            output = nn.Linear(self.cell.outputs, architecture.dimensions)
        self.output = output.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(derive_seed(seed, "box", "rnn", "weights"))
        bound = 1 / math.sqrt(architecture.hidden)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-bound, bound, generator=generator)
            self.output.bias.zero_()
            self.output.weight.mul_(SPREAD)
            reading = self.cell.controller if isinstance(self.cell, DncCell) else self.cell
            reading.cell.weight_ih[:, : architecture.inputs].mul_(SPREAD)
        reading.bias_towards_memory()

    @torch.no_grad()
    def begin_as(self, other: Network) -> None:
        """Take the weights of a network of the same sizes; or of an LSTM, to which a DNC adds a memory not yet read.

        The points are then the other network's, since what a DNC reads begins with the weight 0.

        Args:
            other: a network that reads and writes the same numbers.
        """
        if type(self.cell) is type(other.cell):
            self.load_state_dict(other.state_dict())
            return
        assert isinstance(self.cell, DncCell)
        assert isinstance(other.cell, LstmCell)
        inputs, hidden = self.architecture.inputs, self.architecture.hidden
        ours, theirs = self.cell.controller.cell, other.cell.cell
        for mine, given, width in (
            (ours.weight_ih, theirs.weight_ih, inputs),
            (self.output.weight, other.output.weight, hidden),
        ):
            mine.zero_()
            mine[:, :width] = given
        for mine, given in (
            (ours.weight_hh, theirs.weight_hh),
            (ours.bias_ih, theirs.bias_ih),
            (ours.bias_hh, theirs.bias_hh),
            (self.output.bias, other.output.bias),
        ):
            mine.copy_(given)

    def start(self, count: int, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> State:
        """Return the state before the first step, for ``count`` functions."""
        state: State = self.cell.start(count, device=device, dtype=dtype)
        return state

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the next points and the state after this step; nothing is changed in place.

        Args:
            inputs: (count, dimensions + 1): the last point and its value, zeros at the first step. In the parallel
                form (count, dimensions + 2), and o_t comes first: whether there are a point and its value already.
            state: what ``start`` or the last step returned.

        Returns:
            Points (count, dimensions) in (0, 1), and the new state.
        """
        hidden, state = self.cell(inputs, state)
        points: Tensor = torch.sigmoid(self.output(hidden))
        return points, state
