"""Trouble with the file: always one clear line, and what was written stays readable."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles import CountingEngine
from racing import completed, dump, entry, header, run

from harness.errors import HarnessError, LedgerError
from harness.race.runs import RunState
from harness.race.store import schema
from harness.race.store.archive_rows import HELD
from harness.race.store.ledger import FILE_NAME, Ledger
from harness.race.store.rows import ENTRY_COLUMNS

NOBODY = 65534


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Be an ordinary user: the superuser may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def reach(folder: Path) -> None:
    """Let an ordinary user come to a folder."""
    for parent in [folder, *folder.parents]:
        if parent.owner() == "root" and parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder and all in it readable and not writable, for an ordinary user."""
    reach(folder)
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with without_privileges():
            yield
    finally:
        for path in paths:
            if path.exists():
                path.chmod(0o755 if path.is_dir() else 0o644)


def one_line(error: pytest.ExceptionInfo[LedgerError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_full_disk_is_one_line_and_leaves_the_ledger_readable(tmp_path):
    made = header(400)
    with Ledger.open(tmp_path) as store, store.begin(made) as writer:
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages + 4}")
        kept: list[int] = []

        def fill() -> None:
            for index in range(400):
                writer.propose([entry(index)])
                writer.complete([completed(entry(index))])
                kept.append(index)

        with pytest.raises(LedgerError) as error:
            fill()
        assert "expected room on the disk, got a full disk. Free some space" in one_line(error)
        assert kept
        assert [trial.index for trial in Ledger.read(tmp_path).runs()[0].trials] == kept
        store._writer.execute("PRAGMA max_page_count = 100000")
        writer.finish(RunState.STOPPED)
    with Ledger.open(tmp_path) as store, store.begin(made) as writer:
        assert [made.index for made in writer.recorded if made.outcome] == kept


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_run_that_meets_a_full_disk_goes_on_when_there_is_room(tmp_path):
    program = Path(__file__).with_name("racing.py")
    command = [str(program), str(tmp_path / "parts"), "--children", "30"]
    limited = subprocess.run(
        [sys.executable, "-c", LIMITED, "90000", *command],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"PYTHONPATH": str(program.parent)},
    )
    assert (limited.returncode, limited.stderr) == (2, "")
    begun, trouble = limited.stdout.splitlines()
    assert begun == "begun"
    assert "Free some space, then run the same command again to resume" in trouble
    (record,) = Ledger.read(tmp_path / "parts").runs()
    assert 0 < sum(trial.charged for trial in record.trials) < 30
    run(tmp_path / "parts", header(30))
    run(tmp_path / "whole", header(30))
    assert dump(tmp_path / "parts", header(30)) == dump(tmp_path / "whole", header(30))


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError) as error:
        Ledger.open(tmp_path / "file" / "results")
    assert "expected a folder that can be read and written" in one_line(error)


def test_an_unwritable_folder_is_refused_and_can_be_read(tmp_path):
    folder = tmp_path / "results"
    whole = run(folder, header(5))
    with read_only(folder):
        with pytest.raises(LedgerError) as error:
            Ledger.open(folder)
        assert "choose another folder with --results" in one_line(error)
        with pytest.raises(LedgerError) as error:
            Ledger.open(folder / "new")
        assert "choose another folder with --results" in one_line(error)
        (record,) = Ledger.read(folder).runs()
        assert (record.trials, record.active) == (whole.trials, False)


def test_an_unwritable_folder_with_unmerged_commits_is_read_or_refused_in_one_line(tmp_path):
    folder, copy = tmp_path / "results", tmp_path / "copy"
    with Ledger.open(folder) as store, store.begin(header(5)) as writer:
        writer.propose([entry(0)])
        writer.complete([completed(entry(0))])
        shutil.copytree(folder, copy)
    (copy / f"{FILE_NAME}-shm").unlink()
    assert (copy / f"{FILE_NAME}-wal").stat().st_size > 0
    with read_only(copy), pytest.raises(LedgerError) as error:
        Ledger.read(copy).runs()
    assert "Check the permissions" in one_line(error)
    assert len(Ledger.read(copy).runs()[0].trials) == 1


def text_file(path: Path) -> None:
    path.write_text("rules and scores\n" * 1000)


def empty_file(path: Path) -> None:
    path.write_bytes(b"")


