"""What ``test_adding_a_word`` runs where the language has new words: ``python using_new_words.py CHECK FOLDER``.

``cube(x)``, ``mid(x, y)`` and the operand ``g4`` are made of other words; ``softsign(x)`` and ``bound(x)`` need
primitives that are no words.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.counting import rounding
from harness.space.counting.count import count_functions, count_keys
from harness.space.counting.enumeration import strings
from harness.space.counting.probe import Probe, apply_binary, apply_unary, coded, evaluate
from harness.space.equivalence import canonical
from harness.space.expression import decays
from harness.space.grammar import SWITCHES, Space
from harness.space.notation import rules as notation
from harness.space.notation.diagram import dot, svg
from harness.space.notation.mathml import mathml
from harness.space.notation.pseudocode import pseudocode
from harness.space.torch_source.optimizer import optimizer_source
from harness.space.vocabulary import EDITIONS
from harness.tasks.optimizer import fusion, update_rule
from harness.tasks.optimizer import tape as rule_tape
from harness.tasks.optimizer.update_rule import RuleOptimizer

TEXTS = {  # formula → Δ of one weight by its first gradient
    "cube(g)": lambda g: g * g * g,
    "softsign(g)": lambda g: g / (1 + g.abs()),
    "mid(g, softsign(2 * g))": lambda g: 0.5 * (g + 2 * g / (1 + 2 * g.abs())),
    "g * bound(g)": lambda g: g * g.exp().clamp(-1e-3, 1e-3),
    "g4 - cube(-g)": lambda g: g**4 + g**3,
    "softsign(cube(m)) * drop(g, 0.3)": None,
}
SHAPES = [(7,), (64, 33), (5, 3)]
OFF = dict.fromkeys(SWITCHES, False)


def rules(count: int) -> list[Rule]:
    """Those above, and random ones in which a new word occurs."""
    space, rng = Space.of("cubes", blocks=2, **OFF), np.random.default_rng(0)
    drawn = (space.sample(rng) for _ in itertools.count())
    new = {"cube", "softsign", "bound", "mid", "g4"}
    return [*map(Rule.parse, TEXTS), *itertools.islice((rule for rule in drawn if new & set(rule.tokens)), count)]


def notations(_folder: Path) -> None:
    """It is read and written in every notation."""
    rule = Rule.parse("g * cube(m + softsign(g4))")
    assert str(rule) == "m g4 id softsign add g #1 id cube mul"
    assert Rule.parse(str(rule)) == rule
    assert rule.infix == "g * cube(m + softsign(g4))"
    assert notation.latex(rule) == r"g \cdot \left(\hat{m} + \operatorname{softsign}\left(g4\right)\right)^{3}"
    shown = "".join(ElementTree.fromstring(mathml(rule)).itertext())
    assert shown == "Δ=g·(m^+softsign(g4))3", shown
    assert pseudocode(rule).splitlines()[-4:-1] == ["b ← m̂ + a", "c ← (b)³", "d ← g · c"], pseudocode(rule)
    assert "cube" in notation.tree(rule).split()
    assert 'label="cube"' in dot(rule)
    assert ">cube<" in svg(rule)
    for other in rules(300):
        assert Rule.parse(str(other)) == other
        assert Rule.parse(other.infix).key == other.key, other.infix


def editions(_folder: Path) -> None:
    """A record that names a new edition leaves the others as they were."""
    assert list(EDITIONS) == ["icml2017", "arxiv2", "decays", "cubes"]
    for name in ("icml2017", "arxiv2", "decays"):
        edition = EDITIONS[name]
        assert not {"cube", "softsign", "bound", "mid", "g4"} & {*edition.operands, *edition.unary, *edition.binary}
    assert EDITIONS["cubes"].unary == (*EDITIONS["arxiv2"].unary, "cube", "softsign", "bound")
    assert EDITIONS["cubes"].strings(1) == 22**2 * 15**2 * 7


def probed(_folder: Path) -> None:
    """The probe computes it with no algebra, bounds its rounding, and agrees with the keys."""
    probe = Probe(seed=2)
    x, y = probe.operands["g"], probe.operands["1e-1w"]
    assert np.array_equal(apply_unary("cube", x), x * x * x)
    assert np.array_equal(apply_unary("softsign", x), x / (1.0 + np.abs(x)))
    assert np.array_equal(apply_binary("mid", x, y), 0.5 * (x + y))
    assert np.array_equal(probe.operands["g4"], x * x * (x * x))
    three = rounding.Measured(np.array([3.0]), np.array([0.1]))
    assert np.isclose(rounding.apply_unary("cube", three).errors[0], 3.1**3 - 3.0**3)
    alike = {"cube(g)": "g3", "g4": "g2 * g2", "cube(2) * g": "2 * 2 * 2 * g", "mid(g, m)": "(g + m) / 2"}
    alike |= {"bound(g - g) * g": "clip(1, 1e-3) * g", "softsign(-g)": "-softsign(g)", "softsign(1) * g": "g / 2"}
    for one, other in alike.items():
        assert Rule.parse(one).key == Rule.parse(other).key, (one, other)
    words = {"operands": ["g", "g4", "m", "1"], "unary": ["id", "neg", "cube", "softsign"], "binary": ["mul", "mid"]}
    space = Space.of("cubes", blocks=1, **words, **OFF)
    values: dict[str, np.ndarray] = {}
    texts = (*(text for pair in alike.items() for text in pair), "clip(g, 1e-4)", "bound(clip(g, 1e-4))")
    for rule in (*strings(space), *rules(500), *map(Rule.parse, texts)):
        value = coded(evaluate(rule, probe.operands))
        close = np.abs(value - values.setdefault(rule.key, value)) <= 1e-6
        assert np.mean(close) > 0.95, (rule.infix, rule.key)  # where sums cancel, rounding shows
    keys, functions = count_keys(space), count_functions(space)
    assert functions <= keys <= 1.1 * functions < 0.6 * space.size()


def trained(rule: Rule | str, **settings: Any) -> list[Tensor]:
    """Three parameters after three steps."""
    generator = torch.Generator().manual_seed(1)
    params = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    optimizer = RuleOptimizer(params, rule, lr=0.01, total_steps=3, **settings)
    for _ in range(3):
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
        assert optimizer._fused is None or optimizer._fused.works
    return params


def same(ours: list[Tensor], theirs: list[Tensor], *, tolerance: float = 0.0) -> None:
    """Raise unless weights agree."""
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def training(_folder: Path) -> None:
    """It trains whole, piece by piece from a tape to the same bits, and compiled but for rounding."""
    g = torch.linspace(-2, 2, 9, dtype=torch.float64)
    for text, delta in TEXTS.items():
        if delta is not None:
            weight = torch.zeros(9, dtype=torch.float64)
            weight.grad = g.clone()
            RuleOptimizer([weight], text, lr=1.0).step()
            torch.testing.assert_close(weight, -delta(g), rtol=1e-14, atol=1e-14)
    every = rules(60)
    whole = [trained(rule) for rule in every]
    played = []
    play = rule_tape.Tape.play
    rule_tape.Tape.play = lambda tape, *args, **named: played.append(1) or play(tape, *args, **named)
    update_rule.PIECE_BYTES, rule_tape.LEAST_ENTRIES = 2048 // torch.get_num_threads(), 5
    for rule, weights in zip(every, whole, strict=True):
        same(trained(rule), weights)
    assert len(played) > 100
    fusion.LEAST_ENTRIES = 0
    if shutil.which(os.environ.get("CXX", "g++")):
        for text, weights in itertools.islice(zip(TEXTS, whole, strict=False), 3):
            same(trained(text, compile=True), weights, tolerance=1e-12)
    torch.compile = lambda graph, **_: graph  # the formulas as they are written
    for rule, weights in zip(every, whole, strict=True):
        same(trained(rule, compile=True), weights, tolerance=1e-9)


def exported(folder: Path) -> None:
    """Its source needs torch alone, and steps as RuleOptimizer does, to the bit."""
    for number, rule in enumerate(rules(60)):
        source = optimizer_source(rule, name="Found")
        (folder / f"rule_{number}.py").write_text(source, encoding="utf-8")
        scope: dict[str, Any] = {}
        exec(compile(source, "exported", "exec"), scope)
        assert "import harness" not in source
        assert ("cube(x) is x * x * x" in " ".join(source.split())) == ("cube(" in rule.infix), source
        generator = torch.Generator().manual_seed(1)
        params = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in SHAPES]
        timed = {"total_steps": 3} if decays(canonical(rule)) else {}
        optimizer = scope["Found"](params, lr=0.01, **timed)
        for _ in range(3):
            for param in params:
                param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64)
            optimizer.step()
        same([param.detach() for param in params], trained(rule))
    assert "softsign" in canonical(Rule.parse("softsign(g)")).token


if __name__ == "__main__":
    {check.__name__: check for check in (notations, editions, probed, training, exported)}[sys.argv[1]](
        Path(sys.argv[2])
    )
