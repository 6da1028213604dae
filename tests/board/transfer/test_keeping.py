"""Which checkpoints are kept: those from which a child of an unfinished transfer goes on, and no others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from rungs import FAR, FUNNEL, SHORT, A, B, C, record

from harness.board.transfer import keeping
from harness.checkpoints import checkpoint
from harness.errors import LedgerError
from harness.race.runs import RunRecord, RunState


def files(folder: Path, records: list[RunRecord]) -> dict[tuple[str, int], Path]:
    """Write a checkpoint for every child of some runs; by candidate and seed."""
    found = {}
    for each in records:
        header = each.header
        for rule in (A, B, C):
            path = checkpoint(folder, header.protocol, rule, data=header.data_fingerprint, seed=header.child_seed)
            path.write_bytes(b"saved")
            found[str(rule), header.seed] = path
    return found


def kept(folder: Path, records: list[RunRecord]) -> set[tuple[str, int]]:
    """Which of all possible checkpoints are left after a cleaning."""
    held = files(folder, records)
    keeping.clean(folder, records)
    return {name for name, path in held.items() if path.exists()}


def test_children_that_have_not_ended_keep_theirs(tmp_path: Path) -> None:
    part = record([A, B], [0.5], state=RunState.STOPPED)
    assert kept(tmp_path, [part]) == {(str(B), 0)}
    whole = record([A, B], [0.5, 0.25], seed=1)
    assert kept(tmp_path, [part, whole]) == {(str(B), 0)}
    assert kept(tmp_path, [whole]) == set()


def test_all_that_train_to_the_highest_rung_begun_keep_theirs_until_the_funnel_ends(tmp_path: Path) -> None:
    first = [record([A, B, C], [0.1, 0.3, 0.2], seed=seed, protocol=SHORT, funnel=FUNNEL) for seed in (0, 1)]
    last = [record([B], [0.5], seed=seed, funnel=FUNNEL) for seed in (0, 1)]
    begun = record([B], [], seed=0, funnel=FUNNEL, state=RunState.RUNNING)
    assert kept(tmp_path, first) == {(str(each), seed) for each in (A, B, C) for seed in (0, 1)}
    assert kept(tmp_path, [*first, begun]) == {(str(B), 0)}
    assert kept(tmp_path, [*first, last[0]]) == {(str(B), 0)}
    assert kept(tmp_path, [*first, *last]) == set()


def test_half_written_files_stay_only_while_a_transfer_is_active(tmp_path: Path) -> None:
    ended, active = record([A], [0.5]), dataclasses.replace(record([B], [], state=RunState.RUNNING), active=True)
    strange, foreign = tmp_path / f"{'a' * 32}.123", tmp_path / "notes.txt"
    for path in (strange, foreign):
        path.write_bytes(b"half")
    keeping.clean(tmp_path, [ended, active])
    assert strange.exists()
    keeping.clean(tmp_path, [ended])
    assert not strange.exists()
    assert foreign.exists(), "what is not ours is left alone"


def test_what_is_recorded_is_forgotten_with_what_kills_left(tmp_path: Path) -> None:
    run = record([A, B], [])
    held = files(tmp_path, [run])
    half = held[str(A), 0].with_suffix(".4711")
    half.write_bytes(b"half")
    keeping.forget(tmp_path, run.header, [A])
    keeping.forget(tmp_path, run.header, [A])
    assert sorted(tmp_path.iterdir()) == sorted([held[str(B), 0], held[str(C), 0]])


def test_an_empty_folder_goes_with_the_transfer_and_another_stays(tmp_path: Path) -> None:
    folder = keeping.opened(tmp_path)
    keeping.close(folder, [record([A], [0.5])])
    assert not folder.exists()
    keeping.opened(tmp_path)
    keeping.close(folder, [dataclasses.replace(record([A], [], state=RunState.RUNNING), active=True)])
    assert folder.exists(), "another transfer is about to write to it"
    files(folder, [record([A], [], state=RunState.STOPPED)])
    keeping.close(folder, [record([A], [], state=RunState.STOPPED)])
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / keeping.FOLDER).write_text("a file")
    with pytest.raises(LedgerError, match="expected one to write to, got File exists"):
        keeping.opened(tmp_path)


def test_the_name_is_that_of_the_protocol_as_the_record_holds_it(tmp_path: Path) -> None:
    """Headers come from JSON, with tuples as lists and without the protocol's class."""
    header = record([A], []).header
    again = type(header).from_json(header.to_json())
    assert type(again.protocol) is not type(FAR)
    assert keeping._of(tmp_path, again, A) == keeping._of(tmp_path, header, A)
