from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from harness.tasks.blackbox.tables import making_mini
from harness.tasks.blackbox.tables.mini import FILE, TableMini

SHIPPED = Path(making_mini.__file__).with_name(FILE)


def test_it_is_small_and_has_every_setting() -> None:
    assert SHIPPED.stat().st_size < 12_000
    functions = TableMini(None).draw(0, 2)
    assert functions.grid.costs.shape == (6, 5, 4, 4)
    assert functions.costs(functions.minima).tolist() == [0.1378] * 2
    assert TableMini(None).fingerprint() == TableMini(Path("nowhere")).fingerprint()


@pytest.mark.parametrize("setting", [(0.003, 0.0, 100, 3), (0.1, 0.001, 25, 20), (0.03, 0.1, 4, 8), (1.0, 0.0, 4, 3)])
def test_the_module_that_made_it_makes_it_again(setting: tuple[float, float, int, int]) -> None:
    choices = (making_mini.RATES, making_mini.DECAYS, making_mini.BATCHES, making_mini.EPOCHS)
    place = tuple(axis.index(each) for axis, each in zip(choices, setting, strict=True))
    # Rounding differs between machines, and a rate of 1 makes much of it.
    assert making_mini.loss(*setting) == pytest.approx(TableMini(None).draw(0, 1).grid.costs[place], rel=0.02)


def test_it_writes_a_file_of_the_shipped_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making_mini, "loss", lambda *setting: sum(setting))
    making_mini.main(tmp_path / FILE)
    written, shipped = (
        list(csv.reader(each.read_text(encoding="utf-8").splitlines())) for each in (tmp_path / FILE, SHIPPED)
    )
    assert [line[:4] for line in written] == [line[:4] for line in shipped]
    settings = list(itertools.product(making_mini.RATES, making_mini.DECAYS, making_mini.BATCHES, making_mini.EPOCHS))
    assert np.array([float(line[4]) for line in written[1:]]) == pytest.approx([sum(each) for each in settings])
