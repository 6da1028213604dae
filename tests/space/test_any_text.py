"""Any text at all is a rule or a rule-syntax error, and every rule it is can be printed and simplified."""

import random
from collections.abc import Callable

import pytest

from harness.contracts import Rule
from harness.errors import RuleSyntaxError
from harness.space.notation import rules as notation
from harness.space.notation.parser import FUNCTIONS, NAMES
from harness.space.vocabulary import ALL_BINARY, ALL_OPERANDS, ALL_UNARY

TRIES = 25_000
MARKS = (*"+-*/^()|,.#_ \t\n", "**", "−", "·", "e", "w", "1e-3", "0.3", "1e-4", "3", ", 1e-4)", ", 0.1)", "g²", "m̂")
PIECES = (*NAMES, *(f"{name}(" for name in FUNCTIONS), *MARKS, *MARKS, "(", ")", ")", ")")
FORMULA = "( exp( sign(g) * sign( m ) ) + clip( g , 1e-4) ) * drop( - v , 0.3) ^ log| 1e-3w |"
WORDS = (*ALL_OPERANDS, *ALL_UNARY, *ALL_BINARY, "#1", "#2", "#9")


def any_characters(source: random.Random) -> str:
    return "".join(chr(source.randrange(0x110000)) for _ in range(source.randrange(12)))


def formula_pieces(source: random.Random) -> str:
    pieces = []
    for place in range(source.randrange(1, 10)):
        likely = ALL_OPERANDS if place % 2 == 0 else ("*", "+", " - ", "/", "^")
        pieces.append(source.choice(likely if source.random() < 0.8 else PIECES))
    return "".join(pieces)


def damaged_formulas(source: random.Random) -> str:
    words = FORMULA.split(" ")
    for _ in range(source.randrange(4)):
        place = source.randrange(len(words))
        same = next((kind for kind in (NAMES, "+-*/^") if words[place] in kind), PIECES)
        words[place] = source.choice(same if source.random() < 0.8 else ("", *PIECES))
    return "".join(words)


def token_strings(source: random.Random) -> str:
    kinds = (ALL_OPERANDS, ALL_OPERANDS, ALL_UNARY, ALL_UNARY, ALL_BINARY)
    count = source.choice((4, 5, 5, 10, 10, 11, 15))
    words = [source.choice(kinds[place % 5] if source.random() < 0.97 else WORDS) for place in range(count)]
    return " ".join(words)


@pytest.mark.parametrize("draw", [any_characters, formula_pieces, damaged_formulas, token_strings])
def test_any_text_is_a_rule_or_a_syntax_error(draw: Callable[[random.Random], str]) -> None:
    source = random.Random(draw.__name__)
    rules, problems = set(), []
    for _ in range(TRIES):
        text = draw(source)
        try:
            rules.add(notation.parse(text))
        except RuleSyntaxError as error:
            problems.append(str(error))
    assert not any("\n" in problem for problem in problems)
    if draw is not any_characters:
        assert len(rules) > 100  # or the texts would be no test of the printers
    for rule in sorted(rules, key=str)[:300]:
        assert Rule.parse(str(rule)) == rule
        assert Rule.parse(rule.infix).key == rule.key
        assert notation.latex(rule)
        assert notation.tree(rule)
