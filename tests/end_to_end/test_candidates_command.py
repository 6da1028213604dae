"""``harness confirm --candidate`` as a user meets it: killed, exported and imported, on boards and pages."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest
from commands import dumps, harness, here, stand

CHILD = ("--protocol", "tiny_child:PROTOCOL", "--data", "tiny_child:images", "--workers", "1")
CANDIDATES = ("torch:AdamW(weight_decay=0)", "torch:Adam", "m * exp(g2)", "torch:adafactor")
CONFIRM = ("confirm", *CHILD, "--seeds", "0-1", *(part for text in CANDIDATES for part in ("--candidate", text)))
NAMES = {"torch AdamW(weight_decay=0.0)", "torch Adam", "torch Adafactor", "m * exp(g2)"}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the confirmation; nothing is written into it."""
    folder = tmp_path_factory.mktemp("confirmed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        board, said = harness(*CONFIRM, results=folder)
    assert "confirming 11 candidates, 7 known and 4 other" in said
    assert "torch Adafactor" in board
    return folder


def rules_of(folder: Path) -> list[dict]:
    shown, _ = here("leaderboard", "--rules", "--format", "json", results=folder)
    (board,) = json.loads(shown)["rules_boards"]
    assert board["figure"] == "test"
    assert "torch" in board["environment"]
    return board["rules"]


def test_candidates_stand_beside_rules_on_the_board(confirmed: Path) -> None:
    found = {each["known"] or each["rule"]: each for each in rules_of(confirmed)}
    assert found.keys() >= {*NAMES, "sgd", "adam"}
    without, adam = found["torch AdamW(weight_decay=0.0)"], found["torch Adam"]
    assert without["test"] == adam["test"], "AdamW without decay is Adam"
    assert without["tokens"].startswith("torch:AdamW(weight_decay=0.0;amsgrad=False,betas=(0.9,0.999),")
    assert (adam["means"], adam["complexity"], adam["known"]) == (None, None, "")
    assert adam["paired"] is not None
    assert {one["learning_rate"] for one in adam["retrainings"]} <= {1e-3, 1e-2, 1e-1}
    runs, _ = here("runs", results=confirmed)
    assert "confirms 11 candidates" in " ".join(runs.split())
    table, _ = here("leaderboard", "--rules", "--format", "csv", results=confirmed)
    assert {row["known"] or row["rule"] for row in csv.DictReader(table.splitlines())} == found.keys()
    page, _ = here("leaderboard", "--rules", "--format", "md", results=confirmed)
    assert "torch AdamW(weight_decay=0.0)" in page


def test_a_killed_confirmation_goes_on_to_the_same_ledger(confirmed: Path, tmp_path: Path) -> None:
    process = stand(*CONFIRM, results=tmp_path, after=9)  # the tenth is the second of torch's
    process.kill()
    process.communicate()
    harness(*CONFIRM, results=tmp_path)
    assert sorted(dumps(tmp_path)) == sorted(dumps(confirmed))
    _, said = here(*CONFIRM, results=tmp_path)
    assert "2 of 2 runs are already finished" in said


def test_it_is_exported_and_imported_whole(confirmed: Path, tmp_path: Path) -> None:
    here("export", "--to", str(tmp_path / "files"), results=confirmed)
    here("import", str(tmp_path / "files"), results=tmp_path / "other")
    assert sorted(dumps(tmp_path / "other")) == sorted(dumps(confirmed))
    assert rules_of(tmp_path / "other") == rules_of(confirmed)
    here("export", "--format", "csv", "--to", str(tmp_path / "tables"), results=confirmed)
    with (tmp_path / "tables" / "trials.csv").open() as file:
        assert {row["rule"] for row in csv.DictReader(file)} >= NAMES


def test_the_report_has_a_card_and_the_command_for_each(confirmed: Path, tmp_path: Path) -> None:
    here("report", "--to", str(tmp_path / "report.html"), results=confirmed)
    page = (tmp_path / "report.html").read_text()
    for wanted in ("<code>torch Adafactor</code>", "beta2_decay=-0.8"):
        assert wanted in page, wanted
    words = re.sub(r"<[^>]*>", "", page[page.index('<p class="command">') :])
    assert "--candidate 'torch:AdamW(weight_decay=0.0)' --candidate torch:Adam" in html.unescape(words)
