"""``LearnedOptimizer`` as a torch optimizer: any parameter, groups, states that survive, and mistakes in one line."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from harness import LearnedOptimizer
from harness.errors import SettingError
from harness.tasks.learned import lstm as module
from harness.tasks.learned.lstm import FrozenLstm, start
from harness.tasks.learned.problem import KERNELS, REST
from harness.tasks.learned.weights import LearnedWeights

SHAPES = ((), (0,), (3,), (4, 3), (2, 1, 3, 3))
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def parameters(dtype: torch.dtype = torch.float32, seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in SHAPES]


def descend(optimizer: torch.optim.Optimizer, params: list[nn.Parameter], steps: int, first: int = 0) -> None:
    """Steps on gradients that follow from the step alone."""
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(100 + step)
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator).to(param.dtype)
        optimizer.step()


def values(params: list[nn.Parameter]) -> list[torch.Tensor]:
    return [param.detach().clone() for param in params]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_step_adds_what_the_lstm_writes(weights: LearnedWeights) -> None:
    params = parameters()
    before, gradient = params[3].detach().clone(), torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    frozen = FrozenLstm(weights.networks["all"])
    state = start(frozen.architecture, coordinates=12)
    optimizer = LearnedOptimizer([params[3]], weights, lr=0.5)
    for _ in range(2):
        params[3].grad = gradient.clone()
        optimizer.step()
        before += 0.5 * frozen(gradient.flatten(), state).view(4, 3)
    torch.testing.assert_close(params[3].detach(), before)
    assert torch.equal(optimizer.state[params[3]]["c"], state.c)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_shape_and_dtype_is_moved_as_float32_would_be(weights: LearnedWeights, dtype: torch.dtype) -> None:
    params = parameters(dtype)
    exact = [nn.Parameter(param.detach().float()) for param in params]
    one, other = LearnedOptimizer(params, weights), LearnedOptimizer(exact, weights)
    for param, ours in zip(params, exact, strict=True):
        param.grad = torch.full_like(param, 0.25)
        ours.grad = torch.full_like(ours, 0.25)
    before = values(params)
    one.step()
    other.step()
    for param, ours, old in zip(params, exact, before, strict=True):
        assert param.dtype == dtype
        expected = ours.detach().to(dtype)
        assert torch.equal(param.detach(), expected) or dtype == torch.float64
        torch.testing.assert_close(param.detach(), expected)
        assert param.numel() == 0 or not torch.equal(param.detach(), old)
        assert one.state[param]["h"].dtype == torch.float32
    assert one.state[params[0]]["h"].shape == (2, 3, 1)


@pytest.mark.parametrize("layout", ["transposed", "channels last"])
def test_the_layout_in_memory_does_not_matter(weights: LearnedWeights, layout: str) -> None:
    plain = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    other = (
        plain.to(memory_format=torch.channels_last)
        if layout == "channels last"
        else (plain.transpose(0, 3).contiguous().transpose(0, 3))
    )
    assert not other.is_contiguous()
    params = [nn.Parameter(plain.clone()), nn.Parameter(other)]
    assert params[1].stride() == other.stride()
    for param in params:
        descend(LearnedOptimizer([param], weights), [param], 3)
    torch.testing.assert_close(params[0], params[1])


def test_pieces_change_nothing_but_the_memory(weights: LearnedWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = parameters(), parameters()
    descend(LearnedOptimizer(one, weights), one, 3)
    monkeypatch.setattr(module, "PIECE", 5)
    descend(LearnedOptimizer(other, weights), other, 3)
    for ours, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_step_takes_no_memory_that_grows_with_the_parameter(weights: LearnedWeights) -> None:
    """Besides the state: the largest tensor that a step makes is that of a piece."""
    largest = 0

    class Watching(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
            nonlocal largest
            found = func(*args, **(kwargs or {}))
            if isinstance(found, torch.Tensor) and not any(
                isinstance(each, torch.Tensor)
                and each.untyped_storage().data_ptr() == found.untyped_storage().data_ptr()
                for each in args
            ):
                largest = max(largest, found.numel())
            return found

    param = nn.Parameter(torch.zeros(30_000))
    param.grad = torch.ones_like(param)
    optimizer = LearnedOptimizer([param], weights)
    optimizer.step()
    with Watching():
        optimizer.step()
    hidden = weights.header.architecture.hidden
    assert 0 < largest <= module.PIECE * 4 * hidden < param.numel()


def test_a_parameter_without_gradient_stays_and_gets_no_state(weights: LearnedWeights) -> None:
    params = parameters()
    optimizer = LearnedOptimizer(params, weights)
    params[2].grad = torch.ones(3)
    before = values(params)
    optimizer.step()
    assert [torch.equal(param, old) for param, old in zip(params, before, strict=True)] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert list(optimizer.state) == [params[2]]


def test_a_closure_is_called_with_gradients_on_and_its_loss_returned(weights: LearnedWeights) -> None:
    param = nn.Parameter(torch.ones(3))
    optimizer = LearnedOptimizer([param], weights)

    def closure() -> float:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 3.0
    assert not torch.equal(param.detach(), torch.ones(3))


def test_groups_have_their_own_settings(weights: LearnedWeights) -> None:
    one, still, up = (nn.Parameter(torch.zeros(3)) for _ in range(3))
    groups = [{"params": [one]}, {"params": [still], "lr": 0.0}, {"params": [up], "maximize": True}]
    optimizer = LearnedOptimizer(groups, weights, lr=2.0)
    assert [group["lr"] for group in optimizer.param_groups] == [2.0, 0.0, 2.0]
    for param in (one, still, up):
        param.grad = torch.tensor([1.0, -1.0, 0.5])
    optimizer.step()
    assert torch.equal(still, torch.zeros(3))
    assert torch.equal(optimizer.state[still]["c"], optimizer.state[one]["c"]), "its state moves on"
    down = nn.Parameter(torch.zeros(3))
    other = LearnedOptimizer([down], weights, lr=2.0)
    down.grad = -torch.tensor([1.0, -1.0, 0.5])
    other.step()
    assert torch.equal(up, down)
    with_names = LearnedOptimizer([("w", nn.Parameter(torch.zeros(3)))], weights)
    assert with_names.param_groups[0]["param_names"] == ["w"]


def test_the_lstm_is_chosen_by_the_kind_of_parameter(two_kinds: LearnedWeights) -> None:
    kernel, matrix = nn.Parameter(torch.zeros(1, 1, 2, 2)), nn.Parameter(torch.zeros(2, 2))
    optimizer = LearnedOptimizer([kernel, matrix], two_kinds)
    as_kernel = nn.Parameter(torch.zeros(2, 2))
    optimizer.add_param_group({"params": [as_kernel], "kind": KERNELS})
    for param in (kernel, matrix, as_kernel):
        param.grad = torch.full_like(param, 0.3)
    optimizer.step()
    expected = [
        FrozenLstm(two_kinds.networks[kind])(torch.full((4,), 0.3), start(two_kinds.header.architecture, coordinates=4))
        for kind in (KERNELS, REST, KERNELS)
    ]
    for param, update in zip((kernel, matrix, as_kernel), expected, strict=True):
        torch.testing.assert_close(param.detach().flatten(), update)
    assert not torch.equal(expected[0], expected[1])


def test_it_works_with_schedulers(weights: LearnedWeights) -> None:
    params = parameters()
    optimizer = LearnedOptimizer(params, weights)
    halved = LambdaLR(optimizer, lambda step: 0.5**step)
    descend(optimizer, params, 1)
    halved.step()
    assert optimizer.param_groups[0]["lr"] == 0.5
    fresh = LearnedOptimizer(parameters(), weights)
    fresh.load_state_dict(optimizer.state_dict())
    assert fresh.param_groups[0]["lr"] == 0.5
    OneCycleLR(optimizer, max_lr=1.0, total_steps=3, cycle_momentum=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("through", ["state_dict", "a file", "pickle", "deepcopy"])
def test_a_training_goes_on_to_the_same_bits(weights: LearnedWeights, dtype: torch.dtype, through: str) -> None:
    whole, halves = parameters(dtype), parameters(dtype)
    descend(LearnedOptimizer(whole, weights), whole, 6)
    first = LearnedOptimizer(halves, weights)
    descend(first, halves, 3)
    if through == "pickle":
        restored = pickle.loads(pickle.dumps(first))
        halves = restored.param_groups[0]["params"]
    elif through == "deepcopy":
        restored = copy.deepcopy(first)
        halves = restored.param_groups[0]["params"]
    else:
        saved = first.state_dict()
        if through == "a file":
            file = io.BytesIO()
            torch.save(saved, file)
            file.seek(0)
            saved = torch.load(file, weights_only=True)
        halves = [nn.Parameter(param.detach().clone()) for param in halves]
        restored = LearnedOptimizer(halves, weights)
        restored.load_state_dict(saved)
    for param, old in zip(halves, first.param_groups[0]["params"], strict=True):
        for name in ("h", "c"):
            assert restored.state[param][name].dtype == torch.float32
            assert torch.equal(restored.state[param][name], first.state[old][name])
            assert param.numel() == 0 or (
                restored.state[param][name].data_ptr() != first.state[old][name].data_ptr()
            ), "the state is copied"
    descend(restored, halves, 3, first=3)
    assert same(values(whole), values(halves))


def test_hooks_of_the_user_still_decide_what_is_loaded(weights: LearnedWeights) -> None:
    params = parameters()
    first = LearnedOptimizer(params, weights)
    descend(first, params, 2)
    other = LearnedOptimizer(parameters(), weights)

    def emptied(_: torch.optim.Optimizer, state: dict) -> dict:
        return {**state, "state": {}}

    other.register_load_state_dict_pre_hook(emptied)
    other.load_state_dict(first.state_dict())
    assert not other.state
    assert len(other._optimizer_load_state_dict_pre_hooks) == 1


def test_a_state_of_other_weights_is_refused_and_changes_nothing(
    weights: LearnedWeights, made: Callable[..., LearnedWeights]
) -> None:
    params = parameters()
    optimizer = LearnedOptimizer(params, weights)
    descend(optimizer, params, 2)
    before = copy.deepcopy(optimizer.state_dict())
    other = LearnedOptimizer(parameters(), made(seed=1))
    with pytest.raises(
        SettingError, match=f"expected one saved with the weights {weights.hash}, got {other.weights.hash}"
    ):
        optimizer.load_state_dict(other.state_dict())
    adam = torch.optim.Adam(parameters())
    with pytest.raises(SettingError, match="got one of another optimizer"):
        optimizer.load_state_dict(adam.state_dict())
    for name, state in before["state"].items():
        assert torch.equal(optimizer.state_dict()["state"][name]["h"], state["h"])
    descend(optimizer, params, 1)


def test_a_state_for_other_shapes_is_refused(weights: LearnedWeights) -> None:
    small, large = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))
    first = LearnedOptimizer([small], weights)
    descend(first, [small], 1)
    optimizer = LearnedOptimizer([large], weights)
    with pytest.raises(SettingError, match=r"'h': expected shape \(2, 3, 3\), got \(2, 3, 2\)"):
        optimizer.load_state_dict(first.state_dict())
    broken = first.state_dict()
    del broken["state"][0]["c"]
    with pytest.raises(SettingError, match=r"'c': expected shape .* got nothing"):
        LearnedOptimizer([nn.Parameter(torch.zeros(2))], weights).load_state_dict(broken)
    with pytest.raises(ValueError, match="parameter group"):
        LearnedOptimizer(parameters(), weights).load_state_dict(first.state_dict())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": -1.0}, "lr: expected 0.0 to"),
        ({"lr": float("nan")}, "lr: expected"),
        ({"lr": float("inf")}, "lr: expected"),
        ({"lr": 10**400}, "lr: expected 0.0 to"),
        ({"lr": "fast"}, "lr: expected a number"),
        ({"kind": 3}, "kind: expected one of all, got '3'"),
        ({"kind": "convolution"}, "kind: expected one of all"),
        ({"maximize": "yes"}, "maximize: expected True or False"),
    ],
)
def test_settings_out_of_range_are_refused(weights: LearnedWeights, options: dict, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        LearnedOptimizer(parameters(), weights, **options)
    with pytest.raises(SettingError, match=said):
        LearnedOptimizer([{"params": parameters(), **options}], weights)


@pytest.mark.parametrize("given", [3, None, ["quadratic"]])
def test_weights_that_are_neither_a_name_nor_a_file_are_refused(given: Any) -> None:
    with pytest.raises(SettingError, match="learned optimizer: expected a name or a file, got") as refused:
        LearnedOptimizer(parameters(), given)
    assert "\n" not in str(refused.value)


def test_options_of_a_group_that_change_nothing_are_refused(weights: LearnedWeights) -> None:
    optimizer = LearnedOptimizer(parameters(), weights)
    with pytest.raises(SettingError, match=r"option of a group: expected one of .* got 'weight_decay'"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "weight_decay": 0.1})
    with pytest.raises(SettingError, match="weights of a group"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "weights": "0" * 16})
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "name": "head"})
    assert len(optimizer.param_groups) == 2


def test_parameters_and_gradients_that_cannot_be_used_are_refused(weights: LearnedWeights) -> None:
    with pytest.raises(SettingError, match=r"expected a real floating-point tensor, got torch.complex64"):
        LearnedOptimizer([nn.Parameter(torch.zeros(2, dtype=torch.complex64))], weights)
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = LearnedOptimizer(table.parameters(), weights)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(SettingError, match="gradient: expected a dense real tensor"):
        optimizer.step()


def test_it_is_printed_with_what_it_was_trained_on(weights: LearnedWeights) -> None:
    shown = repr(LearnedOptimizer(parameters(), weights))
    assert shown.startswith(f"LearnedOptimizer quadratic {weights.hash} (")
