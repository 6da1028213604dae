"""The built-in stand-in for pairs of sentences: two made-up languages, of which one follows from the other by rules.

What a translator must learn is what makes real pairs hard, at several speeds: a lexicon; articles and adjectives that
agree with their noun in gender, number and case; verbs that agree with their subject; other orders of words (the verb
comes second, and last in a clause; an adverb of time comes first); and compounds, which one language writes as one
word. The right translation is unique.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.tasks.data.text.corpora import PairData, Pairs
from harness.tasks.data.text.drawing import Dice

NAME = "synthetic-pairs"
VERSION = 1  # rises with any change to a sentence
ROOT = 0
TRAIN, HELD_OUT = 8_000, 500  # pairs
NOUNS, VERBS, ADJECTIVES, TIMES, GENDERS = 40, 16, 12, 6, 3  # few and equally frequent: minutes must do
# In per cent of the places where they can be:
PLURALS, WITH_ADJECTIVE, COMPOUND, WITH_TIME, WITH_CLAUSE = 35, 30, 15, 30, 15
ARTICLES = (("dor", "dan"), ("dei", "dei"), ("das", "das"))  # by gender: of a subject, of an object
MANY_ARTICLES = ("den", "dene")
ENDINGS = (("e", "en"), ("a", "a"), ("es", "os"))  # of adjectives, in the same way
MANY_ENDINGS = ("i", "ir")


def load(root: Path | None, announce: Callable[[str], None]) -> PairData:
    """Generate and return the stand-in for pairs of sentences.

    Args:
        root: not used, since there is nothing to find; a line says so.
        announce: called with one line for the user.
    """
    if root is not None:
        announce(f"The stand-in for pairs of sentences is generated: --data-root {root} is not used")
    world = _World()
    train, validation, test = (world.pairs(part, count) for part, count in PARTS)
    source = f"generated, version {VERSION}"
    return PairData.of(NAME, train=train, validation=validation, test=test, source=source)


PARTS = (("train", TRAIN), ("validation", HELD_OUT), ("test", HELD_OUT))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word in both languages.

    Attributes:
        source: in the language to translate from.
        target: in the language to translate to.
        gender: of a noun, 0 … 2.
    """

    source: str
    target: str
    gender: int = 0


class _World:
    """The lexicon, and how sentences are made of it."""

    def __init__(self) -> None:
        dice = Dice(ROOT, "lexicon")
        sources: set[str] = {"the"}
        targets: set[str] = set()

        def lexicon(count: int) -> list[_Word]:
            words = zip(dice.words(count, sources), dice.words(count, targets), strict=True)
            return [_Word(source, target, dice.below(GENDERS)) for source, target in words]

        self._nouns, self._verbs = lexicon(NOUNS), lexicon(VERBS)
        self._adjectives, self._times = lexicon(ADJECTIVES), lexicon(TIMES)

    def pairs(self, part: str, count: int) -> Pairs:
        """Generate so many pairs."""
        dice = Dice(ROOT, part)
        made = [self._pair(dice) for _ in range(count)]
        source, target = (
            "".join(f"{_written(side)}\n" for side in sides).encode() for sides in zip(*made, strict=True)
        )
        return Pairs(source, target)

    def _pair(self, dice: Dice) -> tuple[list[str], list[str]]:
        many = dice.percent(PLURALS)
        subject, its = self._noun(dice, many=many, case=0)
        verb, ours = self._verb(dice, many=many)
        thing, objects = self._noun(dice, many=dice.percent(PLURALS), case=1)
        source, front, rest = [*subject, verb, *thing], its, [*objects]
        if dice.percent(WITH_TIME):
            time = dice.one_of(self._times)
            source, front, rest = [*source, time.source], [time.target], [*its, *objects]
        target = [*front, ours, *rest]  # the verb comes second
        if dice.percent(WITH_CLAUSE):
            many = dice.percent(PLURALS)
            subject, its = self._noun(dice, many=many, case=0)
            verb, ours = self._verb(dice, many=many)
            source, target = (
                [*source, "while", *subject, verb],
                [*target, "dieweil", *its, ours],
            )  # and last in a clause
        return source, target

    def _noun(self, dice: Dice, *, many: bool, case: int) -> tuple[list[str], list[str]]:
        noun = dice.one_of(self._nouns)
        article = MANY_ARTICLES[case] if many else ARTICLES[noun.gender][case]
        source, target = ["the"], [article]
        if dice.percent(WITH_ADJECTIVE):
            adjective = dice.one_of(self._adjectives)
            source.append(adjective.source)
            target.append(adjective.target + (MANY_ENDINGS[case] if many else ENDINGS[noun.gender][case]))
        whole = noun.target + "er" * many
        if dice.percent(COMPOUND):
            first = dice.one_of(self._nouns)
            source.append(first.source)
            whole = f"{first.target}s{whole}"  # one word; the last part decides the gender
        return [*source, noun.source + "s" * many], [*target, whole]

    def _verb(self, dice: Dice, *, many: bool) -> tuple[str, str]:
        verb = dice.one_of(self._verbs)
        return (verb.source, f"{verb.target}en") if many else (f"{verb.source}s", f"{verb.target}et")


def _written(words: Sequence[str]) -> str:
    return f"{' '.join(words).capitalize()}."
