import numpy as np

from harness.space.draws import draw_new
from harness.space.grammar import Space

SPACE = Space.of(blocks=1, operands=["g", "m"], unary=["id", "neg"], binary=["mul", "left"])


def test_what_was_proposed_is_avoided_until_nothing_else_is_left() -> None:
    rng = np.random.default_rng(0)
    functions = {SPACE.sample(np.random.default_rng(seed)).key for seed in range(200)}
    proposed: set[str] = set()
    for _ in functions:
        # Each function has a share of the strings of 1/16 or more, so 50 draws miss the last with a chance below 4%
        # and the seed decides that this one does not.
        rule = draw_new(SPACE, rng, proposed)
        assert rule.key not in proposed
        proposed.add(rule.key)
    assert proposed == functions
    assert draw_new(SPACE, rng, proposed).key in functions


def test_one_try_is_one_draw() -> None:
    rule = SPACE.sample(np.random.default_rng(1))
    assert draw_new(SPACE, np.random.default_rng(1), {rule.key}, tries=1) == rule
