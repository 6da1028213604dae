"""``harness.blackbox``, by what callers have at hand: kept, resumed, extended, and refused in one line."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock, Timeout
from small_functions import Bowls, Fleet, Halving, Noted
from typer.testing import CliRunner

import harness
from harness.blackbox.contest import BLOCK, TIMED, Contest, run
from harness.blackbox.contest import Method as Run
from harness.board.blackbox.record import FOLDER, read
from harness.board.report.commands import contesting as contesting_command
from harness.cli.main import app
from harness.errors import DataError, HarnessError, LedgerError, ProtocolError, RegistryError, SettingError
from harness.library.blackbox import contesting
from harness.library.blackbox.contesting import Asked, contested
from harness.race.store.ledger import LOCK_FOLDER
from harness.searchers.box.learned.weights import defaults

BOWLS, HALVING, FLEET = "small_functions:Bowls", "small_functions:Halving", "small_functions:Fleet"
QUIET: dict[str, Any] = {"progress": False, "count": 7, "steps": 6}


def file(results: Path) -> Path:
    (path,) = (results / FOLDER).glob("*.json")
    return path


def without_times(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_bytes())
    for each in content["entrants"]:
        del each["seconds"], each["seconds_side_by_side"], each["commits"]
    return content


class Killed(BaseException):
    """As if the process ended."""


def killed_after(count: int, monkeypatch: pytest.MonkeyPatch, cause: type[BaseException] = Killed) -> list[int]:
    """Let the computation end after so many parts; the list counts their functions."""
    done, whole = list[int](), contesting.run

    def counted(*given: Any, **named: Any) -> Any:
        if len(done) == count:
            raise cause
        done.append(named["count"])
        return whole(*given, **named)

    monkeypatch.setattr(contesting, "run", counted)
    return done


def test_the_board_has_what_was_computed(tmp_path: Path) -> None:
    board = harness.blackbox([BOWLS, f"{BOWLS}/1"], ["random", f"{HALVING}(by=0.5)"], results=tmp_path, **QUIET)
    assert [each.label for each in board.problems] == [BOWLS, f"{BOWLS}/1"]
    assert [each.conditions.dimensions for each in board.problems] == [2, 1]
    part = run(Contest(family=Bowls(), steps=6), Run("it", Halving, {"by": 0.5}), first=0, count=7)
    result = board.problems[0].of(f"{HALVING}(by=0.5)")
    assert result is not None
    regret = np.minimum.accumulate(part.values, axis=1) - part.minima[:, None]
    assert result.entrant.curve.mean == pytest.approx(regret.mean(0), rel=1e-5)
    assert result.entrant.count == 7
    method = result.entrant.method
    assert (method.name, method.version) == (HALVING, 1)
    assert method.settings == {"by": 0.5, "corner": "middle"}, "defaults, too: they may change"
    assert set(method.environment) == {"cmaes", "numpy", "optuna", "scipy", "torch"}
    assert board.problems[0].conditions.version == Bowls.version
    assert [len(each.shown) for each in board.problems] == [0, 2]
    assert board.results == tmp_path
    assert "random" in str(board)
    assert json.loads(board.render("json"))["blackbox_boards"]
    assert board.render("csv").startswith("functions,")


def test_what_says_so_runs_side_by_side_and_is_timed_alone(tmp_path: Path) -> None:
    board = harness.blackbox(BOWLS, FLEET, results=tmp_path, **QUIET)
    (result,) = board.problems[0].results
    assert result.entrant.method.side_by_side
    assert result.entrant.seconds_side_by_side is not None
    assert (result.entrant.method.fingerprint, set(result.entrant.method.environment)) == ("weights of 2", {"numpy"})
    assert Fleet.widths[-1] == 7
    parallel = harness.blackbox(BOWLS, FLEET, workers_simulated=3, results=tmp_path, **QUIET)
    (result,) = parallel.problems[0].results
    assert not result.entrant.method.side_by_side
    assert parallel.problems[0].label == f"{BOWLS}, 3 workers"


def test_killed_after_some_parts_it_goes_on_to_the_same_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entrants = ["random", HALVING]
    monkeypatch.setattr(contesting, "PART_SECONDS", 0.0)  # a function a part
    harness.blackbox(BOWLS, entrants, results=tmp_path / "whole", **QUIET)
    with monkeypatch.context() as patch:
        killed_after(9, patch)
        with pytest.raises(Killed):
            harness.blackbox(BOWLS, entrants, results=tmp_path / "killed", **QUIET)
    assert not list((tmp_path / "killed" / FOLDER).glob("*.json"))
    with monkeypatch.context() as patch:
        done = killed_after(5, patch)  # the other five, and not one more
        harness.blackbox(BOWLS, entrants, results=tmp_path / "killed", **QUIET)
    assert done == [1] * 5
    assert without_times(file(tmp_path / "killed")) == without_times(file(tmp_path / "whole"))
    assert file(tmp_path / "killed").name == file(tmp_path / "whole").name


def test_parts_are_as_long_as_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = killed_after(99, monkeypatch)
    clock = iter(range(0, 10_000, 10))  # each part takes ten seconds
    monkeypatch.setattr(contesting, "perf_counter", lambda: float(next(clock)))
    harness.blackbox(BOWLS, "random", results=tmp_path, progress=False, count=9, steps=2)
    assert done == [1, 3, 5]


def test_entrants_and_functions_added_later_are_the_only_ones_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.blackbox(BOWLS, ["random"], results=tmp_path, **QUIET)
    with monkeypatch.context() as patch:
        done = killed_after(99, patch)
        board = harness.blackbox(BOWLS, [HALVING, "random"], results=tmp_path, **QUIET)
        assert sum(done) == 7
    assert set(board.labels) == {HALVING, "random"}
    done = killed_after(99, monkeypatch)
    more = harness.blackbox(BOWLS, "random", results=tmp_path, **{**QUIET, "count": BLOCK + 2})
    assert sum(done) == BLOCK + 2 - 7
    assert {each.label: each.entrant.count for each in more.problems[0].results} == {HALVING: 7, "random": BLOCK + 2}
    again = harness.blackbox(BOWLS, HALVING, results=tmp_path, **{**QUIET, "count": 3})
    assert sum(done) == BLOCK + 2 - 7
    assert again.problems == more.problems, "the board shows all that was run"


def test_each_entrant_may_have_a_number_of_its_own(tmp_path: Path) -> None:
    count = {"": 8, HALVING: 3, f"{HALVING}(by=0.5)": 4}
    board = harness.blackbox(
        BOWLS, ["random", HALVING, f"{HALVING}(by=0.5)"], results=tmp_path, **{**QUIET, "count": count}
    )
    found = {each.label: each.entrant.count for each in board.problems[0].results}
    assert found == {"random": 8, HALVING: 3, f"{HALVING}(by=0.5)": 4}
    assert {pair.pairs for pair in board.problems[0].pairs} == {3, 4}


def test_an_entrant_of_a_count_may_be_written_in_any_way(tmp_path: Path) -> None:
    label = f"{HALVING}(by=0.5)"
    for written in (label, f"{HALVING}(by=0.5, corner='middle')", f'{HALVING}(corner="middle",by=0.5)'):
        board = harness.blackbox(
            BOWLS, [label, HALVING], results=tmp_path / str(len(written)), **QUIET | {"count": {"": 3, written: 2}}
        )
        assert {each.label: each.entrant.count for each in board.problems[0].results} == {label: 2, HALVING: 3}


def test_the_command_of_the_report_repeats_the_contest(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, [f"{HALVING}(by=0.5)", HALVING], results=tmp_path / "one", **QUIET)
    words = shlex.split(contesting_command(read(file(tmp_path / "one"))))
    done = CliRunner().invoke(app, [*words[1:], "--quiet", "--results", str(tmp_path / "other")])
    assert done.exit_code == 0, done.output
    assert without_times(file(tmp_path / "other")) == without_times(file(tmp_path / "one"))


def test_entrants_may_be_a_tuple_and_one_with_settings_is_a_pair(tmp_path: Path) -> None:
    several = harness.blackbox(BOWLS, ("random", Halving), results=tmp_path, **QUIET)
    assert set(several.labels) == {"random", HALVING}
    alone = harness.blackbox(BOWLS, (Halving, {"by": 0.5}), results=tmp_path / "alone", **QUIET)
    assert alone.labels == [f"{HALVING}(by=0.5)"]


def test_entrants_whose_names_begin_with_the_same_200_characters_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [(Noted, {"note": "x" * 250 + end}) for end in "ab"]
    for version in (1, 2):  # and those of another version are told from them
        monkeypatch.setattr(Noted, "version", version)
        board = harness.blackbox(BOWLS, both, results=tmp_path, **QUIET)
        assert len(board.labels) == 2 * version
    assert max(map(len, board.labels)) <= 200


def test_a_folder_that_nothing_is_read_from_is_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given: dict[str, Any] = {"functions_root": tmp_path, "results": tmp_path / "results", "count": 1, "steps": 1}
    harness.blackbox([BOWLS, f"{BOWLS}/1"], "random", **given)
    assert f"the folder of functions is not used: no file is read for {BOWLS}, {BOWLS}/1" in capsys.readouterr().err
    (tmp_path / "height.txt").write_text("1")
    harness.blackbox([BOWLS, "small_functions:Filed"], "random", **given)
    assert "is not used" not in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 3}, {"workers_simulated": 2}])
def test_other_conditions_are_another_contest(tmp_path: Path, change: dict[str, int]) -> None:
    for more in ({}, change):
        harness.blackbox(BOWLS, "random", results=tmp_path, **{**QUIET, **more})
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 2


def test_other_files_are_another_contest(tmp_path: Path) -> None:
    for height in ("1", "2"):
        root = tmp_path / height
        root.mkdir()
        (root / "height.txt").write_text(height)
        board = harness.blackbox(
            "small_functions:Filed", "random", functions_root=root, results=tmp_path / "results", **QUIET
        )
        assert board.problems[0].conditions.fingerprint == f"height {height}"
    assert len(list((tmp_path / "results" / FOLDER).glob("*.json"))) == 2


def test_other_weights_and_versions_are_another_entrant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.blackbox(BOWLS, FLEET, results=tmp_path, **QUIET)
    monkeypatch.setattr(Fleet, "fingerprint", staticmethod(lambda _dimensions, **_: "other weights"))
    harness.blackbox(BOWLS, FLEET, results=tmp_path, **QUIET)
    monkeypatch.setattr(Fleet, "version", 3)
    board = harness.blackbox(BOWLS, FLEET, results=tmp_path, **QUIET)
    assert len(board.labels) == 3
    assert all(label.startswith(f"{FLEET} ") for label in board.labels)


def test_ctrl_c_says_how_to_resume_and_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        killed_after(1, patch, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt, match="call it again with results="):
            harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    done = killed_after(99, monkeypatch)
    harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    assert sum(done) == 6


def test_an_entrant_that_is_named_twice_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = harness.blackbox(
        BOWLS, [HALVING, f"{HALVING}(by=0.8)", Halving, (Halving, {"by": 0.8})], results=tmp_path, count=2, steps=2
    )
    assert board.labels == [HALVING]
    assert capsys.readouterr().err.count("it counts once") == 3


@pytest.mark.parametrize(
    ("problems", "entrants", "more", "kind", "said"),
    [
        ("gp/9", ["random"], {}, RegistryError, "functions: expected one of gp/1, gp/2"),
        (f"{BOWLS}/hiden", ["random"], {}, RegistryError, f"Did you mean '{BOWLS}/hidden'?"),
        (f"{BOWLS}/", ["random"], {}, RegistryError, "expected one of small_functions:Bowls, small_functions:Bowls/1"),
        ("brannin", ["random"], {}, RegistryError, "Did you mean 'branin'?"),
        ("small_functions:NoVariants", ["random"], {}, RegistryError, "got one without name, version, variants"),
        ("small_functions:Filed", ["random"], {}, DataError, "functions filed: expected a file height.txt, got none."),
        ([], ["random"], {}, ProtocolError, "problems: expected at least one, got none"),
        ([3], ["random"], {}, ProtocolError, "problems: expected names, got 3"),
        (None, ["random"], {}, ProtocolError, "problems: expected names, got None"),
        (BOWLS, None, {}, RegistryError, "entrant: expected a name or a factory, got None"),
        (BOWLS, [], {}, ProtocolError, "entrants: expected at least one, got none"),
        (BOWLS, ["rndom"], {}, RegistryError, "Did you mean 'random'?"),
        (BOWLS, [3], {}, RegistryError, "entrant: expected a name or a factory, got 3"),
        (BOWLS, ["random(x=1)"], {}, SettingError, "entrant random, setting: expected nothing"),
        (BOWLS, [f"{HALVING}(bye=1)"], {}, SettingError, "Did you mean 'by'?"),
        (BOWLS, [f"{HALVING}(by='a')"], {}, SettingError, "setting by: expected a finite number, got 'a'"),
        (BOWLS, [f"{HALVING}(corner='edge')"], {}, SettingError, "expected one of middle, origin, got 'edge'"),
        (BOWLS, [f"{HALVING}(by=1"], {}, SettingError, "entrant: expected NAME or NAME(setting=value, ...)"),
        (BOWLS, [f"{HALVING}(by=open())"], {}, SettingError, "Write the value itself: nothing is evaluated"),
        (BOWLS, ["small_functions:Unversioned"], {}, HarnessError, "expected a version that is a whole number from 1"),
        (BOWLS, ["small_functions:Small"], {}, HarnessError, "expected one that can be made for dimensions: 2"),
        (BOWLS, {"random": {}}, {}, RegistryError, "entrants: expected a list, got {'random': {}}"),
        (BOWLS, ["small_functions:Lettered"], {}, HarnessError, "expected libraries that are names of packages"),
        (BOWLS, ["small_functions:Aged"], {}, HarnessError, "box optimizer small_functions:Aged: expected"),
        (BOWLS, ["small_functions:Garrulous"], {}, HarnessError, "expected one short line of text in fingerprint"),
        ("small_functions:Unborn", ["random"], {}, DataError, "functions small_functions:Unborn: expected"),
        ("small_functions:Pointlike", ["random"], {}, RegistryError, "each with a summary and dimensions"),
        (BOWLS, ["random"], {"count": 0}, ProtocolError, "count: expected 1 to 100000, got 0"),
        (BOWLS, ["random"], {"count": {1: 3}}, ProtocolError, "count: a name: expected a text, got 1"),
        (BOWLS, ["random"], {"functions_root": 5}, SettingError, "functions_root: expected the path of a file"),
        (BOWLS, ["random"], {"count": {"": 2, "cmaes": 1}}, ProtocolError, "entrant of count: expected one of random"),
        (
            BOWLS,
            [HALVING],
            {"count": {HALVING: 1, f"{HALVING}(by=0.8)": 2}},
            ProtocolError,
            "expected one, got 1 and 2",
        ),
        (BOWLS, ["random"], {"count": {"random": 2.5}}, ProtocolError, "count of random: expected a whole number"),
        (BOWLS, ["random"], {"steps": 0}, ProtocolError, "steps: expected 1 to 10000, got 0"),
        (BOWLS, ["random"], {"seed": -1}, ProtocolError, "seed: expected 0"),
        (BOWLS, ["random"], {"workers_simulated": 0}, ProtocolError, "simulated workers: expected 1 to 1000, got 0"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_nothing(
    problems: Any, entrants: Any, more: dict[str, Any], kind: type[HarnessError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        harness.blackbox(problems, entrants, results=tmp_path, **{**QUIET, **more})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_run_is_one_line_and_stays(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    path = sorted((tmp_path / FOLDER).rglob("*.npz"))[0]
    path.write_bytes(b"{")
    with pytest.raises(LedgerError, match="expected a file that harness blackbox wrote, got a damaged file"):
        harness.blackbox(BOWLS, HALVING, results=tmp_path, **QUIET)
    assert path.read_bytes() == b"{"


@pytest.mark.parametrize(("problem", "entrant"), [(f"{BOWLS}/1", "random"), (BOWLS, FLEET)])
def test_a_missing_run_apart_from_the_contest_is_one_line_and_is_made_up_for(
    problem: str, entrant: str, tmp_path: Path
) -> None:
    whole = harness.blackbox(problem, [entrant, HALVING], results=tmp_path, **QUIET)
    (path,) = (path for path in (tmp_path / FOLDER).rglob("aside.npz") if "Halving" not in path.parent.name)
    path.unlink()
    with pytest.raises(LedgerError, match=r"expected a file aside\.npz, got none\. Run the contest with"):
        harness.blackbox(problem, HALVING, results=tmp_path, **QUIET)
    again = harness.blackbox(problem, entrant, results=tmp_path, **QUIET)
    assert again.problems[0].shown == whole.problems[0].shown
    assert again.labels == whole.labels


def published(results: Path, count: int = 7) -> Path:
    """Hold a contest of two entrants, and leave its record only, as results are published."""
    harness.blackbox(BOWLS, ["random", HALVING], results=results, **QUIET | {"count": count})
    path = file(results)
    shutil.rmtree(path.with_suffix(""))
    return path


@pytest.mark.parametrize("entrants", ["random", ["random", HALVING]])
def test_a_record_whose_runs_are_elsewhere_is_not_replaced_and_nothing_is_computed(
    tmp_path: Path, entrants: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = published(tmp_path)
    before, done = path.read_bytes(), killed_after(99, monkeypatch)
    with pytest.raises(LedgerError) as caught:
        harness.blackbox(BOWLS, entrants, results=tmp_path, **QUIET)
    assert str(caught.value) == (
        f"record {path}: expected all runs that it was made from, got those of 0 of the 7 functions of random. "
        "Name another folder with --results, or delete the record to begin anew."
    )
    assert (path.read_bytes(), done) == (before, [])
    path.unlink()
    assert harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET).labels == ["random"]


def test_a_record_with_more_functions_than_there_will_be_runs_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contesting, "PART_SECONDS", 0.0)  # a function a part
    harness.blackbox(BOWLS, ["random", HALVING], results=tmp_path, **QUIET)
    before = without_times(file(tmp_path))
    (last,) = (path for path in (tmp_path / FOLDER).rglob("000006-*.npz") if "Halving" in path.parent.name)
    last.unlink()
    for entrants, count in ((HALVING, 6), ("random", 7)):
        with pytest.raises(LedgerError, match=r"got those of 6 of the 7 functions of small_functions:Halving\. Name"):
            harness.blackbox(BOWLS, entrants, results=tmp_path, **QUIET | {"count": count})
        assert without_times(file(tmp_path)) == before
    harness.blackbox(BOWLS, HALVING, results=tmp_path, **QUIET)  # which runs the missing one again
    assert without_times(file(tmp_path)) == before


def test_a_record_of_another_contest_in_the_place_of_this_one_is_not_replaced(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, "random", results=tmp_path / "other", seed=1, **QUIET)
    path = published(tmp_path)
    content = file(tmp_path / "other").read_bytes()
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"expected one of this contest, got one of another contest\. Move the file"):
        harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    assert path.read_bytes() == content


def of(results: Path, entrant: str) -> Path:
    """The folder of an entrant's runs in the only contest."""
    (found,) = (path for path in (results / FOLDER).glob("*/*/") if entrant in path.name)
    return found


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 5}])
@pytest.mark.parametrize("named", [["random", HALVING], ["random"]])
def test_runs_of_another_contest_are_refused_whoever_is_named(
    tmp_path: Path, change: dict[str, int], named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    for results, more in ((ours, {}), (others, change)):
        harness.blackbox(BOWLS, ["random", HALVING], results=results, **QUIET | more)
    before, done = file(ours).read_bytes(), killed_after(99, monkeypatch)
    shutil.rmtree(of(ours, "Halving"))
    shutil.copytree(of(others, "Halving"), file(ours).with_suffix("") / of(others, "Halving").name)
    with pytest.raises(LedgerError) as caught:
        harness.blackbox(BOWLS, named, results=ours, **QUIET | {"count": 9})
    assert str(caught.value) == (
        f"runs in {of(ours, 'Halving')}: expected runs of this contest, got those of another contest. "
        "Move the folder to where it belongs, or delete it."
    )
    assert (file(ours).read_bytes(), done) == (before, [])


def test_runs_of_another_entrant_are_refused(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, ["random", HALVING], results=tmp_path, **QUIET)
    before = file(tmp_path).read_bytes()
    for path in of(tmp_path, "Halving").iterdir():
        shutil.copy(path, of(tmp_path, "random"))
    for entrants in ("random", HALVING):
        with pytest.raises(LedgerError) as caught:
            harness.blackbox(BOWLS, entrants, results=tmp_path, **QUIET)
        assert str(caught.value).startswith(
            f"runs in {of(tmp_path, 'random')}: expected runs of the entrant that the folder is named after, got those "
            f"of {HALVING}. "
        )
    assert file(tmp_path).read_bytes() == before


def test_one_file_of_another_contest_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contesting, "PART_SECONDS", 0.0)  # a function a part
    for results, seed in ((tmp_path / "ours", 0), (tmp_path / "others", 1)):
        harness.blackbox(BOWLS, "random", results=results, seed=seed, **QUIET)
    name = "000003-000003.npz"
    shutil.copy(of(tmp_path / "others", "random") / name, of(tmp_path / "ours", "random") / name)
    done = killed_after(99, monkeypatch)
    with pytest.raises(LedgerError, match=f"{name}: expected a run of this contest, got one of another contest"):
        harness.blackbox(BOWLS, ["random", HALVING], results=tmp_path / "ours", **QUIET | {"count": 9})
    assert done == []


