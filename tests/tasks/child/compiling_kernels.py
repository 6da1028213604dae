"""Compile every kernel of a stack for an NVIDIA H100, on a machine without one, and print their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from harness.contracts import Rule
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.stacked import backward, forward, update
from harness.tasks.child.stacked.by_triton import TritonGround

TARGET = GPUTarget("cuda", 90, 32)
TYPES = {torch.float32: "fp32", torch.float64: "fp64", torch.int32: "i32", torch.int64: "i64", torch.uint8: "u8"}
OPTIONS = ("num_warps", "num_stages")


class Compiled:
    """Stands in for a kernel: compiles it as a launch would, instead of running it."""

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.launched = kernel, False

    def __getitem__(self, _grid: tuple[int, ...]) -> Any:
        return self.compile

    def compile(self, *args: object, **numbers: Any) -> None:
        """Compile it for these arguments."""
        self.launched = True
        options = {name: numbers.pop(name) for name in OPTIONS if name in numbers}
        given = dict(zip(self.kernel.arg_names, args, strict=False)) | numbers
        constant = {each.name for each in self.kernel.params if each.is_constexpr}
        signature = {name: "constexpr" if name in constant else typed(given[name]) for name in self.kernel.arg_names}
        fixed = {(self.kernel.arg_names.index(name),): given[name] for name in constant}
        found = triton.compile(ASTSource(self.kernel, signature, fixed), target=TARGET, options=options)
        assert "cubin" in found.asm


def typed(value: object) -> str:
    """Triton's name of an argument's type."""
    if isinstance(value, torch.Tensor):
        return f"*{TYPES[value.dtype]}"
    return "fp32" if isinstance(value, float) else "i32"


def main() -> None:
    """Take a step and score, with kernels that are compiled instead of run."""
    kernels: dict[str, Compiled] = {}
    for module, names in (
        (forward, ("first_norm", "first", "second", "second_norm", "pool", "loss", "running_norms", "count_right")),
        (backward, ("linear_back", "second_norm_back", "pool_back", "second_weights", "sum_splits", "second_back")),
        (backward, ("first_weights", "first_norm_back")),
        (update, ("update",)),
    ):
        for name in names:
            kernels[name] = Compiled(getattr(module, name))
            setattr(module, name, kernels[name])
    images, labels = np.zeros((100, 32, 32, 3), np.uint8), np.arange(100, dtype=np.uint8) % 10
    images[0] = 1
    examples = Examples.of(Choice(images, labels, images, labels, 10), torch.float32)
    cells, ground = [(Rule.parse("ld * adam"), 0.1)], TritonGround(examples, batch_size=100)
    stepper = ground.begin(cells, seed=0, noise_sigma=0.01, total_steps=2)
    stepper.train([torch.arange(100)])
    stepper.right(stepper.ground.validation)
    print(*sorted(name for name, kernel in kernels.items() if kernel.launched))


if __name__ == "__main__":
    main()
