"""Which runs a section of the report speaks of: its own board's, and no other's."""

from __future__ import annotations

from confirming import confirmed

from harness.board.report.document import report

SCORES = {"m": [0.6, 0.7], "g * v": [0.7, 0.8]}


def test_rules_named_by_hand_have_the_provenance_of_their_own_runs(run) -> None:
    search = run(0.4, 0.9)
    nominated = confirmed(search.header, SCORES, searched=search.header.comparable, provenance={"commit": "theirs"})
    lost = confirmed(search.header, SCORES, searched="0" * 16, provenance={"commit": "lost"}, started=6.0)
    by_hand = confirmed(search.header, {"m": [0.6]}, provenance={"commit": "ours"}, started=7.0)
    sections = report([search, *nominated, *lost, *by_hand]).rules
    told = [[(each.seeds, dict(each.machine)["commit"]) for each in section.provenance] for section in sections]
    assert told == [[((0, 1), "theirs")], [((0, 1), "lost")], [((0,), "ours")]]