def test_the_same_entrant_is_run_by_one_process_at_a_time(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    (lock,) = (tmp_path / LOCK_FOLDER).glob("blackbox-*-random-*.lock")
    with FileLock(lock):
        with pytest.raises(LedgerError, match="another process running this already"):
            harness.blackbox(BOWLS, "random", results=tmp_path, **{**QUIET, "count": 8})
        harness.blackbox(BOWLS, ["random", HALVING], results=tmp_path, **QUIET)  # another entrant may
    assert len(read(file(tmp_path)).entrants) == 2


def test_a_contest_that_is_done_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)

    def refuse(*_: object) -> None:
        raise AssertionError

    for module in ("harness.library.blackbox.kept", "harness.blackbox.store"):
        monkeypatch.setattr(f"{module}.write_whole", refuse)
    assert harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET).labels == ["random"]


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def watched() -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: told.append((done, total))

    asked = Asked(problems=[BOWLS, f"{BOWLS}/1"], entrants=["random", FLEET], count={"": 4}, steps=3)
    contested(tmp_path, asked, announce=lambda _: None, watched=watched)
    assert told[-1] == ((4 * 4 + 3 * TIMED) * 3,) * 2
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_report_shows_contests_with_and_without_runs(tmp_path: Path) -> None:
    harness.blackbox(BOWLS, "random", results=tmp_path, **QUIET)
    alone = harness.report(tmp_path)
    assert (alone.runs, 'id="x"' in alone.path.read_text(encoding="utf-8")) == (0, True)
    board = harness.run("random", protocol="toy-quadratic", children=2, seeds=1, results=tmp_path, progress=False)
    both = harness.report(board)
    page = both.path.read_text(encoding="utf-8")
    assert both.runs == 1
    assert 'id="x"' in page
    assert 'id="b1"' in page
    only = harness.report(board, board=1)
    assert 'id="x"' not in only.path.read_text(encoding="utf-8")
    file(tmp_path).write_bytes(b"")
    with pytest.raises(LedgerError, match="contest in"):
        harness.report(tmp_path)


