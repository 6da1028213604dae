"""Search the cheap arenas with the settings of each stage; a second start goes on where the first one stopped.

    python results/studies/controller/run.py screen|refine|check [--store FOLDER]

Each search is one line of ``searches.csv``. ``--store`` keeps the runs on disk, so that stages share their rewards.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stages import STAGES, Arm, Stage

import harness
from harness import Rule
from harness.contracts import ChildProtocol, Trial
from harness.race.protocols import named
from harness.searchers.random_search import RandomSearch
from harness.searchers.rl.agent import ReinforcementLearning

TABLE = Path(__file__).with_name("searches.csv")
COLUMNS = ("stage", "arena", "arm", "seed", "area", "best", "mean_last_100", "proposals", "searcher_ms_a_rule")
CHILDREN = 300
# a sketch is the arena with fewer steps, about a fifth of its cost: (training examples, epochs)
SKETCHES = {"toy-quadratic": (50, 2), "toy-rosenbrock": (60, 2), "toy-classifier": (150, 2)}


def timed(searcher: type[Any], spent: list[float]) -> type[Any]:
    """The searcher, its processor time added up."""

    class Timed(searcher):
        """Does what the searcher does."""

        def ask(self, count: int) -> Sequence[Rule]:
            began = time.process_time()
            rules: Sequence[Rule] = super().ask(count)
            spent.append(time.process_time() - began)
            return rules

        def tell(self, trials: Sequence[Trial]) -> None:
            began = time.process_time()
            super().tell(trials)
            spent.append(time.process_time() - began)

    return Timed


def protocol_of(arena: str) -> ChildProtocol:
    """The protocol of an arena: a toy by name, or its sketch as ``sketch:name``."""
    kind, _, name = arena.rpartition(":")
    protocol = named(name)
    if kind != "sketch":
        return protocol
    examples, epochs = SKETCHES[name]
    return dataclasses.replace(protocol, train_examples=examples, epochs=epochs)


def search(arena: str, arm: Arm, seed: int, store: Path | None) -> dict[str, object]:
    """Run one arm for one seed, and return its line."""
    spent: list[float] = []
    own = RandomSearch if arm.settings is None else ReinforcementLearning
    harness.register("searcher", f"timed-{own.__name__}", searcher := timed(own, spent))
    board = harness.run(
        (searcher, arm.settings or {}),
        protocol=protocol_of(arena),
        children=CHILDREN,
        seeds=[seed],
        results=store,
        progress=False,
    )
    trials = harness.load(board).trials.where(run=board.runs[-1])
    charged = trials.where(charged=True)
    return {
        "arena": arena,
        "arm": arm.name,
        "seed": seed,
        "area": round(float(charged["best"].mean()), 5),
        "best": round(float(charged["best"][-1]), 5),
        "mean_last_100": round(float(charged["score"][-100:].mean()), 5),
        "proposals": trials.rows,
        "searcher_ms_a_rule": round(1000 * sum(spent) / trials.rows, 2),
    }


def wanted(stage: Stage) -> Iterator[tuple[str, Arm, int]]:
    """Every search of a stage, seed by seed so that a stage cut short is still paired."""
    for seed in stage.seeds:
        for arena in stage.arenas:
            for arm in stage.arms:
                yield arena, arm, seed


def main() -> None:
    """Run the searches of the stage asked for that have no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--store", type=Path, help="a results folder for the runs")
    arguments = parser.parse_args()
    stage = STAGES[arguments.stage]
    done = set()
    if TABLE.exists():
        with TABLE.open(newline="") as file:
            done = {(row["stage"], row["arena"], row["arm"], row["seed"]) for row in csv.DictReader(file)}
    else:
        TABLE.write_text(",".join(COLUMNS) + "\n")
    for arena, arm, seed in wanted(stage):
        if (arguments.stage, arena, arm.name, str(seed)) in done:
            continue
        row = {"stage": arguments.stage, **search(arena, arm, seed, arguments.store)}
        with TABLE.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        print(f"{arena} {arm.name} {seed}: area {row['area']}, best {row['best']}", flush=True)


if __name__ == "__main__":
    main()
