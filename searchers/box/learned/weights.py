"""Weights of a learned optimizer of the unit box in a file, as ``safetensors``: nothing in it could be executed.

::

    save(weights, path)
    weights = find(Architecture(dimensions=3), "oi")                # a default, which ships with the harness
    weights = find(Architecture(dimensions=3), "oi", "trained/")    # from lstm-oi-3.safetensors in a folder
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from harness.errors import SettingError, message
from harness.limits import Count, Line
from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.network import Network
from harness.weight_files import Arrays, WeightFiles, digest

COMMAND = "harness learn searcher"
FILES = WeightFiles(name="harness learned searcher", version=1, command=COMMAND)
SUFFIX = ".safetensors"


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Header:
    """Where weights come from, and what they are.

    Attributes:
        architecture: what the network computes.
        loss: what it was trained to minimize.
        kernel: of the Gaussian process that it was trained on, in words.
        seed: the meta-seed.
        draws: how many draws of the process the training used.
        validation: mean over held-out draws of the least value among 100 points.
        skipped: meta-gradients that were not finite, and were left out.
        commit: revision of the harness, empty if unknown.
        environment: versions and processor, in words.
        start: the hash of the weights that the training began with, empty for drawn ones.
    """

    architecture: Architecture
    loss: Literal["sum", "ei", "oi", "oi-whole"]
    kernel: Annotated[str, Line(200, least=0)] = ""
    seed: Count = 0
    draws: Count = 0
    validation: float = 0.0
    skipped: Count = 0
    commit: Annotated[str, Line(200, least=0)] = ""
    environment: Annotated[str, Line(500, least=0)] = ""
    start: Annotated[str, Line(100, least=0)] = ""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedWeights:
    """The network of a learned optimizer, and where it comes from."""

    header: Header
    network: Network

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of SHA-256 over architecture and weights; equal for equal optimizers."""
        return digest(asdict(self.header.architecture), arrays(self.network))


def arrays(network: Network) -> Arrays:
    """Return copies of all weights by name, in float32."""
    return {name: weight.detach().cpu().float().numpy().copy() for name, weight in network.named_parameters()}


def save(weights: LearnedWeights, path: Path) -> None:
    """Write weights to a file, whole or not at all.

    Raises:
        SettingError: the file cannot be written.
    """
    FILES.save(path, {**asdict(weights.header), "hash": weights.hash}, arrays(weights.network))


def read(path: Path) -> LearnedWeights:
    """Read a file that ``save`` wrote; its hash is checked, and nothing in it is executed.

    Raises:
        SettingError: the file is missing, damaged, of another program, or written by a newer version.
    """
    header, promised = FILES.described(path, TypeAdapter(Header).validate_python)
    network = Network(header.architecture, seed=header.seed)
    found = FILES.arrays(path, {name: array.shape for name, array in arrays(network).items()})
    put(network, found)
    weights = LearnedWeights(header, network)
    FILES.check_hash(path, weights.hash, promised)
    return weights


@torch.no_grad()
def put(network: Network, found: Arrays) -> None:
    """Set the weights that ``arrays`` returned."""
    for name, weight in network.named_parameters():
        weight.copy_(torch.from_numpy(found[name]))


def file_name(architecture: Architecture, loss: str) -> str:
    """Return how a file of such weights is called in a folder: ``lstm-oi-3.safetensors``, ``lstm-oi-parallel5-3…``."""
    parallel = f"-parallel{architecture.parallel}" if architecture.parallel else ""
    return f"{architecture.cell}-{loss}{parallel}-{architecture.dimensions}{SUFFIX}"


def defaults() -> dict[str, Path]:
    """Return the files that ship with the harness, by name."""
    folder = Path(str(resources.files("harness.searchers.box.learned") / "defaults"))
    return _in_folder(folder)


def find(wanted: Architecture, loss: str, place: str = "", *, below: bool = False) -> LearnedWeights:
    """Return the weights that some settings mean.

    Args:
        wanted: cell, dimensions and parallel form; the other sizes are the file's.
        loss: what they were trained to minimize.
        place: a file, or a folder of files with names as ``file_name`` returns; empty for the defaults.
        below: whether fewer dimensions will do, as many as there are.

    Raises:
        SettingError: there are none, or the file holds others.
    """
    path = Path(place)
    if place and not os.path.isdir(path):  # which raises nothing, as Path.is_dir would
        weights = _kept(path, _stamp(path))
        _check(weights.header, wanted, loss, path, below=below)
        return weights
    there = _in_folder(path) if place else defaults()
    for dimensions in range(wanted.dimensions, 0 if below else wanted.dimensions - 1, -1):
        name = file_name(replace(wanted, dimensions=dimensions), loss)
        if name in there:
            weights = _kept(there[name], _stamp(there[name]))
            _check(weights.header, wanted, loss, there[name], below=below)
            return weights
    what = f"weights in {path}" if place else "default weights"
    expected = file_name(wanted, loss) + " or of fewer dimensions" * below
    hint = f"Train them with {COMMAND} and name the file or its folder in the setting weights"
    raise SettingError(message(what, expected=expected, got=", ".join(there) or "none", hint=hint))


def _in_folder(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def _check(header: Header, wanted: Architecture, loss: str, path: Path, *, below: bool) -> None:
    """Raise unless the settings describe the weights.

    Raises:
        SettingError: they do not, and the message names the first difference.
    """
    found = header.architecture
    pairs: Mapping[str, tuple[object, object]] = {
        "cell": (wanted.cell, found.cell),
        "loss": (loss, header.loss),
        "parallel": (wanted.parallel, found.parallel),
    }
    for name, (expected, got) in pairs.items():
        if got != expected:
            hint = f"Set {name} to what they are, or name other weights"
            what = f"weights in {path}"
            raise SettingError(message(what, expected=f"{name} {expected}, as set", got=got, hint=hint))
    fits = found.dimensions <= wanted.dimensions if below else found.dimensions == wanted.dimensions
    if not fits:
        expected = f"{'at most ' if below else ''}{wanted.dimensions} dimensions"
        hint = f"Name a folder with a file for each number of dimensions, or train them with {COMMAND}"
        raise SettingError(message(f"weights in {path}", expected=expected, got=found.dimensions, hint=hint))


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written anew."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0  # reading it says what is wrong
    return state.st_mtime_ns, state.st_size


@cache
def _kept(path: Path, _: tuple[int, int]) -> LearnedWeights:
    return read(path)
