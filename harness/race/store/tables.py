"""Tables of outcomes: every rule of a small space, scored beforehand on real children (protocol §5).

A table is filled by runs of ``exhaustive``, one for each *part* of each replicate: a run ends within twenty minutes, so
that it is made in one environment, and a part that ended is final. Its file is the run as ``harness export`` writes it,
packed by gzip. All children of a replicate train from one seed, which no search and no other table uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.contracts import Outcome, Rule, TaskProtocol
from harness.errors import LedgerError, check_choice, message
from harness.race import protocols
from harness.race.header import TableHeader
from harness.race.protocols import Budget
from harness.race.store.archive import COMPRESSED, SUFFIX, Archive
from harness.race.store.archive_reading import decode, header_of
from harness.space.counting.enumeration import functions, strings_of_functions
from harness.space.counting.small_spaces import small_space
from harness.space.grammar import Space

FILLER = "exhaustive"
CHILDREN_A_PART = 100  # some five minutes of two cores under `quick`


@dataclass(frozen=True)
class TableSpec:
    """What a table holds.

    Attributes:
        name: what ``harness table`` takes.
        summary: one line for listings.
        space: whose functions it holds.
        protocol: how they are scored.
        replicates: how often each is scored, every time from another seed.
    """

    name: str
    summary: str
    space: Space
    protocol: TaskProtocol = field(default_factory=lambda: protocols.named("quick"))
    replicates: int = 3

    @property
    def rules(self) -> Sequence[Rule]:
        """One rule for each function, in the order of the table."""
        return functions(self.space)

    @property
    def strings(self) -> Sequence[int]:
        """How many strings of the space each function is, in the order of the table."""
        return tuple(strings_of_functions(self.space).values())

    @cached_property
    def parts(self) -> int:
        """How many runs fill one replicate."""
        return -(-len(self.rules) // CHILDREN_A_PART)

    def places_of(self, part: int) -> slice:
        """Where the rules of a part, counted from 1, lie among all."""
        return slice((part - 1) * len(self.rules) // self.parts, part * len(self.rules) // self.parts)

    def rules_of(self, part: int) -> Sequence[Rule]:
        """The rules of a part, counted from 1."""
        return self.rules[self.places_of(part)]


TABLES = {
    name: TableSpec(name, summary, small_space(name))
    for name, summary in {
        "broad": "one block of adaptive and plain words: few rules are good",
        "signs": "two blocks of gradients, momentum and their signs: many rules are good",
        "adaptive": "two blocks of momentum and the adaptive steps, for an accelerator",
    }.items()
}


def named(name: str) -> TableSpec:
    """Return the table called ``name``.

    Raises:
        LedgerError: no table has that name.
    """
    check_choice("table", name, TABLES, error=LedgerError)
    return TABLES[name]


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a table.

    Attributes:
        table: which table.
        replicate: counted from 0.
        number: of the part, counted from 1.
    """

    table: TableSpec
    replicate: int
    number: int

    @property
    def file_name(self) -> str:
        """The name of its file, such as ``broad-r0-p01.jsonl.gz``."""
        return f"{self.table.name}-r{self.replicate}-p{self.number:02d}{SUFFIX}{COMPRESSED}"

    @property
    def places(self) -> slice:
        """Where its rules lie among the table's."""
        return self.table.places_of(self.number)

    @property
    def setting(self) -> str:
        """The slice that ``exhaustive`` proposes."""
        return f"{self.number}/{self.table.parts}"

    def header(
        self,
        *,
        version: int,
        data: str,
        fingerprint: str,
        environment: Mapping[str, str],
        provenance: Mapping[str, str],
    ) -> TableHeader:
        """What pins its run.

        Args:
            version: of ``exhaustive``.
            data: registry name of the data set.
            fingerprint: of the data set.
            environment: what else scores depend on.
            provenance: for the reader.
        """
        children = len(self.table.rules_of(self.number))
        return TableHeader(
            searcher=FILLER,
            searcher_version=version,
            settings={"part": self.setting},
            space=self.table.space,
            protocol=self.table.protocol,
            data=data,
            data_fingerprint=fingerprint,
            budget=Budget(children, children),
            seed=self.replicate,
            asynchronous=False,
            environment=environment,
            provenance=provenance,
            table=self.table.name,
        )


