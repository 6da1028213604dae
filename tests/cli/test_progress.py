"""What takes long shows that it goes on, and how long it still takes."""

from __future__ import annotations

import queue
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.report import document
from harness.cli.main import app
from harness.library import live

PATIENCE_SECONDS = 60
Calls = dict[str, list[tuple[int, int]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[str]:
    """What is told without a terminal, where a line is due at once."""
    told: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(live, "LINE_SECONDS", 0.001)
    monkeypatch.setattr(live, "announce", told.put)
    return told


def test_without_a_terminal_lines_tell_how_far_it_is(lines: queue.Queue[str]) -> None:
    with live.counting("counting") as progress:
        assert re.fullmatch(r"counting: \d\d:\d\d so far", lines.get(timeout=PATIENCE_SECONDS))
        progress(1_000, 4_000)
        line = ""
        while "of" not in line:
            line = lines.get(timeout=PATIENCE_SECONDS)
        assert re.fullmatch(r"counting: 1,000 of 4,000; \d\d:\d\d left", line)


def test_work_that_ends_soon_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with live.counting("counting") as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What commands tell of their progress, by what they say that they do."""
    found: Calls = {}

    @contextmanager
    def counting(what: str) -> Iterator[Callable[[int, int], None]]:
        own = found.setdefault(what, [])
        yield lambda done, total: own.append((done, total))

    monkeypatch.setattr(live, "counting", counting)
    return found


def invoke(*arguments: str) -> None:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def rises_to_its_total(told: list[tuple[int, int]]) -> bool:
    totals = {total for _, total in told}
    done = [done for done, _ in told]
    return len(totals) == 1 and done == sorted(done) and done[-1] in totals


def test_a_report_tells_of_every_step(calls: Calls, tmp_path: Path) -> None:
    common = ("--protocol", "toy-quadratic", "--workers", "1", "--quiet", "--results", str(tmp_path))
    invoke("race", "--searchers", "gp,random", "--children", "14", "--seeds", "0", *common)
    invoke("confirm", "--top", "2", "--seeds", "0", *common)
    assert set(calls) == {"judging the runs", "judging the rules"}
    calls.clear()
    invoke("report", "--results", str(tmp_path))
    assert list(calls) == ["reading the ledger", "replaying searches, proposals", "drawing the report"]
    replayed = calls["replaying searches, proposals"]
    assert rises_to_its_total(replayed)
    assert len(replayed) > 2  # more than one for each run: one run may take long


def test_a_count_and_a_score_tell_how_far_they_are(calls: Calls) -> None:
    invoke("space", "count", "--blocks", "2", "--operands", "g,m", "--unary", "id,neg", "--binary", "mul")
    assert len(calls) == 3
    invoke("rule", "score", "g", "--protocol", "toy-quadratic")
    trained = calls.pop("training g, examples")
    assert trained == []  # over in milliseconds
    assert all(rises_to_its_total(told) for told in calls.values())


def test_a_report_is_not_made_for_a_place_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results, there = tmp_path / "results", tmp_path / "there"
    common = ("--protocol", "toy-quadratic", "--workers", "1", "--quiet", "--results", str(results))
    invoke("run", "--searcher", "random", "--children", "1", "--seeds", "0", *common)
    there.write_text("in the way")
    monkeypatch.setattr(document, "report", lambda *_, **__: pytest.fail("made all the same"))
    for place in (results, there / "report.html"):
        line = complaint(capsys, monkeypatch, "report", "--results", str(results), "--to", str(place))
        assert line.startswith(f"harness: file {place}: expected a place that can be written")
