"""An optimizer whose updates an LSTM writes ([L2L], protocol §8), and the candidates ``learned:mnist``.

::

    from harness import LearnedOptimizer

    optimizer = LearnedOptimizer(model.parameters(), "mnist")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, cast, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.candidates import NamedOptimizer, call, sorted_options
from harness.errors import SettingError, check_choice, check_range, message
from harness.tasks.learned.lstm import FrozenLstm, State, pieces, start
from harness.tasks.learned.problem import ALL, KERNELS, REST
from harness.tasks.learned.weights import LearnedWeights, defaults, load, read
from harness.tasks.optimizer.settings import SCHEDULERS, STRUCTURE, check_gradient
from harness.tasks.uncompiled import Uncompiled

FAMILY = "learned"
OPTIONS = ("lr", "kind", "maximize", "weights")
Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class LearnedOptimizer(Uncompiled):
    """Train with a learned optimizer: θ ← θ + lr · m(∇, h; φ), where m is an LSTM that all weights share.

    Each entry of a parameter has its own LSTM state: with two layers of 20 units, 320 bytes. A step computes the
    entries of a parameter in pieces, so its other memory is bounded. The LSTM computes in float32, whatever the dtype
    of the parameters.

    Args:
        params: tensors, named tensors, or groups, as for every torch optimizer. A group may have its own ``lr``,
            ``kind`` and ``maximize``.
        weights: φ: the name of a default, a file that ``harness learn optimizer`` wrote, or what ``load`` returned.
        lr: what the learned updates are multiplied by; 1 takes them as they were trained. A step with 0 moves the
            states on and leaves the parameters unchanged.
        kind: which of the weights' LSTMs updates a group: ``convolution`` or ``rest`` if there are two. None chooses by
            shape: a parameter of more than two dimensions is the kernel of a convolution.
        maximize: whether to climb instead of descend: the LSTM reads −∇ for ∇.

    Raises:
        SettingError: a setting is out of range, the weights cannot be read, or a parameter is not a real floating-point
            tensor.

    Example:
        >>> import torch
        >>> from harness import LearnedOptimizer
        >>> weight = torch.nn.Parameter(torch.ones(10))
        >>> optimizer = LearnedOptimizer([weight], "quadratic")
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     (weight**2).sum().backward()
        ...     optimizer.step()
        >>> bool((weight**2).sum() < 1)
        True
    """

    def __init__(
        self,
        params: Parameters,
        weights: LearnedWeights | str | os.PathLike[str],
        lr: float = 1.0,
        *,
        kind: str | None = None,
        maximize: bool = False,
    ) -> None:
        self.weights = weights if isinstance(weights, LearnedWeights) else load(weights)
        self._frozen: dict[tuple[str, torch.device], FrozenLstm] = {}
        super().__init__(params, {"lr": lr, "kind": kind, "maximize": maximize, "weights": self.weights.hash})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own settings; settings that it lacks come from the optimizer.

        Raises:
            SettingError: a setting is unknown or out of range, or a parameter cannot be updated.
        """
        if isinstance(param_group, dict):  # torch rejects other types
            self._check_group(param_group)
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            if not param.is_floating_point():
                self.param_groups.pop()
                hint = "Split a complex parameter into its real and imaginary parts"
                expected = "a real floating-point tensor"
                raise SettingError(message("parameter", expected=expected, got=param.dtype, hint=hint))

    def _check_group(self, group: Mapping[str, Any]) -> None:
        for name, value in group.items():
            if not (isinstance(value, str) or name.endswith(SCHEDULERS)):
                check_choice("option of a group", name, [*OPTIONS, *STRUCTURE])
        settings = {**self.defaults, **group}
        rate = settings["lr"]
        if not isinstance(rate, Real) or isinstance(rate, bool):
            raise SettingError(message("lr", expected="a number", got=repr(rate), hint="Give a number from 0"))
        check_range("lr", cast(float, rate), least=0.0, most=sys.float_info.max)
        if settings["kind"] is not None:
            check_choice("kind", str(settings["kind"]), self.weights.networks)
        if not isinstance(settings["maximize"], bool):
            hint = "True climbs, False descends"
            raise SettingError(message("maximize", expected="True or False", got=repr(settings["maximize"]), hint=hint))
        if settings["weights"] != self.weights.hash:
            hint = "Build a separate optimizer for each"
            raise SettingError(
                message(
                    "weights of a group",
                    expected=f"the optimizer's own, {self.weights.hash}",
                    got=settings["weights"],
                    hint=hint,
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
                for param in group["params"]:
                    if param.grad is not None:
                        check_gradient(param.grad)
                        self._update(param, param.grad, group)
        return loss

    def _update(self, param: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        frozen = self._lstm(group["kind"] or self._kind(param), param.device)
        state = self.state[param]
        if not state:
            zeros = start(frozen.architecture, coordinates=param.numel(), device=param.device)
            state["h"], state["c"] = zeros.h, zeros.c
        whole = State(state["h"], state["c"])
        slopes, weights = gradient.reshape(-1), param.reshape(-1)  # views of what lies in one piece
        for piece in pieces(len(slopes), param.device):
            slope = slopes[piece].float()
            update = frozen(-slope if group["maximize"] else slope, whole.part(piece))
            if group["lr"]:  # 0 times an infinite update is NaN
                weights[piece].add_(update, alpha=float(group["lr"]))
        if not param.is_contiguous():  # the weights are a copy
            param.copy_(weights.view(param.shape))

    def _lstm(self, kind: str, device: torch.device) -> FrozenLstm:
        if (kind, device) not in self._frozen:
            self._frozen[kind, device] = FrozenLstm(self.weights.networks[kind], device=device)
        return self._frozen[kind, device]

    def _kind(self, param: Tensor) -> str:
        if ALL in self.weights.networks:
            return ALL
        return KERNELS if param.dim() > 2 else REST

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state; the state is copied.

        Raises:
            SettingError: the state was saved with other weights, by another optimizer, or for parameters of other
                shapes.
            ValueError: the state has different parameter groups, as for every torch optimizer.
        """
        # Torch casts h and c to the parameters' dtype, which may hold less. So they are taken from what it was given,
        # after all hooks of the user: this one is the last.
        self._loading: dict[str, Any] = {}
        hook = self.register_load_state_dict_pre_hook(lambda _, saved: self._loading.update(saved))
        try:
            super().load_state_dict(state_dict)  # it calls __setstate__
        finally:
            hook.remove()
            self._loading = {}

    def _uncast(self, state: dict[str, Any]) -> None:
        """Check a state that torch is about to set, and undo the cast of h and c.

        Raises:
            SettingError: it was saved with other weights, by another optimizer, or for parameters of other shapes.
        """
        what = "optimizer state"
        for group in state["param_groups"]:
            if group.get("weights") != self.weights.hash:
                hint = "Build the optimizer with the weights that saved it"
                got = group.get("weights", "one of another optimizer")
                expected = f"one saved with the weights {self.weights.hash}"
                raise SettingError(message(what, expected=expected, got=got, hint=hint))
            self._check_group(group)
        numbers = [number for group in self._loading["param_groups"] for number in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        for number, param in zip(numbers, params, strict=True):
            saved = self._loading["state"].get(number, {})
            architecture = self.weights.header.architecture
            shape = (architecture.layers, architecture.hidden, param.numel())
            for name in ("h", "c") if saved else ():
                found = tuple(saved[name].shape) if isinstance(saved.get(name), Tensor) else "nothing"
                if found != shape:
                    hint = "Load it for the model that it was saved with"
                    raise SettingError(message(f"{what} {name!r}", expected=f"shape {shape}", got=found, hint=hint))
                state["state"][param][name] = saved[name].to(param.device, torch.float32, copy=True)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"learned": self.weights}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore everything from a pickle or a deepcopy, or groups and parameters' state from ``load_state_dict``."""
        if "learned" in state:
            self.weights, self._frozen = state.pop("learned"), {}
        else:
            self._uncast(state)
        super().__setstate__(state)

    def __repr__(self) -> str:
        described = f"{type(self).__name__} {self.weights.header.problems} {self.weights.hash}"
        return super().__repr__().replace(type(self).__name__, described, 1)


class LearnedCandidate(NamedOptimizer):
    """A learned optimizer as a candidate; a ``harness.tasks.optimizer.candidate.Buildable``."""

    __slots__ = ()

    def build(self, parameters: Sequence[Tensor], *, learning_rate: float) -> Optimizer:
        """Build and return it for some tensors, each in the shape that it has in its layer; ``lr`` is λ.

        Raises:
            SettingError: its weights are missing, or are no longer those of its record.
        """
        weights, options = _weights(self.name, self.options), self.options
        if weights.hash != options["weights"]:
            hint = "Restore the weights that it was recorded with"
            what = f"weights of candidate {self.text}"
            raise SettingError(message(what, expected=str(options["weights"]), got=weights.hash, hint=hint))
        return LearnedOptimizer(list(parameters), weights, learning_rate)


def learned_optimizer(text: str) -> LearnedCandidate:
    """Read ``NAME`` of a default, or ``file(path='mine.safetensors')``, and return the candidate.

    Its λ is what the updates are multiplied by, so that a sweep tunes it as it tunes others; λ = 1 takes the updates as
    they were trained. Its record has the hash of the weights.

    Raises:
        SettingError: there are no such weights.
    """
    written, bracket, rest = text.partition("(")
    name, given = call(f"{written.replace('-', '_')}{bracket}{rest}")  # neural-art, as the family is called
    for option in given:
        check_choice(f"candidate {FAMILY}:{name}, option", option, ("path",) if name == "file" else ())
    weights = _weights(name, given)
    return LearnedCandidate(FAMILY, name, sorted_options(given), (("weights", weights.hash),))


def _weights(name: str, options: Mapping[str, Any]) -> LearnedWeights:
    if name == "file":
        if not isinstance(options.get("path"), str):
            hint = "Write learned:file(path='mine.safetensors')"
            raise SettingError(message("learned:file, path", expected="a file", got=options.get("path"), hint=hint))
        return read(Path(str(options["path"])))
    names = {each.replace("-", "_"): each for each in defaults()}
    hint = "Name one of them, or a file as learned:file(path='mine.safetensors')"
    return load(names[check_choice(f"candidate {FAMILY}:{name}", name, names, hint=hint)])
