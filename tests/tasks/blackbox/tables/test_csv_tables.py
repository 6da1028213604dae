"""Tables in the user's folder, on generated files of the same form: no test reads the published ones."""

from __future__ import annotations

import gzip
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.tasks.blackbox.tables import csv_tables
from harness.tasks.blackbox.tables.csv_tables import CsvTable, Lda, Svm

sys.path.append(str(Path(__file__).parents[3] / "support"))

import generated_tables

each_table = pytest.mark.parametrize("family", generated_tables.CSV_TABLES, ids=lambda each: each.name)
SIZES = {"svm": (25, 14, 4), "lda": (6, 6, 8), "logreg": (11, 11, 8, 10)}


@pytest.fixture(autouse=True)
def _no_data_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HARNESS_DATA_ROOT", raising=False)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@each_table
def test_a_table_has_its_size_its_minimum_and_a_place_for_every_setting(family: type[CsvTable], tmp_path: Path) -> None:
    generated_tables.write(family, tmp_path)
    functions = family(tmp_path).draw(0, 3)
    assert functions.grid.costs.shape == SIZES[family.name]
    assert functions.minima.tolist() == [functions.grid.values.min()] * 3
    assert functions.costs(functions.minima).tolist() == [0.25] * 3
    for setting in generated_tables.settings(family)[:50]:
        choices = tuple(int(math.log2(each)) + 3 for each in setting)
        assert functions.grid.costs[choices] == generated_tables.cost(setting)


@each_table
def test_plain_functions_read_parameters_in_the_order_of_the_file_upwards(
    family: type[CsvTable], tmp_path: Path
) -> None:
    generated_tables.write(family, tmp_path)
    functions = family(tmp_path).draw(0, 1, variant="plain")
    shape = np.array(SIZES[family.name])
    least = np.minimum(3, shape - 1)  # where the parameter is 1
    assert functions.costs(functions.evaluate((least + 0.5)[None] / shape)) == [0.25]
    lowest = tuple(2.0**-3 for _ in shape)
    assert functions.costs(functions.evaluate(np.zeros((1, len(shape))))) == [generated_tables.cost(lowest)]


@pytest.mark.parametrize("folder", ["", "hpolib"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("by", ["root", "variable"])
def test_a_file_is_found_where_users_have_it(
    folder: str, packed: bool, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = generated_tables.write(Lda, tmp_path / folder)
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    if by == "variable":
        monkeypatch.setenv("HARNESS_DATA_ROOT", str(tmp_path))
    root = tmp_path if by == "root" else None
    assert Lda(root).draw(0, 1).dimensions == 3


def test_a_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated_tables.write(Lda, tmp_path)
    times = []
    read = csv_tables.read
    monkeypatch.setattr(csv_tables, "read", lambda *given: times.append(given) or read(*given))
    family = Lda(tmp_path)
    family.draw(0, 1)
    family.draw(1, 1)
    family.fingerprint()
    assert len(times) == 1


def test_a_missing_folder_or_file_is_one_line(tmp_path: Path) -> None:
    expected, hint = "expected svm_on_grid.csv, got", "Name the folder of your copy with --functions-root."
    none = "no --functions-root, nor a folder in HARNESS_DATA_ROOT"
    with pytest.raises(DataError, match=f"^functions svm: {expected} {none}. {hint}$"):
        Svm(None).draw(0, 1)
    for root, got in ((tmp_path, "no such file"), (tmp_path / "nothing", "no such folder")):
        with pytest.raises(DataError, match=f"^functions svm in {root}: {expected} {got}. {hint}$"):
            Svm(root).fingerprint()


def replaced(lines: list[list[str]], line: int, column: int, text: str) -> list[list[str]]:
    lines[line][column] = text
    return lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "expected 6 · 6 · 8 = 288 entries, got 287"),
        (lambda lines: [*lines, lines[1]], "expected 6 · 6 · 8 = 288 entries, each once, got 1 that stand twice"),
        (
            lambda lines: replaced(lines, 0, 1, "taw"),
            "expected columns kappa, tau, s, perplexity, each once, got kappa, t",
        ),
        (
            lambda lines: replaced(lines, 0, 3, "tau"),
            "expected columns kappa, tau, s, perplexity, each once, got kappa, t",
        ),
        (lambda lines: replaced(lines, 4, 4, "low"), "expected numbers for kappa, tau, s, perplexity in line 5, got"),
        (lambda lines: replaced(lines, 4, 4, "nan"), "expected finite costs, got nan as one of its costs"),
        (lambda lines: replaced(lines, 4, 4, "inf"), "expected finite costs, got inf as one of its costs"),
        (lambda lines: replaced(lines, 4, 0, "0.3"), "expected 6 values of kappa, got 7"),
        (
            lambda lines: [*lines[:4], lines[4][:3], *lines[5:]],
            "expected numbers for kappa, tau, s, perplexity in line 5",
        ),
        (lambda lines: lines[:1], "expected 6 values of kappa, got 0"),
        (lambda _: [], "expected lines of text, got an empty file"),
    ],
)
def test_a_damaged_file_is_one_line(change: object, said: str, tmp_path: Path) -> None:
    path = generated_tables.write(Lda, tmp_path, change(generated_tables.rows(Lda)))
    with pytest.raises(DataError, match=rf"^file {path}: {said}[^\n]*\. Get a complete copy\.$"):
        Lda(tmp_path).draw(0, 1)


def test_another_tables_file_is_one_line(tmp_path: Path) -> None:
    lines = [["c", "alpha", "epsilon", "error"], ["1", "1", "1", "0.5"]]
    generated_tables.write(Svm, tmp_path, lines)
    with pytest.raises(DataError, match=r": expected 25 values of c, got 1\. Get"):
        Svm(tmp_path).draw(0, 1)


def test_a_file_of_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated_tables.write(Lda, tmp_path)
    monkeypatch.setattr(csv_tables, "MOST_BYTES", 1_000)
    with pytest.raises(DataError, match=r"expected a table of at most 1,000 bytes, got [\d,]+\. Get"):
        Lda(tmp_path).draw(0, 1)


def test_a_cell_of_any_length_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "svm_on_grid.csv"
    path.write_text("c,alpha,epsilon,error\n1,1,1," + "9" * 200_000 + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"expected a table in CSV, got field larger than field limit"):
        Svm(tmp_path).fingerprint()


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    (tmp_path / Lda.file).write_bytes(b"kappa,tau,s,perplexity\n\xff\xfe")
    with pytest.raises(DataError, match=r"expected text in UTF-8, got the byte 0xff in line 2"):
        Lda(tmp_path).draw(0, 1)
