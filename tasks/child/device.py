"""Where a child trains: on the processor, or on a GPU with CUDA."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from harness.errors import SettingError, message

KINDS = ("cpu", "cuda")


def checked(name: str) -> torch.device:
    """Return the device of that name, such as ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        SettingError: torch does not know it, or this machine does not have it.
    """
    expected = "cpu, or cuda if there is a GPU"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError(message("device", expected=expected, got=repr(name), hint="Change --device")) from None
    if device.type not in KINDS:
        raise SettingError(message("device", expected=expected, got=repr(name), hint="Change --device"))
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            got = f"{name!r} where torch {torch.__version__} finds {count or 'no'} GPU{'s' if count != 1 else ''}"
            hint = "Install a torch built for this machine's CUDA, or leave out --device"
            raise SettingError(message("device", expected=expected, got=got, hint=hint))
    return device


def named(device: torch.device) -> str:
    """Return the device's name for the record, since different GPUs round differently."""
    if device.type == "cpu":
        return "cpu"
    return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"


@contextmanager
def exact_cuda(device: torch.device) -> Iterator[None]:
    """Use full float32 products and repeatable algorithms on a GPU, as far as torch has them; restore them afterwards.

    Triton launches kernels on the current GPU, so that is the device, if it has a number.

    Torch warns that pooling's backward pass is not repeatable, which holds for overlapping windows. A child's windows
    do not overlap, so the warning is suppressed.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32 = cudnn.allow_tf32 = cudnn.benchmark = False
    torch.set_deterministic_debug_mode("warn")
    try:
        with warnings.catch_warnings(), nullcontext() if device.index is None else torch.cuda.device(device):
            warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation")
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
