"""RuleOptimizer as a citizen of torch.optim, and the known optimizers step for step."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from harness.contracts import Rule
from harness.errors import SettingError
from harness.space.torch_source.optimizer import optimizer_source
from harness.space.zoo import ZOO, named
from harness.tasks.optimizer import fusion
from harness.tasks.optimizer.update_rule import RuleOptimizer

RANDOM_RULES = ["drop(m, 0.3) * exp(1e-3w)", "g + noise * drop(v, 0.1)", "drop(noise, 0.5) + drop(g, 0.1)"]


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for param in layers.parameters():
            param.copy_(torch.randn(param.shape, generator=generator) / 2)
    return layers.to(dtype)


def batch(step: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1_000 + step)
    inputs = torch.randn(16, 6, generator=generator, dtype=torch.float64)
    return inputs.to(dtype), inputs.sin().sum(1, keepdim=True).to(dtype)


def train(model: nn.Module, optimizer: Optimizer, steps: range | int) -> None:
    dtype = next(model.parameters()).dtype
    for step in range(steps) if isinstance(steps, int) else steps:
        inputs, targets = batch(step, dtype)
        optimizer.zero_grad()
        (model(inputs) - targets).square().mean().backward()
        optimizer.step()


def weights(model: nn.Module) -> Tensor:
    return torch.cat([param.detach().flatten() for param in model.parameters()])


class Reference(Optimizer):
    """The known optimizers written out a parameter at a time; RMSProp and momentum with bias correction."""

    def __init__(self, params: Any, name: str, lr: float) -> None:
        super().__init__(params, {"lr": lr})
        self.name, self.count = name, 0

    def step(self, _: None = None) -> None:
        self.count += 1
        for group in self.param_groups:
            for param in group["params"]:
                g, state = param.grad, self.state[param]
                state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
                state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g * g
                m, v = state["m"] / (1 - 0.9**self.count), state["v"] / (1 - 0.999**self.count)
                root = v.sqrt() + 1e-8
                delta = {"sgd": g, "momentum": m, "adam": m / root, "rmsprop": g / root, "sign(g)": g.sign()}[self.name]
                param.data -= group["lr"] * delta


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "rmsprop", "sign(g)"])
def test_known_optimizers_match_a_reference_step_for_step(name: str) -> None:
    ours, theirs = network(), network()
    optimizer, reference = RuleOptimizer(ours.parameters(), name, 0.01), Reference(theirs.parameters(), name, 0.01)
    for step in range(80):
        train(ours, optimizer, range(step, step + 1))
        train(theirs, reference, range(step, step + 1))
        torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("sgd", lambda params: torch.optim.SGD(params, lr=0.01)),
        ("adam", lambda params: torch.optim.Adam(params, lr=0.01, betas=(0.9, 0.999), eps=1e-8)),
    ],
)
def test_sgd_and_adam_match_torch(name: str, build: Callable[[Any], Optimizer]) -> None:
    ours, theirs = network(), network()
    optimizer, reference = RuleOptimizer(ours.parameters(), name, 0.01), build(theirs.parameters())
    for step in range(80):
        train(ours, optimizer, range(step, step + 1))
        train(theirs, reference, range(step, step + 1))
        torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("rule", "means"),
    [
        ("sgd", set()),
        ("sign(g)", set()),
        ("noise", set()),
        ("1", set()),
        ("momentum", {"m"}),
        ("rmsprop", {"v"}),
        ("gamma * g", {"gamma"}),
        ("adam", {"m", "v"}),
        ("m + v * gamma", {"m", "v", "gamma"}),
    ],
)
def test_only_the_state_that_the_rule_needs(rule: str, means: set[str]) -> None:
    model = network()
    optimizer = RuleOptimizer(model.parameters(), rule, 0.01)
    train(model, optimizer, 2)
    for param in model.parameters():
        state = optimizer.state.get(param, {})
        assert state.keys() - {"step", "stream"} == means
        assert ("stream" in state) == (rule == "noise")
        assert all(state[name].shape == param.shape for name in means)


def test_a_block_nobody_needs_costs_no_state() -> None:
    rule = Rule.parse("v gamma id id mul g 1 id id left")
    model = network()
    optimizer = RuleOptimizer(model.parameters(), rule)
    train(model, optimizer, 1)
    assert not any(optimizer.state.values())


def test_rules_with_one_key_train_bit_identically() -> None:
    one, other = network(), network()
    train(one, RuleOptimizer(one.parameters(), "g * exp(m) + drop(v, 0.3)", 0.01), 20)
    train(other, RuleOptimizer(other.parameters(), "drop(v, 0.3) + exp(m) * g", 0.01), 20)
    assert torch.equal(weights(one), weights(other))


def test_groups_have_their_own_settings() -> None:
    settings = [
        {"lr": 0.1, "betas": (0.5, 0.9, 0.99), "eps": 1e-2},
        {"lr": 0.01, "betas": (0.9, 0.99, 0.999), "eps": 1e-4},
    ]
    together, apart = network(), network()
    groups = [
        {"params": layer.parameters(), **own} for layer, own in zip((together[0], together[2]), settings, strict=True)
    ]
    train(together, RuleOptimizer(groups, "adam / exp(gamma)"), 10)
    optimizers = [
        RuleOptimizer(layer.parameters(), "adam / exp(gamma)", **own)  # type: ignore[arg-type]
        for layer, own in zip((apart[0], apart[2]), settings, strict=True)
    ]
    for step in range(10):
        inputs, targets = batch(step)
        apart.zero_grad()
        (apart(inputs) - targets).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(weights(together), weights(apart))


def test_the_noise_of_a_group_has_its_own_sigma() -> None:
    quiet, loud = torch.zeros(1_000), torch.zeros(1_000)
    optimizer = RuleOptimizer([{"params": [quiet], "noise_sigma": 0.0}, {"params": [loud]}], "noise", 1.0)
    quiet.grad, loud.grad = torch.zeros(1_000), torch.zeros(1_000)
    optimizer.step()
    assert quiet.abs().max() == 0.0
    assert loud.abs().max() > 0.0


def test_a_group_added_later_counts_its_own_steps() -> None:
    first, late = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    optimizer = RuleOptimizer([first], "adam", 0.1)
    first.grad = torch.tensor([1.0, -2.0, 3.0])
    optimizer.step()
    optimizer.add_param_group({"params": [late], "lr": 0.5})
    late.grad = torch.tensor([1.0, -2.0, 3.0])
    optimizer.step()
    torch.testing.assert_close(late.detach(), torch.tensor([0.5, 1.5, 0.5]))  # ADAM's first step is the gradient's sign


def test_parameters_without_a_gradient_are_left_alone_and_catch_up() -> None:
    idle, fresh, busy = (torch.ones(4, requires_grad=True) for _ in range(3))
    optimizer, alone = RuleOptimizer([busy, idle], "adam + m", 0.1), RuleOptimizer([fresh], "adam + m", 0.1)
    for step in range(6):
        busy.grad = torch.full((4,), 1.0 + step)
        if step >= 3:  # from here on the two parameters of one bucket differ in their bias correction
            idle.grad, fresh.grad = torch.full((4,), 2.0 - step), torch.full((4,), 2.0 - step)
            alone.step()
        optimizer.step()
        if step < 3:
            assert torch.equal(idle, torch.ones(4))
            assert idle not in optimizer.state
    torch.testing.assert_close(idle, fresh, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(
    "build",
    [
        lambda o: lr_scheduler.StepLR(o, 3, 0.5),
        lambda o: lr_scheduler.ExponentialLR(o, 0.9),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7),
        lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
        lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=30, cycle_momentum=False),
        lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.1, step_size_up=4, cycle_momentum=False),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.CosineAnnealingLR(o, 10)], [4]
        ),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    ],
)
def test_schedulers_work_as_they_do_on_torch_sgd(build: Callable[[Optimizer], Any]) -> None:
    ours, theirs = network(), network()
    ends = []
    for model, optimizer in (
        (ours, RuleOptimizer(ours.parameters(), "g", 0.05)),
        (theirs, torch.optim.SGD(theirs.parameters(), 0.05)),
    ):
        scheduler = build(optimizer)
        for step in range(20):
            train(model, optimizer, range(step, step + 1))
            plateau = isinstance(scheduler, lr_scheduler.ReduceLROnPlateau)
            scheduler.step(*([1.0] if plateau else []))
        ends.append(optimizer.param_groups[0]["lr"])
    assert ends[0] == ends[1] != 0.05
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-12, atol=0.0)


def test_a_scheduler_may_cycle_the_first_beta() -> None:
    model = network()
    optimizer = RuleOptimizer(model.parameters(), "adam", 0.05)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10, base_momentum=0.8, max_momentum=0.95)
    betas = set()
    for step in range(10):
        train(model, optimizer, range(step, step + 1))
        betas.add(optimizer.param_groups[0]["betas"])
        scheduler.step() if step < 9 else None
    assert len(betas) > 5
    assert weights(model).isfinite().all()


def exported_adam(params: Any) -> Optimizer:
    module: dict[str, Any] = {}
    exec(optimizer_source(named("adam")), module)
    optimizer: Optimizer = module["Adam"](params, 0.05)
    return optimizer


def test_onecycle_cycles_momentum_by_default_as_on_torchs_adam() -> None:
    ends = []
    for build in (
        lambda params: torch.optim.Adam(params, 0.05),
        lambda params: RuleOptimizer(params, "adam", 0.05),
        exported_adam,
    ):
        model = network()
        optimizer = build(model.parameters())
        scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
        for step in range(10):
            train(model, optimizer, range(step, step + 1))
            scheduler.step() if step < 9 else None
        ends.append(weights(model))
    assert torch.equal(ends[1], ends[2])
    # torch's Adam blends m and g where ours scales m and adds g; a changing β moves them apart by rounding alone.
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "settings", [{"maximize": True}, {"weight_decay": 0.1}, {"maximize": True, "weight_decay": 10}]
)
def test_maximize_and_weight_decay_are_those_of_adamw(
    settings: dict[str, Any], compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)
    ours, theirs = network(), network()
    groups = [{"params": ours.parameters(), **settings}]
    optimizer = RuleOptimizer(groups, "adam", 0.01, compile=compiled)
    reference = torch.optim.AdamW(theirs.parameters(), 0.01, **{"weight_decay": 0.0, **settings})
    train(ours, optimizer, 20)
    train(theirs, reference, 20)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-9, atol=1e-12)
    apart = network()
    optimizer = RuleOptimizer(apart.parameters(), "adam", 0.01, compile=compiled, **settings)
    train(apart, optimizer, 20)
    assert torch.equal(weights(apart), weights(ours))


def test_weight_decay_of_stacked_children_follows_their_rates() -> None:
    stack, rates = torch.ones(2, 3), torch.tensor([[0.1], [0.2]])
    optimizer = RuleOptimizer([stack], "g", rates, weight_decay=0.5)
    stack.grad = torch.zeros(2, 3)
    optimizer.step()
    torch.testing.assert_close(stack, torch.tensor([[0.95], [0.9]]).expand(2, 3))


def test_at_the_learning_rate_0_the_means_move_and_the_weights_stay() -> None:
    param = torch.ones(3)
    optimizer = RuleOptimizer([param], "g ^ (1 - 2) + m", 0.0)  # NaN where a gradient is 0
    param.grad = torch.tensor([0.0, 1.0, -2.0])
    optimizer.step()
    assert torch.equal(param, torch.ones(3))
    assert optimizer.state[param]["m"].tolist() == pytest.approx([0.0, 0.1, -0.2])


def test_hooks_of_loading_run_before_its_checks() -> None:
    """As for torch's optimizers: a hook may make a state of ours from another optimizer's."""
    theirs, model = network(), network()
    adam = torch.optim.Adam(theirs.parameters(), 0.01)
    train(theirs, adam, 5)
    model.load_state_dict(theirs.state_dict())
    optimizer = RuleOptimizer(model.parameters(), "adam", 0.5)
    heard = []

    def translate(_: Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
        names = {"exp_avg": "m", "exp_avg_sq": "v"}
        state = {
            number: {"step": int(each["step"])} | {ours: each[name] for name, ours in names.items()}
            for number, each in saved["state"].items()
        }
        groups = [{"params": group["params"], "lr": group["lr"], "rule": "adam"} for group in saved["param_groups"]]
        return {"state": state, "param_groups": groups}

    with pytest.raises(SettingError, match="one without a rule, of another optimizer"):
        optimizer.load_state_dict(adam.state_dict())
    optimizer.register_load_state_dict_pre_hook(translate)
    optimizer.register_load_state_dict_post_hook(lambda loaded: heard.append(loaded.param_groups[0]["betas"]))
    optimizer.load_state_dict(adam.state_dict())
    assert heard == [(0.9, 0.999, 0.999)]
    train(theirs, adam, range(5, 10))
    train(model, optimizer, range(5, 10))
    torch.testing.assert_close(weights(model), weights(theirs), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_built_and_steps_whatever_the_default_device(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some devices hold no data, and some no double precision."""
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)
    weight = torch.ones(40, 40)
    weight.grad = torch.full((40, 40), 0.5)
    with torch.device("meta"):
        outside = torch.ones(2)
        for rule in ("adam", "log(2) ^ g", "drop(m, 0.3) + noise", "1 / 2"):
            optimizer = RuleOptimizer([weight], rule, weight_decay=0.1, compile=compiled)
            optimizer.step()
            optimizer.load_state_dict(optimizer.state_dict())
            RuleOptimizer([outside], rule)
    assert weight.isfinite().all()
    assert not torch.equal(weight, torch.ones(40, 40))


