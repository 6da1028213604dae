"""What the groups of a ``RuleOptimizer`` may say; whoever says something else hears it before anything trains."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.errors import SettingError, check_range, message
from harness.space.zoo import resolve
from harness.tasks.optimizer.torch_optimizers import optimizers

OF_GROUPS = ("lr", "betas", "eps", "noise_sigma", "weight_decay", "maximize")
# The optimizer's own; wrappers such as ZeroRedundancyOptimizer pass them to groups.
OF_ALL = ("rule", "seed", "compile")
STRUCTURE = ("params", "param_names")
SCHEDULERS = ("_lr", "_momentum")  # what they keep in groups ends so


def rule_named(rule: Rule | str) -> Rule:
    """The rule of the constructor's argument.

    Raises:
        SettingError: it is of another type.
        RuleSyntaxError: it is a text that is no rule.
    """
    if isinstance(rule, Rule):
        return rule
    if isinstance(rule, str):
        return resolve(rule)
    hint = f"Write RuleOptimizer(params, rule, lr={rule})" if isinstance(rule, Real) else "Give the rule after params"
    raise SettingError(message("rule", expected="a rule or its text, such as 'adam'", got=repr(rule), hint=hint))


def seed_of(number: object) -> int:
    """The seed as Python's own number, of which the streams' names are made.

    Raises:
        SettingError: it is no whole number.
    """
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise SettingError(message("seed", expected="a whole number", got=repr(number), hint="Give one, such as 0"))
    return int(number)


def check_group(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise unless a group's settings are known and in their ranges, and agree with the optimizer on what is for all.

    Args:
        group: as it is given to the optimizer.
        defaults: what holds where the group says nothing.

    Raises:
        SettingError: a setting is out of range, or one that the step would leave out.
    """
    _check_options(group)
    for name in OF_ALL:
        if name in group and not _same(name, group[name], defaults[name]):
            raise SettingError(
                message(
                    f"{name} of a group",
                    expected=f"the optimizer's own, {defaults[name]}",
                    got=group[name],
                    hint="Build an optimizer for each",
                )
            )
    settings = {**defaults, **group}
    for name in ("lr", "eps", "noise_sigma", "weight_decay"):
        values = _numbers(name, settings[name])
        if len(values) != 1 and name != "lr":  # of which every child of a stack may have its own
            hint = "Give one number, or each group its own"
            raise SettingError(message(name, expected="one number", got=f"{len(values)}", hint=hint))
        for value in values:
            check_range(name, value, least=0.0)
    _check_betas(settings["betas"])
    if not isinstance(settings["maximize"], bool):
        hint = "True climbs, False descends"
        raise SettingError(message("maximize", expected="True or False", got=repr(settings["maximize"]), hint=hint))


def check_gradient(grad: Tensor) -> None:
    """Raise unless a step can be taken with the gradient.

    Raises:
        SettingError: it is sparse or complex.
    """
    if grad.layout is not torch.strided or grad.is_complex():
        raise SettingError(
            message(
                "gradient",
                expected="a dense real tensor",
                got=f"{grad.layout} of {grad.dtype}",
                hint="Use sparse=False in embeddings, and real parameters",
            )
        )


def _check_options(group: Mapping[str, Any]) -> None:
    """Refuse torch's options that we lack and misspelt ones; warn of others that look like settings."""
    for name, value in group.items():
        labels = isinstance(value, str) or name.endswith(SCHEDULERS)
        asks = value is not None and not (isinstance(value, bool | int | float) and not value)
        if name in (*OF_GROUPS, *OF_ALL, *STRUCTURE) or labels or not asks:
            continue
        near = difflib.get_close_matches(name, OF_GROUPS, n=1, cutoff=0.7)
        if near or name in _options_of_torch():
            hint = f"Write {near[0]}" if near else "Leave it out, or take an optimizer of torch that has it"
            raise SettingError(
                message(
                    "option of a group",
                    expected="one of " + ", ".join(OF_GROUPS),
                    got=f"{name}={value}",
                    hint=hint,
                )
            )
        warnings.warn(
            f"RuleOptimizer: the group's option {name!r} changes no step; its settings are {', '.join(OF_GROUPS)}.",
            stacklevel=2,
        )


@cache
def _options_of_torch() -> frozenset[str]:
    """What some optimizer of this torch can be told."""
    kinds = optimizers().values()
    return frozenset(name for kind in kinds for name in inspect.signature(kind.__init__).parameters)


def _same(name: str, ours: Any, theirs: Any) -> bool:
    return rule_named(ours).key == rule_named(theirs).key if name == "rule" else bool(ours == theirs)


def _numbers(name: str, value: object) -> list[float]:
    """The numbers of a setting, one or a tensor of them, whatever torch's default device is."""
    if isinstance(value, Tensor) and not value.is_meta:
        return list(value.detach().cpu().double().flatten().tolist())
    try:
        return [float("" if isinstance(value, str) else value)]  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        raise SettingError(message(name, expected="a number", got=repr(value), hint="Give a number from 0")) from None


def _check_betas(betas: object) -> None:
    each = list(betas) if isinstance(betas, list | tuple) else []
    if len(each) != 3 or not all(0.0 <= number < 1.0 for beta in each for number in _numbers("betas", beta)):
        hint = "They are the decays of m, v and gamma"
        raise SettingError(message("betas", expected="three numbers in [0, 1)", got=betas, hint=hint))
