"""``nmt``: translation by GNMT on pairs of sentences (protocol §7), from English to German on WMT14 or Multi30k.

Perplexity is that of the target subwords, the end of each sentence included; BLEU of the translations of some test
sentences is reported beside it. A loss is the sum over the subwords of a sentence, averaged over the batch (**D**).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from typing import cast

import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from harness.contracts import Dataset
from harness.errors import ProtocolError, RegistryError, message
from harness.seeds import derive_seed
from harness.tasks.data.text.corpora import PairData
from harness.tasks.data.text.subwords import PAD, EncodedPairs, encoded
from harness.tasks.transfer.task import WorkloadTask
from harness.tasks.transfer.text.batches import Batch, Places, by_length, chosen, filling, shuffled
from harness.tasks.transfer.text.bleu import bleu, greedy
from harness.tasks.transfer.text.protocols import TranslationProtocol
from harness.tasks.transfer.text.trained import TrainedModule, from_nats
from harness.tasks.transfer.text.translator import Translator

SCORING_WORDS = 1_800  # subwords to read that are scored at once
LIBRARIES = {"sentencepiece": "which learns its subwords", "sacrebleu": "which computes its BLEU"}


class TranslationTask(WorkloadTask):
    """Train a translator, and score its perplexity."""

    name = "nmt"
    version = 1

    def prepare(self) -> Sentences:
        """Return the pairs as the network reads them."""
        protocol = cast(TranslationProtocol, self.protocol)
        return Sentences(protocol, as_pairs(self.data), device=self.device)


def as_pairs(data: Dataset) -> PairData:
    """Return a data set as pairs of sentences.

    Raises:
        ProtocolError: it is another kind of data.
    """
    if isinstance(data, PairData):
        return data
    hint = "Choose another data set with --data"
    raise ProtocolError(message(f"data {data.name!r}", expected="parallel text", got=type(data).__name__, hint=hint))


class Sentences:
    """The pairs of all three parts in subwords; a ``harness.tasks.transfer.workload.Workload``.

    Args:
        protocol: how to score candidates.
        data: the pairs.
        device: where to train.

    Raises:
        ProtocolError: the data has fewer pairs than the protocol needs.
        DataError: no vocabulary can be learned from the text.
        RegistryError: a library is missing.
    """

    environment: Mapping[str, str]

    def __init__(self, protocol: TranslationProtocol, data: PairData, *, device: torch.device) -> None:
        _check_libraries()
        self.protocol = protocol
        self.device = device
        self.text = encoded(data, protocol.vocabulary)
        size, wanted = protocol.batch_size, protocol.train_examples // protocol.batch_size
        short = chosen(self.text.train, longest=protocol.longest)
        self.groups = filling(self.text.train, short, size=size, batches=wanted)
        self.steps = sum(map(len, self.groups)) // size
        if self.steps < max(wanted, 1):
            _refuse(protocol, data, "training", protocol.longest, max(wanted, 1) * size, self.steps * size)
        self.examples = self.steps * size
        self.validation, self.test = (self._held(data, part) for part in ("validation", "test"))
        self.references = [target for _, target in islice(data.test, int(self.test.max()) + 1)]
        self.environment = {
            "sentencepiece": version("sentencepiece"),
            "subwords": f"{self.text.size}, {self.text.fingerprint}",
            "training pairs": str(self.examples),
        }

    def _held(self, data: PairData, part: str) -> Places:
        protocol = self.protocol
        found = chosen(getattr(self.text, part), longest=protocol.longest_scored, count=protocol.validation_examples)
        if len(found) < max(protocol.validation_examples, 1):
            _refuse(protocol, data, part, protocol.longest_scored, max(protocol.validation_examples, 1), len(found))
        return found

    def start(self, seed: int) -> TranslationNetwork:
        """Return a network with the initial weights of a seed."""
        return TranslationNetwork(self, seed=seed)


def _check_libraries() -> None:
    """Raise unless the libraries of the extra ``transfer`` are installed, rather than after a training of hours."""
    for name, purpose in LIBRARIES.items():
        if find_spec(name) is None:
            hint = "Install it with pip install -e '.[transfer]' where the harness was checked out"
            raise RegistryError(message("task 'nmt'", expected=f"{name}, {purpose}", got="none", hint=hint))


def _refuse(protocol: TranslationProtocol, data: PairData, part: str, longest: int, needed: int, got: int) -> None:
    limit = f" of at most {longest} subwords" if longest else ""
    what = f"{part} pairs of {data.name} for protocol {protocol.name!r}"
    hint = "Choose a smaller protocol or another data set"
    raise ProtocolError(message(what, expected=f"at least {needed:,}{limit}", got=f"{got:,}", hint=hint))


class TranslationNetwork(TrainedModule[Translator]):
    """A translator in training; a ``harness.tasks.transfer.workload.Network``.

    Args:
        sentences: what to train and score on.
        seed: the child's seed.
    """

    def __init__(self, sentences: Sentences, *, seed: int) -> None:
        protocol = sentences.protocol

        def translator() -> Translator:
            return Translator(
                words=sentences.text.size, width=protocol.width, layers=protocol.layers, dropout=protocol.dropout
            )

        super().__init__(translator, protocol, seed=seed, device=sentences.device)
        self.model.embedding.weight.detach().mul_(protocol.embedding_spread / protocol.spread)
        self._sentences = sentences
        self._seed = seed

    def losses(self, epoch: int) -> Iterator[float]:
        """Train an epoch: yield the loss of each batch, the sum over subwords averaged over the pairs."""
        sentences, seed = self._sentences, derive_seed(self._seed, "batches", epoch)
        batches = shuffled(sentences.groups, size=sentences.protocol.batch_size, seed=seed)
        for step, places in enumerate(batches):
            batch = Batch.of(sentences.text.train, places, sentences.device)
            generator = Generator().manual_seed(derive_seed(self._seed, "dropout", epoch, step))
            logits, _ = self.model.decode(batch.inputs, self.model.encode(batch.source, generator), None, generator)
            yield self.descend(_nats(logits, batch) / len(places))

    def score(self) -> float:
        """Return 1/perplexity of the validation pairs."""
        return self._scored(self._sentences.text.validation, self._sentences.validation)

    def test(self) -> float:
        """Return 1/perplexity of the test pairs."""
        return self._scored(self._sentences.text.test, self._sentences.test)

    @torch.inference_mode()
    def _scored(self, pairs: EncodedPairs, places: Places) -> float:
        total = torch.zeros((), dtype=torch.float64)
        words = 0
        for group in by_length(pairs, places, words=SCORING_WORDS):
            batch = Batch.of(pairs, group, self._sentences.device)
            logits, _ = self.model.decode(batch.inputs, self.model.encode(batch.source))
            total += _nats(logits, batch).double().cpu()
            words += int((batch.targets != PAD).sum())
        return from_nats(total.item(), words)

    def figures(self) -> Mapping[str, float]:
        """Return the BLEU of greedy translations of the first test sentences."""
        sentences = self._sentences
        pairs, decode = sentences.text.test, sentences.text.decoder()
        translations, references = [], []
        for group in by_length(pairs, sentences.test[: sentences.protocol.translated], words=SCORING_WORDS):
            source = Batch.of(pairs, group, sentences.device).source
            translations += [decode(ids) for ids in greedy(self.model, source)]
            references += [sentences.references[place] for place in group]
        return {"BLEU": bleu(translations, references)}


def _nats(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the sum of the negative log-likelihoods of a batch's targets, padding left out."""
    return cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=PAD, reduction="sum")
