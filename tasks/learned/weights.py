"""Weights of a learned optimizer in a file, as ``safetensors``: arrays and a header, nothing that could be executed.

::

    save(weights, path)
    weights = load("mnist")                 # a default, which ships with the harness
    weights = load("mine.safetensors")
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from harness.errors import SettingError, check_choice, message
from harness.limits import Count, Label, Length, Line
from harness.seeds import derive_seed
from harness.tasks.learned.lstm import Architecture, CoordinateLstm
from harness.tasks.learned.problem import ALL, KERNELS, REST, Schedule

FORMAT, VERSION = "harness learned optimizer", 1
MOST_BYTES = 64 * 2**20  # of a file: the largest architecture has 16 MB for each kind
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
        digest = hashlib.sha256(json.dumps([asdict(self.header.architecture), list(self.header.kinds)]).encode())
        for name, tensor in sorted(tensors(self.networks).items()):
            digest.update(repr((name, tuple(tensor.shape))).encode())
            digest.update(tensor.numpy().astype("<f4").tobytes())
        return digest.hexdigest()[:16]


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
    described = {**asdict(weights.header), "hash": weights.hash}
    # One entry alone: safetensors writes several in an order that changes.
    metadata = {FORMAT: json.dumps({"version": VERSION, "header": described})}
    write(path, serialized(tensors(weights.networks), metadata=metadata))


def write(path: Path, content: bytes) -> None:
    """Replace a file; a kill leaves the old or the new one, whole.

    Raises:
        SettingError: it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as cause:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        got, hint = cause.strerror or cause, "Free some space, or choose another place"
        raise SettingError(message(f"file {path}", expected="a place to write to", got=got, hint=hint)) from cause


def defaults() -> dict[str, Path]:
    """Return the files that ship with the harness, by the family that they were trained on."""
    folder = Path(str(resources.files("harness.tasks.learned") / "defaults"))
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def load(source: str | os.PathLike[str]) -> LearnedWeights:
    """Return weights by the name of a default, such as ``mnist``, or from a file.

    Raises:
        SettingError: there is no such default or file, or the file is not one that ``save`` wrote.
    """
    text = os.fspath(source)
    if not text.endswith(SUFFIX) and os.sep not in text:
        hint = f"Name a file as *{SUFFIX}"
        return _kept(defaults()[check_choice("learned optimizer", text, defaults(), hint=hint)])
    return read(Path(text))


@cache
def _kept(path: Path) -> LearnedWeights:
    return read(path)


def read(path: Path) -> LearnedWeights:
    """Read a file that ``save`` wrote; its hash is checked, and nothing in it is executed.

    Raises:
        SettingError: the file is missing, damaged, of another program, or written by a newer version.
    """
    what = f"weights in {path}"
    try:
        size = path.stat().st_size
        if size > MOST_BYTES or not path.is_file():  # a pipe would be waited for
            raise _refused(what, f"{size:,} bytes" if path.is_file() else "something that is no file")
        with safe_open(path, framework="pt") as file:
            header, promised = _header(file.metadata() or {}, what)
            networks = fresh(header)
            expected = {name: ("F32", tuple(tensor.shape)) for name, tensor in tensors(networks).items()}
            if {name: _described(file.get_slice(name)) for name in file.keys()} != expected:  # noqa: SIM118
                raise _refused(what, "arrays of other names, shapes or types than its header says")
            found = {name: file.get_tensor(name) for name in expected}
    except (OSError, SafetensorError) as cause:
        raise _refused(what, getattr(cause, "strerror", None) or str(cause).splitlines()[0]) from cause
    if not all(tensor.isfinite().all() for tensor in found.values()):
        raise _refused(what, "numbers that are not finite")
    put(networks, found)
    weights = LearnedWeights(header, networks)
    if weights.hash != promised:
        raise _refused(what, f"content with the hash {weights.hash} instead of {promised}")
    return weights


def _described(array: Any) -> tuple[str, tuple[int, ...]]:
    return array.get_dtype(), tuple(array.get_shape())


def put(networks: Mapping[str, CoordinateLstm], found: Mapping[str, Tensor]) -> None:
    """Set the weights that ``tensors`` returned."""
    with torch.no_grad():
        for kind, network in networks.items():
            for name, weight in network.named_parameters():
                weight.copy_(found[f"{kind}.{name}"])


def _header(metadata: Mapping[str, str], what: str) -> tuple[Header, str]:
    """Return the header and the hash that it promises.

    Raises:
        SettingError: it is not one of ours, or of a newer version.
    """
    if FORMAT not in metadata:
        raise _refused(what, "the file of another program")
    try:
        described = json.loads(metadata[FORMAT])
        if described["version"] != VERSION:
            hint = "Update the harness to read it"
            got = f"version {described['version']}"
            raise SettingError(message(what, expected=f"version {VERSION}", got=got, hint=hint))
        promised = str(described["header"].pop("hash"))
        header = TypeAdapter(Header).validate_python(described["header"])
    except SettingError:  # a ValueError, too
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ValidationError) as cause:
        raise _refused(what, "a damaged header") from cause
    if header.kinds not in KINDS:
        raise _refused(what, f"the kinds {', '.join(header.kinds)}")
    return header, promised


def _refused(what: str, got: object) -> SettingError:
    hint = "Write one with harness learn optimizer, or restore a copy"
    return SettingError(message(what, expected="a file that harness learn optimizer wrote", got=got, hint=hint))
