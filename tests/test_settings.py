"""Settings are read from a factory's signature, and bad ones refused in one line."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import pytest

from harness.errors import SettingError
from harness.settings import Choice, Range, check, complete, declared, parse


class Tuned:
    """A searcher's factory.

    Args:
        space: not a setting.
        seed: nor is this.
        population: rules alive at a time,
            a second line of it.
        greedy: whether it is.
    """

    def __init__(
        self,
        space: object,
        *,
        seed: int,
        population: Annotated[int, Range(2, 100)] = 10,
        rate: Annotated[float, Range(0)] = 0.5,
        greedy: bool = False,
        kind: Literal["ppo", "trpo"] = "ppo",
        crossover: Annotated[str, Choice("one", "two")] = "one",
        note: str | None = None,
    ) -> None:
        pass


def needy(space: object, *, seed: int, size: int) -> None:
    """A function will do."""


def test_everything_is_read_from_the_signature() -> None:
    found = declared(Tuned)
    assert list(found) == ["population", "rate", "greedy", "kind", "crossover", "note"]
    assert [each.type for each in found.values()] == [int, float, bool, str, str, str]
    assert [each.default for each in found.values()] == [10, 0.5, False, "ppo", "one", None]
    assert found["population"].summary == "rules alive at a time, a second line of it."
    assert found["rate"].summary == ""
    assert found["population"].allowed == "a whole number, 2 to 100"
    assert found["rate"].allowed == "a finite number, at least 0"
    assert found["kind"].allowed == "a text, one of ppo, trpo"
    assert not any(each.required for each in found.values())


def test_functions_and_partials_are_factories_too() -> None:
    assert declared(needy)["size"].required
    assert declared(partial(needy, size=4))["size"].default == 4
    assert declared(lambda space, *, seed, size=3: None)["size"].type is int  # noqa: ARG005


def test_values_are_read_by_their_types() -> None:
    given = ["population=20", "rate=1", "greedy=yes", " kind = trpo", "note=a=b", "population=30"]
    assert parse(Tuned, given) == {"population": 30, "rate": 1.0, "greedy": True, "kind": "trpo", "note": "a=b"}
    assert parse(Tuned, []) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("populatoin=3", "Did you mean 'population'?"),
        ("population", "expected name=value"),
        ("=3", "expected one of"),
        ("population=ten", "expected a whole number, 2 to 100, got 'ten'"),
        ("population=1.5", "expected a whole number"),
        ("population=1", "expected 2 to 100, got 1"),
        ("population=101", "expected 2 to 100"),
        ("rate=-1", "expected at least 0"),
        ("rate=nan", "expected a finite number"),
        ("rate=inf", "expected a finite number"),
        ("greedy=maybe", "expected true or false"),
        ("kind=ppoo", "Did you mean 'ppo'?"),
        ("crossover=three", "expected one of one, two"),
        ("seed=3", "expected one of"),
    ],
)
def test_bad_values_are_refused_in_one_line(text, complaint) -> None:
    with pytest.raises(SettingError) as caught:
        parse(Tuned, [text])
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_needed_setting_is_asked_for() -> None:
    with pytest.raises(SettingError, match=r"setting size: expected a whole number, got none. Give size="):
        parse(needy, [])
    assert parse(needy, ["size=3"]) == {"size": 3}


def test_values_from_python_are_checked_too() -> None:
    assert check(Tuned, {"population": 20, "rate": 1}) == {"population": 20, "rate": 1.0}
    for bad in ({"population": "20"}, {"population": True}, {"greedy": 1}, {"rate": float("nan")}, {"who": 1}):
        with pytest.raises(SettingError):
            check(Tuned, bad)


def test_a_record_holds_the_defaults_too() -> None:
    found = complete(Tuned, {"rate": 0.1})
    assert found == {"population": 10, "rate": 0.1, "greedy": False, "kind": "ppo", "crossover": "one"}


def test_a_factory_without_settings_refuses_any() -> None:
    with pytest.raises(SettingError, match="expected nothing"):
        parse(lambda space, *, seed: None, ["a=1"])  # noqa: ARG005


def test_a_setting_of_another_type_is_the_authors_fault() -> None:
    def odd(space: object, *, seed: int, sizes: list[int] | None = None) -> None:
        pass

    with pytest.raises(SettingError, match="setting sizes: expected a parameter annotated"):
        declared(odd)


@pytest.mark.parametrize("default", [float("inf"), float("nan")])
def test_a_default_that_no_record_can_hold_is_refused_before_anything_runs(default: float) -> None:
    def factory(space: object, *, seed: int, limit: float = default) -> None: ...

    with pytest.raises(SettingError, match="a default is not allowed: setting limit: expected a finite number"):
        complete(factory, {})
