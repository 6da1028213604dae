"""``harness table pack``, ``info`` and ``check``, by the command, on a table of a toy arena."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import statistics
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.rules import truth
from harness.cli.main import app
from harness.race.store import tables
from harness.race.store.archive import compressed, encode
from harness.race.store.archive_reading import decode
from harness.race.store.tables import TableSpec
from harness.space.grammar import Space
from harness.tasks.table.outcome_table import OutcomeTable, archive
from harness.tasks.toy.protocols import TOY_QUADRATIC

TOY = TableSpec(
    "toy",
    "for tests",
    Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub")),
    TOY_QUADRATIC,
    replicates=2,
)
RUNNING = ("--workers", "1", "--quiet")


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(tables.TABLES, "toy", TOY)
        patched.setattr(tables, "CHILDREN_A_PART", len(TOY.rules) // 2 + 1)
        patched.setattr(truth, "BEST", 5)
        TOY.__dict__.pop("parts", None)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all runs of the table."""
    folder = tmp_path_factory.mktemp("runs")
    invoke("table", "build", "toy", *RUNNING, "--to", str(folder))
    invoke("table", "truth", "toy", *RUNNING, "--to", str(folder))
    return folder


@pytest.fixture(scope="module")
def packed(runs: Path) -> Path:
    """The table's file."""
    invoke("table", "pack", "toy", "--parts", str(runs), "--to", str(runs))
    return runs / "toy.npz"


