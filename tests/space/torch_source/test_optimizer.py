"""Exported optimizers, in a process that cannot import this project: they step as RuleOptimizer does, bit for bit."""

from __future__ import annotations

import copy
import itertools
import json
import py_compile
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.contracts import Rule
from harness.errors import SettingError
from harness.space.grammar import Space
from harness.space.torch_source.optimizer import optimizer_source, zoo_name
from harness.space.zoo import ZOO, named
from harness.tasks.optimizer.update_rule import RuleOptimizer

STEPS = 4
SHAPES = [(3, 4), (5,), (), (2, 3, 4)]
GROUPS = [
    {"members": [0, 3], "lr": 0.05, "betas": (0.9, 0.999, 0.99), "eps": 1e-8, "noise_sigma": 0.01},
    {"members": [1, 2], "lr": 1e-3, "betas": (0.5, 0.9, 0.8), "eps": 1e-3, "noise_sigma": 0.2}
    | {"weight_decay": 0.3, "maximize": True},
]
WORDS = ("ld", "cd", "rd", "anneal")
SETTINGS = {"seed": 7, "total_steps": 3, "rd_periods": 2.0}
NAMES = ("lr", "betas", "eps", "noise_sigma", "weight_decay", "maximize")
OVERFLOWING = ["g * exp(exp(exp(2)))", "m / exp(exp(exp(exp(2))))", "g + drop(exp(exp(exp(2))), 0.3)", "1 / (g2 - g2)"]
SPECIAL = ["1", "noise", "2 ^ m", "(1 - 2 ^ g) ^ g", "log(g) ^ (1 / g)", "drop(1, 0.5) * g", "drop(noise, 0.5) + noise"]
SPECIAL += [
    "ld",
    "exp(cd) * 2",
    "ld ^ g",
    "g ^ rd",
    "g ^ ld - noise",
    "drop(ld, 0.5) + drop(g, 0.5)",
    "anneal",
    "1 / ld",
]
SPECIAL += [
    "g / ld",
    "ld - g",
    "exp(ld) * g + anneal / rd",
    "drop(m, 0.3) * log(cd) - anneal",
    "clip(2 - ld, 1e-3) * v",
]
SPECIAL += ["exp(exp(2 * exp(ld))) * g", "exp(exp(exp(rd))) / exp(exp(exp(cd))) * g", "m * sqrt(ld) - 2 ^ cd / g"]
SPECIAL += ["drop(g, 0.1) * drop(m, 0.1) - noise", "gamma * g3 - g2 * -m", "sqrt(g) - sqrt(v)"]

FOLLOWER = """
import importlib.util, io, json, pathlib, sys

class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("harness", "tasks", "searchers"):
            raise ImportError(f"{name} is not to be had here")
sys.meta_path.insert(0, Absent())

import torch

folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
inputs = torch.load(folder / "inputs.pt")
expected = torch.load(folder / "expected.pt")

def built(kind, params, groups):
    wanted = kind.__init__.__code__.co_varnames
    def settings(group):
        return {name: value for name, value in group.items() if name in wanted}
    own = [{"params": [params[place] for place in group["members"]], **settings(group)} for group in groups]
    return kind(own, **{name: value for name, value in plan["settings"].items() if name in wanted})

for number, name in enumerate(plan["names"]):
    place = importlib.util.spec_from_file_location(f"rule_{number}", folder / f"rule_{number}.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    for dtype, (start, gradients) in inputs.items():
        params = [tensor.clone().requires_grad_() for tensor in start]
        optimizer = built(getattr(module, name), params, plan["groups"])
        for step, theirs in enumerate(expected[dtype][number]):
            if step == 2 and dtype == "torch.float32":  # as after an interruption
                file = io.BytesIO()
                torch.save(optimizer.state_dict(), file)
                file.seek(0)
                optimizer = built(getattr(module, name), params, plan["groups"])
                optimizer.load_state_dict(torch.load(file))
            for param, gradient in zip(params, gradients[step]):
                param.grad = gradient.clone() if gradient is not None else None
            optimizer.step()
            ours = torch.cat([param.detach().flatten() for param in params])
            same = torch.equal(ours.nan_to_num(nan=0.5), theirs.nan_to_num(nan=0.5))
            assert same and torch.equal(ours.isnan(), theirs.isnan()), (number, name, dtype, step, ours, theirs)
assert not {"harness", "tasks", "searchers"} & sys.modules.keys()
print(len(plan["names"]))
"""


