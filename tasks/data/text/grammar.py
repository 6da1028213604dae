"""The built-in stand-in for Penn Treebank: a text that a probabilistic grammar generates, without any download.

It has what makes a language model learn at several speeds: a few words are frequent and most are rare; verbs agree with
their subject in number, across a relative clause; verbs choose their objects, and nouns their adjectives; and some
sentences in a row share a topic, so that a state that is carried from one to the next helps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from harness.tasks.data.text.corpora import TokenData
from harness.tasks.data.text.drawing import Dice

NAME = "synthetic-tokens"
VERSION = 1  # rises with any change to a word
ROOT = 0
TRAIN, HELD_OUT = 100_000, 20_000  # words of the training text, and at least as many of each other
TOPICS, NOUNS, VERBS, ADJECTIVES, ADVERBS, FITTING = 24, 28, 14, 10, 20, 6
SINGULAR, PLURAL = ("the", "a", "this", "each"), ("the", "some", "these", "many")
PREPOSITIONS = ("in", "on", "with", "under", "near", "after")
# In per cent of the places where they can be:
STAYS, PLURALS, WITH_ADJECTIVE, WITH_CLAUSE, WITH_PLACE, WITH_ADVERB, OFF_TOPIC = 85, 40, 35, 15, 30, 20, 10


def load(root: Path | None, announce: Callable[[str], None]) -> TokenData:
    """Generate and return the stand-in for Penn Treebank's text.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    if root is not None:
        announce(f"The stand-in for Penn Treebank is generated: --data-root {root} is not used")
    world = _World()
    parts = (
        world.text(part, words) for part, words in (("train", TRAIN), ("validation", HELD_OUT), ("test", HELD_OUT))
    )
    return TokenData.of(NAME, parts, source=f"generated, version {VERSION}")


class _World:
    """The words, which go together, and how sentences are made of them."""

    def __init__(self) -> None:
        dice, taken = Dice(ROOT, "world"), {*SINGULAR, *PLURAL, *PREPOSITIONS, "that"}
        self._adverbs = dice.words(ADVERBS, taken)
        adjectives = dice.words(TOPICS * ADJECTIVES, taken)
        nouns = dice.words(TOPICS * NOUNS, taken)
        self._topics = [
            (nouns[topic * NOUNS :][:NOUNS], dice.words(VERBS, taken)) for topic in range(TOPICS)
        ]  # nouns and verbs of each
        self._fitting = {noun: [adjectives[dice.below(len(adjectives))] for _ in range(FITTING)] for noun in nouns}
        self._objects = {
            verb: [own[dice.below(len(own))] for _ in range(FITTING)] for own, verbs in self._topics for verb in verbs
        }

    def text(self, part: str, words: int) -> bytes:
        """Generate at least so many words, the ends of lines included, in lines of one sentence each."""
        dice, lines, count, topic = Dice(ROOT, part), [], 0, 0
        while count < words:
            topic = topic if dice.percent(STAYS) else dice.below(TOPICS)
            sentence = list(self._sentence(dice, topic))
            lines.append(" ".join(sentence))
            count += len(sentence) + 1
        return ("\n".join(lines) + "\n").encode()

    def _sentence(self, dice: Dice, topic: int) -> Iterator[str]:
        nouns, verbs = self._topics[dice.below(TOPICS) if dice.percent(OFF_TOPIC) else topic]
        many = dice.percent(PLURALS)
        yield from self._noun(dice, dice.early(nouns), many=many)
        if dice.percent(WITH_CLAUSE):
            yield "that"
            yield from self._verb(dice, dice.early(verbs), many=many)
        yield from self._verb(dice, dice.early(verbs), many=many)
        if dice.percent(WITH_PLACE):
            yield dice.early(PREPOSITIONS)
            yield from self._noun(dice, dice.early(nouns), many=dice.percent(PLURALS))

    def _noun(self, dice: Dice, noun: str, *, many: bool) -> Iterator[str]:
        yield dice.early(PLURAL if many else SINGULAR)
        if dice.percent(WITH_ADJECTIVE):
            yield dice.early(self._fitting[noun])
        yield noun + "s" * many

    def _verb(self, dice: Dice, verb: str, *, many: bool) -> Iterator[str]:
        if dice.percent(WITH_ADVERB):
            yield dice.early(self._adverbs)
        yield verb if many else verb + "t"
        yield from self._noun(dice, dice.early(self._objects[verb]), many=dice.percent(PLURALS))