@pytest.mark.parametrize("rule", ["momentum", "adam", "m + v * gamma", *RANDOM_RULES])
@pytest.mark.parametrize(("dtype", "saved"), [(torch.float32, 13), (torch.bfloat16, 13), (torch.float32, 0)])
def test_a_run_saved_and_loaded_goes_on_bit_identically(rule: str, dtype: torch.dtype, saved: int) -> None:
    whole = network(dtype)
    train(whole, RuleOptimizer(whole.parameters(), rule, 0.01, seed=5), 30)

    model = network(dtype)
    optimizer = RuleOptimizer(model.parameters(), rule, 0.01, seed=5)
    train(model, optimizer, saved)
    file = io.BytesIO()
    torch.save((model.state_dict(), optimizer.state_dict()), file)
    train(model, optimizer, 2)  # what happens after the save must not leak into it
    file.seek(0)
    model_state, optimizer_state = torch.load(file, weights_only=True)
    resumed = network(dtype)
    resumed.load_state_dict(model_state)
    fresh = RuleOptimizer(resumed.parameters(), rule, 0.5, seed=99)
    fresh.load_state_dict(optimizer_state)
    train(resumed, fresh, range(saved, 30))
    assert torch.equal(weights(resumed), weights(whole))


def test_a_loaded_state_is_a_copy() -> None:
    one, other = network(), network()
    optimizer, loaded = RuleOptimizer(one.parameters(), "adam"), RuleOptimizer(other.parameters(), "adam")
    train(one, optimizer, 3)
    loaded.load_state_dict(optimizer.state_dict())
    before = [state["m"].clone() for state in optimizer.state.values()]
    train(other, loaded, 3)
    assert all(torch.equal(a, s["m"]) for a, s in zip(before, optimizer.state.values(), strict=True))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
