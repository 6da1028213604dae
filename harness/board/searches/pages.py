"""Boards of searchers as pages: their tables, and notes on how to read them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.board.comparison import LEVEL, POWER, Comparison
from harness.board.page import BIASED, FEW_SEEDS, SHOWN_DIGITS, Column, Page, TableText, made_by, sign_flips
from harness.board.searches import regret_pages
from harness.board.searches.board import Board, Nomination, Reference, Row
from harness.board.statistics import Reached
from harness.board.wording import (
    duration,
    estimated,
    formula,
    listed,
    measured,
    plain,
    seed_list,
    sparkline,
    translated,
)
from harness.race.protocols import guessing

EMPTY = "No searches yet. `harness run --searcher random` makes one and ends with its leaderboard."


def page(board: Board, number: int = 0) -> Page:
    """Return the page of a board of searchers, numbered if there are several."""
    title = f"Leaderboard {number}" if number else "Leaderboard"
    return Page(title, facts(board), tables(board), notes(board))


def pages(boards: Sequence[Board]) -> list[Page]:
    """Return the pages of all boards, numbered if there are several."""
    return [page(each, number if len(boards) > 1 else 0) for number, each in enumerate(boards, 1)]


def facts(board: Board) -> tuple[tuple[str, str], ...]:
    """Return what all runs of a board share, as (name, text) lines."""
    protocol, budget = board.protocol, board.budget
    seeds = sorted({seed for row in board.rows for seed in row.seeds})
    return (
        ("space", plain(board.space.describe())),
        ("protocol", plain(f"{protocol.name} v{protocol.version} ({protocol.hash[:SHOWN_DIGITS]})")),
        *measured(protocol),
        *regret_pages.facts(board),
        ("data", plain(f"{board.data} ({board.fingerprint[:SHOWN_DIGITS]})")),
        ("budget", f"{budget.children:,} children, at most {budget.proposals:,} proposals per run"),
        ("seeds", seed_list(seeds) if seeds else "none finished"),
        *made_by(board.commits, board.hardware),
    )


def finds(board: Board) -> tuple[Nomination, ...]:
    """Return the best distinct rules without those that are no better than guessing."""
    least = guessing(board.protocol)
    return tuple(each for each in board.rules if each.score > least)


def tables(board: Board) -> tuple[TableText, ...]:
    """Return the tables of a board that have rows."""
    every = (
        *(_searchers(board), _retrained(board), _progress(board), _startups(board), _against_random(board)),
        *regret_pages.tables(board),
        *(_work(board), _bests(board), _rules(board), _unfinished(board)),
    )
    return tuple(table for table in every if table.rows)


def notes(board: Board) -> tuple[str, ...]:
    """Return notes on how to read the tables, of one or two sentences each."""
    own = (*board.apart, *board.notes, *(_explained(board, each) for each in board.references))
    if board.rows:
        told = "Area is the mean of best-so-far over the children of the budget, with its 95% interval (BCa bootstrap"
        few = any(row.area.low is not None and row.area.count < FEW_SEEDS for row in board.rows)
        narrow = "; too narrow for few seeds: with six it holds the true mean at most 87% of the time" if few else ""
        own = (
            f"{told} over seeds{narrow}).",
            *_method(board.comparisons, "area"),
            *_fresh(board),
            *regret_pages.notes(board),
            *own,
        )
    if len(finds(board)) < len(board.rules):
        least = f"{guessing(board.protocol):.3f}"
        own += (f"Rules no better than guessing, which explains scores up to {least}, are not listed.",)
    return tuple(plain(note) for note in own)


def _fresh(board: Board) -> tuple[str, ...]:
    """Explain the final bests on fresh seeds, and say who is missing."""
    if board.retrained is None:
        return ()
    told = (
        "Retrained: the mean over runs of what the run's final best earns in validation on the fresh seeds. No "
        "lucky seed of a search can raise it. Its interval is over runs. Drop: the search's final best minus that."
    )
    missing = board.retrained.missing
    if missing:
        left = f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} left out of it"
        told += f" {left}, because not all final bests were retrained: `harness confirm --finals` does that."
    return (told, *_method(board.retrained.comparisons, "retrained score"))


def _method(comparisons: Sequence[Comparison], figure: str) -> tuple[str, ...]:
    """Explain places and p values, and how large a difference could be without being found."""
    tests = [each.test for each in comparisons if each.test and not each.test.underpowered]
    if not tests:
        return ()
    pairs = spanned((min(test.pairs for test in tests), max(test.pairs for test in tests)))
    kind = sign_flips([test.pairs for test in tests])
    several = f" with Holm's correction over {len(tests)} comparisons" if len(tests) > 1 else ""
    told = (
        f"Places and p come from the {kind} two-sided sign-flip test of the differences in {figure} over {pairs} pairs "
        f"of equal seed, at {LEVEL:.0%}{several}."
    )
    effects = [each.detectable for each in comparisons if each.detectable is not None]
    if not effects:
        return (told,)
    ends = (f"{min(effects):.3f}", f"{max(effects):.3f}")
    told += f" A difference of {ends[0] if ends[0] == ends[1] else f'{ends[0]} to {ends[1]}, by pair,'} would be found"
    return (f"{told} with {POWER:.0%} power (minimum detectable effect).",)


def _searchers(board: Board) -> TableText:
    columns = (
        Column("place", right=True),
        Column("searcher"),
        Column("seeds"),
        Column("area", right=True),
        Column("final best", right=True),
    )
    shown: list[tuple[str, Row | Reference]] = [(placed(row), row) for row in board.rows]
    shown += [("", each) for each in board.references]
    rows = (
        (place, plain(each.label), seed_list(each.seeds), estimated(each.area), estimated(each.final))
        for place, each in shown
    )
    return TableText("Searchers", columns, tuple(rows))


def _retrained(board: Board) -> TableText:
    """Return the final bests on fresh seeds; a table without rows if they were not retrained."""
    shown = () if board.retrained is None else board.retrained.rows
    lost = drops(board)
    columns = (
        *(Column("place", right=True), Column("searcher"), Column("runs", right=True)),
        *(Column("retrained", right=True), Column("drop", right=True)),
    )
    rows = (
        (
            *(spanned(each.places), plain(each.label), str(len(each.seeds))),
            *(estimated(each.mean), f"{lost[each.label]:+z.3f}"),
        )
        for each in shown
    )
    fresh = "" if board.retrained is None else seed_list(board.retrained.seeds)
    return TableText(f"Final best of each run, retrained on fresh seeds {fresh}", columns, tuple(rows))


def drops(board: Board) -> dict[str, float]:
    """Return by how much each entrant's final bests drop on fresh seeds from their search scores, by label."""
    finals = {row.label: row.final.mean for row in board.rows}
    shown = () if board.retrained is None else board.retrained.rows
    return {each.label: finals[each.label] - each.mean.mean for each in shown}


