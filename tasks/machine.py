"""Failures of the machine, which are not the rule's fault: they end a run, while an outcome would be charged and told.

The same command trains a child again that the machine has lost (protocol §3).
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
)  # torch's plain RuntimeErrors about the machine contain one of these


def failed(cause: Exception) -> bool:
    """Whether the machine failed, rather than the computation."""
    return isinstance(cause, TYPES) or (isinstance(cause, RuntimeError) and any(text in str(cause) for text in TEXTS))


def out_of_memory(cause: Exception) -> bool:
    """Whether a computation did not fit into memory, so that a smaller one may."""
    return isinstance(cause, MemoryError | torch.OutOfMemoryError) or (
        isinstance(cause, RuntimeError) and TEXTS[0] in str(cause)
    )


@contextmanager
def answerable(what: str = "child", *, kept: str = "the child is not charged") -> Iterator[None]:
    """Turn failures of the machine into an error that tells the user what to do.

    Args:
        what: what it was computing.
        kept: what the failure costs, in the words of the error.

    Raises:
        EngineError: it ran out of memory, or its GPU failed.
    """
    try:
        yield
    except Exception as cause:
        if not failed(cause):
            raise
        got = f"{type(cause).__name__}: {cause}"
        hint = f"Free memory or repair the GPU, then run the same command again to resume; {kept}"
        raise EngineError(message(what, expected="a machine that can train it", got=got, hint=hint)) from cause


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread for a while: to share small tensors among threads takes many times longer.

    What a child scores then does not depend on how many cores there are, either.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
