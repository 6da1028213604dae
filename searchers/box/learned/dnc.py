"""The cell ``dnc``: a differentiable neural computer, an LSTM with a memory that it writes and reads.

The equations are those of Graves et al. 2016 (Hybrid computing using a neural network with dynamic external memory),
Methods, and are named as there. The memory has N slots of W numbers, R heads read and one writes. Many small operations
make up a step, so they are grouped: a step costs some 55 kernel launches, and never waits for the device.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.lstm import LstmCell, LstmState

EPSILON = 1e-6  # added to squared lengths and to usage, whose gradients are infinite at 0 (**D**)


@dataclass(frozen=True, slots=True)
class DncState:
    """The state of a DNC for some functions.

    Attributes:
        h: of the controller, (count, hidden).
        c: of the controller, (count, hidden).
        memory: M, (count, N, W).
        directions: M with each slot scaled to length 1, which two steps need.
        usage: u, (count, N).
        written: the write weighting, (count, N).
        precedence: p, how far each slot was the last one written, (count, N).
        links: L, (count, N, N): L[i, j] tells how far slot i was written right after slot j.
        read: the read weightings, (count, R, N).
        words: what the heads have read, (count, R·W).
    """

    h: Tensor
    c: Tensor
    memory: Tensor
    directions: Tensor
    usage: Tensor
    written: Tensor
    precedence: Tensor
    links: Tensor
    read: Tensor
    words: Tensor


@dataclass(frozen=True, slots=True)
class _Interface:
    """The interface vector ξ, squashed: how the controller uses its memory at one step."""

    keys: Tensor  # of the reads and the write, times their strengths: (count, R + 1, W)
    erase: Tensor  # (count, 1, W)
    vector: Tensor  # what is written, (count, 1, W)
    free: Tensor  # (count, R, 1)
    allocate: Tensor  # g^a, (count, 1)
    write: Tensor  # g^w, (count, 1)
    modes: Tensor  # backward, content, forward: (count, R, 3)


class DncCell(nn.Module):
    """One step of a DNC. Its weights are not set: a ``Network`` draws them.

    Args:
        architecture: its sizes.
    """

    off_diagonal: Tensor
    earlier: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.slots, self.width, self.heads = architecture.slots, architecture.width, architecture.heads
        self.outputs = architecture.hidden + self.heads * self.width
        self.controller = LstmCell(architecture.inputs + self.heads * self.width, architecture.hidden)
        read, width = self.heads, self.width
        # In an order in which what is squashed alike lies side by side.
        self._parts = [(read + 1) * width, read + 1, width, width + read + 2, 3 * read]
        with torch.device("meta"):  # nothing is drawn from torch's global generator
            interface = nn.Linear(architecture.hidden, sum(self._parts))
        self.interface = interface.to_empty(device="cpu")
        ones = torch.ones(self.slots, self.slots)
        self.register_buffer("off_diagonal", ones - torch.eye(self.slots), persistent=False)
        self.register_buffer("earlier", ones.tril(-1).bool(), persistent=False)

    def start(self, count: int, *, device: torch.device | str, dtype: torch.dtype) -> DncState:
        """Return the state before the first step: zeros."""
        slots, width, heads = self.slots, self.width, self.heads
        shapes: list[tuple[int, ...]] = [(slots, width)] * 2 + [(slots,)] * 3
        shapes += [(slots, slots), (heads, slots), (heads * width,)]
        controller = self.controller.start(count, device=device, dtype=dtype)
        zeros = (torch.zeros(count, *shape, device=device, dtype=dtype) for shape in shapes)
        return DncState(controller.h, controller.c, *zeros)

    def forward(self, inputs: Tensor, state: DncState) -> tuple[Tensor, DncState]:
        """Return h and the words that are read, (count, hidden + R·W), and the next state."""
        before = LstmState(state.h, state.c)
        h, controller = self.controller(torch.cat([inputs, state.words], 1), before)
        interface = self._interface(self.interface(h))

        usage = self._usage(interface.free, state)
        written = self._write_weighting(interface, state, usage)
        memory = state.memory + written[:, :, None] * torch.addcmul(
            interface.vector, interface.erase, state.memory, value=-1
        )
        directions = _scaled(memory)
        links, precedence = self._link(written, state)

        content = torch.bmm(interface.keys[:, :-1], directions.mT).softmax(-1)
        following, preceding = torch.bmm(state.read, links.mT), torch.bmm(state.read, links)  # f and b
        backward, similar, forward = interface.modes.split(1, 2)
        read = (backward * preceding).addcmul(similar, content).addcmul(forward, following)
        words = torch.bmm(read, memory).flatten(1)
        now = DncState(controller.h, controller.c, memory, directions, usage, written, precedence, links, read, words)
        return torch.cat([h, words], 1), now

    def _interface(self, numbers: Tensor) -> _Interface:
        keys, strengths, vector, gates, modes = numbers.split(self._parts, 1)
        strengths = (1 + softplus(strengths))[:, :, None]  # oneplus
        erase, free, allocate, write = gates.sigmoid().split([self.width, self.heads, 1, 1], 1)
        return _Interface(
            keys=_scaled(keys.unflatten(1, (self.heads + 1, self.width))) * strengths,
            erase=erase[:, None],
            vector=vector[:, None],
            free=free[:, :, None],
            allocate=allocate,
            write=write,
            modes=modes.unflatten(1, (self.heads, 3)).softmax(-1),
        )

    def _usage(self, free: Tensor, state: DncState) -> Tensor:
        """Return u: slots become used as they are written, and free as heads that read them let go."""
        retention = functools.reduce(torch.mul, (1 - free * state.read).unbind(1))  # ψ; prod would wait for the device
        return torch.addcmul(state.usage, state.written, 1 - state.usage) * retention

    def _write_weighting(self, interface: _Interface, state: DncState, usage: Tensor) -> Tensor:
        content = torch.bmm(state.directions, interface.keys[:, -1:].mT).squeeze(-1).softmax(-1)
        allocation = self._allocation(usage)
        return interface.write * torch.lerp(content, allocation, interface.allocate)

    def _allocation(self, usage: Tensor) -> Tensor:
        """Return a: the least used slot first, a[φ_j] = (1 − u[φ_j]) Π_{i<j} u[φ_i], where φ sorts u.

        Each product is taken as a sum of logarithms over the slots that come before, which needs no sorting.
        """
        row, column = usage[:, :, None], usage[:, None, :]
        before = torch.where(self.earlier, column <= row, column < row)  # of equal ones, the first comes first
        products = torch.where(before, (column + EPSILON).log(), 0.0).sum(-1).exp()
        return (1 - usage) * products

    def _link(self, written: Tensor, state: DncState) -> tuple[Tensor, Tensor]:
        """Return L and p after a write."""
        row, column = written[:, :, None], written[:, None, :]
        kept = torch.addcmul(state.links, row + column, state.links, value=-1)
        links = torch.addcmul(kept, row * state.precedence[:, None, :], self.off_diagonal)
        share = written.sum(-1, keepdim=True)
        return links, torch.addcmul(state.precedence + written, share, state.precedence, value=-1)


def _scaled(words: Tensor) -> Tensor:
    """Return words, (…, W), scaled to length 1, so that their products are cosines."""
    return words * torch.rsqrt((words * words).sum(-1, keepdim=True) + EPSILON)
