"""Put what the races of this study show into README.md: ``python results/studies/searchers/report.py [STORE ...]``.

With STOREs, results folders that hold the races, the figures of every finished run are first copied into ``areas.csv``;
without, the tables are made anew from that file alone.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.board.statistics import area, best_so_far, estimate, sign_flip
from harness.race.ledger import Ledger
from harness.race.records import RunState

HERE = Path(__file__).parent
AREAS = HERE / "areas.csv"
FIELDS = ("protocol", "searcher", "version", "seed", "area", "final", "children", "proposals", "duplicates")
MARK = "<!-- below: written by report.py -->"
ORDER = ("rl", "gp", "evolution", "tpe", "rl+gp", "random")
Row = dict[str, str]


def main(*stores: str) -> None:
    """Write everything below the mark anew."""
    if stores:
        collect([Path(store) for store in stores])
    with AREAS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines: list[str] = []
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        lines += ["", f"### `{protocol}`", "", *table([row for row in rows if row["protocol"] == protocol])]
    readme = HERE / "README.md"
    text, mark, _ = readme.read_text().partition(MARK)
    readme.write_text(text + mark + "\n".join(["", *lines, ""]))


def collect(stores: Sequence[Path]) -> None:
    """Copy the figures of all finished runs into ``areas.csv``."""
    records = []
    for store in stores:
        with Ledger.read(store) as ledger:
            records += [record for record in ledger.runs() if record.state is RunState.FINISHED]
    rows = []
    for record in records:
        header, trials = record.header, record.trials
        curve = best_so_far(trials, children=header.budget.children, chance=header.protocol.chance)
        charged = sum(trial.charged for trial in trials)
        rows.append(
            {
                "protocol": f"{header.protocol.name} v{header.protocol.version}",
                "searcher": header.searcher,
                "version": header.searcher_version,
                "seed": header.seed,
                "area": f"{area(curve):.6f}",
                "final": f"{curve[-1]:.6f}",
                "children": charged,
                "proposals": len(trials),
                "duplicates": len(trials) - charged,
            }
        )
    rows.sort(key=lambda row: (row["protocol"], ORDER.index(row["searcher"]), row["seed"]))
    with AREAS.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(rows: Sequence[Row]) -> list[str]:
    """One arena: each searcher's area, its paired difference to random, and the exact p of that difference."""
    areas: dict[str, dict[int, float]] = defaultdict(dict)
    finals: dict[str, list[float]] = defaultdict(list)
    repeats: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        areas[row["searcher"]][int(row["seed"])] = float(row["area"])
        finals[row["searcher"]].append(float(row["final"]))
        repeats[row["searcher"]].append(int(row["duplicates"]))
    lines = [
        "| searcher | seeds | area | final best | less random's, by seed | wins | p | Holm | duplicates a run |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    differences = {
        name: np.array(
            [areas[name][seed] - areas["random"][seed] for seed in sorted(areas[name].keys() & areas["random"])]
        )
        for name in ORDER
        if name in areas and name != "random"
    }
    chances = {name: sign_flip(values.tolist()) for name, values in differences.items()}
    adjusted = holm(chances)
    for name in (name for name in ORDER if name in areas):
        mean = estimate(list(areas[name].values()))
        cells = [name, str(mean.count), f"{mean.mean:.4f}", f"{np.mean(finals[name]):.4f}"]
        if name in differences:
            gain = estimate(differences[name].tolist())
            cells += [
                f"{gain.mean:+.4f} ± {gain.half or 0:.4f}",
                f"{int((differences[name] > 0).sum())} of {gain.count}",
            ]
            cells += [f"{chances[name]:.2g}", f"{adjusted[name]:.2g}"]
        else:
            cells += [""] * 4
        lines.append("| " + " | ".join([*cells, f"{np.mean(repeats[name]):.1f}"]) + " |")
    return lines


def holm(chances: dict[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment of several p values (Holm 1979)."""
    adjusted, floor = {}, 0.0
    for rank, (name, chance) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        floor = max(floor, min(1.0, (len(chances) - rank) * chance))
        adjusted[name] = floor
    return adjusted


if __name__ == "__main__":
    main(*sys.argv[1:])
