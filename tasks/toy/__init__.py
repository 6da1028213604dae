"""Cheap arenas: tasks with the child's schedule that score a rule in milliseconds without a data set.

They are for tests and for comparing searchers over many seeds. Like the child, each is named on the command line by its
protocol: ``--protocol toy-quadratic``, ``toy-rosenbrock``, ``toy-classifier``. A task is loaded when it is first used,
so reading its protocols does not need torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.tasks.toy.classifier import ClassifierTask
    from harness.tasks.toy.quadratic import QuadraticTask
    from harness.tasks.toy.rosenbrock import RosenbrockTask

__all__ = ["ClassifierTask", "QuadraticTask", "RosenbrockTask"]

_MODULES = {"ClassifierTask": "classifier", "QuadraticTask": "quadratic", "RosenbrockTask": "rosenbrock"}


def __getattr__(name: str) -> object:
    """Load a task."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
