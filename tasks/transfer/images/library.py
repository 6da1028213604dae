"""pytorchcv, which builds the networks, and is installed only with the extra ``transfer``."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from harness.errors import RegistryError, message

NAME = "pytorchcv"


def check(task: str) -> None:
    """Raise unless pytorchcv is installed.

    Args:
        task: the task that needs it, by name.

    Raises:
        RegistryError: it is not.
    """
    if importlib.util.find_spec(NAME) is None:
        hint = "Install it with pip install -e '.[transfer]' where the harness was checked out"
        raise RegistryError(message(f"task {task!r}", expected=f"{NAME}, which has its network", got="none", hint=hint))


def version() -> str:
    """Return the version that is installed."""
    return importlib.metadata.version(NAME)
