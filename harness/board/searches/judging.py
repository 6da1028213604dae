"""Ledger → tables, by pure functions: which runs may be compared, what each searcher earned (protocol §3, law 5)."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.board import statistics
from harness.board.comparison import Comparison, compare, places, seeds_needed, to_compare
from harness.board.entrants import Entrant, distinct, entrant, hardware, labels, told
from harness.board.searches.baseline import UNIFORM, many_draws
from harness.board.searches.board import Board, Nomination, Row, Unfinished
from harness.board.searches.finals import retrained
from harness.board.searches.regret import Truths, no_truth, regrets
from harness.board.searches.table_draws import from_table
from harness.board.wording import listed
from harness.contracts import Status
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.protocols import targets
from harness.race.runs import Judged, Results, RunState
from harness.race.startup import of_run
from harness.race.store.rows import rule_from
from harness.seeds import derive_seed

TOP = 10  # best rules shown
PAIRS_NAMED = 3  # pairs not separated that a note spells out


@dataclass(frozen=True, slots=True)
class _Found:
    """What one run found."""

    label: str
    seed: int
    results: Results


@dataclass(frozen=True, slots=True)
class _Find:
    """One proposal, with who made it."""

    label: str
    seed: int
    rule: str
    key: str
    status: Status
    score: float
    learning_rate: float | None


def boards(
    records: Iterable[Judged], *, top: int = TOP, only: str = "", truths: Truths = no_truth
) -> tuple[Board, ...]:
    """Sort runs into boards, one for each comparable group, in the order in which the groups were begun.

    Args:
        records: of any stores, in any order; confirmations among them tell what final bests earn on fresh seeds.
        top: best rules to list on each board.
        only: a header's ``comparable``, to make that group's board alone; the others' random runs still count for its
            reference. Empty for all.
        truths: what is known of the tables that runs searched, as ``board.tables.truths.truth_of`` reads it. Without,
            boards have no regret.
    """
    records = list(records)
    confirmations = [record for record in records if isinstance(record.header, ConfirmationHeader)]
    searches = [record for record in records if record.header.searches]
    groups = [group for comparable, group in comparables(searches).items() if only in ("", comparable)]
    headers = [group[0].header for group in groups]
    return tuple(
        _board(group, top=top, earlier=headers[:index], store=searches, confirmations=confirmations, truths=truths)
        for index, group in enumerate(groups)
    )


def comparables(records: Iterable[Judged]) -> dict[str, list[Judged]]:
    """The searches of each comparable group, one board each, in the order in which the groups were begun."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for record in sorted(
        (record for record in records if record.header.searches),
        key=lambda each: (each.started, each.header.searcher, each.header.seed, each.header.identity),
    ):
        groups[record.header.comparable].append(record)
    return groups


def _board(
    records: Sequence[Judged],
    *,
    top: int,
    earlier: Sequence[RunHeader],
    store: Sequence[Judged],
    confirmations: Sequence[Judged],
    truths: Truths,
) -> Board:
    header = records[0].header
    records, notes = distinct(records)
    named, explained = labels([record.header for record in records])
    finished: dict[Entrant, list[Judged]] = defaultdict(list)
    found: dict[Entrant, list[_Found]] = defaultdict(list)
    for record in records:
        who = entrant(record.header)
        found[who].append(_Found(named[who], record.header.seed, record.results))
        if record.state is RunState.FINISHED:
            finished[who].append(record)
    rows, comparisons = _compared([_row(named[who], runs) for who, runs in finished.items()])
    known = regrets(header.protocol, rows, {named[who]: runs for who, runs in finished.items()}, truths)
    searched = {row.label for row in rows if row.searched}  # the others have no place, here neither
    searches = {named[who]: runs for who, runs in finished.items() if named[who] in searched}
    unfinished = [
        _unfinished(named[entrant(record.header)], record)
        for record in records
        if record.state is not RunState.FINISHED
    ]
    if known.truth is None:
        references = many_draws([record.header for record in records], store)
    else:
        references = (from_table(known.truth, header.budget, header.protocol.chance),)
    return Board(
        comparable=header.comparable,
        space=header.space,
        protocol=header.protocol,
        data=header.data,
        fingerprint=header.data_fingerprint,
        budget=header.budget,
        commits=told(records, "commit"),
        hardware=hardware(records),
        rows=known.rows,
        comparisons=comparisons,
        retrained=retrained(searches, header, confirmations),
        references=references,
        unfinished=tuple(sorted(unfinished, key=lambda each: (each.label, each.seed))),
        rules=_nominations(list(itertools.chain.from_iterable(found.values())), top),
        apart=tuple(_difference(header, other, number) for number, other in enumerate(earlier, 1)),
        notes=(*_cautions(rows, comparisons), *explained, *notes, *known.notes),
        truth=known.truth,
        regrets=known.comparisons,
    )


