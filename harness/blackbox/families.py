"""Families of functions by name: ``gp/3`` is a family and its variant, ``branin`` a family alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.blackbox.contracts import FunctionFamily, FunctionVariant
from harness.errors import RegistryError, check_choice, message
from harness.registry import CALLS, Kind, check_call, load

NEEDED = ("name", "version", "variants")  # of a family's class


class FamilyClass(Protocol):
    """What makes a family, before its files are read."""

    version: int
    variants: Mapping[str, FunctionVariant]

    def __call__(self, root: Path | None) -> FunctionFamily:
        """Make the family."""


@dataclass(frozen=True, slots=True)
class NamedFunctions:
    """A family with the variant that was asked for.

    Attributes:
        name: the family's registered name.
        variant: the variant; empty for the family itself.
        family: the class that makes the family.
    """

    name: str
    variant: str
    family: FamilyClass

    @property
    def label(self) -> str:
        """Family and variant, as users write them."""
        return label(self.name, self.variant)

    @property
    def dimensions(self) -> int:
        """Dimensions of the box."""
        return self.family.variants[self.variant].dimensions


def label(name: str, variant: str) -> str:
    """Return family and variant, as users write them."""
    return f"{name}/{variant}" if variant else name


def named(text: str) -> NamedFunctions:
    """Read ``NAME`` or ``NAME/VARIANT``; no file is read.

    Raises:
        RegistryError: there is no such family or variant.
    """
    name, slash, variant = text.strip().partition("/")
    found = family_class(name)
    labels = [label(name, each) for each in found.variants]
    if variant not in found.variants or (slash and not variant):
        check_choice(f"functions {name}", text.strip(), labels, error=RegistryError)
    return NamedFunctions(name, variant, found)


def family_class(name: str) -> FamilyClass:
    """Return what makes a registered family; its variants can be read.

    Raises:
        RegistryError: no family has that name, or what has it is none.
    """
    found = load(Kind.FUNCTION, name)
    missing = [each for each in NEEDED if not hasattr(found, each)]
    if not missing and isinstance(found.variants, Mapping) and found.variants:
        check_call(Kind.FUNCTION, name, found, None)
        checked: FamilyClass = found
        return checked
    expected = f"{CALLS[Kind.FUNCTION]} with {', '.join(NEEDED)}"
    got = f"one without {', '.join(missing)}" if missing else f"one with the variants {found.variants!r}"
    hint = "Make it a class that is a FunctionFamily, as harness.blackbox.contracts says"
    raise RegistryError(message(f"functions {name!r}", expected=expected, got=got, hint=hint))
