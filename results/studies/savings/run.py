"""Score the study's rules under ``quick`` and its variants; a second start goes on where the first one stopped.

    python results/studies/savings/run.py --data-root FOLDER [--part quick] [--part quick-halving] [--part quick-bf16]

Each outcome is one line of ``rewards.jsonl``. Parts may run at the same time, one process each. All parts train from
the weights and on the batches of ``quick``'s child of seed 0, so that they differ in nothing but the protocol.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from rules import chosen, fewer

import harness
from harness.race.protocols import child_seed, named

PARTS = ("quick", "quick-halving", "quick-bf16")
REWARDS = Path(__file__).with_name("rewards.jsonl")
SEED = child_seed(0, named("quick"))


def main() -> None:
    """Score every rule of the parts asked for that has no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="where CIFAR-10 is")
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all of them")
    arguments = parser.parse_args()
    rules = chosen()
    told = {"data_root": arguments.data_root, "announce": lambda line: print(line, file=sys.stderr)}
    for part in arguments.part or PARTS:
        scorer = harness.Scorer(part, data="cifar10", **told)
        about = {"protocol": scorer.protocol.hash, "data": scorer.data.fingerprint, "seed": SEED, **scorer.environment}
        lines = REWARDS.read_text().splitlines() if REWARDS.exists() else []
        done = {line["name"] for line in map(json.loads, lines) if line["part"] == part and line["about"] == about}
        for name in fewer() if part == "quick-bf16" else rules:
            if name not in done:
                outcome = scorer(rules[name], child_seed=SEED)
                line = {"part": part, "name": name, "rule": str(rules[name]), "about": about}
                with REWARDS.open("a") as file:
                    file.write(json.dumps(line | {"outcome": dataclasses.asdict(outcome)}) + "\n")
                print(f"{part} {name}: {outcome.score:.4f}, {outcome.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
