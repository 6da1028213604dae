"""The records of candidates that are no rules: read back exactly, never taken for a rule's, damage refused."""

from __future__ import annotations

import keyword

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.rules.known import candidate
from harness.candidates import NamedOptimizer, call, names_optimizer, sorted_options
from harness.contracts import Rule
from harness.errors import LedgerError, RegistryError, RuleSyntaxError, SettingError
from harness.race.store.rows import candidate_from, rule_from
from harness.registry import BUILT_IN, Kind, Registered
from harness.space.grammar import Space

WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda word: not keyword.iskeyword(word))
PLAIN = st.none() | st.booleans() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(PLAIN | st.from_regex(r"[\w./-]{0,8}", fullmatch=True).filter(str.isascii), st.tuples)
OPTIONS = st.dictionaries(WORDS, VALUES, max_size=4)


@given(WORDS, WORDS, OPTIONS, OPTIONS)
def test_a_record_is_read_back_exactly(family: str, name: str, given_options: dict, defaults: dict) -> None:
    family = "f" + family
    rest = {option: value for option, value in defaults.items() if option not in given_options}
    made = NamedOptimizer(family, name, sorted_options(given_options), sorted_options(rest))
    assert names_optimizer(str(made))
    with pytest.raises(LedgerError):
        rule_from(str(made))
    read = candidate_from(str(made))
    assert (read, str(read), read.key) == (made, str(made), made.key)
    spelt_out = NamedOptimizer(family, name, sorted_options({**given_options, **rest}))
    assert made.key == spelt_out.key, "written out or not, it is one function"


def test_it_is_named_by_what_was_given_and_recorded_with_all() -> None:
    made = NamedOptimizer("torch", "AdamW", (("weight_decay", 0.1),), (("betas", (0.9, 0.999)), ("fused", None)))
    assert str(made) == "torch:AdamW(weight_decay=0.1;betas=(0.9,0.999),fused=None)"
    assert made.key == "torch:AdamW(betas=(0.9,0.999),fused=None,weight_decay=0.1)"
    assert (made.infix, made.text) == ("torch AdamW(weight_decay=0.1)", "torch:AdamW(weight_decay=0.1)")
    assert NamedOptimizer("torch", "SGD").infix == "torch SGD"


def test_no_rule_is_taken_for_another_optimizer_nor_shares_its_key() -> None:
    space, draws = Space.of("arxiv2", blocks=3), np.random.default_rng(0)
    for _ in range(200):
        rule = space.sample(draws)
        assert not names_optimizer(str(rule))
        assert ":" not in rule.key, "a candidate's key begins with its family and a colon"
        assert candidate_from(str(rule)) == rule


@pytest.mark.parametrize(
    "record",
    [
        "torch:AdamW(weight_decay=0.1)",
        "torch:AdamW(weight_decay=;x=1)",
        "torch:AdamW(weight_decay=0.1,weight_decay=0.2;x=1)",
        "torch:AdamW(weight_decay=open;x=1)",
        "torch:AdamW(weight_decay=0.1; x=1)",
        "torch:AdamW(;x=1) ",
        "torch AdamW",
        "",
    ],
)
def test_a_damaged_record_is_refused(record: str) -> None:
    with pytest.raises(LedgerError, match="expected what a run wrote"):
        NamedOptimizer.read(record)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "NAME\\(option=value"),
        ("Adam(", "NAME\\(option=value"),
        ("Adam(1)", "NAME\\(option=value"),
        ("Adam(*x)", "NAME\\(option=value"),
        ("Adam(**x)", "NAME\\(option=value"),
        ("os.Adam()", "NAME\\(option=value"),
        ("(" * 5_000, "NAME\\(option=value"),
        ("Adam(x=" + "(" * 800 + ")" * 800 + ")", "NAME\\(option=value"),
        ("Adam\x00", "NAME\\(option=value"),
        ("Adam(eps=1, eps=2)", "expected one, got several"),
        ("Adam(eps=open('f'))", "nothing is evaluated"),
        ("Adam(eps=2**9)", "nothing is evaluated"),
        ("Adam(eps=1e999)", "finite number"),
        ("Adam(eps=1" + "0" * 400 + ")", "finite number"),
        ("Adam(eps={})", "finite number"),
        ("Adam(eps='a b')", "a word"),
        ("Adam(eps=1j)", "finite number"),
    ],
)
def test_what_is_no_call_of_literals_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        call(text)
    assert "\n" not in str(refused.value)


def test_a_candidate_is_a_rule_or_an_optimizer_of_a_family() -> None:
    assert candidate("g * exp(sign(g) * sign(m))") == candidate("powersign") == Rule.parse("g * exp(sign(g) * sign(m))")
    made = candidate(" torch:AdamW(weight_decay=0.1)")
    assert isinstance(made, NamedOptimizer)
    assert made.text == "torch:AdamW(weight_decay=0.1)"
    with pytest.raises(RegistryError, match="Did you mean 'torch'"):
        candidate("troch:AdamW")
    with pytest.raises(RuleSyntaxError):
        candidate("g * nonsense")


def test_a_family_that_gives_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN[Kind.CANDIDATE], "odd", Registered("builtins:str"))
    with pytest.raises(RegistryError, match="expected a NamedOptimizer of family odd"):
        candidate("odd:Thing")
