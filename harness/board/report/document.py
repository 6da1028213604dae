"""Pure functions that turn records into everything the report shows: its texts, tables and charts, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.board.blackbox.record import Record as Contest
from harness.board.comparison import Comparison
from harness.board.entrants import distinct, entrant, labels
from harness.board.learned.record import Comparison as LearnedComparison
from harness.board.report.answers import Verdict, against_baseline, better, rules_verdict, verdict
from harness.board.report.blackbox import BlackboxSection, blackbox_section
from harness.board.report.colours import Mark, candidate_marks, marks
from harness.board.report.commands import Provenance, confirming, repeating, transferring
from harness.board.report.learned import LearnedSection, learned_section
from harness.board.report.transfers import transfer_verdict
from harness.board.report.usage import Usage, usage
from harness.board.rules.board import ConfirmedRule, RulesBoard
from harness.board.rules.judging import confirmed_by, group_of, rules_boards
from harness.board.searches.board import Board
from harness.board.searches.judging import boards, comparables
from harness.board.tables.truths import truth_of
from harness.board.transfer.board import TransferBoard
from harness.board.transfer.judging import columns, header_of, transfer_boards, transfers
from harness.contracts import Origin, Status
from harness.errors import LedgerError, message
from harness.race.header import ConfirmationHeader, RunHeader, TableHeader, TransferHeader
from harness.race.runs import Judged, RunRecord, RunResults

TOLD = ("commit", "harness", "python", "system", "processor", "cores", "evaluator")
FINDERS_TRACED = 6  # per rule, one run each


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Where a searcher first proposed a confirmed rule.

    Attributes:
        key: the rule's canonical form.
        label: the searcher's name on its board.
        header: header of the run.
        index: index of the proposal.
    """

    key: str
    label: str
    header: RunHeader
    index: int


