"""Starting is importing: what commands that train nothing must leave alone; and lazy commands are as listed."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from harness.cli.commands import COMMANDS, loaded
from harness.cli.main import app
from harness.registry import BUILT_IN, Kind

TRAINING = {"torch", "torchvision", "numba", "scipy", "optuna", "distributed", "dask", "sqlite3", "sklearn", "pandas"}
DRAWING = {"rich", "markdown_it", "pygments", "pydantic"}  # Typer takes some of them for help unless it is plain
HELP = [["--help"], ["--version"]]
HELP_OF_EACH = [[name, "--help"] for name in COMMANDS]
LISTS = [["ls", kind] for kind in ("protocols", "searchers", "tasks", "data", "rules", "spaces")]
DETAILS = [
    *(["ls", "searchers", name] for name in BUILT_IN[Kind.SEARCHER]),
    *(["ls", kind, name] for kind, name in (("protocols", "quick"), ("tasks", "child"), ("data", "cifar10"))),
    *(["ls", kind, name] for kind, name in (("rules", "adam"), ("spaces", "icml2017"))),
]


def imported(commands: list[list[str]]) -> set[str]:
    """The modules that a process has loaded after some commands."""
    code = (
        "import contextlib, io, json, sys\n"
        "import harness.cli.terminal.process\n"  # as the entry point does
        "from harness.cli.main import app\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as printed:\n"
        "        assert app(words, standalone_mode=False) in (None, 0)\n"
        "    assert printed.getvalue(), words\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_help_imports_nothing_of_ours_but_the_names_of_the_commands() -> None:
    modules = imported(HELP)
    ours = {name for name in modules if name.partition(".")[0] in ("harness", "searchers", "tasks")}
    cli = {f"harness.cli.{name}" for name in ("commands", "main", "terminal", "terminal.output", "terminal.process")}
    assert ours == {"harness", "harness.cli", "harness.errors", "harness.machine", *cli}
    assert not modules & (TRAINING | DRAWING | {"numpy", "deap"})


@pytest.mark.parametrize(
    ("commands", "spared"),
    [
        (HELP_OF_EACH, TRAINING | DRAWING - {"pydantic"} | {"numpy", "deap"}),  # Typer checks a range's default with it
        (LISTS, TRAINING | {"numpy", "deap", "markdown_it"}),
        (DETAILS, TRAINING | {"markdown_it"}),
    ],
    ids=["help of each command", "lists", "details"],
)
def test_what_trains_nothing_imports_nothing_that_trains(commands: list[list[str]], spared: set[str]) -> None:
    assert imported(commands) & spared == set()


def test_boards_import_neither_torch_nor_the_statistics_that_they_do_not_use(tmp_path: Path) -> None:
    run = ["run", "--searcher", "random", "--protocol", "toy-quadratic", "--children", "2", "--seeds", "0-1"]
    results = ["--results", str(tmp_path)]
    assert app([*run, "--workers", "1", "--quiet", *results], standalone_mode=False) in (None, 0)
    shown = imported([["runs", *results], ["leaderboard", *results], ["leaderboard", "--rules", *results]])
    assert shown & (TRAINING - {"scipy", "sqlite3"} | {"scipy.stats", "scipy.optimize"}) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_by_the_first_line_of_its_own_help(name: str) -> None:
    help = loaded(name).help
    assert help is not None
    assert inspect.cleandoc(help).splitlines()[0] == COMMANDS[name].summary


def test_a_loaded_group_has_its_commands() -> None:
    group = loaded("rule")
    assert set(group.commands) == {"show", "score", "export"}
    assert not any("completion" in (parameter.name or "") for parameter in group.params)
    assert isinstance(group, typer.core.TyperGroup)
