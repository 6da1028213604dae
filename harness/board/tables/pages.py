"""A packed table as short tables of text that fit 80 columns, and as JSON.

**JSON** (``"schema": 1``; a change that could break a reader raises it, a new key does not)::

    {"schema": 1, "name", "fingerprint", "space": {...}, "protocol": {"name", "version", "hash"},
     "data": {"name", "fingerprint"}, "functions": int, "replicates": int, "fresh_seeds": int, "commits": [str],
     "environments": [{"outcomes": int, "environment": {...}}],
     "statuses": [{"ok", "diverged", "error"}],                 # of each replicate
     "agreements": [{"first", "second", "pearson", "spearman", "difference": {...}, "environments": [[int], [int]]}],
     "noise": {"spread", "share"}, "noise_of_best": {"spread", "share"},
     "optimum": key, "tie_set": [key], "best_unretrained": float or null,
     "rules": [{"rule", "tokens", "key", "place", "truth", "low", "high", "test", "replicates", "difference",
       "adjusted", "tied"}],                                    # all that were retrained, the best first
     "known": [{"name", "key", "truth", "place", "inside", "tied"}]}
"""

from __future__ import annotations

import dataclasses
import json

from harness.board.page import SHOWN_DIGITS, Column, Page, TableText
from harness.board.tables.checking import Environments, Retraining
from harness.board.tables.figures import Noise, TableFigures
from harness.board.wording import chance, estimated, formula, plain
from harness.contracts import Status

SCHEMA = 1


def page(shown: TableFigures, *, top: int) -> Page:
    """Return a table as a page for people to read.

    Args:
        shown: what the table shows.
        top: how many of the best rules to list.
    """
    tables = (_outcomes(shown), _agreements(shown), _noise(shown), _rules(shown, top), _known(shown))
    return Page(f"Table {shown.table.name}", _facts(shown), tuple(each for each in tables if each.rows), _notes(shown))


def document(shown: TableFigures) -> str:
    """Return a table as JSON for programs to read, ending in a line break."""
    table = shown.table
    header, protocol = table.header, table.protocol
    fields = {
        "schema": SCHEMA,
        "name": table.name,
        "fingerprint": table.fingerprint,
        "space": table.space.spec(),
        "protocol": {"name": protocol.name, "version": protocol.version, "hash": protocol.hash},
        "data": header["data"],
        "functions": len(table.own.keys),
        "replicates": table.own.seeds,
        "fresh_seeds": table.fresh.seeds,
        "commits": header["commits"],
        "environments": [
            {"outcomes": count, "environment": environment}
            for count, environment in zip(shown.environments, header["environments"], strict=True)
        ],
        "statuses": [{status.value: count for status, count in each.items()} for each in shown.statuses],
        "agreements": [dataclasses.asdict(each) for each in shown.agreements],
        "noise": dataclasses.asdict(shown.noise),
        "noise_of_best": dataclasses.asdict(shown.noise_of_best),
        "optimum": shown.rules[0].key if shown.rules else None,
        "tie_set": [each.key for each in shown.tie_set],
        "best_unretrained": shown.unretrained,
        "rules": [
            {"rule": formula(each.rule), "tokens": str(each.rule)}
            | {name: value for name, value in dataclasses.asdict(each).items() if name != "rule"}
            for each in shown.rules
        ],
        "known": [dataclasses.asdict(each) for each in shown.known],
    }
    return json.dumps(fields, indent=2, allow_nan=False) + "\n"


def told_environments(found: Environments | None) -> str:
    """Say in one line whether environments differ beyond noise."""
    if found is None:
        return "environments: nothing to compare; this needs replicates of one environment and of two"
    verdict = "they differ beyond noise" if found.differ else "no difference beyond noise"
    return (
        f"environments: replicates differ by {found.within:.4f} within one and by {found.across:.4f} across two "
        f"(root mean square), p = {chance(found.p)}: {verdict}"
    )


def told_retraining(found: Retraining) -> tuple[str, ...]:
    """Say how retrained entries agree with the table: the entries that differ, then the verdict."""
    lines = [
        f"replicate {each.replicate}, {formula(each.rule)}: "
        f"{each.held.score:.4f} {each.held.status.value} in the table, "
        f"{each.here.score:.4f} {each.here.status.value} here"
        for each in found.entries
        if not each.equal
    ]
    if not lines:
        return (f"retrained {len(found.entries)}: all equal the table exactly",)
    spearman = "none" if found.spearman is None else f"{found.spearman:.3f}"
    p = "" if found.p is None else f", p = {chance(found.p)}"
    lines.append(
        f"retrained {len(found.entries)}: {found.equal} equal the table exactly; mean difference "
        f"{estimated(found.difference, sign='+')}{p}; "
        f"root mean square {found.size:.4f}, between two seeds of the table "
        f"{found.noise:.4f}; Spearman {spearman}: {'agrees within noise' if found.agrees else 'does not agree'}"
    )
    return tuple(lines)


