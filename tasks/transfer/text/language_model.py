"""The network of ``lm``: LSTM layers between an embedding and its transpose."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import LSTM, Embedding, Module, ModuleList, Parameter
from torch.nn.functional import linear

State = list[tuple[Tensor, Tensor]]
"""Of each layer, the output and the cell after the last word, (1, rows, width)."""


class LanguageModel(Module):
    """A word-level language model whose output weights are its embedding (Press and Wolf 2017).

    Args:
        words: in the vocabulary.
        width: entries of an embedding, and units of each layer.
        layers: number of LSTM layers.
    """

    def __init__(self, *, words: int, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = Embedding(words, width)
        self.layers = ModuleList(LSTM(width, width) for _ in range(layers))
        self.bias = Parameter(torch.empty(words))

    def forward(self, inputs: Tensor, state: State | None, masks: Sequence[Tensor] = ()) -> tuple[Tensor, State]:
        """Return what the model expects after each word, and its state after the last one.

        Args:
            inputs: (words, rows), int64.
            state: the state before the first word; None for zeros.
            masks: factors of the first layer's inputs and of each layer's outputs, (1, rows, width) each, which
                variational dropout uses for all words alike (Gal and Ghahramani 2016); empty for none.

        Returns:
            Logits (words · rows, words in the vocabulary), and the state.
        """
        hidden = self.embedding(inputs)
        if masks:
            hidden = hidden * masks[0]
        after: State = []
        for place, layer in enumerate(self.layers):
            hidden, last = layer(hidden, None if state is None else state[place])
            after.append(last)
            if masks:
                hidden = hidden * masks[place + 1]
        return linear(hidden.flatten(0, 1), self.embedding.weight, self.bias), after


def masks(seed: int, *, count: int, rows: int, width: int, dropout: float) -> list[Tensor]:
    """Return masks of variational dropout, (1, rows, width) each: 0 with probability ``dropout``, else 1/(1 − dropout).

    They are drawn on the processor, so that they are the same on every device.
    """
    drawn = torch.empty(count, 1, rows, width)
    drawn.bernoulli_(1 - dropout, generator=Generator().manual_seed(seed)).div_(1 - dropout)
    return list(drawn.unbind(0))
