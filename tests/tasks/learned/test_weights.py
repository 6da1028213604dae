"""Files of weights: written and read back exactly; all others are refused in one line, and nothing in them runs."""

from __future__ import annotations

import json
import os
import pickle
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as serialized

from harness.errors import SettingError
from harness.tasks.learned.lstm import MOST_HIDDEN, MOST_LAYERS, Architecture
from harness.tasks.learned.problem import ALL, KERNELS, REST
from harness.tasks.learned.weights import (
    FILES,
    Header,
    LearnedWeights,
    defaults,
    fresh,
    load,
    read,
    save,
    tensors,
)


def with_header(weights: LearnedWeights, **changes: Any) -> LearnedWeights:
    return LearnedWeights(replace(weights.header, **changes), weights.networks)


def refused(path: Path) -> str:
    """What the file earns: one line, which names it."""
    with pytest.raises(SettingError) as said:
        read(path)
    text = str(said.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def written(path: Path, weights: LearnedWeights, *, arrays: dict | None = None, **changes: Any) -> Path:
    """Write a file like ``save``, with some entries of its header or metadata changed."""
    outer = {"format": FILES.name, "version": 1}
    header = asdict(weights.header) | {"hash": weights.hash}
    for name, value in changes.items():
        (outer if name in outer else header)[name] = value
    text = header.pop("text", None) or json.dumps({"version": outer["version"], "header": header})
    content = tensors(weights.networks) | (arrays or {})
    path.write_bytes(serialized(content, metadata={str(outer["format"]): str(text)}))
    return path


def test_weights_are_read_back_exactly(tmp_path: Path, two_kinds: LearnedWeights) -> None:
    save(two_kinds, tmp_path / "new" / "mine.safetensors")
    found = load(tmp_path / "new" / "mine.safetensors")
    assert (found.header, found.hash) == (two_kinds.header, two_kinds.hash)
    for name, tensor in tensors(two_kinds.networks).items():
        assert torch.equal(tensors(found.networks)[name], tensor)
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "mine.safetensors"]


def test_the_hash_is_of_the_optimizer_and_not_of_where_it_came_from(weights: LearnedWeights) -> None:
    before = weights.hash
    assert with_header(weights, commit="abc", seed=7).hash == before
    assert with_header(weights, architecture=replace(weights.header.architecture, scale=0.01)).hash != before
    with torch.no_grad():
        weights.networks["all"].output.bias.add_(1e-6)
    assert weights.hash != before


def test_weights_of_an_architecture_in_whole_numbers_are_read_back(tmp_path: Path) -> None:
    header = Header(problems="x", architecture=Architecture(hidden=2, preprocessing=5, scale=1), kinds=(ALL,))
    made = LearnedWeights(header, fresh(header))
    save(made, tmp_path / "w.safetensors")
    assert read(tmp_path / "w.safetensors").hash == made.hash


def test_two_lstms_of_one_seed_begin_with_different_weights() -> None:
    header = Header(problems="x", seed=0, architecture=Architecture(), kinds=(KERNELS, REST))
    kernels, rest = (fresh(header)[kind].lstm.weight_hh_l0 for kind in (KERNELS, REST))
    assert not torch.equal(kernels, rest)


def test_the_file_of_the_tests_is_accepted(tmp_path: Path, weights: LearnedWeights) -> None:
    """So that each of the changes below is what is refused."""
    assert read(written(tmp_path / "w.safetensors", weights)).hash == weights.hash


@pytest.mark.parametrize("size", [0, 7, 100, 900, -1])
def test_a_truncated_file_is_refused(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])
    assert "expected a file that harness learn optimizer wrote" in refused(file)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.safetensors")
    assert "no file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "no file" in refused(tmp_path / "pipe.safetensors")


