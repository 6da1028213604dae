"""Checkpoints of one child: whole files, replaced after every epoch, from which the same training goes on."""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.errors import EngineError, message

UNREADABLE = (
    *(OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError),
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The file of one child.

    Attributes:
        path: where it is; its folder is created when the first state is saved.
        environment: what else the child's bits depend on: a state that was saved in another one is not used.
    """

    path: Path
    environment: Mapping[str, str]

    def read(self) -> dict[str, Any] | None:
        """Return the last state saved; None if there is none that can be used, so that training starts anew.

        Only tensors and plain values are read: nothing in the file is executed.
        """
        if not self.path.is_file():
            return None
        try:
            with zipfile.ZipFile(self.path) as parts:
                if parts.testzip() is not None:  # torch does not look at the checksums
                    return None
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            found: dict[str, Any] = saved["state"]
            return found if saved["environment"] == dict(self.environment) else None
        except UNREADABLE:
            return None

    def write(self, state: Mapping[str, Any]) -> None:
        """Save a state in place of the last one; a kill leaves one of the two, whole.

        Raises:
            EngineError: it cannot be written.
        """
        unfinished = self.path.with_suffix(f".{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(unfinished, "wb") as file:
                torch.save({"state": dict(state), "environment": dict(self.environment)}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.path)
        except (OSError, RuntimeError) as cause:  # torch raises the latter when a disk is full
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            got = str(cause).splitlines()[0]
            hint = "Free some space and run the same command again to resume"
            raise EngineError(message(f"file {self.path}", expected="room to save", got=got, hint=hint)) from cause