def parts(tables: Sequence[TableSpec], replicates: Sequence[int]) -> Iterator[Part]:
    """All parts of some tables, one replicate of every table before the next.

    Raises:
        LedgerError: a table has fewer replicates.
    """
    for replicate in replicates:
        for table in tables:
            if replicate >= table.replicates:
                what, hint = f"table {table.name}, replicate", "Replicates count from 0"
                expected = f"one below {table.replicates}"
                raise LedgerError(message(what, expected=expected, got=replicate, hint=hint))
    for replicate in replicates:
        for table in tables:
            yield from (Part(table, replicate, number) for number in range(1, table.parts + 1))


def outcomes(folder: Path, table: TableSpec) -> list[tuple[Rule, list[Outcome]]]:
    """Every rule of a table, in its order, with the outcome of each replicate.

    Args:
        folder: of the parts' files.
        table: which table.

    Raises:
        LedgerError: a part is missing or damaged, or is another run than its name says.
    """
    found: list[tuple[Rule, list[Outcome]]] = [(rule, []) for rule in table.rules]
    for part, archive in filled(folder, table):
        for (_, own), entry in zip(found[part.places], archive.entries, strict=True):
            assert entry.outcome is not None, "the runs of a full table are whole"
            own.append(entry.outcome)
    return found


def filled(folder: Path, table: TableSpec) -> Iterator[tuple[Part, Archive]]:
    """Every part of a full table with its run, whose entries are the part's rules in their order, each with an outcome.

    Args:
        folder: of the parts' files.
        table: which table.

    Raises:
        LedgerError: a part is missing or damaged, or is another run than its name says.
    """
    wanted = list(parts([table], range(table.replicates)))
    missing = [part.file_name for part in wanted if not (folder / part.file_name).exists()]
    if missing:
        hint = f"Fill it with `harness table build {table.name}`"
        got = f"{len(missing)} missing, {missing[0]} first"
        raise LedgerError(message(f"table {table.name}", expected=f"all {len(wanted)} parts", got=got, hint=hint))
    for part in wanted:
        yield part, _archive(folder / part.file_name, part)


def _archive(path: Path, part: Part) -> Archive:
    """The run of a part.

    Raises:
        LedgerError: its file is damaged, or holds another run.
    """
    archive = decode(path)
    header = archive.header
    expected = part.header(
        version=header.searcher_version,
        data=header.data,
        fingerprint=header.data_fingerprint,
        environment=header.environment,
        provenance={},
    )
    whole = [entry.rule for entry in archive.entries if entry.outcome is not None]
    if header.identity != expected.identity or whole != list(part.table.rules_of(part.number)):
        hint = f"Delete it, and build it again with `harness table build {part.table.name}`"
        raise LedgerError(message(f"part {path}", expected=f"the run {expected.name}", got=header.name, hint=hint))
    return archive


def is_final(path: Path, header: TableHeader) -> bool:
    """Whether a part's file is there.

    Args:
        path: where it would be.
        header: which run it has to hold, in whatever environment.

    Raises:
        LedgerError: the file holds another run, such as one on another data set.
    """
    if not path.exists():
        return False
    held = header_of(path)
    if held.identity != header.identity:
        different = [
            f"{name} {ours}"
            for name, ours, theirs in (
                ("data", header.data_fingerprint, held.data_fingerprint),
                ("protocol", header.protocol.hash, held.protocol.hash),
                ("table", header.table, held.table if isinstance(held, TableHeader) else None),
            )
            if ours != theirs
        ]
        expected = f"the run {header.name} ({', '.join(different) or 'by its identity'})"
        hint = "Build into another folder with --to, or use what the first parts were built with"
        raise LedgerError(message(f"part {path}", expected=expected, got=held.name, hint=hint))
    return True
