"""Families of problems by name: ``mnist``, or ``mnist/relu`` for problems with a variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contracts import Dataset
from harness.errors import RegistryError, check_choice, message
from harness.race.conditions import Announce, holding
from harness.registry import Kind, check_call, load

NEEDED = ("version", "inputs", "variants", "kinds", "architecture", "schedule")  # of a family's class


@dataclass(frozen=True, slots=True)
class Problems:
    """Problems to train or compare optimizers on.

    Attributes:
        name: the family's registered name, or its ``module:attribute``.
        variant: the family's variant; empty for the family itself.
        factory: the family's class, whose attributes need no data.
    """

    name: str
    variant: str
    factory: Any

    @property
    def label(self) -> str:
        """Family and variant as users write them."""
        return f"{self.name}/{self.variant}" if self.variant else self.name

    @property
    def reads_data(self) -> bool:
        """Whether the family reads a data set."""
        return bool(self.factory.inputs != "none")

    def family(self, data: Dataset) -> Any:
        """Build and return the family."""
        return self.factory(data)

    def dataset(self, name: str | Dataset, root: Path | None, *, announce: Announce) -> Dataset:
        """Load and return the data set that the family reads; an empty one if it reads none.

        Raises:
            DataError: it is missing or damaged, or of another kind.
            RegistryError: no data set has that name.
        """
        what = f"data of problems {self.label}"
        return holding(self.factory.inputs, name, root, what=what, announce=announce)


def problems(text: str, *, training: bool = False) -> Problems:
    """Read ``NAME`` or ``NAME/VARIANT``; no data is loaded.

    Args:
        text: the text.
        training: whether a learned optimizer is to be trained on them.

    Raises:
        RegistryError: there is no such family or variant, or it is for comparisons only.
    """
    name, slash, variant = text.strip().partition("/")
    factory = load(Kind.PROBLEM, name)
    missing = [each for each in NEEDED if not hasattr(factory, each)]
    if missing:
        hint = "Make it a class that is a Family, as harness.tasks.learned.problem says"
        got = f"one without {', '.join(missing)}"
        raise RegistryError(message(f"problems {name!r}", expected="a family's class", got=got, hint=hint))
    check_call(Kind.PROBLEM, name, factory, None)
    variants: Mapping[str, Any] = factory.variants
    if slash or variant not in variants:
        named = [each for each in variants if each]
        hint = "" if named else f"Write {name}: it has no variants"
        check_choice(f"variant of problems {name}", variant, named, error=RegistryError, hint=hint)
    if training and not variants[variant].trains:
        fitting = ", ".join(f"{name}/{each}" if each else name for each, one in variants.items() if one.trains)
        what, hint = f"problems {text.strip()}", "Train on one of these; the others are for comparisons"
        got = "a variant for comparisons only"
        raise RegistryError(message(what, expected=f"one of {fitting}", got=got, hint=hint))
    return Problems(name, variant, factory)
