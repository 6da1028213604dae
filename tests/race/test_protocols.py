"""Named protocols: their hashes, and preset targets, of which every one has its own and any other some."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from harness.cli.main import app
from harness.contracts import ACCURACY, SCORE, ChildProtocol, Metric, NamedProtocol, TaskProtocol
from harness.errors import DataError, ProtocolError, RegistryError
from harness.race.conditions import dataset
from harness.race.protocols import StoredProtocol, check_protocol, guessing, named, registered, stored, targets
from harness.registry import BUILT_IN, Kind
from harness.tasks.child.protocols import QUICK
from harness.tasks.transfer.text.protocols import PERPLEXITY

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
    "table-adaptive": "2c49fac1a68a3e0f",
    "table-broad": "f3e067070451adef",
    "table-signs": "b7c59a8fc0b14a3e",
    "rosenbrock": "a7f4369030861c46",
    "convnet-300": "f81c7badf2a4a072",
    "convnet-300-mini": "94b5b12877636cc0",
    "wrn": "3a752f4e48ea20e4",
    "wrn-mini": "e933975de2254073",
    "imagenet": "e0eb4da37c7aa80b",
    "imagenet-mini": "959f194a91bd339d",
    "lm": "9cc37e5730b4ba90",
    "lm-mini": "d8acde843f4b7ee5",
    "nmt": "c4685de5b9075e60",
    "nmt-mini": "12aba9915f61a2aa",
}
OWN = dict.fromkeys(("lm", "lm-mini", "nmt", "nmt-mini"), PERPLEXITY) | {"rosenbrock": Metric("f", score="1 / (1 + x)")}


def test_hashes_in_stored_runs_stay_what_they_were() -> None:
    assert {name: protocol.hash for name, protocol in PROTOCOLS.items()} == STORED


def test_specs_in_stored_runs_stay_what_they_were() -> None:
    assert json.dumps(PROTOCOLS["toy-classifier"].spec(), sort_keys=True) == (
        '{"batch_size": 32, "chance": 0.1, "dtype": "float32", "epochs": 5, "inputs": "none", "learning_rates": '
        '[1e-05, 0.0001, 0.001, 0.01, 0.1, 1.0, 10.0], "name": "toy-classifier", "noise_sigma": 0.01, '
        '"task": "toy-classifier", "train_examples": 384, "validation_examples": 500, "version": 1}'
    )
    assert PROTOCOLS["quick-halving"].spec().keys() - PROTOCOLS["quick"].spec().keys() == {"rungs", "stops_below"}


def test_our_own_are_read_back_as_what_they_are() -> None:
    for protocol in PROTOCOLS.values():
        again = stored(recorded(protocol))
        assert again.hash == protocol.hash
        if type(protocol) is ChildProtocol:  # other tasks' own fields are read back as a record's
            assert type(again) is ChildProtocol
            assert again == protocol


def test_what_our_own_measure_is_said_without_a_record_of_it() -> None:
    assert {name: protocol.measured for name, protocol in PROTOCOLS.items()} == {
        name: OWN.get(name, SCORE if name.startswith("toy-") else ACCURACY) for name in PROTOCOLS
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class WalkProtocol(TaskProtocol):
    """Of a task that is like no child."""

    steps: int
    start: tuple[float, ...] = (-1.5, 2)
    words: str = "λ"


WALK = WalkProtocol(
    name="walk",
    version=3,
    task="walks:Walk",
    metric=Metric("height", "m", "1 / (1 + x)"),
    learning_rates=(1, 0.1),
    chance=0,
    steps=4_000,
)


def recorded(protocol: TaskProtocol) -> dict[str, object]:
    """The protocol as a run's record holds it."""
    found: dict[str, object] = json.loads(json.dumps(protocol.spec()))
    return found


def test_a_protocol_with_numbers_of_its_own_is_read_back_without_its_class() -> None:
    check_protocol(WALK)
    again = stored(recorded(WALK))
    assert isinstance(again, StoredProtocol)
    assert again.numbers == {"steps": 4_000, "start": [-1.5, 2], "words": "λ"}
    assert (again.name, again.version, again.task, again.measured) == ("walk", 3, "walks:Walk", WALK.metric)
    assert (again.learning_rates, again.epochs, again.chance) == ((1, 0.1), 1, 0)
    assert again.hash == WALK.hash
    assert again == WALK == stored(recorded(again))
    assert pickle.loads(pickle.dumps(again)) == again
    assert again != dataclasses.replace(WALK, steps=4_001)
    assert again.count("steps") == 4_000
    assert again.count("words") is again.count("train_examples") is None