@pytest.fixture
def copy(runs: Path, tmp_path: Path) -> Path:
    """A folder with all runs, to change."""
    for path in runs.glob("*.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def invoke(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def repacked(path: Path, to: Path, change: Callable[[dict[str, np.ndarray], dict[str, object]], None]) -> Path:
    """A table's file with something changed and its checksums right."""
    header, arrays = archive.decode(path)
    change(arrays, header)
    to.write_bytes(archive.encode(header, arrays))
    return to


def test_the_same_runs_give_the_same_bytes(packed: Path, copy: Path) -> None:
    for path in copy.iterdir():
        os.utime(path, (0, 0))
    told = invoke("table", "pack", "toy", "--parts", str(copy), "--to", str(copy / "new"))
    assert (copy / "new" / "toy.npz").read_bytes() == packed.read_bytes()
    assert f"table toy: {len(TOY.rules)} functions" in told
    with zipfile.ZipFile(packed) as file:
        assert {member.date_time for member in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.create_system for member in file.infolist()} == {3}


def test_a_file_is_read_by_numpy_alone(packed: Path) -> None:
    with np.load(packed, allow_pickle=False) as file:
        assert [key.decode() for key in file["key"]] == [rule.key for rule in TOY.rules]
        assert file["score"].shape == (len(TOY.rules), 2)
        assert json.loads(file["header"].item())["name"] == "toy"


def test_every_outcome_is_that_of_its_run(packed: Path, runs: Path) -> None:
    table = OutcomeTable.load(packed)
    scored = tables.outcomes(runs, TOY)
    assert table.rules == tuple(rule for rule, _ in scored)
    for rule, own in scored:
        for replicate, outcome in enumerate(own):
            right = dataclasses.replace(outcome, seconds=0.0)
            assert table.outcome(rule, replicate) == table.outcome(rule.key, replicate) == right
    fresh = [decode(runs / f"toy-truth-s{seed}.jsonl.gz") for seed in range(10)]
    for place, entry in enumerate(fresh[0].entries):
        earned = [each.entries[place].outcome for each in fresh]
        right = tuple(dataclasses.replace(each, seconds=0.0) for each in earned if each is not None)
        assert table.retrained(entry.rule) == right
        assert table.truth(entry.rule) == statistics.fmean(each.score for each in right)


def test_without_fresh_seeds_the_truth_is_the_mean_of_the_replicates(packed: Path, runs: Path) -> None:
    table = OutcomeTable.load(packed)
    others = [(rule, own) for rule, own in tables.outcomes(runs, TOY) if not table.retrained(rule)]
    assert others
    assert all(table.truth(rule) == statistics.fmean(each.score for each in own) for rule, own in others)


def test_a_missing_run_is_one_clear_line_and_nothing_is_written(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = ("table", "pack", "toy", "--parts", str(copy), "--to", str(copy))
    (copy / "toy-truth-s4.jsonl.gz").unlink()
    told = complaint(capsys, monkeypatch, *pack)
    assert told.startswith("harness: truth of table toy: expected all 10 fresh seeds, got 1 missing, toy-truth-s4.")
    (copy / "toy-r1-p02.jsonl.gz").unlink()
    told = complaint(capsys, monkeypatch, *pack)
    assert told.startswith("harness: table toy: expected all 4 parts, got 1 missing, toy-r1-p02.jsonl.gz first.")
    assert not (copy / "toy.npz").exists()


def rewritten(path: Path, **changes: object) -> None:
    """A run's file with something of its header changed."""
    run = decode(path)
    path.write_bytes(compressed(encode(dataclasses.replace(run, header=dataclasses.replace(run.header, **changes)))))


def test_runs_on_other_data_are_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rewritten(copy / "toy-r1-p01.jsonl.gz", data_fingerprint="another")
    told = complaint(capsys, monkeypatch, "table", "pack", "toy", "--parts", str(copy), "--to", str(copy))
    assert f"run {copy / 'toy-r1-p01.jsonl.gz'}: expected data none (none), as in the first part, got none (an" in told


def test_each_entry_names_its_environment_and_commit(copy: Path) -> None:
    run = decode(copy / "toy-r1-p01.jsonl.gz")
    rewritten(
        copy / "toy-r1-p01.jsonl.gz",
        environment=dict(run.header.environment) | {"machine": "another"},
        provenance=dict(run.header.provenance) | {"commit": "c0ffee"},
    )
    invoke("table", "pack", "toy", "--parts", str(copy), "--to", str(copy))
    table = OutcomeTable.load(copy / "toy.npz")
    assert [each.get("machine") for each in table.header["environments"]] == [None, "another"]
    part = len(tables.Part(TOY, 1, 1).table.rules_of(1))
    assert table.own.arrays["environment"].tolist() == [[0, 1]] * part + [[0, 0]] * (len(TOY.rules) - part)
    assert table.header["commits"][table.header["runs"]["toy-r1-p01.jsonl.gz"]["commit"]] == "c0ffee"
    assert "machine another" in " ".join(invoke("table", "info", str(copy / "toy.npz")).split())


def test_a_damaged_file_is_one_clear_line(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, file = packed.read_bytes(), tmp_path / "toy.npz"
    broken = [b"", b"not a zip file", whole[: len(whole) // 2], whole[:-1]]
    for place in range(60, len(whole) - 60, len(whole) // 40):
        broken.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    refused = 0
    for content in broken:
        file.write_bytes(content)
        try:
            same = OutcomeTable.load(file)
        except Exception:
            assert f"table {file}: expected" in complaint(capsys, monkeypatch, "table", "info", str(file))
            refused += 1
        else:  # what no reader of zip files looks at
            assert same.fingerprint == OutcomeTable.load(packed).fingerprint
    assert refused > 30


def test_a_newer_or_another_file_is_one_clear_line(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def info(file: Path) -> str:
        return complaint(capsys, monkeypatch, "table", "info", str(file))

    with monkeypatch.context() as later:
        newer = repacked(packed, tmp_path / "newer.npz", lambda _, __: later.setattr(archive, "VERSION", 3))
    assert "expected version 2, got version 3, written by a newer harness. Upgrade this program." in info(newer)
    with monkeypatch.context() as later:
        later.setattr(archive, "VERSION", 3)
        assert "got version 2, which lacks arrays. Pack it again with `harness table pack`." in info(packed)
    uncounted = repacked(packed, tmp_path / "n.npz", lambda arrays, _: arrays.update(strings=arrays["strings"] * 2))
    assert "strings: expected" in info(uncounted)
    np.savez(tmp_path / "other.npz", score=np.zeros(3))
    assert "expected a table that `harness table pack` wrote, got another .npz." in info(tmp_path / "other.npz")
    np.savez(tmp_path / "header.npz", header=np.array(b"{}"))
    assert "expected a table that `harness table pack` wrote, got another header." in info(tmp_path / "header.npz")
    fewer = repacked(packed, tmp_path / "fewer.npz", lambda arrays, _: arrays.pop("sweep"))
    assert "expected a complete table, got KeyError: 'sweep'." in info(fewer)
    short = repacked(packed, tmp_path / "s.npz", lambda arrays, _: arrays.update(curve=arrays["curve"][:-1]))
    assert "curve: expected the shape" in info(short)
    changed = repacked(packed, tmp_path / "p.npz", lambda _, header: header["protocol"].update(epochs=6))
    assert "protocol: expected hash" in info(changed)
    old = repacked(packed, tmp_path / "o.npz", lambda _, header: header["environments"][0].update(language="1"))
    assert "language: expected" in info(old)
    assert "expected a file to read, got No such file or directory. Check the path." in info(tmp_path / "no.npz")
    (tmp_path / "folder.npz").mkdir()
    assert "expected a file to read, got Is a directory. Check the path." in info(tmp_path / "folder.npz")


def test_a_changed_value_is_seen_though_the_zip_file_is_whole(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "toy.npz"
    with zipfile.ZipFile(packed) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "score.npy":
                scores = np.load(io.BytesIO(content))
                scores[0, 0] += 0.25
                changed = io.BytesIO()
                np.save(changed, scores)
                content = changed.getvalue()
            after.writestr(name, content)
    assert "of score, got" in complaint(capsys, monkeypatch, "table", "info", str(file))


def test_info_shows_what_the_outcomes_say(packed: Path, runs: Path) -> None:
    told = json.loads(invoke("table", "info", str(packed), "--format", "json"))
    scores = np.array([[each.score for each in own] for _, own in tables.outcomes(runs, TOY)])
    table = OutcomeTable.load(packed)
    assert (told["functions"], told["replicates"], told["fresh_seeds"]) == (len(TOY.rules), 2, 10)
    ended = [
        [outcome.status for _, own in tables.outcomes(runs, TOY) for outcome in own[each : each + 1]] for each in (0, 1)
    ]
    assert [each["ok"] for each in told["statuses"]] == [column.count("ok") for column in ended]
    assert told["agreements"][0]["pearson"] == pytest.approx(np.corrcoef(scores.T)[0, 1])
    assert told["noise"]["spread"] == pytest.approx(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    inside = {rule.key: table.truth(rule) for rule in table.rules if table.retrained(rule)}
    assert {each["key"]: each["truth"] for each in told["rules"]} == pytest.approx(inside)
    assert told["optimum"] == max(inside, key=inside.__getitem__) == told["tie_set"][0]
    known = {each["name"]: each for each in told["known"]}
    assert (known["sgd"]["inside"], known["adam"]["inside"]) == (False, False)
    assert known["adam"]["truth"] == pytest.approx(statistics.fmean(each.score for each in table.retrained("adam")))
    text = invoke("table", "info", str(packed), "--top", "2")
    assert "Best rules by truth (2 of" in text
    assert "## Table toy" in invoke("table", "info", str(packed), "--format", "md")


def test_a_right_table_passes_its_check(packed: Path, runs: Path) -> None:
    told = invoke("table", "check", str(packed), "--parts", str(runs))
    assert "table toy: all 23 checksums agree" in told
    assert "rebuilt from 14 runs in" in told


def test_without_runs_a_check_says_that_it_did_not_rebuild(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "not rebuilt: results/tables has none of its runs" in invoke("table", "check", str(packed))


def test_a_table_of_other_runs_fails_its_check(
    packed: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def better(arrays: dict[str, np.ndarray], _: dict[str, object]) -> None:
        arrays["score"] = arrays["score"] * 0.5

    file = repacked(packed, tmp_path / "toy.npz", better)
    told = complaint(capsys, monkeypatch, "table", "check", str(file), "--parts", str(runs))
    assert f"table {file}: expected the bytes that the runs in {runs} give, got different bytes." in told


def test_retrained_entries_equal_the_table_where_it_was_made(packed: Path, runs: Path) -> None:
    told = invoke("table", "check", str(packed), "--parts", str(runs), "--retrain", "7", *RUNNING)
    assert "retrained 7: all equal the table exactly" in told


def test_retrained_entries_of_a_wrong_table_do_not_agree(packed: Path, tmp_path: Path, monkeypatch) -> None:
    def wrong(arrays: dict[str, np.ndarray], _: dict[str, object]) -> None:
        arrays["score"] = arrays["score"][::-1]

    monkeypatch.chdir(tmp_path)
    file = repacked(packed, tmp_path / "toy.npz", wrong)
    told = invoke("table", "check", str(file), "--retrain", "1000", *RUNNING, status=1)
    assert "does not agree" in told


def test_only_what_a_table_holds_is_looked_up(packed: Path, capsys, monkeypatch) -> None:
    table = OutcomeTable.load(packed)
    assert table.rules[0] in table
    assert "cube(g)" not in table
    with pytest.raises(Exception, match="rule of table toy: expected one of the"):
        table.outcome("rmsprop", 0)
    for replicate in (-1, 2):
        with pytest.raises(Exception, match="table toy, replicate: expected 0 to 1"):
            table.outcome(table.rules[0], replicate)
    assert "table: expected one of" in complaint(capsys, monkeypatch, "table", "info", "brod")
    assert "table: expected one of" in complaint(capsys, monkeypatch, "table", "pack", "brod")
