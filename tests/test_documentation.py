"""What README, CONTRIBUTING and ``docs/`` say is so: commands are read, links lead somewhere, citations are found."""

from __future__ import annotations

import ast
import csv
import importlib.util
import io
import re
import shlex
import sqlite3
import sys
import textwrap
import tokenize
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import harness
from harness import registry
from harness.board.rules.known import candidate
from harness.cli.commands import COMMANDS, loaded
from harness.cli.main import app
from harness.cli.terminal.examples import EXAMPLES
from harness.conformance import check_box_optimizer, check_searcher, check_task, failures
from harness.contracts import Rule
from harness.errors import HarnessError
from harness.registry import Kind

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "results").rglob("*.md")),
]
CODE = sorted(path for folder in ("harness", "searchers", "tasks") for path in (ROOT / folder).rglob("*.py"))
SCIENCE = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in some language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """The comments and texts of a module; not its code, where brackets are indexes."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", None)}
    with tokenize.open(path) as source:
        return "\n".join(token.string for token in tokenize.generate_tokens(source.readline) if token.type in kinds)


def commands() -> Iterator[tuple[str, str]]:
    """Every command that a page shows, with the page's name; not the options of the program itself, which install."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for part in re.split(r"&&|\n", block.replace("\\\n", " ")):
                words = shlex.split(part, comments=True)
                if words and words[0].rpartition("/")[2] == "harness" and not words[1].startswith("-"):
                    yield named(page), part.strip()


def read(words: list[str]) -> None:
    """Read a command's words as the command line does, without running it; a mistake raises."""
    command, rest = loaded(words[0]), words[1:]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(words[0], rest)


@pytest.mark.parametrize("command", [pytest.param(command, id=f"{page}: {command}") for page, command in commands()])
def test_every_command_that_a_page_shows_is_read(command: str) -> None:
    read(shlex.split(command.partition(" > ")[0], comments=True)[1:])