def test_every_number_of_ones_own_counts() -> None:
    changed = [
        dataclasses.replace(WALK, steps=1),
        dataclasses.replace(WALK, start=(0.0, 0.0)),
        dataclasses.replace(WALK, metric=None),
        dataclasses.replace(WALK, epochs=2),
    ]
    assert len({WALK.hash, *(each.hash for each in changed)}) == len(changed) + 1


def test_numbers_that_look_like_some_of_the_childs_are_kept_as_they_are() -> None:
    few = {"train_examples": 10, "validation_examples": 5, "batch_size": 5}  # and no dtype, which a child's would get
    spec = {name: value for name, value in recorded(WALK).items() if name not in ("steps", "start", "words")} | few
    assert stored(spec).spec() | {"learning_rates": [1, 0.1]} == spec
    assert isinstance(stored(spec), StoredProtocol)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loose(TaskProtocol):
    """Takes anything."""

    thing: object = None


class Undecorated(Loose):
    """Its number would be no field."""

    steps: int = 5


def loose(kind: type[Loose] = Loose, **changes: object) -> TaskProtocol:
    fields: dict[str, object] = {"name": "loose", "version": 1, "task": "a:b", "learning_rates": (0.1,), "chance": 0.0}
    return kind(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        (loose(Undecorated), "expected Undecorated to be a dataclass, got none. Put @dataclass(frozen=True"),
        (loose(thing={1, 2}), "expected fields that JSON can hold, got Object of type set is not JSON serializable."),
        (loose(thing=math.nan), "expected fields that JSON can hold, got Out of range float values"),
        (loose(thing={10: 1, 9: 2}), "expected fields that JSON restores, got different ones."),
        (loose(learning_rates=()), "expected at least one in learning_rates, got none."),
        (loose(learning_rates=("fast",)), "expected a valid number in learning_rates.0, got 'fast'."),
        (loose(chance=1.5), "expected less than or equal to 1 in chance, got 1.5."),
        (loose(epochs=0), "expected greater than or equal to 1 in epochs, got 0."),
        (loose(version="1"), "expected a valid integer in version, got '1'."),
        (loose(metric=Metric("loss", score="-x")), "in metric.score, got '-x'."),
        (loose(metric=Metric("a | b")), "in metric.name, got 'a | b'."),
    ],
)
def test_what_no_record_can_hold_is_one_line(outside: Callable[..., None], protocol: TaskProtocol, line: str) -> None:
    outside(protocol, "loose")
    with pytest.raises(ProtocolError, match=re.escape(line)) as caught:
        named("loose")
    assert str(caught.value).startswith("protocol 'loose': ")
    assert "\n" not in str(caught.value)
    result = CliRunner().invoke(app, ["ls", "protocols"], catch_exceptions=False)
    assert "quick" in result.output  # it hides no other


def test_a_summary_is_made_where_none_is_given(outside: Callable[..., None]) -> None:
    outside(WALK, "walk")
    assert registered("walk").summary == "height of walks:Walk, 2 λs, 1 epoch"
    shown = CliRunner().invoke(app, ["ls", "protocols", "walk"], catch_exceptions=False).output
    assert "height (m); score 1 / (1 + x), less of it is better" in shown
    assert re.search(r"^steps +4000 *$", shown, re.MULTILINE)


def test_data_of_images_is_not_given_to_a_task_that_reads_something_else() -> None:
    line = "data of protocol 'walk': expected text, got auto, which holds images."
    with pytest.raises(DataError, match=re.escape(line)):
        dataset("auto", None, dataclasses.replace(WALK, inputs="text"))


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
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Makes a package's module ``theirs`` with a protocol, registered by an entry point."""
    packages = tmp_path / "packages"

    def registering(thing: object, name: str = "theirs") -> None:
        module = ModuleType("theirs")
        module.PROTOCOL = thing  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "theirs", module)
        information = packages / "theirs-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[harness.protocols]\n{name} = theirs:PROTOCOL\n")
        monkeypatch.syspath_prepend(packages)

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
    assert targets(dataclasses.replace(QUICK, name="theirs", chance=0.2)) == (0.4, 0.6, 0.8)


def test_guessing_explains_chance_alone_of_what_is_no_share_of_examples() -> None:
    assert guessing(WALK) == 0
    odds = Metric("perplexity", score="1 / x")
    assert guessing(dataclasses.replace(QUICK, metric=odds)) == QUICK.chance < guessing(QUICK)


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
