"""What the docstrings show is what happens: every example in them is run."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

import harness

BOARDS = ("BlackboxBoard", "Board", "LearnedBoard", "RulesBoard", "TransferBoard")
OFFERED = [name for name in harness.__all__ if name not in ("__version__", *BOARDS, "Outcome", "HarnessError")]
MODULES = sorted({inspect.unwrap(getattr(harness, name)).__module__ for name in OFFERED} | {"harness.library.columns"})


def examples(module: str) -> list[doctest.DocTest]:
    return [each for each in doctest.DocTestFinder().find(importlib.import_module(module)) if each.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run_as_they_are_printed(module: str) -> None:
    found = examples(module)
    assert found
    runner = doctest.DocTestRunner()
    told: list[str] = []
    for each in found:
        runner.run(each, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


@pytest.mark.parametrize("name", OFFERED)
def test_everything_that_is_offered_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(inspect.unwrap(getattr(harness, name))) or "")
