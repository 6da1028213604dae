"""An update rule as a ``torch.optim`` optimizer: ``w ← w − λΔ`` with Δ the rule's value (protocol §1).

::

    from harness import RuleOptimizer

    optimizer = RuleOptimizer(model.parameters(), "g * exp(sign(g) * sign(m))", lr=0.01)

What is executed is the canonical form, so rules with one key train bit-identically, and a branch nobody needs costs
nothing. All arithmetic runs as ``torch._foreach`` operations over a parameter group at once
(``optimizer.program``); on a processor, a large group is taken piece by piece (``optimizer.pieces``), to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.contracts import Rule
from harness.errors import HarnessError, SettingError, message
from harness.space.equivalence import canonical
from harness.space.expression import state as means_of
from harness.tasks.optimizer.fusion import FusedStep
from harness.tasks.optimizer.kernels import Bucket, descend
from harness.tasks.optimizer.pieces import pieces
from harness.tasks.optimizer.program import Program, compile_rule
from harness.tasks.optimizer.settings import check_gradient, check_group, rule_named, seed_of
from harness.tasks.optimizer.streams import STREAM, Streams
from harness.tasks.optimizer.tensors import here, plain

PIECE_BYTES = 1 << 19  # of a parameter's entries stepped at once, on a processor, by each of torch's threads

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class RuleOptimizer(Optimizer):
    """Train with any rule of the language.

    It keeps only the running means that the rule needs, in the parameters' dtype as torch's own optimizers do: none for
    ``g``, ``m`` and ``v`` for ``adam``. Every group has its own ``lr``, ``betas``, ``eps``, ``noise_sigma``,
    ``weight_decay`` and ``maximize``. A step at ``lr=0`` updates the running means and leaves the weights as they are.

    Noise and drop draw from a generator of the optimizer's own for each device, never from torch's global one; which of
    several GPUs that is makes no difference. The noise of a step is one tensor wherever the rule mentions it; equal
    drop expressions share a mask, different ones do not (**D**). The parameters' state says where the generators stand
    (``stream``), so a resumed run goes on exactly as it would have. Processes that each step parameters of their own
    draw alike unless each is given its own ``seed``.

    The operand ``rmsprop`` is ``g / (√v̂ + ε)`` with v̂ the running mean of g², corrected for its bias and decaying by
    ``betas[1]``, 0.999. ``torch.optim.RMSprop`` does not correct the bias, and its ``alpha`` is 0.99: its first step is
    ten times as long, and it forgets ten times as fast.

    Sharded parameters (``DTensor``) are stepped where they lie. A rule with noise or drop takes plain tensors alone.

    Args:
        params: tensors, named tensors, or groups, as for every torch optimizer.
        rule: a rule, or its text: infix, tokens, or a name of the zoo.
        lr: λ, at least 0. A tensor that broadcasts against every parameter trains stacked children, each with its own;
            schedulers want a number.
        betas: decays of the running means of g, g² and g³, each in [0, 1).
        eps: ε of ``log|x|``, ``x/(y+ε)``, ADAM and RMSProp.
        noise_sigma: standard deviation of ``noise``.
        weight_decay: decoupled, as AdamW's: each step first multiplies the weights by ``1 − lr · weight_decay``.
        maximize: climb instead of descend: the rule is given −g for g.
        seed: root of the random streams.
        compile: fuse every step of large parameters by ``torch.compile`` into one pass over memory. The weights agree
            with the ordinary path's but for rounding, the random streams entirely, and either loads the other's state.
            Where nothing compiles, one warning says why and the steps are ordinary ones, as they always are for a
            tensor of several ``lr``. Searches never use it: their scores rest on the ordinary path to the bit.

    Raises:
        SettingError: a setting is out of range, or a parameter is not real floating point.
        RuleSyntaxError: ``rule`` is a text that is no rule.

    Example:
        >>> import torch
        >>> from harness import RuleOptimizer
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> optimizer = RuleOptimizer([weight], "g", lr=0.5)
        >>> (weight**2).sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.0, 0.0]
    """

    def __init__(
        self,
        params: Parameters,
        rule: Rule | str,
        lr: float | Tensor = 1e-3,
        *,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.999),
        eps: float = 1e-8,
        noise_sigma: float = 0.01,
        weight_decay: float = 0.0,
        maximize: bool = False,
        seed: int = 0,
        compile: bool = False,
    ) -> None:
        self.rule = rule_named(rule)
        self._prepare(compiled=compile)
        settings: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "noise_sigma": noise_sigma}
        settings |= {"weight_decay": weight_decay, "maximize": maximize, "rule": str(self.rule), "seed": seed_of(seed)}
        super().__init__(params, settings)

    def _prepare(self, *, compiled: bool) -> None:
        """Make what is never saved."""
        self._means, self._program = _compiled(self.rule)
        self._fused = FusedStep(self._program) if compiled else None
        self._streams = Streams()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own settings; what it does not set is taken from the optimizer.

        Raises:
            SettingError: a setting is unknown or out of range, or the rule cannot step a parameter.
        """
        kept = param_group
        if isinstance(param_group, dict):  # what else it may be, torch says
            check_group(param_group, {**self.defaults, "compile": self._fused is not None})
            kept = {name: value for name, value in param_group.items() if name not in ("rule", "compile")}
        super().add_param_group(kept)
        try:
            for param in kept["params"]:
                self._check_parameter(param)
        except SettingError:
            self.param_groups.pop()
            raise

    def _check_parameter(self, param: Tensor) -> None:
        if not param.is_floating_point():
            raise SettingError(
                message(
                    "parameter",
                    expected="a real floating-point tensor",
                    got=param.dtype,
                    hint="Split a complex parameter into its real and imaginary part",
                )
            )
        if self._program.random and not plain((param,)):
            raise SettingError(
                message(
                    "parameter",
                    expected="a plain tensor, for a rule with noise or drop",
                    got=f"a {type(param).__name__}",
                    hint="Take a rule without them, or leave the parameter unsharded",
                )
            )

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step; parameters without a gradient are left alone.

        Args:
            closure: clears the gradients, computes the loss and returns it.

        Returns:
            The closure's loss, or None without one.

        Raises:
            SettingError: a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                rate = _rate(group["lr"])
                for bucket in self._buckets(group):
                    if group["weight_decay"]:
                        _decay(bucket, rate * group["weight_decay"])
                    if not self._step_fused(bucket, rate):
                        self._step_plainly(bucket, rate)
        return loss

    def _step_fused(self, bucket: Bucket, rate: float | Tensor) -> bool:
        """Take the step by compiled code if that is wanted and works; False leaves everything as it was."""
        if self._fused is None or not self._fused.works or isinstance(rate, Tensor) or rate == 0.0:
            return False
        return self._fused.take(bucket, rate=rate)

    def _buckets(self, group: dict[str, Any]) -> Iterator[Bucket]:
        """Sort a group's parameters by device and dtype, in the order of first appearance, and count the step."""
        members: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for param in group["params"]:
            if param.grad is not None:
                check_gradient(param.grad)
                members.setdefault((param.device, param.dtype), []).append(param)
        for params in members.values():
            # A rule that draws has a state for every parameter, to hold where the generator stands.
            states = [self.state[param] for param in params] if self._means or self._program.random else []
            for param, state in zip(params, states, strict=False):
                if "step" not in state:
                    state["step"] = 0
                    state.update({name: torch.zeros_like(param) for name in self._means})
                if self._program.random:  # a state that a hook made from another optimizer's has none, either
                    state.setdefault(STREAM, None)
                state["step"] += 1
            yield self._bucket(group, params, states)

    def _bucket(self, group: dict[str, Any], params: list[Tensor], states: list[dict[str, Any]]) -> Bucket:
        grads = [param.grad for param in params if param.grad is not None]
        means = {name: [state[name] for state in states] for name in self._means}
        if not plain(params):
            grads = _all_here(grads, params)
            means = {name: _all_here(each, params) for name, each in means.items()}
            params = _all_here(params, params)
        device, seed = params[0].device, int(group["seed"])
        return Bucket(
            params=params,
            grads=list(torch._foreach_neg(grads)) if group["maximize"] else grads,
            means=means,
            decays=dict(zip(("m", "v", "gamma"), group["betas"], strict=True)),
            steps=[state["step"] for state in states],
            eps=group["eps"],
            noise_sigma=group["noise_sigma"],
            generator=lambda: self._streams.generator(device, self.state, seed=seed),
        )

    def _step_plainly(self, bucket: Bucket, rate: float | Tensor) -> None:
        """Take the step by one operation of torch after another, piece by piece unless it draws at random."""
        if isinstance(rate, Tensor):
            _descend_stacked(bucket, self._program.run(bucket), rate)
            return
        if rate == 0.0:  # as torch.distributed.checkpoint steps to make a state; 0 times an infinite Δ is NaN
            self._program.run(bucket)
            return
        entries = torch.get_num_threads() * PIECE_BYTES // bucket.params[0].element_size()
        for piece in [bucket] if self._program.random else pieces(bucket, entries=entries):
            descend(piece, self._program.run(piece), rate)

    def state_dict(self) -> dict[str, Any]:
        """The state as every torch optimizer gives it; that of parameters says where the random streams stand."""
        self._streams.keep(self.state)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, random streams included; the state is copied.

        Raises:
            SettingError: the state was saved by another rule or optimizer, or for parameters of other shapes.
            ValueError: the state has other parameter groups, as for every torch optimizer.
        """
        super().load_state_dict(state_dict)  # it runs the hooks, and then __setstate__, which checks what they leave

    def _check_saved(self, saved: dict[str, Any]) -> None:
        """Raise unless a state that is to be loaded was saved by this rule for these parameters."""
        for group in saved["param_groups"]:
            theirs = group.get("rule")
            nobodys = "one without a rule, of another optimizer or an earlier version"
            if theirs is None or not _one_rule(theirs, self.rule):
                raise SettingError(
                    message(
                        "optimizer state",
                        expected=f"one saved by the rule {self.rule}",
                        got=nobodys if theirs is None else theirs,
                        hint="Build the optimizer with the rule that saved it",
                    )
                )
        for param, state in saved["state"].items():
            for name in self._means if "step" in state else ():
                shape = tuple(state[name].shape) if isinstance(state.get(name), Tensor) else None
                if shape != tuple(param.shape):
                    raise SettingError(
                        message(
                            f"optimizer state {name!r}",
                            expected=f"shape {tuple(param.shape)}",
                            got="nothing" if shape is None else shape,
                            hint="Load it for the model that it was saved with",
                        )
                    )

    def __getstate__(self) -> dict[str, Any]:
        # Compiled code stays where it was compiled, and generators do: the parameters' state says where they stand.
        self._streams.keep(self.state)
        return super().__getstate__() | {"rule": self.rule, "compile": self._fused is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take all of a pickle or a deepcopy, or from ``load_state_dict`` the groups and the parameters' state."""
        if "rule" in state:
            compiled = state.pop("compile")
            super().__setstate__(state)
            self._prepare(compiled=compiled)
            return
        self._check_saved(state)
        for each in state["state"].values():
            each.update({name: each[name].clone() for name in self._means if name in each})
        super().__setstate__(state)
        self._streams = Streams()  # where they stand is in what was loaded, or they begin
        for group in self.param_groups:  # a hook may have made them from another optimizer's
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, f"{type(self).__name__} {self.rule.infix}", 1)


