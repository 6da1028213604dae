"""Files of unfinished trainings: what another command, or another version, left is not called damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingError
from harness.weight_files import load_unfinished, save_unfinished

OPTIONS = {"problems": "--problems"}


def test_a_training_of_another_command_is_not_called_damaged(tmp_path: Path) -> None:
    """The message said to delete it, and hours of work with it."""
    path = tmp_path / "w.safetensors.partial"
    save_unfinished(path, {"plan": {"dimensions": 2}, "done": 4}, {"best": {"w": np.zeros(2)}})
    with pytest.raises(SettingError, match=r"expected --problems quadratic, got none\. Resume it with"):
        load_unfinished(path, {"problems": "quadratic"}, ["batch"], ["best"], options=OPTIONS)


def test_a_plan_that_differs_by_nothing_given_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.partial"
    save_unfinished(path, {"plan": {"problems": "quadratic", "decay": None}, "batch": 4}, {"best": {"w": np.zeros(2)}})
    with pytest.raises(SettingError, match="expected plan as this version writes it, got another one"):
        load_unfinished(path, {"problems": "quadratic"}, ["batch"], ["best"], options=OPTIONS)


def test_numbers_that_are_missing_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.partial"
    save_unfinished(path, {"plan": {"problems": "quadratic"}}, {"best": {"w": np.zeros(2)}})
    with pytest.raises(SettingError, match=r"a damaged file \(KeyError\)"):
        load_unfinished(path, {"problems": "quadratic"}, ["batch"], ["best"], options=OPTIONS)
