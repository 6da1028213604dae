"""The policy over rules: a single-layer LSTM that picks one token after another ([NOS] §3.2, protocol §4).

Position t has its own softmax weights and its own embedding of the pick before it; the recurrent weights are shared. A
choice that the space forbids has a logit of −∞, so it has probability 0 and no gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from harness.seeds import derive_seed
from harness.space.draws import IDENTITY
from harness.space.grammar import SLOTS, Space

DTYPE = torch.float64  # so that rounding on another processor does not change a pick; no slower at these sizes
LEAST_UNIFORM = 1e-300  # keeps log(−log u) finite where a uniform draw is exactly 0


@dataclass(frozen=True, slots=True)
class Reading:
    """The policy's probabilities for given picks, under teacher forcing.

    Attributes:
        logs: log-probability of every choice at every step, 0 where it is illegal or does not exist, shape
            ``(batch, positions, choices)``.
        chances: the probabilities, likewise 0 where illegal, same shape.
        states: the LSTM's outputs, each before the pick of its step is known, shape ``(batch, positions, hidden)``.
        steps: log-probability of the pick at every step, shape ``(batch, positions)``.
        log_probability: log-probability of the picks, shape ``(batch,)``.
        entropy: entropy of the steps' distributions along the picks, summed over the steps, in nats, shape
            ``(batch,)``.
    """

    logs: Tensor
    chances: Tensor
    states: Tensor
    steps: Tensor
    log_probability: Tensor
    entropy: Tensor

    def detached(self) -> Reading:
        """Return the same numbers as constants."""
        return Reading(*(getattr(self, field.name).detach() for field in fields(self)))


class Controller:
    """A distribution over the rules of a space; every rule has a probability above 0.

    Rules are flat integer picks, as ``Space.encode`` numbers them: ``(batch, positions)``, int64.

    Args:
        space: the space whose rules it writes.
        seed: decides its first weights and its samples.
        hidden: units of the LSTM, and size of the embeddings.
        scale: weights start uniform in (−scale, scale), including biases and the first step's input (**D**).
        plain: initial probability, beyond the uniform share of ``id``, that a unary function is left out (**D**); it
            raises the bias of ``id``.
    """

    def __init__(self, space: Space, *, seed: int, hidden: int = 150, scale: float = 0.08, plain: float = 0.0) -> None:
        self.positions = space.positions
        self.choices = max(len(space.choices(position)) for position in range(space.positions))
        self.legal = torch.from_numpy(legality(space))
        self._draws = torch.Generator().manual_seed(derive_seed(seed, "rl", "samples"))
        self._steps = torch.arange(self.positions)
        weights = torch.Generator().manual_seed(derive_seed(seed, "rl", "weights"))

        def uniform(*shape: int) -> Tensor:
            drawn = torch.rand(*shape, generator=weights, dtype=DTYPE)
            return drawn.mul_(2 * scale).sub_(scale).requires_grad_()

        self.hidden = hidden
        self.embeddings = uniform(self.positions * self.choices, hidden)  # a row for each (position, pick before it)
        self.from_input = uniform(hidden, 4 * hidden)
        self.from_state = uniform(hidden, 4 * hidden)
        self.gate_bias = uniform(4 * hidden)
        self.softmax = uniform(self.positions, hidden, self.choices)
        self.softmax_bias = uniform(self.positions, self.choices)
        if plain > 0.0 and IDENTITY in space.unary and len(space.unary) > 1:
            count, place = len(space.unary), space.unary.index(IDENTITY)
            share = plain + (1.0 - plain) / count
            unary = [position for position in range(self.positions) if SLOTS[position % len(SLOTS)] in ("u1", "u2")]
            with torch.no_grad():
                self.softmax_bias[unary, place] += math.log(share / (1.0 - share) * (count - 1))

    @property
    def parameters(self) -> list[Tensor]:
        """Return everything that is learnt, always in the same order."""
        parts = (self.embeddings, self.from_input, self.from_state, self.gate_bias, self.softmax, self.softmax_bias)
        return list(parts)

    @torch.no_grad()
    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw ``count`` rules independently.

        Returns:
            The picks ``(count, positions)`` and their log-probabilities ``(count,)``.
        """
        uniform = torch.rand(count, self.positions, self.choices, generator=self._draws, dtype=DTYPE)
        gumbel = -torch.log(-torch.log(uniform.clamp_(min=LEAST_UNIFORM)))
        picks = torch.zeros(count, self.positions, dtype=torch.int64)
        log_probability = torch.zeros(count, dtype=DTYPE)
        previous = torch.zeros(count, dtype=torch.int64)
        state = self._start(count)
        for step in range(self.positions):
            gates = torch.addmm(self.gate_bias, self.embeddings[step * self.choices + previous], self.from_input)
            state = self._cell(gates, state)
            logits = torch.addmm(self.softmax_bias[step], state[0], self.softmax[step])
            logs = logits.masked_fill_(~self.legal[step, previous], -math.inf).log_softmax(1)
            previous = (logs + gumbel[:, step]).argmax(1)  # the Gumbel trick: argmax(log p + G) is distributed as p
            log_probability += logs.gather(1, previous[:, None])[:, 0]
            picks[:, step] = previous
        return picks, log_probability

    def read(self, picks: Tensor) -> Reading:
        """Return the policy's probabilities for legal picks ``(batch, positions)``; differentiable, even twice."""
        count = len(picks)
        previous = torch.cat([picks.new_zeros(count, 1), picks[:, :-1]], 1)
        inputs = embedding(self._steps * self.choices + previous, self.embeddings)  # (batch, positions, hidden)
        gates = (inputs @ self.from_input + self.gate_bias).unbind(1)
        state, outputs = self._start(count), []
        for step in range(self.positions):
            state = self._cell(gates[step], state)
            outputs.append(state[0])
        states = torch.stack(outputs)  # (positions, batch, hidden)
        logits = torch.bmm(states, self.softmax).transpose(0, 1) + self.softmax_bias
        illegal = ~self.legal[self._steps, previous]  # (batch, positions, choices)
        logs = logits.masked_fill(illegal, -math.inf).log_softmax(2)
        chances = logs.exp()
        logs = logs.masked_fill(illegal, 0.0)
        steps = logs.gather(2, picks[:, :, None])[:, :, 0]
        return Reading(
            logs,
            chances,
            states=states.transpose(0, 1),
            steps=steps,
            log_probability=steps.sum(1),
            entropy=-(chances * logs).sum((1, 2)),
        )

    def _start(self, count: int) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(count, self.hidden, dtype=DTYPE)
        return zeros, zeros

    def _cell(self, gates: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the LSTM's next output and cell state (Hochreiter and Schmidhuber 1997, with forget gates)."""
        output, cell = state
        gates = torch.addmm(gates, output, self.from_state)
        keep, write, show = gates[:, : 3 * self.hidden].sigmoid().chunk(3, 1)
        cell = keep * cell + write * gates[:, 3 * self.hidden :].tanh()
        return show * cell.tanh(), cell


def legality(space: Space) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Tabulate ``space.mask``, which depends on at most one earlier pick.

    Returns:
        Whether a choice may follow a pick, shape ``(positions, choices, choices)``: position, previous pick, choice. At
        position 0, and wherever the previous pick does not matter, all rows are the same.
    """
    words = [space.choices(position) for position in range(space.positions)]
    size = max(map(len, words))
    table = np.zeros((space.positions, size, size), dtype=np.bool_)
    for position, names in enumerate(words):
        number, slot = divmod(position, len(SLOTS))
        place = {name: index for index, name in enumerate(names)}
        if SLOTS[slot] == "op1":
            table[position, :, sorted({place[op1] for op1, _ in space.pairs(number)})] = True
        elif SLOTS[slot] == "op2":
            for op1, op2 in space.pairs(number):
                table[position, place[op1], place[op2]] = True
        elif SLOTS[slot] == "binary":
            table[position, :, [place[name] for name in space.binaries(number)]] = True
        else:
            table[position, :, : len(names)] = True
    return table