def test_the_package_of_that_name_can_be_called_and_says_how() -> None:
    assert list(inspect.signature(harness.blackbox).parameters)[:2] == ["problems", "entrants"]
    assert "Call it as ``harness.blackbox(problems, entrants" in (harness.blackbox.__doc__ or "")
    assert pickle.loads(pickle.dumps(harness.blackbox)) is harness.blackbox


def test_a_record_is_made_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that ended together, the record of the first could come last, without the other's functions."""
    held = []
    made = contesting.summarized

    def noted(folder: Path, conditions: Any) -> Any:
        (path,) = [each for each in (tmp_path / LOCK_FOLDER).iterdir() if "Halving" not in each.name]
        with pytest.raises(Timeout):
            FileLock(path).acquire(blocking=False)
        held.append(path)
        return made(folder, conditions)

    monkeypatch.setattr(contesting, "summarized", noted)
    harness.blackbox(BOWLS, HALVING, results=tmp_path, **QUIET)
    assert len(held) == 1


def test_a_file_whose_name_no_record_can_hold_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"w\xff.safetensors")
    shutil.copy(defaults()["lstm-oi-2.safetensors"], place)
    with pytest.raises(SettingError, match="weights: expected text in Unicode on one line, got ") as caught:
        harness.blackbox("branin", ("rnn", {"weights": str(place)}), results=tmp_path / "r", **QUIET)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r" / FOLDER).exists()


def test_one_entrant_alone_is_not_called_underpowered(tmp_path: Path) -> None:
    board = harness.blackbox(BOWLS, HALVING, results=tmp_path, **QUIET)
    assert "underpowered" not in str(board)


class Wandering(Halving):
    """Changes the current folder while it asks."""

    def ask(self, count: int) -> Any:
        os.chdir("..")
        return super().ask(count)


def test_an_optimizer_that_changes_the_current_folder_takes_no_results_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    board = harness.blackbox(BOWLS, Wandering, results="mine", count=2, steps=2, progress=False)
    assert len(board.problems) == 1
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))[0].startswith("a/b/mine/")
    assert not (tmp_path / "mine").exists()
    assert not (tmp_path / "a" / "mine").exists()
