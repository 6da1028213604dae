"""Reading a run's file: everything is rejected that ``archive.encode`` would not have written for one of our runs."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, Literal, NoReturn, cast

from pydantic import Field, ValidationError

from harness.contracts import Outcome, Rule
from harness.errors import HarnessError, LedgerError, message
from harness.race.entry import Entry
from harness.race.header import (
    Confirmation,
    ConfirmationHeader,
    Funnel,
    RunHeader,
    SearchHeader,
    TableHeader,
    Transfer,
    TransferHeader,
    kind_of,
)
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.race.store.archive import (
    COMPRESSED,
    FORMAT,
    LATER,
    SCHEMA,
    Archive,
    Json,
    entry_fields,
    foot_fields,
    head_fields,
    line,
    schema_of,
)
from harness.race.store.rows import candidate_from
from harness.race.validation import Part, ProtocolSpec, checked, record, told
from harness.space.grammar import Space

MOST_BYTES = 1 << 30  # of a file
MOST_LINE_BYTES = 1 << 20
HINT = "Export the run again, or fetch another copy of the file"
UNREADABLE = (OSError, EOFError, zlib.error)


class _Head(Part):
    """What the first line has beside the run's own fields."""

    format: Literal["harness run"]
    schema_: Literal[1, 2, 3] = Field(alias="schema")
    name: str
    identity: str
    comparable: str
    protocol_hash: str
    environment_hash: str


_Text = Annotated[str, Field(min_length=1, max_length=10_000)]  # of a rule, or of another candidate's record
_PINS: dict[str, Any] = {"space": record(Space), "protocol": ProtocolSpec, "budget": record(Budget)}
_listed = Annotated[list[_Text], Field(min_length=1)]
_CONFIRMED = record(Confirmation, rules=list[_Text], optional=["nominated"])  # which older files lack
_TRANSFER = record(Transfer, candidates=_listed, funnel=record(Funnel, entrants=_listed) | None)
_HEADERS = {
    SearchHeader: record(SearchHeader, **_PINS),
    ConfirmationHeader: record(ConfirmationHeader, **_PINS, confirmation=_CONFIRMED),
    TableHeader: record(TableHeader, **_PINS),
    TransferHeader: record(TransferHeader, **_PINS, transfer=_TRANSFER),
}
_HEADS = {kind: record(Archive, _Head, header=header, entries=None) for kind, header in _HEADERS.items()}
_PROPOSAL = record(Entry, rule=_Text, outcome=record(Outcome, optional=LATER) | None)


def decode(path: Path) -> Archive:
    """Read and check a run's file, and return the run.

    Raises:
        LedgerError: it cannot be read, has a newer schema, or is not what a run wrote; the message names the line.
    """
    try:
        if not path.is_file():
            got = "a folder" if path.is_dir() else "something else" if path.exists() else "nothing there"
            raise LedgerError(message(f"file {path}", expected="a run's export", got=got, hint="Check the path"))
        size = path.stat().st_size
        if size > MOST_BYTES:
            expected = f"at most {MOST_BYTES:,} bytes"
            raise LedgerError(message(f"file {path}", expected=expected, got=f"{size:,}", hint=HINT))
        return _Reader(path).archive()
    except UNREADABLE as cause:
        raise _unreadable(path, cause) from cause


def header_of(path: Path) -> RunHeader:
    """Return the header of a run's file, without reading the other lines.

    Raises:
        LedgerError: it cannot be read, or its first line is not what a run wrote.
    """
    try:
        return _Reader(path).header()
    except UNREADABLE as cause:
        raise _unreadable(path, cause) from cause


def head_of(path: Path, fields: Mapping[str, object]) -> Archive:
    """A run without its entries, from the fields of its first line but ``format``, wherever they were read.

    Raises:
        LedgerError: they are not what a run wrote.
    """
    reader = _Reader(path)
    run = reader.head(line({"format": FORMAT, **fields}))
    reader.check_schema(run)
    return run


def check_course(path: Path, archive: Archive) -> None:
    """Raise unless a search can have come to an archive's entries one after another, wherever they were read.

    Raises:
        LedgerError: it cannot.
    """
    reader, earlier = _Reader(path), list[Entry]()
    for entry in archive.entries:
        reader.check_course(entry, archive, earlier)
        earlier.append(entry)


