"""What RuleOptimizer refuses, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import RuleSyntaxError, SettingError
from harness.space.zoo import named
from harness.tasks.optimizer.update_rule import RuleOptimizer


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (lambda: RuleOptimizer([torch.ones(2)], "m").state_dict(), "saved by the rule"),
        (lambda: torch.optim.Adam([torch.ones(2)]).state_dict(), "one without a rule, of another optimizer"),
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
        ({"betas": 0.9}, "betas: expected three numbers"),
        ({"betas": (0.9, "x", 0.9)}, "betas: expected a number, got 'x'"),
        ({"lr": "0.1"}, "lr: expected a number, got '0.1'"),
        ({"lr": None}, "lr: expected a number, got None"),
        ({"lr": torch.ones((), device="meta")}, "lr: expected a number"),
        ({"weight_decay": -0.1}, "weight_decay: expected at least 0"),
        ({"maximize": 2}, "maximize: expected True or False, got 2"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RuleOptimizer([torch.ones(2)], "g", **settings)
    optimizer = RuleOptimizer([torch.ones(2)], "g")
    with pytest.raises(SettingError, match=complaint):
        optimizer.add_param_group({"params": [torch.ones(3)], **settings})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"momentum": 0.9}, r"option of a group: expected one of lr, .*, got momentum=0\.9\. Leave it out"),
        ({"nesterov": True}, "got nesterov=True"),
        ({"amsgrad": True}, "got amsgrad=True"),
        ({"weight_decy": 0.1}, r"got weight_decy=0\.1\. Write weight_decay"),
        ({"noise_sgima": 0.1}, "Write noise_sigma"),
        (
            {"rule": "sgd"},
            r"rule of a group: expected the optimizer's own, adam .*, got sgd\. Build a separate optimizer",
        ),
        ({"seed": 1}, "seed of a group: expected the optimizer's own, 0, got 1"),
        ({"compile": True}, "compile of a group: expected the optimizer's own, False, got True"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(option: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        RuleOptimizer([{"params": [torch.ones(2)], **option}], "adam")


@pytest.mark.parametrize(
    "option",
    [{"momentum": 0.0}, {"amsgrad": False}, {"foreach": None}, {"name": "head"}, {"initial_lr": 0.1}, {"rule": "adam"}],
)
@pytest.mark.filterwarnings("error")
def test_what_asks_for_nothing_and_what_schedulers_and_people_keep_in_groups_is_taken(option: dict[str, Any]) -> None:
    optimizer = RuleOptimizer([{"params": [torch.ones(2)], **option}], "adam")
    assert optimizer.param_groups[0].keys() >= option.keys() - {"rule"}


def test_a_number_of_anothers_is_kept_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="'lr_scale' changes no step; its settings are lr, betas"):
        optimizer = RuleOptimizer([{"params": [torch.ones(2)], "lr_scale": 0.5}], "adam")
    assert optimizer.param_groups[0]["lr_scale"] == 0.5


@pytest.mark.parametrize("wrong", [0.01, None, ["adam"]])
def test_something_else_in_the_place_of_the_rule(wrong: Any) -> None:
    with pytest.raises(SettingError, match="rule: expected a rule or its text, such as 'adam', got"):
        RuleOptimizer([torch.ones(2)], wrong)
    with pytest.raises(SettingError, match=r"Write RuleOptimizer\(params, rule, lr=0\.01\)"):
        RuleOptimizer([torch.ones(2)], 0.01)  # type: ignore[arg-type]


def test_a_seed_that_is_no_number() -> None:
    with pytest.raises(SettingError, match="seed: expected a whole number, got None"):
        RuleOptimizer([torch.ones(2)], "noise", seed=None)  # type: ignore[arg-type]
    optimizer = RuleOptimizer([torch.ones(2)], "noise", seed=np.int64(3))  # type: ignore[arg-type]
    assert type(optimizer.param_groups[0]["seed"]) is int  # its name is part of the stream's


@pytest.mark.parametrize("wrong", [{"rule": "adam", "lr": -1.0}, {"rule": "no rule"}])
def test_what_is_refused_is_a_value_error_as_torchs_own_are(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        RuleOptimizer([torch.ones(2)], **wrong)


def test_a_state_that_lacks_a_mean_is_refused_and_changes_nothing() -> None:
    param = torch.ones(2)
    param.grad = torch.ones(2)
    optimizer = RuleOptimizer([param], "adam")
    optimizer.step()
    saved = optimizer.state_dict()
    saved["state"] = {0: {name: value for name, value in saved["state"][0].items() if name != "v"}}
    before = optimizer.state[param]
    with pytest.raises(SettingError, match=r"optimizer state 'v': expected shape \(2,\), got nothing"):
        optimizer.load_state_dict(saved)
    assert optimizer.state[param] is before


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
