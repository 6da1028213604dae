"""Who is at fault: code of other people is named in one line, and our own faults stay what they are."""

from __future__ import annotations

import functools
import json
from contextlib import AbstractContextManager

import pytest

from harness.contracts import Rule
from harness.errors import HarnessError, RuleSyntaxError, SearcherError, SettingError, outside, raised


def call(code: object, *, passing: tuple[type[HarnessError], ...] = ()) -> AbstractContextManager[None]:
    return outside(code, "searcher mine", expected="an answer", hint="Fix it", error=SearcherError, passing=passing)


def theirs(text: str) -> object:
    return json.loads(text)


def test_what_others_raise_is_told_with_their_own_line_even_if_a_library_of_theirs_raised_it() -> None:
    with pytest.raises(SearcherError) as caught, call(theirs):
        theirs("{")
    assert str(caught.value).startswith(
        "searcher mine: expected an answer, got JSONDecodeError in test_errors.py, line "
    )
    assert str(caught.value).endswith(". Fix it.")
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)


def test_the_end_of_the_program_is_no_answer_and_is_told_like_anything_raised() -> None:
    with pytest.raises(SearcherError, match=r"got SystemExit in test_errors\.py, line [0-9]+: 0"), call(theirs):
        raise SystemExit(0)


@pytest.mark.parametrize("ours", [Rule, Rule.parse("g"), functools.partial(Rule.parse, "g")])
def test_what_our_own_code_raises_is_a_fault_of_ours_and_passes(ours: object) -> None:
    with pytest.raises(KeyError), call(ours):
        raise KeyError


def test_errors_that_others_may_raise_pass() -> None:
    with pytest.raises(SettingError, match=r"^mine$"), call(theirs, passing=(SettingError,)):
        raise SettingError("mine")


def test_an_error_that_only_our_code_was_part_of_has_no_line() -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        Rule.parse("g *")
    assert raised(caught.value.with_traceback(None)) == f"RuleSyntaxError: {caught.value}"
