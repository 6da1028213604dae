"""The cell ``lstm``: one layer (Hochreiter and Schmidhuber 1997), which also controls the memory of a ``dnc``."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LstmState:
    """The state of an LSTM for some functions: h and c, each (count, hidden)."""

    h: Tensor
    c: Tensor


class LstmCell(nn.Module):
    """One step of an LSTM. Its weights are not set: a ``Network`` draws them.

    Args:
        inputs: numbers that it reads.
        hidden: its units.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.outputs = hidden
        with torch.device("meta"):  # nothing is drawn from torch's global generator
            cell = nn.LSTMCell(inputs, hidden)
        self.cell = cell.to_empty(device="cpu")

    def start(self, count: int, *, device: torch.device | str, dtype: torch.dtype) -> LstmState:
        """Return the state before the first step: zeros."""
        zeros = torch.zeros(count, self.outputs, device=device, dtype=dtype)
        return LstmState(zeros, zeros.clone())

    def forward(self, inputs: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        """Return h (count, hidden) and the next state, for inputs (count, inputs)."""
        h, c = self.cell(inputs, (state.h, state.c))
        return h, LstmState(h, c)

    @torch.no_grad()
    def bias_towards_memory(self) -> None:
        """Let the forget gate begin at σ(1), as Jozefowicz et al. 2015 advise, since the gain may come 100 steps on."""
        forget = slice(self.outputs, 2 * self.outputs)
        self.cell.bias_ih[forget] = 1.0
        self.cell.bias_hh[forget] = 0.0
