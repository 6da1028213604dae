"""What ``from harness import …`` offers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.contracts import Rule
from harness.tasks.optimizer.update_rule import RuleOptimizer


def test_what_a_training_script_needs_is_offered() -> None:
    assert harness.Rule is Rule
    assert harness.RuleOptimizer is RuleOptimizer
    assert set(harness.__all__) <= set(dir(harness))


def test_everything_that_is_offered_is_loaded_by_its_name() -> None:
    for name in harness.__all__:
        assert getattr(harness, name) is not None
    assert harness.Space.__module__ == "harness.space.grammar"
    assert callable(harness.race)
    assert callable(harness.blackbox)


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'rule'"):
        _ = harness.rule


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh process has loaded after some code."""
    code = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_to_import_it_loads_nothing_but_itself() -> None:
    """It is the standard library's modules that a process has anyway, and so a matter of milliseconds."""
    loaded = loaded_after("import harness")
    assert {name for name in loaded if name.partition(".")[0] == "harness"} == {"harness"}
    assert not loaded & {"numpy", "torch", "rich", "scipy", "pydantic", "typer", "pandas", "sqlite3"}


@pytest.mark.parametrize(
    "code",
    [
        "import harness; harness.Rule.parse('g'); harness.Space.of(blocks=1).size()",
        "import harness; harness.race, harness.run, harness.confirm, harness.load, harness.score, harness.Board",
        "from harness import race, register, export, export_rule; race.__wrapped__; export_rule('adam')",
    ],
)
def test_torch_is_loaded_by_what_trains_alone(code: str) -> None:
    assert not loaded_after(code) & {"torch", "torchvision", "distributed", "pandas", "optuna", "deap"}


def test_a_checkout_works_without_being_installed() -> None:
    """The current folder is first on the path of `python -m harness`, installed or not."""
    code = (
        "import sys\n"
        "sys.meta_path = [each for each in sys.meta_path if '__editable__' not in getattr(each, '__module__', '')]\n"
        "import harness.searchers.gp, harness.tasks.sweep\n"
        "print(harness.searchers.__file__)\n"
        "print(harness.tasks.__file__)\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(root / "searchers" / "__init__.py"), str(root / "tasks" / "__init__.py")]
