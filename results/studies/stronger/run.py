"""Race old and new versions on held-out seeds: ``python results/studies/stronger/run.py [ARENA ...] --store FOLDER``.

Each finished search is a line of ``held-out.csv``. The runs are kept in FOLDER, where a second start goes on.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import harness
from harness.searchers.gp import GeneticProgramming
from harness.searchers.rl.agent import ReinforcementLearning
from harness.searchers.rl_gp import ControllerSeededGP
from harness.seeds import derive_seed
from harness.space.grammar import Space

TABLE = Path(__file__).with_name("held-out.csv")
COLUMNS = ("arena", "children", "entry", "seed", "area", "best")
GP_2: dict[str, int | float] = {"population": 10, "elites": 10, "plain": 0.5}
EVOLUTION_2 = {"population": 50, "tournament": 15, "initial": 25, "crossover": 0.0, "plain": 0.5, "resolution": 0.0}


class SecondRlGp(ControllerSeededGP):
    """``rl+gp`` of version 2: that of today around the parts that it had then."""

    def __init__(self, space: Space, *, seed: int) -> None:
        super().__init__(space, seed=seed)
        inner = derive_seed(seed, "rl+gp", "rl")
        self._controller = ReinforcementLearning(space, seed=inner, batch=self.batch, initial=0, plain=0.5)
        self._breeder = GeneticProgramming(space, seed=derive_seed(seed, "rl+gp", "gp"), **GP_2)  # type: ignore[arg-type]

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """There are no settings to lower; no budget here asks for it."""
        return {}


# Settings reproduce the proposals of the versions before, one by one.
ENTRIES: dict[str, tuple[str, dict[str, int | float]]] = {
    "evolution 3": ("evolution", {}),
    "evolution 2": ("evolution", EVOLUTION_2),
    "gp 3": ("gp", {}),
    "gp 2": ("gp", GP_2),
    "random-plain 0.85": ("random-plain", {"plain": 0.85}),
    "random-plain 0.5": ("random-plain", {}),
    "random": ("random", {}),
    "rl 3": ("rl", {}),
    "rl 2": ("rl", {"plain": 0.5}),
    "rl+gp 3": ("rl+gp", {}),
    "rl+gp 2": ("rl+gp-2", {}),
    "hill-climbing 0.85": ("hill-climbing", {"plain": 0.85}),
    "hill-climbing 0.5": ("hill-climbing", {}),
}
ARENAS = {"table-broad": 200, "toy-quadratic": 300, "toy-rosenbrock": 300, "table-adaptive": 200}  # children
SEEDS, FEWER = range(3000, 3040), range(3000, 3020)


def seeds(arena: str, entry: str) -> range:
    """Fewer where both the searcher and the arena are slow."""
    return FEWER if arena.startswith("toy") and entry.startswith("rl") else SEEDS


def main() -> None:
    """Run what has no lines yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arenas", nargs="*", choices=[*ARENAS, []], default=list(ARENAS))
    parser.add_argument("--children", type=int, help="another budget than the arena's")
    parser.add_argument("--entries", help="with commas between; all if left out")
    parser.add_argument("--store", type=Path, required=True, help="a results folder for the runs")
    arguments = parser.parse_args()
    harness.register("searcher", "rl+gp-2", SecondRlGp)
    if not TABLE.exists():
        TABLE.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    with TABLE.open(newline="", encoding="utf-8") as file:
        done = {(row["arena"], row["children"], row["entry"]) for row in csv.DictReader(file)}
    for arena in arguments.arenas:
        children = arguments.children or ARENAS[arena]
        for entry in arguments.entries.split(",") if arguments.entries else ENTRIES:
            if (arena, str(children), entry) in done:
                continue
            board = harness.run(
                ENTRIES[entry],
                protocol=arena,
                children=children,
                seeds=seeds(arena, entry),
                results=arguments.store / f"{arena}-{children}" / entry,  # a folder's runs are all read below
                progress=False,
            )
            runs = harness.load(board).runs
            figures = sorted(zip(runs["seed"].tolist(), runs["area"].tolist(), runs["best"].tolist(), strict=True))
            with TABLE.open("a", newline="", encoding="utf-8") as file:
                for seed, area, best in figures:
                    csv.writer(file, lineterminator="\n").writerow(
                        [arena, children, entry, seed, f"{area:.6f}", f"{best:.6f}"]
                    )
            print(arena, children, entry, sum(area for _, area, _ in figures) / len(figures), flush=True)


if __name__ == "__main__":
    main()
