"""Files of frozen networks: SqueezeNet 1.0 as ``network.npz``, and chains of convolutions as ``network.safetensors``.

::

    network = read(folder)
    save(network, Path("network.safetensors"))  # of a chain

Nothing in a file is executed: an array that would need pickle is an error.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from harness.errors import DataError, message
from harness.tasks.data.art.source import (
    CHAIN,
    CONVOLUTION,
    RELU,
    SQUEEZENET,
    Array,
    Description,
    Network,
)

NPZ, SAFETENSORS = "network.npz", "network.safetensors"
FORMAT, VERSION = "harness network", "1"
MOST_BYTES = 64 * 2**20  # of a file, and of its arrays: SqueezeNet's take 3 MB
MOST_LAYERS = 64
LEAST_SIDE = 64  # of the pictures that pass a network
HEADER_BYTES = 4_096  # more than an array's own header needs
SEE = "the page on learned optimizers describes both kinds of file"
FIRES = {  # SqueezeNet 1.0: inputs, squeezed channels, channels of each expansion
    "fire2": (96, 16, 64),
    "fire3": (128, 16, 64),
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
    "fire6": (256, 48, 192),
    "fire7": (384, 48, 192),
    "fire8": (384, 64, 256),
    "fire9": (512, 64, 256),
}
SQUEEZENET_DESCRIPTION = Description(
    colours="bgr", mean=(104.0, 117.0, 123.0), content="fire4", style=("conv1", "fire2", "fire3", "fire4", "fire5")
)
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError),
    *(TypeError, AttributeError, MemoryError, OverflowError, SyntaxError),
)


def squeezenet_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of SqueezeNet 1.0 before its classifier."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.w": (96, 3, 7, 7), "conv1.b": (96,)}
    for fire, (inputs, squeezed, expanded) in FIRES.items():
        for part, out, into, size in (
            ("conv1x1_1", squeezed, inputs, 1),
            ("conv1x1_2", expanded, squeezed, 1),
            ("conv3x3_2", expanded, squeezed, 3),
        ):
            shapes |= {f"{fire}.{part}.w": (out, into, size, size), f"{fire}.{part}.b": (out,)}
    return shapes


def read(folder: Path) -> Network:
    """Return the network of a folder.

    Raises:
        DataError: there is none, there are two, or it is damaged or no such network.
    """
    files = [folder / name for name in (NPZ, SAFETENSORS) if (folder / name).is_file()]
    if len(files) != 1:
        got, hint = ("both", "Remove one") if files else ("neither", f"Put one there; {SEE}")
        raise DataError(message(f"folder {folder}", expected=f"{NPZ} or {SAFETENSORS}", got=got, hint=hint))
    (path,) = files
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _refused(path, f"at most {MOST_BYTES:,} bytes", f"{size:,}")
        network = _squeezenet(path) if path.name == NPZ else _chain(path)
    except OSError as cause:
        raise _refused(path, "a readable file", cause.strerror or cause) from cause
    for name, array in network.arrays.items():
        if not np.isfinite(array).all():
            raise _refused(path, "finite numbers", f"others in {name}")
    return network


def _squeezenet(path: Path) -> Network:
    arrays = {}
    try:
        with zipfile.ZipFile(path) as file:
            for name, shape in squeezenet_shapes().items():
                arrays[name] = _array(path, file, name, shape)
    except DAMAGE as cause:
        raise _refused(path, "an undamaged .npz without pickled objects", str(cause) or type(cause).__name__) from cause
    return Network(SQUEEZENET, SQUEEZENET_DESCRIPTION, arrays)


def _array(path: Path, file: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> Array:
    """Read one array, which has a shape that is known before.

    Raises:
        DataError: there is no such array.
    """
    expected = f"the array {name} {shape}, float32"
    try:
        size = file.getinfo(f"{name}.npy").file_size
    except KeyError as cause:
        raise _refused(path, expected, "none of that name") from cause
    if size > 4 * math.prod(shape) + HEADER_BYTES:
        raise _refused(path, expected, f"{size:,} bytes")
    with file.open(f"{name}.npy") as member:
        array = np.lib.format.read_array(BytesIO(member.read()), allow_pickle=False)
    if array.shape != shape or array.dtype != np.float32:
        raise _refused(path, expected, f"{array.shape}, {array.dtype}")
    return np.ascontiguousarray(array)


def save(network: Network, path: Path) -> None:
    """Write a chain to a file, which ``read`` reads under the name ``network.safetensors``.

    Raises:
        DataError: the network is not one that can be read again.
    """
    _check(path, network.description, network.arrays)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "description": json.dumps(dataclasses.asdict(network.description)),
    }
    path.write_bytes(serialized({name: np.ascontiguousarray(each) for name, each in network.arrays.items()}, metadata))


def _chain(path: Path) -> Network:
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                got = f"{metadata.get('format', 'none')!r}, version {metadata.get('version', 'none')}"
                raise _refused(path, f"the format {FORMAT!r}, version {VERSION}", got)
            names = sorted(file.keys())
            if any(file.get_slice(name).get_dtype() != "F32" for name in names):
                raise _refused(path, "arrays of float32", "others")
            arrays = {name: file.get_tensor(name) for name in names}
    except SafetensorError as cause:
        raise _refused(path, "an undamaged safetensors file", str(cause).splitlines()[0]) from cause
    try:
        described = TypeAdapter(_Checked).validate_json(metadata.get("description", ""))
    except (ValidationError, RecursionError) as cause:
        first = cause.errors()[0] if isinstance(cause, ValidationError) else None
        got = f"{'.'.join(map(str, first['loc'])) or 'none'}: {first['msg']}" if first else "one too deep"
        raise _refused(path, "a description of the network", got) from cause
    description = Description(**{field.name: getattr(described, field.name) for field in dataclasses.fields(described)})
    _check(path, description, arrays)
    return Network(CHAIN, description, arrays)


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class _Checked(Description):
    """A description as a file has it, whose every value is checked."""


def _check(path: Path, description: Description, arrays: Mapping[str, Array]) -> None:
    """Raise unless a picture passes the layers, with exactly these arrays.

    Raises:
        DataError: it does not.
    """
    if not 1 <= len(description.layers) <= MOST_LAYERS:
        raise _refused(path, f"1 to {MOST_LAYERS} layers", len(description.layers))
    named = [layer.name for layer in description.layers if layer.name]
    if len(set(named)) < len(named):
        raise _refused(path, "layers with names of their own", "one name twice")
    for name in (description.content, *description.style):
        if name not in named:
            raise _refused(path, f"one of its layers ({', '.join(named)}) for content and style", repr(name))
    channels, side, read_arrays = 3, LEAST_SIDE, set[str]()
    for number, layer in enumerate(description.layers, 1):
        what, size = f"layer {number}", layer.size
        if layer.kind == RELU:
            continue
        if layer.kind == CONVOLUTION:
            kernel, bias = arrays.get(f"{layer.name}.w"), arrays.get(f"{layer.name}.b")
            read_arrays |= {f"{layer.name}.w", f"{layer.name}.b"}
            if kernel is None or bias is None:
                raise _refused(path, f"the arrays {layer.name}.w and {layer.name}.b for {what}", "not both")
            size = kernel.shape[-1] if kernel.ndim else 0
            if kernel.ndim != 4 or kernel.shape[1:] != (channels, size, size) or bias.shape != kernel.shape[:1]:
                expected = f"{layer.name}.w (out, {channels}, size, size) and {layer.name}.b (out,)"
                raise _refused(path, expected, f"{kernel.shape} and {bias.shape}")
            channels = kernel.shape[0]
        side = (side + 2 * layer.padding * (layer.kind == CONVOLUTION) - size) // layer.stride + 1
        if side < 1 or not size or not channels:
            raise _refused(path, f"layers that a picture of {LEAST_SIDE} pixels passes", f"nothing left after {what}")
    if read_arrays != arrays.keys():
        raise _refused(path, "arrays of its layers alone", sorted(arrays.keys() - read_arrays)[0])


def _refused(path: Path, expected: str, got: object) -> DataError:
    return DataError(message(f"network {path}", expected=expected, got=got, hint=f"Fetch or make another; {SEE}"))
