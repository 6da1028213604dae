"""What RuleOptimizer refuses, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from harness.errors import RuleSyntaxError, SettingError
from harness.space.zoo import named
from harness.tasks.update_rule import RuleOptimizer


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (lambda: RuleOptimizer([torch.ones(2)], "m").state_dict(), "saved by the rule"),
        (lambda: torch.optim.Adam([torch.ones(2)]).state_dict(), "none of a rule"),
    ],
)
def test_the_state_of_another_rule_is_refused(state: Callable[[], dict[str, Any]], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RuleOptimizer([torch.ones(2)], "adam").load_state_dict(state())


def test_the_state_of_an_equal_rule_is_welcome_and_of_another_shape_is_not() -> None:
    param = torch.ones(2)
    param.grad = torch.ones(2)
    optimizer = RuleOptimizer([param], "g * exp(m)")
    optimizer.step()
    RuleOptimizer([torch.ones(2)], "exp(m) * g").load_state_dict(optimizer.state_dict())
    with pytest.raises(SettingError, match=r"expected shape \(3,\), got \(2,\)"):
        RuleOptimizer([torch.ones(3)], "g * exp(m)").load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"lr": -0.1}, "lr: expected at least 0"),
        ({"lr": math.nan}, "lr: expected at least 0"),
        ({"lr": torch.tensor([0.1, -0.1])}, "lr: expected at least 0"),
        ({"eps": -1e-8}, "eps: expected at least 0"),
        ({"noise_sigma": -1.0}, "noise_sigma: expected at least 0"),
        ({"betas": (0.9, 0.999)}, "betas: expected three numbers"),
        ({"betas": (0.9, 0.999, 1.0)}, "betas: expected three numbers"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RuleOptimizer([torch.ones(2)], "g", **settings)
    optimizer = RuleOptimizer([torch.ones(2)], "g")
    with pytest.raises(SettingError, match=complaint):
        optimizer.add_param_group({"params": [torch.ones(3)], **settings})
    assert len(optimizer.param_groups) == 1


def test_sparse_and_complex_are_refused_and_change_nothing() -> None:
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    other = torch.ones(2)
    other.grad = torch.ones(2)
    optimizer = RuleOptimizer([other, *table.parameters()], "adam")
    with pytest.raises(SettingError, match=r"dense real tensor, got torch\.sparse_coo"):
        optimizer.step()
    assert torch.equal(other, torch.ones(2))
    assert not optimizer.state
    with pytest.raises(SettingError, match=r"real floating-point tensor, got torch\.complex64"):
        optimizer.add_param_group({"params": [torch.ones(2, dtype=torch.complex64)]})
    assert len(optimizer.param_groups) == 1


def test_a_text_that_is_no_rule() -> None:
    with pytest.raises(RuleSyntaxError, match="powersign"):
        RuleOptimizer([torch.ones(2)], "powrsign")


def test_its_name_says_the_rule() -> None:
    assert repr(RuleOptimizer([torch.ones(2)], named("powersign"))).startswith(
        "RuleOptimizer g * exp(sign(g) * sign(m)) ("
    )
