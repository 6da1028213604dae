"""What fixed rules earn in the cheap arenas, as it was before rules were trained in stacks.

Processors round otherwise, so the file holds outcomes for each kind of vector instructions that the environment names.
(AVX2 and AVX-512 have one digest on ``toy-quadratic``, and differ in last bits.) Where the digest differs, too, nothing
is compared. Where both are equal, a difference means that published runs and new ones are not one task's. If it is
meant, raise the task's ``version``, say so in the changelog, and write the file anew from the repository's root, on a
processor of each kind: ``PYTHONPATH=. python tests/golden/test_toy_outcomes.py`` writes its own part.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from harness.contracts import ARITHMETIC
from harness.race import protocols
from harness.registry import BUILT_IN, Kind, load
from harness.space.zoo import ZOO, resolve

FILE = Path(__file__).parent / "toy_outcomes.json"
NAMES = [name for name in BUILT_IN[Kind.PROTOCOL] if name.startswith("toy-")]
YOUNGER = ", test_at_best=None, figures=()"  # fields that outcomes of toys do not use
TEXTS = (
    *ZOO,
    "drop(rmsprop, 0.3) + noise",
    "drop(m, 0.1) / exp(g2)",
    "(log(v) - sqrt(m)) * rmsprop ^ v",
    "gamma - exp(1e-1w)",
    "clip(m, 1e-3) + sign(g3 * g3 * (g3 * g3))",
    "exp(exp(1e-1w)) * g",
    "1 / g",
)


def earned(name: str) -> dict[str, object]:
    """What the golden file should hold of an arena."""
    protocol = protocols.named(name)
    task = load(Kind.TASK, protocol.task)(protocol, None)
    outcomes = task.evaluate([resolve(text) for text in TEXTS], seed=2017)
    return {
        "version": protocol.version,
        "arithmetic": task.environment[ARITHMETIC],
        "outcomes": {
            text: repr(dataclasses.replace(outcome, seconds=0.0)).replace(YOUNGER, "")
            for text, outcome in zip(TEXTS, outcomes, strict=True)
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_are_unchanged(name) -> None:
    golden, found = json.loads(FILE.read_text(encoding="utf-8")), earned(name)
    kind = torch.backends.cpu.get_cpu_capability()
    if kind not in golden:
        pytest.skip(f"this machine has {kind}, and outcomes are kept for {', '.join(golden)}")
    kept = golden[kind][name]
    assert found["version"] == kept["version"]
    if found["arithmetic"] != kept["arithmetic"]:
        pytest.skip(f"this machine rounds otherwise: {found['arithmetic']}, not {kept['arithmetic']}")
    assert found == kept


if __name__ == "__main__":
    own = {torch.backends.cpu.get_cpu_capability(): {name: earned(name) for name in NAMES}}
    FILE.write_text(json.dumps(json.loads(FILE.read_text("utf-8")) | own, indent=1) + "\n", encoding="utf-8")
