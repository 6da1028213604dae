"""Rules under torch.distributed: sharded parameters, its checkpoints, and optimizers that wrap others."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from harness.contracts import Rule
from harness.errors import SettingError
from harness.space.torch_source.optimizer import optimizer_source
from harness.space.zoo import resolve
from harness.tasks.optimizer import fusion, update_rule
from harness.tasks.optimizer import tape as rule_tape
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.optimizer.update_rule import RuleOptimizer

if not torch.distributed.is_available():
    pytest.skip("this torch was built without torch.distributed", allow_module_level=True)

from torch.distributed import checkpoint
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

try:
    from torch.distributed.fsdp import fully_shard
except ImportError:  # before torch 2.6
    from torch.distributed._composable.fsdp import fully_shard

Build = Callable[[nn.Module, str], Optimizer]
DRAWING = ["drop(m, 0.3) + noise", "g + noise", "drop(g, 0.5)"]
DRAWING_TIMED = ["anneal * rd + m"]
TIMED = ["powersign-ld", "g * cd", *DRAWING_TIMED]
PLAIN = [
    "powersign-ld",
    "g * cd",
    "adam",
    "m + v * gamma",
    "2 ^ g",
    "clip(g, 1e-3) * 1e-1w",
    "m ^ 2 / sqrt(v)",
    "1",
    "sign(g) - log(rmsprop)",
]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceMesh]:
    """One process with a group of its own."""
    meeting = tmp_path_factory.mktemp("group") / "meeting"
    torch.distributed.init_process_group("gloo", init_method=meeting.as_uri(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


@pytest.fixture
def _small_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both fast paths are taken wherever they can be."""
    monkeypatch.setattr(update_rule, "PIECE_BYTES", 64)
    monkeypatch.setattr(rule_tape, "LEAST_ENTRIES", 20)
    monkeypatch.setattr(fusion, "LEAST_ENTRIES", 0)
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 40), nn.Tanh(), nn.Linear(40, 9), nn.Tanh(), nn.Linear(9, 1))


