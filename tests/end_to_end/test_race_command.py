"""``harness race`` as a process of its own: several searchers, one board, killed and resumed."""

import json
from pathlib import Path

from commands import dumps, harness, here, records, stand

RACE = ("race", "--protocol", "toy-quadratic", "--workers", "1", "--searchers", "random,evolution")


def test_a_race_ends_with_one_board_of_all_its_searchers(tmp_path: Path) -> None:
    settings = ("--set", "evolution.population=9", "--set", "evolution.tournament=4")
    out, err = harness(*RACE, "--children", "6", "--seeds", "0-2", *settings, results=tmp_path)
    assert out.count("Leaderboard") == 1
    assert "run 6 of 6" in err
    (board,) = json.loads(here("leaderboard", "--format", "json", results=tmp_path)[0])["boards"]
    assert {entrant["searcher"] for entrant in board["entrants"]} == {"random", "evolution"}
    assert all(entrant["seeds"] == [0, 1, 2] for entrant in board["entrants"])
    recorded = {record.header.searcher: record.header.settings for record in records(tmp_path)}
    assert (recorded["evolution"]["population"], recorded["evolution"]["tournament"]) == (9, 4)
    assert recorded["random"] == {}


def test_a_killed_race_goes_on_to_the_same_ledger(tmp_path: Path) -> None:
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    command = (*RACE, "--children", "20", "--seeds", "0-1")
    here(*command, results=plain)
    process = stand(*command, results=killed, after=8)
    process.kill()
    process.communicate()
    assert len(records(killed)) < 4
    _, remarks = harness(*command, results=killed)
    assert "on icml2017" in remarks
    assert sorted(dumps(killed)) == sorted(dumps(plain))
