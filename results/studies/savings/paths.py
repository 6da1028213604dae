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

import harness

RULES = ("sgd", "adam", "powersign")
SEEDS = 10
PAIRS = Path(__file__).with_name("paths.jsonl")


def main() -> None:
    """Train every pair that has no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="where CIFAR-10 is")
    told = {"data_root": parser.parse_args().data_root, "announce": lambda line: print(line, file=sys.stderr)}
    fused = harness.Scorer("quick", data="cifar10", **told)
    scorers = {"fused": fused, "plain": harness.Scorer("quick", data=fused.data, plain=True)}
    about = {"protocol": fused.protocol.hash, "data": fused.data.fingerprint} | {
        name: scorer.environment for name, scorer in scorers.items()
    }
    lines = PAIRS.read_text().splitlines() if PAIRS.exists() else []
    done = {(line["rule"], line["seed"]) for line in map(json.loads, lines) if line["about"] == about}
    for seed in range(SEEDS):
        for rule in RULES:
            if (rule, seed) not in done:
                line = {"rule": rule, "seed": seed, "about": about}
                for name, scorer in scorers.items():
                    line[name] = dataclasses.asdict(scorer(rule, seed=seed))
                with PAIRS.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(f"{rule} {seed}: {line['fused']['score']:.3f} {line['plain']['score']:.3f}", flush=True)


if __name__ == "__main__":
    main()