def foreign_store(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (identity)")
        connection.execute("PRAGMA user_version = 1")


def newer_store(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        schema.create(connection)
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


def truncated_store(path: Path) -> None:
    run(path.parent, header(30))
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (text_file, "expected one that this program wrote, got another file. Move it away"),
        (empty_file, "got another SQLite file, or an empty one. Move it away"),
        (foreign_store, "got another SQLite file, or an empty one. Move it away"),
        (newer_store, f"got version {schema.VERSION + 1}, written by a newer harness. Upgrade this program"),
        (truncated_store, "expected an intact one, got a damaged one"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_no_sound_store_is_refused_and_left_alone(tmp_path, make, said):
    path = tmp_path / FILE_NAME
    make(path)
    before = path.read_bytes()
    with pytest.raises(LedgerError) as error:
        Ledger.open(tmp_path)
    assert said in one_line(error)
    with pytest.raises(LedgerError) as error:
        Ledger.read(tmp_path).runs()
    assert said in one_line(error)
    assert path.read_bytes() == before


def refuses(look: Callable[[], object]) -> bool:
    """Whether it raises an error of ours, in one line; any other error goes through."""
    try:
        look()
    except HarnessError as error:
        return "\n" not in str(error) or pytest.fail(str(error))
    return False


def test_damage_anywhere_is_an_error_of_ours_or_none(tmp_path):
    folder = tmp_path / "sound"
    made = header(12)
    run(folder, made)
    sound = (folder / FILE_NAME).read_bytes()
    rng = random.Random(0)
    path = tmp_path / FILE_NAME
    refused = 0
    for _ in range(150):
        damaged = bytearray(sound)
        start = rng.randrange(len(sound))
        length = rng.choice([1, 1, 8, 200, 4096])
        damaged[start : start + length] = rng.randbytes(len(damaged[start : start + length]))
        path.write_bytes(damaged)
        for look in (lambda: Ledger.read(tmp_path).runs(), lambda: Ledger.open(tmp_path).begin(made).close()):
            refused += refuses(look)
        for leftover in tmp_path.glob(f"{FILE_NAME}-*"):
            leftover.unlink()
    assert refused > 50


def test_a_store_half_made_by_a_killed_process_is_made_again(tmp_path):
    (tmp_path / f"{FILE_NAME}.new").write_bytes(b"half a store")
    (tmp_path / f"{FILE_NAME}.new-wal").write_bytes(b"half a journal")
    run(tmp_path, header(3))
    assert not list(tmp_path.glob("*.new*"))
    assert len(Ledger.read(tmp_path).runs()) == 1


@pytest.mark.parametrize("name", ["a b", "50%", "ques?tion", "sharp#", "ünïcode", "plus+and&"])
def test_any_folder_name_will_do(tmp_path, name):
    run(tmp_path / name, header(3))
    assert len(Ledger.read(tmp_path / name).runs()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


COLUMNS = [("runs", name) for name in ("header", "state", "started", "seconds", "exhausted")] + [
    ("trials", name) for name in ENTRY_COLUMNS
]
STRANGE = ["'x'", "x'ff00'", "'{}'", "'[]'", "'[1]'", "'[[1]]'", "'null'", "-1", "9e999", "'a b c d e f'", "NULL"]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_strange_value_in_any_column_is_an_error_of_ours_or_none(tmp_path, table, column):
    made = header(6)
    run(tmp_path / "sound", made)
    for number, value in enumerate(STRANGE):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "sound", folder)
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection, contextlib.suppress(sqlite3.Error):
            connection.execute("UPDATE runs SET state = 'stopped'")
            where = "number = 1" if table == "trials" else "1"
            connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")
            connection.commit()
        for look in (lambda: Ledger.read(folder).runs(), lambda: run(folder, made)):  # noqa: B023
            refuses(look)


def test_what_a_private_folder_holds_is_one_line(tmp_path):
    run(tmp_path / "private", header(3))
    reach(tmp_path)
    (tmp_path / "private").chmod(0)
    try:
        with without_privileges(), pytest.raises(LedgerError, match="got Permission denied") as error:
            Ledger.read(tmp_path / "private")
    finally:
        (tmp_path / "private").chmod(0o700)
    one_line(error)


def test_a_reader_who_may_not_see_the_locks_reads_all_the_same(tmp_path):
    run(tmp_path, header(6, seed=1), engine=(engine := CountingEngine(stop_after=2)), stop=engine.stop)
    with Ledger.open(tmp_path) as store:
        store._writer.execute("UPDATE runs SET state = 'running'")  # as a killed process leaves it
    reach(tmp_path)
    (tmp_path / "locks").chmod(0)
    try:
        with without_privileges():
            (record,) = Ledger.read(tmp_path).results()
    finally:
        (tmp_path / "locks").chmod(0o700)
    assert record.standing == "interrupted"


def test_a_new_store_does_not_take_over_the_journal_of_one_that_is_gone(tmp_path):
    """SQLite would write its commits into the new file, which was damaged at birth or held the other's runs."""
    journal = tmp_path / f"{FILE_NAME}-wal"
    journal.write_bytes(b"commits")
    with pytest.raises(
        LedgerError, match=r"expected the ledger, or nothing of one, got ledger\.sqlite-wal alone"
    ) as error:
        Ledger.open(tmp_path)
    one_line(error)
    assert journal.read_bytes() == b"commits"
    assert not (tmp_path / FILE_NAME).exists()
    journal.write_bytes(b"")
    Ledger.open(tmp_path).close()


def test_a_link_to_a_store_that_is_not_there_is_no_place_for_a_new_one(tmp_path):
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "unmounted" / "other.sqlite")
    with pytest.raises(LedgerError, match=r"got a link to .*\. Mount the disk, or delete the link") as error:
        Ledger.open(tmp_path)
    one_line(error)
    assert (tmp_path / FILE_NAME).is_symlink()


def test_to_read_a_run_whole_not_all_evaluations_are_gone_through(tmp_path):
    made = header(3)
    run(tmp_path, made)
    with Ledger.open(tmp_path) as store:
        plan = store._writer.execute(f"EXPLAIN QUERY PLAN {HELD}", ("", "", 0, "", made.identity)).fetchall()
    assert not any("SCAN evaluations" in str(step) for step in plan)
    assert any("SEARCH evaluations" in str(step) for step in plan)
