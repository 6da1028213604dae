"""Put what this study shows into README.md: ``python results/studies/stronger/report.py``.

The tables are made from ``held-out.csv`` and ``tried.csv``, and from the table ``broad`` what no search can beat.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.board.comparison import holm
from harness.board.statistics import area, estimate, sign_flip
from harness.race.protocols import child_seed, named
from harness.tasks.table.lookup import replicate_of
from harness.tasks.table.outcome_table import OutcomeTable

HERE = Path(__file__).parent
MARK = "<!-- below: written by report.py -->"
PAIRS = (
    *((f"{name} 3", f"{name} 2") for name in ("evolution", "gp", "rl", "rl+gp")),
    *((f"{name} 3", "random-plain 0.85") for name in ("evolution", "gp", "rl", "rl+gp")),
    ("evolution 3", "gp 3"),
    ("gp 2", "random-plain 0.85"),
    ("evolution 2", "random-plain 0.85"),
)
HILL = "hill-climbing 0.85"
LATER = (  # raced when the pairs above were published, so Holm's correction is over these alone
    *((f"{name} 3", HILL) for name in ("evolution", "gp", "rl", "rl+gp")),
    (HILL, "hill-climbing 0.5"),
    (HILL, "random-plain 0.85"),
)
CHILDREN, SEEDS = 200, range(3000, 3040)  # of the bounds
Areas = Mapping[str, Mapping[int, float]]


def main() -> None:
    """Write everything below the mark anew."""
    lines = ["", "## Held-out seeds", ""]
    for arena, areas in held_out().items():
        lines += [f"### {arena}", "", *means(areas), "", *pairs(areas, PAIRS), ""]
        if HILL in areas:
            lines += ["Hill climbing, raced later, with a correction of its own:", "", *pairs(areas, LATER), ""]
    lines += ["## What no search can beat", "", *bounds(), "", "## Everything tried", ""]
    for title, rows in tried().items():
        lines += [f"### {title}", "", *rows, ""]
    readme = HERE / "README.md"
    text, mark, _ = readme.read_text(encoding="utf-8").partition(MARK)
    readme.write_text(text + mark + "\n" + "\n".join(lines).rstrip() + "\n", encoding="utf-8")


def held_out() -> dict[str, Areas]:
    """The areas by arena and budget, entry and seed."""
    found: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    with (HERE / "held-out.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            where = f"`{row['arena']}`, {int(row['children']):,} children"
            found[where][row["entry"]][int(row["seed"])] = float(row["area"])
    return dict(found)


def means(areas: Areas) -> Iterator[str]:
    """Each entry's area."""
    yield from ("| entry | seeds | area |", "|---|---|---|")
    for name, values in sorted(areas.items(), key=lambda item: -np.mean([*item[1].values()])):
        yield f"| {name} | {len(values)} | {np.mean([*values.values()]):.4f} |"


def pairs(areas: Areas, chosen: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The differences by seed; Holm's correction is over the rows."""
    rows = []
    for first, second in chosen:
        shared = sorted(areas.get(first, {}).keys() & areas.get(second, {}).keys())
        if shared:
            values = [areas[first][seed] - areas[second][seed] for seed in shared]
            rows.append((first, second, values, sign_flip(values)))
    yield from ("| first less second | seeds | difference | 95% | wins | p | Holm |", "|---|---|---|---|---|---|---|")
    for (first, second, values, chance), adjusted in zip(rows, holm([row[3] for row in rows]), strict=True):
        gain = estimate(values)
        wins = sum(value > 0 for value in values)
        yield (
            f"| {first} less {second} | {gain.count} | {gain.mean:+.4f} | {gain.low:+.4f} to {gain.high:+.4f}"
            f" | {wins} | {chance:.2g} | {adjusted:.2g} |"
        )


def bounds() -> Iterator[str]:
    """Expected areas of strategies that know the table, beside that of drawing its functions without repeats."""
    table, protocol = OutcomeTable.shipped("broad"), named("table-broad")
    keys = [rule.key for rule in table.rules]
    scores = np.array([[table.outcome(key, each).score for each in range(table.replicates)] for key in keys])
    by_truth = np.argsort([-table.truth(key) for key in keys], kind="stable")
    found = defaultdict(list)
    for seed in SEEDS:
        own = child_seed(seed, protocol)
        met = scores[range(len(keys)), [replicate_of(key, seed=own, replicates=table.replicates) for key in keys]]
        found["every function equally likely, none twice"].append(area(without_repeats(met)))
        found["the functions in the order of their truth"].append(area(np.maximum.accumulate(met[by_truth[:CHILDREN]])))
        found["the best score that the run can meet, at once"].append(float(met.max()))
    yield from (f"| strategy on `table-broad`, {CHILDREN} children | expected area |", "|---|---|")
    for name, values in found.items():
        yield f"| {name} | {np.mean(values):.4f} |"


def without_repeats(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected best of c functions drawn without replacement, c = 1 … CHILDREN."""
    ordered, count = np.sort(scores), len(scores)
    below = np.ones(count + 1)  # chance that all drawn so far are among the i lowest, for i = 0 … count
    places, curve = np.arange(count + 1.0), []
    for drawn in range(CHILDREN):
        below = below * np.clip(places - drawn, 0.0, None) / (count - drawn)
        curve.append(float(ordered @ np.diff(below)))
    return np.array(curve)


def tried() -> dict[str, Sequence[str]]:
    """Every configuration tried, by stage and searcher."""
    with (HERE / "tried.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    arenas = list(dict.fromkeys(row["arena"] for row in rows))
    groups: dict[str, dict[tuple[str, str], dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        cell = row["area"] + (f" ({row['gain']} ± {row['error']})" if row["gain"] else "")
        groups[f"{row['stage']}, seeds {row['seeds']}"][row["searcher"], row["settings"]][row["arena"]] = cell
    head = ["| searcher | settings | " + " | ".join(f"`{arena}`" for arena in arenas) + " |", "|---" * 5 + "|"]
    return {
        title: head
        + [
            f"| {searcher} | {settings} | " + " | ".join(cells.get(arena, "") for arena in arenas) + " |"
            for (searcher, settings), cells in group.items()
        ]
        for title, group in groups.items()
    }


if __name__ == "__main__":
    main()
