"""``harness.race`` and ``harness.run``, by what callers have at hand."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import pickle
import pydoc
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.contracts import NamedProtocol, Searcher
from harness.errors import DataError, HarnessError, LedgerError, ProtocolError, RegistryError, SettingError, SpaceError
from harness.race.progress import Progress
from harness.searchers.random_search import RandomSearch
from harness.space.grammar import Space
from harness.tasks.toy.protocols import TOY_QUADRATIC

SMALL = {"blocks": 1, "operands": ["g", "m", "v"], "unary": ["id", "neg", "exp"]}


class Mine(RandomSearch):
    """One that lies in a module."""


def race(*searchers: Any, **given: Any) -> harness.Board:
    common = {"space": SMALL, "protocol": "toy-quadratic", "children": 3, "seeds": 1, "progress": False}
    return harness.race(list(searchers), **(common | given))


def names(board: harness.Board) -> list[str]:
    return sorted(row.searcher for row in board.rows)


def test_the_package_of_the_race_is_the_function() -> None:
    from harness.library.racing import race as function

    assert callable(harness.race)
    assert inspect.signature(harness.race) == inspect.signature(function)
    assert "harness.race.loop" in sys.modules, "and stays the package"
    assert pickle.loads(pickle.dumps(harness.race)) is harness.race, "which travels to workers by name"


def test_help_on_the_race_says_how_it_is_called_and_what_it_takes() -> None:
    shown = pydoc.plain(pydoc.render_doc(harness.race))
    assert "Run several searchers under one budget" in shown
    assert "harness.race(searchers, *, space=None, protocol='quick', children=12" in shown
    assert "workers: how many children train at once" in shown
    assert "How a search is run" in shown, "and what the package is"


SCRIPT = """
import harness
harness.race(["random"], protocol="toy-quadratic", children=4, seeds=1, workers=2, results="here", progress=False)
"""


def test_a_script_that_starts_workers_unguarded_is_told_of_the_line_that_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'workers: expected a call under `if __name__ == "__main__":`, got one that every worker' in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "harness.errors.EngineError: workers: expected 2 processes that start"
    )
    assert 'In a script, start them under `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_searchers_are_names_settings_or_factories(tmp_path: Path) -> None:
    board = race("random", "gp:population=7,batch=2", ("gp", {"population": 9}), Mine, results=tmp_path)
    assert names(board) == ["gp", "gp", "random", f"{__name__}:Mine"]
    populations = {row.settings.get("population") for row in board.rows if row.searcher == "gp"}
    assert populations == {7, 9}
    assert {row.settings["batch"] for row in board.rows if row.settings.get("population") == 7} == {2}


def test_a_class_of_ours_goes_by_its_registered_name(tmp_path: Path) -> None:
    assert names(race(RandomSearch, results=tmp_path)) == ["random"]
    assert len(harness.load(tmp_path).runs["run"]) == 1
    race("random", results=tmp_path)
    assert len(harness.load(tmp_path).runs["run"]) == 1, "the same run"


def test_a_module_attribute_takes_settings_too() -> None:
    board = race("harness.searchers.gp:GeneticProgramming:population=7")
    assert board.rows[0].settings["population"] == 7


def test_spaces_protocols_and_seeds_come_in_every_form(tmp_path: Path) -> None:
    boards = [
        race("random", results=tmp_path, space=space, protocol=protocol, seeds=seeds)
        for space, protocol, seeds in (
            (SMALL, "toy-quadratic", 2),
            (Space.of(**SMALL), TOY_QUADRATIC, range(2)),
            (Space.of(**SMALL), NamedProtocol(TOY_QUADRATIC), [1, 0, 1]),
        )
    ]
    assert boards[0].comparable == boards[1].comparable == boards[2].comparable
    assert harness.load(tmp_path).runs.rows == 2, "all of them the same two runs"
    assert race("random", space="icml2017").space == Space.of("icml2017")


def test_a_protocol_that_nobody_registered_is_raced(tmp_path: Path) -> None:
    short = dataclasses.replace(TOY_QUADRATIC, name="sketch", epochs=1, train_examples=50)
    board = race("random", protocol=short, results=tmp_path)
    assert board.protocol == short
    assert harness.confirm(board, top=1, seeds=1, protocol=short, progress=False).protocol == short


def test_without_a_folder_the_runs_last_as_long_as_the_process() -> None:
    code = (
        "import harness\n"
        "board = harness.run('random', protocol='toy-quadratic', children=2, seeds=1, progress=False)\n"
        "assert harness.load(board).runs.rows == 1\n"
        "print(board.results)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "", "nothing is said"
    assert not Path(done.stdout.strip()).exists()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"searchers": []}, RegistryError, "searchers: expected at least one, got none"),
        ({"searchers": ["gp", "gp"]}, RegistryError, "searchers: expected each one once, got gp twice"),
        ({"searchers": ["randm"]}, RegistryError, "Did you mean 'random'?"),
        ({"searchers": 3}, SettingError, "searchers: expected a list, got 3"),
        ({"searchers": "gp, random"}, RegistryError, """got 'gp, random'. Write a list: ["gp", "random"]."""),
        ({"searchers": [3]}, RegistryError, "searcher: expected a name or a factory, got 3"),
        ({"searchers": [functools.partial(RandomSearch)]}, RegistryError, "Name it first: harness.register"),
        ({"searchers": ["gp:populaton=3"]}, SettingError, "Did you mean 'population'?"),
        ({"searchers": ["gp:population=x"]}, SettingError, "setting population: expected a whole number"),
        ({"searchers": ["population=3"]}, SettingError, "expected a name before its settings"),
        ({"searchers": [("gp", {"population": "many"})]}, SettingError, "setting population"),
        ({"space": "icml2018"}, SpaceError, "Did you mean 'icml2017'?"),
        ({"space": {"block": 1}}, SpaceError, "space: expected the arguments of Space.of"),
        ({"space": 2}, SpaceError, "space: expected a Space, a name or options, got 2"),
        ({"protocol": "papr"}, RegistryError, "Did you mean 'paper'?"),
        ({"protocol": 2}, ProtocolError, "protocol: expected a name or a TaskProtocol, got 2"),
        ({"children": 0}, ProtocolError, "children: expected 1 to"),
        ({"children": "many"}, ProtocolError, "children: expected a whole number, got 'many'"),
        ({"children": 5, "proposals": 4}, ProtocolError, "proposals: expected 5 to"),
        ({"seeds": 0}, ProtocolError, "seeds: how many"),
        ({"seeds": []}, ProtocolError, "seeds: expected at least one, got none"),
        ({"seeds": "0-2"}, ProtocolError, "seeds: expected a number of seeds, or seeds, got '0-2'"),
        ({"seeds": [0.5]}, ProtocolError, "seeds: expected a whole number, got 0.5"),
        ({"seeds": [[1]]}, ProtocolError, "seeds: expected a whole number, got [1]"),
        ({"seeds": [-1]}, ProtocolError, "seeds: a seed"),
        ({"data": 3, "protocol": "quick"}, DataError, "data: expected a name, or a data set with"),
        ({"workers": 0}, ProtocolError, 'workers: expected "auto" or a number from 1, got 0'),
        ({"device": "tpu"}, SettingError, "device: expected cpu"),
        ({"results": 3}, LedgerError, "results: expected a folder, got 3"),
        ({"replay": True, "results": "no/such/folder"}, LedgerError, "expected a ledger, got none"),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_store(
    given: dict[str, Any], error: type[HarnessError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as refused:
        harness.race(
            **({"searchers": ["random"], "protocol": "toy-quadratic", "results": "here", "progress": False} | given)
        )
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_progress_is_told_to_a_function_or_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Progress] = []
    race("random", progress=heard.append)
    assert [each.children for each in heard] == [0, 1, 2, 3]
    race("random", progress=False)
    assert capsys.readouterr() == ("", "")


def test_progress_is_plain_lines_where_nothing_can_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    race("random", "gp", progress=True, data_root="x")
    out, err = capsys.readouterr()
    assert out == ""
    assert "random, gp on icml2017, 1 block" in err
    assert "gp seed 0: 3 of 3 children" in err
    assert "data_root is not used: protocol toy-quadratic reads no data" in err


class Interrupting(RandomSearch):
    """Presses Ctrl-C as it hears of the second child."""

    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed)
        self.batch = 1
        self.heard = 0

    def tell(self, trials: Any) -> None:
        super().tell(trials)
        self.heard += 1
        if self.heard == 2 and "PRESS" in os.environ:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_leaves_a_store_that_the_same_call_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESS", "1")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="nothing is lost"):
        race(Interrupting, children=5, results=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    store = harness.load(tmp_path)
    assert store.runs["state"].tolist() == ["stopped"]
    kept = store.trials["seconds"].tolist()
    assert len(kept) == 2
    monkeypatch.delenv("PRESS")
    board = race(Interrupting, children=5, results=tmp_path)
    assert not board.unfinished
    assert harness.load(tmp_path).trials["seconds"].tolist()[:2] == kept, "they were not trained again"


def test_a_thread_races_too() -> None:
    found: list[harness.Board] = []
    thread = threading.Thread(target=lambda: found.append(race("random")))
    thread.start()
    thread.join()
    assert names(found[0]) == ["random"]


def test_a_replay_trains_nothing(tmp_path: Path) -> None:
    trained = race("random", children=4, results=tmp_path)
    again = race("random", children=2, results=tmp_path, replay=True)
    assert again.rows[0].curve == trained.rows[0].curve[:2]


def test_a_race_of_two_workers_earns_the_same(tmp_path: Path) -> None:
    one, two = (race("random", children=4, workers=workers, results=tmp_path / str(workers)) for workers in (1, 2))
    assert [row.curve for row in one.rows] == [row.curve for row in two.rows]


def test_a_run_takes_what_a_race_takes() -> None:
    of_a_race, of_a_run = (dict(inspect.signature(each).parameters) for each in (harness.race, harness.run))
    del of_a_race["searchers"], of_a_run["searcher"]
    assert of_a_race == of_a_run
    searcher: Searcher = Mine(Space.of(), seed=0)
    with pytest.raises(RegistryError, match="expected a name or a factory"):
        harness.run(searcher, protocol="toy-quadratic", progress=False)  # type: ignore[arg-type]


def test_a_board_knows_its_folder_wherever_the_current_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, a call with the board began a second store, or found none."""
    monkeypatch.chdir(tmp_path)
    board = harness.run("random", protocol="toy-quadratic", children=2, seeds=1, results="mine", progress=False)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    again = harness.run("random", protocol="toy-quadratic", children=2, seeds=2, results=board, progress=False)
    assert again.results == board.results == tmp_path / "mine"
    assert len(harness.export(board)) == 2
    assert not list((tmp_path / "other").iterdir())
