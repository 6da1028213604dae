"""A run as a file: JSON Lines with the full record of the store, to publish it or move it to another machine.

The first line is the run, then comes one line per proposal in the order proposed, then a line that ends the file::

    {"format": "harness run", "schema": 1 | 2 | 3, "name": str, "identity": str, "comparable": str,
     "protocol_hash": str, "environment_hash": str, "state": "running" | "stopped" | "finished",
     "started": seconds since the epoch, "seconds": float, "exhausted": step or null, "serves": bool, "header": {...}}
    {"index": int, "rule": str, "key": str, "source": "trained" | "shared" | "duplicate", "asked": step,
     "told": step or null, "outcome": null or {"status": "ok" | "diverged" | "error", "score": float,
      "learning_rate": float or null, "examples": int, "seconds": float, "sweep": [[rate, score], ...],
      "curve": [score, ...], "message": str, "test": float or null,
      "test_at_best": float, "figures": [[name, float], ...]}}
    {"proposals": int, "charged": int, "completed": int, "sha256": of all bytes before this line}

``rule`` is a rule's token string, or in schema 2 the record of another candidate (``harness.candidates``). A file has
schema 2 only if its run confirms such candidates, so that older programs can read all other files. ``test_at_best``
and ``figures`` are written where they are used, which takes schema 3, as does a transfer.

``header`` has the fields of its kind of ``RunHeader``; ``identity``, ``comparable`` and the hashes follow from it and
are checked.
``serves`` says whether the outcomes may serve other runs as evaluations, which they do only in an equal environment. It
is false if the store does not know in which environment they were earned, as for a run that an old version wrote.

One run has one encoding: the text is ASCII, objects have these fields in this order (the header's sorted by name), one
blank follows a comma or colon, numbers are as ``json`` writes them, and a line feed ends a line. Lines to which another
program has added a carriage return are read, too. A new field or another meaning raises ``schema``. ``archive_reading``
reads the file back.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated

from harness.contracts import Outcome
from harness.errors import LedgerError, message
from harness.limits import Count, Range
from harness.race.entry import Entry
from harness.race.header import ConfirmationHeader, RunHeader, TransferHeader
from harness.race.runs import RunState

FORMAT = "harness run"
SCHEMA = 3  # the newest
LAST_MOMENT = 253_370_764_799  # in the year 9998, for calendars end with 9999
SUFFIX = ".jsonl"
COMPRESSED = ".gz"  # after SUFFIX, for files packed by gzip

LATER = ("test_at_best", "figures")  # fields of an outcome that schema 3 brought: written where they are used

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A run with everything that is needed to rank, replay and resume it.

    Attributes:
        header: its header.
        state: its state.
        started: when it first began, in seconds since the epoch.
        seconds: wall time its processes have spent on it.
        exhausted: the step at which the searcher had nothing left to propose; None if it never happened.
        serves: whether its outcomes may serve other runs of its environment.
        entries: every proposal in order, pending ones included.
    """

    header: RunHeader
    state: RunState
    started: Annotated[float, Range(0, LAST_MOMENT)]
    seconds: Annotated[float, Range(0)]
    exhausted: Count | None
    serves: bool
    entries: tuple[Entry, ...]

    @property
    def file_name(self) -> str:
        """The run's name as a file name: characters that could lead to another folder are replaced."""
        return re.sub(r"[^A-Za-z0-9._+-]|^\.", "_", self.header.name[-200:]) + SUFFIX


def encode(archive: Archive) -> bytes:
    """Return a run as the bytes of its file.

    Raises:
        LedgerError: it holds a number that is not finite, which none of our runs wrote.
    """
    try:
        body = line(head_fields(archive)) + b"".join(line(entry_fields(entry)) for entry in archive.entries)
    except ValueError as cause:
        what, hint = f"run {archive.header.name}", "The ledger is damaged: restore a copy"
        raise LedgerError(message(what, expected="finite numbers", got=cause, hint=hint)) from cause
    return body + line(foot_fields(archive, hashlib.sha256(body).hexdigest()))


def compressed(content: bytes) -> bytes:
    """Return a file's content packed by gzip without the time of day, so that equal content gives equal bytes."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def line(fields: Json) -> bytes:
    """Return one line of the file, including its line end."""
    return json.dumps(fields, allow_nan=False).encode("ascii") + b"\n"


def head_fields(archive: Archive) -> Json:
    """Return the fields of the first line."""
    header = archive.header
    return {
        "format": FORMAT,
        "schema": schema_of(archive),
        "name": header.name,
        "identity": header.identity,
        "comparable": header.comparable,
        "protocol_hash": header.protocol.hash,
        "environment_hash": header.environment_hash,
        "state": archive.state.value,
        "started": archive.started,
        "seconds": archive.seconds,
        "exhausted": archive.exhausted,
        "serves": archive.serves,
        "header": json.loads(header.to_json()),
    }


def schema_of(archive: Archive) -> int:
    """Return the schema of a run's file: the oldest that can hold it."""
    header = archive.header
    outcomes = [entry.outcome for entry in archive.entries if entry.outcome is not None]
    if isinstance(header, TransferHeader) or any(each.test_at_best is not None or each.figures for each in outcomes):
        return 3
    return 2 if isinstance(header, ConfirmationHeader) and header.confirmation.noun != "rules" else 1


def entry_fields(entry: Entry) -> Json:
    """Return the fields of a proposal's line."""
    return {
        "index": entry.index,
        "rule": str(entry.rule),
        "key": entry.key,
        "source": entry.source.value,
        "asked": entry.asked,
        "told": entry.told,
        "outcome": None if entry.outcome is None else outcome_fields(entry.outcome),
    }


def outcome_fields(outcome: Outcome) -> Json:
    """Return the fields of an outcome, without those of ``LATER`` that are not used."""
    fields = ((field.name, getattr(outcome, field.name)) for field in dataclasses.fields(Outcome))
    return {name: value for name, value in fields if name not in LATER or value not in (None, ())}


def foot_fields(archive: Archive, digest: str) -> Json:
    """Return the fields of the last line."""
    return {
        "proposals": len(archive.entries),
        "charged": sum(entry.charged for entry in archive.entries),
        "completed": sum(entry.outcome is not None for entry in archive.entries),
        "sha256": digest,
    }