Lineage = Mapping[tuple[str, int], Origin]
"""Where proposals came from, by the run's identity and the proposal's index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSection:
    """A board of searchers with its evidence.

    Attributes:
        number: its number on ``harness leaderboard``.
        board: the board.
        verdict: its answer.
        baseline: a sentence on who is shown to beat random search.
        usage: what its searches did.
        marks: how each entrant is drawn, by its label.
        provenance: where its runs came from.
    """

    number: int
    board: Board
    verdict: Verdict
    baseline: str
    usage: Usage
    marks: Mapping[str, Mark]
    provenance: tuple[Provenance, ...]

    def of(self, one: str, other: str) -> Comparison:
        """Return the comparison of two searchers, ``one`` minus ``other``."""
        for pair in self.board.comparisons:
            if (pair.first, pair.second) == (one, other):
                return pair
            if (pair.second, pair.first) == (one, other):
                return pair.turned()
        return Comparison(first=one, second=other)

    @staticmethod
    def better(pair: Comparison) -> str:
        """Return the label of the searcher that is shown to be better; empty if neither is."""
        return better(pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A confirmed rule and where it came from.

    Attributes:
        rule: its figures.
        best_known: whether it is the known optimizer that the others are compared with.
        sightings: where searchers first proposed it, each with its origin if the searcher gives one.
    """

    rule: ConfirmedRule
    best_known: bool
    sightings: tuple[tuple[Sighting, Origin | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSection:
    """A board of confirmed rules: its answer, its tables, and a card for each rule."""

    number: int
    board: RulesBoard
    verdict: Verdict
    cards: tuple[Card, ...]
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSection:
    """A board of transfers: its answer, and how each candidate is drawn, by its label."""

    number: int
    board: TransferBoard
    verdict: Verdict
    marks: Mapping[str, Mark]
    provenance: tuple[Provenance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report.

    Attributes:
        searches: boards of searchers.
        rules: boards of confirmed rules.
        transfers: boards of transfers.
        records: the runs that the boards are made of.
        retraced: whether searchers were asked where the rules came from.
        notes: what could not be found out, and why.
        learned: the board of learned optimizers; None without a comparison.
        blackbox: the board of black-box optimizers; None without a contest.
    """

    searches: tuple[SearchSection, ...]
    rules: tuple[RulesSection, ...]
    transfers: tuple[TransferSection, ...]
    records: tuple[Judged, ...]
    retraced: bool
    notes: tuple[str, ...]
    learned: LearnedSection | None = None
    blackbox: BlackboxSection | None = None


def chosen(records: Sequence[Judged], *, board: int | None) -> tuple[Judged, ...]:
    """Return the runs of one board and the confirmations of its rules; all, transfers too, if ``board`` is None.

    Raises:
        LedgerError: no board has that number.
    """
    records = tuple(record for record in records if not isinstance(record.header, TableHeader))
    if board is None:
        return records
    found = list(comparables(records))
    if board > len(found):
        hint = "`harness leaderboard` shows the numbers"
        raise LedgerError(message(f"board {board}", expected=f"a number up to {len(found)}", got=board, hint=hint))
    wanted = found[board - 1]
    own = (record for record in records if not isinstance(record.header, TransferHeader))
    return tuple(record for record in own if wanted == _searched(record))


def _searched(record: Judged) -> str:
    header = record.header
    return header.confirmation.searched if isinstance(header, ConfirmationHeader) else header.comparable


def sightings(records: Sequence[Judged]) -> tuple[Sighting, ...]:
    """Return where each searcher of a board first proposed each confirmed rule: by the fewest proposals, then by seed.

    Only those that a rule's card shows, since each needs a replay of the run up to that proposal.
    """
    found: dict[tuple[str, str, str], Sighting] = {}
    for searched, keys in _confirmed(records).items():
        own = [each for each in records if each.header.searches and each.header.comparable == searched]
        kept, _ = distinct(own)
        named, _ = labels([each.header for each in kept]) if kept else ({}, [])
        for record in sorted(kept, key=lambda each: each.header.seed):
            label, results = named[entrant(record.header)], record.results
            for index, key, status in zip(results.numbers, results.keys, results.statuses, strict=True):
                if key not in keys or status is not Status.OK:
                    continue
                known = found.get((searched, key, label))
                if known is None or index < known.index:
                    found[searched, key, label] = Sighting(key=key, label=label, header=record.header, index=index)
    rules: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for each in sorted(found.values(), key=lambda one: (one.index, one.label)):
        rules[each.header.comparable, each.key].append(each)
    return tuple(each for own in rules.values() for each in own[:FINDERS_TRACED])


def _confirmed(records: Sequence[Judged]) -> dict[str, set[str]]:
    """Return the keys of the confirmed rules, by the searches that nominated them."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if isinstance(record.header, ConfirmationHeader) and record.header.confirmation.searched:
            found[record.header.confirmation.searched].update(record.results.keys)
    return found


def report(
    records: Sequence[Judged],
    *,
    store: Sequence[Judged] | None = None,
    lineage: Lineage | None = None,
    notes: Sequence[str] = (),
    learned: Sequence[LearnedComparison] = (),
    blackbox: Sequence[Contest] = (),
) -> Report:
    """Make the report of some runs.

    Args:
        records: searches, for which results are enough, and confirmations and transfers with full records of their
            children.
        store: all known runs, which number the boards and whose random runs give the references; None for the runs of
            the report alone.
        lineage: where proposals came from; None if no searcher was asked.
        notes: what could not be found out, and why.
        learned: comparisons of learned optimizers.
        blackbox: contests of black-box optimizers.
    """
    records = list(map(_brief, records))
    whole = records if store is None else list(map(_brief, store))
    wanted = {record.header.comparable for record in records if record.header.searches}
    groups = comparables(records)
    judged = enumerate(boards(whole, truths=truth_of), 1)
    numbered = [(number, each) for number, each in judged if each.comparable in wanted]
    confirmations = [
        record for record in records if isinstance(record, RunRecord) and isinstance(record.header, ConfirmationHeader)
    ]
    seen: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for each in sightings(records):
        seen[each.header.comparable, each.key].append(each)
    confirmed = rules_boards(whole, confirmations)
    return Report(
        searches=tuple(_search(number, board, groups[board.comparable]) for number, board in numbered),
        rules=tuple(
            _rules(number, board, confirmations, seen, lineage or {}) for number, board in enumerate(confirmed, 1)
        ),
        transfers=tuple(_transfer(number, board, records) for number, board in enumerate(transfer_boards(records), 1)),
        records=tuple(records),
        retraced=lineage is not None,
        notes=tuple(notes),
        learned=learned_section(learned) if learned else None,
        blackbox=blackbox_section(blackbox) if blackbox else None,
    )


def _brief(record: Judged) -> Judged:
    """Reduce a search to its results: it may have hundreds of thousands of trials."""
    return record if isinstance(record.header, ConfirmationHeader | TransferHeader) else RunResults.of(record)


def _search(number: int, board: Board, records: Sequence[Judged]) -> SearchSection:
    runs, _ = distinct(records)
    named, _ = labels([record.header for record in runs]) if runs else ({}, [])
    return SearchSection(
        number=number,
        board=board,
        verdict=verdict(board),
        baseline=against_baseline(board),
        usage=usage(runs, board.space),
        marks=marks({label: searcher for (searcher, *_), label in named.items()}),
        provenance=_searched_by(runs),
    )


def _searched_by(records: Sequence[Judged]) -> tuple[Provenance, ...]:
    named, _ = labels([record.header for record in records]) if records else ({}, [])
    runs: dict[str, list[Judged]] = defaultdict(list)
    for record in records:
        runs[named[entrant(record.header)]].append(record)
    return tuple(
        _provenance(label, own, command=repeating(own[0].header, [each.header.seed for each in own]))
        for label, own in runs.items()
    )


def _provenance(label: str, records: Sequence[Judged], *, command: str) -> Provenance:
    header = records[0].header
    machine = []
    for name in TOLD:
        texts = dict.fromkeys(each.header.provenance[name] for each in records if name in each.header.provenance)
        if texts:
            machine.append((name, "; ".join(texts)))
    return Provenance(
        label=label,
        version=header.searcher_version if header.searches else 0,
        seeds=tuple(sorted({each.header.seed for each in records})),
        command=command,
        equivalent=_chosen(header),
        environment=tuple(sorted(header.environment.items())),
        machine=tuple(machine),
    )


def _chosen(header: RunHeader) -> bool:
    """Whether other runs decided what a run trains, so that a command of today might choose otherwise."""
    if isinstance(header, TransferHeader):
        return bool(header.transfer.chosen)
    return isinstance(header, ConfirmationHeader) and bool(header.confirmation.searched)


def _transfer(number: int, board: TransferBoard, records: Sequence[Judged]) -> TransferSection:
    own = [record for record in transfers(records) if header_of(record).transfer.chosen == board.chosen]
    told = []
    for column in columns(own):
        longest = max((header_of(run) for run in column.runs), key=lambda each: len(each.transfer.candidates))
        seeds = [run.header.seed for run in column.runs]
        told.append(_provenance(column.label, column.runs, command=transferring(longest, seeds)))
    return TransferSection(
        number=number,
        board=board,
        verdict=transfer_verdict(board),
        marks=candidate_marks([each.label for each in board.entrants]),
        provenance=tuple(told),
    )


def _rules(
    number: int,
    board: RulesBoard,
    confirmations: Sequence[RunRecord],
    seen: Mapping[tuple[str, str], Sequence[Sighting]],
    lineage: Lineage,
) -> RulesSection:
    searched = "" if board.searched is None else board.searched.comparable
    own = [record for record in confirmations if group_of(confirmed_by(record)) == board.group]
    cards = tuple(
        Card(
            rule=rule,
            best_known=rule.key == board.best_known,
            sightings=tuple(
                (each, lineage.get((each.header.identity, each.index))) for each in seen.get((searched, rule.key), ())
            ),
        )
        for rule in board.rules
    )
    longest = max(own, key=lambda each: len(each.results), default=None)
    seeds = [each.header.seed for each in own]
    told = () if longest is None else (_provenance("confirm", own, command=confirming(confirmed_by(longest), seeds)),)
    return RulesSection(number=number, board=board, verdict=rules_verdict(board), cards=cards, provenance=told)