def _row(label: str, runs: Sequence[Judged]) -> Row:
    runs = sorted(runs, key=lambda each: each.header.seed)
    header = runs[0].header
    seeds = tuple(run.header.seed for run in runs)
    children, chance = header.budget.children, header.protocol.chance
    results = [run.results for run in runs]
    curves = [statistics.best_so_far(each.charged_scores, children=children, chance=chance) for each in results]
    areas, finals = [statistics.area(curve) for curve in curves], [float(curve[-1]) for curve in curves]
    low, high = statistics.quartile_curves(curves)
    proposals = sum(map(len, results))
    ended = Counter(status for each in results for status in each.charged_statuses)
    best = _nominations([_Found(label, *each) for each in zip(seeds, results, strict=True)], 1)
    startup, longest = of_run(header), max(len(each.charged_scores) for each in results)
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
        area=statistics.bootstrapped(areas, seed=derive_seed(0, "board", "area")),
        final=statistics.bootstrapped(finals, seed=derive_seed(0, "board", "final")),
        curve=tuple(statistics.median_curve(curves).tolist()),
        band=(tuple(low.tolist()), tuple(high.tolist())),
        reached=tuple(statistics.reached(curves, target=each) for each in targets(header.protocol)),
        against_random=None,
        best=best[0] if best else None,
        children=ended.total(),
        startup=startup,
        searched=not startup or startup < longest,
        proposals=proposals,
        duplicates=proposals - ended.total(),
        diverged=ended[Status.DIVERGED],
        errors=ended[Status.ERROR],
        seconds=sum(run.seconds for run in runs),
    )


def _compared(rows: Sequence[Row]) -> tuple[list[Row], tuple[Comparison, ...]]:
    """Order rows by mean area, compare every two, and give each the range of places that is left open."""
    ordered = sorted(rows, key=lambda each: (-each.area.mean, each.label))
    figures = {row.label: dict(zip(row.seeds, row.areas, strict=True)) for row in ordered}
    found = compare(figures, seed=derive_seed(0, "board", "pairs"))
    among = {(each.first, each.second): each for both in found for each in (both, both.turned())}
    searched = [row.label for row in ordered if row.searched]
    between = [each for each in found if {each.first, each.second} <= set(searched)]
    ranges = places(tuple(figures), found) | places(searched, between)
    placed = []
    for row in ordered:
        rival = _random(row, ordered)
        against = among[row.label, rival.label] if rival else None
        placed.append(replace(row, places=ranges[row.label], against_random=against))
    return placed, found


def _random(row: Row, rows: Sequence[Row]) -> Row | None:
    """The random search that a row is held against: of its own environment, with the most seeds in common."""
    rivals = [
        other
        for other in rows
        if other.searcher == UNIFORM and row.searcher != UNIFORM and other.environment == row.environment
    ]
    return max(rivals, key=lambda each: (len(set(each.seeds) & set(row.seeds)), each.version), default=None)