@pytest.mark.parametrize("rule", ["adam", *RANDOM_RULES])
def test_copies_and_pickles_go_on_bit_identically(rule: str, clone: Callable[[Any], Any]) -> None:
    model = network()
    optimizer = RuleOptimizer(model.parameters(), rule, 0.01)
    train(model, optimizer, 7)
    twin, its_optimizer = clone((model, optimizer))
    train(model, optimizer, range(7, 15))
    train(twin, its_optimizer, range(7, 15))
    assert torch.equal(weights(model), weights(twin))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_dtype(name: str, dtype: torch.dtype) -> None:
    exact, model = network(), network(dtype)
    train(exact, RuleOptimizer(exact.parameters(), name, 1e-3, eps=1e-4, total_steps=5), 5)
    train(model, RuleOptimizer(model.parameters(), name, 1e-3, eps=1e-4, total_steps=5), 5)
    assert weights(model).dtype is dtype
    tolerance = 0.06 if dtype.itemsize == 2 else 0.02  # drops and noise differ from dtype to dtype
    torch.testing.assert_close(weights(model).double(), weights(exact), rtol=0.0, atol=tolerance)


def test_a_model_of_two_dtypes() -> None:
    single, double = torch.ones(3), torch.ones(3, dtype=torch.float64)
    optimizer = RuleOptimizer([single, double], "adam + noise", 0.1)
    single.grad, double.grad = torch.ones(3), torch.ones(3, dtype=torch.float64)
    optimizer.step()
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert optimizer.state[double]["v"].dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=0.0, atol=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["adam", "powersign", *RANDOM_RULES])
def test_a_cuda_device_agrees_with_the_cpu_and_resumes(name: str) -> None:
    host, model = network(), network().cuda()
    optimizers = RuleOptimizer(host.parameters(), name, 0.01), RuleOptimizer(model.parameters(), name, 0.01)
    for step in range(10):
        inputs, targets = batch(step)
        for place, (net, optimizer) in zip(("cpu", "cuda"), zip((host, model), optimizers, strict=True), strict=True):
            optimizer.zero_grad()
            (net(inputs.to(place)) - targets.to(place)).square().mean().backward()
            optimizer.step()
    if name not in RANDOM_RULES:
        torch.testing.assert_close(weights(model).cpu(), weights(host), rtol=1e-8, atol=1e-10)
    twin, its_optimizer = copy.deepcopy((model, optimizers[1]))
    for net, optimizer in ((model, optimizers[1]), (twin, its_optimizer)):
        for param in net.parameters():
            param.grad = torch.ones_like(param)
        optimizer.step()
    assert torch.equal(weights(model), weights(twin))


