"""What the records say of single words, against what the words compute."""

from __future__ import annotations

import numpy as np
import pytest

from harness.space.counting.probe import Probe, Values, apply_binary, apply_unary
from harness.space.node import Node
from harness.space.vocabulary import ARXIV2, BY_NAME, ICML2017, edition_with
from harness.space.word import LEVELLED, PRIMITIVES, Form, Word, X, Y
from harness.space.words import BINARY, OPERANDS, UNARY, WORDS

PROBE = Probe(seed=6)
SIZES = np.array([1e-12, 1e-6, 1e-4, 0.3, 1.0, 2.5, 7.0])
ORDINARY = np.concatenate([SIZES, -SIZES, [0.0]])
WIDE = np.concatenate([ORDINARY, [1e30, -1e30, np.inf, -np.inf]])


def value(word: Word, *args: Values) -> Values:
    with np.errstate(all="ignore"):
        return apply_unary(word.name, *args) if word.kind == "unary" else apply_binary(word.name, *args)


def by_name(word: Word) -> str:
    return word.name


@pytest.mark.parametrize("word", WORDS, ids=by_name)
def test_arithmetic_is_made_of_primitives_and_other_words(word: Word) -> None:
    for part in word.arithmetic.walk():
        assert part in (X, Y) or part.token in PRIMITIVES or part.token in BY_NAME.keys() - {word.name}
        assert not part.value or part.token in LEVELLED
    assert len(word.arguments) <= {"operand": 0, "unary": 1, "binary": 2}[word.kind]


def test_no_name_or_spelling_has_two_meanings() -> None:
    names = [word.name for word in WORDS]
    names += [spelling for word in WORDS for spelling in word.spellings]
    names += {word.family for word in UNARY if word.family}
    names += [word.operator for word in BINARY if word.operator]
    assert len(set(names)) == len(names)
    assert not {"x", "y"} & set(names)


def test_kinds_are_listed_apart() -> None:
    kinds = {"operand": OPERANDS, "unary": UNARY, "binary": BINARY}
    assert all(word.kind == kind for kind, words in kinds.items() for word in words)


@pytest.mark.parametrize("word", [word for word in UNARY if word.parity != "neither"], ids=by_name)
def test_parity_is_that_of_the_values(word: Word) -> None:
    sign = 1.0 if word.parity == "even" else -1.0
    assert np.array_equal(value(word, -WIDE), sign * value(word, WIDE), equal_nan=True)


@pytest.mark.parametrize("word", [word for word in (*UNARY, *BINARY) if word.zero_where], ids=by_name)
def test_a_function_is_0_where_its_record_says_so(word: Word) -> None:
    zero, other = np.zeros_like(SIZES), SIZES
    for argument in word.zero_where:
        args = {"unary": (zero,), "binary": (zero, other) if argument == "x" else (other, zero)}[word.kind]
        assert np.all(value(word, *args) == 0)


@pytest.mark.parametrize("word", OPERANDS, ids=by_name)
def test_an_operand_is_0_and_bounded_where_its_record_says_so(word: Word) -> None:
    own = PROBE.operands[word.name]
    assert np.all((own >= word.bounds[0]) & (own <= word.bounds[1]))
    for name in word.zero_where:
        where = PROBE.operands[name] == 0
        assert where.any()
        assert np.all(own[where] == 0)
    if word.sign_of:
        assert np.array_equal(own, np.sign(PROBE.operands[word.sign_of]))


@pytest.mark.parametrize("word", [*UNARY, *BINARY], ids=by_name)
def test_a_finite_function_is_finite_of_ordinary_values(word: Word) -> None:
    args = (ORDINARY,) if word.kind == "unary" else (ORDINARY[:, None], ORDINARY)
    assert not word.finite or np.isfinite(value(word, *args)).all()


@pytest.mark.parametrize("word", [*UNARY, *BINARY], ids=by_name)
def test_a_defined_function_is_a_number_of_every_number(word: Word) -> None:
    args = (WIDE,) if word.kind == "unary" else (WIDE[:, None], WIDE)
    assert not word.defined or not np.isnan(value(word, *args)).any()


def test_a_form_is_filled_and_keeps_dollar_signs() -> None:
    form = Form("f($x, $y, $x) costs $$5")
    assert form.filled("a", "b") == "f(a, b, a) costs $5"
    assert Word("$x", "unary", Node("neg", (X,))).infix.filled("a") == "$x(a)"
    assert Word("h", "binary", Node("add", (X, Y))).latex.filled("a", "b") == r"\operatorname{h}\left(a, b\right)"


def test_the_edition_of_some_words_is_the_first_that_has_them() -> None:
    assert edition_with(("g", "#1", "exp"), least=ICML2017) is ICML2017
    assert edition_with(("g", "sqrt"), least=ICML2017) is ARXIV2
    assert edition_with(("g",), least=ARXIV2) is ARXIV2
