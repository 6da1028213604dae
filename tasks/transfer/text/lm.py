"""``lm``: a word-level language model on Penn Treebank (protocol §7).

It trains by truncated backpropagation through time. The training text is cut into ``batch_size`` rows, which are read
side by side; each step trains on the next ``window`` words of each row (**D**: 20 and 35, as Zaremba et al. 2014). The
state after a step's last word is the next step's first state; gradients do not flow through it. Each epoch starts from
a state of zeros (**D**). So the order of the words is fixed, and a seed decides weights and dropout alone. Validation
and test text are read in rows and windows of the same size (**D**), where each row's first word is only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Dataset
from harness.errors import ProtocolError, message
from harness.seeds import derive_seed
from harness.tasks.data.text.corpora import UNKNOWN, TokenData, Words
from harness.tasks.transfer.task import WorkloadTask
from harness.tasks.transfer.text.language_model import LanguageModel, State, masks
from harness.tasks.transfer.text.protocols import LanguageProtocol
from harness.tasks.transfer.text.trained import TrainedModule, from_nats


class LanguageTask(WorkloadTask):
    """Train a language model, and score its perplexity."""

    name = "lm"
    version = 1

    def prepare(self) -> Corpus:
        """Return the text as the network reads it."""
        return Corpus(cast(LanguageProtocol, self.protocol), as_tokens(self.data), device=self.device)


def as_tokens(data: Dataset) -> TokenData:
    """Return a data set as running text.

    Raises:
        ProtocolError: it is another kind of data.
    """
    if isinstance(data, TokenData):
        return data
    hint = "Choose another data set with --data"
    raise ProtocolError(message(f"data {data.name!r}", expected="running text", got=type(data).__name__, hint=hint))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that are told apart; all others are ``<unk>``.

    Attributes:
        size: how many there are.
        ids: for each word of the data, its id, (words,).
    """

    size: int
    ids: Words

    @classmethod
    def of(cls, words: tuple[str, ...], text: Words, size: int) -> Vocabulary:
        """Return the most frequent words of a text, ``<unk>`` among them; of equally frequent ones the earlier (**D**).

        Args:
            words: the words of the data.
            text: the training text, as places in ``words``.
            size: how many, ``<unk>`` included; 0 for all words of the text.
        """
        counts = np.bincount(text, minlength=len(words))
        if UNKNOWN in words:
            counts[words.index(UNKNOWN)] = 0
        order = np.argsort(-counts, kind="stable")
        kept = order[: int((counts > 0).sum())][: size - 1 if size else None]
        ids = np.zeros(len(words), np.int32)  # 0 is <unk>
        ids[kept] = np.arange(1, len(kept) + 1)
        return cls(len(kept) + 1, ids)


class Corpus:
    """The text of all three parts in rows of ids; a ``harness.tasks.transfer.workload.Workload``.

    Args:
        protocol: how to score candidates.
        data: the text.
        device: where to train.

    Raises:
        ProtocolError: the data has fewer words than the protocol needs.
    """

    environment: Mapping[str, str]

    def __init__(self, protocol: LanguageProtocol, data: TokenData, *, device: torch.device) -> None:
        self.protocol = protocol
        self.device = device
        train = _part(protocol, data, "train", protocol.train_examples)
        vocabulary = Vocabulary.of(data.words, train, protocol.vocabulary)
        held = [_part(protocol, data, part, protocol.validation_examples) for part in ("validation", "test")]
        self.words = vocabulary.size
        self.train, self.validation, self.test = (self._rows(vocabulary.ids[part]) for part in (train, *held))
        self.steps = (len(self.train) - 1) // protocol.window
        self.examples = self.steps * protocol.window * protocol.batch_size
        self.environment = {"words": str(self.words), "training words": str(self.examples)}

    def _rows(self, ids: Words) -> Tensor:
        """Cut a text into rows that are read side by side, (words of a row, rows); its last words may be left."""
        rows = self.protocol.batch_size
        whole = torch.from_numpy(ids[: len(ids) // rows * rows].astype(np.int64))
        return whole.view(rows, -1).t().contiguous().to(self.device)

    def start(self, seed: int) -> LanguageNetwork:
        """Return a network with the initial weights of a seed."""
        return LanguageNetwork(self, seed=seed)


def _part(protocol: LanguageProtocol, data: TokenData, name: str, count: int) -> Words:
    """Return the first words of a part, all of them if ``count`` is 0."""
    words: Words = getattr(data, name)
    needed = max(count, protocol.batch_size * (protocol.window + 1))
    if len(words) < needed:
        what = f"{name} text of {data.name} for protocol {protocol.name!r}"
        hint = "Choose a smaller protocol or another data set"
        raise ProtocolError(message(what, expected=f"at least {needed:,} words", got=f"{len(words):,}", hint=hint))
    return words[: count or None]


class LanguageNetwork(TrainedModule[LanguageModel]):
    """A language model in training; a ``harness.tasks.transfer.workload.Network``.

    Args:
        corpus: what to train and score on.
        seed: the child's seed.
    """

    def __init__(self, corpus: Corpus, *, seed: int) -> None:
        protocol = corpus.protocol
        super().__init__(
            lambda: LanguageModel(words=corpus.words, width=protocol.width, layers=protocol.layers),
            protocol,
            seed=seed,
            device=corpus.device,
        )
        self._corpus = corpus
        self._seed = seed

    def losses(self, epoch: int) -> Iterator[float]:
        """Train an epoch: yield the loss of each window, the sum over its words averaged over the rows."""
        state: State | None = None
        for step in range(self._corpus.steps):
            logits, after = self.model(self._inputs(self._corpus.train, step), state, self._masks(epoch, step))
            targets = self._targets(self._corpus.train, step)
            yield self.descend(cross_entropy(logits, targets, reduction="sum") / self._corpus.protocol.batch_size)
            state = [(output.detach(), cell.detach()) for output, cell in after]

    def _inputs(self, rows: Tensor, step: int) -> Tensor:
        window = self._corpus.protocol.window
        return rows[:-1][step * window : (step + 1) * window]

    def _targets(self, rows: Tensor, step: int) -> Tensor:
        window = self._corpus.protocol.window
        return rows[1:][step * window : (step + 1) * window].flatten()

    def _masks(self, epoch: int, step: int) -> list[Tensor]:
        protocol = self._corpus.protocol
        if not protocol.dropout:
            return []
        drawn = masks(
            derive_seed(self._seed, "dropout", epoch, step),
            count=protocol.layers + 1,
            rows=protocol.batch_size,
            width=protocol.width,
            dropout=protocol.dropout,
        )
        return [mask.to(self._corpus.device) for mask in drawn]

    def score(self) -> float:
        """Return 1/perplexity of the validation text."""
        return self._scored(self._corpus.validation)

    def test(self) -> float:
        """Return 1/perplexity of the test text."""
        return self._scored(self._corpus.test)

    @torch.inference_mode()
    def _scored(self, rows: Tensor) -> float:
        state: State | None = None
        total = torch.zeros((), dtype=torch.float64)
        targets = rows[1:]
        for step in range(-(-len(targets) // self._corpus.protocol.window)):
            logits, state = self.model(self._inputs(rows, step), state)
            total += cross_entropy(logits, self._targets(rows, step), reduction="sum").double().cpu()
        return from_nats(total.item(), targets.numel())

    def figures(self) -> Mapping[str, float]:
        """Return nothing: perplexity is the only figure."""
        return {}
