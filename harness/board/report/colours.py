"""The colour and dashes of each searcher: the same in every report and picture, whatever its place and its rivals.

Each searcher of this package has its own colour. Others get one of a few more by a hash of their name, so two of them
may share a colour. Dashes distinguish entrants that share a colour on one board, including one searcher with several
settings.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour on white and on black."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Mark:
    """How one entrant is drawn.

    Attributes:
        colour: its index in ``COLOURS``.
        dashes: alternating lengths of strokes and gaps in pixels, separated by blanks; empty for a solid line.
    """

    colour: int
    dashes: str


# After Okabe and Ito, so that colour-blind readers can tell them apart, too.
NAMED = {
    "rl": Colour("#0072b2", "#56a8e0"),
    "gp": Colour("#d55e00", "#f0833a"),
    "evolution": Colour("#009e73", "#2dc99a"),
    "tpe": Colour("#c2589b", "#e090bf"),
    "rl+gp": Colour("#6d4a9c", "#b79be0"),
    "exhaustive": Colour("#b07d00", "#e6b23c"),
    "random": Colour("#79828d", "#8b95a1"),
    "random-plain": Colour("#39414a", "#cdd4dc"),
    "hill-climbing": Colour("#8f1d21", "#ff9c9c"),
    "box-cmaes": Colour("#3b6e22", "#9bd17a"),
    "box-random": Colour("#5c6b57", "#aab8a4"),
    "rnn": Colour("#0b3d91", "#a9bff5"),
    "box-gp": Colour("#8a4b08", "#d9a066"),
}
OTHERS = (
    Colour("#2f97d3", "#8fd0ff"),
    Colour("#8a5a44", "#c79a82"),
    Colour("#74841a", "#b5c75a"),
    Colour("#b8304f", "#f07f98"),
    Colour("#00838f", "#4fc4d0"),
)
COLOURS = (*NAMED.values(), *OTHERS)

DASHES = ("", "7 4", "2 3", "9 3 2 3", "13 4", "13 3 2 3 2 3")
OWN_DASHES = {"random": 2, "random-plain": 2, "box-random": 2}  # searches that learn nothing are dotted


def colour(searcher: str) -> int:
    """Return the index of a searcher's colour in ``COLOURS``, given its registry name or ``module:attribute``."""
    if searcher in NAMED:
        return list(NAMED).index(searcher)
    return len(NAMED) + hashlib.sha256(searcher.encode()).digest()[0] % len(OTHERS)


def marks(searchers: Mapping[str, str]) -> dict[str, Mark]:
    """Return how to draw each entrant of a board.

    Args:
        searchers: the searcher of each entrant, by the entrant's label.
    """
    taken: Counter[int] = Counter()
    found = {}
    for label, searcher in sorted(searchers.items()):
        place = colour(searcher)
        found[label] = Mark(place, DASHES[(OWN_DASHES.get(searcher, 0) + taken[place]) % len(DASHES)])
        taken[place] += 1
    return found


# Candidates that most transfers compare, in the order of their colours.
CANDIDATES = ("adam", "momentum", "powersign", "addsign", "sign-momentum", "rmsprop", "sgd", "torch AdamW")


def candidate_marks(labels: Sequence[str]) -> dict[str, Mark]:
    """Return how to draw each candidate of a board: those known to all boards always alike, others as room is left.

    Args:
        labels: the candidates' names.
    """
    order = [*CANDIDATES, *sorted({*labels} - {*CANDIDATES})]
    found = {}
    for label in labels:
        row, colour = divmod(order.index(label), len(COLOURS))
        found[label] = Mark(colour, DASHES[row % len(DASHES)])
    return found


def variables() -> str:
    """Return the colours as CSS variables (``--s0``, ``--s1``, …) for light and dark pages."""
    light = "".join(f" --s{place}: {each.light};" for place, each in enumerate(COLOURS))
    dark = "".join(f" --s{place}: {each.dark};" for place, each in enumerate(COLOURS))
    return f":root {{{light} }}\n@media (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n"
