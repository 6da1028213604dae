"""The tables of the benchmarks, for a terminal and for a Markdown file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from figures import BOUNDS, FIGURES, KINDS, Figure, number, recorded
from judging import ODDS, RATIO, Comparison, Verdict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.files import write_whole

MARK = "<!-- below: written by tests/benchmarks/bench.py -->"
SIGNS = {Verdict.REGRESSION: "bold red", Verdict.FASTER: "green", "FAIL": "bold red", "ok": "green"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table with what is to be said of it.

    Attributes:
        title: its heading.
        columns: headings; those with a leading ``>`` are set right.
        rows: cells, a text each.
        notes: lines below.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


Report = Mapping[str, Any]  # what pytest-benchmark writes, read back


def figures_sheet(reports: Sequence[Report]) -> Sheet:
    """Every figure of every benchmark, with its bounds and whether they hold."""
    rows, held = [], []
    for report in reports:
        for benchmark in report["benchmarks"]:
            for figure in figures_of(benchmark):
                rows.append((short(benchmark["fullname"]), figure.name, number(figure.value), *_judged(figure)))
                held += [figure.holds] if figure.bounded else []
    broken = held.count(False)
    verdict = f"{broken} of {len(held)} bounds broken." if broken else f"All {len(held)} bounds hold."
    title = "Benchmarks"
    return Sheet(
        title, ("benchmark", "figure", ">value", ">bound", ""), tuple(rows), (verdict, *map(steadiness, reports))
    )


def figures_of(benchmark: Report) -> list[Figure]:
    """What a benchmark recorded; where it recorded nothing, its median time."""
    extra = benchmark["extra_info"]
    if any(extra.get(kind) for kind in (*KINDS, BOUNDS)):
        return recorded(extra)
    return [Figure(FIGURES, "milliseconds", 1000 * benchmark["stats"]["median"])]


def _judged(figure: Figure) -> tuple[str, str]:
    if not figure.bounded:
        return ("", "")
    return (figure.bound, "ok" if figure.holds else "FAIL")


def short(fullname: str) -> str:
    """``…/test_child.py::test_step[paper]`` as ``child: step [paper]``."""
    path, _, test = fullname.partition("::")
    name, bracket, case = test.partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{Path(path).stem.removeprefix('test_')}: {words}" + (f" [{case}" if bracket else "")


def steadiness(report: Report) -> str:
    """How evenly the machine ran, by the yardstick between the benchmarks."""
    seconds = report.get("yardsticks", [])
    if len(seconds) < 2:
        return "The machine's steadiness was not measured."
    least, late = min(seconds), quantiles(seconds, n=10, method="inclusive")[-1]
    return (
        f"A fixed piece of work between the benchmarks took {1000 * least:.2f} ms at best; "
        f"of {len(seconds)} times one in ten took {late / least - 1:.0%} longer or more."
    )


def machine(report: Report) -> str:
    """Processor, cores and versions."""
    info = report["machine_info"]
    cpu = info.get("cpu", {})
    name = cpu.get("brand_raw") or info.get("processor") or info.get("machine", "unknown processor")
    system = f"{info.get('system', '')} {info.get('release', '')}".strip()
    return (
        f"{name}, {info.get('cores', '?')} cores; {system}; Python {info['python_version']}, torch {info.get('torch')}"
    )


def comparisons_sheet(comparisons: Sequence[Comparison], *, revision: str, rounds: int) -> Sheet:
    """Both revisions' times, and what is said of each benchmark."""
    rows = tuple(
        (
            short(each.name),
            milliseconds(each.here),
            milliseconds(each.there),
            f"{each.ratio:.2f}" if each.ratio == each.ratio else "",
            f"{each.p:.2g}" if each.ratio == each.ratio else "",
            each.verdict.value,
        )
        for each in sorted(comparisons, key=lambda each: list(Verdict).index(each.verdict))
    )
    notes = (
        f"Milliseconds: median over {rounds} processes of the best in each. p: exact rank test, Holm-corrected.",
        f"A change needs p ≤ {ODDS} and medians more than {RATIO - 1:.0%} apart.",
    )
    columns = ("benchmark", ">this", f">{revision}", ">ratio", ">p", "verdict")
    return Sheet(f"Against {revision}", columns, rows, notes)


def milliseconds(seconds: float) -> str:
    """Three digits; nothing for NaN."""
    return "" if seconds != seconds else f"{1000 * seconds:.3g}"


def show(sheet: Sheet, console: Console) -> None:
    """Print a table, nothing in it read as markup."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in sheet.columns:
        right = column.startswith(">")
        drawn.add_column(Text(column.removeprefix(">")), justify="right" if right else "left", overflow="fold")
    for row in sheet.rows:
        drawn.add_row(*(Text(cell, style=SIGNS.get(cell, ""), overflow="fold") for cell in row))
    console.print(Text(sheet.title, style="bold"))
    console.print(drawn)
    for note in sheet.notes:
        console.print(Text(note))


def markdown(sheet: Sheet) -> str:
    """The table as Markdown."""
    heads = [column.removeprefix(">") for column in sheet.columns]
    rule = ["--:" if column.startswith(">") else "---" for column in sheet.columns]
    lines = [heads, rule, *([cell.replace("|", "\\|") for cell in row] for row in sheet.rows)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    notes = "\n".join(f"- {note}" for note in sheet.notes)
    return f"## {sheet.title}\n\n{table}\n\n{notes}\n"


def write(path: Path, text: str) -> None:
    """Put ``text`` below the mark in a Markdown file; what a person wrote above it stays."""
    write_whole(path, f"{above(path)}{MARK}\n\n{text}".encode())


def above(path: Path) -> str:
    """What a person wrote above the mark; a heading where there is no file yet."""
    return path.read_text(encoding="utf-8").partition(MARK)[0] if path.exists() else "# Benchmarks\n\n"
