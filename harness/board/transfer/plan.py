"""What a transfer trains on what: candidates named by hand or the best confirmed rules, and workloads by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.board.rules.board import RulesBoard
from harness.board.rules.judging import rules_boards
from harness.contracts import Candidate, Dataset, Rule, TaskProtocol
from harness.errors import HarnessError, LedgerError, ProtocolError, RegistryError, check_choice, message
from harness.race.header import Funnel
from harness.race.protocols import named
from harness.race.store.ledger import Ledger
from harness.registry import Kind, entries
from harness.space.grammar import Space

MINI = "-mini"  # the end of the names of protocols that fit one core
ALL = "all"
TOP = "the top {top} confirmed rules by mean validation score on fresh seeds"  # test scores choose nothing
BY_HAND = "{count} named by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload with its data.

    Attributes:
        name: its name without the size.
        protocol: what its children train by, in one of its sizes.
        data: registry name of the data set, or the data set itself.
        root: the folder that holds it, or None.
    """

    name: str
    protocol: TaskProtocol
    data: str | Dataset = "auto"
    root: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a transfer trains.

    Attributes:
        candidates: all different functions, in the order of training.
        space: a space that holds their words.
        workloads: what they train on.
        seeds: one run each, for every workload.
        chosen: how the candidates were chosen; empty if all were named by hand.
        funnel: how candidates are given up on the way; None to train all to the end.
    """

    candidates: tuple[Candidate, ...]
    space: Space
    workloads: tuple[Workload, ...]
    seeds: tuple[int, ...]
    chosen: str = ""
    funnel: Funnel | None = None


def sized(names: Sequence[str], *, mini: bool) -> dict[str, TaskProtocol]:
    """Return the protocols of workloads by the workloads' names.

    Args:
        names: names without ``-mini``; ``all`` are all that are registered. Any other protocol that trains children can
            be named, too, also as ``module:attribute``.
        mini: whether to take the small size; a workload without one has one size.

    Raises:
        RegistryError: no workload has that name.
        ProtocolError: it does not train, or has no full size.
    """
    chosen = [each for name in names for each in (every(mini=mini) if name == ALL else [name])]
    if not chosen:
        hint = "Name some, such as wrn,lm; `harness ls protocols` lists them"
        raise ProtocolError(message("workloads", expected="at least one", got="none", hint=hint))
    return {name: _sized(name, mini=mini) for name in chosen}


def _sized(name: str, *, mini: bool) -> TaskProtocol:
    registered, small = entries(Kind.PROTOCOL), name + MINI
    what = f"workload {name!r}"
    if name.endswith(MINI):
        base = name.removesuffix(MINI)
        hint = f"Write {base}; --mini is the default and --full the other size"
        raise ProtocolError(message(what, expected=f"a name without {MINI}", got=name, hint=hint))
    if not mini and name not in registered and small in registered:
        raise ProtocolError(message(what, expected="a full size", got=f"only {small}", hint="Leave --full out"))
    if ":" not in name and name not in registered and small not in registered:
        hint = f"Choose some of these, or {ALL}, or name a protocol"
        check_choice("workload", name, every(mini=mini), error=RegistryError, hint=hint)
    protocol = named(small if mini and small in registered else name)
    if protocol.tabled:
        got, hint = "one that looks outcomes up", "Choose another workload"
        raise ProtocolError(message(what, expected="one that trains children", got=got, hint=hint))
    return protocol


def every(*, mini: bool) -> list[str]:
    """Return the names of all registered workloads that have that size, or one size only.

    Workloads are the protocols with a horizon, over which decays go to their end.
    """
    registered, found = entries(Kind.PROTOCOL), dict[str, None]()
    for name in registered:
        base = name.removesuffix(MINI)
        if not mini and base not in registered:
            continue
        with suppress(HarnessError):  # one that cannot be loaded must not hide the others
            if hasattr(named(name), "horizon"):
                found[base] = None
    return list(found)


def best_confirmed(ledger: Ledger, *, top: int, board: int | None) -> list[Rule]:
    """Return the best rules of a board of confirmed rules, known optimizers left out, the best first.

    They are ranked by their mean validation score on fresh seeds: test scores play no part in any choice.

    Args:
        ledger: where the rules were confirmed.
        top: how many rules to take.
        board: number of the rules' board; None if there is only one.

    Raises:
        LedgerError: there is no such board, or no such rule on it.
    """
    chosen = _board(rules_boards(ledger.results(), ledger.confirmations()), board)
    rules = [each for each in chosen.rules if not each.known and isinstance(each.rule, Rule)]
    if not rules:
        hint = "Confirm some first with `harness confirm`, or name candidates by hand"
        got = "only known optimizers" if chosen.rules else "none on a finished seed"
        raise LedgerError(message("confirmed rules", expected="at least one that was found", got=got, hint=hint))
    ranked = sorted(rules, key=lambda each: (-each.validation.mean, each.key))
    return [each.rule for each in ranked[:top] if isinstance(each.rule, Rule)]


def _board(found: Sequence[RulesBoard], number: int | None) -> RulesBoard:
    what = "confirmed rules" if number is None else f"confirmed rules on board {number}"
    if number is not None and 1 <= number <= len(found):
        return found[number - 1]
    if number is not None or not found:
        got = f"only boards 1 to {len(found)}" if found else "none"
        hint = "Confirm some with `harness confirm`, or name candidates by hand"
        raise LedgerError(message(what, expected="a board of them in the ledger", got=got, hint=hint))
    if len(found) > 1:
        told = "; ".join(
            f"{place} is {each.protocol.name}, {len(each.rules)} rules ({each.nominated or 'named by hand'})"
            for place, each in enumerate(found, 1)
        )
        hint = f"Choose with --board: {told}"
        raise LedgerError(message(what, expected="a single board", got=f"{len(found)} boards", hint=hint))
    return found[0]


def way(*, top: int, by_hand: int) -> str:
    """Say how the candidates were chosen, as headers do; empty if all were named by hand."""
    ways = [TOP.format(top=top)] * (top > 0) + [BY_HAND.format(count=by_hand)] * (by_hand > 0)
    return "; ".join(ways) if top else ""


def distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates, each function once and by its first string."""
    found: dict[str, Candidate] = {}
    for each in candidates:
        found.setdefault(each.key, each)
    return tuple(found.values())
