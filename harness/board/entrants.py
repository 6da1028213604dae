"""Entrants: which runs are evidence for one entrant, and what to call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.contracts import CPU
from harness.race.header import RunHeader
from harness.race.runs import Judged, RunState
from harness.settings import Value

Environment = tuple[tuple[str, str], ...]
Entrant = tuple[str, int, tuple[tuple[str, Value], ...], bool, Environment]


def entrant(header: RunHeader) -> Entrant:
    """Return what runs must share to be pooled: another version, setting or environment is another entrant."""
    settings = tuple(sorted(header.settings.items()))
    environment = tuple(sorted(header.environment.items()))
    return (header.searcher, header.searcher_version, settings, header.asynchronous, environment)


def distinct(records: Sequence[Judged]) -> tuple[list[Judged], list[str]]:
    """Keep one copy of each run, the finished or else the longest one, since a store and its own export hold two.

    Returns:
        The copies kept, in the order given, and a note for each one dropped.
    """
    kept: dict[tuple[Entrant, int], int] = {}
    notes = []
    for index, record in enumerate(records):
        slot = (entrant(record.header), record.header.seed)
        if slot in kept:
            notes.append(f"{record.header.name} occurs more than once; its most complete copy is counted.")
        if slot not in kept or _completeness(record) > _completeness(records[kept[slot]]):
            kept[slot] = index
    return [records[index] for index in sorted(kept.values())], notes


def labels(headers: Sequence[RunHeader]) -> tuple[dict[Entrant, str], list[str]]:
    """Name each entrant by its searcher and by what distinguishes it from other entrants of that searcher.

    Returns:
        A name for each entrant, all different, and notes that explain the names.
    """
    entrants = list(dict.fromkeys(entrant(header) for header in headers))
    marks = environment_marks(headers)
    named: dict[Entrant, str] = {}
    notes = []
    for each in entrants:
        searcher, version, settings, asynchronous, environment = each
        namesakes = [other for other in entrants if other[0] == searcher]
        label = _short(searcher, entrants)
        if len({other[1] for other in namesakes}) > 1:
            label += f" v{version}"
        if len({other[2] for other in namesakes}) > 1:
            common = set.intersection(*(set(other[2]) for other in namesakes))
            telling = ", ".join(f"{name}={value}" for name, value in settings if (name, value) not in common)
            label += f" ({telling or 'defaults'})"
        if asynchronous:
            label += " async"
            notes.append(f"{label} was told results as they finished, so its runs cannot be repeated exactly.")
        label += marks[environment]
        if settings:
            notes.append(f"Settings of {label}: {', '.join(f'{name}={value}' for name, value in settings)}.")
        named[each] = label
    return named, [*notes, *_not_pooled(entrants, [dict(each) for each in marks])]


def environment_marks(headers: Sequence[RunHeader]) -> dict[Environment, str]:
    """Return the suffix that marks each environment in a name; empty if there is only one environment."""
    environments = list(dict.fromkeys(entrant(header)[4] for header in headers))
    if len(environments) == 1:
        return {environments[0]: ""}
    return {each: f" [env {_letter(index)}]" for index, each in enumerate(environments)}


def told(records: Sequence[Judged], name: str) -> tuple[str, ...]:
    """Return the distinct values that the runs' provenance holds under a name."""
    return tuple(dict.fromkeys(record.header.provenance.get(name, "unknown") for record in records))


def hardware(records: Sequence[Judged]) -> tuple[str, ...]:
    """Return the distinct processors or GPUs on which the runs' children trained."""
    found = []
    for record in records:
        device = record.header.environment.get("device", CPU)
        found.append(record.header.provenance.get("processor", "unknown") if device == CPU else device)
    return tuple(dict.fromkeys(found))


def _not_pooled(entrants: Sequence[Entrant], environments: Sequence[Mapping[str, str]]) -> list[str]:
    notes = []
    for searcher in dict.fromkeys(each[0] for each in entrants):
        versions = sorted({each[1] for each in entrants if each[0] == searcher})
        if len(versions) > 1:
            told = " and ".join(f"v{version}" for version in versions)
            notes.append(f"Runs of {searcher} {told} are not pooled: its proposals differ between versions.")
    if len(environments) > 1:
        notes.append(
            "Runs of different environments are not pooled, for their scores may differ by more than luck: "
            + differing(environments)
        )
    return notes


def differing(environments: Sequence[Mapping[str, str]]) -> str:
    """Say in what environments differ, each by its letter."""
    names = sorted({name for each in environments for name in each})
    unlike = [name for name in names if len({each.get(name) for each in environments}) > 1]
    told = (
        f"env {_letter(index)} has " + ", ".join(f"{name} {each.get(name, '(not recorded)')}" for name in unlike)
        for index, each in enumerate(environments)
    )
    return "; ".join(told) + "."


def _short(searcher: str, entrants: Sequence[Entrant]) -> str:
    """Shorten ``module:attribute`` to its attribute, as in the names of runs, unless two searchers share it."""
    last = searcher.rpartition(":")[2]
    shared = any(other[0] != searcher and other[0].rpartition(":")[2] == last for other in entrants)
    return last if last.isidentifier() and not shared else searcher


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def _completeness(record: Judged) -> tuple[bool, int]:
    return (record.state is RunState.FINISHED, len(record.results))
