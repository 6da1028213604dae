"""Score the study's rules; a second start goes on where the first one stopped.

    python results/studies/fidelity/run.py --data-root FOLDER [--part quick-synthetic] [--part …]

Each outcome is one line of ``rewards.jsonl``. Parts may run at the same time, one process each.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from rules import chosen, paper_order

import harness

PARTS = ("quick-synthetic", "quick-cifar10", "paper-cifar10")
REWARDS = Path(__file__).with_name("rewards.jsonl")
RUN_SEED = 0


def main() -> None:
    """Score every rule of the parts asked for that has no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="where CIFAR-10 is")
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all of them")
    arguments = parser.parse_args()
    for part in arguments.part or PARTS:
        score(part, arguments.data_root)


def score(part: str, data_root: Path | None) -> None:
    """Score one part's rules in order, each line on disk before the next child starts."""
    protocol, _, data = part.partition("-")
    scorer = harness.Scorer(
        protocol, data=data, data_root=data_root, announce=lambda line: print(line, file=sys.stderr)
    )
    rules = chosen()
    names = paper_order() if protocol == "paper" else tuple(rules)
    about = {"protocol": scorer.protocol.hash, "data": scorer.data.fingerprint, "seed": RUN_SEED}
    lines = REWARDS.read_text().splitlines() if REWARDS.exists() else []
    done = {line["name"] for line in map(json.loads, lines) if line["part"] == part and line["about"] == about}
    for name in names:
        if name in done:
            continue
        outcome = scorer(rules[name], seed=RUN_SEED)
        line = {"part": part, "name": name, "rule": str(rules[name]), "about": about}
        with REWARDS.open("a") as file:
            file.write(json.dumps(line | {"outcome": dataclasses.asdict(outcome)}) + "\n")
        print(f"{part} {name}: {outcome.score:.4f} at λ = {outcome.learning_rate}, {outcome.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