def _progress(board: Board) -> TableText:
    """Return curves on one scale, and how many seeds reached each target, with the median of children."""
    shown: list[Row | Reference] = [*board.rows, *board.references]
    goals = board.rows[0].reached if board.rows else ()
    columns = (
        *(Column("searcher"), Column("best so far")),
        *(Column(f"reached {goal.target:.3g}", right=True) for goal in goals),
    )
    low = min((each.curve[0] for each in shown), default=0.0)
    high = max((each.curve[-1] for each in shown), default=1.0)
    rows = (
        (
            plain(each.label),
            sparkline(each.curve, low=low, high=high),
            *(
                [_reached(goal, board.budget.children) for goal in each.reached]
                if isinstance(each, Row)
                else [""] * len(goals)
            ),
        )
        for each in shown
    )
    return TableText("Median best so far, and children to reach a score (median)", columns, tuple(rows))


def _startups(board: Board) -> TableText:
    """Return how many of a run's children were start-up, and what the search added; no rows without any start-up."""
    shown = board.rows if any(row.startup != 0 for row in board.rows) else ()
    columns = (
        *(Column("searcher"), Column("start-up draws", right=True)),
        *(Column("best by then", right=True), Column("best in the end", right=True)),
    )
    rows = (
        (
            plain(row.label),
            row.begun,
            f"{row.curve[row.startup - 1]:.3f}" if row.startup and row.searched else "",
            f"{row.curve[-1]:.3f}",
        )
        for row in shown
    )
    return TableText("What the search added to its start-up draws (of a run; median best so far)", columns, tuple(rows))


def placed(row: Row) -> str:
    """Return the range of places that an entrant may hold; empty for one that never searched."""
    return spanned(row.places) if row.searched else "none"


