"""Write the tables below the marker of README.md, from ``searches.csv``.

python results/studies/controller/report.py
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
MARKER = "<!-- below: written by report.py -->"
Rows = list[dict[str, str]]


def main() -> None:
    """Rewrite what stands below the marker."""
    with (HERE / "searches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stages = dict.fromkeys(row["stage"] for row in rows)
    text = "\n\n".join(table(stage, [row for row in rows if row["stage"] == stage]) for stage in stages)
    readme = HERE / "README.md"
    head = readme.read_text().partition(MARKER)[0]
    readme.write_text(f"{head}{MARKER}\n\n{text}\n")


def table(stage: str, rows: Rows) -> str:
    """The arms of a stage, best first, by paired difference in area to random search."""
    arenas = sorted({row["arena"] for row in rows})
    areas = {(row["arm"], row["arena"], row["seed"]): float(row["area"]) for row in rows}
    lines = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = [row for row in rows if row["arm"] == arm]
        gains: dict[str, list[float]] = defaultdict(list)
        for row in mine:
            gains[row["arena"]].append(float(row["area"]) - areas["random", row["arena"], row["seed"]])
        every = [gain for arena in arenas for gain in gains[arena]]
        late = np.mean([float(row["mean_last_100"]) for row in mine])
        cost = np.mean([float(row["searcher_ms_a_rule"]) for row in mine])
        if arm == "random":
            cells = [f"{np.mean([areas[arm, arena, row['seed']] for row in mine]):.3f}" for arena in arenas]
            lines.append((-np.inf, f"| random: its area | | {' | '.join(cells)} | {late:.2f} | {cost:.1f} |"))
            continue
        cells = [cell(gains[arena], test=stage == "check") for arena in arenas]
        error = np.std(every, ddof=1) / len(every) ** 0.5
        mean = float(np.mean(every))
        lines.append((mean, f"| {arm} | {mean:+.3f} ± {error:.3f} | {' | '.join(cells)} | {late:.2f} | {cost:.1f} |"))
    searches = len(rows) // len(lines) // len(arenas)
    head = f"| arm | gain over random | {' | '.join(arenas)} | mean of last 100 | ms a rule |"
    body = "\n".join(line for _, line in sorted(lines, key=lambda line: -line[0]))
    return f"### {stage}, {searches} seeds\n\n{head}\n{'|---' * (len(arenas) + 4)}|\n{body}"


def cell(gains: Sequence[float], *, test: bool) -> str:
    """Mean paired gain, with the exact two-sided sign-flip p if asked for."""
    mean = float(np.mean(gains))
    return f"{mean:+.3f} (p = {sign_flip(gains):.2g})" if test else f"{mean:+.3f}"


def sign_flip(gains: Sequence[float]) -> float:
    """Share of all sign patterns whose mean is as far from 0 as the one seen."""
    values = np.array(gains)
    means = np.array(list(product((-1.0, 1.0), repeat=len(values)))) @ values
    return float(np.mean(np.abs(means) >= abs(values.sum()) - 1e-12))


if __name__ == "__main__":
    main()
