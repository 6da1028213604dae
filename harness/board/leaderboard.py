"""Ledger → tables, by pure functions: which runs may be compared, what each searcher earned (protocol §3, law 5)."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.board import statistics
from harness.board.baseline import many_draws
from harness.board.entrants import Entrant, distinct, entrant, labels
from harness.board.tables import Board, Nomination, Row, Unfinished
from harness.contracts import Rule, Status, Trial
from harness.errors import HarnessError
from harness.race.records import RunHeader, RunRecord, RunState

TOP = 10  # best rules shown
PAIRS_NAMED = 3  # overlapping pairs that a note spells out


@dataclass(frozen=True, slots=True)
class _Find:
    """One proposal, with who made it."""

    label: str
    seed: int
    trial: Trial
    key: str


def boards(records: Iterable[RunRecord], *, top: int = TOP, only: str = "") -> tuple[Board, ...]:
    """Sort runs into boards, one for each comparable group, in the order in which the groups were begun.

    Args:
        records: of any stores, in any order.
        top: best rules to list on each board.
        only: a header's ``comparable``, to make that group's board alone; the others' random runs still count for its
            reference. Empty for all.
    """
    records = list(records)
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for record in sorted(
        records, key=lambda each: (each.started, each.header.searcher, each.header.seed, each.header.identity)
    ):
        if only in ("", record.header.comparable):
            groups[record.header.comparable].append(record)
    headers = [group[0].header for group in groups.values()]
    return tuple(
        _board(group, top=top, earlier=headers[:index], store=records) for index, group in enumerate(groups.values())
    )


def _board(
    records: Sequence[RunRecord], *, top: int, earlier: Sequence[RunHeader], store: Sequence[RunRecord]
) -> Board:
    header = records[0].header
    records, notes = distinct(records)
    named, explained = labels([record.header for record in records])
    finished: dict[Entrant, list[RunRecord]] = defaultdict(list)
    finds: dict[Entrant, list[_Find]] = defaultdict(list)
    for record in records:
        who = entrant(record.header)
        finds[who] += (_Find(named[who], record.header.seed, trial, _key(trial.rule)) for trial in record.trials)
        if record.state is RunState.FINISHED:
            finished[who].append(record)
    rows = _placed([_row(named[who], runs, finds[who]) for who, runs in finished.items()])
    unfinished = [
        _unfinished(named[entrant(record.header)], record)
        for record in records
        if record.state is not RunState.FINISHED
    ]
    return Board(
        comparable=header.comparable,
        space=header.space,
        protocol=header.protocol,
        data=header.data,
        fingerprint=header.data_fingerprint,
        budget=header.budget,
        rows=tuple(rows),
        references=many_draws([record.header for record in records], store),
        unfinished=tuple(sorted(unfinished, key=lambda each: (each.label, each.seed))),
        rules=_nominations(list(itertools.chain.from_iterable(finds.values())), top),
        apart=tuple(_difference(header, other, number) for number, other in enumerate(earlier, 1)),
        notes=(*_cautions(rows), *explained, *notes),
    )


def _row(label: str, runs: Sequence[RunRecord], finds: Sequence[_Find]) -> Row:
    runs = sorted(runs, key=lambda each: each.header.seed)
    header = runs[0].header
    seeds = tuple(run.header.seed for run in runs)
    children, chance = header.budget.children, header.protocol.chance
    curves = [statistics.best_so_far(run.trials, children=children, chance=chance) for run in runs]
    areas, finals = [statistics.area(curve) for curve in curves], [float(curve[-1]) for curve in curves]
    trials = [trial for run in runs for trial in run.trials]
    charged = [trial for trial in trials if trial.charged]
    best = _nominations([find for find in finds if find.seed in seeds], 1)
    return Row(
        label=label,
        searcher=header.searcher,
        version=header.searcher_version,
        settings=header.settings,
        asynchronous=header.asynchronous,
        environment=header.environment,
        places=(1, 1),
        seeds=seeds,
        areas=tuple(areas),
        finals=tuple(finals),
        area=statistics.estimate(areas),
        final=statistics.estimate(finals),
        curve=tuple(statistics.median_curve(curves).tolist()),
        best=best[0] if best else None,
        children=len(charged),
        proposals=len(trials),
        duplicates=len(trials) - len(charged),
        diverged=sum(trial.outcome.status is Status.DIVERGED for trial in charged),
        errors=sum(trial.outcome.status is Status.ERROR for trial in charged),
        seconds=sum(run.seconds for run in runs),
    )


def _placed(rows: Sequence[Row]) -> list[Row]:
    """Order rows by mean area, and give each the range of places that the intervals allow (protocol §3)."""
    ordered = sorted(rows, key=lambda each: (-each.area.mean, each.label))
    return [
        replace(
            row,
            places=(
                1 + sum(_above(other, row) for other in ordered),
                len(ordered) - sum(_above(row, other) for other in ordered),
            ),
        )
        for row in ordered
    ]


def _above(one: Row, other: Row) -> bool:
    """Whether one entrant's interval lies clear above another's, over the seeds that both have."""
    common = set(one.seeds) & set(other.seeds)
    if len(common) < 2:
        return False
    mine, theirs = (
        statistics.estimate([value for seed, value in zip(row.seeds, row.areas, strict=True) if seed in common])
        for row in (one, other)
    )
    return mine.above(theirs)


def _cautions(rows: Sequence[Row]) -> list[str]:
    """What forbids reading the order of rows as a ranking."""
    notes = []
    single = [row.label for row in rows if len(row.seeds) == 1]
    if single:
        notes.append(f"One seed gives no interval: run {_listed(single)} on more, as with --seeds 0-4.")
    unsure = [
        f"{one.label} and {other.label}"
        for one, other in itertools.combinations(rows, 2)
        if not _above(one, other) and not _above(other, one)
    ]
    if unsure:
        more = f", and {len(unsure) - PAIRS_NAMED} more pairs" if len(unsure) > PAIRS_NAMED else ""
        notes.append(
            "Not a strict ranking: the 95% intervals do not separate "
            f"{'; '.join(unsure[:PAIRS_NAMED])}{more}, so their order may be luck."
        )
    if len({row.seeds for row in rows}) > 1:
        common = sorted(set.intersection(*(set(row.seeds) for row in rows)))
        told = f"common to all: {', '.join(map(str, common))}" if common else "none is common to all"
        notes.append(
            f"Not all have finished the same seeds ({told}): places compare a pair over its common seeds only."
        )
    return notes


def _unfinished(label: str, record: RunRecord) -> Unfinished:
    charged = [trial.outcome for trial in record.trials if trial.charged]
    return Unfinished(
        run=record.header.name,
        label=label,
        seed=record.header.seed,
        state=record.standing,
        children=len(charged),
        best=max((each.score for each in charged if each.status is Status.OK), default=None),
    )


def _nominations(finds: Sequence[_Find], top: int) -> tuple[Nomination, ...]:
    """The best distinct functions found, each by the first string that earned its best score; failed ones never."""
    by_key: dict[str, list[_Find]] = defaultdict(list)
    for find in finds:
        if find.trial.outcome.status is Status.OK:
            by_key[find.key].append(find)
    ordered = sorted(by_key.values(), key=lambda group: -max(find.trial.outcome.score for find in group))
    return tuple(_nomination(group) for group in ordered[:top])


def _nomination(group: Sequence[_Find]) -> Nomination:
    best = max(group, key=lambda find: find.trial.outcome.score)
    children = {(find.seed, find.trial.outcome.score) for find in group}  # one seed, one child: the rest are its copies
    return Nomination(
        rule=best.trial.rule,
        key=best.key,
        score=best.trial.outcome.score,
        mean=sum(score for _, score in children) / len(children),
        seed=best.seed,
        learning_rate=best.trial.outcome.learning_rate,
        children=len(children),
        found=len(group),
        searchers=tuple(dict.fromkeys(find.label for find in group)),
    )


def _key(rule: Rule) -> str:
    """The rule's key; a string this version of the language cannot read stands for itself."""
    try:
        return rule.key
    except HarnessError:
        return str(rule)


def _difference(header: RunHeader, other: RunHeader, number: int) -> str:
    """Why a board is not merged with an earlier one."""
    facts = {
        "space": (header.space, other.space),
        "protocol": (header.protocol.hash, other.protocol.hash),
        "data": (header.data_fingerprint, other.data_fingerprint),
        "budget": (header.budget, other.budget),
    }
    differing = [name for name, (mine, theirs) in facts.items() if mine != theirs]
    return f"Not ranked with board {number}: another {_listed(differing)}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
