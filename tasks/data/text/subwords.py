"""Subwords: a vocabulary of parts of words for both languages, learned from the training pairs by byte-pair encoding.

Byte-pair encoding is that of Sennrich et al. 2016, by sentencepiece; the same text gives the same vocabulary.
Vocabularies and encoded sentences are cached under the fingerprint of their text. ``Encoded.fingerprint`` is a hash of
the encoded sentences, so a record that holds it shows whether another version of the library encoded them differently.
"""

from __future__ import annotations

import hashlib
import io
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError, message
from harness.tasks.data import cache
from harness.tasks.data.text.corpora import PairData, Pairs

UNKNOWN, BEGIN, END, PAD = range(4)  # the first ids of every vocabulary
LEARNED_FROM = 1_000_000  # training pairs, at most, that the vocabulary is learned from (**D**)
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Sequences of ids, one after another.

    Attributes:
        ids: the ids of all sequences.
        starts: where each sequence starts, and where the last one ends, (sequences + 1,).
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]]) -> Ragged:
        """Return sequences in this form."""
        ids, starts = array("i"), array("q", [0])  # a list of millions of arrays would take several times the memory
        for sequence in sequences:
            ids.extend(sequence)
            starts.append(len(ids))
        return cls(np.array(ids, np.int32), np.array(starts, np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of ids in each sequence."""
        return np.diff(self.starts)

    def __getitem__(self, place: int) -> NDArray[np.int32]:
        return self.ids[self.starts[place] : self.starts[place + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPairs:
    """Pairs of sentences in subwords; each sentence ends in ``END``."""

    source: Ragged
    target: Ragged


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Encoded:
    """A data set in subwords, with its vocabulary.

    Attributes:
        size: subwords in the vocabulary, the special ones included.
        fingerprint: a hash of all encoded sentences.
        model: the vocabulary, as sentencepiece saves it.
        train: the training pairs.
        validation: the validation pairs.
        test: the test pairs.
    """

    size: int
    fingerprint: str
    model: bytes
    train: EncodedPairs
    validation: EncodedPairs
    test: EncodedPairs

    def decoder(self) -> Callable[[Sequence[int]], str]:
        """Return what turns ids back into text."""
        from sentencepiece import SentencePieceProcessor

        processor = SentencePieceProcessor(model_proto=self.model)

        def decode(ids: Sequence[int]) -> str:
            text: str = processor.decode([int(each) for each in ids])
            return text

        return decode


def encoded(data: PairData, size: int, announce: Callable[[str], None] = lambda _: None) -> Encoded:
    """Return a data set in at most so many subwords, from the cache if it is there.

    Args:
        data: the pairs.
        size: of the vocabulary; a small text has fewer subwords.
        announce: called with one line for the user.

    Raises:
        DataError: no vocabulary can be learned from the text.
    """

    def arrays() -> cache.Arrays:
        from sentencepiece import SentencePieceProcessor

        model = _learn(data, size)
        processor = SentencePieceProcessor(model_proto=model)
        made: dict[str, NDArray[Any]] = {"model": np.frombuffer(model, np.uint8)}
        digest = hashlib.blake2b(digest_size=8)
        for part in PARTS:
            pairs: Pairs = getattr(data, part)
            for side, sentences in zip(("source", "target"), _sides(pairs), strict=True):
                rows = Ragged.of([*processor.encode(sentence), END] for sentence in sentences)
                made[f"{part} {side}"], made[f"{part} {side} starts"] = rows.ids, rows.starts
                digest.update(rows.ids.tobytes() + rows.starts.tobytes())
        return made | {"size": np.array(processor.get_piece_size()), "fingerprint": np.array(digest.hexdigest())}

    signature = f"{data.fingerprint} {size} {LEARNED_FROM} {version('sentencepiece')}"
    found = cache.kept(f"{data.name}-subwords", signature, arrays, announce)

    def part(name: str) -> EncodedPairs:
        source, target = (
            Ragged(found[f"{name} {side}"], found[f"{name} {side} starts"]) for side in ("source", "target")
        )
        return EncodedPairs(source, target)

    return Encoded(
        size=int(found["size"]),
        fingerprint=str(found["fingerprint"]),
        model=found["model"].tobytes(),
        train=part("train"),
        validation=part("validation"),
        test=part("test"),
    )


def _sides(pairs: Pairs) -> Iterator[Iterator[str]]:
    yield (source for source, _ in pairs)
    yield (target for _, target in pairs)


def _learn(data: PairData, size: int) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(side for pair in islice(data.train, LEARNED_FROM) for side in pair),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            unk_id=UNKNOWN,
            bos_id=BEGIN,
            eos_id=END,
            pad_id=PAD,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as cause:
        got, hint = (
            str(cause).rpartition("] ")[2] or cause,
            "Choose another data set, or a protocol with another vocabulary",
        )
        what = f"subwords of {data.name}"
        raise DataError(message(what, expected=f"text for {size:,} of them", got=got, hint=hint)) from cause
    return model.getvalue()
