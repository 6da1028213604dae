"""Many runs on tables as one small file: what each proposed, and when. The tables have the outcomes.

A run of 200 children takes some 100 kB as ``harness export`` writes it, and some 600 bytes here. The file is JSON Lines
in ASCII, packed by bzip2 (equal runs give equal bytes on every machine): a line for the file, two for each run, a line
that ends it::

    {"format": "harness bundle", "schema": 1, "runs": int}
    {"name": ..., "identity": ..., ..., "header": {...}}          the first line of a run's own file, but "format"
    {"batches": [int, ...], "rules": [int, ...], "sources": str}
    {"sha256": of all bytes before this line}

``batches`` says how many proposals answered each ask; ``rules`` numbers the strings of the run's space, as
``harness.space.counting.enumeration.strings`` goes through them; ``sources`` has a letter for each proposal: t for
trained, s for shared, d for duplicate. Only finished runs that told their results in order have a place here: then the
steps of asks and tells follow.
"""

from __future__ import annotations

import bz2
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NoReturn

from harness.board.tables.truths import TASK
from harness.contracts import Outcome, Rule, Task, TaskProtocol
from harness.errors import HarnessError, LedgerError, message
from harness.race.engines.engine import build_task
from harness.race.entry import Entry, Source
from harness.race.protocols import named
from harness.race.runs import Results, RunResults, RunState
from harness.race.store.archive import Archive, head_fields, line
from harness.race.store.archive_reading import head_of
from harness.registry import Kind, load
from harness.space.counting.enumeration import strings
from harness.space.grammar import Space

FORMAT, SCHEMA = "harness bundle", 1
SUFFIX = ".runs.bz2"
MOST_BYTES = 1 << 30  # unpacked
HINT = "Fetch another copy of it, or bundle the runs again with `harness export --format bundle`"
LETTERS = {Source.TRAINED: "t", Source.SHARED: "s", Source.DUPLICATE: "d"}
SOURCES = {letter: source for source, letter in LETTERS.items()}


@dataclass(frozen=True)
class Course:
    """One run of a bundle.

    Attributes:
        run: all of it but its entries.
        batches: how many proposals answered each ask.
        rules: of each proposal, the number of its string in the space.
        sources: of each proposal.
    """

    run: Archive
    batches: Sequence[int]
    rules: Sequence[int]
    sources: Sequence[Source]

    @classmethod
    def of(cls, archive: Archive) -> Course:
        """What a bundle keeps of a run.

        Raises:
            LedgerError: the run is none that a bundle can hold.
        """
        header = archive.header
        _check(header.protocol.task == TASK, archive, "a run on a table", header.protocol.name)
        _check(archive.state is RunState.FINISHED, archive, "a finished run", archive.state.value)
        _check(not header.asynchronous, archive, "a run that told its results in order", "one with --async")
        numbers, looked = _numbers(header.space), _Lookup.of(header.protocol, header.child_seed)
        for entry in archive.entries:
            assert isinstance(entry.rule, Rule), "a search proposes rules"
            earned = looked.outcome(entry.rule, entry.key)
            _check(entry.outcome == earned, archive, "the outcomes of its table", f"another of {entry.rule.infix}")
        batches = tuple(len(list(own)) for _, own in itertools.groupby(entry.asked for entry in archive.entries))
        return cls(
            dataclasses.replace(archive, entries=()),
            batches,
            tuple(numbers[str(entry.rule)] for entry in archive.entries),
            tuple(entry.source for entry in archive.entries),
        )

    @cached_property
    def steps(self) -> Sequence[int]:
        """Of each proposal, the step at which it was asked for."""
        return tuple(2 * place for place, count in enumerate(self.batches) for _ in range(count))

    @property
    def archive(self) -> Archive:
        """The whole run."""
        return dataclasses.replace(
            self.run,
            entries=tuple(
                Entry(index=index, rule=rule, key=key, source=source, asked=step, told=step + 1, outcome=outcome)
                for index, (step, source, (rule, key, outcome)) in enumerate(
                    zip(self.steps, self.sources, self._earned(), strict=True)
                )
            ),
        )

    @property
    def results(self) -> RunResults:
        """The run as the boards read it."""
        rules, keys, outcomes = zip(*self._earned(), strict=True) if self.rules else ((), (), ())
        return RunResults(
            header=self.run.header,
            state=self.run.state,
            active=False,
            started=self.run.started,
            seconds=self.run.seconds,
            results=Results(
                numbers=range(len(self.rules)),
                rules=list(map(str, rules)),
                keys=keys,
                charged=[source is not Source.DUPLICATE for source in self.sources],
                statuses=[outcome.status for outcome in outcomes],
                scores=[outcome.score for outcome in outcomes],
                learning_rates=[outcome.learning_rate for outcome in outcomes],
                messages=[outcome.message for outcome in outcomes],
            ),
        )

    def _earned(self) -> Iterator[tuple[Rule, str, Outcome]]:
        header = self.run.header
        every, looked = _strings(header.space), _Lookup.of(header.protocol, header.child_seed)
        for number in self.rules:
            rule, key = every[number], _key(header.space, number)
            yield rule, key, looked.outcome(rule, key)


