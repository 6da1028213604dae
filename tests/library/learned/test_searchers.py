"""``harness.learn_searcher``: files and what they say, what it refuses before it trains, and how it is stopped."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import harness
from harness.errors import HarnessError, SettingError
from harness.library.learned.searchers import LearnedSearcher
from harness.searchers.box.learned.meta import training
from harness.searchers.box.learned.meta.partial import Partial
from harness.searchers.box.learned.meta.training import MetaTraining, partial_of
from harness.searchers.box.learned.weights import read


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HORIZONS", ((0.5, 2), (1.0, 4)))


def learned(dimensions: Any, to: Path, **options: Any) -> tuple[LearnedSearcher, ...]:
    given = {"batches": 3, "draws": 2, "threads": 1, "progress": False, **options}
    return harness.learn_searcher(dimensions, to, **given)


def test_the_header_says_where_the_weights_come_from(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    (found,) = learned(2, to, cell="dnc", loss="ei", parallel=3, seed=5)
    header = read(to).header
    assert (header.architecture.dimensions, header.architecture.cell, header.architecture.parallel) == (2, "dnc", 3)
    assert (header.loss, header.seed, header.draws) == ("ei", 5, 6)
    assert header.commit
    assert header.environment.startswith("torch ")
    assert header.environment.endswith("threads 1")
    assert (found.hash, found.validation, found.draws) == (read(to).hash, header.validation, 6)
    assert (found.path, found.dimensions, found.cell, found.loss, found.parallel) == (to, 2, "dnc", "ei", 3)
    text = str(found)
    assert text.startswith("an optimizer of the unit box: dnc for 2 dimensions, loss ei, 3 workers, seed 5\n")
    assert f"weights {found.hash} in {to}" in text


@pytest.mark.parametrize(
    ("dimensions", "named"),
    [("1-3", [1, 2, 3]), ("2,1", [2, 1]), ([3, 1, 3], [3, 1]), ("2", [2]), (range(1, 3), [1, 2])],
)
def test_a_folder_gets_a_file_for_each_number_of_dimensions(tmp_path: Path, dimensions: Any, named: list[int]) -> None:
    found = learned(dimensions, tmp_path / "all")
    assert [each.dimensions for each in found] == named
    assert [each.path for each in found] == [tmp_path / "all" / f"lstm-oi-{each}.safetensors" for each in named]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(each.path.name for each in found)


def test_in_a_folder_the_parallel_form_has_names_of_its_own(tmp_path: Path) -> None:
    (found,) = learned(1, tmp_path, parallel=5)
    assert found.path.name == "lstm-oi-parallel5-1.safetensors"


def test_in_a_folder_complete_files_are_kept_and_those_of_another_seed_refused(tmp_path: Path) -> None:
    (first,) = learned(1, tmp_path)
    before = first.path.read_bytes()
    kept, new = learned("1-2", tmp_path)
    assert first.path.read_bytes() == before
    assert (kept.seconds, kept.hash, new.dimensions) == (None, first.hash, 2)
    assert "trained already" in str(kept)
    with pytest.raises(HarnessError, match="expected a new file, got one that exists already"):
        learned("1-3", tmp_path, seed=1)
    assert not (tmp_path / "lstm-oi-3.safetensors").exists()


def untidied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> LearnedSearcher:
    """A training that ended and was killed before it deleted the file that it resumes from."""
    with monkeypatch.context() as patch:
        patch.setattr(Partial, "delete", lambda _: None)
        return learned(1, folder)[0]


def test_a_training_that_ended_but_was_killed_before_it_tidied_up_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = untidied(tmp_path, monkeypatch)
    before = first.path.read_bytes()
    (again,) = learned(1, tmp_path)
    assert again.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]


def test_a_file_that_somebody_put_there_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = untidied(tmp_path, monkeypatch)
    own = first.path.read_bytes()
    for other in (b"mine", learned(2, tmp_path)[0].path.read_bytes()):
        first.path.write_bytes(other)
        with pytest.raises(SettingError, match=r"expected no other file, got one with other content\. Move it away"):
            learned(1, tmp_path)
        assert first.path.read_bytes() == other
    first.path.unlink()
    assert learned(1, tmp_path)[0].path.read_bytes() == own


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimensions": 0}, "dimensions: expected 1 to"),
        ({"dimensions": "0-3"}, "dimensions: expected 1 to"),
        ({"dimensions": "3-1"}, "dimensions: the last of 3-1: expected 3 to"),
        ({"dimensions": "1-9999"}, "dimensions: expected 1 to"),
        ({"dimensions": "two"}, "dimensions: expected a list such as 1-6 or 1,3, got 'two'"),
        ({"dimensions": "1-2-3"}, "dimensions: expected a list"),
        ({"dimensions": ""}, "dimensions: expected a list"),
        ({"dimensions": []}, "dimensions: expected at least one, got none"),
        ({"dimensions": 1.5}, "dimensions: expected a whole number, got 1.5"),
        ({"dimensions": "1-2"}, "expected a folder for several files, got one file"),
        ({"cell": "lstn"}, "Did you mean 'lstm'"),
        ({"loss": "mi"}, "loss: expected one of ei, oi, oi-whole, sum"),
        ({"parallel": -1}, "parallel: expected 0 to"),
        ({"parallel": 65}, "parallel: expected 0 to"),
        ({"seed": -1}, "seed: expected 0 to"),
        ({"seed": True}, "seed: expected a whole number, got True"),
        ({"batches": 0}, "batches: expected 1 to"),
        ({"draws": 0}, "draws: expected 1 to"),
        ({"draws": 10**6}, "draws: expected 1 to"),
        ({"rate": 0.0}, "rate: expected 1e-09 to 1"),
        ({"rate": float("nan")}, "rate: expected 1e-09 to 1"),
        ({"rate": "a"}, "rate: expected a number, got 'a'. Give one from 1e-09 to 1"),
        ({"rate": True}, "rate: expected a number, got True"),
        ({"to": None}, "to: expected the path of a file or folder, got None"),
        ({"start": 3}, "start: expected the path of a file or folder, got 3"),
        ({"dimensions": b"2"}, "dimensions: expected a whole number, got b'2'"),
        ({"cell": 3}, "cell: expected one of dnc, lstm, got 3"),
        ({"loss": None}, "loss: expected one of ei, oi, oi-whole, sum, got None"),
        ({"device": None}, "device: expected cpu, or cuda if there is a GPU, got None"),
        ({"threads": 0}, "threads: expected auto or a number"),
        ({"device": "gpu"}, "device: expected cpu, or cuda if there is a GPU"),
        ({"device": "cuda:99"}, "device: expected cpu, or cuda if there is a GPU"),
    ],
)
def test_mistakes_earn_one_line_and_leave_nothing(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError, match=said) as refused:
        learned(**{"dimensions": 2, "to": tmp_path / "w.safetensors", **options})
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused_unless_a_folder_has_it_already(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"a name that ends in .safetensors, or a folder, got v1.2. Add the ending"):
        learned(1, tmp_path / "v1.2")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "v1.2").mkdir()
    (found,) = learned(1, tmp_path / "v1.2")
    assert found.path == tmp_path / "v1.2" / "lstm-oi-1.safetensors"


def test_a_training_may_begin_with_the_weights_of_a_file(tmp_path: Path) -> None:
    (first,) = learned(2, tmp_path / "w.safetensors")
    (second,) = learned(2, tmp_path / "v.safetensors", cell="dnc", start=first.path)
    assert (read(first.path).header.start, read(second.path).header.start) == ("", first.hash)
    for start, said in (
        (first.path, "start .*w.safetensors: expected dimensions 3, got 2. Name weights of the same sizes"),
        (tmp_path / "missing.safetensors", "missing.safetensors"),
    ):
        with pytest.raises(HarnessError, match=said) as refused:
            learned("2-3", tmp_path / "both", start=start)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "both").exists()


def test_a_file_that_exists_is_refused(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    to.write_bytes(b"precious")
    with pytest.raises(HarnessError, match="expected a new file, got one that exists already"):
        learned(2, to)
    (tmp_path / "lstm-oi-2.safetensors").write_bytes(b"precious")
    with pytest.raises(HarnessError, match=r"weights in .*lstm-oi-2.safetensors: expected a file that harness"):
        learned(2, tmp_path)
    assert to.read_bytes() == b"precious"


def test_ctrl_c_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, to = learned("1-2", tmp_path / "whole"), tmp_path / "stopped"
    train, seen = MetaTraining._train, []

    def interrupted(self: MetaTraining, *arguments: int) -> None:
        seen.append(arguments)
        train(self, *arguments)
        if len(seen) == 4:  # the first batch in two dimensions
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MetaTraining, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt, match="nothing is lost: call it again with to="):
        learned("1-2", to)
    assert partial_of(to / "lstm-oi-2.safetensors").exists()
    found = learned("1-2", to)
    assert len(seen) == 6, "nothing is trained twice"
    assert [each.hash for each in found] == [each.hash for each in whole]
    for one in whole:
        assert (to / one.path.name).read_bytes() == one.path.read_bytes()


def test_two_processes_do_not_train_for_one_file(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    with (
        FileLock(f"{partial_of(to)}.lock"),
        pytest.raises(HarnessError, match="another process running this already"),
    ):
        learned(2, to)


def test_in_a_folder_a_file_that_began_with_other_weights_is_not_kept(tmp_path: Path) -> None:
    (first,) = learned(1, tmp_path / "w.safetensors", seed=5)
    (tmp_path / "all").mkdir()
    learned(1, tmp_path / "all")
    with pytest.raises(HarnessError, match="expected a new file, got one that exists already"):
        learned(1, tmp_path / "all", start=first.path)


def test_what_a_kill_left_of_a_save_is_deleted(tmp_path: Path) -> None:
    left = [tmp_path / "w.safetensors.partial.25581", tmp_path / "other.safetensors.partial.7"]
    for each in left:
        each.write_bytes(b"half")
    learned(1, tmp_path / "w.safetensors")
    assert [each.exists() for each in left] == [False, True]