def _cautions(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> list[str]:
    """What forbids reading the order of rows as a ranking."""
    notes = []
    idle = [row.label for row in rows if not row.searched]
    if idle:
        one = len(idle) == 1
        notes.append(
            f"No search: all children of {listed(idle)} were start-up draws, which no result had decided, so "
            f"{'it has no place' if one else 'they have no places'}. Raise --children, or lower the settings that "
            f"`harness ls searchers` says {'it begins' if one else 'they begin'} with."
        )
    needed = seeds_needed(len(rows))
    few = [row.label for row in rows if row.area.low is None]
    if few:
        notes.append(f"One seed or two give no interval: run {listed(few)} on more, as with --seeds 0-{needed - 1}.")
    if any(each.pairs < needed for each in comparisons):
        notes.append(
            f"Underpowered: {to_compare(len(rows))}; with fewer a difference can go unseen, however large. Run all on "
            f"as many, as with --seeds 0-{needed - 1}."
        )
    unsure = [f"{each.first} and {each.second}" for each in comparisons if each.verdict == "not separated"]
    if unsure:
        more = f", and {len(unsure) - PAIRS_NAMED} more pairs" if len(unsure) > PAIRS_NAMED else ""
        notes.append(
            f"Not a strict ranking: the test does not separate {'; '.join(unsure[:PAIRS_NAMED])}{more}, "
            "so their order may be luck."
        )
    if len({row.seeds for row in rows}) > 1:
        common = sorted(set.intersection(*(set(row.seeds) for row in rows)))
        told = f"common to all: {', '.join(map(str, common))}" if common else "none is common to all"
        notes.append(
            f"Not all have finished the same seeds ({told}): places compare a pair over its common seeds only."
        )
    return notes


def _unfinished(label: str, record: Judged) -> Unfinished:
    scores, statuses = record.results.charged_scores, record.results.charged_statuses
    return Unfinished(
        run=record.header.name,
        label=label,
        seed=record.header.seed,
        state=record.standing,
        children=len(scores),
        best=max((score for score, status in zip(scores, statuses, strict=True) if status is Status.OK), default=None),
    )


def _nominations(found: Sequence[_Found], top: int) -> tuple[Nomination, ...]:
    """The best distinct functions found, each by the first string that earned its best score; none that only failed."""
    best: dict[str, float] = {}
    for each in found:
        for key, score, status in zip(each.results.keys, each.results.scores, each.results.statuses, strict=True):
            if status is Status.OK and score > best.get(key, -math.inf):
                best[key] = score
    groups: dict[str, list[_Find]] = {key: [] for key in sorted(best, key=lambda key: -best[key])[:top]}
    for each in found:
        results = each.results
        for place, key in enumerate(results.keys):
            if key in groups:
                status, score, rate = results.statuses[place], results.scores[place], results.learning_rates[place]
                groups[key].append(_Find(each.label, each.seed, results.rules[place], key, status, score, rate))
    return tuple(map(_nomination, groups.values()))


def _nomination(group: Sequence[_Find]) -> Nomination:
    best = max((find for find in group if find.status is Status.OK), key=lambda find: find.score)
    children = {(find.seed, find.score) for find in group}  # one seed, one child: the rest are its copies
    return Nomination(
        rule=rule_from(best.rule),
        key=best.key,
        score=best.score,
        mean=sum(score for _, score in children) / len(children),
        seed=best.seed,
        learning_rate=best.learning_rate,
        children=len(children),
        found=len(group),
        searchers=tuple(dict.fromkeys(find.label for find in group)),
    )


def _difference(header: RunHeader, other: RunHeader, number: int) -> str:
    """Why a board is not merged with an earlier one."""
    facts = {
        "space": (header.space, other.space),
        "protocol": (header.protocol.hash, other.protocol.hash),
        "data": (header.data_fingerprint, other.data_fingerprint),
        "budget": (header.budget, other.budget),
    }
    differing = [name for name, (mine, theirs) in facts.items() if mine != theirs]
    return f"Not ranked with board {number}: another {listed(differing)}."
