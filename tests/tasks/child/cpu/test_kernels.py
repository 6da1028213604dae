"""What compiled code costs and where it is kept; what it computes is tested in ``test_step``."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

from harness.tasks.child import convnet
from harness.tasks.child.cpu import kernels


def count(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    total = 0
    for number in numbers:
        total += number
    return total


def test_machine_code_is_kept_where_there_is_a_place() -> None:
    assert "Cache" in type(kernels.convolve._cache).__name__
    assert kernels.convolve._cache.cache_path


def test_without_a_place_each_process_compiles_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_args: object, cache: bool = False, **_options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels, "njit", nowhere)
    assert kernels._compiled(count) is count


def test_all_that_is_compiled_is_in_one_file() -> None:
    """Numba keeps machine code by source file: a change in another one would go unnoticed."""
    compiled = [thing for thing in vars(kernels).values() if hasattr(thing, "py_func")]
    assert len(compiled) > 5
    for function in compiled:
        assert inspect.getsourcefile(function.py_func) == kernels.__file__
        for name in function.py_func.__code__.co_names:
            thing = vars(kernels).get(name)
            if hasattr(thing, "py_func") or hasattr(thing, "_defn"):
                assert thing.__module__ == kernels.__name__, name
            else:  # numbers of this file, and libraries
                assert thing is None or isinstance(thing, int) or inspect.ismodule(thing), name


def test_filters_are_the_networks() -> None:
    assert kernels.FILTERS == convnet.FILTERS


def test_only_training_imports_numba() -> None:
    lines = "import sys, harness.tasks.child.scoring; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0
