"""A rule as plain pseudocode, for those who want to code it: its running means, then one line per value."""

from __future__ import annotations

from harness.contracts import Rule
from harness.space.expression import decays, expression, live, state
from harness.space.node import Node
from harness.space.vocabulary import word_of
from harness.space.word import ATOM, Form

MEANS = {
    "m": ("m ← 0.9 m + 0.1 g", "m̂ ← m / (1 − 0.9ᵗ)"),
    "v": ("v ← 0.999 v + 0.001 g²", "v̂ ← v / (1 − 0.999ᵗ)"),
    "gamma": ("γ ← 0.999 γ + 0.001 g³", "γ̂ ← γ / (1 − 0.999ᵗ)"),
}

PROGRESS = "i ← min(T, steps taken before this one), T ← steps of the whole training"


def pseudocode(rule: Rule) -> str:
    """Return one step of a rule in lines of text; a value that is used twice is computed once."""
    node = live(expression(rule))
    lines = ["g ← gradient of the batch's loss"]
    for mean in state(node):
        lines += MEANS[mean]
    if needed := decays(node):
        lines.append(f"{PROGRESS}, n ← 1 unless set" if "rd" in needed else PROGRESS)
    names: dict[Node, str] = {}

    def name(value: Node) -> str:
        """Return the name of a value, after adding the lines that compute it."""
        if value not in names:
            word = word_of(value.token, len(value.args))
            text = _written(word.pseudocode, [name(arg) for arg in value.args])
            if value.args or word.draws or word.pseudocode.binding < ATOM:
                lines.append(f"{_letter(len(names))} ← {text}")
                names[value] = _letter(len(names))
            else:
                return text
        return names[value]

    lines.append(f"w ← w − λ · {name(node)}")
    return "\n".join(lines)


def _letter(number: int) -> str:
    """Return a, b, …, without letters that mean something else, then a2, b2, …."""
    letters = "abcdefhkpqrsuxyz"
    turn, place = divmod(number, len(letters))
    return letters[place] + (str(turn + 1) if turn else "")


def _written(form: Form, names: list[str]) -> str:
    """Write a word with its arguments' names; a longer name gets brackets where only an atom can stand."""
    wanted = zip(names, form.least, strict=False)
    return form.filled(*(f"({name})" if least == ATOM and len(name) > 1 else name for name, least in wanted))
