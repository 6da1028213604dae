"""What a board over a table says of regret, as tables and notes; nothing where no table is known."""

from __future__ import annotations

from collections.abc import Iterable

from harness.board.comparison import LEVEL, Comparison
from harness.board.page import SHOWN_DIGITS, Column, TableText, sign_flips
from harness.board.searches.board import Board, RandomRegret, Reference, Regret, Row, Truth
from harness.board.wording import adjusted_chance, estimated, formula, plain

BANDS_AT = (16, 4, 1)  # parts of the budget after which regret is told with its band: three fit 80 columns
SHARES_AT = (32, 16, 8, 4, 2, 1)  # after which the share of seeds in the tie set is told

Told = tuple[Row | Reference, Regret | RandomRegret]


def facts(board: Board) -> tuple[tuple[str, str], ...]:
    """The table that was searched, its best rule and how many tie with it."""
    truth = board.truth
    if truth is None:
        return ()
    best = f"optimum {formula(truth.optimum)} with truth {truth.highest:.3f}, tie set of {len(truth.ties):,} rules"
    return (("table", f"{plain(truth.table)} ({truth.fingerprint[:SHOWN_DIGITS]}), {best}"),)


def tables(board: Board) -> tuple[TableText, ...]:
    """Regret at the end, on the way, and against random search."""
    if board.truth is None:
        return ()
    pairs = [row.regret.against_random for row in board.rows if row.regret]
    title = "Regret against random search, by seed (less is better)"
    return (_ends(board), _bands(board), _shares(board), against(title, "regret", pairs))


def against(title: str, figure: str, pairs: Iterable[Comparison | None]) -> TableText:
    """Each searcher's difference from random search, with its p and what would have been found."""
    columns = (
        *(Column("searcher"), Column("pairs", right=True), Column(f"difference in {figure}", right=True)),
        *(Column("p (Holm)", right=True), Column("detectable", right=True)),
    )
    rows = (
        (
            plain(each.first),
            str(each.pairs),
            estimated(each.test.difference, sign="+") if each.test else "",
            adjusted_chance(each),
            "none" if each.detectable is None else f"{each.detectable:.3f}",
        )
        for each in pairs
        if each
    )
    return TableText(title, columns, tuple(rows))


def notes(board: Board) -> tuple[str, ...]:
    """What regret and the tie set are, and what the inference is about."""
    truth = board.truth
    if truth is None:
        return ()
    replicates = truth.scores.shape[1]
    told = (
        f"Regret: the truth of the table's optimum, {formula(truth.optimum)} with {truth.highest:.4f}, less that of a "
        "run's incumbent, its best child so far by search score; a run without one counts with chance. A rule's truth "
        f"is its mean score on {truth.fresh_seeds} fresh seeds if it is one of the {truth.retrained} retrained on "
        f"them, else the mean of its {replicates} replicates. The interval of mean regret is a BCa bootstrap interval.",
        f"Tie set: the {len(truth.ties):,} retrained rules that are not shown worse than the optimum, which is one of "
        "them (paired t test over the fresh seeds, Holm). A run can lose such a rule to a luckier one, so fewer seeds "
        "may hold one at the end than ever reached one. Children: the median over all seeds of those to the first.",
        "This board is about the searchers' randomness on this table: intervals and p say what other seeds of these "
        "searchers would give on it, and nothing about other tables.",
    )
    tests = [each.test for each in board.regrets if each.test and not each.test.underpowered]
    if not tests:
        return told
    several = f", with Holm's correction over {len(tests)} comparisons" if len(tests) > 1 else ""
    return (
        *told,
        f"Differences in final regret are tested like those in area: {sign_flips([test.pairs for test in tests])} "
        f"two-sided sign-flip test, at {LEVEL:.0%}{several}. Places come from area alone.",
    )


def explained(truth: Truth, each: Reference, found: RandomRegret) -> str:
    """Where the curves of random search on a table come from, and how exact they are."""
    final = found.final
    error = "" if final.high is None else f" (that of its final regret is ±{final.high - final.mean:.4f})"
    return (
        f"{each.label}: what uniform random search earns on average, from all {each.evaluations:,} outcomes of table "
        f"{truth.table} by {found.searches:,} simulated searches. Its intervals are the error of that alone{error}; "
        "it is a yardstick, not ranked."
    )


def reach(found: Regret | RandomRegret, children: int) -> tuple[str, str, str]:
    """Who holds a rule of the tie set at the end, who ever did, and the median of children to the first."""
    soon = f">{children}" if found.median is None else f"{found.median:g}"
    if isinstance(found, RandomRegret):
        return f"{found.share[-1]:.1%}", f"{found.ever:.1%}", soon
    seeds = len(found.finals)
    return f"{found.held} of {seeds}", f"{found.reached.count} of {seeds}", soon


def _told(board: Board) -> list[Told]:
    """Everyone whose regret is known, with it."""
    own: list[Told] = [(row, row.regret) for row in board.rows if row.regret]
    return own + [(each, each.regret) for each in board.references if each.regret]


def _ends(board: Board) -> TableText:
    titles = ("regret", "hold", "reached", "children")
    columns = (Column("searcher"), *(Column(title, right=True) for title in titles))
    rows = (
        (plain(each.label), estimated(found.final), *reach(found, board.budget.children))
        for each, found in _told(board)
    )
    title = (
        "Regret at the end; seeds that hold a rule of the tie set then, that ever reached one, and how soon (median)"
    )
    return TableText(title, columns, tuple(rows))


def _bands(board: Board) -> TableText:
    ends = _after(board.budget.children, BANDS_AT)
    columns = (Column("searcher"), *(Column(f"after {end:,}", right=True) for end in ends))
    rows = ((plain(each.label), *(_banded(found, end) for end in ends)) for each, found in _told(board))
    return TableText("Regret after so many children: median [middle half of seeds]", columns, tuple(rows))


def _banded(found: Regret | RandomRegret, end: int) -> str:
    low, high = found.band
    return f"{found.curve[end - 1]:.3f} [{low[end - 1]:.3f}, {high[end - 1]:.3f}]"


def _shares(board: Board) -> TableText:
    ends = _after(board.budget.children, SHARES_AT)
    columns = (Column("searcher"), *(Column(f"after {end:,}", right=True) for end in ends))
    rows = ((plain(each.label), *(f"{found.share[end - 1]:.0%}" for end in ends)) for each, found in _told(board))
    return TableText("Seeds that hold a rule of the tie set after so many children", columns, tuple(rows))


def _after(children: int, parts: Iterable[int]) -> list[int]:
    """The numbers of children that are such parts of the budget, each once."""
    return sorted({max(1, children // part) for part in parts})
