"""How much of a budget a search begins with: a quarter at most unless set, and what the boards are told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import pytest

from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import SettingError
from harness.race import startup
from harness.race.header import RunHeader, SearchHeader
from harness.race.protocols import Budget
from harness.registry import BUILT_IN, Kind, load
from harness.settings import Range, complete
from harness.space.grammar import Space
from harness.tasks.child.protocols import QUICK

LEARNERS = ("rl", "gp", "evolution", "hill-climbing", "tpe", "rl+gp")
SPACE = Space.of(blocks=2)


class Settled:
    """A searcher of somebody's: draws, then something better."""

    def __init__(self, space: Space, *, seed: int, warm: Annotated[int, Range(2, 50)] = 30, batch: int = 4) -> None: ...

    @staticmethod
    def startup(settings) -> dict[str, int]:
        return {"warm": settings["warm"]}


class Silent:
    def __init__(self, space: Space, *, seed: int, warm: int = 30) -> None: ...


def header(**changes: object) -> RunHeader:
    plain = SearchHeader(
        searcher="evolution",
        searcher_version=2,
        settings={},
        space=SPACE,
        protocol=QUICK,
        data="synthetic",
        data_fingerprint="f" * 64,
        budget=Budget.of(50),
        seed=0,
        asynchronous=False,
        environment={},
        provenance={},
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("name", BUILT_IN[Kind.SEARCHER])
def test_from_a_hundred_children_on_the_defaults_are_what_they_are(name) -> None:
    factory = load(Kind.SEARCHER, name)
    assert startup.fitted(factory, {}, children=100) == complete(factory, {})


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("children", [6, 12, 20, 40, 50, 99])
def test_a_small_budget_is_mostly_searched(name, children) -> None:
    factory = load(Kind.SEARCHER, name)
    settings = startup.fitted(factory, {}, children=children)
    assert 1 <= startup.count(factory, settings, children=children) <= max(children // 4, settings["batch"])
    factory(SPACE, seed=0, **settings)
    at_least = complete(factory, {})
    assert all(value == settings[name] or value > settings[name] for name, value in at_least.items())


@pytest.mark.parametrize("name", LEARNERS)
def test_what_the_default_search_learns_decides_its_later_proposals(name) -> None:
    """Two opposite judges: the start-up proposals are the same, those after it are not."""
    factory, children = load(Kind.SEARCHER, name), 12  # the command line's default
    settings = startup.fitted(factory, {}, children=children)
    first = startup.count(factory, settings, children=children)
    proposed = []
    for sign in (1, -1):
        searcher, rules = factory(SPACE, seed=3, **settings), []
        while len(rules) < children:
            batch = list(searcher.ask(min(searcher.batch, children - len(rules))))
            searcher.tell([_trial(len(rules) + place, rule, sign) for place, rule in enumerate(batch)])
            rules += batch
        proposed.append(rules)
    assert proposed[0][:first] == proposed[1][:first]
    assert proposed[0][first:] != proposed[1][first:]


def _trial(index: int, rule: Rule, sign: int) -> Trial:
    score = 0.5 + sign * (0.02 * len(rule.infix) % 0.4)
    return Trial(index, rule, Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0))


def test_what_the_user_sets_stays() -> None:
    for name, given in (("evolution", {"initial": 25}), ("tpe", {"startup": 25}), ("rl", {"initial": 10})):
        factory = load(Kind.SEARCHER, name)
        settings = startup.fitted(factory, given, children=12)
        assert settings == complete(factory, given)
        assert startup.count(factory, settings, children=12) == min(12, *given.values())


def test_random_search_has_no_start_up_and_a_first_batch_is_one() -> None:
    for name in ("random", "random-plain"):
        factory = load(Kind.SEARCHER, name)
        assert startup.count(factory, complete(factory, {}), children=12) == 0
    factory = load(Kind.SEARCHER, "rl")
    assert startup.count(factory, startup.fitted(factory, {"preset": "paper"}, children=50), children=50) == 5
    tpe = load(Kind.SEARCHER, "tpe")
    whole = complete(tpe, {"sampler": "nsgaii", "startup": 3})
    assert startup.count(tpe, whole, children=100) == 20, "nsgaii draws its first generation"
    assert startup.fitted(tpe, {"sampler": "nsgaii"}, children=12)["population"] == 3


def test_anothers_searcher_says_what_it_begins_with_or_nobody_knows() -> None:
    assert startup.fitted(Settled, {}, children=100)["warm"] == 25
    assert startup.fitted(Settled, {}, children=4)["warm"] == 2, "not below what the setting allows"
    assert startup.count(Settled, {"warm": 30, "batch": 4}, children=12) == 12
    assert startup.fitted(Silent, {}, children=4) == {"warm": 30}
    assert startup.count(Silent, {"warm": 30}, children=12) is None


@pytest.mark.parametrize("told", [{"cold": 3}, {"warm": -1}, {"warm": 2.5}, None, 7])
def test_a_start_up_that_is_none_is_refused(told) -> None:
    class Odd(Settled):
        bad: ClassVar[object] = told

        @staticmethod
        def startup(_) -> object:
            return Odd.bad

    with pytest.raises(SettingError, match="startup of Odd: expected whole numbers by the names of its settings"):
        startup.fitted(Odd, {}, children=12)


def test_a_record_says_it_and_of_an_older_one_our_searchers_do() -> None:
    assert startup.of_run(header(provenance={"startup": "7"})) == 7
    assert startup.of_run(header(provenance={"startup": "700"})) == 50
    assert startup.of_run(header(settings={"initial": 12})) == 12
    assert startup.of_run(header(searcher="rl", settings={"preset": "short"})) == 10
    assert startup.of_run(header(searcher="tpe")) == 25, "of the version of today its defaults are known"
    assert startup.of_run(header(searcher="random", searcher_version=1)) == 0
    mine = {"searcher": "my_package:Mine", "searcher_version": 1}
    assert startup.of_run(header(**mine)) is None
    assert startup.of_run(header(**mine, provenance={"startup": "7"})) == 7


@pytest.mark.parametrize(
    ("searcher", "settings", "told"),
    [
        ("evolution", {"initial": 25}, 25),
        ("gp", {"initial": 10}, 10),
        ("rl", {"preset": "short"}, 10),
        ("rl", {"preset": "paper"}, 5),
        ("rl+gp", {"samples": 20}, 20),
    ],
)
def test_records_of_the_second_versions_tell_their_start_up_still(searcher, settings, told) -> None:
    assert load(Kind.SEARCHER, searcher).version == 3
    assert startup.of_run(header(searcher=searcher, searcher_version=2, settings=settings)) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"searcher_version": 1},  # its settings may have meant something else
        {"searcher_version": 1, "settings": {"initial": 25}},
        {"searcher_version": 2},  # whose default was another one
        {"searcher_version": 99, "settings": {"initial": 25}},
        {"settings": {"initial": "many"}},
        {"settings": {"unheard_of": 1}},
        {"provenance": {"startup": "-3"}, "searcher_version": 1},
        {"provenance": {"startup": "9" * 5000}, "searcher_version": 1},
    ],
)
def test_of_a_record_that_does_not_say_nothing_is_made_up(changes) -> None:
    assert startup.of_run(header(**changes)) is None
