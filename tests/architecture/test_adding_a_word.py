"""Adding a word touches one module: with a record more in ``words.py``, the whole program knows it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from as_installed import ROOT, lay_out

from harness.space import words
from harness.space.vocabulary import BY_NAME

PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
CUBE = textwrap.indent(PAGE[PAGE.index('Word(\n    "cube",') :].partition("\n```")[0], "    ").strip() + ","
RECORDS = {  # the kind whose list a record ends
    "OPERANDS": 'Word("g4", "operand", Node("mul", (SQUARE, SQUARE)), edition="cubes", zero_where=("g", "v")),',
    "UNARY": f"""{CUBE}
    Word(
        "softsign",
        "unary",
        Node("over", (X, Node("add", (constant(1.0), Node("abs", (X,)))))),
        edition="cubes",
        zero_where=("x",),
        parity="odd",
        finite=True,
    ),
    Word("bound", "unary", Node("clamp", (Node("exp", (X,)),), 1e-3), edition="cubes", finite=True),""",
    "BINARY": 'Word("mid", "binary", Node("mul", (constant(0.5), Node("add", (X, Y)))), edition="cubes", finite=True),',
}


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as they are installed, with five records more."""
    folder = lay_out(tmp_path_factory.mktemp("extended"))
    path = folder.joinpath(*words.__name__.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    for kind, record in RECORDS.items():
        start = text.index(f"\n{kind} = (\n")
        end = text.index("\n)\n", start)
        text = f"{text[:end]}\n    {record}{text[end:]}"
    path.write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the extended packages are the ones that are imported."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )


@pytest.mark.parametrize("check", ["notations", "editions", "probed", "training", "exported"])
def test_a_word_is_known_wherever_words_are_read(check: str, extended: Path, tmp_path: Path) -> None:
    done = run(extended, str(Path(__file__).with_name("using_new_words.py")), check, str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_search_and_the_command_line_know_the_word(extended: Path, tmp_path: Path) -> None:
    shown = run(extended, "-m", "harness", "rule", "show", "cube(m)")
    assert shown.returncode == 0, shown.stderr
    assert r"\hat{m}^{3}" in shown.stdout
    space = ("--space", "cubes", "--blocks", "1", "--operands", "g,g4,m", "--unary", "id,cube", "--binary", "mul,mid")
    searched = ("run", "--searcher", "random", *space, "--protocol", "toy-quadratic", "--children", "4", "--quiet")
    done = run(extended, "-m", "harness", *searched, "--workers", "1", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "cubes" in done.stdout


def test_no_edition_keeps_what_was_added() -> None:
    assert not {"cube", "softsign", "bound", "mid", "g4"} & BY_NAME.keys()
