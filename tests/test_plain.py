"""Arguments of the Python calls that are of no type that a call takes: each is one line, and nothing is begun."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness import plain
from harness.errors import HarnessError, ProtocolError, SettingError, check_range

SEARCH = {"protocol": "toy-quadratic", "children": 1, "seeds": 1}
CALLS: dict[str, dict[str, Any]] = {
    "addsign": {},
    "blackbox": {"problems": "branin", "entrants": "random", "count": 1, "steps": 1, "results": "mine"},
    "compare_learned": {"problems": "quadratic", "candidates": "sgd", "count": 1, "steps": 1, "results": "mine"},
    "confirm": {"results": "mine", "rules": "adam", "protocol": "toy-quadratic", "seeds": 1},
    "export": {"results": "searched"},
    "export_rule": {"rule": "adam"},
    "import_runs": {"sources": "searched", "results": "mine"},
    "learn_optimizer": {"on": "quadratic", "to": "mine.safetensors", "batches": 1},
    "learn_searcher": {"dimensions": 1, "to": "mine.safetensors", "batches": 1},
    "load": {"results": "searched"},
    "powersign": {},
    "race": {"searchers": "random", "results": "mine"} | SEARCH,
    "register": {"kind": "searcher", "name": "mine", "found": max},
    "report": {"results": "searched"},
    "run": {"searcher": "random", "results": "mine"} | SEARCH,
    "score": {"rule": "adam", "protocol": "toy-quadratic"},
    "table": {"name": "signs"},
    "transfer": {"rules": "adam", "workloads": "rosenbrock", "seeds": 1, "results": "mine"},
    "transfer_board": {"results": "searched"},
}


def parameters() -> Iterator[tuple[str, str]]:
    for name, given in CALLS.items():
        taken = inspect.signature(getattr(harness, name)).parameters
        assert set(given) <= set(taken)
        yield from ((name, parameter) for parameter in taken)


def flags() -> Iterator[tuple[str, str]]:
    for name, parameter in parameters():
        if isinstance(inspect.signature(getattr(harness, name)).parameters[parameter].default, bool):
            yield name, parameter


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a search in it."""
    folder = tmp_path_factory.mktemp("plain")
    harness.run("random", results=folder / "searched", progress=False, **SEARCH)
    return folder


@pytest.fixture
def there(searched: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(searched)
    shutil.rmtree("mine", ignore_errors=True)
    return searched


def test_every_public_call_is_tried() -> None:
    offered = {name: getattr(harness, name) for name in harness.__all__}
    assert set(CALLS) == {name for name, found in offered.items() if callable(found) and not inspect.isclass(found)}


@pytest.mark.parametrize(("name", "parameter"), list(parameters()))
def test_what_no_call_takes_is_one_line(name: str, parameter: str, there: Path) -> None:
    for wrong in (object(), int):
        if parameter == "found" and wrong is int:  # a factory like others
            continue
        with pytest.raises(HarnessError, match=": expected ") as caught:
            getattr(harness, name)(**{**CALLS[name], parameter: wrong})
        assert "\n" not in str(caught.value)
    assert not [path.name for path in there.iterdir() if path.name.startswith("mine") and path.is_file()]


@pytest.mark.parametrize(("name", "parameter"), list(flags()))
def test_a_text_is_no_truth_value(name: str, parameter: str, there: Path) -> None:
    """``asynchronous="no"`` was taken for true, and recorded."""
    with pytest.raises(ProtocolError, match=f"^{parameter}: expected True or False, got 'no'. Give one of them.$"):
        getattr(harness, name)(**{**CALLS[name], parameter: "no"})
    assert not (there / "mine" / "ledger.sqlite").exists()


@pytest.mark.parametrize("board", [0, -1, 1.5, float("nan"), "1"])
@pytest.mark.parametrize("name", ["confirm", "report", "transfer"])
@pytest.mark.usefixtures("there")
def test_a_board_is_a_number_from_1(name: str, board: Any) -> None:
    with pytest.raises(ProtocolError, match=r"^board: expected "):
        getattr(harness, name)(**{**CALLS[name], "board": board})


@pytest.mark.usefixtures("there")
def test_names_of_a_mapping_are_not_taken_for_a_list_of_things() -> None:
    with pytest.raises(ProtocolError, match=r"seeds: expected a number of seeds, or seeds, got \{1: 2\}"):
        harness.run(**CALLS["run"] | {"seeds": {1: 2}})
    with pytest.raises(SettingError, match=r"sources: expected the path of a file or folder, got \{'searched': 1\}"):
        harness.import_runs({"searched": 1}, "mine")


def test_truth_values_and_whole_numbers_of_numpy_are_taken() -> None:
    assert plain.flag("replay", np.bool_(True)) is True
    assert plain.flag("replay", np.False_) is False
    assert plain.whole("steps", np.int64(3), least=1) == 3


@pytest.mark.parametrize("given", ["2", None, [2], object()])
def test_what_is_no_number_is_in_no_range(given: Any) -> None:
    with pytest.raises(SettingError) as caught:
        check_range("width", given, least=1, most=4)
    assert str(caught.value) == f"width: expected 1 to 4, got {given!r}. Give a value from 1 to 4."
