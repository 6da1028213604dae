"""Files of frozen networks: what is read, and the one line that says what is wrong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.errors import DataError
from harness.tasks.data.art import generated, network
from harness.tasks.data.art.source import Layer, Network

Arrays = dict[str, Any]


def chain() -> Network:
    return generated.random_network()


@pytest.fixture(scope="module")
def squeezenet() -> Arrays:
    rng = np.random.default_rng(0)
    return {name: rng.random(shape, np.float32) for name, shape in network.squeezenet_shapes().items()}


def write(folder: Path, arrays: Mapping[str, Any]) -> Path:
    np.savez(folder / network.NPZ, **arrays)
    return folder


def refused(folder: Path, pattern: str) -> None:
    with pytest.raises(DataError, match=pattern) as caught:
        network.read(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(folder))


def test_squeezenet_is_read_without_its_classifier(squeezenet: Arrays, tmp_path: Path) -> None:
    more = squeezenet | {"conv_final.w": np.zeros((1000, 512, 1, 1), np.float32)}
    found = network.read(write(tmp_path, more))
    assert found.layout == "squeezenet1_0"
    assert found.arrays.keys() == squeezenet.keys()
    assert all(np.array_equal(found.arrays[name], squeezenet[name]) for name in squeezenet)


def test_a_chain_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = chain()
    network.save(written, tmp_path / network.SAFETENSORS)
    found = network.read(tmp_path)
    assert found.description == written.description
    assert found.arrays.keys() == written.arrays.keys()
    assert all(np.array_equal(found.arrays[name], array) for name, array in written.arrays.items())


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"fire3.conv1x1_2.w": None}, r"expected the array fire3.conv1x1_2.w \(64, 16, 1, 1\), float32, got none of"),
        ({"conv1.b": np.zeros(95, np.float32)}, r"the array conv1.b \(96,\), float32, got \(95,\), float32"),
        ({"conv1.b": np.zeros(96)}, r"the array conv1.b \(96,\), float32, got \(96,\), float64"),
        ({"conv1.b": np.zeros(100_000, np.float32)}, r"the array conv1.b \(96,\), float32, got 400,128 bytes"),
        ({"conv1.b": np.full(96, np.nan, np.float32)}, "expected finite numbers, got others in conv1.b"),
        ({"conv1.b": np.array([print] * 96, object)}, "undamaged .npz without pickled objects, got Object arrays"),
    ],
)
def test_wrong_arrays_are_one_clear_line(squeezenet: Arrays, changes: Arrays, pattern: str, tmp_path: Path) -> None:
    whole = {name: array for name, array in (squeezenet | changes).items() if array is not None}
    refused(write(tmp_path, whole), rf"network .*network.npz: .*{pattern}")


def test_a_damaged_npz_is_one_clear_line(squeezenet: Arrays, tmp_path: Path) -> None:
    path = write(tmp_path, squeezenet) / network.NPZ
    whole = path.read_bytes()
    for damaged in (b"", b"no zip file", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        refused(tmp_path, r"network .*network.npz: expected an undamaged .npz without pickled objects, got ")
    torn = bytearray(whole)
    torn[200:260] = b"\xff" * 60
    path.write_bytes(torn)
    refused(tmp_path, r"network .*network.npz: expected an undamaged .npz without pickled objects, got ")


def test_an_array_that_lies_about_its_size_takes_no_memory(squeezenet: Arrays, tmp_path: Path) -> None:
    path = write(tmp_path, {name: array for name, array in squeezenet.items() if name != "conv1.b"}) / network.NPZ
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**50},), }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("conv1.b.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    refused(tmp_path, "expected an undamaged .npz without pickled objects, got ")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network.save(chain(), tmp_path / network.SAFETENSORS)
    monkeypatch.setattr(network, "MOST_BYTES", 10_000)
    refused(tmp_path, "expected at most 10,000 bytes, got 8")


def described(change: Callable[[dict[str, Any]], None], tmp_path: Path, **arrays: Any) -> Path:
    """Write a chain whose description and arrays were changed."""
    found = chain()
    description = asdict(found.description)
    description["layers"] = list(description["layers"])
    change(description)
    metadata = {"format": network.FORMAT, "version": network.VERSION, "description": json.dumps(description)}
    whole = {name: array for name, array in {**found.arrays, **arrays}.items() if array is not None}
    save_file(whole, tmp_path / network.SAFETENSORS, metadata)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda found: found.update(content="relu9"), r"one of its layers \(convolution1, relu1.*, got 'relu9'"),
        (lambda found: found.update(style=[]), "a description of the network, got style: "),
        (lambda found: found.update(colours="cmy"), "a description of the network, got colours: "),
        (lambda found: found.update(scale=float("nan")), "a description of the network, got "),
        (lambda found: found.update(mean=[1.0, float("inf"), 1.0]), "a description of the network, got mean"),
        (lambda found: found.update(code="os.remove"), "a description of the network, got code: "),
        (lambda found: found["layers"][0].update(kind="python"), "a description of the network, got layers.0.kind: "),
        (lambda found: found["layers"][0].update(stride=0), "a description of the network, got layers.0.stride: "),
        (lambda found: found["layers"][1].update(run="x"), "a description of the network, got layers.1.run: "),
        (lambda found: found["layers"][1].update(name="relu2"), "layers with names of their own, got one name twice"),
        (lambda found: found.update(layers=[]), "1 to 64 layers, got 0"),
        (
            lambda found: found["layers"].append({"kind": "convolution", "name": "c"}),
            "the arrays c.w and c.b for layer",
        ),
        (lambda found: found["layers"].pop(6), "arrays of its layers alone, got convolution3.b"),
        (
            lambda found: [found["layers"][place].update(size=16, stride=16) for place in (2, 5)],
            "a picture of 64 pixels passes, got nothing",
        ),
    ],
)
def test_a_wrong_description_is_one_clear_line(
    change: Callable[[dict[str, Any]], None], pattern: str, tmp_path: Path
) -> None:
    refused(described(change, tmp_path), rf"network .*network.safetensors: expected .*{pattern}")


def test_wrong_arrays_of_a_chain_are_one_clear_line(tmp_path: Path) -> None:
    def nothing(_: dict[str, Any]) -> None: ...

    kernel = chain().arrays["convolution2.w"]
    refused(
        described(nothing, tmp_path, **{"convolution2.w": kernel[:, :5]}), r"convolution2.w \(out, 24, size, size\)"
    )
    refused(described(nothing, tmp_path, **{"convolution2.w": kernel.astype(np.float64)}), "float32, got others")
    refused(described(nothing, tmp_path, **{"convolution2.b": None}), "convolution2.w and convolution2.b for layer 4")
    refused(
        described(nothing, tmp_path, **{"convolution2.w": np.full_like(kernel, np.inf)}),
        "finite numbers, got others in",
    )


def test_a_file_of_another_program_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / network.SAFETENSORS
    save_file(dict(chain().arrays), path)
    refused(tmp_path, "expected the format 'harness network', version 1, got 'none', version none")
    for damaged in (b"", b"no safetensors", b"\xff" * 64):
        path.write_bytes(damaged)
        refused(tmp_path, "expected an undamaged safetensors file, got ")


def test_a_chain_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    found = chain()
    layers = (*found.description.layers, Layer(kind="convolution", name="more"))
    wrong = Network("chain", replace(found.description, layers=layers), found.arrays)
    with pytest.raises(DataError, match=r"the arrays more\.w and more.b for layer 9, got not both"):
        network.save(wrong, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
