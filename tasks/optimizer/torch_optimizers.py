"""The optimizers of ``torch.optim`` as candidates: ``torch:AdamW(weight_decay=0.01)``.

::

    torch_optimizer("AdamW(weight_decay=0.01)").build(parameters, learning_rate=0.001)

Their ``lr`` is the sweep's λ. The record spells out the defaults of all other options from torch's signature. A text is
rejected at once if torch rejects the options or cannot update the weights of a child with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.candidates import NamedOptimizer, Option, call, sorted_options
from harness.errors import SettingError, check_choice, message

FAMILY = "torch"
UNFIT = {
    "LBFGS": "one that needs a closure, to compute the loss several times per step",
    "Muon": "one that updates only matrices, while children also have convolutions and biases",
    "SparseAdam": "one that accepts only sparse gradients",
}
"""Optimizers that cannot train a child, and why; a trial step finds others."""
SHAPES = ((3,), (4, 3), (4, 3, 2, 2))  # shapes of the trial step's weights: a bias, a matrix and a convolution


class TorchOptimizer(NamedOptimizer):
    """An optimizer of ``torch.optim`` by its name and options."""

    __slots__ = ()

    def build(self, parameters: Sequence[Tensor], *, learning_rate: float) -> Optimizer:
        """Build and return it for some tensors, each in the shape that it has in its layer; ``lr`` is λ."""
        kind: Any = optimizers()[self.name]
        built: Optimizer = kind(list(parameters), lr=learning_rate, **self.options)
        return built


@cache
def optimizers() -> Mapping[str, type[Optimizer]]:
    """Return every optimizer of this torch by its name."""
    kinds = {name: kind for name, kind in vars(torch.optim).items() if isinstance(kind, type)}
    return {name: kind for name, kind in kinds.items() if issubclass(kind, Optimizer) and kind is not Optimizer}


def torch_optimizer(text: str) -> TorchOptimizer:
    """Read ``NAME(option=value, …)``, with the name in upper or lower case, and return the optimizer.

    Raises:
        SettingError: torch has no such optimizer or option, or cannot train a child with it.
    """
    name, given = call(text)
    name = _name(name)
    what = f"candidate {FAMILY}:{name}"
    known = {
        option: parameter.default
        for option, parameter in inspect.signature(optimizers()[name]).parameters.items()
        if option not in ("params", "lr")
    }
    if "lr" in given:
        hint = "Leave it out: the sweep over learning rates sets it"
        raise SettingError(message(f"{what}, lr", expected="none", got=given["lr"], hint=hint))
    if given.get("differentiable"):
        hint = "Leave it out: it serves gradients through the steps themselves"
        raise SettingError(message(f"{what}, differentiable", expected="False", got="True", hint=hint))
    for option in given:
        check_choice(f"{what}, option", option, known)
        if isinstance(known[option], bool) and not isinstance(given[option], bool):
            hint = "Write one of them"
            raise SettingError(message(f"{what}, {option}", expected="True or False", got=given[option], hint=hint))
    chosen = {option: _as_default(value, known[option]) for option, value in given.items()}
    rest = {option: value for option, value in known.items() if option not in chosen}
    found = TorchOptimizer(FAMILY, name, sorted_options(chosen), sorted_options(rest))
    _try(found, what)
    return found


def _name(text: str) -> str:
    """Return the optimizer's own name.

    Raises:
        SettingError: no optimizer has that name, or it cannot train a child.
    """
    names = {name.lower(): name for name in optimizers()}
    name = names.get(text.lower(), text)
    fit = [each for each in optimizers() if each not in UNFIT]
    if name in optimizers() and name in UNFIT:
        hint = f"Choose one of {', '.join(fit)}"
        expected = "one that updates dense weights of any shape from their gradients"
        raise SettingError(message(f"candidate {FAMILY}:{name}", expected=expected, got=UNFIT[name], hint=hint))
    return check_choice(f"candidate {FAMILY}:{text}, optimizer", name, fit)


def _as_default(value: Option, default: object) -> Option:
    """Return a value in the type of its option's default, so that 0 and 0.0 give one record."""
    if isinstance(value, tuple):
        others = default if isinstance(default, tuple) and len(default) == len(value) else [None] * len(value)
        return tuple(_as_default(each, other) for each, other in zip(value, others, strict=True))
    if isinstance(value, bool) or isinstance(default, bool) or not isinstance(value, int | float):
        return value
    if isinstance(default, int):  # torch writes 0 where it means any number
        return int(value) if value == int(value) else value
    return float(value)


def _try(candidate: TorchOptimizer, what: str) -> None:
    """Raise unless the optimizer can take a step on weights of every shape that layers have.

    Raises:
        SettingError: torch rejects its options, or such weights.
    """
    weights = [torch.full(shape, 0.5) for shape in SHAPES]
    for weight in weights:
        weight.grad = torch.full_like(weight, 0.1)
    try:
        built = candidate.build(weights, learning_rate=0.01)
        built.step()
    except Exception as cause:  # whatever torch raises for options that it rejects
        expected, hint = "options with which torch trains a child", f"Look them up under torch.optim.{candidate.name}"
        got = f"{type(cause).__name__}: {cause}"
        raise SettingError(message(what, expected=expected, got=got, hint=hint)) from cause
