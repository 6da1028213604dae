"""The harness: where methods that discover neural-network optimizers compete.

``from harness import Rule, RuleOptimizer`` is what a training script needs; each is loaded when it is first used.
"""

import importlib
import os.path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.contracts import Rule
    from harness.tasks.optimizer.update_rule import RuleOptimizer

__version__ = "0.1.0"
__all__ = ["Rule", "RuleOptimizer", "__version__"]

_FOLDER = os.path.dirname(__file__)
if not os.path.isdir(os.path.join(_FOLDER, "searchers")):  # a checkout: searchers/ and tasks/ lie beside this folder
    __path__.append(os.path.dirname(_FOLDER))

_MODULES = {"Rule": "harness.contracts", "RuleOptimizer": "harness.tasks.optimizer.update_rule"}


def __getattr__(name: str) -> object:
    """Load what is offered here: the command line needs neither, and torch takes seconds to load."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """What is offered, loaded or not."""
    return sorted({*globals(), *__all__})
