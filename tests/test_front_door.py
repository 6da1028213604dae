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


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'rule'"):
        _ = harness.rule


def test_it_is_loaded_when_it_is_used() -> None:
    code = (
        "import json, sys\n"
        "import harness\n"
        "before = 'harness.contracts' in sys.modules\n"
        "harness.Rule\n"
        "print(json.dumps([before, 'harness.contracts' in sys.modules, 'torch' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, True, False]


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
