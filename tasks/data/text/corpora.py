"""Text in memory, which the loaders return and the workloads read: words in a row, and pairs of sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

END = "<eos>"  # the word at the end of each line
UNKNOWN = "<unk>"

Words = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TokenData:
    """A running text in three parts, as places in its list of words; a ``Dataset`` of the kind ``tokens``.

    Attributes:
        name: the registry name by which it was loaded.
        fingerprint: a hash of the words of all parts, in order.
        words: the distinct words in the order of their first appearance, training text first.
        train: (tokens,), int32, places in ``words``.
        validation: the same of the validation text.
        test: the same of the test text, which no search ever reads.
        source: where it came from, for people.
    """

    name: str
    fingerprint: str
    words: tuple[str, ...]
    train: Words
    validation: Words
    test: Words
    source: str

    @classmethod
    def of(cls, name: str, parts: Iterable[bytes], *, source: str) -> Self:
        """Return the data set of three texts, in lines of words that blanks separate; each line ends in ``END``."""
        places: dict[str, int] = {}
        digest, arrays = hashlib.blake2b(digest_size=16), []
        for part in parts:
            words = part.decode().replace("\n", f" {END} ").split()
            digest.update(b"%d " % len(words) + " ".join(words).encode())
            arrays.append(np.array([places.setdefault(word, len(places)) for word in words], np.int32))
        train, validation, test = arrays
        return cls(
            name=name,
            fingerprint=digest.hexdigest(),
            words=tuple(places),
            train=train,
            validation=validation,
            test=test,
            source=source,
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    r"""Sentences in two languages, in UTF-8: line n of one translates line n of the other; every line ends in ``\n``.

    Attributes:
        source: the sentences to translate.
        target: their translations.
    """

    source: bytes
    target: bytes

    def __len__(self) -> int:
        return self.source.count(b"\n")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield the pairs in order, without those that have an empty side, which teach nothing (**D**)."""
        for source, target in zip(_lines(self.source), _lines(self.target), strict=True):
            if source and target:
                yield source, target


def _lines(text: bytes) -> Iterator[str]:
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        yield text[start:end].decode().strip()
        start = end + 1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairData:
    """Pairs of sentences in three parts; a ``Dataset`` of the kind ``pairs``.

    Attributes:
        name: the registry name by which it was loaded.
        fingerprint: a hash of all sentences, in order.
        train: the training pairs.
        validation: the validation pairs.
        test: the test pairs, which no search ever reads.
        source: where they came from, for people.
    """

    name: str
    fingerprint: str
    train: Pairs
    validation: Pairs
    test: Pairs
    source: str

    @classmethod
    def of(cls, name: str, *, train: Pairs, validation: Pairs, test: Pairs, source: str) -> Self:
        """Return the data set of three parts, with its fingerprint."""
        digest = hashlib.blake2b(digest_size=16)
        for text in (side for part in (train, validation, test) for side in (part.source, part.target)):
            digest.update(b"%d " % len(text))
            digest.update(text)
        return cls(
            name=name, fingerprint=digest.hexdigest(), train=train, validation=validation, test=test, source=source
        )