def test_other_memory_layouts_train_the_same() -> None:
    plain, strided = torch.randn(4, 3, 2, 2), torch.empty(4, 3, 2, 2).to(memory_format=torch.channels_last)
    strided.copy_(plain)
    optimizers = RuleOptimizer([plain], "drop(adam, 0.3) + noise"), RuleOptimizer([strided], "drop(adam, 0.3) + noise")
    for _ in range(5):
        plain.grad = torch.randn(4, 3, 2, 2)
        strided.grad = plain.grad.to(memory_format=torch.channels_last)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(plain, strided)
    assert strided.is_contiguous(memory_format=torch.channels_last)


def test_stacked_children_each_with_its_own_rate() -> None:
    rates = torch.tensor([0.1, 0.01, 0.001])
    for rule in ("adam", "1"):
        stack, alone = torch.ones(3, 4), [torch.ones(4) for _ in rates]
        together = RuleOptimizer([stack], rule, rates[:, None])
        each = [RuleOptimizer([row], rule, rate) for row, rate in zip(alone, rates.tolist(), strict=True)]
        for step in range(5):
            stack.grad = torch.full((3, 4), 1.0 + step)
            together.step()
            for row, optimizer in zip(alone, each, strict=True):
                row.grad = torch.full((4,), 1.0 + step)
                optimizer.step()
        torch.testing.assert_close(stack, torch.stack(alone))


