"""Put what the races of this study show into README.md: ``python results/studies/searchers/report.py [STORE ...]``.

With STOREs, results folders that hold the races, the figures of every finished run are first copied into ``areas.csv``;
without, the tables are made anew from that file alone.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import harness
from harness.board.comparison import holm
from harness.board.statistics import estimate, sign_flip

HERE = Path(__file__).parent
AREAS = HERE / "areas.csv"
FIELDS = ("protocol", "searcher", "version", "seed", "area", "final", "children", "proposals", "duplicates")
MARK = "<!-- below: written by report.py -->"
ORDER = ("rl", "gp", "evolution", "tpe", "rl+gp", "random-plain", "random")
RIVALS = ("random", "random-plain")
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
    columns = ("protocol", "protocol_version", "searcher", "version", "seed", "area", "best", "children", "proposals")
    rows = []
    for store in stores:
        finished = harness.load(store).runs.where(state="finished", kind="search")
        for protocol, version, searcher, own, seed, area, final, children, proposals in zip(
            *(finished[name].tolist() for name in columns), strict=True
        ):
            figures = (f"{protocol} v{version}", searcher, own, seed, f"{area:.6f}", f"{final:.6f}")
            rows.append(dict(zip(FIELDS, (*figures, children, proposals, proposals - children), strict=True)))
    rows.sort(key=lambda row: (row["protocol"], ORDER.index(row["searcher"]), row["seed"]))
    with AREAS.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(rows: Sequence[Row]) -> list[str]:
    """One arena: each searcher's area, and its paired difference to either random search with the exact p of it."""
    if len({(row["searcher"], row["version"]) for row in rows}) > len({row["searcher"] for row in rows}):
        raise SystemExit("A searcher is there in two versions: name stores of one version only, and try again.")
    areas: dict[str, dict[int, float]] = defaultdict(dict)
    finals: dict[str, list[float]] = defaultdict(list)
    repeats: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        areas[row["searcher"]][int(row["seed"])] = float(row["area"])
        finals[row["searcher"]].append(float(row["final"]))
        repeats[row["searcher"]].append(int(row["duplicates"]))
    head = ["searcher", "seeds", "area", "final best", "duplicates a run"]
    for rival in RIVALS:
        head += [f"less `{rival}`", "wins", "p", "Holm"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    columns = [compared(areas, rival) if rival in areas else {} for rival in RIVALS]
    for name in (name for name in ORDER if name in areas):
        mean = estimate(list(areas[name].values()))
        cells = [f"`{name}`", str(mean.count), f"{mean.mean:.4f}", f"{np.mean(finals[name]):.4f}"]
        cells += [f"{np.mean(repeats[name]):.1f}"]
        for column in columns:
            cells += column.get(name, [""] * 4)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def compared(areas: Mapping[str, Mapping[int, float]], rival: str) -> dict[str, list[str]]:
    """The cells of each searcher against one rival; Holm's correction is over the searchers that learn."""
    differences = {
        name: np.array([areas[name][seed] - areas[rival][seed] for seed in sorted(areas[name].keys() & areas[rival])])
        for name in areas
        if name != rival and (name not in RIVALS or rival == "random") and areas[name].keys() & areas[rival]
    }
    chances = {name: sign_flip(values.tolist()) for name, values in differences.items()}
    learners = [name for name in chances if name not in RIVALS]
    adjusted = dict(zip(learners, holm([chances[name] for name in learners]), strict=True))
    cells = {}
    for name, values in differences.items():
        gain = estimate(values.tolist())
        margin = 0.0 if gain.high is None else gain.high - gain.mean
        cells[name] = [f"{gain.mean:+.4f} ± {margin:.4f}", f"{int((values > 0).sum())} of {gain.count}"]
        cells[name] += [f"{chances[name]:.2g}", f"{adjusted[name]:.2g}" if name in adjusted else ""]
    return cells


if __name__ == "__main__":
    main(*sys.argv[1:])