def opened(path: Path) -> IO[bytes]:
    """Open and return a run's file, which may be compressed."""
    if path.suffix == COMPRESSED:
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _unreadable(path: Path, cause: Exception) -> LedgerError:
    if isinstance(cause, OSError) and not isinstance(cause, gzip.BadGzipFile):
        expected, hint = "one that can be read", "Check its permissions"
    else:
        expected, hint = "one that gzip can unpack", HINT
    got = (cause.strerror if isinstance(cause, OSError) else "") or str(cause)
    return LedgerError(message(f"file {path}", expected=expected, got=got, hint=hint))


class _Reader:
    """Reads one file, line by line.

    Attributes:
        number: the line being read, from 1.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._first: dict[str, Entry] = {}  # key → its first proposal
        self.number = 0
        self._schema = 0  # as the first line has it

    def header(self) -> RunHeader:
        """Return the header from the first line; nothing else is read."""
        with opened(self._path) as file:
            return self.head(next(self._lines(file), b"")).header

    def archive(self) -> Archive:
        with opened(self._path) as file:
            lines = self._lines(file)
            started = self.head(next(lines, b""))
            entries: list[Entry] = []
            for text in lines:
                if text.startswith(b'{"proposals"'):
                    archive = dataclasses.replace(started, entries=tuple(entries))
                    self.check_schema(archive)
                    self._foot(archive, text)
                    if next(lines, b""):
                        self._wrong("nothing after the line with the checksum", "more")
                    return archive
                self._digest.update(text)
                entries.append(self._entry(text, started, entries))
        self.number += 1
        return self._wrong("the line with the checksum", "the end of the file")

    def _lines(self, file: Any) -> Iterator[bytes]:
        size = 0  # as unpacked
        while text := file.readline(MOST_LINE_BYTES + 1):
            self.number += 1
            size += len(text)
            if size > MOST_BYTES:
                self._wrong(f"at most {MOST_BYTES:,} bytes", "more")
            if len(text) > MOST_LINE_BYTES:
                self._wrong(f"a line of at most {MOST_LINE_BYTES:,} bytes", "a longer one")
            if not text.endswith(b"\n"):
                self._wrong("a complete line", "one that is cut off")
            # Git and editors may have changed the line ends: the content is the same, and so is its checksum.
            yield text.removesuffix(b"\r\n") + b"\n" if text.endswith(b"\r\n") else text

    def head(self, text: bytes) -> Archive:
        self.number = 1
        if not text:
            self._wrong("a run", "an empty file")
        self._digest.update(text)
        self._check_format(text)
        written = json.loads(text).get("header")
        fields = self._parsed(_HEADS[kind_of(written if isinstance(written, dict) else {})], text)
        try:
            header = RunHeader.from_json(json.dumps(written))  # as written: 1 is not 1.0
        except HarnessError as cause:
            self._wrong("a run header", cause)
        own = {field.name: fields[field.name] for field in dataclasses.fields(Archive) if field.name in fields}
        archive = Archive(**own | {"header": header, "entries": ()})
        self._schema = fields["schema"]
        right = head_fields(archive) | {"schema": self._schema}  # which depends on the entries, too
        for name, value in right.items():
            if name != "header" and fields[name] != value:
                self._wrong(f"{name} {value}, as the header's fields give it", fields[name])
        self._check_encoding(text, right)
        return archive

    def check_schema(self, archive: Archive) -> None:
        """Raise unless the first line has the schema that the run needs."""
        if self._schema != schema_of(archive):
            self._wrong(f"schema {schema_of(archive)}, the oldest that can hold the run", self._schema)

    def _check_format(self, text: bytes) -> None:
        """Reject other files and newer ones before their fields are checked."""
        try:
            fields = json.loads(text)
            theirs, schema = fields["format"], fields["schema"]
        except (ValueError, KeyError, TypeError, RecursionError):
            theirs, schema = None, None
        if theirs != FORMAT or not isinstance(schema, int):
            self._wrong("a run that `harness export` wrote", "something else", "Name the files that it wrote")
        if schema > SCHEMA:
            got = f"schema {schema}, written by a newer harness"
            self._wrong(f"schema {SCHEMA} or older", got, "Upgrade this program")

    def _entry(self, text: bytes, run: Archive, earlier: list[Entry]) -> Entry:
        fields = self._parsed(_PROPOSAL, text)
        if fields["index"] != len(earlier):
            self._wrong(f"index {len(earlier)}", fields["index"])
        try:
            rule = candidate_from(fields["rule"])
            run.header.check(rule)
            key = rule.key
        except HarnessError as cause:
            self._wrong("a rule that the run may train", cause)
        if isinstance(rule, Rule) and not run.header.in_our_language:
            key = fields["key"]  # another version of the language had other keys
        if fields["key"] != key:
            self._wrong(f"key {key!r} for {rule}", repr(fields["key"]))
        outcome = None if fields["outcome"] is None else self._outcome(Outcome(**fields["outcome"]), run)
        entry = Entry(**fields | {"rule": rule, "outcome": outcome})
        self._check_encoding(text, entry_fields(entry))
        self.check_course(entry, run, earlier)
        return entry

    def _outcome(self, outcome: Outcome, run: Archive) -> Outcome:
        right = checked(outcome, run.header.protocol)
        if right.message != outcome.message:
            self._wrong("a valid outcome", right.message)
        if outcome != right:
            self._wrong(f"score {right.score}, chance, of a child that failed", outcome.score)
        return outcome

    def check_course(self, entry: Entry, run: Archive, earlier: list[Entry]) -> None:
        """Raise unless a search can have made this proposal."""
        budget, first = run.header.budget, self._first.setdefault(entry.key, entry)
        if len(earlier) >= budget.proposals:
            self._wrong(f"at most {budget.proposals} proposals, the budget", "one more")
        if len(self._first) > budget.children:
            self._wrong(f"at most {budget.children} charged children, the budget", "one more")
        if entry.charged != (first is entry):
            expected = "an earlier proposal of the same function" if not entry.charged else "source duplicate"
            self._wrong(expected, "none" if not entry.charged else entry.source)
        if entry.outcome != first.outcome:
            self._wrong(f"the outcome of proposal {first.index}, the same function", "another")
        before = earlier[-1].asked if earlier else 0
        if entry.asked < before:
            self._wrong(f"a step from {before} on in asked", entry.asked)
        if not run.header.asynchronous:
            self._check_order(entry, before)
        if (entry.told is None) != (entry.outcome is None) or (entry.told is not None and entry.told <= entry.asked):
            self._wrong(f"a step after {entry.asked} in told, or null without an outcome", entry.told)
        if entry.outcome is None and run.state is RunState.FINISHED:
            self._wrong("an outcome, as the run is finished", "none")

    def _check_order(self, entry: Entry, before: int) -> None:
        """Raise unless a run that tells in order can have the steps: an ask and its tell in turn, from 0."""
        steps = [before, before + 2] if entry.index else [0]
        if entry.asked not in steps:
            self._wrong(f"step {' or '.join(map(str, steps))} in asked, as the run tells in order", entry.asked)
        if entry.told not in (None, entry.asked + 1):
            self._wrong(f"step {entry.asked + 1} in told, as the run tells in order", entry.told)

    def _foot(self, archive: Archive, text: bytes) -> None:
        if text != line(foot_fields(archive, self._digest.hexdigest())):
            self._wrong("the checksum and the counts of the lines before", text.decode(errors="replace").strip())

    def _parsed(self, model: type[Part], text: bytes) -> dict[str, Any]:
        try:
            return model.model_validate_json(text).model_dump(by_alias=True, exclude_unset=True)
        except ValidationError as cause:
            self._wrong(*told(cause))

    def _check_encoding(self, text: bytes, fields: Json) -> None:
        if text != line(fields):
            self._wrong("the line as `harness export` writes it", "the same content written differently")

    def _wrong(self, expected: str, got: object, hint: str = HINT) -> NoReturn:
        raise LedgerError(message(f"{self._path}, line {self.number}", expected=expected, got=got, hint=hint))
