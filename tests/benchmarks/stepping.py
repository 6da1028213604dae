"""Networks and the optimizers that step them in turn; processes of their own import it by its bare name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from figures import Turns
from torch import Tensor

from harness.tasks.optimizer.update_rule import RuleOptimizer

CHILD = [(32, 3, 3, 3), (32,), (32,), (32, 32, 3, 3), (32,), (32,), (10, 2048), (10,)]
BLOCK = [(768, 2304), (2304,), (768, 768), (768,), (768, 3072), (3072,), (3072, 768), (768,), (768,), (768,)]
LARGE = [(8192, 768), *BLOCK, *BLOCK, *[(512, 1024)] * 8, *[(768,)] * 4]  # a language model of 24.7 million
Taken = dict[str, tuple[list[float], int]]
Build = Callable[[list[Tensor]], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Build] = {
    "torch sgd": lambda params: torch.optim.SGD(params, lr=1e-3, foreach=True),
    "rule sgd": lambda params: RuleOptimizer(params, "sgd", lr=1e-3),
    "torch adam": lambda params: torch.optim.Adam(params, lr=1e-3, foreach=True),
    "rule adam": lambda params: RuleOptimizer(params, "adam", lr=1e-3),
    "rule powersign": lambda params: RuleOptimizer(params, "powersign", lr=1e-3),
}
COMPILED: dict[str, Build] = {
    "compiled adam": lambda params: RuleOptimizer(params, "adam", lr=1e-3, compile=True),
    "compiled powersign": lambda params: RuleOptimizer(params, "powersign", lr=1e-3, compile=True),
    "torch fused adam": lambda params: torch.optim.Adam(params, lr=1e-3, fused=True),
}


def weights(shapes: list[tuple[int, ...]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator) for shape in shapes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator)
    return params


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Memory of the running means, the step counts left aside."""
    parts = [part for state in optimizer.state.values() for part in state.values()]
    return sum(part.numel() * part.element_size() for part in parts if isinstance(part, Tensor) and part.dim() > 0)


def in_turn(names: list[str], threads: int, shapes: list[tuple[int, ...]], rounds: int) -> Taken:
    """Step a network by each optimizer in turn: for each its seconds, the first step left aside, and bytes of state."""
    params = weights(shapes)
    optimizers = {name: (OPTIMIZERS | COMPILED)[name](params) for name in names}
    turns = Turns({name: optimizer.step for name, optimizer in optimizers.items()})
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for _ in range(1 + rounds):
            turns()
    finally:
        torch.set_num_threads(before)
    return {name: (turns.seconds(name)[1:], state_bytes(optimizers[name])) for name in names}
