"""An update rule as a ``torch.optim`` optimizer: ``w ← w − λΔ`` with Δ the rule's value (protocol §1).

::

    optimizer = RuleOptimizer(model.parameters(), "g * exp(sign(g) * sign(m))", lr=0.01)

What is executed is the canonical form, so rules with one key train bit-identically, and a branch nobody needs costs
nothing. All arithmetic runs as ``torch._foreach`` operations over a parameter group at once
(``harness.tasks.rule_program``); on a processor, large groups are taken one piece of a parameter after another
(``harness.tasks.rule_tape``), to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, TypeGuard, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.contracts import Rule
from harness.errors import SettingError, check_range, message
from harness.race.seeds import derive_seed
from harness.space.equivalence import canonical
from harness.space.expression import state as means_of
from harness.space.zoo import resolve
from harness.tasks.rule_fusion import FusedStep
from harness.tasks.rule_kernels import Bucket, descend
from harness.tasks.rule_program import Program, compile_rule
from harness.tasks.rule_tape import Tape, playable, record

PIECE_BYTES = 1 << 19  # of a parameter's entries stepped at once, on a processor, by each of torch's threads

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class RuleOptimizer(Optimizer):
    """Train with any rule of the language.

    It keeps only the running means that the rule needs, in the parameters' dtype as torch's own optimizers do: none for
    ``g``, ``m`` and ``v`` for ``adam``. Every group has its own ``lr``, ``betas``, ``eps`` and ``noise_sigma``.

    Noise and drop draw from a generator of the optimizer's own for each device, never from torch's global one; which of
    several GPUs that is makes no difference. The noise of a step is one tensor wherever the rule mentions it; equal
    drop expressions share a mask, different ones do not (**D**). ``state_dict`` holds the generators too, so a resumed
    run goes on exactly as it would have.

    Args:
        params: tensors, named tensors, or groups, as for every torch optimizer.
        rule: a rule, or its text: infix, tokens, or a name of the zoo.
        lr: λ, at least 0. A tensor that broadcasts against every parameter trains stacked children, each with its own;
            schedulers want a number.
        betas: decays of the running means of g, g² and g³, each in [0, 1).
        eps: ε of ``log|x|``, ``x/(y+ε)``, ADAM and RMSProp.
        noise_sigma: standard deviation of ``noise``.
        seed: root of the random streams.
        compile: fuse every step of large parameters by ``torch.compile`` into one pass over memory. The weights agree
            with the ordinary path's but for rounding, the random streams entirely, and either loads the other's state.
            Where nothing compiles, one warning says why and the steps are ordinary ones, as they always are for a
            tensor of several ``lr``. Searches never use it: their scores rest on the ordinary path to the bit.

    Raises:
        SettingError: a setting is out of range, or a parameter is not real floating point.
        RuleSyntaxError: ``rule`` is a text that is no rule.
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
        seed: int = 0,
        compile: bool = False,
    ) -> None:
        self.rule = resolve(rule) if isinstance(rule, str) else rule
        self.seed = seed
        self._generators: dict[str, torch.Generator] = {}
        self._means, self._program = _compiled(self.rule)
        self._fused = FusedStep(self._program) if compile else None
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "noise_sigma": noise_sigma})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own settings; what it does not set is taken from the optimizer.

        Raises:
            SettingError: a setting is out of range, or a parameter is not real floating point.
        """
        _check_settings(self.defaults | param_group)
        super().add_param_group(param_group)
        odd = [param.dtype for param in param_group["params"] if not param.is_floating_point()]
        if odd:
            self.param_groups.pop()
            raise SettingError(
                message(
                    "parameter",
                    expected="a real floating-point tensor",
                    got=odd[0],
                    hint="Split a complex parameter into its real and imaginary part",
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
                for bucket in self._buckets(group):
                    if not self._step_fused(bucket, group["lr"]):
                        self._step_plainly(bucket, group["lr"])
        return loss

    def _step_fused(self, bucket: Bucket, rate: float | Tensor) -> bool:
        """Take the step by compiled code if that is wanted and works; False leaves everything as it was."""
        if self._fused is None or not self._fused.works or _stacked(rate):
            return False
        return self._fused.take(bucket, rate=float(rate))

    def _buckets(self, group: dict[str, Any]) -> Iterator[Bucket]:
        """Sort a group's parameters by device and dtype, in the order of first appearance, and count the step."""
        members: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for param in group["params"]:
            if param.grad is not None:
                _check_gradient(param.grad)
                members.setdefault((param.device, param.dtype), []).append(param)
        for (device, _), params in members.items():
            states = [self.state[param] for param in params] if self._means else []
            for param, state in zip(params, states, strict=False):
                if not state:
                    state["step"] = 0
                    state.update({name: torch.zeros_like(param) for name in self._means})
                state["step"] += 1
            yield Bucket(
                params=params,
                grads=[param.grad for param in params if param.grad is not None],
                means={name: [state[name] for state in states] for name in self._means},
                decays=dict(zip(("m", "v", "gamma"), group["betas"], strict=True)),
                steps=[state["step"] for state in states],
                eps=group["eps"],
                noise_sigma=group["noise_sigma"],
                generator=partial(self._generator, str(device)),
            )

    def _step_plainly(self, bucket: Bucket, rate: float | Tensor) -> None:
        """Take the step by one operation of torch after another, over large parameters piece by piece."""
        if _stacked(rate):
            _descend_stacked(bucket, self._program.run(bucket), rate)
            return
        entries = torch.get_num_threads() * PIECE_BYTES // bucket.params[0].element_size()
        played = [] if self._program.random else playable(bucket, entries=entries)
        tapes: dict[int, Tape] = {}  # by how many gradients the parameter has seen
        for place in played:
            count = bucket.steps[place] if bucket.steps else 0
            if count not in tapes:
                tapes[count] = record(self._program, bucket.only([place]), rate=float(rate))
            tapes[count].play([tensor.view(-1) for tensor in bucket.tensors(place)], entries=entries)
        rest = [place for place in range(len(bucket.params)) if place not in played]
        if rest:
            others = bucket.only(rest) if played else bucket
            descend(others, self._program.run(others), float(rate))

    def _generator(self, device: str) -> torch.Generator:
        if device not in self._generators:
            generator = torch.Generator(device)
            generator.manual_seed(derive_seed(self.seed, "rule", self._stream(device)))
            self._generators[device] = generator
        return self._generators[device]

    def _stream(self, device: str) -> str:
        """The name of a new device's random stream: its place among those of its type, in the order of first use.

        Which GPU of several it is, no record says, so nothing may depend on it.
        """
        kind = device.partition(":")[0]
        alike = sum(other.partition(":")[0] == kind for other in self._generators)
        return kind if device == kind else f"{kind}:{alike}"

    def _generator_states(self) -> dict[str, Tensor]:
        return {device: generator.get_state() for device, generator in self._generators.items()}

    def state_dict(self) -> dict[str, Any]:
        """The state as every torch optimizer gives it, and under ``rule`` and ``generators`` what makes it whole."""
        saved = super().state_dict()
        return saved | {"rule": str(self.rule), "seed": self.seed, "generators": self._generator_states()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, random streams included; the state is copied.

        Raises:
            SettingError: the state was saved by another rule or optimizer, or for parameters of other shapes.
            ValueError: the state has other parameter groups, as for every torch optimizer.
        """
        theirs = state_dict.get("rule")
        if theirs is None or Rule.parse(theirs).key != self.rule.key:
            raise SettingError(
                message(
                    "optimizer state",
                    expected=f"one saved by the rule {self.rule}",
                    got="none of a rule" if theirs is None else theirs,
                    hint="Build the optimizer with the rule that saved it",
                )
            )
        self._check_shapes(state_dict)
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state.update({name: state[name].clone() for name in self._means})
        self.seed = state_dict["seed"]
        self._restore_generators(state_dict["generators"])

    def _check_shapes(self, state_dict: dict[str, Any]) -> None:
        params = [param for group in self.param_groups for param in group["params"]]
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        for param, number in zip(params, numbers, strict=False):  # torch checks the lengths
            for name, value in state_dict["state"].get(number, {}).items():
                if name in self._means and value.shape != param.shape:
                    raise SettingError(
                        message(
                            f"optimizer state {name!r}",
                            expected=f"shape {tuple(param.shape)}",
                            got=tuple(value.shape),
                            hint="Load it for the model that it was saved with",
                        )
                    )

    def _restore_generators(self, states: dict[str, Tensor]) -> None:
        """Rebuild the generators; a device that this machine lacks starts afresh if it ever comes back."""
        self._generators = {}
        used = {str(param.device) for group in self.param_groups for param in group["params"]}
        for device, state in states.items():
            if device in used:
                self._generator(device).set_state(state.cpu())

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {
            "rule": self.rule,
            "seed": self.seed,
            "_generators": self._generator_states(),
            "_fused": self._fused is not None,  # compiled code stays where it was compiled
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        states = state.pop("_generators", None)
        super().__setstate__(state)
        if states is not None:  # whole, from a pickle or a deepcopy; load_state_dict passes groups and state alone
            self._means, self._program = _compiled(self.rule)
            self._fused = FusedStep(self._program) if state["_fused"] else None
            self._restore_generators(states)

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, f"{type(self).__name__} {self.rule.infix}", 1)


@lru_cache(maxsize=1024)
def _compiled(rule: Rule) -> tuple[tuple[str, ...], Program]:
    """The running means a rule needs, and its program; a sweep asks for the same one for every λ."""
    node = canonical(rule)
    return means_of(node), compile_rule(node)


def _stacked(rate: float | Tensor) -> TypeGuard[Tensor]:
    """Whether every child of a stack has its own λ."""
    return isinstance(rate, Tensor) and rate.numel() > 1


def _descend_stacked(bucket: Bucket, delta: list[Tensor] | float, rate: Tensor) -> None:
    """Take the step of stacked children, each with its own λ."""
    rates = [rate] * len(bucket.params)
    if isinstance(delta, float):
        torch._foreach_sub_(bucket.params, [rate * delta] * len(bucket.params))
    else:
        torch._foreach_addcmul_(bucket.params, delta, rates, value=-1.0)


def _check_settings(group: dict[str, Any]) -> None:
    for name in ("lr", "eps", "noise_sigma"):
        for value in torch.as_tensor(group[name], dtype=torch.float64).flatten().tolist():
            check_range(name, value, least=0.0)
    betas = group["betas"]
    if len(betas) != 3 or not all(0.0 <= beta < 1.0 for beta in betas):
        raise SettingError(
            message(
                "betas", expected="three numbers in [0, 1)", got=betas, hint="They are the decays of m, v and gamma"
            )
        )


def _check_gradient(grad: Tensor) -> None:
    if grad.layout is not torch.strided or grad.is_complex():
        raise SettingError(
            message(
                "gradient",
                expected="a dense real tensor",
                got=f"{grad.layout} of {grad.dtype}",
                hint="Use sparse=False in embeddings, and real parameters",
            )
        )
