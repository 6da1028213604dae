"""The names of candidates in comparisons."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.board.rules.known import candidate, known_optimizers
from harness.errors import HarnessError
from harness.library.learned.candidates import entrants


def named(*given: str) -> list[tuple[str, str]]:
    found = entrants(given, "quadratic", results=Path("none"), board=None, announce=lambda _: None)
    return [(name, each.key) for name, each in found]


@pytest.mark.parametrize(
    ("text", "name", "same"),
    [
        ("nag", "nag", "torch:SGD(momentum=0.9,nesterov=True)"),
        ("rmsprop", "rmsprop", "torch:RMSprop"),
        ("sgd", "sgd", "g"),
        ("adam", "adam", "adam"),
        ("powersign", "powersign", "g * exp(sign(g) * sign(m))"),
        ("(1 + sign(g) * sign(m)) * g", "addsign", "addsign"),
        ("torch:AdamW(weight_decay=0.1)", "torch AdamW(weight_decay=0.1)", "torch:AdamW(weight_decay=0.1)"),
        ("m * exp(v)", "m * exp(v)", "m * exp(v)"),
    ],
)
def test_a_candidate_has_the_name_that_the_field_uses(text: str, name: str, same: str) -> None:
    assert named(text) == [(name, candidate(same).key)]


def test_the_known_rule_rmsprop_is_another_candidate() -> None:
    rule = known_optimizers()["rmsprop"]
    assert named("rmsprop", str(rule)) == [
        ("rmsprop", candidate("torch:RMSprop").key),
        ("rule rmsprop", rule.key),
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lstmm", "lstm"),
        ("LSTM", "lstm"),
        ("lst", "lstm"),
        ("nagg", "nag"),
        ("nga", "nag"),
        ("rmsprp", "rmsprop"),
        ("learned", "learned:quadratic"),
        ("lerned", "learned:quadratic"),
        ("learnd:quadratic", "learned"),
        ("learned:quadratik", "quadratic"),
        ("top", "top:3"),
        ("top5", "top:5"),
        ("Top:5", "top:5"),
        ("tops:5", "top:5"),
        ("powersgn", "powersign"),
        ("adm", "adam"),
        ("sqrtt", "sqrt"),
    ],
)
def test_a_near_miss_names_what_is_meant(text: str, meant: str) -> None:
    with pytest.raises(HarnessError) as refused:
        named(text)
    assert f"Did you mean '{meant}'?" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["g * foo", "neg", "drop3", "something", "learned:file", "a:3"])
def test_what_is_near_to_none_of_them_keeps_its_own_message(text: str) -> None:
    with pytest.raises(HarnessError) as refused:
        named(text)
    assert str(refused.value).partition(":")[0] != "candidates"
