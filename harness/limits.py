"""What a value must obey beyond its type, stated where it is declared: of settings, and of what records hold.

``harness.settings`` reads it of a searcher's settings, and pydantic of records, without being needed to declare it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

MOST_COUNTED = 2**63 - 1  # what SQLite holds
Schema = dict[str, Any]  # of pydantic's core


@dataclass(frozen=True, slots=True)
class Range:
    """Annotation of a number that must lie in ``[least, most]``; None means no bound."""

    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        if self.least is None or self.most is None:
            known = [f"at least {self.least}"] if self.least is not None else []
            return known[0] if known else (f"at most {self.most}" if self.most is not None else "any")
        return f"{self.least} to {self.most}"

    def __get_pydantic_core_schema__(self, kind: Any, handler: Callable[[Any], Schema]) -> Schema:
        bounds = {"ge": self.least, "le": self.most}
        return handler(kind) | {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """Annotation of a text that must be one of ``names``; ``Literal["a", "b"]`` means the same."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)

    def __str__(self) -> str:
        return "one of " + ", ".join(self.names)

    def __get_pydantic_core_schema__(self, kind: Any, handler: Callable[[Any], Schema]) -> Schema:
        return {"type": "literal", "expected": list(self.names)}


@dataclass(frozen=True, slots=True)
class Length:
    """Annotation of what must have ``least`` parts or more."""

    least: int

    def __get_pydantic_core_schema__(self, kind: Any, handler: Callable[[Any], Schema]) -> Schema:
        return handler(kind) | {"min_length": self.least}


@dataclass(frozen=True, slots=True)
class Line:
    """Annotation of a text of ``least`` to ``most`` characters that is one printable line."""

    most: int
    least: int = 1
    without: str = ""

    @property
    def pattern(self) -> str:
        """A regular expression for the text."""
        return rf"^[^\x00-\x1f\x7f-\x9f\u2028\u2029{self.without}]{{{self.least},{self.most}}}$"

    def __get_pydantic_core_schema__(self, kind: Any, handler: Callable[[Any], Schema]) -> Schema:
        return handler(kind) | {"pattern": self.pattern}


Count = Annotated[int, Range(0, MOST_COUNTED)]
Positive = Annotated[int, Range(1, MOST_COUNTED)]
Score = Annotated[float, Range(0, 1)]
LABEL = Line(200)
Label = Annotated[str, LABEL]
