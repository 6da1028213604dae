"""Families of problems by name, with their data: ``quadratic``, ``mnist/relu``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.contracts import Dataset
from harness.errors import ProtocolError, RegistryError, check_choice, message
from harness.library import arguments
from harness.race.conditions import Announce, data_of
from harness.registry import AUTO, CALLS, Kind, check_call, load

NO_INPUTS = "none"


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


class FamilyClass(Protocol):
    """What makes a family, before its data is loaded."""

    inputs: str
    variants: Mapping[str, Variant]

    def __call__(self, data: Dataset | None) -> Family:
        """Make the family."""


def family_class(name: str) -> FamilyClass:
    """Return what makes a registered family; its kind of inputs and its variants can be read.

    Raises:
        RegistryError: no family has that name, or what has it is none.
    """
    found = load(Kind.PROBLEM, name)
    check_call(Kind.PROBLEM, name, found, None)
    variants = getattr(found, "variants", None)
    if not isinstance(getattr(found, "inputs", None), str) or not isinstance(variants, Mapping) or "" not in variants:
        expected = f"{CALLS[Kind.PROBLEM]} with `inputs`, and `variants` of which one is the family itself"
        raise RegistryError(message(f"problems {name!r}", expected=expected, got=repr(found), hint="Add them"))
    checked: FamilyClass = found
    return checked


def named(text: str) -> tuple[str, str]:
    """Read ``NAME`` or ``NAME/VARIANT``.

    Raises:
        RegistryError: there is no such family or variant.
    """
    name, slash, variant = text.strip().partition("/")
    known = [each for each in family_class(name).variants if each]
    if slash and not known:
        what, hint = f"variant of problems {name}", f"Write {name}"
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
        hint = "Name some, such as quadratic; `harness ls problems` lists them"
        raise ProtocolError(message("problems", expected="at least one", got="none", hint=hint))
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
    return made(data_of(chosen, place, inputs=made.inputs, reader=f"problems {name}", announce=announce))