def random_rules(count: int) -> list[Rule]:
    rng = np.random.default_rng(5)
    spaces = [Space.of(edition, blocks=blocks) for edition in ("icml2017", "arxiv2") for blocks in (1, 2, 3, 4)]
    return [spaces[number % len(spaces)].sample(rng) for number in range(count)]


def random_rules_with_decays(count: int) -> list[Rule]:
    rng = np.random.default_rng(6)
    spaces = [Space.of("decays", blocks=blocks, operands=[*WORDS, "g", "v", "1"]) for blocks in (1, 2, 3, 4)]
    drawn = (spaces[number % len(spaces)].sample(rng) for number in itertools.count())
    return list(itertools.islice((rule for rule in drawn if set(WORDS) & set(rule.tokens)), count))


def gradient(step: int, place: int, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor | None:
    """Of all magnitudes, with exact zeros; now and then a parameter has none."""
    if step == 1 and place == 1:
        return None
    generator = torch.Generator().manual_seed(100 * step + place)
    sizes = 10 ** (4 * torch.rand(shape, generator=generator, dtype=torch.float64) - 3)
    value = sizes * torch.randn(shape, generator=generator, dtype=torch.float64)
    return (value * (torch.rand(shape, generator=generator) > 0.1)).to(dtype)


def inputs(dtype: torch.dtype) -> tuple[list[torch.Tensor], list[list[torch.Tensor | None]]]:
    """The weights before the first step, and the gradients of every step."""
    generator = torch.Generator().manual_seed(3)
    start = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]
    return start, [[gradient(step, *each, dtype) for each in enumerate(SHAPES)] for step in range(STEPS)]


def trajectory(rule: Rule, start: list[torch.Tensor], gradients: list[list[torch.Tensor | None]]) -> torch.Tensor:
    """All weights after each step by RuleOptimizer, shape ``(steps, weights)``."""
    params = [tensor.clone().requires_grad_() for tensor in start]
    groups = [
        {"params": [params[place] for place in group["members"]]}
        | {name: group[name] for name in NAMES if name in group}
        for group in GROUPS
    ]
    optimizer = RuleOptimizer(groups, rule, **SETTINGS)
    weights = []
    for values in gradients:
        for param, value in zip(params, values, strict=True):
            param.grad = None if value is None else value.clone()
        optimizer.step()
        weights.append(torch.cat([param.detach().flatten() for param in params]))
    return torch.stack(weights)


def follow(folder: Path, rules: list[Rule], dtypes: list[torch.dtype]) -> str:
    names = [zoo_name(rule) for rule in rules]
    for number, rule in enumerate(rules):
        (folder / f"rule_{number}.py").write_text(optimizer_source(rule), encoding="utf-8")
    given = {str(dtype): inputs(dtype) for dtype in dtypes}
    torch.save(given, folder / "inputs.pt")
    expected = {name: torch.stack([trajectory(rule, *each) for rule in rules]) for name, each in given.items()}
    torch.save(expected, folder / "expected.pt")
    (folder / "plan.json").write_text(json.dumps({"names": names, "groups": GROUPS, "settings": SETTINGS}))
    (folder / "follower.py").write_text(FOLLOWER)
    command = [sys.executable, "-I", "follower.py", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_known_rule_and_200_random_ones_step_bit_for_bit(tmp_path: Path) -> None:
    rules = [named(name) for name in ZOO] + random_rules(200) + random_rules_with_decays(80)
    rules += [Rule.parse(text) for text in (*OVERFLOWING, *SPECIAL)]
    drawing = [rule for rule in rules if "_draw" in optimizer_source(rule)]
    assert len(drawing) > 60
    assert follow(tmp_path, rules, [torch.float32, torch.float64]) == f"{len(rules)}\n"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "rule", ["g * exp(exp(exp(2)))", "1 / (g2 - g2)", "clip(g, 1e-3) / (g - g)", "g + exp(exp(exp(2)))"]
)
def test_a_number_too_large_for_half_precision_is_infinite(rule: str, dtype: torch.dtype) -> None:
    module: dict[str, object] = {}
    exec(optimizer_source(Rule.parse(rule), name="Exported"), module)
    ours, theirs = (torch.ones(40, dtype=dtype, requires_grad=True) for _ in range(2))
    optimizers = [module["Exported"]([ours], lr=1e-3), RuleOptimizer([theirs], rule, lr=1e-3)]  # type: ignore[operator]
    for param, optimizer in zip((ours, theirs), optimizers, strict=True):
        param.grad = torch.linspace(-1, 1, 40).to(dtype)
        optimizer.step()
    assert torch.equal(ours.nan_to_num(nan=0.5), theirs.nan_to_num(nan=0.5))


