"""Named protocols: their hashes, and preset targets, of which every one has its own and any other some."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from typer.testing import CliRunner

from harness.cli.main import app
from harness.contracts import NamedProtocol
from harness.errors import RegistryError
from harness.race.protocols import guessing, named, registered, targets
from harness.registry import BUILT_IN, Kind
from harness.tasks.child.protocols import QUICK

PROTOCOLS = {name: named(name) for name in BUILT_IN[Kind.PROTOCOL]}
STORED = {
    "paper": "987d78fa31659c60",
    "quick": "7a43efbae69351ea",
    "quick-halving": "fe7d9e7e17487772",
    "quick-bf16": "fada368dd52411e0",
    "paper-bf16": "89001364404409ec",
    "toy-quadratic": "7b038d1bb309c0f1",
    "toy-rosenbrock": "d8707f9a93b4bcd6",
    "toy-classifier": "a46d80408d7b7a4e",
}


def test_hashes_in_stored_runs_stay_what_they_were() -> None:
    assert {name: protocol.hash for name, protocol in PROTOCOLS.items()} == STORED


def test_every_number_counts() -> None:
    hashes = {protocol.hash for protocol in PROTOCOLS.values()}
    assert len(hashes) == len(PROTOCOLS)
    changes: list[dict[str, object]] = [{"rungs": (0.5,)}, {"rungs": (0.25,)}, {"stops_below": 0.2}, {"epochs": 4}]
    hashes |= {dataclasses.replace(QUICK, **change).hash for change in changes}  # type: ignore[arg-type]
    assert len(hashes) == len(PROTOCOLS) + len(changes)


def test_every_protocol_is_registered_under_its_name_with_a_summary() -> None:
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert registered(name).summary


def test_every_built_in_protocol_has_rising_targets_beyond_chance() -> None:
    for name, protocol in PROTOCOLS.items():
        found = targets(protocol)
        assert found == registered(name).targets
        assert list(found) == sorted(set(found))
        assert protocol.chance < found[0] < found[-1] < 1


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a package's module ``theirs`` with a protocol, registered by an entry point."""

    def registering(thing: object, name: str = "theirs") -> None:
        module = ModuleType("theirs")
        module.PROTOCOL = thing  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "theirs", module)
        points = [EntryPoint(name, "theirs:PROTOCOL", "harness.protocols")]
        monkeypatch.setattr(metadata, "entry_points", lambda *, group: points if group == "harness.protocols" else [])

    return registering


THEIRS = dataclasses.replace(QUICK, name="theirs", chance=0.2)


def test_a_package_registers_its_protocol_with_its_targets(outside: Callable[..., None]) -> None:
    outside(NamedProtocol(THEIRS, "what they do", targets=(0.3, 0.9)))
    assert named("theirs") == THEIRS
    assert targets(THEIRS) == (0.3, 0.9)
    assert CliRunner().invoke(app, ["ls", "protocols"], catch_exceptions=False).output.count("what they do") == 1


def test_a_bare_protocol_will_do_and_so_does_module_attribute(outside: Callable[..., None]) -> None:
    outside(THEIRS)
    assert named("theirs") == named("theirs:PROTOCOL") == THEIRS
    assert targets(THEIRS) == pytest.approx((0.4, 0.6, 0.8))


def test_no_package_takes_the_name_of_ours(outside: Callable[..., None]) -> None:
    outside(dataclasses.replace(THEIRS, name="quick"), name="quick")
    assert named("quick") == QUICK


@pytest.mark.parametrize(
    ("thing", "name", "line"),
    [
        (7, "theirs", "protocol 'theirs': expected a protocol, got int."),
        (THEIRS, "other", "protocol 'other': expected its own name, got 'theirs'."),
    ],
)
def test_what_is_no_protocol_is_one_line_and_hides_no_other(
    outside: Callable[..., None], thing: object, name: str, line: str
) -> None:
    outside(thing, name)
    with pytest.raises(RegistryError, match=re.escape(line)):
        named(name)
    assert targets(dataclasses.replace(THEIRS, name=name)) == pytest.approx((0.4, 0.6, 0.8))
    listed = CliRunner().invoke(app, ["ls", "protocols"], catch_exceptions=False).output
    assert "quick" in listed
    assert "theirs:PROTOCOL" in listed


def test_an_unknown_protocol_names_the_nearest() -> None:
    with pytest.raises(RegistryError, match=re.escape("Did you mean 'paper'?")):
        named("papr")


def test_a_protocol_from_outside_has_quarters_of_the_way() -> None:
    assert targets(dataclasses.replace(QUICK, name="theirs", chance=0.2)) == pytest.approx((0.4, 0.6, 0.8))


def test_guessing_explains_three_standard_errors_above_chance() -> None:
    figures = {name: guessing(protocol) for name, protocol in PROTOCOLS.items()}
    assert figures["quick"] == pytest.approx(0.1 + 3 * (0.09 / 1000) ** 0.5)
    assert figures["paper"] == pytest.approx(0.1 + 3 * (0.09 / 5000) ** 0.5)
    assert figures["toy-quadratic"] == 0.0
    assert all(figures[name] < targets(protocol)[0] for name, protocol in PROTOCOLS.items())
    for chance in (-1.0, 0.5, 2.0):  # of a protocol from outside, which may measure anything
        for examples in (0, 1):  # a toy may hold none back
            theirs = dataclasses.replace(QUICK, name="theirs", chance=chance, validation_examples=examples)
            assert guessing(theirs) <= max(chance, targets(theirs)[0])
            assert guessing(theirs) >= chance
