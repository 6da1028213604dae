"""A run as a file: JSON Lines that hold all that the store does, for publishing and for taking to another machine.

The first line is the run, then comes one line a proposal in the order proposed, then a line that ends the file::

    {"format": "harness run", "schema": 1 | 2, "name": str, "identity": str, "comparable": str, "protocol_hash": str,
     "environment_hash": str, "state": "running" | "stopped" | "finished", "started": seconds since the epoch,
     "seconds": float, "exhausted": step or null, "serves": bool, "header": {...}}
    {"index": int, "rule": str, "key": str, "source": "trained" | "shared" | "duplicate", "asked": step,
     "told": step or null, "outcome": null or {"status": "ok" | "diverged" | "error", "score": float,
      "learning_rate": float or null, "examples": int, "seconds": float, "sweep": [[rate, score], ...],
      "curve": [score, ...], "message": str, "test": float or null}}
    {"proposals": int, "charged": int, "completed": int, "sha256": of all bytes before this line}

``rule`` is a rule's token string, or in schema 2 the record of another candidate (``harness.candidates``): a file has
that schema only if its run confirms some, so that older programs read all others.

``header`` has the fields of its kind of ``RunHeader``; ``identity``, ``comparable`` and the hashes follow from it and
are checked.
``serves`` says whether the outcomes may serve other runs as evaluations, which they do in an equal environment alone:
it is false where the store does not know under which one they were earned, as of a run that an old version wrote.

One run has one encoding: the text is ASCII, objects have these fields in this order (the header's sorted by name), one
blank after a comma or colon, numbers as ``json`` writes them, and a line feed ends a line; one that another program
has since put a carriage return before is read all the same. A new field or another meaning raises ``schema``.
``archive_reading`` reads it back.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated

from harness.errors import LedgerError, message
from harness.limits import Count, Range
from harness.race.entry import Entry
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.runs import RunState

FORMAT = "harness run"
SCHEMA = 2  # the newest
LAST_MOMENT = 253_370_764_799  # in the year 9998, for calendars end with 9999
SUFFIX = ".jsonl"
COMPRESSED = ".gz"  # behind SUFFIX, of files that gzip packed

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A run with everything that it takes to rank it, to replay it, and to go on with it.

    Attributes:
        header: what pins it.
        state: where it stands.
        started: seconds since the epoch, when it was first begun.
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
        """The run's name as a file's: whatever could lead elsewhere is replaced."""
        return re.sub(r"[^A-Za-z0-9._+-]|^\.", "_", self.header.name[-200:]) + SUFFIX


def encode(archive: Archive) -> bytes:
    """Write a run as the bytes of its file.

    Raises:
        LedgerError: it holds a number that is not finite, which no run of ours wrote.
    """
    try:
        body = line(head_fields(archive)) + b"".join(line(entry_fields(entry)) for entry in archive.entries)
    except ValueError as cause:
        what, hint = f"run {archive.header.name}", "The ledger is damaged: restore a copy"
        raise LedgerError(message(what, expected="finite numbers", got=cause, hint=hint)) from cause
    return body + line(foot_fields(archive, hashlib.sha256(body).hexdigest()))


def compressed(content: bytes) -> bytes:
    """A file's content as gzip packs it, without the time of day: equal content, equal bytes."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def line(fields: Json) -> bytes:
    """One line of the file, its end included."""
    return json.dumps(fields, allow_nan=False).encode("ascii") + b"\n"


def head_fields(archive: Archive) -> Json:
    """The first line's fields."""
    header = archive.header
    return {
        "format": FORMAT,
        "schema": schema_of(header),
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


def schema_of(header: RunHeader) -> int:
    """The schema of a run's file: the oldest that can hold it."""
    return 2 if isinstance(header, ConfirmationHeader) and header.confirmation.noun != "rules" else 1


def entry_fields(entry: Entry) -> Json:
    """The fields of a proposal's line."""
    return {
        "index": entry.index,
        "rule": str(entry.rule),
        "key": entry.key,
        "source": entry.source.value,
        "asked": entry.asked,
        "told": entry.told,
        "outcome": None if entry.outcome is None else dataclasses.asdict(entry.outcome),
    }


def foot_fields(archive: Archive, digest: str) -> Json:
    """The last line's fields."""
    return {
        "proposals": len(archive.entries),
        "charged": sum(entry.charged for entry in archive.entries),
        "completed": sum(entry.outcome is not None for entry in archive.entries),
        "sha256": digest,
    }
