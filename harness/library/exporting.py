"""``harness.export``, ``import_runs`` and ``export_rule``: runs as files and back into a store, and a rule as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import plain
from harness.board.csv_tables import tables
from harness.board.tables import bundle
from harness.errors import HarnessError, LedgerError, SettingError, check_choice, message
from harness.files import write_whole
from harness.library import EXPORT, arguments
from harness.library.arguments import ResultsLike, RuleLike
from harness.race.store.archive import COMPRESSED, SUFFIX, Archive, encode
from harness.race.store.archive_reading import check_course, decode
from harness.race.store.ledger import Ledger
from harness.race.store.rows import RunRow
from harness.space.notation import diagram
from harness.space.notation import rules as notation
from harness.space.torch_source.optimizer import optimizer_source

FORMATS = ("jsonl", "csv", "bundle")
RULE_FORMATS = ("torch", "latex", "dot", "svg")
Watch = Callable[[int, int], None]


def export(
    results: ResultsLike,
    to: str | os.PathLike[str] | None = None,
    *,
    runs: Iterable[str] = (),
    format: str = "jsonl",
    watch: Watch = lambda _done, _total: None,
) -> list[Path]:
    """Write runs to files: complete, to publish or import them elsewhere, or as tables for analysis.

    Args:
        results: the results folder, or the board that a race returned, whose folder is then used.
        to: folder for the files; None for ``export`` in the results folder.
        runs: names of runs, as ``harness runs`` lists them; empty for all.
        format: ``jsonl`` for one file per run, which ``import_runs`` and ``load`` read; ``bundle`` for one small file
            of finished runs on tables, which they read, too; ``csv`` for four tables.
        watch: called with how many runs have been read, and how many there are.

    Returns:
        The paths of the files.

    Raises:
        LedgerError: there is no store, or it has no such run, or a bundle cannot hold one.
        HarnessError: a file cannot be written.

    Example:
        >>> import harness
        >>> board = harness.run("random", protocol="toy-quadratic", children=3, seeds=2, progress=False)
        >>> files = harness.export(board)
        >>> [path.name.partition("-toy")[0] for path in files]
        ['random-s0', 'random-s1']
        >>> harness.load(files[0].parent).boards[0].rows == board.rows
        True
    """
    folder = arguments.folder(results)
    named, watch = plain.texts("runs", runs, hint="`harness runs` lists them"), plain.callback("watch", watch)
    check_choice("format", format, FORMATS, error=SettingError)
    place = folder / EXPORT if to is None else plain.path("to", to)
    with Ledger.read(folder) as ledger:
        archives = _read(ledger, _chosen(ledger.rows(), tuple(named), folder), watch)
        if format == "csv":
            return [_written(place / name, content) for name, content in tables(archives).items()]
        if format == "bundle":
            whole = list(archives)
            path = place / f"{folder.resolve().name}{bundle.SUFFIX}"
            _check_replaced(path, {archive.header.identity for archive in whole})
            return [_written(path, bundle.encode(whole))]
        found: list[Path] = []
        names: set[str] = set()
        for archive in archives:
            name = archive.file_name
            if name.lower() in names:  # a shortened or sanitized name can collide with another run's
                name = f"{archive.header.identity}-{name}"
            names.add(name.lower())
            found.append(_written(place / name, encode(archive)))
        return found


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        taken: how many runs were imported.
        held: how many identical runs the store already had.
        refused: why each of the other files was rejected.
    """

    taken: int
    held: int
    refused: tuple[HarnessError, ...]


def import_runs(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    results: ResultsLike,
    *,
    watch: Watch = lambda _done, _total: None,
) -> Imported:
    """Import runs that ``export`` wrote; damaged or invalid files are rejected one by one.

    Args:
        sources: files, or folders of them.
        results: the results folder, which is created if needed.
        watch: called with how many files have been read, and how many there are.

    Returns:
        How many runs were imported, and why the other files were rejected.

    Raises:
        LedgerError: a folder holds no such files.

    Example:
        >>> import harness, tempfile
        >>> board = harness.run("random", protocol="toy-quadratic", children=3, seeds=2, progress=False)
        >>> done = harness.import_runs(harness.export(board), tempfile.mkdtemp())
        >>> done.taken, done.held, done.refused
        (2, 0, ())
    """
    several, watch = plain.paths("sources", sources), plain.callback("watch", watch)
    paths = list(dict.fromkeys(path for source in several for path in files(source)))
    place, taken, held = arguments.folder(results), 0, 0
    refused: list[HarnessError] = []
    ledger: Ledger | None = None  # not created for files that are all rejected
    with ExitStack() as stack:
        for number, path in enumerate(paths, 1):
            try:
                for read in _readers(path):
                    try:
                        archive = read()
                        ledger = ledger or stack.enter_context(Ledger.open(place))
                        fresh = ledger.adopt(archive)
                        taken, held = taken + fresh, held + (not fresh)
                    except HarnessError as error:  # the other runs of a bundle are none the worse
                        refused.append(error)
            except HarnessError as error:
                refused.append(error)
            watch(number, len(paths))
    return Imported(taken, held, tuple(refused))


