"""What can be registered, and what a registered name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be registered; the value is the entry-point group's last part."""

    SEARCHER = "searchers"
    TASK = "tasks"
    DATA = "data"
    PROTOCOL = "protocols"
    CANDIDATE = "candidates"
    PROBLEM = "problems"
    BOX_OPTIMIZER = "box_optimizers"
    FUNCTION = "functions"


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registered name stands for.

    Attributes:
        target: ``module:attribute`` to load.
        summary: one line for listings; empty for outside packages.
        source: where the method comes from.
        inputs: of a data set: the kind of inputs that it holds, as protocols name it; empty for outside packages.
    """

    target: str
    summary: str = ""
    source: str = ""
    inputs: str = ""
