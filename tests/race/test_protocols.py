"""Named protocols: their hashes, and preset targets, of which every one has its own and any other some."""

from __future__ import annotations

import dataclasses

import pytest

from harness.race.protocols import PROTOCOLS, QUICK, SUMMARIES, TARGETS, guessing, targets

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


def test_every_protocol_is_summarised_under_its_name() -> None:
    assert set(SUMMARIES) == set(PROTOCOLS)
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())


def test_every_named_protocol_has_rising_targets_beyond_chance() -> None:
    assert TARGETS.keys() == PROTOCOLS.keys()
    for protocol in PROTOCOLS.values():
        found = targets(protocol)
        assert found == TARGETS[protocol.name]
        assert list(found) == sorted(set(found))
        assert protocol.chance < found[0] < found[-1] < 1


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
