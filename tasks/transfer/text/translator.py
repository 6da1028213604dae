"""The network of ``nmt``: GNMT (Wu et al. 2016), an LSTM encoder and an LSTM decoder with attention.

**D**, where [NOS] is silent or the paper's network is slow on a processor:

- The query of attention is the first decoder layer's output at the same word, and the context goes to the layers above
  it, as in MLPerf's GNMT; so a whole sentence is decoded at once in training.
- Residual connections surround every layer whose input, without the context, is as wide as its output: in the encoder
  from the third layer on, as in the paper, and in the decoder from the second on.
- Both languages share one vocabulary and its embedding.
- Every batch holds sources of one length (``harness.tasks.transfer.text.batches``), so neither encoder nor attention
  meets padding.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import LSTM, Embedding, Linear, Module, ModuleList

State = list[tuple[Tensor, Tensor] | None]
"""Of each decoder layer, the output and the cell after the last word; None for zeros."""


class Attention(Module):
    """Attention by a network with one hidden layer (Bahdanau et al. 2015).

    Args:
        width: entries of a query, of a memory, and of the hidden layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_query = Linear(width, width, bias=False)
        self.of_memory = Linear(width, width)
        self.weight = Linear(width, 1, bias=False)

    def forward(self, queries: Tensor, memory: Tensor, keys: Tensor) -> Tensor:
        """Return for each query the mean of the memory, weighted by how well it fits.

        Args:
            queries: (target words, batch, width).
            memory: outputs of the encoder, (source words, batch, width).
            keys: ``of_memory`` of them, which does not depend on the query.

        Returns:
            Contexts (target words, batch, width).
        """
        hidden = torch.tanh(self.of_query(queries).unsqueeze(1) + keys)  # (target words, source words, batch, width)
        weights = self.weight(hidden).squeeze(-1).softmax(1)  # (target words, source words, batch)
        return torch.einsum("tsb,sbw->tbw", weights, memory)


class Translator(Module):
    """An encoder-decoder network.

    Args:
        words: subwords in the vocabulary of both languages.
        width: entries of an embedding, and units of each layer and direction.
        layers: LSTM layers of the encoder, and of the decoder; at least 2.
        dropout: the share of the entries of every layer's input that training sets to zero.
    """

    def __init__(self, *, words: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = Embedding(words, width)
        self.both_ways = LSTM(width, width, bidirectional=True)
        self.encoder = ModuleList(LSTM(width if layer else 2 * width, width) for layer in range(layers - 1))
        self.first = LSTM(width, width)
        self.attention = Attention(width)
        self.decoder = ModuleList(LSTM(2 * width, width) for _ in range(layers - 1))
        self.output = Linear(width, words)
        self._dropout = dropout

    def encode(self, source: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Read sentences.

        Args:
            source: ids (source words, batch), without padding.
            generator: draws dropout; None for no dropout.

        Returns:
            Memory and keys of the attention, (source words, batch, width) each.
        """
        hidden = self.both_ways(self._dropped(self.embedding(source), generator))[0]
        for layer in self.encoder:
            found = layer(self._dropped(hidden, generator))[0]
            hidden = found + hidden if hidden.shape == found.shape else found
        return hidden, self.attention.of_memory(hidden)

    def decode(
        self,
        target: Tensor,
        encoded: tuple[Tensor, Tensor],
        state: State | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Return what the network expects after each word of the translations, and its state after the last one.

        Args:
            target: ids (target words, batch), beginning with the mark of a beginning.
            encoded: what ``encode`` returned.
            state: the state before the first word; None for zeros.
            generator: draws dropout; None for no dropout.

        Returns:
            Logits (target words, batch, words in the vocabulary), and the state.
        """
        before: State = [None] * (1 + len(self.decoder)) if state is None else state
        hidden, last = self.first(self._dropped(self.embedding(target), generator), before[0])
        after: State = [last]
        context = self.attention(hidden, *encoded)
        for place, layer in enumerate(self.decoder):
            inputs = self._dropped(torch.cat([hidden, context], -1), generator)
            found, last = layer(inputs, before[place + 1])
            after.append(last)
            hidden = hidden + found
        return self.output(hidden), after

    def _dropped(self, hidden: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None or not self._dropout:
            return hidden
        kept = torch.empty(hidden.shape).bernoulli_(1 - self._dropout, generator=generator).div_(1 - self._dropout)
        return hidden * kept.to(hidden.device)
