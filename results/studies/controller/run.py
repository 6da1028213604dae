"""Search the cheap arenas with the settings of each stage; a second start goes on where the first one stopped.

    python results/studies/controller/run.py screen|refine|check [--scores SCRATCH.jsonl]

Each search is one line of ``searches.csv``. ``--scores`` keeps the rewards on disk, so that stages share them.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stages import STAGES, Arm, Stage

from harness.contracts import ChildProtocol, Outcome, Rule, Searcher, Status, Task, Trial
from harness.race.protocols import PROPOSALS_PER_CHILD, child_seed, named
from harness.registry import Kind, load
from harness.searchers.random_search import RandomSearch
from harness.searchers.rl.agent import ReinforcementLearning
from harness.space.grammar import Space

TABLE = Path(__file__).with_name("searches.csv")
COLUMNS = ("stage", "arena", "arm", "seed", "area", "best", "mean_last_100", "proposals", "searcher_ms_a_rule")
SPACE = Space.of("icml2017", blocks=2)
CHILDREN = 300
# a sketch is the arena with fewer steps, about a fifth of its cost: (training examples, epochs)
SKETCHES = {"toy-quadratic": (50, 2), "toy-rosenbrock": (60, 2), "toy-classifier": (150, 2)}

Key = tuple[str, int, str]


class Scores:
    """Rewards by arena, seed and function, computed once.

    Args:
        path: where they are kept between starts; nowhere if None.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[Key, float] = {}
        if path is not None and path.exists():
            for arena, seed, key, score in map(json.loads, path.read_text().splitlines()):
                self._known[arena, seed, key] = score

    def of(self, arena: str, task: Task, protocol: ChildProtocol, rules: Sequence[Rule], seed: int) -> list[float]:
        """The rewards of some rules."""
        new = {rule.key: rule for rule in rules if (arena, seed, rule.key) not in self._known}
        outcomes = task.evaluate(list(new.values()), seed=child_seed(seed, protocol)) if new else []
        for key, outcome in zip(new, outcomes, strict=True):
            self._known[arena, seed, key] = outcome.score
        if self._path is not None and new:
            with self._path.open("a") as file:
                file.writelines(
                    json.dumps([arena, seed, key, outcome.score]) + "\n"
                    for key, outcome in zip(new, outcomes, strict=True)
                )
        return [self._known[arena, seed, rule.key] for rule in rules]


def protocol_of(arena: str) -> ChildProtocol:
    """The protocol of an arena: a toy by name, or its sketch as ``sketch:name``."""
    kind, _, name = arena.rpartition(":")
    protocol = named(name)
    if kind != "sketch":
        return protocol
    examples, epochs = SKETCHES[name]
    return dataclasses.replace(protocol, train_examples=examples, epochs=epochs)


def built(arm: Arm, seed: int) -> Searcher:
    """The searcher of an arm."""
    if arm.settings is None:
        return RandomSearch(SPACE, seed=seed)
    return ReinforcementLearning(SPACE, seed=seed, **arm.settings)


def search(arena: str, arm: Arm, seed: int, scores: Scores) -> dict[str, object]:
    """Race one arm for one seed as the loop would: charged once a function, told a batch at a time."""
    protocol, searcher, spent = protocol_of(arena), built(arm, seed), 0.0
    task: Task = load(Kind.TASK, protocol.task)(protocol, None)
    charged: dict[str, float] = {}
    proposals, best, curve = 0, 0.0, list[float]()

    def timed(call: Callable[[], object]) -> object:
        nonlocal spent
        began = time.process_time()
        result = call()
        spent += time.process_time() - began
        return result

    while len(charged) < CHILDREN and proposals < PROPOSALS_PER_CHILD * CHILDREN:
        rules = timed(lambda: searcher.ask(min(searcher.batch, CHILDREN - len(charged))))
        assert isinstance(rules, list)
        trials = []
        for rule, score in zip(rules, scores.of(arena, task, protocol, rules, seed), strict=True):
            new = rule.key not in charged
            if new:
                charged[rule.key] = score
                best = max(best, score)
                curve.append(best)
            outcome = Outcome(status=Status.OK, score=score, learning_rate=None, examples=0, seconds=0.0)
            trials.append(Trial(proposals, rule, outcome, new))
            proposals += 1
        timed(lambda: searcher.tell(trials))  # noqa: B023 - called at once
    late = list(charged.values())[-100:]
    return {
        "arena": arena,
        "arm": arm.name,
        "seed": seed,
        "area": round(sum(curve) / len(curve), 5),
        "best": round(best, 5),
        "mean_last_100": round(sum(late) / len(late), 5),
        "proposals": proposals,
        "searcher_ms_a_rule": round(1000 * spent / proposals, 2),
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
    parser.add_argument("--scores", type=Path, help="a scratch file of rewards")
    arguments = parser.parse_args()
    stage, scores = STAGES[arguments.stage], Scores(arguments.scores)
    done = set()
    if TABLE.exists():
        with TABLE.open(newline="") as file:
            done = {(row["stage"], row["arena"], row["arm"], row["seed"]) for row in csv.DictReader(file)}
    else:
        TABLE.write_text(",".join(COLUMNS) + "\n")
    for arena, arm, seed in wanted(stage):
        if (arguments.stage, arena, arm.name, str(seed)) in done:
            continue
        row = {"stage": arguments.stage, **search(arena, arm, seed, scores)}
        with TABLE.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        print(f"{arena} {arm.name} {seed}: area {row['area']}, best {row['best']}", flush=True)


if __name__ == "__main__":
    main()
