"""Training does not load torch's compiler, and optimizers of our own are exempt from it where somebody else has."""

from __future__ import annotations

import subprocess
import sys

import pytest
from torch.optim import Optimizer

from harness.tasks.uncompiled import _light

EXEMPT = (Optimizer.add_param_group, Optimizer.zero_grad, Optimizer.state_dict, Optimizer.load_state_dict)
TRAINING = """
import sys
import torch
from harness import LearnedOptimizer, RuleOptimizer
from harness.tasks.child.convnet import ConvNet
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.signs import sign_optimizer
with reproducible_arithmetic():
    ConvNet(8, channels=3, classes=10, seed=0)
    assert "sympy" not in sys.modules
weight = torch.nn.Parameter(torch.ones(3))
for optimizer in (
    RuleOptimizer([weight], "m + noise"),
    LearnedOptimizer([weight], "quadratic"),
    sign_optimizer("AddSign(alpha=3)").build_for([weight], learning_rate=0.1, total_steps=1),
):
    optimizer.zero_grad()
    (weight**2).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


def test_a_training_does_not_load_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_it_is_loaded_the_methods_stay_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", sys)
    assert [_light(each) for each in EXEMPT] == list(EXEMPT)
    monkeypatch.delitem(sys.modules, "torch._dynamo")
    assert [_light(each) for each in EXEMPT] == [each.__wrapped__ for each in EXEMPT]
