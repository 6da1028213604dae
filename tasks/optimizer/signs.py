"""PowerSign and AddSign with any constants as candidates: ``nos:PowerSign(base=1.5, decay='rd', n=10)``.

::

    sign_optimizer("AddSign(alpha=3)").build_for(parameters, learning_rate=0.01)

PowerSign steps along base^(f·sign(g)·sign(m))·g, and AddSign along (alpha + f·sign(g)·sign(m))·g, where f is a decay or
1 (protocol §6). With base e or 2, or alpha 1 or 2, both can be written as rules; a rule has no other numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.candidates import NamedOptimizer, Option, call, sorted_options
from harness.errors import SettingError, check_choice, message
from harness.tasks.optimizer.decays import CD_PERIODS, factor
from harness.tasks.uncompiled import Uncompiled

FAMILY = "nos"
CONSTANTS = {"PowerSign": ("base", math.e), "AddSign": ("alpha", 1.0)}
"""The constant of each method, and its default."""
PERIODS = {"cd": CD_PERIODS, "rd": 1.0}
"""The default n of the decays that have one."""


class SignOptimizer(Uncompiled):
    """PowerSign or AddSign.

    Args:
        params: the parameters.
        lr: the learning rate λ.
        method: ``PowerSign`` or ``AddSign``.
        constant: PowerSign's base, or AddSign's alpha.
        beta: the decay of the running mean m.
        decay: ``ld``, ``cd`` or ``rd``; None for f = 1.
        n: periods of the decay.
        total_steps: T; None without a decay.
    """

    def __init__(self, params: Sequence[Tensor], lr: float, **options: Any) -> None:
        super().__init__(params, {"lr": lr, **options})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; parameters without a gradient stay unchanged."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    scale = self._scale(weight, weight.grad, group)
                    weight.addcmul_(scale, weight.grad, value=-group["lr"])
        return loss

    def _scale(self, weight: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> Tensor:
        """Return what the gradient is multiplied by, and count the step."""
        state = self.state[weight]
        if not state:
            state["step"], state["m"] = 0, torch.zeros_like(weight)
        decay, step = 1.0, state["step"]
        if group["decay"] is not None:
            decay = factor(group["decay"], step, group["total_steps"], periods=group["n"])
        state["step"] += 1
        mean = state["m"].mul_(group["beta"]).add_(gradient, alpha=1.0 - group["beta"])
        agreement = torch.sign(gradient).mul_(torch.sign(mean))
        if group["method"] == "PowerSign":
            return agreement.mul_(decay * math.log(group["constant"])).exp_()
        alpha = group["constant"]
        if abs(alpha) > torch.finfo(weight.dtype).max:  # torch would refuse it
            alpha = math.copysign(math.inf, alpha)
        return agreement.mul_(decay).add_(alpha)


class SignCandidate(NamedOptimizer):
    """PowerSign or AddSign with its options; a ``harness.tasks.optimizer.candidate.Scheduled``."""

    __slots__ = ()

    def build_for(
        self, parameters: Sequence[Tensor], *, learning_rate: float, total_steps: int | None = None
    ) -> Optimizer:
        """Build and return it for some tensors; ``lr`` is λ.

        Raises:
            SettingError: it has a decay, and the steps of the training are not known.
        """
        options = dict(self.options)
        if options["decay"] is not None and total_steps is None:
            expected = f"the steps of the whole training, on which {options['decay']} depends"
            raise SettingError(message("total_steps", expected=expected, got="none", hint="Give total_steps=…"))
        constant = options.pop(CONSTANTS[self.name][0])
        return SignOptimizer(
            list(parameters), learning_rate, method=self.name, constant=constant, total_steps=total_steps, **options
        )


def sign_optimizer(text: str) -> SignCandidate:
    """Read ``PowerSign(option=value, …)`` or ``AddSign(…)``, in upper or lower case, and return the optimizer.

    Raises:
        SettingError: it is neither, or an option is unknown or out of range.
    """
    name, given = call(text)
    name = {each.lower(): each for each in CONSTANTS}.get(name.lower(), name)
    check_choice(f"candidate {FAMILY}:{name}, optimizer", name, CONSTANTS)
    what, (constant, usual) = f"candidate {FAMILY}:{name}", CONSTANTS[name]
    decay = given.get("decay")
    if decay is not None:
        check_choice(f"{what}, decay", str(decay), ("ld", "cd", "rd"), hint="Leave it out for none")
    if given.get("n") is not None and decay not in PERIODS:
        hint = "Leave it out, or choose the decay cd or rd, whose periods n counts"
        raise SettingError(message(f"{what}, n", expected=f"none with decay {decay}", got=given["n"], hint=hint))
    known: dict[str, Option] = {constant: usual, "beta": 0.9, "decay": None, "n": PERIODS.get(str(decay))}
    for option in given:
        check_choice(f"{what}, option", option, known)
    chosen = {option: _number(f"{what}, {option}", option, value) for option, value in given.items()}
    chosen = {option: known[option] if value is None else value for option, value in chosen.items()}
    rest = {option: value for option, value in known.items() if option not in chosen}
    return SignCandidate(FAMILY, name, sorted_options(chosen), sorted_options(rest))


def _number(what: str, option: str, value: Option) -> Option:
    """Return an option's number as a float; a decay, or None, as it is.

    Raises:
        SettingError: it is no number, or out of range.
    """
    if option == "decay" or (option == "n" and value is None):
        return value
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    allowed = {"beta": 0.0 <= number < 1.0, "alpha": number == number}.get(option, number > 0.0)
    expected = {"beta": "a number in [0, 1)", "alpha": "a number"}.get(option, "a number above 0")
    if not allowed:
        raise SettingError(message(what, expected=expected, got=repr(value), hint="Give one, or leave it out"))
    return number