def _facts(shown: TableFigures) -> tuple[tuple[str, str], ...]:
    table = shown.table
    protocol, data = table.protocol, table.header["data"]
    facts = [
        ("space", table.space.describe()),
        ("protocol", f"{protocol.name} v{protocol.version} ({protocol.hash[:SHOWN_DIGITS]})"),
        ("data", f"{data['name']} ({data['fingerprint'][:SHOWN_DIGITS]})"),
        ("functions", f"{len(table.own.keys):,}, each scored on {table.own.seeds} seeds"),
        ("truth", f"{len(table.fresh.keys)} rules retrained on {table.fresh.seeds} fresh seeds"),
        ("optimum", formula(shown.rules[0].rule) if shown.rules else "none retrained"),
        ("tie set", f"{len(shown.tie_set)} rules not shown to be worse than the optimum"),
        ("fingerprint", table.fingerprint[:SHOWN_DIGITS]),
        ("commits", ", ".join(commit[:SHOWN_DIGITS] or "unknown" for commit in table.header["commits"])),
    ]
    for number, (count, environment) in enumerate(zip(shown.environments, table.header["environments"], strict=True)):
        named = ", ".join(f"{name} {value}" for name, value in sorted(environment.items()))
        facts.append((f"environment {number}", f"{count:,} outcomes: {named}"))
    return tuple((name, plain(text)) for name, text in facts)


def _outcomes(shown: TableFigures) -> TableText:
    columns = (Column("replicate", right=True), *(Column(status.value, right=True) for status in Status))
    rows = tuple(
        (str(number), *(f"{each[status]:,}" for status in Status)) for number, each in enumerate(shown.statuses)
    )
    return TableText("How children ended", columns, rows)


def _agreements(shown: TableFigures) -> TableText:
    titles = ("replicates", "Pearson", "Spearman", "mean difference", "environments")
    rows = tuple(
        (
            f"{each.first} and {each.second}",
            _figure(each.pearson),
            _figure(each.spearman),
            estimated(each.difference, sign="+"),
            " and ".join(",".join(map(str, own)) for own in each.environments),
        )
        for each in shown.agreements
    )
    return TableText("How replicates agree", tuple(Column(title, right=True) for title in titles), rows)


def _noise(shown: TableFigures) -> TableText:
    def row(name: str, each: Noise) -> tuple[str, ...]:
        return (name, f"{each.spread:.4f}", "none" if each.share is None else f"{each.share:.1%}")

    rows = (
        row("all rules, replicates", shown.noise),
        row("best rules, fresh seeds", shown.noise_of_best),
    )
    columns = (Column("of"), Column("standard deviation", right=True), Column("share of variance", right=True))
    return TableText("How much is noise", columns, rows)


def _rules(shown: TableFigures, top: int) -> TableText:
    titles = ("", "truth", "test", "replicates", "p", "tied")
    rows = tuple(
        (
            str(each.place),
            f"{each.truth:.4f}",
            _figure(each.test),
            f"{each.replicates:.4f}",
            "" if each is shown.rules[0] else chance(each.adjusted),
            "yes" if each.tied else "no",
            formula(each.rule),
        )
        for each in shown.rules[:top]
    )
    columns = (*(Column(title, right=True) for title in titles), Column("rule", code=True))
    return TableText(f"Best rules by truth ({min(top, len(shown.rules))} of {len(shown.rules)})", columns, rows)


def _known(shown: TableFigures) -> TableText:
    columns = (
        Column("optimizer"),
        *(Column(title, right=True) for title in ("truth", "place", "tied", "in the space")),
    )
    rows = tuple(
        (
            each.name,
            f"{each.truth:.4f}",
            str(each.place),
            "" if each.tied is None else "yes" if each.tied else "no",
            "yes" if each.inside else "no",
        )
        for each in shown.known
    )
    return TableText("Known optimizers", columns, rows)


def _notes(shown: TableFigures) -> tuple[str, ...]:
    notes = [
        "Truth is the mean score on fresh seeds alone. The replicates chose which rules are retrained, so their means "
        "are biased upward.",
        "Tied: not shown to be worse than the optimum by the two-sided paired t test over fresh seeds, with Holm's "
        "correction over all retrained rules. The optimum was chosen by the same seeds.",
        "The share of variance is that of noise in single scores, by analysis of variance; seeds that are good or "
        "bad for all rules count as noise.",
        "Places are those among the retrained rules; a known optimizer outside the space has the place it would have.",
    ]
    if shown.unretrained is not None:
        notes.append(f"The best mean of replicates among rules that were not retrained is {shown.unretrained:.4f}.")
    return tuple(notes)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
