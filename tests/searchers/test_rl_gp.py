"""``rl+gp``: who proposes when, and who hears of what. Its promises as a searcher are the conformance suite's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.contracts import Outcome, Rule, Status, Trial
from harness.searchers.gp import GeneticProgramming
from harness.searchers.rl.agent import ReinforcementLearning
from harness.searchers.rl_gp import ControllerSeededGP
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, str, object]]:
    """(who, what, how many rules or which trials) of every call of the two parts."""
    made: list[tuple[str, str, object]] = []
    for who, part in (("rl", ReinforcementLearning), ("gp", GeneticProgramming)):
        ask, tell = part.ask, part.tell

        def asked(self, count, who=who, ask=ask):
            made.append((who, "ask", count))
            return ask(self, count)

        def told(self, trials, who=who, tell=tell):
            made.append((who, "tell", [trial.rule.key for trial in trials]))
            return tell(self, trials)

        monkeypatch.setattr(part, "ask", asked)
        monkeypatch.setattr(part, "tell", told)
    return made


def trials(rules: Sequence[Rule], scores: Sequence[float], *, start: int = 0) -> list[Trial]:
    return [
        Trial(start + number, rule, Outcome(status=Status.OK, score=score, learning_rate=1.0, examples=1, seconds=0.0))
        for number, (rule, score) in enumerate(zip(rules, scores, strict=True))
    ]


def test_the_first_population_is_the_controllers_and_later_its_share(calls) -> None:
    searcher = ControllerSeededGP(SPACE, seed=0, samples=10, share=0.3)
    asked = []
    for batch in range(6):
        calls.clear()
        rules = searcher.ask(5)
        asked.append(next(count for who, what, count in calls if (who, what) == ("rl", "ask")))
        searcher.tell(trials(rules, [0.1] * 5, start=5 * batch))
    assert asked == [5, 5, 1, 2, 1, 2], "ten to begin with, then three of every ten"


def test_the_whole_lot_joins_the_population_and_the_controller_hears_of_its_own_and_of_new_elites(calls) -> None:
    searcher = ControllerSeededGP(SPACE, seed=0, samples=5, share=0.0, elites=2)
    first = searcher.ask(5)
    searcher.tell(trials(first, [0.5, 0.4, 0.3, 0.2, 0.1]))
    bred = searcher.ask(5)
    assert not {rule.key for rule in bred} & {rule.key for rule in first}
    calls.clear()
    searcher.tell(trials(bred, [0.45, 0.9, 0.3, 0.95, 0.2], start=5))
    heard = {who: keys for who, what, keys in calls if what == "tell"}
    assert heard["gp"] == [rule.key for rule in bred]
    assert heard["rl"] == [bred[0].key, bred[1].key, bred[3].key], "each among the two best when it was told"


def test_without_elites_the_controller_hears_of_its_own_alone(calls) -> None:
    searcher = ControllerSeededGP(SPACE, seed=0, samples=5, share=0.0, elites=0)
    searcher.tell(trials(searcher.ask(5), [0.5] * 5))
    bred = searcher.ask(5)
    calls.clear()
    searcher.tell(trials(bred, [0.9] * 5, start=5))
    assert ("rl", "tell", []) in calls