def train(model: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        inputs = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(inputs) - inputs.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    optimizer.zero_grad()


def weights(model: nn.Module) -> Tensor:
    whole = [param.full_tensor() if isinstance(param, DTensor) else param for param in model.parameters()]
    return torch.cat([param.detach().flatten() for param in whole])


def ours(model: nn.Module, rule: str, **settings: Any) -> Optimizer:
    return RuleOptimizer(model.parameters(), rule, lr=0.01, total_steps=5, **settings)


def exported_class(rule: str) -> Any:
    module: dict[str, Any] = {}
    exec(optimizer_source(resolve(rule), name="Exported"), module)
    return module["Exported"]


def exported(model: nn.Module, rule: str, **settings: Any) -> Optimizer:
    timed = {"total_steps": 5} if rule in TIMED else {}
    optimizer: Optimizer = exported_class(rule)(model.parameters(), lr=0.01, **timed, **settings)
    return optimizer


@pytest.mark.usefixtures("_small_counts_as_large")
@pytest.mark.parametrize("build", [ours, lambda *args: ours(*args, compile=True), exported])
@pytest.mark.parametrize("rule", PLAIN)
def test_sharded_parameters_train_as_whole_ones_do(rule: str, build: Build, mesh: DeviceMesh) -> None:
    whole, sharded = network(), network()
    for layer in sharded:
        fully_shard(layer, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    before = weights(sharded)
    for model in (whole, sharded):
        train(model, build(model, rule), range(5))
    assert not torch.equal(before, weights(whole))
    torch.testing.assert_close(weights(sharded), weights(whole), rtol=1e-5, atol=1e-6)


TWO_PROCESSES = """
import os
import sys
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from harness.tasks.optimizer.update_rule import RuleOptimizer

torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", init_method=sys.argv[1], rank=int(sys.argv[2]), world_size=2)
mesh = init_device_mesh("cpu", (2,))
for shape in ((400_003,), (401, 999), (1, 400_002), (3,), (1,)):  # large and small, the last with an empty part
    whole = torch.linspace(-1, 1, torch.Size(shape).numel()).view(shape)
    sharded = distribute_tensor(whole.clone(), mesh, [Shard(0)])
    optimizers = [RuleOptimizer([param], "adam * exp(m)", lr=0.1) for param in (whole, sharded)]
    for step in range(2):
        whole.grad = torch.linspace(-2, 3 + step, whole.numel()).view(shape)
        sharded.grad = distribute_tensor(whole.grad, mesh, [Shard(0)])
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(sharded.full_tensor(), whole)
torch.distributed.barrier()
print("both agree", flush=True)
os._exit(0)  # gloo's threads can abort a process that ends while its peer does
"""


def test_each_of_two_processes_steps_its_part(tmp_path: Path) -> None:
    """There, views of a sharded tensor are copies: a step on them was lost without a word."""
    command = [sys.executable, "-c", TWO_PROCESSES, (tmp_path / "meeting").as_uri()]
    ranks = [
        subprocess.Popen([*command, rank], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for rank in "01"
    ]
    try:
        said = [process.communicate(timeout=240)[0] for process in ranks]
    finally:
        for process in ranks:
            process.kill()
    assert [process.returncode for process in ranks] == [0, 0], said
    assert all("both agree" in each for each in said), said


@pytest.mark.usefixtures("_small_counts_as_large")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gradient_may_be_sharded_otherwise(compiled: bool, mesh: DeviceMesh) -> None:
    whole = torch.linspace(-1, 1, 100)
    sharded = distribute_tensor(whole.clone(), mesh, [Shard(0)])
    whole.grad = torch.linspace(-2, 3, 100)
    sharded.grad = distribute_tensor(whole.grad, mesh, [Replicate()])
    for param in (whole, sharded):
        RuleOptimizer([param], "adam + m", 0.1, compile=compiled).step()
    assert torch.equal(sharded.full_tensor(), whole)


@pytest.mark.parametrize("rule", [*DRAWING, *DRAWING_TIMED])
def test_a_rule_that_draws_refuses_sharded_parameters(rule: str, mesh: DeviceMesh) -> None:
    sharded = distribute_tensor(torch.ones(4), mesh, [Shard(0)])
    optimizer = RuleOptimizer([torch.ones(2)], rule, total_steps=5)
    with pytest.raises(
        SettingError, match=r"expected a plain tensor, for a rule with noise, anneal or drop, got a DTensor"
    ):
        optimizer.add_param_group({"params": [sharded]})
    assert len(optimizer.param_groups) == 1


class Wrapped(Tensor):
    """A subclass that is nothing but its operations: it has no memory of its own to write to, and its views copy."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        made: Wrapped = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, strides=inner.stride())  # type: ignore[attr-defined]
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        bare = tree_map_only(Wrapped, lambda each: each.inner, (args, kwargs or {}))
        result = func(*bare[0], **bare[1])
        if result is None or func._schema.name.endswith("_"):
            return args[0] if result is not None else None
        return tree_map_only(Tensor, lambda each: Wrapped(each.clone()), result)


@pytest.mark.usefixtures("_small_counts_as_large")
@pytest.mark.parametrize("compiled", [False, True])
def test_another_subclass_keeps_off_the_fast_paths(compiled: bool) -> None:
    plain, wrapped = torch.linspace(-1, 1, 100), Wrapped(torch.linspace(-1, 1, 100))
    optimizers = [RuleOptimizer([param], "adam * exp(m)", 0.1, compile=compiled) for param in (plain, wrapped)]
    for step in range(3):
        for param, optimizer in zip((plain, wrapped), optimizers, strict=True):
            gradient = torch.linspace(-2, 3, 100).roll(step)
            param.grad = gradient if param is plain else Wrapped(gradient)
            optimizer.step()
    torch.testing.assert_close(wrapped.inner, plain)


def test_the_fast_paths_refuse_subclasses(mesh: DeviceMesh) -> None:
    params: list[Tensor] = [torch.ones(10_000), Wrapped(torch.ones(10_000))]
    params.append(distribute_tensor(torch.ones(10_000), mesh, [Shard(0)]))
    bucket = Bucket(
        params=params,
        grads=[param.clone() for param in params],
        means={},
        decays={},
        steps=[],
        eps=1e-8,
        noise_sigma=0.01,
        generator=torch.Generator,
    )
    assert rule_tape.playable(bucket, entries=100) == [0]


SHARDED, FLAT = StateDictOptions(), StateDictOptions(flatten_optimizer_state_dict=True)
FULL = StateDictOptions(full_state_dict=True, cpu_offload=True)
STATELESS = ["g", "1"]  # torch takes no full state without a tensor in it, that of its own SGD neither
SAVED = [(rule, options) for rule in ("adam", *STATELESS, *DRAWING, *TIMED) for options in (SHARDED, FLAT)]
SAVED += [(rule, FULL) for rule in ("adam", "powersign-ld", *DRAWING, *DRAWING_TIMED)]


def sgd_is_saved(options: StateDictOptions) -> bool:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    state = get_optimizer_state_dict(model, optimizer, options=options)
    try:
        set_optimizer_state_dict(model, optimizer, state, options=options)
    except (KeyError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("build", [ours, exported])
@pytest.mark.parametrize(("rule", "options"), SAVED)
def test_a_distributed_checkpoint_goes_on_bit_identically(
    rule: str, build: Callable[..., Optimizer], options: StateDictOptions, mesh: DeviceMesh, tmp_path: Path
) -> None:
    del mesh
    if rule in STATELESS and not sgd_is_saved(options):
        pytest.skip("this torch cannot load what it saves of its own SGD")
    model = network()
    optimizer = build(model, rule, seed=3) if rule in (*DRAWING, *DRAWING_TIMED) else build(model, rule)
    train(model, optimizer, range(3))
    set_optimizer_state_dict(
        model, optimizer, get_optimizer_state_dict(model, optimizer, options=options), options=options
    )
    saved = {"model": model.state_dict(), "optimizer": get_optimizer_state_dict(model, optimizer, options=options)}
    checkpoint.save(saved, checkpoint_id=tmp_path)
    train(model, optimizer, range(3, 6))

    resumed = network()
    its_optimizer = build(resumed, rule)
    found = {
        "model": resumed.state_dict(),
        "optimizer": get_optimizer_state_dict(resumed, its_optimizer, options=options),
    }
    checkpoint.load(found, checkpoint_id=tmp_path)
    resumed.load_state_dict(found["model"])
    set_optimizer_state_dict(resumed, its_optimizer, found["optimizer"], options=options)
    train(resumed, its_optimizer, range(3, 6))
    assert torch.equal(weights(resumed), weights(model))


@pytest.mark.parametrize("build", [ours, exported])
def test_a_checkpoint_of_a_rule_that_has_no_value_at_zero_leaves_the_weights(build: Build, mesh: DeviceMesh) -> None:
    """Torch makes the state by a step of gradients 0 at the learning rate 0, where this rule's Δ is NaN."""
    del mesh
    model, before = network(), weights(network())
    optimizer = build(model, "g ^ (1 - 2) + m")
    set_optimizer_state_dict(model, optimizer, get_optimizer_state_dict(model, optimizer))
    assert torch.equal(weights(model), before)


def test_a_sharded_checkpoint_of_another_rule_is_refused(mesh: DeviceMesh) -> None:
    models = [network(), network()]
    for model in models:
        fully_shard(model, mesh=mesh)
    saved = get_optimizer_state_dict(models[0], ours(models[0], "m"))
    with pytest.raises(SettingError, match="saved by the rule"):
        set_optimizer_state_dict(models[1], ours(models[1], "adam"), saved)


@pytest.mark.parametrize("kind", ["ours", "exported"])
@pytest.mark.parametrize("rule", ["adam", *DRAWING, *TIMED])
def test_zero_redundancy_goes_on_bit_identically(rule: str, kind: str, mesh: DeviceMesh) -> None:
    del mesh

    def build(model: nn.Module, seed: int) -> ZeroRedundancyOptimizer:
        settings: dict[str, Any] = {"seed": seed} if rule in (*DRAWING, *DRAWING_TIMED) else {}
        settings |= {"total_steps": 5} if rule in TIMED else {}
        if kind == "exported":
            return ZeroRedundancyOptimizer(model.parameters(), exported_class(rule), lr=0.01, **settings)
        return ZeroRedundancyOptimizer(model.parameters(), RuleOptimizer, rule=rule, lr=0.01, compile=False, **settings)

    model = network()
    optimizer = build(model, 3)
    train(model, optimizer, range(3))
    optimizer.consolidate_state_dict()
    saved, reached = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(model.state_dict())
    train(model, optimizer, range(3, 6))

    resumed = network()
    its_optimizer = build(resumed, 99)
    for _ in range(2):  # the second time into one that has drawn on
        resumed.load_state_dict(reached)
        its_optimizer.load_state_dict(copy.deepcopy(saved))
        train(resumed, its_optimizer, range(3, 6))
        assert torch.equal(weights(resumed), weights(model))


def test_a_rule_object_under_zero_redundancy(mesh: DeviceMesh) -> None:
    del mesh
    model, whole = network(), network()
    rule = Rule.parse("m * exp(g)")
    train(model, ZeroRedundancyOptimizer(model.parameters(), RuleOptimizer, rule=rule, lr=0.01), range(3))
    train(whole, RuleOptimizer(whole.parameters(), rule, lr=0.01), range(3))
    assert torch.equal(weights(model), weights(whole))
