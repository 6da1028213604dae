"""Weights of a learned optimizer in a file, as ``safetensors``: arrays and a header, nothing that could be executed.

::

    save(weights, path)
    weights = load("mnist")                 # a default, which ships with the harness
    weights = load("mine.safetensors")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

import torch
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from harness.errors import SettingError, check_choice, message
from harness.limits import Count, Label, Length, Line
from harness.seeds import derive_seed
from harness.tasks.learned.lstm import Architecture, CoordinateLstm
from harness.tasks.learned.problem import ALL, KERNELS, REST, Schedule
from harness.weight_files import WeightFiles, digest

FILES = WeightFiles(name="harness learned optimizer", version=1, command="harness learn optimizer")
KINDS = ((ALL,), (KERNELS, REST))
SUFFIX = ".safetensors"


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Header:
    """Where weights come from, and what they are.

    Attributes:
        problems: the family, and after a slash the variant if it has one, that the optimizer was trained on.
        problems_version: the family's version.
        data: name of the data set, empty if the family reads none.
        fingerprint: its fingerprint.
        preset: which settings it was trained with.
        seed: the meta-seed.
        examples: how many problems the training drew, with those of the search for λ.
        learning_rate: λ of the meta-optimizer.
        validation: mean of f over the steps of the held-out problems.
        skipped: meta-gradients that were not finite, and were left out.
        commit: revision of the harness, empty if unknown.
        environment: versions and processor, in words.
        architecture: what the LSTM computes.
        kinds: the kinds of parameters that have an LSTM each.
        schedule: how long it was trained, and on how much at once; None in files of before there was a choice.
    """

    problems: Label
    problems_version: int = 1
    data: Annotated[str, Line(200, least=0)] = ""
    fingerprint: Annotated[str, Line(200, least=0)] = ""
    preset: Label = "paper"
    seed: Count = 0
    examples: Count = 0
    learning_rate: float = 0.0
    validation: float = 0.0
    skipped: Count = 0
    commit: Annotated[str, Line(200, least=0)] = ""
    environment: Annotated[str, Line(500, least=0)] = ""
    architecture: Architecture
    kinds: Annotated[tuple[Label, ...], Length(1)]
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LearnedWeights:
    """The LSTMs of a learned optimizer, by kind of parameter, and where they come from."""

    header: Header
    networks: Mapping[str, CoordinateLstm]

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of SHA-256 over architecture, kinds and weights; equal for equal optimizers."""
        identity = [asdict(self.header.architecture), list(self.header.kinds)]
        return digest(identity, {name: tensor.numpy() for name, tensor in tensors(self.networks).items()})


def tensors(networks: Mapping[str, CoordinateLstm]) -> dict[str, Tensor]:
    """Return copies of all weights, in the processor's memory, named ``KIND.NAME``."""
    return {
        f"{kind}.{name}": weight.detach().cpu().clone()
        for kind, network in networks.items()
        for name, weight in network.named_parameters()
    }


def fresh(header: Header) -> dict[str, CoordinateLstm]:
    """Return untrained LSTMs of a header's architecture and seed."""
    return {
        kind: CoordinateLstm(header.architecture, seed=derive_seed(header.seed, "kind", kind)) for kind in header.kinds
    }


def save(weights: LearnedWeights, path: Path) -> None:
    """Write weights to a file, whole or not at all.

    Raises:
        SettingError: the file cannot be written.
    """
    arrays = {name: tensor.numpy() for name, tensor in tensors(weights.networks).items()}
    FILES.save(path, {**asdict(weights.header), "hash": weights.hash}, arrays)


def defaults() -> dict[str, Path]:
    """Return the files that ship with the harness, by the family that they were trained on."""
    folder = Path(str(resources.files("harness.tasks.learned") / "defaults"))
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def load(source: str | os.PathLike[str]) -> LearnedWeights:
    """Return weights by the name of a default, such as ``mnist``, or from a file.

    Raises:
        SettingError: there is no such default or file, or the file is not one that ``save`` wrote.
    """
    if not isinstance(source, str | os.PathLike):
        hint = "Give a name such as quadratic, or a file"
        raise SettingError(message("learned optimizer", expected="a name or a file", got=repr(source), hint=hint))
    text = os.fsdecode(source)
    if not text.endswith(SUFFIX) and os.sep not in text:
        hint = f"Name a file as *{SUFFIX}"
        written = text.replace("_", "-")  # as candidates write it
        return _kept(defaults()[check_choice("learned optimizer", written, defaults(), hint=hint)])
    return read(Path(text))


@cache
def _kept(path: Path) -> LearnedWeights:
    return read(path)


def read(path: Path) -> LearnedWeights:
    """Read a file that ``save`` wrote; its hash is checked, and nothing in it is executed.

    Raises:
        SettingError: the file is missing, damaged, of another program, or written by a newer version.
    """
    header, promised = FILES.described(path, TypeAdapter(Header).validate_python)
    if header.kinds not in KINDS:
        raise FILES.refused(path, f"the kinds {', '.join(header.kinds)}")
    networks = fresh(header)
    found = FILES.arrays(path, {name: tuple(tensor.shape) for name, tensor in tensors(networks).items()})
    put(networks, {name: torch.from_numpy(array) for name, array in found.items()})
    weights = LearnedWeights(header, networks)
    FILES.check_hash(path, weights.hash, promised)
    return weights


def put(networks: Mapping[str, CoordinateLstm], found: Mapping[str, Tensor]) -> None:
    """Set the weights that ``tensors`` returned."""
    with torch.no_grad():
        for kind, network in networks.items():
            for name, weight in network.named_parameters():
                weight.copy_(found[f"{kind}.{name}"])
