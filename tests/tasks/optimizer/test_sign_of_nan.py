"""sign(NaN) is 0, in every way that a rule can be computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.counting.probe import RunningMeans, evaluate, operand_values
from harness.space.equivalence import canonical
from harness.space.torch_source.optimizer import optimizer_source
from harness.space.word import TIMED
from harness.tasks.optimizer import fusion
from harness.tasks.optimizer.kernels import FOREACH
from harness.tasks.optimizer.update_rule import RuleOptimizer

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
# 0^−1 is NaN where the gradient is 0 and its mean is negative
RULE = Rule.parse("sign(g) m neg sign pow #1 1 sign id left")
GRADIENTS = [[-1.0, 1.0, 2.0, -0.5], [0.0, 0.0, 1.0, -2.0]]
DELTA = [0.0, 0.0, -1.0, 1.0]  # NaN's sign, and that of −sign(g)^sign(m)

Build = Callable[[Sequence[Tensor]], torch.optim.Optimizer]


def plain(params: Sequence[Tensor]) -> torch.optim.Optimizer:
    return RuleOptimizer(params, RULE, lr=1.0)


def fused(params: Sequence[Tensor]) -> torch.optim.Optimizer:
    return RuleOptimizer(params, RULE, lr=1.0, compile=True)


def exported(params: Sequence[Tensor]) -> torch.optim.Optimizer:
    module: dict[str, Any] = {}
    exec(optimizer_source(RULE, name="Exported"), module)
    made: torch.optim.Optimizer = module["Exported"](params, lr=1.0)
    return made


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("build", [plain, fused, exported])
def test_a_step_where_a_sign_is_taken_of_nan(build: Build, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    param = torch.zeros(40, dtype=dtype)  # more than a vector instruction takes
    optimizer = build([param])
    for gradient in GRADIENTS:
        before = param.clone()
        param.grad = torch.tensor(gradient * 10, dtype=dtype)
        optimizer.step()
    assert (before - param).tolist() == DELTA * 10


def test_the_probe_says_the_same() -> None:
    means = RunningMeans()
    for gradient in GRADIENTS:
        means.see(np.array(gradient))
    operands = operand_values(
        np.array(GRADIENTS[-1]), means, np.zeros(4), np.zeros(4), dict.fromkeys(TIMED, np.zeros(4))
    )
    assert evaluate(RULE, operands).tolist() == DELTA
    raw = evaluate(Rule(RULE.blocks[:1]), operands)
    assert np.isnan(raw[0]), "or nothing was tested"
    assert RULE.key != Rule.parse("sign(g) m neg sign pow").key
    assert canonical(Rule.parse("sign(exp(exp(exp(exp(2)))) - exp(exp(exp(exp(2)))))")).value == 0.0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_sign_of_torch_that_we_call_says_the_same(dtype: torch.dtype) -> None:
    values = torch.tensor([np.nan] * 40, dtype=dtype)
    fresh, inplace = FOREACH["sign"]
    worked = values.clone()
    inplace([worked])
    signs = [torch.sign(values), values.sign(), torch.sign(values[:1]), fresh([values])[0], worked]
    assert all(sign.eq(0).all() for sign in signs)
