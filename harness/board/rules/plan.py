"""Which rules a confirmation retrains, and how: chosen from finished searches, or named by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.board.rules.known import to_confirm
from harness.board.rules.nominating import nominations, way
from harness.board.searches.board import Board
from harness.board.searches.judging import boards
from harness.contracts import Candidate, Dataset, Rule, TaskProtocol
from harness.errors import LedgerError, ProtocolError, message
from harness.race.protocols import REFERENCE, named
from harness.race.runs import RunResults
from harness.race.store.ledger import Ledger
from harness.registry import Kind, entries
from harness.space.grammar import Space
from harness.space.vocabulary import ARXIV2, edition_with

UNSEARCHED_PROTOCOL, UNSEARCHED_DATA = "quick", "auto"  # for rules that no search found


@dataclass(frozen=True, slots=True)
class Plan:
    """What to retrain, and how.

    Attributes:
        rules: the known optimizers first; those named by hand can be other candidates than rules.
        searched: the searchers' board that they come from; None if no search found them.
        space: the space that was searched, or the whole language.
        protocol: how rules are retrained.
        data: registry name of the data set, or the data set itself.
        as_searched: whether that must be exactly the data set that was searched on.
        nominated: how the rules were chosen; empty if all were named by hand.
        reference: the text of ``--protocol`` if that is not the protocol's own name.
    """

    rules: tuple[Candidate, ...]
    searched: Board | None
    space: Space
    protocol: TaskProtocol
    data: str | Dataset
    as_searched: bool = False
    nominated: str = ""
    reference: str = ""


def planned(
    ledger: Ledger,
    own: Sequence[Candidate] = (),
    *,
    top: int = 0,
    finals: bool = False,
    board: int | None = None,
    unfinished: bool = False,
    protocol: TaskProtocol | None = None,
    reference: str = "",
    data: str | Dataset | None = None,
) -> Plan:
    """Choose the rules.

    Args:
        ledger: the ledger that holds the searches.
        own: candidates named by hand.
        top: how many of the best rules of each searcher to take.
        finals: whether to take the final best of every run.
        board: number of the searchers' board that nominates, and whose protocol and data are used; None if there is
            only one.
        unfinished: whether unfinished runs nominate, too.
        protocol: how rules are retrained; None for the protocol of the searches.
        reference: the text of ``--protocol`` if that is not the protocol's own name.
        data: registry name of the data set, or the data set itself; None for the data of the searches.

    Raises:
        LedgerError: the store has no searches to nominate rules, or several groups of them and none was chosen.
        ProtocolError: the protocol of the searches has changed since, or is not registered here.
    """
    if not (top or finals):
        rules = to_confirm(own)
        if board is not None:  # nominates nothing, but says how to retrain
            records = ledger.results()
            raced = _searched(records, board=board, unfinished=True)
            protocol, data = protocol or _searched_protocol(records, raced), data or raced.data
        scoring = protocol or named(UNSEARCHED_PROTOCOL)
        return Plan(rules, None, whole_language(rules), scoring, data or UNSEARCHED_DATA, reference=reference)
    records = ledger.results()
    searched = _searched(records, board=board, unfinished=unfinished)
    nominated = nominations(records, searched, top=top, finals=finals, unfinished=unfinished)
    if not nominated:
        what = f"rules to confirm on board {board or 1}"
        hint = "Search for longer, or name rules with --rule"
        raise LedgerError(message(what, expected="a search that found one", got="children that all failed", hint=hint))
    scoring = protocol or _searched_protocol(records, searched)
    return Plan(
        to_confirm([*(each.rule for each in nominated), *own]),
        searched,
        searched.space,
        scoring,
        data or searched.data,
        as_searched=data is None and scoring.inputs == searched.protocol.inputs,
        nominated=way(top=top, finals=finals, unfinished=unfinished, by_hand=len(own)),
        reference=reference,
    )


def whole_language(candidates: Iterable[Candidate]) -> Space:
    """Return the largest space of an edition that has the words of all rules among the candidates."""
    words = (word for each in candidates if isinstance(each, Rule) for word in each.tokens)
    edition = edition_with(words, least=ARXIV2)
    return Space.of(edition.name, blocks=4, distinct_operands=False, last_not_add=False, connected=False)


def _searched(records: Sequence[RunResults], *, board: int | None, unfinished: bool) -> Board:
    """Return the searchers' board whose rules to confirm: the one asked for, or the only one with runs that count.

    Raises:
        LedgerError: there is none, or there are several and none was chosen.
    """
    found = boards(records, top=0)
    counting = [(number, each) for number, each in enumerate(found, 1) if each.rows or unfinished]
    if board is not None:
        counting = [(number, each) for number, each in counting if number == board]
    what = "searches to confirm" if board is None else f"searches to confirm on board {board}"
    if not counting:
        asked = found if board is None else found[board - 1 : board]
        got = f"{sum(len(each.unfinished) for each in asked)} unfinished" if asked else "none"
        if board is not None and found and not asked:
            got = f"only boards 1 to {len(found)}"
        hint = "Let one finish, use unfinished ones with --unfinished, or name rules with --rule"
        raise LedgerError(message(what, expected="finished ones in the ledger", got=got, hint=hint))
    if len(counting) > 1:
        told = "; ".join(f"{number} is {_described(each)}" for number, each in counting)
        hint = f"Choose with --board: {told}"
        raise LedgerError(message(what, expected="a single board", got=f"{len(counting)} boards", hint=hint))
    return counting[0][1]


def _searched_protocol(records: Sequence[RunResults], searched: Board) -> TaskProtocol:
    """Return the protocol that scored the searches, as it is today.

    Raises:
        ProtocolError: it has changed since, or it is not registered: code that a record names is not imported unasked.
    """
    name = searched.protocol.name
    if name not in entries(Kind.PROTOCOL):
        alike = (record.header for record in records if record.header.comparable == searched.comparable)
        own = next((header.provenance[REFERENCE] for header in alike if REFERENCE in header.provenance), "")
        hint = f"Name it as the searches did, with --protocol {own}" if own else "Name it by --protocol"
        what = "protocol of the searches"
        raise ProtocolError(message(what, expected="one that is registered here", got=repr(name), hint=hint))
    protocol = named(name)
    if protocol.hash != searched.protocol.hash:
        raise ProtocolError(
            message(
                f"protocol {protocol.name}",
                expected=f"v{searched.protocol.version} ({searched.protocol.hash}), by which the searches were scored",
                got=f"v{protocol.version} ({protocol.hash})",
                hint="Use the version of this program that searched, or choose a protocol with --protocol",
            )
        )
    return protocol


def _described(board: Board) -> str:
    space, protocol = board.space, board.protocol
    return (
        f"{space.edition} n={space.blocks}, {protocol.name} v{protocol.version}, {board.data}, "
        f"{board.budget.children} children"
    )
