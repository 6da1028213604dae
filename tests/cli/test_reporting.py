"""``harness report`` as a user gives it: the file, the remark, and one line for every mistake."""

from __future__ import annotations

import html
import importlib
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.main import app, main
from harness.race.store import rows
from harness.race.store.ledger import Ledger


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Two searchers under one protocol, and the confirmation of what they found."""
    folder = tmp_path_factory.mktemp("store")
    common = ("--protocol", "toy-quadratic", "--workers", "1", "--quiet", "--results", str(folder))
    invoke("race", "--searchers", "gp,random", "--children", "14", "--seeds", "0-1", *common)
    invoke("confirm", "--top", "2", "--seeds", "0-1", "--workers", "1", "--quiet", "--results", str(folder))
    invoke("run", "--searcher", "random", "--children", "3", "--seeds", "0", *common)
    return folder


def test_the_report_lies_in_the_results_folder(store: Path) -> None:
    told = invoke("report", "--results", str(store))
    page = (store / "report.html").read_text(encoding="utf-8")
    assert "report.html: 7 runs" in told
    assert "Which search works?" in page
    assert 'id="r1-c1"' in page
    assert 'id="b2"' in page


def test_one_board_alone_and_without_replay(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "one.html"
    invoke("report", "--results", str(store), "--to", str(file), "--board", "1", "--no-replay")
    page = file.read_text(encoding="utf-8")
    assert 'id="b1"' in page
    assert 'id="b2"' not in page
    assert 'id="r1-c1"' in page
    assert "Searchers were not asked" in page
    second = tmp_path / "two.html"
    invoke("report", "--results", str(store), "--to", str(second), "--board", "2")
    assert 'id="b2"' in second.read_text(encoding="utf-8")
    assert 'id="r1-c1"' not in second.read_text(encoding="utf-8")


def test_a_search_is_read_by_its_results_alone(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may have hundreds of thousands of trials: none of them is taken apart, nor its function worked out."""
    parsed: list[object] = []
    real = rows.outcome_from
    monkeypatch.setattr(rows, "outcome_from", lambda cells: parsed.append(cells) or real(cells))
    invoke("report", "--results", str(store), "--to", str(tmp_path / "report.html"), "--no-replay")
    monkeypatch.undo()
    assert len(parsed) == sum(len(each.trials) for each in Ledger.read(store).confirmations()) > 0


OUTSIDE = """
from harness.contracts import Origin
from harness.searchers.random_search import RandomSearch

class Mine(RandomSearch):
    def __init__(self, space, *, seed, {setting}: int = 3):
        super().__init__(space, seed=seed)

    def origin(self, rule):
        return {origin}
"""
TOLD = 'Origin(how="drawn by an outsider")'


@pytest.fixture
def outsiders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store of a searcher that is not registered; write its module anew and make the report."""
    results = tmp_path / "results"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(setting: str, origin: str) -> None:
        (tmp_path / "outside_searcher.py").write_text(OUTSIDE.format(setting=setting, origin=origin))
        sys.modules.pop("outside_searcher", None)
        importlib.invalidate_caches()

    def page(*arguments: str, setting: str = "depth", origin: str = TOLD) -> str:
        write(setting, origin)
        invoke("report", "--results", str(results), *arguments)
        return (results / "report.html").read_text(encoding="utf-8")

    write("depth", TOLD)
    common = ("--workers", "1", "--quiet", "--results", str(results))
    search = ("--searcher", "outside_searcher:Mine", "--set", "depth=5", "--protocol", "toy-quadratic")
    invoke("run", *search, "--children", "5", "--seeds", "0", *common)
    invoke("confirm", "--top", "1", "--seeds", "0", *common)
    yield page
    sys.modules.pop("outside_searcher", None)


def test_a_module_that_a_run_names_is_imported_only_when_told_to(outsiders) -> None:
    page = outsiders()
    assert "outside_searcher" not in sys.modules
    assert "outside_searcher:Mine is not registered" in page
    assert "drawn by an outsider" not in page
    assert "drawn by an outsider" in outsiders("--replay")
    assert "outside_searcher" in sys.modules


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"setting": "breadth"}, "could not be replayed: setting: expected one of breadth"),
        ({"origin": "1 / 0"}, "could not be replayed: ZeroDivisionError: division by zero"),
        ({"origin": TOLD + "\n\n    def ask(self, count):\n        raise KeyError(count)"}, "replayed: KeyError: 5"),
    ],
)
def test_a_searcher_that_breaks_is_a_note(outsiders, change: dict[str, str], said: str) -> None:
    page = outsiders("--replay", **change)
    assert said in html.unescape(page)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--board", "9"), "board 9: expected a number up to 2, got 9"),
        (("--to", "/dev/null/report.html"), "file /dev/null/report.html: expected a place that can be written"),
        (("--results", "nowhere"), "expected a ledger, got none"),
    ],
)
def test_mistakes_are_one_line(store: Path, arguments, said: str, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "report", "--results", str(store), *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert said in printed.err
    assert printed.err.count("\n") == 1
