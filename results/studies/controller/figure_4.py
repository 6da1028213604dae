"""The paper's controller over a long search: our Figure 4 ([NOS] Figure 4), on an arena and on a table.

``python results/studies/controller/figure_4.py RESULTS`` runs ``rl`` with the paper's numbers for 45,000 proposals in a
results folder, going on with what is there, and writes ``figure-4.csv`` and ``figure-4.svg`` beside this file. On the
arena every proposal is a new function (preset ``paper``). A table has too few for that, so there the controller may
propose a function again, which is free (``arxiv2``, the same numbers). The picture needs matplotlib:
``pip install -e '.[publish]'``.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import harness

HERE = Path(__file__).parent
TABLE, PICTURE = HERE / "figure-4.csv", HERE / "figure-4.svg"
PROPOSALS, WINDOW = 45_000, 500
SEARCHES = {  # preset, children, seeds; the table has no more functions
    "toy-quadratic": ("paper", PROPOSALS, (0,)),
    "table-broad": ("arxiv2", 2_355, (0, 1)),
}
COLOURS = {"toy-quadratic": "#0072B2", "table-broad": "#D55E00"}


def main(results: Path) -> None:
    """Search, and write both files."""
    for protocol, (preset, children, seeds) in SEARCHES.items():
        harness.run(
            f"rl:preset={preset}",
            protocol=protocol,
            children=children,
            proposals=PROPOSALS,
            seeds=seeds,
            results=results,
        )
    write(results)
    draw()


def write(results: Path) -> None:
    """The mean reward of each window of proposals, duplicates included, and the best child by its end."""
    loaded = harness.load(results)
    runs, trials = loaded.runs, loaded.trials
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["protocol", "seed", "proposals", "mean_reward", "best", "charged"])
        for run, protocol, seed, settings in zip(
            runs["run"], runs["protocol"], runs["seed"], runs["settings"], strict=True
        ):
            preset, _, seeds = SEARCHES[protocol]
            if f'"preset": "{preset}"' not in settings or seed not in seeds:
                continue
            own = trials.where(run=run)
            for start in range(0, own.rows, WINDOW):
                window = slice(start, start + WINDOW)
                scores, end = own["score"][window], min(start + WINDOW, own.rows)
                mean, charged = float(np.mean(scores)), int(own["charged"][window].sum())
                out.writerow([protocol, seed, end, f"{mean:.4f}", f"{own['best'][end - 1]:.4f}", charged])


def draw() -> None:
    """Mean reward against proposals; thin lines are the best child so far."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "harness", "svg.fonttype": "path", "font.size": 9})
    from matplotlib import pyplot

    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(figsize=(7.0, 3.4), layout="constrained")
    for protocol, colour in COLOURS.items():
        for seed in sorted({row["seed"] for row in rows if row["protocol"] == protocol}):
            own = [row for row in rows if (row["protocol"], row["seed"]) == (protocol, seed)]
            at = [int(row["proposals"]) for row in own]
            label = protocol if seed == "0" else None
            axes.plot(at, [float(row["mean_reward"]) for row in own], color=colour, linewidth=1.4, label=label)
            axes.plot(at, [float(row["best"]) for row in own], color=colour, linewidth=0.6, alpha=0.6)
    axes.set_xlabel("proposals")
    axes.set_ylabel(f"reward, mean of {WINDOW} proposals")
    axes.set_title("rl with the paper's numbers: mean reward, and the best child so far (thin)", loc="left", fontsize=9)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None}, facecolor="white")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
