"""Names that stand for searchers, tasks and data sets."""

from __future__ import annotations

import importlib
import os
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from harness import registry
from harness.contracts import NamedProtocol
from harness.errors import RegistryError
from harness.names import FORMER
from harness.registry import BUILT_IN, Kind, Registered, check_call, load, summary, target

ROOT = Path(__file__).parents[1]


def kind_of(name: str) -> Kind:
    if name.startswith("searchers."):
        return Kind.SEARCHER
    return Kind.DATA if name.startswith("tasks.data.") else Kind.TASK


def test_what_is_built_in_loads() -> None:
    for kind, named in BUILT_IN.items():
        for name in named:
            loaded = load(kind, name)
            assert isinstance(loaded, NamedProtocol) if kind is Kind.PROTOCOL else callable(loaded)


@pytest.mark.parametrize("name", sorted(FORMER))
def test_a_former_name_means_what_it_meant(name: str) -> None:
    assert target(kind_of(name), name) == f"harness.{name}"
    assert load(kind_of(name), name) is load(kind_of(name), f"harness.{name}")


def test_a_former_name_means_ours_in_the_checkout_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    assert load(Kind.SEARCHER, "searchers.gp:GeneticProgramming").__module__ == "harness.searchers.gp"


@pytest.mark.parametrize("former", ["searchers.gp:GeneticProgramming", "searchers.rl.agent:ReinforcementLearning"])
def test_a_former_name_means_ours_in_a_checkout_of_another_copy(
    former: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "registry.py").write_text("")
    (tmp_path / "searchers" / "rl").mkdir(parents=True)
    for file in ("searchers/gp.py", "searchers/__init__.py", "searchers/rl/__init__.py", "searchers/rl/agent.py"):
        (tmp_path / file).write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert target(Kind.SEARCHER, former) == f"harness.{former}"


def test_a_former_name_is_ours_beside_modules_that_have_no_such_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "searchers").mkdir()
    (tmp_path / "searchers" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert target(Kind.TASK, "tasks.toy:QuadraticTask") == "harness.tasks.toy:QuadraticTask"
    assert target(Kind.SEARCHER, "searchers.gp:GeneticProgramming") == "harness.searchers.gp:GeneticProgramming"


def test_a_name_that_has_two_meanings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "searchers").mkdir()
    (tmp_path / "searchers" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "searchers" / "gp.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RegistryError, match="expected one module of that name, got /") as refused:
        load(Kind.SEARCHER, "searchers.gp:GeneticProgramming")
    assert "write harness.searchers.gp:GeneticProgramming" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_other_names_are_their_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks.py").write_text("class Mine:\n    pass\n")
    (tmp_path / "searchers").mkdir()
    (tmp_path / "searchers" / "__init__.py").write_text("")
    (tmp_path / "searchers" / "gp.py").write_text("class Other:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("tasks", "searchers", "searchers.gp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    try:
        assert load(Kind.TASK, "tasks:Mine").__module__ == "tasks"
        assert load(Kind.SEARCHER, "searchers.gp:Other").__module__ == "searchers.gp"
    finally:
        for name in ("tasks", "searchers", "searchers.gp"):
            sys.modules.pop(name, None)


def test_folders_that_are_no_packages_hide_nothing_and_their_modules_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a plain ``tasks/data/`` is, in many a project."""
    (tmp_path / "searchers" / "rl").mkdir(parents=True)
    elsewhere = [place for place in sys.path if Path(place).resolve() != ROOT]  # without the checkout's packages
    monkeypatch.setattr(sys, "path", elsewhere)
    monkeypatch.syspath_prepend(tmp_path)
    name = "searchers.rl.agent:ReinforcementLearning"
    assert target(Kind.SEARCHER, name) == f"harness.{name}"
    (tmp_path / "searchers" / "rl" / "agent.py").write_text("")
    importlib.invalidate_caches()
    with pytest.raises(RegistryError, match="expected one module of that name"):
        target(Kind.SEARCHER, name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mine:X", None, "got ModuleNotFoundError: No module named 'mine'. Check the spelling"),
        ("mine:X", "", "got AttributeError: module 'mine' has no attribute 'X'. Check the spelling"),
        (
            "mine:X",
            "import nosuch",
            "got ModuleNotFoundError in mine.py, line 1: No module named 'nosuch'. Fix the module",
        ),
        ("mine:X", "\n1 / 0", "got ZeroDivisionError in mine.py, line 2: division by zero. Fix the module"),
        ("mine:X", "class X(", "got SyntaxError: '(' was never closed (mine.py, line 1). Fix the module"),
        ("./mine.py:X", "X = int", "Go to the file's folder and leave folder and .py out, as in hill:HillClimbing."),
        ("mine.py:X", "X = int", "Go to the file's folder and leave folder and .py out, as in hill:HillClimbing."),
    ],
)
def test_a_module_that_cannot_be_loaded_is_one_line_that_says_what_to_do(
    name: str, content: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "mine.py").write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    with pytest.raises(RegistryError, match=re.escape(said)):
        load(Kind.SEARCHER, name)


def test_a_name_that_is_not_registered_may_be_that_of_a_package_that_is_not_installed() -> None:
    with pytest.raises(RegistryError, match="or install the package that registers it"):
        load(Kind.SEARCHER, "annealing")


def test_a_factory_with_another_signature_is_refused_in_plain_words() -> None:
    said = "expected factory(space, *, seed, **settings) to call, got an unexpected keyword argument 'seed'."
    with pytest.raises(RegistryError, match=re.escape(said)):
        check_call(Kind.SEARCHER, "mine:X", lambda space: space, None, seed=0)


def test_packages_are_read_again_only_if_one_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reads = metadata.entry_points, []
    monkeypatch.setattr(metadata, "entry_points", lambda: reads.append(1) or read())
    monkeypatch.syspath_prepend(tmp_path)
    for kind in Kind:
        assert "theirs" not in registry.entries(kind)
    assert len(reads) == 1
    information = tmp_path / "outside-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[harness.tasks]\ntheirs = theirs:Task\n")
    os.utime(tmp_path, (0, 0))  # the clock of a file system may be too coarse for a change so soon
    assert registry.entries(Kind.TASK)["theirs"] == Registered("theirs:Task", source="outside")
    assert "theirs" not in registry.entries(Kind.DATA)
    assert len(reads) == 2


def test_what_an_outside_package_registers_is_described_by_its_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"mine": Registered("harness.searchers.gp:GeneticProgramming"), "lost": Registered("nosuch:X")}
    monkeypatch.setattr(registry, "entries", lambda _: known)
    described = (load(Kind.SEARCHER, "mine").__doc__ or "").splitlines()[0].rstrip(".")
    assert described
    assert summary(Kind.SEARCHER, "mine") == described
    assert summary(Kind.SEARCHER, "lost") == "cannot be loaded from nosuch:X"