def _one_rule(theirs: Rule | str, ours: Rule) -> bool:
    try:
        return rule_named(theirs).key == ours.key
    except HarnessError:
        return False


def _all_here(tensors: list[Tensor], params: list[Tensor]) -> list[Tensor]:
    return [here(tensor, param) for tensor, param in zip(tensors, params, strict=True)]


@lru_cache(maxsize=1024)
def _compiled(rule: Rule) -> tuple[tuple[str, ...], Program]:
    """The running means a rule needs, and its program; a sweep asks for the same one for every λ."""
    node = canonical(rule)
    return means_of(node), compile_rule(node)


def _rate(rate: float | Tensor) -> float | Tensor:
    """λ as a number, or as a tensor if every child of a stack has its own."""
    return rate if isinstance(rate, Tensor) and rate.numel() > 1 else float(rate)


def _decay(bucket: Bucket, share: float | Tensor) -> None:
    """Shrink the weights by a share, as AdamW does: apart from Δ, and before it."""
    if isinstance(share, Tensor):
        torch._foreach_mul_(bucket.params, [1.0 - share] * len(bucket.params))
    else:
        torch._foreach_mul_(bucket.params, 1.0 - share)


def _descend_stacked(bucket: Bucket, delta: list[Tensor] | float, rate: Tensor) -> None:
    """Take the step of stacked children, each with its own λ."""
    rates = [rate] * len(bucket.params)
    if isinstance(delta, float):
        torch._foreach_sub_(bucket.params, [rate * delta] * len(bucket.params))
    else:
        torch._foreach_addcmul_(bucket.params, delta, rates, value=-1.0)
