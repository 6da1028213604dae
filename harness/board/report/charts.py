"""The charts of the page as plain numbers and words; its script passes them to Plotly in the theme's colours.

Every chart has a kind, which the script knows, and ``alt``: a description in words for readers who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.board.report.blackbox import blackbox_charts
from harness.board.report.colours import Mark
from harness.board.report.document import Card, Report, RulesSection, SearchSection
from harness.board.report.learned import learned_charts
from harness.board.report.transfers import transfer_charts
from harness.board.report.usage import PARTS, Curves, Steps, regret_curves, share_curves
from harness.board.searches.board import RandomRegret, Regret
from harness.board.wording import plain

Json = dict[str, object]
DIGITS = 5  # of a score
MOST_REWARDS = 1000  # points per searcher; if there are more, points evenly spaced by rank, which keep the quartiles


def charts(report: Report) -> dict[str, Json]:
    """Return every chart of a report, by the ``id`` of its place on the page."""
    found: dict[str, Json] = {}
    for section in report.searches:
        found |= _of_search(section)
    for rules in report.rules:
        found |= _of_rules(rules)
    for transfer in report.transfers:
        found |= transfer_charts(transfer.number, transfer.board, transfer.marks)
    if report.learned is not None:
        found |= learned_charts(report.learned.board, report.learned.marks)
    if report.blackbox is not None:
        found |= blackbox_charts(report.blackbox.board, report.blackbox.marks)
    return found


def _of_search(section: SearchSection) -> dict[str, Json]:
    name, use = f"b{section.number}", section.usage
    order, marks = _order(section), section.marks
    found: dict[str, Json] = {}
    if use.curves:
        ordered = sorted(use.curves, key=lambda each: order[each.label])
        found[f"{name}-curves"] = {
            "kind": "curves",
            "alt": "Best reward so far against children trained. Median over seeds at the end of the budget: "
            + "; ".join(f"{plain(each.label)} {each.median.values[-1]:.3f}" for each in ordered)
            + ".",
            "figure": "best reward so far",
            "format": ".3f",
            "budget": section.board.budget.children,
            "series": [_curve(each, marks[each.label]) for each in ordered],
            "references": [_line(each.label, each.curve) for each in section.board.references],
        }
    found |= _of_regret(name, section)
    found[f"{name}-rewards"] = {
        "kind": "rewards",
        "alt": "Rewards of the children trained, by searcher. Median: "
        + "; ".join(f"{plain(label)} {_median(rewards):.3f}" for label, rewards in use.rewards if rewards)
        + ".",
        "series": [
            {
                "label": plain(label),
                "colour": marks[label].colour,
                "rewards": [round(each, DIGITS) for each in _thinned(rewards)],
            }
            for label, rewards in sorted(use.rewards, key=lambda each: order[each[0]])
        ],
    }
    found[f"{name}-words"] = {
        "kind": "words",
        "alt": f"Share of proposals that use each operand and function, in {PARTS} equal parts of the run. "
        + " ".join(filter(None, (_favourites(plain(each.label), use.vocabulary, each.shares) for each in use.words))),
        "vocabulary": list(use.vocabulary),
        "series": [
            {
                "label": plain(each.label),
                "shares": [[None if share is None else round(share, 3) for share in row] for row in each.shares],
            }
            for each in sorted(use.words, key=lambda each: order[each.label])
        ],
    }
    front = [each for each in use.sized if each.front]
    found[f"{name}-size"] = {
        "kind": "size",
        "alt": "Mean reward against the size of the formula. Pareto front: "
        + "; ".join(f"{each.nodes} nodes {each.score:.3f}, {each.infix}" for each in front)
        + ".",
        "points": [
            {
                "x": each.nodes,
                "y": round(each.score, DIGITS),
                "rule": each.infix,
                "by": ", ".join(map(plain, each.labels)),
                "seeds": each.seeds,
                "front": each.front,
            }
            for each in use.sized
        ],
    }
    return found


def _of_regret(name: str, section: SearchSection) -> dict[str, Json]:
    """Regret and the share of seeds in the tie set, child by child; nothing where no table is known."""
    board, marks = section.board, section.marks
    rows = [(row.label, row.regret) for row in board.rows if row.regret]
    random = [(each.label, each.regret) for each in board.references if each.regret]
    if not rows:
        return {}
    shared: Json = {"kind": "curves", "budget": board.budget.children, "log": True}
    everyone: list[tuple[str, Regret | RandomRegret]] = [*rows, *random]
    ends = "; ".join(f"{plain(label)} {each.curve[-1]:.3f}" for label, each in everyone)
    regret: Json = {
        "alt": f"Regret against children trained. At the end of the budget, median over seeds: {ends}.",
        "figure": "regret",
        "format": ".4f",
        "falls": True,
        "series": [_curve(regret_curves(label, each), marks[label]) for label, each in rows],
        "references": [_line(label, each.curve) for label, each in random],
    }
    ends = "; ".join(f"{plain(label)} {each.share[-1]:.0%}" for label, each in everyone)
    share: Json = {
        "alt": f"Share of seeds that hold a rule of the tie set against children trained. At the end: {ends}.",
        "figure": "seeds that hold a rule of the tie set",
        "format": ".0%",
        "share": True,
        "series": [_curve(share_curves(label, each), marks[label]) for label, each in rows],
        "references": [_line(label, each.share) for label, each in random],
    }
    return {f"{name}-regret": shared | regret, f"{name}-ties": shared | share}


def _of_rules(section: RulesSection) -> dict[str, Json]:
    name, board = f"r{section.number}", section.board
    sized = [each for each in board.rules if each.complexity is not None]
    found: dict[str, Json] = {
        f"{name}-size": {
            "kind": "confirmed",
            "alt": f"Mean {board.figure} on fresh seeds against the size of the formula: "
            + "; ".join(f"{each.infix} {each.figure.mean:.3f} with {each.complexity} nodes" for each in sized)
            + ".",
            "figure": board.figure,
            "points": [
                {
                    "x": each.complexity,
                    "y": each.figure.mean,
                    "low": each.figure.low,
                    "high": each.figure.high,
                    "rule": each.known or each.infix,
                    "known": bool(each.known),
                }
                for each in sized
            ],
        }
    }
    for place, card in enumerate(section.cards, 1):
        found |= _of_card(f"{name}-c{place}", card)
    return found


def _of_card(name: str, card: Card) -> dict[str, Json]:
    rule = card.rule
    sweeps = [each.sweep for each in rule.retrainings if each.sweep]
    curves = [each.curve for each in rule.retrainings if each.curve]
    found: dict[str, Json] = {}
    if sweeps:
        rates = [rate for rate, _ in max(sweeps, key=len)]
        lines = [[dict(sweep).get(rate) for rate in rates] for sweep in sweeps]
        found[f"{name}-sweep"] = {
            "kind": "sweep",
            "alt": "Score after the sweep's epoch by learning rate, mean over the seeds that tried it, "
            f"{len(sweeps)} of {len(rule.retrainings)}: {_spoken(rates, _means(lines))}.",
            "x": rates,
            "lines": lines,
            "mean": _means(lines),
        }
    if curves and max(map(len, curves)) > 1:
        length = max(map(len, curves))
        epochs = list(range(1, length + 1))
        padded: list[list[float | None]] = [[*curve, *[None] * (length - len(curve))] for curve in curves]
        # a child that did not train on counts with what it earned: chance for a failure
        whole = [[*each.curve, *[each.validation] * (length - len(each.curve))] for each in rule.retrainings]
        found[f"{name}-epochs"] = {
            "kind": "epochs",
            "alt": f"Validation score by epoch, mean over {len(whole)} seeds, of which {rule.diverged + rule.errors} "
            f"failed and count with chance: {_spoken(epochs, _means(whole))}.",
            "x": epochs,
            "lines": padded,
            "mean": _means(whole),
        }
    return found


def _order(section: SearchSection) -> dict[str, int]:
    """Return the order of the entrants in a chart: that of their rows, then those without a row."""
    named = [row.label for row in section.board.rows]
    named += [label for label, _ in section.usage.rewards if label not in named]
    return {label: place for place, label in enumerate(named)}


def _curve(each: Curves, mark: Mark) -> Json:
    return {
        "label": plain(each.label),
        "colour": mark.colour,
        "dashes": mark.dashes,
        "median": _xy(each.median),
        "many": each.many,
        "low": [round(value, DIGITS) for value in each.low],
        "high": [round(value, DIGITS) for value in each.high],
        "seeds": [{"seed": seed} | _xy(curve) for seed, curve in each.seeds],
    }


def _line(label: str, curve: Sequence[float]) -> Json:
    size = len(curve)
    kept = sorted({round(part * (size - 1) / min(200, max(1, size - 1))) for part in range(min(201, size))})
    return {
        "label": plain(label),
        "x": [place + 1 for place in kept],
        "y": [round(curve[place], DIGITS) for place in kept],
    }


def _xy(curve: Steps) -> Json:
    return {"x": list(curve.children), "y": [round(value, DIGITS) for value in curve.values]}


def _thinned(rewards: Sequence[float]) -> Sequence[float]:
    if len(rewards) <= MOST_REWARDS:
        return rewards
    ordered = sorted(rewards)
    return [ordered[place * (len(ordered) - 1) // (MOST_REWARDS - 1)] for place in range(MOST_REWARDS)]


def _median(values: Sequence[float]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _means(lines: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return the mean at each place over the lines that reach it."""
    found: list[float | None] = []
    for values in zip(*lines, strict=True):
        known = [value for value in values if value is not None and math.isfinite(value)]
        found.append(sum(known) / len(known) if known else None)
    return found


def _spoken(xs: Sequence[float], ys: Sequence[float | None]) -> str:
    return ", ".join(f"{x:g}: {y:.3f}" for x, y in zip(xs, ys, strict=True) if y is not None)


def _favourites(label: str, vocabulary: Sequence[str], shares: Sequence[Sequence[float | None]]) -> str:
    """Name the three words used most in the last part of a searcher's runs; empty for runs without proposals."""
    filled = [[share for share in row if share is not None] for row in shares]
    ends = [(row[-1], word) for word, row in zip(vocabulary, filled, strict=True) if row]
    ranked = sorted(ends, key=lambda each: -each[0])[:3]
    return f"{label} ends with {', '.join(f'{word} {share:.0%}' for share, word in ranked)}." if ranked else ""
