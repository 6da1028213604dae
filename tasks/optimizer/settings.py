"""The settings of a ``RuleOptimizer``'s groups, which are checked before anything trains."""

from __future__ import annotations

import difflib
import inspect
import math
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.errors import HarnessError, SettingError, check_range, message
from harness.space.zoo import resolve
from harness.tasks.optimizer.torch_optimizers import optimizers

OF_GROUPS = ("lr", "betas", "eps", "noise_sigma", "weight_decay", "maximize")
# The optimizer's own; wrappers such as ZeroRedundancyOptimizer pass them to groups.
OF_ALL = ("rule", "seed", "compile", "total_steps", "rd_periods")
OF_TRAINING = ("total_steps", "rd_periods")  # kept only where the rule depends on them
STRUCTURE = ("params", "param_names")
SCHEDULERS = ("_lr", "_momentum")  # suffixes of what they keep in groups


def rule_named(rule: Rule | str) -> Rule:
    """Return the rule that the constructor's argument stands for.

    Raises:
        SettingError: it is of another type.
        RuleSyntaxError: it is a text, but not a rule.
    """
    if isinstance(rule, Rule):
        return rule
    if isinstance(rule, str):
        return resolve(rule)
    hint = f"Write RuleOptimizer(params, rule, lr={rule})" if isinstance(rule, Real) else "Give the rule after params"
    raise SettingError(message("rule", expected="a rule or its text, such as 'adam'", got=repr(rule), hint=hint))


def seed_of(number: object) -> int:
    """Return the seed as a Python integer, which is part of the streams' names.

    Raises:
        SettingError: it is not a whole number.
    """
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise SettingError(message("seed", expected="a whole number", got=repr(number), hint="Give one, such as 0"))
    return int(number)


def training_of(timed: Sequence[str], total_steps: object, rd_periods: object) -> dict[str, Any]:
    """Return the settings that say how long the training is; none for a rule that does not depend on them.

    Args:
        timed: what the rule needs to know the length for, such as ``ld``.
        total_steps: T; None if it is not known.
        rd_periods: n of ``rd``.

    Raises:
        SettingError: T is not known but needed, or a setting is out of range.
    """
    if total_steps is None and timed:
        hint = "Write RuleOptimizer(params, rule, total_steps=…)"
        expected = f"the steps of the whole training, on which {' and '.join(timed)} depend{'s' * (len(timed) == 1)}"
        raise SettingError(message("total_steps", expected=expected, got="none", hint=hint))
    total = 0
    if total_steps is not None:
        whole = isinstance(total_steps, Integral) and not isinstance(total_steps, bool)
        total = int(total_steps) if whole else 0  # type: ignore[call-overload]  # it is an integer of some library
        if total < 1:
            expected, hint = "a whole number of at least 1", "Count the steps of the whole training"
            raise SettingError(message("total_steps", expected=expected, got=repr(total_steps), hint=hint))
    periods = _numbers("rd_periods", rd_periods)
    if not (len(periods) == 1 and math.isfinite(periods[0]) and periods[0] > 0):
        hint = "Give n of rd, such as 1 or 10"
        raise SettingError(message("rd_periods", expected="a number above 0", got=repr(rd_periods), hint=hint))
    return {"total_steps": total, "rd_periods": periods[0]} if timed else {}


def check_group(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise unless a group's settings are known and in range, and equal the optimizer's where all groups must agree.

    Args:
        group: the group, as given to the optimizer.
        defaults: the values of settings that the group does not give.

    Raises:
        SettingError: a setting is out of range, or the step would ignore it.
    """
    _check_options(group)
    for name in OF_ALL:
        if name in group and not _same(name, group[name], defaults[name]):
            raise SettingError(
                message(
                    f"{name} of a group",
                    expected=f"the optimizer's own, {defaults[name]}",
                    got=group[name],
                    hint="Build a separate optimizer for each value",
                )
            )
    settings = {**defaults, **group}
    for name in ("lr", "eps", "noise_sigma", "weight_decay"):
        values = _numbers(name, settings[name])
        if len(values) != 1 and name != "lr":  # every child of a stack may have its own lr
            hint = "Give one number, or one for each group"
            raise SettingError(message(name, expected="one number", got=f"{len(values)}", hint=hint))
        for value in values:
            check_range(name, value, least=0.0)
    _check_betas(settings["betas"])
    if not isinstance(settings["maximize"], bool):
        hint = "True climbs, False descends"
        raise SettingError(message("maximize", expected="True or False", got=repr(settings["maximize"]), hint=hint))


def check_saved(group: Mapping[str, Any], rule: Rule, ours: Mapping[str, Any]) -> None:
    """Raise unless a group of a state to load was saved by this rule, for a training of this length.

    Args:
        group: the saved group.
        rule: the rule that loads it.
        ours: the settings of the optimizer that loads it.

    Raises:
        SettingError: it was saved by another rule or optimizer, or for a training of another length.
    """
    theirs = group.get("rule")
    if theirs is None or not _one_rule(theirs, rule):
        nobodys = "one without a rule, of another optimizer or an earlier version"
        raise SettingError(
            message(
                "optimizer state",
                expected=f"one saved by the rule {rule}",
                got=nobodys if theirs is None else theirs,
                hint="Build the optimizer with the rule that saved it",
            )
        )
    for name in OF_TRAINING:
        if name in ours and group.get(name, ours[name]) != ours[name]:
            hint = f"Build the optimizer with {name}={group[name]}"
            what = f"{name} of the optimizer state"
            raise SettingError(message(what, expected=f"{ours[name]}", got=group[name], hint=hint))


def _one_rule(theirs: Rule | str, ours: Rule) -> bool:
    try:
        return rule_named(theirs).key == ours.key
    except HarnessError:
        return False


def check_gradient(grad: Tensor) -> None:
    """Raise unless the gradient allows a step.

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
    """Reject misspelt options and torch options that we lack; warn about others that look like settings."""
    for name, value in group.items():
        labels = isinstance(value, str) or name.endswith(SCHEDULERS)
        asks = value is not None and not (isinstance(value, bool | int | float) and not value)
        if name in (*OF_GROUPS, *OF_ALL, *STRUCTURE) or labels or not asks:
            continue
        near = difflib.get_close_matches(name, OF_GROUPS, n=1, cutoff=0.7)
        if near or name in _options_of_torch():
            hint = f"Write {near[0]}" if near else "Leave it out, or use a torch optimizer that has it"
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
    """Return the options of all optimizers of this torch."""
    kinds = optimizers().values()
    return frozenset(name for kind in kinds for name in inspect.signature(kind.__init__).parameters)


def _same(name: str, ours: Any, theirs: Any) -> bool:
    return rule_named(ours).key == rule_named(theirs).key if name == "rule" else bool(ours == theirs)


def _numbers(name: str, value: object) -> list[float]:
    """Return the numbers of a setting, which is one or a tensor of them, whatever torch's default device is."""
    if isinstance(value, Tensor) and not value.is_meta:
        return list(value.detach().cpu().double().flatten().tolist())
    try:
        return [float("" if isinstance(value, str) else value)]  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, NotImplementedError, OverflowError):
        raise SettingError(message(name, expected="a number", got=repr(value), hint="Give a number from 0")) from None


def _check_betas(betas: object) -> None:
    each = list(betas) if isinstance(betas, list | tuple) else []
    if len(each) != 3 or not all(0.0 <= number < 1.0 for beta in each for number in _numbers("betas", beta)):
        hint = "They are the decays of m, v and gamma"
        raise SettingError(message("betas", expected="three numbers in [0, 1)", got=betas, hint=hint))
