"""Families of functions by name: ``branin``, or ``gp/3`` for the functions of a variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.blackbox.contracts import FunctionFamily
from harness.errors import DataError, ProtocolError, RegistryError, check_choice, message, outside
from harness.registry import CALLS, Kind, check_call, load

NEEDED = ("name", "version", "variants", "draw", "fingerprint")
FAMILY = "Make it a class that is a FunctionFamily, as harness.blackbox.contracts says"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A family with the variant that was asked for.

    Attributes:
        name: the family's registered name.
        variant: the variant; empty for the family itself.
        family: the family.
        fingerprint: a digest of the files that it reads; empty if it reads none.
    """

    name: str
    variant: str
    family: FunctionFamily
    fingerprint: str

    @property
    def label(self) -> str:
        """Family and variant as users write them."""
        return labelled(self.name, self.variant)


def labelled(name: str, variant: str) -> str:
    """Return family and variant as users write them."""
    return f"{name}/{variant}" if variant else name


def opened(texts: Sequence[str], root: Path | None) -> list[Chosen]:
    """Return families and variants by name, each once.

    Args:
        texts: ``NAME`` or ``NAME/VARIANT`` each.
        root: the user's folder of files, for families that read some.

    Raises:
        ProtocolError: there are none, or one is no text.
        RegistryError: there is no such family or variant.
        DataError: files are missing or damaged.
    """
    hint = "Name some, such as gp/2; `harness ls functions` lists them"
    for text in texts:
        if not isinstance(text, str):
            raise ProtocolError(message("problems", expected="names", got=repr(text), hint=hint))
    asked = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not asked:
        raise ProtocolError(message("problems", expected="at least one", got="none", hint=hint))
    families: dict[str, FunctionFamily] = {}
    return [_chosen(text, root, families) for text in asked]


def _chosen(text: str, root: Path | None, families: dict[str, FunctionFamily]) -> Chosen:
    name, slash, variant = text.partition("/")
    if name not in families:
        families[name] = made(name, root)
    family = families[name]
    if variant not in family.variants or (slash and not variant):
        known = [labelled(name, each) for each in family.variants]
        check_choice("functions", text, known, error=RegistryError)
    what, expected = f"functions {text}", "files that it can read"
    with outside(family, what, expected=expected, hint="Fix the family", error=DataError, passing=(DataError,)):
        fingerprint = family.fingerprint(variant)
    return Chosen(name, variant, family, fingerprint)


def made(name: str, root: Path | None = None) -> FunctionFamily:
    """Make a registered family of functions.

    Raises:
        RegistryError: no family has that name, or what has it is none.
    """
    factory, what = load(Kind.FUNCTION, name), f"functions {name!r}"
    check_call(Kind.FUNCTION, name, factory, root)
    expected = f"{CALLS[Kind.FUNCTION]} with {', '.join(NEEDED)}"
    with outside(factory, what, expected=expected, hint=FAMILY, error=RegistryError, passing=(DataError,)):
        found: FunctionFamily = factory(root)
    missing = [each for each in NEEDED if not hasattr(found, each)]
    if missing or not isinstance(found.variants, Mapping) or not found.variants:
        got = f"one without {', '.join(missing)}" if missing else repr(found.variants)
        raise RegistryError(message(what, expected=expected, got=got, hint=FAMILY))
    for variant, each in found.variants.items():
        stated = getattr(each, "dimensions", None), getattr(each, "summary", None)
        if not (isinstance(variant, str) and type(stated[0]) is int and stated[0] >= 1 and isinstance(stated[1], str)):
            expected = "variants by name, each with a summary and dimensions, a whole number from 1"
            raise RegistryError(message(what, expected=expected, got=f"{variant!r}: {each!r}", hint=FAMILY))
    return found
