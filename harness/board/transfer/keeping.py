"""The checkpoints of a results folder: which are still needed, and the removal of all others, so that disk is bounded.

A child's checkpoint is deleted once its outcome is in the ledger, or in a funnel once the candidate is stopped. A kill
in between leaves files behind; they are removed when a transfer begins and when it ends. No result depends on a
checkpoint: a child without one trains from its first epoch to the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from harness.board.transfer.results import TransferRun, funnels, transfer_runs
from harness.checkpoints import checkpoint
from harness.contracts import Candidate
from harness.errors import LedgerError, message
from harness.race.header import RunHeader
from harness.race.runs import RunRecord
from harness.race.store.rows import candidate_from

FOLDER = "checkpoints"  # in the results folder
WHOLE = ".pt"  # ends the names of checkpoints; those of files that are being written end differently
OURS = re.compile(r"[0-9a-f]{32}\.\w+")


def opened(results: Path) -> Path:
    """Return the folder of checkpoints, which is created.

    Raises:
        LedgerError: it cannot be created.
    """
    folder = results / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        hint = "Check its permissions, or choose another folder with --results"
        got = cause.strerror or str(cause)
        raise LedgerError(message(f"folder {folder}", expected="one to write to", got=got, hint=hint)) from cause
    return folder


def forget(folder: Path, header: RunHeader, candidates: Iterable[Candidate]) -> None:
    """Delete the checkpoints of a run's children, and what kills left of them half-written."""
    for each in candidates:
        for path in folder.glob(f"{_of(folder, header, each).stem}.*"):
            with suppress(OSError):  # what cannot be deleted now is tried again when the transfer ends
                path.unlink()


def clean(folder: Path, records: Sequence[RunRecord]) -> None:
    """Delete every checkpoint that no unfinished transfer needs.

    Args:
        folder: the folder of checkpoints.
        records: all transfers of the ledger.
    """
    needed, busy = needed_by(folder, records), any(record.active for record in records)
    for path in folder.iterdir():
        if path in needed or not OURS.fullmatch(path.name):
            continue
        if path.suffix == WHOLE or not busy:  # another process may be writing one
            with suppress(OSError):
                path.unlink()


def close(folder: Path, records: Sequence[RunRecord]) -> None:
    """Delete every checkpoint that no unfinished transfer needs, and then the folder unless it is in use."""
    clean(folder, records)
    if not any(record.active for record in records):
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def needed_by(folder: Path, records: Sequence[RunRecord]) -> set[Path]:
    """Return the checkpoints from which children of unfinished transfers, or of the next rung, could go on."""
    runs = transfer_runs(records)
    needed = {path for run in runs if not run.finished for path in _paths(folder, run, set(run.outcomes))}
    for found in funnels(runs):
        begun = [rung for rung in found.rungs if rung.candidates]
        if not found.finished:
            needed.update(path for run in begun[-1].runs.values() for path in _paths(folder, run, set()))
    return needed


def _paths(folder: Path, run: TransferRun, without: set[str]) -> Iterable[Path]:
    records = [each for each in run.header.transfer.candidates if each not in without]
    return (_of(folder, run.header, candidate_from(each)) for each in records)


def _of(folder: Path, header: RunHeader, candidate: Candidate) -> Path:
    return checkpoint(folder, header.protocol, candidate, data=header.data_fingerprint, seed=header.child_seed)
