"""Optimizers of the box name the packages that they compute with, and no others: these are part of who they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.library.blackbox.entrants import LIBRARIES
from harness.registry import Kind, entries, load

WITHOUT = """
import sys
import numpy as np
from harness.registry import Kind, load
factory = load(Kind.BOX_OPTIMIZER, sys.argv[1])
for package in sys.argv[2:]:
    sys.modules[package] = None  # which refuses its import
optimizer = factory(2, seed=0)
for value in range(13):  # ten are random first in some
    optimizer.tell(optimizer.ask(1), np.array([float(value)]))
"""


@pytest.mark.parametrize("name", sorted(set(entries(Kind.BOX_OPTIMIZER)) - {"smac"}))  # an extra, tested elsewhere
def test_none_needs_a_package_that_it_does_not_name(name: str) -> None:
    others = set(LIBRARIES) - set(load(Kind.BOX_OPTIMIZER, name).libraries) - {"numpy"}
    subprocess.run([sys.executable, "-P", "-c", WITHOUT, name, *others], check=True, timeout=300)


def test_random_points_stay_the_same_entrant_when_torch_is_another_version() -> None:
    assert load(Kind.BOX_OPTIMIZER, "random").libraries == ("numpy",)
    assert "torch" not in load(Kind.BOX_OPTIMIZER, "tpe").libraries
