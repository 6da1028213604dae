"""Failures of the machine, for which no rule is to blame: they end a run, where an outcome would be charged and told.

A child lost to the machine is trained again by the same command (protocol §3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.errors import EngineError, message

TYPES = (MemoryError, torch.OutOfMemoryError, getattr(torch, "AcceleratorError", torch.OutOfMemoryError))  # younger
TEXTS = (
    "DefaultCPUAllocator",
    "CUDA error",
    "cuDNN error",
)  # what torch raises as bare RuntimeErrors says one of these


def failed(cause: Exception) -> bool:
    """Whether the machine failed, and not what it was to compute."""
    return isinstance(cause, TYPES) or (isinstance(cause, RuntimeError) and any(text in str(cause) for text in TEXTS))


@contextmanager
def answerable() -> Iterator[None]:
    """Raise failures of the machine as what they are to the user.

    Raises:
        EngineError: it ran out of memory, or its GPU failed.
    """
    try:
        yield
    except Exception as cause:
        if not failed(cause):
            raise
        got = f"{type(cause).__name__}: {cause}"
        hint = "Free its memory or mend its GPU; the same command then goes on, and the child is not charged"
        raise EngineError(message("child", expected="a machine that can train it", got=got, hint=hint)) from cause
