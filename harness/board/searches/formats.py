"""Boards for other programs and documents: JSON, CSV and Markdown.

**JSON** (``"schema": 2``; a change that could break a reader raises it, a new key does not)::

    {"schema": 2, "boards": [{
      "comparable": str,                     # hash that the board's runs share
      "space": {...},                        # Space.spec()
      "protocol": {"name", "version", "hash", "metric": {"name", "unit", "score"}},   # the metric if it states one
      "data": {"name", "fingerprint"},
      "budget": {"children", "proposals"},
      "commits": [str], "hardware": [str],   # of all its runs, each once
      "entrants": [{                         # by mean area, the best first
        "label", "searcher", "version", "settings": {...}, "async": bool, "environment": {...},
        "places": [best, worst],             # the comparisons allow any place between them
        "seeds": [int], "areas": [float], "finals": [float],        # by seed
        "area": {"mean", "low", "high"}, "final": {...},            # BCa; low and high null below three seeds
        "curve": [float],                    # median best-so-far after each child of the budget
        "band": {"low": [float], "high": [float]},                  # its quartiles over seeds
        "targets": [{"target", "reached", "seeds",                  # k of n, and the median over all n seeds of the
                     "median": float or null,                       # children it took: null if beyond the budget
                     "children": [int or null]}],                   # by seed
        "against_random": comparison or null,                       # this entrant minus random search
        "startup": int or null,              # children of a run before any result could decide one; null: unknown
        "searched": bool,                    # false: there were no others, and the other entrants are placed without it
        "best": rule or null, "children", "proposals", "duplicates", "diverged", "errors", "seconds"}],
      "comparisons": [{                      # of every two entrants, the upper one first, over their shared seeds
        "first", "second", "pairs",
        "difference": {"mean", "low", "high"} or null,              # in area, first minus second
        "p", "exact": bool,                  # two-sided sign-flip test; null without a shared seed
        "p_holm",                            # over all comparisons with six pairs or more; null below
        "verdict",                           # "different" (p_holm at most 0.05), "not separated" or "underpowered"
        "detectable"}],                      # minimum detectable effect; null if no difference is
      "retrained": null or {                 # the final best of each run on fresh seeds, for searchers with all of them
        "seeds": [int], "environment": {...},                       # the fresh seeds, the same for all
        "entrants": [{"label", "places", "seeds": [int],            # of its runs; by mean, the highest first
          "scores": [float], "mean": {"mean", "low", "high"}}],     # by run, the mean validation score over fresh seeds
        "comparisons": [comparison],                                # in that score
        "missing": [label]},
      "references": [{                       # random search by many draws: not an entrant, no place
        "label", "environment", "evaluations", "seeds", "areas", "finals", "area", "final",
        "curve": [float]}],                  # mean expected best-so-far after each child of the budget
      "rules": [{"rule", "tokens", "key", "score", "mean", "seed", "learning_rate", "children", "found", "searchers"}],
      "unfinished": [{"run", "label", "seed", "state", "children", "best"}],
      "notes": [str]}]}

A board over a table, whose truth is known, has more (protocol §5)::

    board["table"]: {"name", "fingerprint", "optimum": {"rule", "tokens", "key", "truth"}, "tie_set": [key],
      "retrained", "fresh_seeds", "replicates"}
    board["regrets"]: [comparison]           # of every two entrants, in final regret: less is better
    entrant["regret"]: {
      "finals": [float], "final": {"mean", "low", "high"},          # at the end of the budget, by seed
      "curve": [float], "band": {"low", "high"},                    # median and quartiles over seeds, after each child
      "tie_set": {"share": [float],          # of seeds whose incumbent is in it, after each child
        "held", "reached", "seeds",          # seeds that hold one of it at the end, that ever did, of so many
        "median": float or null, "children": [int or null]},        # to the first, as for targets
      "against_random": comparison or null}
    reference["regret"]: {"searches", "final", "curve", "band", "mean": [float],        # simulated; the mean beside
      "tie_set": {"share": [float], "held", "reached", "median"}}                       # the median; shares of them

**CSV** has one line per entrant, which starts with its board's columns, and after a board's entrants one line per
reference, whose places are empty, as are those of an entrant that never searched (JSON says ``searched``); settings,
environment and targets are JSON in their cells. The columns of regret are there if a board is over a table;
``ties_held`` and ``ties_reached`` are shares of seeds. Schema 1 took places from overlapping intervals of Student's t;
everything else is the same.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

from harness.board import wording
from harness.board.comparison import Comparison
from harness.board.markdown import Format, markdown
from harness.board.searches import pages as search_pages
from harness.board.searches.board import Board, Nomination, RandomRegret, Reference, Regret, Retrained, Row, Truth
from harness.board.searches.matrix import matrices
from harness.board.statistics import Estimate, Reached
from harness.contracts import TaskProtocol

SCHEMA = 2

Json = dict[str, object]


def render(boards: Sequence[Board], format: Format) -> str:
    """Write boards as one text, ending in a line break."""
    match format:
        case Format.JSON:
            document = {"schema": SCHEMA, "boards": [_board(board) for board in boards]}
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            return _csv(boards)
        case Format.MD:
            return _markdown(boards)


def _board(board: Board) -> Json:
    return {
        "comparable": board.comparable,
        "space": board.space.spec(),
        "protocol": protocol(board.protocol),
        "data": {"name": board.data, "fingerprint": board.fingerprint},
        "budget": {"children": board.budget.children, "proposals": board.budget.proposals},
        "commits": list(board.commits),
        "hardware": list(board.hardware),
        "entrants": [_entrant(row) for row in board.rows],
        "comparisons": [comparison(each) for each in board.comparisons],
        "retrained": None if board.retrained is None else _retrained(board.retrained),
        "references": [_reference(each) for each in board.references],
        "rules": [_nomination(each) for each in board.rules],
        "unfinished": [
            {
                "run": each.run,
                "label": each.label,
                "seed": each.seed,
                "state": each.state,
                "children": each.children,
                "best": each.best,
            }
            for each in board.unfinished
        ],
        "notes": [*board.apart, *board.notes],
        **({} if board.truth is None else _over(board.truth, board.regrets)),
    }


def _over(truth: Truth, regrets: Sequence[Comparison]) -> Json:
    optimum = {"rule": wording.formula(truth.optimum), "tokens": str(truth.optimum), "key": truth.optimum_key}
    table: Json = {"name": truth.table, "fingerprint": truth.fingerprint, "optimum": optimum | {"truth": truth.highest}}
    table |= {"tie_set": sorted(truth.ties), "retrained": truth.retrained, "fresh_seeds": truth.fresh_seeds}
    table |= {"replicates": truth.scores.shape[1]}
    return {"table": table, "regrets": [comparison(each) for each in regrets]}


def _regret(found: Regret | RandomRegret) -> Json:
    low, high = found.band
    told: Json = {"final": interval(found.final), "curve": list(found.curve)}
    told |= {"band": {"low": list(low), "high": list(high)}}
    share = list(found.share)
    if isinstance(found, RandomRegret):
        ties: Json = {"share": share, "held": share[-1], "reached": found.ever, "median": found.median}
        return told | {"searches": found.searches, "mean": list(found.mean), "tie_set": ties}
    ties = {"share": share, "held": found.held} | _target(found.reached)
    del ties["target"]
    against = comparison(found.against_random) if found.against_random else None
    return told | {"finals": list(found.finals), "tie_set": ties, "against_random": against}


def _entrant(row: Row) -> Json:
    return {
        "label": row.label,
        "searcher": row.searcher,
        "version": row.version,
        "settings": dict(row.settings),
        "async": row.asynchronous,
        "environment": dict(row.environment),
        "places": list(row.places),
        "seeds": list(row.seeds),
        "areas": list(row.areas),
        "finals": list(row.finals),
        "area": interval(row.area),
        "final": interval(row.final),
        "curve": list(row.curve),
        "band": {"low": list(row.band[0]), "high": list(row.band[1])},
        "targets": [_target(each) for each in row.reached],
        "against_random": comparison(row.against_random) if row.against_random else None,
        "best": _nomination(row.best) if row.best else None,
        "startup": row.startup,
        "searched": row.searched,
        "children": row.children,
        "proposals": row.proposals,
        "duplicates": row.duplicates,
        "diverged": row.diverged,
        "errors": row.errors,
        "seconds": row.seconds,
        **({"regret": _regret(row.regret)} if row.regret else {}),
    }


def _retrained(found: Retrained) -> Json:
    return {
        "seeds": list(found.seeds),
        "environment": dict(found.environment),
        "entrants": [
            {
                "label": each.label,
                "places": list(each.places),
                "seeds": list(each.seeds),
                "scores": list(each.scores),
                "mean": interval(each.mean),
            }
            for each in found.rows
        ],
        "comparisons": [comparison(each) for each in found.comparisons],
        "missing": list(found.missing),
    }


def _reference(each: Reference) -> Json:
    return {
        "label": each.label,
        "environment": dict(each.environment),
        "evaluations": each.evaluations,
        "seeds": list(each.seeds),
        "areas": list(each.areas),
        "finals": list(each.finals),
        "area": interval(each.area),
        "final": interval(each.final),
        "curve": list(each.curve),
        **({"regret": _regret(each.regret)} if each.regret else {}),
    }


def _target(each: Reached) -> Json:
    return {
        "target": each.target,
        "reached": each.count,
        "seeds": len(each.children),
        "median": each.median,
        "children": list(each.children),
    }


def comparison(each: Comparison) -> Json:
    """Return what is known of the difference between two entrants."""
    test = each.test
    return {
        "first": each.first,
        "second": each.second,
        "pairs": each.pairs,
        "difference": interval(test.difference) if test else None,
        "p": test.p if test else None,
        "exact": test.exact if test else None,
        "p_holm": each.adjusted,
        "verdict": each.verdict,
        "detectable": each.detectable,
    }


def protocol(each: TaskProtocol) -> Json:
    """Return how children were scored."""
    metric = {} if each.metric is None else {"metric": dataclasses.asdict(each.metric)}
    return {"name": each.name, "version": each.version, "hash": each.hash, **metric}


def interval(figure: Estimate) -> Json:
    """Return a mean with the ends of its interval."""
    return {"mean": figure.mean, "low": figure.low, "high": figure.high}


def _nomination(each: Nomination) -> Json:
    return {
        "rule": wording.formula(each.rule),
        "tokens": str(each.rule),
        "key": each.key,
        "score": each.score,
        "mean": each.mean,
        "seed": each.seed,
        "learning_rate": each.learning_rate,
        "children": each.children,
        "found": each.found,
        "searchers": list(each.searchers),
    }


def _csv(boards: Sequence[Board]) -> str:
    lines = []
    for number, board in enumerate(boards, 1):
        lines += [_line(number, board, row) for row in board.rows]
        lines += [_reference_line(number, board, each) for each in board.references]
    text = io.StringIO()
    columns = COLUMNS + (OVER_TABLES if any(board.truth for board in boards) else ())
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


# fmt: off
COLUMNS = (
    "board", "comparable", "space", "protocol", "protocol_version", "protocol_hash", "data", "fingerprint",
    "budget_children", "budget_proposals", "commits", "hardware", "label", "searcher", "version", "settings", "async",
    "environment", "place_best", "place_worst", "seeds", "area", "area_low", "area_high",
    "final", "final_low", "final_high",
    "best_rule", "best_tokens", "best_score", "best_seed", "best_learning_rate",
    "children", "proposals", "duplicates", "diverged", "errors", "seconds", "targets",
    "random_pairs", "random_difference", "random_low", "random_high", "random_p_holm", "random_verdict",
    "random_detectable", "startup", "searched",
    "retrained", "retrained_low", "retrained_high", "retrained_seeds",
)
OVER_TABLES = (
    "optimum", "regret", "regret_low", "regret_high", "ties_held", "ties_reached", "ties_children",
    "regret_random_pairs", "regret_random_difference", "regret_random_low", "regret_random_high",
    "regret_random_p_holm", "regret_random_verdict", "regret_random_detectable",
)
# fmt: on


def _line(number: int, board: Board, row: Row) -> Json:
    line: Json = _head(number, board, row) | {
        "searcher": wording.plain(row.searcher),
        "version": row.version,
        "settings": json.dumps(dict(row.settings), sort_keys=True),
        "async": str(row.asynchronous).lower(),
        "place_best": row.places[0] if row.searched else "",
        "place_worst": row.places[1] if row.searched else "",
        "children": row.children,
        "proposals": row.proposals,
        "duplicates": row.duplicates,
        "diverged": row.diverged,
        "errors": row.errors,
        "seconds": round(row.seconds, 3),
        "targets": json.dumps([_target(each) for each in row.reached]),
        "startup": row.startup,
        "searched": str(row.searched).lower(),
    }
    line |= _against("random", row.against_random)
    if row.regret:
        line |= _against("regret_random", row.regret.against_random)
    found = board.retrained
    for each in () if found is None else found.rows:
        if found and each.label == row.label:
            line |= {"retrained": each.mean.mean, "retrained_low": each.mean.low, "retrained_high": each.mean.high}
            line |= {"retrained_seeds": " ".join(map(str, found.seeds))}
    if row.best:
        line |= {
            "best_rule": wording.formula(row.best.rule),
            "best_tokens": str(row.best.rule),
            "best_score": row.best.score,
            "best_seed": row.best.seed,
            "best_learning_rate": row.best.learning_rate,
        }
    return line


def _against(name: str, against: Comparison | None) -> Json:
    if against is None or against.test is None:
        return {}
    told = against.test.difference
    cells: Json = {"pairs": against.pairs, "difference": told.mean, "low": told.low, "high": told.high}
    cells |= {"p_holm": against.adjusted, "verdict": against.verdict, "detectable": against.detectable}
    return {f"{name}_{cell}": value for cell, value in cells.items()}


def _reference_line(number: int, board: Board, each: Reference) -> Json:
    return _head(number, board, each) | {"children": each.evaluations}


def _head(number: int, board: Board, each: Row | Reference) -> Json:
    """Return the cells that entrants and references share."""
    line: Json = {
        "board": number,
        "comparable": board.comparable,
        "space": wording.plain(board.space.describe()),
        "protocol": board.protocol.name,
        "protocol_version": board.protocol.version,
        "protocol_hash": board.protocol.hash,
        "data": wording.plain(board.data),
        "fingerprint": board.fingerprint,
        "budget_children": board.budget.children,
        "budget_proposals": board.budget.proposals,
        "commits": wording.plain(" ".join(board.commits)),
        "hardware": wording.plain("; ".join(board.hardware)),
        "label": wording.plain(each.label),
        "environment": json.dumps(dict(each.environment), sort_keys=True),
        "seeds": " ".join(map(str, each.seeds)),
    }
    for name, figure in (("area", each.area), ("final", each.final)):
        line |= {name: figure.mean, f"{name}_low": figure.low, f"{name}_high": figure.high}
    if (found := each.regret) and board.truth:
        final = found.final
        line |= {"regret": final.mean, "regret_low": final.low, "regret_high": final.high}
        line |= {"optimum": board.truth.highest, "ties_held": found.share[-1]}
        line |= {"ties_reached": found.ever, "ties_children": found.median}
    return line


def _markdown(boards: Sequence[Board]) -> str:
    if not boards:
        return search_pages.EMPTY + "\n"
    pages = []
    for place, each in enumerate(boards, 1):
        page = search_pages.page(each, place if len(boards) > 1 else 0)
        pages.append(dataclasses.replace(page, tables=(*page.tables, *matrices(each))))
    return markdown(pages)