def test_closures_hooks_and_zero_grad() -> None:
    param = torch.ones(2, requires_grad=True)
    optimizer = RuleOptimizer([param], "g", 0.1)
    order = []
    optimizer.register_step_pre_hook(lambda *_: order.append("before"))
    optimizer.register_step_post_hook(lambda *_: order.append("after"))

    def closure() -> Any:
        order.append("closure")
        optimizer.zero_grad()
        loss = param.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 2.0
    assert order == ["before", "closure", "after"]
    torch.testing.assert_close(param.detach(), torch.full((2,), 0.8))
    assert optimizer.step() is None
    optimizer.zero_grad()
    assert param.grad is None


def drawn(optimizer: RuleOptimizer, param: torch.Tensor) -> float:
    param.fill_(1.0)
    param.grad = torch.zeros_like(param)
    optimizer.step()
    return float(param[0])


def test_a_state_from_before_the_first_step_begins_the_random_stream_anew() -> None:
    param = torch.ones(1)
    optimizer = RuleOptimizer([param], "g + noise", 1.0, noise_sigma=1.0)
    fresh = copy.deepcopy(optimizer.state_dict())
    first = [drawn(optimizer, param) for _ in range(3)]
    optimizer.load_state_dict(fresh)
    assert [drawn(optimizer, param) for _ in range(3)] == first
    other = RuleOptimizer([param], "g + noise", 1.0, noise_sigma=1.0, seed=7)
    drawn(other, param)
    other.load_state_dict(fresh)
    assert [drawn(other, param) for _ in range(3)] == first


def test_saving_does_not_rewind_a_stream_whose_state_a_hook_made() -> None:
    param = torch.ones(1)
    optimizer = RuleOptimizer([param], "m + noise", 1.0, noise_sigma=1.0)
    whole = RuleOptimizer([param], "m + noise", 1.0, noise_sigma=1.0)
    made = {"state": {0: {"step": 3, "m": torch.zeros(1)}}, "param_groups": whole.state_dict()["param_groups"]}
    optimizer.load_state_dict(copy.deepcopy(made))
    whole.load_state_dict(copy.deepcopy(made))
    expected = [drawn(whole, param) for _ in range(4)]
    found = []
    for _ in range(4):
        found.append(drawn(optimizer, param))
        assert optimizer.state_dict()["state"][0]["stream"] is not None
    assert found == expected


def test_one_number_is_expected_where_no_child_has_its_own() -> None:
    with pytest.raises(SettingError, match=r"weight_decay: expected one number, got 2"):
        RuleOptimizer([torch.ones(2)], "m", 0.1, weight_decay=torch.tensor([0.1, 0.2]))  # type: ignore[arg-type]