@pytest.mark.parametrize("path", EXAMPLES, ids=" ".join)
def test_every_example_is_read_and_stands_whole_in_the_help(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"}).output.splitlines()
    for example in EXAMPLES[path]:
        assert tuple(example.split()[1 : 1 + len(path)]) == path
        read(shlex.split(example.partition(" > ")[0])[1:])
        assert f"    {example}" in shown


def test_every_command_has_an_example() -> None:
    leaves = set()
    for name in COMMANDS:
        inner = getattr(loaded(name), "commands", None)
        leaves |= {(name,)} if inner is None else {(name, each) for each in inner}
    assert leaves == set(EXAMPLES)


def test_the_readme_shows_the_two_commands() -> None:
    search, tests, table = (block.strip() for block in blocks(ROOT / "README.md", "sh"))
    for command in (search, tests):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e ")
    assert search.endswith(" -e . && .venv/bin/harness run --searcher rl")
    assert tests.endswith(" -e '.[test]' && .venv/bin/pytest -q -n auto")
    assert table.startswith(".venv/bin/harness race --protocol table-signs ")  # what a new user is shown next


def test_completion_knows_the_commands_and_their_options() -> None:
    for words, expected in {
        "harness rac": "race",
        "harness rule sc": "score",
        "harness run --searc": "--searcher",
    }.items():
        asked = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        result = CliRunner().invoke(app, [], env=asked, prog_name="harness")
        assert result.output.split() == [expected]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [
        link
        for link in links
        if (path := link.partition("#")[0])
        and not (page.parent / path).exists()
        and not path.removeprefix("../").startswith("reference/")  # generated
    ]
    assert missing == []


@pytest.mark.parametrize("page", [path for path in PAGES if "studies" not in path.parts], ids=named)
def test_every_path_and_module_that_a_page_names_is_there(page: Path) -> None:
    quoted = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    top = r"(?:docs|harness|searchers|tasks|results|tests)"
    paths = {text for text in quoted if re.fullmatch(rf"{top}/[\w./-]*", text)}
    left_by_runs = {"results/ledger.sqlite", "results/tables/unfinished"}
    assert [path for path in sorted(paths - left_by_runs) if not (ROOT / path).exists()] == []
    modules = {text for text in quoted if re.fullmatch(r"harness(?:\.\w+)+", text)}
    assert [name for name in sorted(modules) if not importable(name)] == []


def importable(name: str) -> bool:
    """Whether a dotted name is a module, what a module holds, or a group of entry points."""
    module, attributes = name, []
    while True:
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attributes.insert(0, last)
            continue
        held = all((found := getattr(found, each, None)) is not None for each in attributes)
        return held or name in {f"harness.{kind}" for kind in Kind}


def test_a_rule_passes_the_calls_that_the_page_lists_in_their_order(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "child.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(harness[\w.]+)` \|", page, re.MULTILINE)
    made: dict[str, None] = {}

    def follow(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            made[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] = None

    before = sys.getprofile()
    sys.setprofile(follow)
    try:
        harness.race(["random"], protocol="toy-quadratic", children=1, seeds=1, results=tmp_path, progress=False)
    finally:
        sys.setprofile(before)
    assert len(listed) > 15
    assert [call for call in made if call in listed] == listed


def test_every_section_that_the_code_cites_is_in_the_science() -> None:
    sections = set(re.findall(r"^\(protocol-(\d+)\)=\n## \1\. ", SCIENCE, re.MULTILINE))
    cited = {
        (number, named(path))
        for path in CODE
        for several in re.findall(r"protocol\s+(§\d+(?:(?:,| and) §\d+)*)", prose(path))
        for number in re.findall(r"\d+", several)
    }
    assert {number for number, _ in cited} >= {"1", "2", "3", "4", "5"}
    assert [each for each in sorted(cited) if each[0] not in sections] == []


def test_every_source_that_the_code_cites_is_in_the_science() -> None:
    listed = set(re.findall(r"^\(([a-z0-9-]+)\)=\n\[([A-Z0-9-]+)\]\n: ", SCIENCE, re.MULTILINE))
    assert all(label == tag.lower() for label, tag in listed)
    tags = {tag for _, tag in listed}
    cited = {
        (tag, named(path))
        for path in CODE
        for tag in re.findall(r"(?<![\w\])])\[([A-Z][A-Z0-9]+(?:-[A-Z]+)?)\](?![\w.])", prose(path))
    }
    assert {tag for tag, _ in cited} >= {"NOS", "L2L"}
    assert [each for each in sorted(cited) if each[0] not in tags] == []


def test_every_paper_that_the_code_cites_is_in_the_science() -> None:
    lines = SCIENCE.splitlines()
    cited = {
        (name, year, named(path))
        for path in CODE
        for name, year in re.findall(r"\b([A-Z][a-z]+)(?: et al\.)? ((?:19|20)\d\d)\b", prose(path))
    }
    assert len(cited) > 20
    assert [each for each in sorted(cited) if not any(each[0] in line and each[1] in line for line in lines)] == []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished search, and a confirmation of its best."""
    folder = tmp_path_factory.mktemp("results")
    small = ["--protocol", "toy-quadratic", "--results", str(folder), "--workers", "1", "--quiet"]
    run("run", "--searcher", "random", "--children", "2", "--seeds", "0", *small)
    run("confirm", "--top", "1", "--seeds", "0", *small)
    return folder


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def formats() -> set[str]:
    """All that the page on file formats quotes."""
    return set(re.findall(r"`([^`\n]+)`", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")))


def test_the_formats_name_every_column_of_the_csv_files(store: Path, formats: set[str], tmp_path: Path) -> None:
    run("export", "--format", "csv", "--to", str(tmp_path), "--results", str(store))
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.csv")}
    assert texts.keys() <= formats
    texts |= {
        name: run("leaderboard", "--format", "csv", "--results", str(store), *more)
        for name, more in {"board": [], "rules": ["--rules"]}.items()
    }
    for name, text in texts.items():
        columns = next(csv.reader(io.StringIO(text)))
        assert len(columns) > 3
        assert [column for column in columns if column not in formats] == [], name


def test_the_formats_name_every_column_of_the_ledger(store: Path, formats: set[str]) -> None:
    with sqlite3.connect(store / "ledger.sqlite") as ledger:
        tables = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {table: [row[1] for row in ledger.execute(f"PRAGMA table_info({table})")] for table in tables}
    assert set(tables) <= formats
    assert {(table, name) for table, names in columns.items() for name in names if name not in formats} == set()


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules with what the page on extending shows: a searcher, a task, a family and a box optimizer."""
    searcher, task, family, *others = blocks(ROOT / "docs" / "extend.md", "python")
    (box,) = [each for each in others if "class Halving" in each]
    (tmp_path / "hill.py").write_text(searcher, encoding="utf-8")
    (tmp_path / "regression.py").write_text(task, encoding="utf-8")
    (tmp_path / "lion.py").write_text(family, encoding="utf-8")
    (tmp_path / "halving.py").write_text(box, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("shown")
def test_the_searcher_that_is_shown_keeps_the_promises() -> None:
    assert failures(check_searcher("hill:HillClimbing")) == []


@pytest.mark.usefixtures("shown")
def test_the_optimizer_of_the_box_that_is_shown_keeps_the_promises() -> None:
    assert failures(check_box_optimizer("halving:Halving", settings={"patience": 10})) == []


@pytest.mark.usefixtures("shown")
def test_the_task_that_is_shown_keeps_the_promises() -> None:
    module = importlib.import_module("regression")
    assert failures(check_task("regression:Regression", protocol=module.PROTOCOL)) == []
    outcomes = module.Regression(module.PROTOCOL, None).evaluate([Rule.parse("g"), Rule.parse("-g")], seed=0)
    assert outcomes[0].score > 0.9 > outcomes[1].score


@pytest.mark.usefixtures("shown")
def test_the_task_that_is_shown_trains_on_one_thread_and_lets_a_machine_without_memory_end_the_run() -> None:
    module = importlib.import_module("regression")
    task, threads = module.Regression(module.PROTOCOL, None), list[int]()
    before = torch.get_num_threads()

    def fail(*_: object) -> None:
        threads.append(torch.get_num_threads())
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Fit", fail)
        with pytest.raises(HarnessError, match="expected a machine that can train it"):
            task.evaluate([Rule.parse("g")], seed=0)
    assert threads == [1]
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("shown")
def test_the_family_of_candidates_that_is_shown_is_read_and_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_HERE", {kind: {} for kind in Kind})
    module = importlib.import_module("lion")
    harness.register("candidate", "lion", module.family)
    found = candidate("lion:Lion(beta1=0.5)")
    assert (found.infix, found.key) == ("lion Lion(beta1=0.5)", candidate("lion:Lion(beta2=0.99,beta1=0.5)").key)
    weight = torch.nn.Parameter(torch.full((3,), 5.0))
    optimizer = found.build([weight], learning_rate=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.abs().max() < 1
    for wrong in ("lion:Tiger", "lion:Lion(beta3=1)", "lion:Lion(beta1=2)"):
        with pytest.raises(HarnessError, match=r"candidate lion, .*expected"):
            candidate(wrong)


@pytest.mark.parametrize("page", [ROOT / "docs" / "python.md"], ids=named)
def test_what_a_page_shows_in_python_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {"model": torch.nn.Linear(3, 1)}
    for block in blocks(page, "python"):
        exec(compile(block, named(page), "exec"), seen)
    assert [len(row.curve) for row in seen["board"].rows] == [30, 30]
    assert len(seen["figure"].data) == 4
    assert len(seen["runs"].data) == 6
    assert "fill" in (tmp_path / "best-so-far.html").read_text(encoding="utf-8")
    assert len(seen["frame"]) == seen["store"].trials.rows
    assert {"g * exp(sign(g) * sign(m))", "m * exp(v)"} <= {rule.infix for rule in seen["confirmed"].rules}
    assert [board.protocol.name for board in seen["earlier"]] == ["toy-quadratic"]


@pytest.mark.parametrize(("page", "code"), [(named(page), code) for page in PAGES for code in blocks(page, "python")])
def test_every_shown_piece_of_python_is_python(page: str, code: str) -> None:
    ast.parse(textwrap.dedent(code), page)


def test_the_generated_reference_holds_every_command_and_example(generated: ModuleType) -> None:
    text = generated.commands()
    for path, examples in EXAMPLES.items():
        section = text.partition(f"# `harness {' '.join(path)}`\n")[2]
        assert "\n".join(examples) in section.partition("\n#")[0]


def test_the_generated_list_of_modules_holds_every_module_below_harness(generated: ModuleType) -> None:
    listed = generated.top_level()
    assert listed[0] == "harness.contracts"
    below = {
        path.stem for path in (ROOT / "harness").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert set(listed) == {
        f"harness.{name}" for name in below - {"__init__", "__main__", "cli"} | {"searchers", "tasks"}
    }


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_tool_that_is_declared_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    pinned = [line.partition("==")[0].lower().replace("_", "-") for line in lines]
    assert all(first != second for first, second in pairwise(sorted(pinned)))
    declared = [
        *PROJECT["dependencies"],
        *(each for extra in PROJECT["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[\[>=<]", each)[0].lower() for each in declared} - {PROJECT["name"]}
    assert names <= set(pinned)


def test_the_documentations_tools_are_an_extra_of_their_own() -> None:
    extras = PROJECT["optional-dependencies"]
    tools = {re.split(r"[>=<]", each)[0] for each in extras["docs"]}
    others = [*PROJECT["dependencies"], *(each for name, extra in extras.items() if name != "docs" for each in extra)]
    assert tools
    assert not tools & {re.split(r"[\[>=<]", each)[0] for each in others}
    assert not any("docs" in each for each in others)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["version"] == harness.__version__
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [harness.__version__]
