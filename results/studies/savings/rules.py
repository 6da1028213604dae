"""The rules that the variants are compared on, fixed before the first of them was scored.

``rules.json`` is the list; ``python results/studies/savings/rules.py`` shows how it came about by printing it again.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.space.expression import decays, expression
from harness.space.grammar import Space
from harness.space.zoo import ZOO, named

RULES = 60


def chosen() -> dict[str, Rule]:
    """Read the list: the whole zoo, then random rules as drawn."""
    texts = json.loads(Path(__file__).with_name("rules.json").read_text())
    return {name: Rule.parse(text) for name, text in texts.items()}


def fewer() -> tuple[str, ...]:
    """The 40 that are scored in bfloat16: two of every three."""
    return tuple(name for place, name in enumerate(chosen()) if place % 3 != 2)


def choose() -> dict[str, Rule]:
    """Make the list: the zoo, and uniform draws of distinct functions, nothing left out for scoring badly."""
    rules = {name: named(name) for name in ZOO if not decays(expression(named(name)))}  # those of that time
    known, keys = len(rules), {rule.key for rule in rules.values()}
    space, rng = Space.of("icml2017", blocks=2), np.random.default_rng(derive_seed(0, "savings", "rules"))
    while len(rules) < RULES:
        rule = space.sample(rng)
        if rule.key not in keys:
            keys.add(rule.key)
            rules[f"random-{len(rules) - known:02d}"] = rule
    return rules


if __name__ == "__main__":
    print(json.dumps({name: str(rule) for name, rule in choose().items()}, indent=1))
