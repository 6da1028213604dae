"""Boards of confirmed rules as short tables of text that fit 80 columns, for the terminal and Markdown alike."""

from __future__ import annotations

import statistics as averages
from collections.abc import Sequence

from harness.board.page import FEW_SEEDS, SHOWN_DIGITS, Column, Page, TableText, made_by, sign_flips
from harness.board.rules.board import ConfirmedRule, Paired, RulesBoard
from harness.board.statistics import CONFIDENCE
from harness.board.wording import chance, estimated, formula, measured, plain, seed_list, translated

EMPTY = "No confirmed rules yet. `harness confirm` retrains the best ones on fresh seeds."


def page(board: RulesBoard, number: int = 0) -> Page:
    """Return the page of a board of confirmed rules, numbered if there are several."""
    tables = (_figures(board), _differences(board), _costs(board), _origins(board), _unfinished(board))
    return Page(
        f"Confirmed rules {number}" if number else "Confirmed rules",
        facts(board),
        tuple(table for table in tables if table.rows),
        notes(board),
    )


def facts(board: RulesBoard) -> tuple[tuple[str, str], ...]:
    """Return what all retrainings of a board share, as (name, text) lines."""
    protocol, searched = board.protocol, board.searched
    facts = [
        ("protocol", f"{protocol.name} v{protocol.version} ({protocol.hash[:SHOWN_DIGITS]})"),
        *measured(protocol),
        ("data", f"{board.data} ({board.fingerprint[:SHOWN_DIGITS]})"),
        ("seeds", f"{seed_list(board.seeds)}, fresh: no search has seen them" if board.seeds else "none finished"),
    ]
    if searched is not None:
        facts.append(("searched", searched.space.describe()))
        facts.append(
            (
                "budget",
                f"{searched.budget.children:,} children a search, by {searched.protocol.name} "
                f"v{searched.protocol.version} on {searched.data}",
            )
        )
    if board.nominated:
        facts.append(("nominated", f"{board.nominated}; fixed before any was retrained"))
    facts += made_by(board.commits, board.hardware)
    return tuple((name, plain(text)) for name, text in facts)


def _figures(board: RulesBoard) -> TableText:
    columns = [Column("", right=True)]
    columns += [Column("test", right=True)] if board.tested else []
    figures = translated(board.protocol)
    columns += [Column("validation", right=True), *(Column(title, right=True) for title in figures)]
    columns += [Column("rule", code=True)]
    rows = []
    for number, each in enumerate(board.rules, 1):
        test = [] if not board.tested else ["none" if each.test is None else estimated(each.test)]
        medians = (told(_median(each)) for told in figures.values())
        rows.append((str(number), *test, estimated(each.validation), *medians, _name(each)))
    return TableText("What they earn", tuple(columns), tuple(rows))


def _median(each: ConfirmedRule) -> float:
    """Return the median over seeds of the score that ranks it: a mean of figures could be infinite."""
    return averages.median(one.validation if each.test is None else one.test or 0.0 for one in each.retrainings)


def _differences(board: RulesBoard) -> TableText:
    """Return the differences from the best known optimizer; a table without rows if there is none."""
    best = next((each.known for each in board.rules if each.key == board.best_known), "")
    columns = (
        *(Column("", right=True), Column(f"difference from {best}", right=True), Column("p", right=True)),
        Column("rule", code=True),
    )
    shown = board.rules if best else ()
    rows = ((str(number), *_versus(each, board), _name(each)) for number, each in enumerate(shown, 1))
    figure = "test" if board.tested else "validation"
    return TableText(f"Against the best known optimizer, in {figure} score by seed", columns, tuple(rows))


def _versus(each: ConfirmedRule, board: RulesBoard) -> tuple[str, str]:
    if each.key == board.best_known:
        return "best known", ""
    if each.paired is None:
        return "no common seed", ""
    return estimated(each.paired.difference, sign="+"), paired_chance(each.paired)


def paired_chance(paired: Paired) -> str:
    """Return the p value of a rule's comparison after Holm's correction, or "too few" if it has too few seeds."""
    return "too few" if paired.underpowered else chance(paired.adjusted)


def _costs(board: RulesBoard) -> TableText:
    """Return what each rule costs its users, and how reliably it trains; failures only if there were any."""
    counted = board.protocol.count("train_examples") is not None
    to_target = [] if not counted else ["examples" if board.target is None else f"to {board.target:.3f}"]
    reached = "reached" if counted or board.target is None else f"reached {board.target:.3f}"
    failures = {
        "diverged": [each.diverged / len(each.seeds) for each in board.rules],
        "errors": [each.errors / len(each.seeds) for each in board.rules],
    }
    failed = {title: shares for title, shares in failures.items() if any(shares)}
    titles = ("", *failed, "λ", *to_target, reached, "means", "nodes")
    rows = (
        (
            str(number),
            *(f"{shares[number - 1]:.0%}" for shares in failed.values()),
            _rates(each),
            *("never" if each.target_examples is None else f"{each.target_examples:,.0f}" for _ in to_target),
            f"{each.reached} of {len(each.seeds)}",
            "" if each.means is None else str(len(each.means)),
            "" if each.complexity is None else str(each.complexity),
            _name(each),
        )
        for number, each in enumerate(board.rules, 1)
    )
    columns = (*(Column(title, right=True) for title in titles), Column("rule", code=True))
    return TableText("What they cost", columns, tuple(rows))


