"""Which runs a section of the report speaks of: its own board's, and no other's."""

from __future__ import annotations

from confirming import confirmed

from harness.board.report.document import FINDERS_TRACED, report, sightings
from harness.race.protocols import Budget

SCORES = {"m": [0.6, 0.7], "g * v": [0.7, 0.8]}


def test_a_rule_comes_from_the_searches_of_its_own_board(run) -> None:
    here, there = (
        run(0.3, 0.9, searcher="gp", budget=budget, started=started)
        for budget, started in ((Budget(4, 8), 1.0), (Budget(5, 9), 2.0))
    )
    scores = {"m": [0.6], str(here.trials[1].rule): [0.7]}
    confirmations = [
        *(confirmed(each.header, scores, searched=each.header.comparable, started=5.0) for each in (here, there)),
        confirmed(here.header, scores, started=7.0),
    ]
    sections = report([here, there, *(record for own in confirmations for record in own)]).rules
    came_from = [
        [(seen.label, seen.header.budget.children) for card in section.cards for seen, _ in card.sightings]
        for section in sections
    ]
    assert sorted(came_from) == [[], [("gp", 4)], [("gp", 5)]]


def test_rules_named_by_hand_have_the_provenance_of_their_own_runs(run) -> None:
    search = run(0.4, 0.9)
    nominated = confirmed(search.header, SCORES, searched=search.header.comparable, provenance={"commit": "theirs"})
    lost = confirmed(search.header, SCORES, searched="0" * 16, provenance={"commit": "lost"}, started=6.0)
    by_hand = confirmed(search.header, {"m": [0.6]}, provenance={"commit": "ours"}, started=7.0)
    sections = report([search, *nominated, *lost, *by_hand]).rules
    told = [[(each.seeds, dict(each.machine)["commit"]) for each in section.provenance] for section in sections]
    assert told == [[((0, 1), "theirs")], [((0, 1), "lost")], [((0,), "ours")]]


def test_only_the_finders_that_a_card_shows_are_replayed(run) -> None:
    """A replay leads a searcher through its run once more, which takes long after thousands of proposals."""
    searches = [run(0.2, 0.4, 0.5, searcher=f"searcher{place}") for place in range(FINDERS_TRACED + 2)]
    made = confirmed(
        searches[0].header, {str(searches[0].trials[1].rule): [0.4]}, searched=searches[0].header.comparable
    )
    assert [each.label for each in sightings([*searches, *made])] == [f"searcher{place}" for place in range(6)]
