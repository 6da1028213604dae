"""``harness confirm`` as a user meets it, in processes of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import PATIENCE_SECONDS, dumps, harness, here, records, stand, start

SEARCH = ("run", "--searcher", "random", "--protocol", "toy-quadratic", "--workers", "1", "--seeds", "0")
CONFIRM = ("confirm", "--top", "2", "--workers", "1")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one finished search; copy it before writing."""
    folder = tmp_path_factory.mktemp("searched")
    here(*SEARCH, "--children", "6", results=folder)
    return folder


def copied(folder: Path, place: Path) -> Path:
    place.mkdir()
    (place / "ledger.sqlite").write_bytes((folder / "ledger.sqlite").read_bytes())
    return place


def test_a_killed_confirmation_goes_on_to_the_same_ledger(searched: Path, tmp_path: Path) -> None:
    plain, killed = copied(searched, tmp_path / "plain"), copied(searched, tmp_path / "killed")
    board, said = here(*CONFIRM, "--seeds", "0-1", results=plain)
    assert "known and 2 other" in said
    assert "Confirmed rules" in board
    assert "0-1, fresh" in board
    process = stand(*CONFIRM, "--seeds", "0-1", results=killed, after=7)  # the search in the store had 6
    process.kill()
    process.communicate()
    kept = sum(len(each.trials) for each in records(killed) if not each.header.searches)
    assert 7 <= kept < 2 * 9
    listed, _ = here("runs", results=killed)
    assert "confirms 9 rules" in " ".join(listed.split())
    harness(*CONFIRM, "--seeds", "0-1", results=killed)
    assert sorted(dumps(killed)) == sorted(dumps(plain))
    searchers, _ = here("leaderboard", results=killed)
    assert "confirm-" not in searchers
    assert "Confirmed" not in searchers
    shown, _ = here("leaderboard", "--rules", "--format", "json", results=killed)
    (told,) = json.loads(shown)["rules_boards"]
    assert (told["seeds"], told["figure"], len(told["rules"])) == ([0, 1], "validation", 9)
    nominated = [each for each in told["rules"] if each["finders"]]
    assert {each["finders"][0]["label"] for each in nominated} == {"random"}


def test_a_rule_of_ones_own_needs_no_search(tmp_path: Path) -> None:
    arguments = ("confirm", "--rule", "m * exp(g2)", "--protocol", "toy-quadratic", "--seeds", "0", "--workers", "1")
    board, _ = harness(*arguments, results=tmp_path)
    assert "m * exp(g2)" in board
    again, said = here(*arguments, results=tmp_path)
    assert "1 of 1 runs are already finished" in said
    assert again == board


def test_several_boards_are_not_chosen_from_by_guessing(searched: Path, tmp_path: Path) -> None:
    both = copied(searched, tmp_path / "both")
    here(*SEARCH, "--children", "3", results=both)
    process = start(*CONFIRM, results=both)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert "Choose with --board: 1 is icml2017 n=2" in err
    assert "3 children" in err
    board, _ = here(*CONFIRM, "--board", "2", "--seeds", "0", results=both)
    assert "3 children a search" in board
    beyond = start(*CONFIRM, "--board", "7", results=both)
    out, err = beyond.communicate(timeout=PATIENCE_SECONDS)
    assert (beyond.returncode, out, err.count("\n")) == (2, "", 1)
    assert "only boards 1 to 2" in err
