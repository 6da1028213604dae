"""A ``torch.optim`` optimizer that leaves torch's compiler alone: loading it takes as long as loading torch.

Torch exempts some methods of its optimizers from compiling, and loads the compiler to say so when one of them is first
called. Until something else has loaded it, there is nothing to be exempt from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer


class Uncompiled(Optimizer):
    """The methods that torch exempts from compiling."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters."""
        _light(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Args:
            set_to_none: whether they are None afterwards, or else zeros.
        """
        _light(Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of groups and parameters."""
        state: dict[str, Any] = _light(Optimizer.state_dict)(self)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state."""
        _light(Optimizer.load_state_dict)(self, state_dict)


def _light(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method as torch wrote it, or, once the compiler is loaded, as it is exempt from it."""
    written: Callable[..., Any] = getattr(method, "__wrapped__", method)
    return method if "torch._dynamo" in sys.modules else written