def _origins(board: RulesBoard) -> TableText:
    """Return where the rules were found, and how much of their search scores remains."""
    columns = (
        Column("", right=True),
        Column("search score", right=True),
        Column("drop", right=True),
        Column("found by"),
        Column("seeds of the searches"),
        Column("rule", code=True),
    )
    rows = (
        (
            str(number),
            f"{each.search_score:.3f}",
            "" if each.drop is None else f"{each.drop:+z.3f}",
            plain(", ".join(finder.label for finder in each.finders)),
            seed_list(sorted({seed for finder in each.finders for seed in finder.seeds})),
            _name(each),
        )
        for number, each in enumerate(board.rules, 1)
        if each.search_score is not None
    )
    return TableText("Where they were found", columns, tuple(rows))


def _unfinished(board: RulesBoard) -> TableText:
    columns = (Column("run", code=True), Column("state"), Column("rules", right=True))
    rows = ((plain(each.run), each.state, f"{each.done} of {each.rules}") for each in board.unfinished)
    return TableText("Unfinished seeds, so not counted", columns, tuple(rows))


def notes(board: RulesBoard) -> tuple[str, ...]:
    """Return notes on how to read the tables, of one or two sentences each."""
    return tuple(map(plain, (*_explained(board), *board.notes)))


def _explained(board: RulesBoard) -> list[str]:
    if not board.rules:
        return []
    fewest = min(len(each.seeds) for each in board.rules)
    told = [
        f"Means over seeds with their {CONFIDENCE:.0%} bootstrap intervals"
        + (", which are too narrow for so few seeds" if fewest < FEW_SEEDS else "")
        + ". All rules with one seed train from the same weights on the same batches."
    ]
    if board.tested:
        kind = "images" if board.protocol.inputs == "images" else "examples"
        told.append(
            f"Test: the score on all test {kind} of the data set, which no search sees, taken after the last epoch."
        )
    for title in translated(board.protocol):
        told.append(f"{title}: the metric of the median {'test' if board.tested else 'validation'} score over seeds.")
    if board.best_known:
        told.append(_comparison(board))
    if not any(each.diverged or each.errors for each in board.rules):
        told.append("No retraining diverged or ended in an error.")
    if board.target is not None:
        share = "nine tenths of what the best known optimizer gains over chance"
        counted = board.protocol.count("train_examples") is not None
        told.append(
            f"To {board.target:.3f}: training examples at the chosen λ until validation first reaches {share}; "
            "median over seeds."
            if counted
            else f"Reached {board.target:.3f}: retrainings whose validation score reached {share}."
        )
    told.append(
        "Means: running means kept beside the weights, each a vector as long as they are. Nodes: of the rule's "
        "canonical expression."
        + (" Neither is known for other optimizers." if any(each.means is None for each in board.rules) else "")
    )
    if any(each.drop is not None for each in board.rules):
        told.append("Drop: the best search score, biased upward, minus the mean validation score here.")
    return told


def _comparison(board: RulesBoard) -> str:
    """Name the test, what it can show at all, and in whose favour the choice of the best known optimizer errs."""
    pairs = [each.paired for each in board.rules if each.paired is not None]
    kind = f"{sign_flips([len(each.seeds) for each in pairs])} " if pairs else ""
    text = (
        f"p: {kind}sign-flip test of the differences by seed, after Holm's correction for all rules listed. The best "
        "known optimizer is the one with the highest mean validation score here"
    )
    text += "." if board.tested else "; choosing the luckiest errs against the found rules."
    short = [each for each in pairs if each.underpowered]
    if short:
        least = max(each.least for each in short)
        text += (
            f" Underpowered: {min(len(each.seeds) for each in short)} pairs cannot give p below {least:.2g}, whatever "
            f"the rules; {board.to_compare}."
        )
    elif pairs and max(len(each.seeds) for each in pairs) < board.seeds_needed:
        text += f" {board.to_compare.capitalize()}: add seeds, or name fewer rules."
    return text


def _name(each: ConfirmedRule) -> str:
    return each.known or formula(each.rule)


def _rates(each: ConfirmedRule) -> str:
    """Return the range of the learning rates that were chosen."""
    chosen = sorted({one.learning_rate for one in each.retrainings if one.learning_rate is not None})
    if not chosen:
        return "none"
    return f"{chosen[0]:g}" if len(chosen) == 1 else f"{chosen[0]:g}–{chosen[-1]:g}"


def pages(boards: Sequence[RulesBoard]) -> list[Page]:
    """Return the pages of all boards, numbered if there are several."""
    return [page(each, number if len(boards) > 1 else 0) for number, each in enumerate(boards, 1)]