def export_rule(rule: RuleLike, format: str = "torch", *, name: str = "") -> str:
    """Return the text of a rule for use without this program.

    Args:
        rule: a ``Rule``, infix, tokens, or a name from ``harness ls rules``.
        format: ``torch`` for the source of an optimizer that needs only torch, ``latex`` for a formula, ``dot`` for the
            tree in Graphviz's language, or ``svg`` for a drawing of it.
        name: name of the optimizer's class, for ``torch``.

    Raises:
        RuleSyntaxError: the text is not a rule.
        SettingError: there is no such format, or the name cannot be the name of a class.

    Example:
        >>> import harness
        >>> "class Mine(Optimizer):" in harness.export_rule("g * exp(v)", name="Mine")
        True
    """
    check_choice("format", format, RULE_FORMATS, error=SettingError)
    parsed = arguments.rule(rule)
    name = plain.text("name", name, expected="a text", hint="Write the name of a class, such as Mine")
    if name and format != "torch":
        raise SettingError(message("--name", expected="--format torch with it", got=format, hint="Leave it out"))
    match format:
        case "torch":
            return optimizer_source(parsed, name=name)
        case "latex":
            return notation.equation(parsed)
        case "dot":
            return diagram.dot(parsed)
    return diagram.svg(parsed)


def archives_in(path: Path) -> Iterator[Archive]:
    """The runs of a file: one, or those of a bundle.

    Raises:
        LedgerError: it cannot be read, or is not what we wrote.
    """
    yield from (read() for read in _readers(path))


def _readers(path: Path) -> Iterable[Callable[[], Archive]]:
    """Return what reads each run of a file, each of which may be refused.

    Raises:
        LedgerError: the file as a whole cannot be read, or is not what we wrote.
    """
    if not path.name.endswith(bundle.SUFFIX):
        return [partial(decode, path)]
    return [partial(_checked, path, course) for course in bundle.decode(path)]


def _checked(path: Path, course: bundle.Course) -> Archive:
    archive = course.archive
    check_course(path, archive)
    return archive


def files(source: Path) -> list[Path]:
    """Return a file, or the files of exported runs in a folder.

    Raises:
        LedgerError: the folder has none.
    """
    if not os.path.isdir(source):
        return [source]
    if not (inside := files_in(source)):
        hint = "Name the folder that `harness export` wrote"
        raise LedgerError(message(f"folder {source}", expected=f"*{SUFFIX} files", got="none", hint=hint))
    return inside


def files_in(folder: Path) -> list[Path]:
    """Return the files of exported runs in a folder, by name."""
    endings = (SUFFIX, SUFFIX + COMPRESSED, bundle.SUFFIX)
    return sorted(path for ending in endings for path in folder.glob(f"*{ending}"))


def _chosen(rows: Sequence[RunRow], names: Sequence[str], results: Path) -> list[RunRow]:
    """Return the named runs, or all, in the order in which they began.

    Raises:
        LedgerError: a name is not a run's, or there are no runs.
    """
    if not rows:
        raise LedgerError(message(f"results folder {results}", expected="runs", got="none", hint="Start a run there"))
    known, identities = {row.header.name for row in rows}, {row.identity for row in rows}
    for name in names:
        if name not in identities:
            check_choice("run", name, known, error=LedgerError, hint="`harness runs` lists all")
    return [row for row in rows if not names or {row.header.name, row.identity} & set(names)]


def _read(ledger: Ledger, rows: Sequence[RunRow], watch: Watch) -> Iterator[Archive]:
    for number, row in enumerate(rows, 1):
        yield ledger.archive(row.identity)
        watch(number, len(rows))


def _check_replaced(path: Path, identities: Collection[str]) -> None:
    """Raise if a bundle would take the place of one with other runs: its name is only that of the results folder.

    Raises:
        LedgerError: it would, or what is there is no bundle.
    """
    if not os.path.exists(path):
        return
    lost = [course.run.header.name for course in bundle.decode(path) if course.run.header.identity not in identities]
    if lost:
        hint = "Move that file away, or name another folder with --to"
        got = f"one with {len(lost):,} others, such as {lost[0]}"
        raise LedgerError(message(f"file {path}", expected="no bundle of other runs", got=got, hint=hint))


def _written(path: Path, content: bytes) -> Path:
    write_whole(path, content)
    return path
