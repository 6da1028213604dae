"""An optimizer whose updates an LSTM writes ([L2L], protocol §8), and the candidates ``learned:mnist``.

::

    from harness import LearnedOptimizer

    optimizer = LearnedOptimizer(model.parameters(), "mnist")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.candidates import NamedOptimizer, call, sorted_options
from harness.errors import SettingError, check_choice, check_range, message
from harness.tasks.learned.lstm import FrozenLstm, State, start
from harness.tasks.learned.problem import ALL, KERNELS, REST
from harness.tasks.learned.weights import LearnedWeights, defaults, load, read

FAMILY = "learned"
Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class LearnedOptimizer(Optimizer):
    """Train with a learned optimizer: θ ← θ + lr · m(∇, h; φ), where m is an LSTM that all weights share.

    Each entry of a parameter has its own LSTM state: with two layers of 20 units, 320 bytes. A step computes the
    entries of a parameter in pieces, so its other memory is bounded.

    Args:
        params: tensors, named tensors, or groups, as for every torch optimizer. A group may have its own ``lr`` and
            ``kind``.
        weights: φ: the name of a default, a file that ``harness learn optimizer`` wrote, or what ``load`` returned.
        lr: what the learned updates are multiplied by; 1 takes them as they were trained.
        kind: which of the weights' LSTMs updates a group: ``convolution`` or ``rest`` if there are two. None chooses by
            shape: a parameter of more than two dimensions is the kernel of a convolution.

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
    ) -> None:
        self.weights = weights if isinstance(weights, LearnedWeights) else load(weights)
        self._prepare()
        super().__init__(params, {"lr": lr, "kind": kind, "weights": self.weights.hash})

    def _prepare(self) -> None:
        self._frozen = {kind: FrozenLstm(network) for kind, network in self.weights.networks.items()}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with its own settings; settings that it lacks come from the optimizer.

        Raises:
            SettingError: a setting is out of range, or a parameter cannot be updated.
        """
        settings = {**self.defaults, **param_group}
        check_range("lr", settings["lr"], least=0.0)
        if settings["kind"] is not None:
            check_choice("kind", settings["kind"], self.weights.networks)
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            if not param.is_floating_point():
                self.param_groups.pop()
                hint = "Split a complex parameter into its real and imaginary parts"
                expected = "a real floating-point tensor"
                raise SettingError(message("parameter", expected=expected, got=param.dtype, hint=hint))

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
                        self._update(param, param.grad, group)
        return loss

    def _update(self, param: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        if gradient.layout != torch.strided:
            hint = "Make the gradient dense"
            raise SettingError(message("gradient", expected="a dense tensor", got=gradient.layout, hint=hint))
        frozen = self._frozen[group["kind"] or self._kind(param)]
        state = self.state[param]
        if not state:
            zeros = start(frozen.architecture, coordinates=param.numel(), device=param.device)
            state["h"], state["c"] = zeros.h, zeros.c
        update = frozen(gradient.reshape(-1).float(), State(state["h"], state["c"]))
        param.add_(update.view(param.shape).to(param.dtype), alpha=group["lr"])

    def _kind(self, param: Tensor) -> str:
        if ALL in self._frozen:
            return ALL
        return KERNELS if param.dim() > 2 else REST


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
    name, given = call(text)
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
