"""Files of weights: written and read back exactly, found by what is wanted; others are refused in one line.

What holds for all files of weights is tested with the learned optimizers of networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import SettingError
from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.points import RnnPoints
from harness.searchers.box.learned.weights import (
    FILES,
    LearnedWeights,
    arrays,
    defaults,
    file_name,
    find,
    read,
    save,
)
from harness.searchers.box.rnn_rules import BoxRnn

Make = Callable[..., LearnedWeights]
TWO = Architecture(dimensions=2)
HASHES = {
    "dnc-oi-1.safetensors": "913c1b80d3fb8d28",
    "dnc-oi-2.safetensors": "ec1d483036b08135",
    "dnc-oi-3.safetensors": "c8cecf61aacaf9cc",
    "dnc-oi-4.safetensors": "d6af450fdc247d1c",
    "dnc-oi-5.safetensors": "16056087d3f67755",
    "dnc-oi-6.safetensors": "e50ffd52d4cf2a33",
    "lstm-oi-1.safetensors": "e85ab636dcee978f",
    "lstm-oi-2.safetensors": "36dcd8dce0e50e3d",
    "lstm-oi-3.safetensors": "a65a2b0fad99c82a",
    "lstm-oi-4.safetensors": "8a153293e458a053",
    "lstm-oi-5.safetensors": "5851882ed541033d",
    "lstm-oi-6.safetensors": "db6cecf13d8eec91",
}


def refused(path: Path) -> str:
    """What the file earns: one line, which names it."""
    with pytest.raises(SettingError) as said:
        read(path)
    text = str(said.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize("sizes", [{"cell": "lstm"}, {"cell": "dnc"}, {"cell": "dnc", "parallel": 5}])
def test_weights_are_read_back_exactly(tmp_path: Path, made: Make, sizes: dict) -> None:
    weights = made(**sizes)
    save(weights, tmp_path / "new" / "mine.safetensors")
    found = read(tmp_path / "new" / "mine.safetensors")
    assert (found.header, found.hash) == (weights.header, weights.hash)
    for name, array in arrays(weights.network).items():
        np.testing.assert_array_equal(arrays(found.network)[name], array)


def test_the_hash_is_of_the_optimizer_and_not_of_where_it_came_from(made: Make) -> None:
    weights = made(cell="dnc")
    before = weights.hash
    assert LearnedWeights(replace(weights.header, commit="abc", seed=7), weights.network).hash == before
    assert made(cell="dnc", seed=1).hash != before
    weights.network.output.bias.data.add_(1e-6)
    assert weights.hash != before


@pytest.mark.parametrize("size", [0, 7, 100, 900, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, made: Make, size: int) -> None:
    path = tmp_path / "w.safetensors"
    save(made(), path)
    path.write_bytes(path.read_bytes()[:size])
    assert "expected a file that harness learn searcher wrote" in refused(path)


def test_every_byte_counts(tmp_path: Path, made: Make) -> None:
    path = tmp_path / "w.safetensors"
    save(made(), path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert "content with the hash" in refused(path)


def test_the_file_of_a_learned_optimizer_of_networks_is_refused() -> None:
    default = Path(__file__).parents[4] / "tasks" / "learned" / "defaults" / "quadratic.safetensors"
    assert "another program" in refused(default)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {"dimensions": 2, "hidden": 7}},
        {"architecture": {"dimensions": 2, "hidden": 10**9}},
        {"architecture": {"dimensions": 0}},
        {"architecture": {"dimensions": 2, "cell": "gru"}},
        {"architecture": {"dimensions": 2, "more": 1}},
        {"architecture": {}},
        {"architecture": "import os"},
        {"loss": "mse"},
        {"kernel": "two\nlines"},
        {"seed": -1},
        {"surprise": 1},
        {"hash": "0" * 16},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, made: Make, changes: dict) -> None:
    weights, path = made(), tmp_path / "w.safetensors"
    header = {**asdict(weights.header), "hash": weights.hash}
    FILES.save(path, header, arrays(weights.network))
    assert read(path).hash == weights.hash, "so that the change is what is refused"
    FILES.save(path, header | changes, arrays(weights.network))
    assert "expected a file that harness learn searcher wrote" in refused(path)


def test_a_newer_file_says_that_the_harness_is_old(tmp_path: Path, made: Make) -> None:
    weights, path = made(), tmp_path / "w.safetensors"
    newer = replace(FILES, version=2)
    newer.save(path, {**asdict(weights.header), "hash": weights.hash}, arrays(weights.network))
    assert "expected version 1, got version 2. Update the harness" in refused(path)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, made: Make) -> None:
    weights, path = made(), tmp_path / "w.safetensors"
    for change, got in (
        ({"output.bias": np.zeros(3, dtype=np.float32)}, "other names, shapes or types"),
        ({"output.bias": np.zeros(2)}, "other names, shapes or types"),
        ({"more": np.zeros(2, dtype=np.float32)}, "other names, shapes or types"),
        ({"output.bias": np.full(2, np.nan, dtype=np.float32)}, "not finite"),
    ):
        header = {**asdict(weights.header), "hash": weights.hash}
        FILES.save(path, header, {**arrays(weights.network), **change})
        assert got in refused(path)


def test_names_of_files_say_what_they_hold() -> None:
    assert file_name(TWO, "oi") == "lstm-oi-2.safetensors"
    assert file_name(replace(TWO, cell="dnc", parallel=5), "ei") == "dnc-ei-parallel5-2.safetensors"


def test_a_name_too_long_for_a_file_is_one_line() -> None:
    with pytest.raises(SettingError, match="name too long"):
        find(TWO, "oi", "x" * 300)


def test_a_folder_gives_the_file_of_as_many_dimensions(trained: Path) -> None:
    for wanted in (TWO, replace(TWO, dimensions=3, cell="dnc"), replace(TWO, parallel=3)):
        found = find(wanted, "oi", str(trained)).header.architecture
        assert (found.dimensions, found.cell, found.parallel) == (wanted.dimensions, wanted.cell, wanted.parallel)


def test_where_fewer_dimensions_do_the_most_are_taken(trained: Path) -> None:
    found = find(replace(TWO, dimensions=10), "oi", str(trained), below=True)
    assert found.header.architecture.dimensions == 3
    with pytest.raises(SettingError, match=r"expected lstm-oi-1\.safetensors or of fewer dimensions, got dnc-oi-2"):
        find(replace(TWO, dimensions=1), "oi", str(trained), below=True)


def test_what_a_folder_lacks_is_said_with_what_to_do(trained: Path) -> None:
    with pytest.raises(SettingError, match=r"expected lstm-oi-9\.safetensors, got .*Train them with harness learn"):
        find(replace(TWO, dimensions=9), "oi", str(trained))


@pytest.mark.parametrize(
    ("wanted", "loss", "said"),
    [
        (replace(TWO, cell="dnc"), "oi", "expected cell dnc, as set, got lstm. Set cell to what they are"),
        (TWO, "ei", "expected loss ei, as set, got oi"),
        (replace(TWO, parallel=5), "oi", "expected parallel 5, as set, got 0"),
        (replace(TWO, dimensions=3), "oi", "expected 3 dimensions, got 2. Name a folder"),
    ],
)
def test_settings_that_do_not_describe_the_file_are_refused(
    trained: Path, wanted: Architecture, loss: str, said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        find(wanted, loss, str(trained / "lstm-oi-2.safetensors"))


def test_a_file_in_a_folder_under_a_wrong_name_is_refused(trained: Path) -> None:
    (trained / "lstm-oi-2.safetensors").rename(trained / "lstm-ei-2.safetensors")
    with pytest.raises(SettingError, match="expected loss ei, as set, got oi"):
        find(TWO, "ei", str(trained))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="No such file"):
        find(TWO, "oi", str(tmp_path / "none.safetensors"))


def test_weights_that_are_written_anew_are_read_anew(trained: Path, made: Make) -> None:
    path = trained / "lstm-oi-2.safetensors"
    before = find(TWO, "oi", str(path))
    assert find(TWO, "oi", str(path)) is before, "a file is read once"
    save(made(seed=5), path)
    assert find(TWO, "oi", str(path)).hash == made(seed=5).hash != before.hash


def test_the_defaults_are_both_cells_for_one_to_six_dimensions_sound_and_small() -> None:
    cells, dimensions = ("lstm", "dnc"), range(1, 7)
    assert set(defaults()) == {f"{cell}-oi-{number}.safetensors" for cell in cells for number in dimensions}
    for name, path in defaults().items():
        header = read(path).header
        assert file_name(header.architecture, header.loss) == name
        assert header.commit, "it says where it came from"
        assert "+changes" not in header.commit
    assert sum(path.stat().st_size for path in defaults().values()) < 5_000_000


def test_the_defaults_are_those_of_the_versions_that_propose_with_them() -> None:
    """Records name the version alone. So with other weights, raise it in both and put the new hashes here."""
    assert (RnnPoints.version, BoxRnn.version) == (2, 2)
    assert {name: read(path).hash for name, path in defaults().items()} == HASHES
