"""Each board's answer in one sentence, which claims no more than the tests have shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.comparison import LEVEL, Comparison, seeds_needed, to_compare
from harness.board.rules.board import ConfirmedRule, RulesBoard
from harness.board.searches.board import Board, Row
from harness.board.statistics import LEAST_PAIRS
from harness.board.wording import listed, plain

RULES_NAMED = 3  # how many rules with too few seeds a sentence names


@dataclass(frozen=True, slots=True)
class Verdict:
    """A board's answer.

    Attributes:
        answer: one sentence.
        because: the evidence for it, in a sentence or two.
    """

    answer: str
    because: str


def better(pair: Comparison) -> str:
    """Return the label of the entrant that is shown to be better; empty if neither is."""
    if not pair.different or pair.test is None:
        return ""
    return pair.first if pair.test.difference.mean > 0 else pair.second


def verdict(board: Board) -> Verdict:
    """Say which search works, and how sure that is. Unfinished runs and runs that never searched do not count."""
    idle = [row.label for row in board.rows if not row.searched]
    if not idle:
        return _verdict(board, board.rows, board.comparisons)
    never = (
        f"All children of {listed(idle)} were start-up draws, so "
        f"{'it does' if len(idle) == 1 else 'they do'} not count as search."
    )
    rows = tuple(row for row in board.rows if row.searched)
    if not rows:
        return Verdict("No search went beyond its start-up draws.", f"{never} More children are needed.")
    pairs = tuple(each for each in board.comparisons if not {each.first, each.second} & set(idle))
    found = _verdict(board, rows, pairs)
    return Verdict(found.answer, f"{found.because} {never}")


def _verdict(board: Board, rows: Sequence[Row], comparisons: Sequence[Comparison]) -> Verdict:
    """Return the answer from some of a board's rows and the comparisons among them."""
    if not rows:
        count = len(board.unfinished)
        return Verdict(
            "No search has finished yet.",
            f"{count} {'run is' if count == 1 else 'runs are'} unfinished and not ranked.",
        )
    highest = rows[0]
    first = next((row for row in rows if row.places == (1, 1)), highest)
    figure = f"{plain(first.label)} has {'the highest' if first is highest else 'a'} mean area, {_told(first)}"
    if len(rows) == 1:
        return Verdict(
            f"Only {plain(first.label)} has finished, so there is nothing to compare.", f"Its area is {_told(first)}."
        )
    own = [pair for pair in comparisons if first.label in (pair.first, pair.second)]
    behind = [_other(pair, first.label) for pair in own if better(pair) == first.label]
    level = [_other(pair, first.label) for pair in own if not better(pair)]
    ahead = [_other(pair, first.label) for pair in own if better(pair) not in ("", first.label)]
    unlike = ""
    if len({row.seeds for row in rows}) > 1:
        unlike = " Not all have finished the same seeds; two searchers are compared over the seeds that both have."
    if len(behind) == len(own):
        return Verdict(
            f"{plain(first.label)} works best here.", f"{figure}, significantly ahead of every other searcher.{unlike}"
        )
    few = any(pair.pairs < seeds_needed(len(board.rows)) for pair in board.comparisons)
    more = f" {to_compare(len(board.rows)).capitalize()}." if few else ""
    if all(pair.verdict == "underpowered" for pair in comparisons):
        return Verdict("Underpowered: too few seeds to say which search works.", f"{figure}.{more}{unlike}")
    if ahead:
        figure += f", but over shared seeds {listed(ahead)} {'is' if len(ahead) == 1 else 'are'} shown to be better"
    elif behind:
        return Verdict(
            f"{plain(first.label)} leads, but not alone.",
            f"{figure}, significantly ahead of {listed(behind)}. Not separated from it: {listed(level)}.{unlike}",
        )
    shown, count = sum(bool(better(pair)) for pair in comparisons), len(comparisons)
    told = f"{shown} of {count} pairs {'differs' if shown == 1 else 'differ'}" if shown else "no pair differs"
    return Verdict("No searcher is shown to be the best.", f"{figure}; {told} significantly.{more}{unlike}")


def against_baseline(board: Board) -> str:
    """Say who is shown to beat random search in its own environment; empty if random search did not run there."""
    own = [row.against_random for row in board.rows if row.against_random is not None and row.searched]
    rivals = list(dict.fromkeys(pair.second for pair in own))
    if not rivals:
        return ""
    name = f"{plain(rivals[0])} search" if len(rivals) == 1 else "the random search of its own environment"
    ahead = [pair.first for pair in own if better(pair) == pair.first]
    worse = [pair.first for pair in own if better(pair) == pair.second]
    parts = [f"Shown to beat {name}: {listed(ahead)}." if ahead else f"None is shown to beat {name}."]
    if worse:
        parts.append(f"Shown to be worse than {name}: {listed(worse)}.")
    return " ".join(parts)


def rules_verdict(board: RulesBoard) -> Verdict:
    """Say whether any rule beats the best known optimizer on fresh seeds, and how sure that is."""
    if not board.rules:
        return Verdict("No rule is confirmed yet.", "No seed has finished yet.")
    reference = next((rule for rule in board.rules if rule.key == board.best_known), None)
    first = board.rules[0]
    earned = f"{first.figure.mean:.3f}, over {first.figure.count} seeds"
    top = f"The highest mean {board.figure} is that of {_rule_name(first)}, {earned}"
    if reference is None:
        return Verdict("No known optimizer to compare with.", f"{top}.")
    others = [rule for rule in board.rules if not rule.known]
    if not others:
        return Verdict("Only known optimizers were confirmed.", f"{top}.")
    beating = [
        rule for rule in others if rule.paired and rule.paired.adjusted <= LEVEL and rule.paired.difference.mean > 0
    ]
    against = f"the best known optimizer here, {reference.known or reference.infix}, earns {reference.figure.mean:.3f}"
    if beating:
        count = f"{len(beating)} of {len(others)} other rules"
        return Verdict(
            f"{count} {'beats' if len(beating) == 1 else 'beat'} the best known optimizer.",
            f"{top}; {against}.{_short(others)}",
        )
    most = max(0 if rule.paired is None else len(rule.paired.seeds) for rule in others)
    many = f" {board.to_compare.capitalize()}." if most < board.seeds_needed else ""
    if most < LEAST_PAIRS:
        return Verdict(
            "Underpowered: too few fresh seeds to say.",
            f"{top}; {against}.{many}",
        )
    return Verdict("No rule is shown to beat the best known optimizer.", f"{top}; {against}.{_short(others)}{many}")


def _short(rules: Sequence[ConfirmedRule]) -> str:
    """Say which rules have too few seeds to be shown better; empty if none has."""
    short = [_rule_name(rule) for rule in rules if rule.paired is None or rule.paired.underpowered]
    named = short[:RULES_NAMED] + ([f"{len(short) - RULES_NAMED} more"] if len(short) > RULES_NAMED else [])
    return f" Too few seeds yet to judge {listed(named)}." if named else ""


def _rule_name(rule: ConfirmedRule) -> str:
    return f"{rule.known} ({rule.infix})" if rule.known not in ("", rule.infix) else rule.infix


def _told(row: Row) -> str:
    seeds = f"over {len(row.seeds)} seed{'s' if len(row.seeds) > 1 else ''}"
    if row.area.low is None or row.area.high is None:
        return f"{row.area.mean:.3f} {seeds}"
    return f"{row.area.mean:.3f} (95% interval {row.area.low:.3f} to {row.area.high:.3f}) {seeds}"


def _other(pair: Comparison, label: str) -> str:
    return pair.second if pair.first == label else pair.first
