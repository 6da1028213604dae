"""Families of problems by name, with their data: ``mnist``, or ``mnist/relu`` for problems with a variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness import plain
from harness.contracts import Dataset
from harness.errors import DataError, HarnessError, ProtocolError, RegistryError, check_choice, message, outside
from harness.library import arguments
from harness.race.conditions import Announce, holding
from harness.registry import AUTO, CALLS, Kind, check_call, load

NO_INPUTS = "none"
HINT = "Name some, such as quadratic; `harness ls problems` lists them"
NEEDED = ("name", "version", "inputs", "variants", "kinds", "architecture", "schedule")  # of a family's class


class Variant(Protocol):
    """A variant of a family, as ``harness.tasks.learned.problem`` declares it."""

    @property
    def summary(self) -> str:
        """One line for listings."""

    @property
    def steps(self) -> int:
        """How many steps are taken."""

    @property
    def trains(self) -> bool:
        """Whether a learned optimizer may be trained on it."""


class Family(Protocol):
    """A family of problems, as far as the library reads it."""

    name: str
    version: int
    inputs: str
    variants: Mapping[str, Variant]
    data: Dataset | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A family with the variant that was asked for.

    Attributes:
        name: the family's registered name.
        variant: the variant; empty for the family itself.
        family: the family, with its data.
    """

    name: str
    variant: str
    family: Family

    @property
    def label(self) -> str:
        """Family and variant as users write them."""
        return _label(self.name, self.variant)


class FamilyClass(Protocol):
    """What makes a family, before its data is loaded; torch reads the architecture and the schedule."""

    version: int
    inputs: str
    variants: Mapping[str, Variant]
    kinds: tuple[str, ...]
    architecture: Any
    schedule: Any

    def __call__(self, data: Dataset | None) -> Family:
        """Make the family."""


@dataclass(frozen=True, slots=True)
class Problems:
    """Problems to train an optimizer on, before their data is loaded.

    Attributes:
        name: the family's registered name.
        variant: the family's variant; empty for the family itself.
        factory: what makes the family.
    """

    name: str
    variant: str
    factory: FamilyClass

    @property
    def label(self) -> str:
        """Family and variant as users write them."""
        return _label(self.name, self.variant)

    @property
    def reads_data(self) -> bool:
        """Whether the family reads a data set."""
        return self.factory.inputs != NO_INPUTS

    def dataset(self, name: str | Dataset, root: Path | None, *, announce: Announce) -> Dataset:
        """Load and return the data set that the family reads; an empty one if it reads none.

        Raises:
            DataError: it is missing or damaged, or of another kind.
            RegistryError: no data set has that name.
        """
        what = f"data of problems {self.label}"
        return holding(self.factory.inputs, name, root, what=what, announce=announce)


def _label(name: str, variant: str) -> str:
    return f"{name}/{variant}" if variant else name


def answering(label: str, family: object, *passing: type[Exception]) -> AbstractContextManager[None]:
    """Report in one line what a family of other people raises, or what its problems make the harness raise.

    Args:
        label: the problems as users write them.
        family: the family or what makes it.
        passing: errors that are no fault of it, besides those that users cause.
    """
    expected, hint = "problems that can be drawn, started and evaluated", "Fix the family; its contract is Family"
    hint = f"{hint} in harness.tasks.learned.problem"
    passed: tuple[type[Exception], ...] = (HarnessError, *passing)
    return outside(family, f"problems {label}", expected=expected, hint=hint, error=DataError, passing=passed)


def trainable(text: str) -> Problems:
    """Read ``NAME`` or ``NAME/VARIANT`` of problems to train on; no data is loaded.

    Raises:
        RegistryError: there is no such family or variant, or it is for comparisons only.
    """
    name, variant = named(text)
    factory = family_class(name)
    if not factory.variants[variant].trains:
        fitting = (f"{name}/{each}" if each else name for each, one in factory.variants.items() if one.trains)
        hint, got = "Train on one of these; the others are for comparisons", "a variant for comparisons only"
        expected = f"one of {', '.join(fitting)}"
        raise RegistryError(message(f"problems {text.strip()}", expected=expected, got=got, hint=hint))
    return Problems(name, variant, factory)


def family_class(name: str) -> FamilyClass:
    """Return what makes a registered family; its kind of inputs and its variants can be read.

    Raises:
        RegistryError: no family has that name, or what has it is none.
    """
    found = load(Kind.PROBLEM, name)
    missing = [each for each in NEEDED if not hasattr(found, each)]
    if not callable(found) or not missing:
        check_call(Kind.PROBLEM, name, found, None)
    if missing or not isinstance(found.variants, Mapping) or "" not in found.variants:
        expected = f"{CALLS[Kind.PROBLEM]} with {', '.join(NEEDED)}; one of its variants is the family itself"
        got = f"one without {', '.join(missing)}" if missing else repr(found)
        hint = "Make it a class that is a Family, as harness.tasks.learned.problem says"
        raise RegistryError(message(f"problems {name!r}", expected=expected, got=got, hint=hint))
    checked: FamilyClass = found
    return checked


def named(text: str) -> tuple[str, str]:
    """Read ``NAME`` or ``NAME/VARIANT``.

    Raises:
        ProtocolError: the argument is no text.
        RegistryError: there is no such family or variant.
    """
    written = plain.text("problems", text, expected="names", hint=HINT)
    name, slash, variant = written.strip().partition("/")
    known = [each for each in family_class(name).variants if each]
    if slash and not known:
        what, hint = f"variant of problems {name}", f"Write {name}: it has no variants"
        raise RegistryError(message(what, expected="none", got=repr(variant), hint=hint))
    if slash:
        check_choice(f"variant of problems {name}", variant, known, error=RegistryError)
    return name, variant


def opened(
    texts: Sequence[str],
    *,
    data: Mapping[str, str | Dataset],
    root: Mapping[str, Path],
    announce: Announce,
) -> list[Chosen]:
    """Return families and variants by name, each once, with their data loaded.

    Args:
        texts: ``NAME`` or ``NAME/VARIANT`` each.
        data: data sets, or their names, by family; that of ``""`` is for all others.
        root: the folders that hold them, likewise.
        announce: called with a line about anything that takes long or is not used.

    Raises:
        ProtocolError: there are no problems, or data is given for others.
        RegistryError: there is no such family, variant or data set.
        DataError: data is missing or damaged.
    """
    asked = list(dict.fromkeys(map(named, texts)))
    if not asked:
        raise ProtocolError(message("problems", expected="at least one", got="none", hint=HINT))
    names = list(dict.fromkeys(name for name, _ in asked))
    reading = [name for name in names if family_class(name).inputs != NO_INPUTS]
    for option, given in {"data": data, "data_root": root}.items():
        for name, value in given.items():
            if name:
                check_choice(f"{option} of problems", name, names, error=ProtocolError)
            if value != AUTO and name not in reading and (name or not reading):
                announce(f"{option} is not used: {name or ', '.join(names)} reads no data")
    families = {name: _family(name, data=data, root=root, announce=announce) for name in names}
    return [Chosen(name=name, variant=variant, family=families[name]) for name, variant in asked]


def _family(name: str, *, data: Mapping[str, str | Dataset], root: Mapping[str, Path], announce: Announce) -> Family:
    made = family_class(name)
    if made.inputs == NO_INPUTS:
        return made(None)
    chosen = arguments.data(data.get(name, data.get("", AUTO)))
    place = root.get(name, root.get(""))
    return made(holding(made.inputs, chosen, place, what=f"data of problems {name}", announce=announce))
