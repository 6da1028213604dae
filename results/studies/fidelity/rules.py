"""The rules of the fidelity study, fixed before the first of them was scored.

``rules.json`` is the list; ``python results/studies/fidelity/rules.py`` shows how it came about by printing it again.
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

RANDOM_RULES = 24


def chosen() -> dict[str, Rule]:
    """Read the list: the whole zoo, then random rules as drawn."""
    texts = json.loads(Path(__file__).with_name("rules.json").read_text())
    return {name: Rule.parse(text) for name, text in texts.items()}


def paper_order() -> tuple[str, ...]:
    """The order in which rules are scored under the expensive protocol: every second one, then the others."""
    names = tuple(chosen())
    return names[::2] + names[1::2]


def choose() -> dict[str, Rule]:
    """Make the list: nothing is left out for scoring badly."""
    rules = {name: named(name) for name in ZOO if not decays(expression(named(name)))}  # those of that time
    return rules | drawn(RANDOM_RULES, "fidelity", taken={rule.key for rule in rules.values()})


def drawn(count: int, stream: str, *, taken: set[str]) -> dict[str, Rule]:
    """Draw distinct functions uniformly from the strings of ``icml2017`` at two blocks, constraints on.

    Args:
        count: how many.
        stream: name of the random stream; the study's is ``fidelity``.
        taken: keys that are not wanted again.
    """
    space = Space.of("icml2017", blocks=2)
    rng = np.random.default_rng(derive_seed(0, stream, "rules"))
    keys, rules = set(taken), dict[str, Rule]()
    while len(rules) < count:
        rule = space.sample(rng)
        if rule.key not in keys:
            keys.add(rule.key)
            rules[f"random-{len(rules):02d}"] = rule
    return rules


if __name__ == "__main__":
    print(json.dumps({name: str(rule) for name, rule in choose().items()}, indent=1))
