"""Train three rules of the zoo on ten seeds by the fused step and by PyTorch's own operations.

    python results/studies/savings/paths.py --data-root FOLDER

Each pair of outcomes is one line of ``paths.jsonl``; a second start goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from harness.race.protocols import child_seed
from harness.space.zoo import named
from harness.tasks.child.protocols import QUICK
from harness.tasks.child.scoring import ChildTask
from harness.tasks.data import cifar10

RULES = ("sgd", "adam", "powersign")
SEEDS = 10
PAIRS = Path(__file__).with_name("paths.jsonl")


def main() -> None:
    """Train every pair that has no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="where CIFAR-10 is")
    data = cifar10.load(parser.parse_args().data_root, lambda line: print(line, file=sys.stderr))
    tasks = {name: ChildTask(QUICK, data, plain=name == "plain") for name in ("fused", "plain")}
    about = {"protocol": QUICK.hash, "data": data.fingerprint} | {
        name: task.environment for name, task in tasks.items()
    }
    lines = PAIRS.read_text().splitlines() if PAIRS.exists() else []
    done = {(line["rule"], line["seed"]) for line in map(json.loads, lines) if line["about"] == about}
    for seed in range(SEEDS):
        for rule in RULES:
            if (rule, seed) not in done:
                line = {"rule": rule, "seed": seed, "about": about}
                for name, task in tasks.items():
                    (outcome,) = task.evaluate([named(rule)], seed=child_seed(seed, QUICK))
                    line[name] = dataclasses.asdict(outcome)
                with PAIRS.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(f"{rule} {seed}: {line['fused']['score']:.3f} {line['plain']['score']:.3f}", flush=True)


if __name__ == "__main__":
    main()
