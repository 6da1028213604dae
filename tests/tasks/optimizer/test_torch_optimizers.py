"""Torch's optimizers as candidates: every one trains or is refused in one line, its defaults written out."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch

from harness.errors import SettingError
from harness.tasks.optimizer import torch_optimizers
from harness.tasks.optimizer.torch_optimizers import UNFIT, TorchOptimizer, optimizers, torch_optimizer


@pytest.mark.parametrize("name", sorted(optimizers()))
def test_every_optimizer_is_built_with_all_options_spelt_out_or_refused_in_one_line(name: str) -> None:
    if name in UNFIT:
        with pytest.raises(
            SettingError, match=f"candidate torch:{name}: expected .*, got one that .*Choose one of "
        ) as no:
            torch_optimizer(name)
        assert "\n" not in str(no.value)
        return
    made = torch_optimizer(name)
    signature = inspect.signature(optimizers()[name]).parameters
    assert made.options == {each: signature[each].default for each in signature if each not in ("params", "lr")}
    assert made.given == ()
    built = made.build([torch.zeros(2)], learning_rate=0.25)
    assert type(built) is optimizers()[name]
    assert built.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_what_is_refused_by_name_would_fail_the_trial_step_too(name: str) -> None:
    with pytest.raises(SettingError, match="expected options with which torch trains a child"):
        torch_optimizers._try(TorchOptimizer("torch", name), "it")


def test_a_name_is_read_in_any_case_and_numbers_in_the_type_of_their_default() -> None:
    one, other = torch_optimizer("sgd(momentum=0, weight_decay=0.0)"), torch_optimizer("SGD")
    assert one.key == other.key
    assert torch_optimizer("Adam(betas=[0.9, 0.999], eps=1e-8)").key == torch_optimizer("Adam").key
    assert torch_optimizer("AdamW(weight_decay=0)").options["weight_decay"] == 0.0
    assert torch_optimizer("AdamW(weight_decay=0)").key == torch_optimizer("AdamW(weight_decay=0.0)").key
    assert torch_optimizer("AdamW(weight_decay=0)").key != torch_optimizer("AdamW").key


def test_a_default_that_changes_is_another_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(torch.optim.AdamW):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01) -> None:
            super().__init__(params, lr, betas, eps, weight_decay)

    before = torch_optimizer("AdamW")
    monkeypatch.setattr(torch_optimizers, "optimizers", lambda: {"AdamW": Changed})
    after = torch_optimizer("AdamW")
    assert (before.infix, before.text) == (after.infix, after.text)
    assert before.key != after.key
    assert "betas=(0.9,0.99)" in str(after)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AdamX", "Did you mean 'Adam"),
        ("Optimizer", "torch:Optimizer, optimizer: expected one of"),
        ("Adam(beta=(0.9, 0.99))", "option: expected one of .*Did you mean 'betas'"),
        ("Adam(params=1)", "option: expected one of"),
        ("Adam(lr=0.1)", "torch:Adam, lr: expected none, got 0.1. Leave it out: the sweep"),
        ("Adam(differentiable=True)", "differentiable: expected False"),
        ("Adam(amsgrad=3)", "amsgrad: expected True or False, got 3"),
        ("Adam(betas=(2, 3))", "got ValueError: Invalid beta parameter"),
        ("Adam(betas=(0.9,))", "expected options with which torch trains"),
        ("Adam(eps='small')", "expected options with which torch trains"),
        ("SGD(nesterov=True)", "Nesterov momentum requires a momentum"),
    ],
)
def test_what_torch_would_not_take_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        torch_optimizer(text)
    assert "\n" not in str(refused.value)


def test_it_travels_to_another_process() -> None:
    made = torch_optimizer("SGD(momentum=0.9, nesterov=True)")
    travelled = pickle.loads(pickle.dumps(made))
    assert (travelled, type(travelled)) == (made, TorchOptimizer)


def test_to_read_one_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    torch_optimizer("AdamW(weight_decay=0.01)")
    assert torch.equal(torch.random.get_rng_state(), before)
