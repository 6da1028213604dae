"""Texts and protocols of the workloads on text that are small enough for tests."""

from __future__ import annotations

from dataclasses import replace

from harness.tasks.data.text.corpora import PairData, Pairs, TokenData
from harness.tasks.data.text.drawing import Dice
from harness.tasks.transfer.text.protocols import LM_MINI, NMT_MINI

RATES = (1e-3, 1e-1)
SMALL_LM = replace(
    LM_MINI,
    name="lm-small",
    train_examples=120,
    validation_examples=40,
    batch_size=4,
    window=5,
    width=6,
    vocabulary=8,
    epochs=3,
    learning_rates=RATES,
)
SMALL_NMT = replace(
    NMT_MINI,
    name="nmt-small",
    train_examples=24,
    validation_examples=8,
    batch_size=4,
    width=6,
    vocabulary=60,
    longest=9,
    longest_scored=9,
    translated=4,
    epochs=3,
    learning_rates=RATES,
)


def small_text() -> TokenData:
    """Return some 150 words, 11 of them different."""
    dice = Dice(0, "text")
    parts = ["".join(f"{' '.join('abcdefghij'[dice.below(10)] for _ in range(4))}\n" for _ in range(30))] * 3
    return TokenData.of("small", [part.encode() for part in parts], source="a test")


def small_pairs() -> PairData:
    """Return 80 pairs of sentences of two to four words, which the other language writes backwards."""
    dice, words = Dice(0, "pairs"), ("dog", "cat", "cow", "sees", "hears", "red", "old")

    def part(count: int) -> Pairs:
        rows = [[words[dice.below(len(words))] for _ in range(2 + dice.below(3))] for _ in range(count)]
        source = "".join(f"{' '.join(row)}\n" for row in rows)
        target = "".join(f"{' '.join(word.upper() for word in reversed(row))}\n" for row in rows)
        return Pairs(source.encode(), target.encode())

    return PairData.of("small", train=part(80), validation=part(12), test=part(12), source="a test")