def test_every_byte_counts(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    assert "content with the hash" in refused(file)


def test_a_foreign_file_is_refused(tmp_path: Path, weights: LearnedWeights) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(serialized({"w": torch.ones(3)}))
    assert "another program" in refused(path)
    assert "another program" in refused(written(path, weights, format="something else"))


def test_a_newer_file_says_that_the_harness_is_old(tmp_path: Path, weights: LearnedWeights) -> None:
    said = refused(written(tmp_path / "w.safetensors", weights, version=2))
    assert "expected version 1, got version 2. Update the harness" in said


class Bomb:
    """What is executed when it is unpickled."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_by_that_name_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    refused(path)
    torch.save({"w": Bomb()}, path)
    refused(path)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / "exploded").exists(), "it would have been"


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for claimed in (2**63 - 1, 2**40, 99_000_000):
        path.write_bytes(struct.pack("<Q", claimed) + b"{}" * 100)
        refused(path)


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with open(path, "wb") as file:
        file.truncate(2**33)  # sparse: it takes no room
    assert "8,589,934,592 bytes" in refused(path)


def test_the_largest_architecture_fits_a_file() -> None:
    numbers = MOST_LAYERS * 4 * MOST_HIDDEN * (2 * MOST_HIDDEN + 2) + MOST_HIDDEN + 1
    assert 2 * 4 * numbers + 100_000 < FILES.most_bytes


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {"hidden": 4, "layers": 2}},
        {"architecture": {"hidden": 10**9, "layers": 2}},
        {"architecture": {"hidden": 3, "layers": -1}},
        {"architecture": {"hidden": 3, "layers": 2, "more": 1}},
        {"architecture": "import os"},
        {"kinds": []},
        {"kinds": ["rest"]},
        {"kinds": ["convolution", "rest"]},
        {"problems": "two\nlines"},
        {"seed": -1},
        {"surprise": 1},
        {"hash": "0" * 16},
        {"hash": ["x"]},
        {"text": "not json"},
        {"text": "[1, 2]"},
        {"text": "{}"},
        {"text": '{"version": 1}'},
        {"text": '{"version": 1, "header": [1]}'},
        {"text": "[" * 100_000},
        {"text": '{"hash": 1' + "0" * 5_000 + "}"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, weights: LearnedWeights, changes: dict) -> None:
    assert "expected a file that harness learn optimizer wrote" in refused(
        written(tmp_path / "w.safetensors", weights, **changes)
    )


@pytest.mark.parametrize(
    ("arrays", "got"),
    [
        ({"all.output.bias": torch.zeros(2)}, "other names, shapes or types"),
        ({"all.output.bias": torch.zeros(())}, "other names, shapes or types"),
        ({"all.output.bias": torch.zeros(1, dtype=torch.float64)}, "other names, shapes or types"),
        ({"all.output.bias": torch.zeros(1, dtype=torch.int32)}, "other names, shapes or types"),
        ({"all.output.bias": torch.zeros(1, dtype=torch.float8_e4m3fn)}, "other names, shapes or types"),
        ({"more": torch.zeros(1)}, "other names, shapes or types"),
        ({"all.output.bias": torch.tensor([float("nan")])}, "not finite"),
        ({"all.output.bias": torch.tensor([float("inf")])}, "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, weights: LearnedWeights, arrays: dict, got: str) -> None:
    assert got in refused(written(tmp_path / "w.safetensors", weights, arrays=arrays))


def test_an_array_of_an_unknown_type_is_refused(file: Path) -> None:
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + size].replace(b'"F32"', b'"F99"', 1)
    file.write_bytes(content[:8] + header + content[8 + size :])
    refused(file)


def test_an_unknown_name_gets_the_nearest_or_a_hint() -> None:
    with pytest.raises(SettingError, match="learned optimizer: expected"):
        load("nosuchthing")


@pytest.mark.parametrize("name", sorted(defaults()))
def test_the_defaults_are_sound_and_small(name: str) -> None:
    found = load(name)
    assert found.header.problems.partition("/")[0] in (name, name.partition("-sub")[0])
    assert found.header.commit, "it says where it came from"
    assert "+changes" not in found.header.commit
    assert defaults()[name].stat().st_size < 100_000


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, weights: LearnedWeights) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(SettingError, match="expected a place to write to"):
        save(weights, tmp_path / "taken" / "w.safetensors")


def test_who_interrupts_while_a_file_is_written_finds_the_old_one_and_nothing_else(
    tmp_path: Path, weights: LearnedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(weights, tmp_path / "w.safetensors")
    before = (tmp_path / "w.safetensors").read_bytes()

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(weights, tmp_path / "w.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert (tmp_path / "w.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["neural-art", "neural_art"])
def test_a_default_has_its_family_s_name_or_that_of_its_candidate(name: str) -> None:
    assert load(name).header.problems == "neural-art"