@pytest.mark.parametrize("rule", ["adam-exp-minus-m", "powersign", "exp-g-minus-exp-minus-m"])
@pytest.mark.parametrize("start", [torch.rand(300, 501), torch.rand(8, 3, 5, 5).to(memory_format=torch.channels_last)])
def test_large_parameters_that_rule_optimizer_steps_in_pieces_and_other_layouts(rule: str, start: torch.Tensor) -> None:
    module: dict[str, object] = {}
    exec(optimizer_source(named(rule), name="Exported"), module)
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimizers = [module["Exported"]([ours], lr=0.1), RuleOptimizer([theirs], rule, lr=0.1)]  # type: ignore[operator]
    for step in range(3):
        for param, optimizer in zip((ours, theirs), optimizers, strict=True):
            param.grad = torch.empty_like(param).normal_(generator=torch.Generator().manual_seed(step + 1))
            optimizer.step()
    assert torch.equal(ours, theirs)


def test_the_files_pass_the_linter_and_compile(tmp_path: Path) -> None:
    for number, rule in enumerate([*(named(name) for name in ZOO), *random_rules(40), *map(Rule.parse, SPECIAL)]):
        path = tmp_path / f"rule_{number}.py"
        path.write_text(optimizer_source(rule), encoding="utf-8")
        py_compile.compile(str(path), doraise=True)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert max(map(len, lines)) <= 120, str(rule)
        assert not re.search(r"^\s*(import|from)\s+(harness|tasks|searchers)\b", "\n".join(lines), re.M)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named ruff" in done.stderr:
        pytest.skip("ruff is not installed")
    assert done.returncode == 0, done.stdout


def test_an_optimizer_is_as_picky_as_torchs_own() -> None:
    module: dict[str, object] = {}
    exec(optimizer_source(named("adam")), module)
    weights = torch.zeros(2, requires_grad=True)
    for wrong in (
        {"weight_decay": -1.0},
        {"betas": (0.9, 0.999)},
        {"lr": -1.0},
        {"lr": float("nan")},
        {"betas": (1.0, 0.9, 0.9)},
        {"eps": -1e-8},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            module["Adam"]([weights], **wrong)  # type: ignore[operator]
    optimizer = module["Adam"]([weights])  # type: ignore[operator]
    weights.grad = torch.zeros(2).to_sparse()
    with pytest.raises(RuntimeError, match="dense"):
        optimizer.step()
    weights.grad = None
    assert optimizer.step(lambda: 3.0) == 3.0


def test_a_copied_optimizer_draws_on_where_the_first_one_stood() -> None:
    module: dict[str, object] = {}
    exec(optimizer_source(Rule.parse("drop(m, 0.3) + noise"), name="Exported"), module)
    weights = torch.zeros(9, requires_grad=True)
    optimizer = module["Exported"]([weights])  # type: ignore[operator]
    weights.grad = torch.ones(9)
    optimizer.step()
    (twin,), copied = copy.deepcopy(([weights], optimizer))
    assert copied.param_groups[0]["params"][0] is twin
    twin.grad = torch.ones(9)
    for each in (optimizer, copied, optimizer, copied):
        each.step()
    assert torch.equal(weights, twin)
    fresh = torch.zeros(9, requires_grad=True)
    fresh.grad = torch.ones(9)
    module["Exported"]([fresh], seed=1).step()  # type: ignore[operator]
    assert not torch.equal(fresh, weights)


def test_classes_are_named_after_the_zoo_whatever_the_notation() -> None:
    assert zoo_name(Rule.parse("exp(sign(m) * sign(g)) * g")) == "Powersign"
    assert zoo_name(named("drop-momentum-exp-g3")) == "DropMomentumExpG3"
    assert zoo_name(Rule.parse("g * v")) == "FoundRule"
    assert "class Mine(Optimizer):" in optimizer_source(Rule.parse("g * v"), name="Mine")


@pytest.mark.parametrize(
    "name",
    [
        "A(Optimizer):\n    pass\nimport os; os.abort()\nclass B",
        *('"""', "class", "None", "torch", "Optimizer", "1st", "a b", "Ａ", "x\n", "é", "a" * 81),
        *("float", "zip", "sum", "super", "ValueError", "_fit"),
    ],
)
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="class name"):
        optimizer_source(named("sgd"), name=name)
