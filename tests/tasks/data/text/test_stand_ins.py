"""The generated texts: the same everywhere, with the structure that they are there for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.tasks.data.text import grammar, language_pair
from harness.tasks.transfer.text.protocols import LM_MINI, NMT_MINI


def heard(_: str) -> None:
    """Take a line for the user."""


def test_the_generated_texts_never_change() -> None:
    """Raise the version of a stand-in if its words change: its results are then not ranked with earlier ones."""
    assert (grammar.VERSION, grammar.load(None, heard).fingerprint) == (1, "13e3ef5764f1386cd2c0b6670b7dd19a")
    assert (language_pair.VERSION, language_pair.load(None, heard).fingerprint) == (
        1,
        "18b900760c2b39f215fe8ff492f07d1f",
    )


def test_the_generated_texts_are_large_enough_for_the_mini_workloads() -> None:
    text, pairs = grammar.load(None, heard), language_pair.load(None, heard)
    assert len(text.train) >= LM_MINI.train_examples
    assert min(len(text.validation), len(text.test)) >= LM_MINI.validation_examples
    assert len(pairs.train) >= NMT_MINI.train_examples
    assert min(len(pairs.validation), len(pairs.test)) >= NMT_MINI.validation_examples


def test_a_folder_for_a_generated_text_is_said_to_be_unused() -> None:
    told: list[str] = []
    grammar.load(Path("here"), told.append)
    language_pair.load(Path("here"), told.append)
    assert len(told) == 2
    assert all(line.endswith("--data-root here is not used") for line in told)


def test_a_sentence_has_one_right_translation() -> None:
    """So a perfect translator has perplexity 1; what one word becomes still depends on the words around it."""
    pairs = list(language_pair.load(None, heard).train)
    assert len({source for source, _ in pairs}) == len(set(pairs))
    articles = Counter(target.split()[0] for source, target in pairs if source.startswith("The "))
    assert len(articles) > 4, "an article follows its noun's gender, number and case"


def test_words_are_as_uneven_as_in_a_text() -> None:
    data = grammar.load(None, heard)
    counts = Counter(data.train.tolist()).most_common()
    assert len(counts) > 1_500
    assert sum(count for _, count in counts[:100]) > 0.5 * len(data.train)