def _against_random(board: Board) -> TableText:
    pairs = (row.against_random for row in board.rows)
    return regret_pages.against("Against random search, by seed", "area", pairs)


def _explained(board: Board, each: Reference) -> str:
    if board.truth is not None and each.regret is not None:
        return regret_pages.explained(board.truth, each, each.regret)
    return (
        f"{each.label}: the expected best-so-far of uniform random search, in closed form from the "
        f"{each.evaluations:,} evaluations that its runs of any budget left in the store; "
        "a reference that is not ranked."
    )


def _work(board: Board) -> TableText:
    titles = ("children", "proposals", "duplicates", "diverged", "errors", "time")
    columns = (Column("searcher"), *(Column(title, right=True) for title in titles))
    rows = (
        (
            plain(row.label),
            f"{row.children:,}",
            f"{row.proposals:,}",
            f"{row.duplicates:,}",
            share(row.diverged, row),
            share(row.errors, row),
            duration(row.seconds),
        )
        for row in board.rows
    )
    return TableText("What it took, over all seeds", columns, tuple(rows))


def _bests(board: Board) -> TableText:
    """Return the best rule of each searcher; for a single searcher it would only repeat the first rule of the list."""
    shown = () if len(board.rows) == 1 and finds(board) else board.rows
    most = guessing(board.protocol)
    figures = translated(board.protocol)
    columns = (
        *(Column("searcher"), Column("score", right=True), *(Column(title, right=True) for title in figures)),
        *(Column("seed", right=True), Column("rule", code=True)),
    )
    rows = (
        (
            *(plain(row.label), f"{row.best.score:.3f}", *(told(row.best.score) for told in figures.values())),
            *(
                (str(row.best.seed), formula(row.best.rule))
                if row.best.score > most
                else ("", "none better than guessing")
            ),
        )
        for row in shown
        if row.best
    )
    return TableText(f"Best of each searcher ({BIASED})", columns, tuple(rows))


def _rules(board: Board) -> TableText:
    """Return the best rules, without columns that hold only one value, since the formulas need the room."""
    shown = finds(board)
    shared = any(each.children > 1 for each in shown)
    contested = len({name for each in shown for name in each.searchers}) > 1
    figures = translated(board.protocol)
    columns = [Column(title, right=True) for title in ("", "score", *figures, "seed", "found", "λ")]
    cells = [
        [
            str(number),
            f"{each.score:.3f}",
            *(told(each.score) for told in figures.values()),
            str(each.seed),
            f"{each.found}×",
            "none" if each.learning_rate is None else f"{each.learning_rate:g}",
        ]
        for number, each in enumerate(shown, 1)
    ]
    if shared:
        columns.append(Column("mean", right=True))
        for row, each in zip(cells, shown, strict=True):
            row.append(f"{each.mean:.3f} of {each.children}" if each.children > 1 else "")
    if contested:
        columns.append(Column("by"))
        for row, each in zip(cells, shown, strict=True):
            row.append(plain(", ".join(each.searchers)))
    columns.append(Column("rule", code=True))
    rows = ((*row, formula(each.rule)) for row, each in zip(cells, shown, strict=True))
    return TableText(f"Best distinct rules ({BIASED})", tuple(columns), tuple(rows))


def _unfinished(board: Board) -> TableText:
    columns = (Column("run", code=True), Column("state"), Column("children", right=True), Column("best", right=True))
    rows = (
        (
            plain(each.run),
            each.state,
            f"{each.children:,} of {board.budget.children:,}",
            "none" if each.best is None else f"{each.best:.3f}",
        )
        for each in board.unfinished
    )
    return TableText("Unfinished, so not ranked", columns, tuple(rows))


def spanned(places: tuple[int, int]) -> str:
    """Write a range of places: ``2–5``, or ``1``."""
    return str(places[0]) if places[0] == places[1] else f"{places[0]}–{places[1]}"


def _reached(goal: Reached, children: int) -> str:
    after = "" if not goal.count else f", {goal.median:g}" if goal.median is not None else f", >{children}"
    return f"{goal.count} of {len(goal.children)}{after}"


def share(count: int, row: Row) -> str:
    """Write a count as a share of an entrant's children."""
    return f"{count / row.children:.0%}" if row.children else "none"
