"""Random choices and made-up words for generated texts: integers alone, so the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from harness.seeds import derive_seed

BUFFER = 4096  # numbers drawn at once
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "br", "kl", "tr")
NUCLEI = ("a", "e", "i", "o", "u", "ai", "ou")

Chosen = TypeVar("Chosen")


class Dice:
    """Random integers, one at a time, from raw PCG64 output, which NumPy never changes.

    Args:
        root: the root seed.
        stream: the stream's name.
    """

    def __init__(self, root: int, stream: str) -> None:
        self._bits = np.random.PCG64(derive_seed(root, stream))
        self._left: list[int] = []

    def below(self, bound: int) -> int:
        """Draw a uniform integer in [0, bound)."""
        if not self._left:
            self._left = (np.asarray(self._bits.random_raw(BUFFER), np.uint64) >> np.uint64(32)).tolist()
        return self._left.pop() * bound >> 32

    def percent(self, share: int) -> bool:
        """Return True in so many of a hundred cases."""
        return self.below(100) < share

    def one_of(self, choices: Sequence[Chosen]) -> Chosen:
        """Choose one, all equally likely."""
        return choices[self.below(len(choices))]

    def early(self, choices: Sequence[Chosen]) -> Chosen:
        """Choose one; the nth is about 1/n as likely as the first, as words in a text are."""
        return choices[self.below(self.below(len(choices)) + 1)]

    def words(self, count: int, taken: set[str]) -> list[str]:
        """Make up words of two or three syllables that are not taken, and take them."""
        made: list[str] = []
        while len(made) < count:
            word = "".join(
                ONSETS[self.below(len(ONSETS))] + NUCLEI[self.below(len(NUCLEI))] for _ in range(2 + self.below(2))
            )
            if word not in taken:
                taken.add(word)
                made.append(word)
        return made
