from __future__ import annotations

from pathlib import Path

import pytest

from harness import registry
from harness.blackbox.contracts import FunctionVariant
from harness.blackbox.families import NamedFunctions, family_class, named
from harness.errors import RegistryError
from harness.registry import Kind


def test_a_text_names_a_family_and_its_variant() -> None:
    found = named(" gp/3 ")
    assert (found.name, found.variant, found.label, found.dimensions) == ("gp", "3", "gp/3", 3)
    alone = named("hartmann6")
    assert (alone.name, alone.variant, alone.label, alone.dimensions) == ("hartmann6", "", "hartmann6", 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gp", "functions gp: expected one of gp/1, gp/2, gp/3, gp/4, gp/5, gp/6, got 'gp'."),
        ("gp/7", "functions gp: expected one of gp/1, .* got 'gp/7'. Did you mean 'gp/"),
        ("gp/", "functions gp: expected one of gp/1, .* got 'gp/'."),
        ("branin/", "functions branin: expected one of branin, branin/plain, got 'branin/'."),
        ("branin/plane", "functions branin: expected .* got 'branin/plane'. Did you mean 'branin/plain'?"),
        ("brannin", "function: expected one of .* got 'brannin'. Did you mean 'branin'?"),
        ("", "function: expected one of .* got ''."),
    ],
)
def test_an_unknown_name_is_one_line(text: str, said: str) -> None:
    with pytest.raises(RegistryError, match=f"^{said}".replace("?", r"\?")):
        named(text)


def test_a_family_of_other_people_is_found_by_its_module() -> None:
    assert named(f"{__name__}:Bowl/deep") == NamedFunctions(f"{__name__}:Bowl", "deep", Bowl)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Path, "expected factory.root. with name, version, variants, got one without version, variants"),
        (lambda _root: None, "got one without name, version, variants"),
    ],
)
def test_what_is_no_family_is_one_line(found: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._HERE[Kind.FUNCTION], "odd", found)
    with pytest.raises(RegistryError, match=rf"^functions 'odd': .*{said}"):
        family_class("odd")


def test_a_family_without_variants_or_with_another_call_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._HERE[Kind.FUNCTION], "empty", type("Empty", (Bowl,), {"variants": {}}))
    with pytest.raises(RegistryError, match=r"got one with the variants \{\}"):
        family_class("empty")
    monkeypatch.setitem(
        registry._HERE[Kind.FUNCTION], "closed", type("Closed", (Bowl,), {"__init__": lambda _self: None})
    )
    with pytest.raises(RegistryError, match=r"function 'closed': expected factory\(root\) to call, got too many"):
        family_class("closed")


class Bowl:
    """A family whose functions nobody draws."""

    name = "bowl"
    version = 1
    variants = {  # noqa: RUF012
        "": FunctionVariant(summary="flat", dimensions=1),
        "deep": FunctionVariant(summary="deep", dimensions=2),
    }

    def __init__(self, root: Path | None) -> None:
        self.root = root