def encode(archives: Iterable[Archive]) -> bytes:
    """The bytes of a bundle.

    Raises:
        LedgerError: a run is none that a bundle can hold.
    """
    lines = []
    for archive in archives:
        course = Course.of(archive)
        sources = "".join(map(LETTERS.__getitem__, course.sources))
        lines.append(line({name: value for name, value in head_fields(course.run).items() if name != "format"}))
        lines.append(line({"batches": course.batches, "rules": course.rules, "sources": sources}))
    body = line({"format": FORMAT, "schema": SCHEMA, "runs": len(lines) // 2}) + b"".join(lines)
    return bz2.compress(body + line({"sha256": hashlib.sha256(body).hexdigest()}), compresslevel=9)


def decode(path: Path) -> list[Course]:
    """Read and check a bundle; whether its runs' courses are possible, ``archive_reading.check_course`` says.

    Raises:
        LedgerError: it cannot be read, is damaged, is of a newer schema, or its table is another one here.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise OSError("no file")
        unpacked = bz2.BZ2Decompressor()
        text = unpacked.decompress(path.read_bytes(), MOST_BYTES)
        if not unpacked.eof or unpacked.unused_data:
            _wrong(path, f"at most {MOST_BYTES:,} bytes, and a whole file", "more, or less")
    except (OSError, EOFError, ValueError) as cause:
        got = (cause.strerror if isinstance(cause, OSError) else "") or str(cause)
        _wrong(path, "a file that bzip2 can unpack", got)
    first, *lines = text.splitlines(keepends=True) or [b""]
    try:
        head = json.loads(first)
        theirs, schema = head["format"], head["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        theirs, schema = None, None
    if theirs != FORMAT or not isinstance(schema, int):
        _wrong(path, "a bundle that `harness export --format bundle` wrote", "something else")
    if schema > SCHEMA:
        got, hint = f"schema {schema}, written by a newer harness", "Upgrade this program"
        raise LedgerError(message(f"file {path}", expected=f"schema {SCHEMA}", got=got, hint=hint))
    if not lines or lines[-1] != line({"sha256": hashlib.sha256(text[: -len(lines[-1])]).hexdigest()}):
        _wrong(path, "the checksum of its lines at the end", "another end")
    try:
        pairs = zip(lines[0:-1:2], lines[1:-1:2], strict=True)
        found = [_course(path, json.loads(head), json.loads(course)) for head, course in pairs]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as cause:
        _wrong(path, "two lines for each run", f"{type(cause).__name__}: {cause}")
    promised = head.get("runs")
    if not isinstance(promised, int):
        _wrong(path, "a number of runs in its first line", "none" if promised is None else repr(promised))
    if len(found) != promised:
        _wrong(path, f"{promised} runs", len(found))
    return found


def _course(path: Path, head: dict[str, Any], fields: dict[str, Any]) -> Course:
    run = head_of(path, head)
    course = Course(run, fields["batches"], fields["rules"], [SOURCES[letter] for letter in fields["sources"]])
    if not all(type(each) is int for each in (*course.batches, *course.rules)):
        raise TypeError("a batch or a rule that is no whole number")
    space = _ours(run.header.protocol).tabled
    if space is None or space != run.header.space:
        _wrong(path, f"the space of {run.header.protocol.name} in {run.header.name}", run.header.space.describe())
    size = space.size()
    if not len(course.rules) == len(course.sources) == sum(course.batches) or min(course.batches, default=1) < 1:
        _wrong(path, f"a batch, a rule and a source for each proposal of {run.header.name}", "others")
    if any(not 0 <= number < size for number in course.rules):
        _wrong(path, f"rules of {run.header.name} by numbers below {size:,}", "others")
    return course


def _wrong(path: Path, expected: str, got: object) -> NoReturn:
    raise LedgerError(message(f"file {path}", expected=expected, got=got, hint=HINT))


def _check(right: object, archive: Archive, expected: str, got: object) -> None:
    if not right:
        what, hint = f"run {archive.header.name}", "Export it with --format jsonl, or leave it out"
        raise LedgerError(message(what, expected=expected, got=got, hint=hint))


@lru_cache(maxsize=4)
def _strings(space: Space) -> Sequence[Rule]:
    return tuple(strings(space))


@lru_cache(maxsize=4)
def _numbers(space: Space) -> dict[str, int]:
    return {str(rule): number for number, rule in enumerate(_strings(space))}


@cache
def _key(space: Space, number: int) -> str:
    return _strings(space)[number].key


@lru_cache(maxsize=8)
def _ours(protocol: TaskProtocol) -> TaskProtocol:
    """The protocol of a table that a record means.

    Raises:
        LedgerError: the table is another one here, or none.
    """
    try:
        ours = named(protocol.name)
    except HarnessError:
        ours = None
    if ours is None or ours.hash != protocol.hash:
        what, hint = f"protocol {protocol.name}", "Use the version of this program that raced"
        got = "none of that name" if ours is None else ours.hash
        raise LedgerError(message(what, expected=f"hash {protocol.hash}", got=got, hint=hint))
    return ours


@lru_cache(maxsize=8)
def _task(protocol: TaskProtocol) -> Task:
    ours = _ours(protocol)
    return build_task(load(Kind.TASK, ours.task), ours, None)


class _Lookup:
    """The outcomes of one table on one child seed, each looked up once."""

    def __init__(self, task: Task, seed: int) -> None:
        self._task, self._seed = task, seed
        self._known: dict[str, Outcome] = {}

    @staticmethod
    @lru_cache(maxsize=16)
    def of(protocol: TaskProtocol, seed: int) -> _Lookup:
        """That of a protocol."""
        return _Lookup(_task(protocol), seed)

    def outcome(self, rule: Rule, key: str) -> Outcome:
        """What a rule earned."""
        found = self._known.get(key)
        if found is None:
            (found,) = self._task.evaluate([rule], seed=self._seed)
            self._known[key] = found
        return found
