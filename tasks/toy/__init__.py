"""Cheap arenas: tasks with the child's schedule that score a rule in milliseconds, without any data set.

They are for tests and for comparing searchers over many seeds. Each is named on the command line by its protocol, as
the child is: ``--protocol toy-quadratic``, ``toy-rosenbrock``, ``toy-classifier``.
"""

from harness.tasks.toy.classifier import ClassifierTask
from harness.tasks.toy.quadratic import QuadraticTask
from harness.tasks.toy.rosenbrock import RosenbrockTask

__all__ = ["ClassifierTask", "QuadraticTask", "RosenbrockTask"]
