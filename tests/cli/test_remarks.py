"""What the command tidies up or does not use, it says in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import options
from harness.cli.main import app

TOY = ("--protocol", "toy-quadratic", "--operands", "g,m", "--unary", "id", "--binary", "add,sub")
NO_DATA = "not used: protocol toy-quadratic reads no data"


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def search(*arguments: str) -> str:
    done = invoke(*arguments, *TOY, "--children", "1", "--workers", "1")
    assert done.exit_code == 0
    return done.stderr


def test_a_searcher_named_twice_competes_once_and_that_is_said() -> None:
    told = search("race", "--searchers", "random,gp,random", "--seeds", "0")
    assert "--searchers names random more than once; each counts once\n" in told
    assert "more than once" not in search("race", "--searchers", "random,gp", "--seeds", "0")


def test_what_a_search_repeats_is_said() -> None:
    told = invoke("run", "--operands", "g,m,g", "--unary", "id,id", "--binary", "add,add", "--searcher", "x").stderr
    for option, name in (("operands", "g"), ("unary", "id"), ("binary", "add")):
        assert f"--{option} names {name} more than once; each counts once\n" in told
    told = invoke("space", "show", "--constraints", "connected,connected").stderr
    assert told == "--constraints names connected more than once; each counts once\n"


def test_a_list_that_repeats_much_is_told_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert options.distinct([*range(9), *range(8)], "--seeds") == tuple(range(9))
    assert capsys.readouterr().err == "--seeds names 0, 1, 2, 3, 4, ... more than once; each counts once\n"


def test_data_that_a_protocol_does_not_read_is_said() -> None:
    root = ("--data-root", "x")
    assert f"--data is {NO_DATA}\n" in search("run", "--searcher", "random", "--data", "cifar10", "--seeds", "0")
    assert f"--data and --data-root are {NO_DATA}\n" in search(
        "run", "--searcher", "random", "--seeds", "0", "--data", "synthetic", *root
    )
    assert "not used" not in search("run", "--searcher", "random", "--seeds", "0")
    scored = invoke("rule", "score", "g", "--protocol", "toy-quadratic", "--data", "cifar10")
    assert scored.stderr == f"--data is {NO_DATA}\n"


def test_options_of_something_else_are_said() -> None:
    told = invoke("conformance", "no.such:thing", "--rules", "5", "--data", "auto").stderr
    assert "--rules and --data are not used: a searcher is checked without training\n" in told
    told = invoke("conformance", "--box-optimizer", "nosuch", "--rules", "5").stderr
    assert "--rules is not used: a box optimizer is checked without training\n" in told
    told = invoke("conformance", "--task", "nosuch", "--set", "a=1").stderr
    assert "--set is not used: a task has no settings\n" in told
    told = invoke("leaderboard", "--rules", "--top", "3").stderr
    assert "--top is not used: --rules lists all rules that were retrained\n" in told
    told = invoke("run", "--evaluator", "replay", "--workers", "1", "--searcher", "random").stderr
    assert "--workers is not used: --evaluator replay trains nothing\n" in told
    told = invoke("run", "--cluster", "tcp://127.0.0.1:1", "--workers", "1", "--searcher", "nosuch").stderr
    assert "--workers is not used: the cluster decides how many workers there are\n" in told


def test_rules_of_one_function_are_said_and_retrained_once() -> None:
    rules = ("--rule", "adam", "--rule", "g + g", "--rule", "2 * g")
    told = invoke("confirm", *rules, "--unfinished", "--protocol", "toy-quadratic", "--seeds", "1", "--workers", "1")
    assert "'adam' is the known optimizer adam, which is always retrained\n" in told.stderr
    assert "'2 * g' is the same function as 'g + g'; it is retrained once\n" in told.stderr
    assert "--unfinished is not used: without --top" in told.stderr
    assert "confirming 8 rules, 7 known and 1 other" in told.stderr


def test_a_breach_that_breaks_many_checks_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "class Mute:",
        "    batch = 4",
        "    def __init__(self, space, *, seed): pass",
        "    def ask(self, count): pass",
    )
    (tmp_path / "breaching.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    told = " ".join(invoke("conformance", "breaching:Mute").stdout.split())
    assert told.count("FAIL") == 14
    assert told.count("ask(4) returned a NoneType where a list of rules was due") == 2  # here, and in a fresh process
    assert len(re.findall(r": the same (?=FAIL|2 of 16)", told)) == 11


def test_a_setting_given_twice_is_said() -> None:
    twice = ("--set", "gp.batch=1", "--set", "gp.batch=2")
    assert "more than once" not in search("race", "--searchers", "gp", "--seeds", "0", *twice[:2])
    told = search("race", "--searchers", "gp", "--seeds", "0", *twice)
    assert "--set gives batch more than once; the last counts\n" in told


def test_runs_and_files_named_twice_are_said() -> None:
    search("run", "--searcher", "random", "--seeds", "0")
    assert invoke("export", "--to", "files").exit_code == 0
    (path,) = Path("files").iterdir()
    name = path.name.removesuffix("".join(path.suffixes))
    assert f"export names {name} more than once; each counts once\n" in invoke("export", name, name).stderr
    told = invoke("import", str(path), "files", "--results", "other")
    assert f"import names {path} more than once; each counts once\n" in told.stderr
    assert "1 run " in told.stderr


def test_the_stand_in_says_that_it_reads_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.tasks.data import cache, synthetic

    monkeypatch.setattr(cache, "remembered", lambda *_: None)
    told: list[str] = []
    synthetic.load(None, told.append)
    synthetic.load(Path("x"), told.append)
    assert told == ["The stand-in for CIFAR-10 is generated: --data-root x is not used"]
