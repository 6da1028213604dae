"""An update rule as a ``torch.optim`` optimizer: ``w ← w − λΔ``, where Δ is the rule's value (protocol §1).

::

    from harness import RuleOptimizer

    optimizer = RuleOptimizer(model.parameters(), "g * exp(sign(g) * sign(m))", lr=0.01)

The canonical form is executed, so rules with one key train bit-identically, and unused branches cost nothing. All
arithmetic runs as ``torch._foreach`` operations over a whole parameter group (``optimizer.program``). On a processor,
large parameters are processed piece by piece (``optimizer.tape``), with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, overload

import torch
from torch import Tensor

from harness.contracts import Rule
from harness.errors import SettingError, message
from harness.space.equivalence import canonical
from harness.space.expression import state as means_of
from harness.tasks.optimizer.decays import Progress
from harness.tasks.optimizer.fusion import FusedStep
from harness.tasks.optimizer.kernels import Bucket, descend
from harness.tasks.optimizer.program import Program, compile_rule
from harness.tasks.optimizer.settings import (
    OF_TRAINING,
    check_gradient,
    check_group,
    check_saved,
    rule_named,
    seed_of,
    training_of,
)
from harness.tasks.optimizer.streams import STREAM, Streams
from harness.tasks.optimizer.tape import Tape, playable, record
from harness.tasks.optimizer.tensors import here, plain
from harness.tasks.uncompiled import Uncompiled

PIECE_BYTES = 1 << 19  # of a parameter's entries that each of torch's threads updates at once on a processor

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class RuleOptimizer(Uncompiled):
    """Train with any rule of the language.

    It keeps only the running means that the rule needs, in the parameters' dtype like torch's own optimizers: none for
    ``g``, ``m`` and ``v`` for ``adam``. Every group has its own ``lr``, ``betas``, ``eps``, ``noise_sigma``,
    ``weight_decay`` and ``maximize``. A step with ``lr=0`` updates the running means and leaves the weights unchanged.

    A rule with a decay (``ld``, ``cd``, ``rd``) or ``anneal`` depends on T, the steps of the whole training, and on t,
    the steps that a parameter has taken before this one (protocol §6). As in bias corrections, these are the steps for
    which it had a gradient, and its state counts them. After T steps, t stays T.

    Noise, anneal and drop draw from the optimizer's own generator for each device, never from torch's global one; it
    does not matter which of several GPUs is used. The noise of a step is the same tensor wherever the rule uses it;
    equal drop expressions share a mask, different ones do not (**D**). The parameters' state holds the generators'
    states (``stream``), so a resumed run continues exactly as it would have without the interruption. Processes that
    update different parameters draw alike unless each has its own ``seed``.

    The operand ``rmsprop`` is ``g / (√v̂ + ε)``, where v̂ is the bias-corrected running mean of g² with decay
    ``betas[1]``, 0.999. ``torch.optim.RMSprop`` does not correct the bias, and its ``alpha`` is 0.99: its first step is
    ten times as long, and it forgets ten times as fast.

    Sharded parameters (``DTensor``) are updated in place on each process. A rule with noise, anneal or drop accepts
    only plain tensors.

    Args:
        params: tensors, named tensors, or groups, as for every torch optimizer.
        rule: a rule, or its text: infix, tokens, or the name of a known rule.
        lr: λ, at least 0. A tensor that broadcasts against every parameter trains stacked children, each with its own
            λ; schedulers need a number.
        betas: decays of the running means of g, g² and g³, each in [0, 1).
        eps: ε of ``log|x|``, ``x/(y+ε)``, ADAM and RMSProp; not used where y or x is a number of 1 or more, or a sign.
        noise_sigma: standard deviation of ``noise``.
        weight_decay: decoupled weight decay, as in AdamW: each step first multiplies the weights by ``1 − lr ·
            weight_decay``.
        maximize: whether to climb instead of descend: the rule gets −g for g.
        seed: root seed of the random streams.
        total_steps: T, the steps of the whole training; only rules with a decay or anneal depend on it.
        rd_periods: n of ``rd``, how many times it falls from 1 to 0 in T steps.
        compile: whether to fuse every step of large parameters into one pass over memory with ``torch.compile``. The
            weights agree with those of the ordinary path except for rounding, and the random streams are the same; each
            path can load the other's state. If compiling fails, a warning says why and the steps are ordinary ones.
            They are always ordinary for a tensor of several ``lr``. Searches never use it, since their scores depend on
            the bits of the ordinary path.

    Raises:
        SettingError: a setting is out of range, ``total_steps`` is missing though the rule depends on it, or a
            parameter is not a real floating-point tensor.
        RuleSyntaxError: ``rule`` is a text, but not a rule.

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
        total_steps: int | None = None,
        rd_periods: float = 1.0,
        compile: bool = False,
    ) -> None:
        self.rule = rule_named(rule)
        self._prepare(compiled=compile)
        settings: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "noise_sigma": noise_sigma}
        settings |= {"weight_decay": weight_decay, "maximize": maximize, "rule": str(self.rule), "seed": seed_of(seed)}
        settings |= training_of(self._program.timed, total_steps, rd_periods)
        super().__init__(params, settings)

    def _prepare(self, *, compiled: bool) -> None:
        """Create what is never saved."""
        self._means, self._program = _compiled(self.rule)
        self._fused = FusedStep(self._program) if compiled else None
        self._streams = Streams()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own settings; settings that it lacks come from the optimizer.

        Raises:
            SettingError: a setting is unknown or out of range, or the rule cannot update a parameter.
        """
        kept = param_group
        if isinstance(param_group, dict):  # torch rejects other types
            unused = () if self._program.timed else OF_TRAINING
            given = {name: value for name, value in param_group.items() if name not in unused}
            check_group(given, {**self.defaults, "compile": self._fused is not None})
            kept = {name: value for name, value in given.items() if name not in ("rule", "compile")}
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
                    hint="Split a complex parameter into its real and imaginary parts",
                )
            )
        if self._program.random and not plain((param,)):
            raise SettingError(
                message(
                    "parameter",
                    expected="a plain tensor, for a rule with noise, anneal or drop",
                    got=f"a {type(param).__name__}",
                    hint="Use a rule without them, or do not shard the parameter",
                )
            )

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step; parameters without a gradient stay unchanged.

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
        """Take the step with compiled code if that is requested and works; return False if nothing was done."""
        if self._fused is None or not self._fused.works or isinstance(rate, Tensor) or rate == 0.0:
            return False
        return self._fused.take(bucket, rate=rate)

    def _buckets(self, group: dict[str, Any]) -> Iterator[Bucket]:
        """Sort a group's parameters by device and dtype, in the order of first appearance, and count the step.

        If the rule depends on t, they are sorted by that, too.
        """
        timed = bool(self._program.timed)
        members: dict[tuple[torch.device, torch.dtype, int], list[Tensor]] = {}
        for param in group["params"]:
            if param.grad is not None:
                check_gradient(param.grad)
                taken = int(self.state[param].get("step", 0)) if timed else 0
                members.setdefault((param.device, param.dtype, taken), []).append(param)
        for params in members.values():
            # A rule that draws has a state for every parameter, to hold the generator's state.
            stateful = self._means or self._program.random or timed
            states = [self.state[param] for param in params] if stateful else []
            for param, state in zip(params, states, strict=False):
                if "step" not in state:
                    state["step"] = 0
                    state.update({name: torch.zeros_like(param) for name in self._means})
                if self._program.random:  # a state that a hook made from another optimizer's lacks it, too
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
        progress = None
        if self._program.timed:
            progress = Progress(int(states[0]["step"]) - 1, group["total_steps"], group["rd_periods"])
        return Bucket(
            params=params,
            grads=list(torch._foreach_neg(grads)) if group["maximize"] else grads,
            means=means,
            decays=dict(zip(("m", "v", "gamma"), group["betas"], strict=True)),
            steps=[state["step"] for state in states],
            eps=group["eps"],
            noise_sigma=group["noise_sigma"],
            generator=lambda: self._streams.generator(device, self.state, seed=seed),
            progress=progress,
        )

    def _step_plainly(self, bucket: Bucket, rate: float | Tensor) -> None:
        """Take the step with one torch operation after another, over large parameters piece by piece."""
        if isinstance(rate, Tensor):
            _descend_stacked(bucket, self._program.run(bucket), rate)
            return
        if rate == 0.0:  # so torch.distributed.checkpoint creates a state; 0 times an infinite Δ is NaN
            self._program.run(bucket)
            return
        entries = torch.get_num_threads() * PIECE_BYTES // bucket.params[0].element_size()
        played = [] if self._program.random else playable(bucket, entries=entries)
        tapes: dict[int, Tape] = {}  # by how many gradients the parameter has seen
        for place in played:
            count = bucket.steps[place] if bucket.steps else 0
            if count not in tapes:
                tapes[count] = record(self._program, bucket.only([place]), rate=rate)
            tapes[count].play([tensor.view(-1) for tensor in bucket.tensors(place)], entries=entries)
        rest = [place for place in range(len(bucket.params)) if place not in played]
        if rest:
            others = bucket.only(rest) if played else bucket
            descend(others, self._program.run(others), rate)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as every torch optimizer does; the parameters' state holds the random streams' states."""
        self._streams.keep(self.state)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state, including random streams; the state is copied.

        Raises:
            SettingError: the state was saved by another rule or optimizer, or for parameters of other shapes.
            ValueError: the state has different parameter groups, as for every torch optimizer.
        """
        super().load_state_dict(state_dict)  # it runs the hooks, and then __setstate__, which checks what they leave

    def _check_saved(self, saved: dict[str, Any]) -> None:
        """Raise unless a state to load was saved by this rule for these parameters."""
        for group in saved["param_groups"]:
            check_saved(group, self.rule, self.defaults)
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
        # Compiled code and generators are not pickled: the parameters' state holds the generators' states.
        self._streams.keep(self.state)
        return super().__getstate__() | {"rule": self.rule, "compile": self._fused is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore everything from a pickle or a deepcopy, or groups and parameters' state from ``load_state_dict``."""
        if "rule" in state:
            compiled = state.pop("compile")
            super().__setstate__(state)
            self._prepare(compiled=compiled)
            return
        self._check_saved(state)
        for each in state["state"].values():
            each.update({name: each[name].clone() for name in self._means if name in each})
        super().__setstate__(state)
        self._streams = Streams()  # their states are in what was loaded, or they start anew
        for group in self.param_groups:  # a hook may have made them from another optimizer's
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, f"{type(self).__name__} {self.rule.infix}", 1)


def _all_here(tensors: list[Tensor], params: list[Tensor]) -> list[Tensor]:
    return [here(tensor, param) for tensor, param in zip(tensors, params, strict=True)]


@lru_cache(maxsize=1024)
def _compiled(rule: Rule) -> tuple[tuple[str, ...], Program]:
    """Return the running means that a rule needs, and its program; a sweep asks for the same one for every λ."""
    node = canonical(rule)
    return means_of(node), compile_rule(node)


def _rate(rate: float | Tensor) -> float | Tensor:
    """Return λ as a number, or as a tensor if every child of a stack has its own."""
    return rate if isinstance(rate, Tensor) and rate.numel() > 1 else float(rate)


def _decay(bucket: Bucket, share: float | Tensor) -> None:
    """Shrink the weights by a share, as AdamW does: separately from Δ, and before it."""
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
