"""The harness: where methods that discover neural-network optimizers compete.

The functions below do what the ``harness`` command does; their docstrings say what they take and return::

    import harness

    board = harness.race(["gp", "random"], protocol="toy-quadratic", children=20, seeds=3, results="results")
    print(board)                                     # in a notebook, just ``board``
    confirmed = harness.confirm(board, seeds=10)     # retrain the best rules on fresh seeds
    trials = harness.load("results").trials.frame()  # everything, as arrays or pandas DataFrames
    optimizer = harness.RuleOptimizer(model.parameters(), harness.Rule.parse("g * exp(sign(g) * sign(m))"), lr=0.1)

Each name is loaded when it is first used, so importing this costs nothing.
"""

import importlib
import os.path
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from harness.contracts import Outcome, Rule
    from harness.errors import HarnessError
    from harness.library.blackbox.contesting import blackbox
    from harness.library.boards import BlackboxBoard, Board, LearnedBoard, RulesBoard, TransferBoard, transfer_board
    from harness.library.confirming import confirm
    from harness.library.exporting import export, export_rule, import_runs
    from harness.library.learned.comparing import compare_learned
    from harness.library.learned.learning import learn_optimizer
    from harness.library.learned.searchers import learn_searcher
    from harness.library.loading import load
    from harness.library.racing import race, run
    from harness.library.reporting import report
    from harness.library.rules import addsign, powersign
    from harness.library.scoring import Scorer, score
    from harness.library.tables import table
    from harness.library.transferring import transfer
    from harness.registry import register
    from harness.space.grammar import Space
    from harness.tasks.learned.optimizer import LearnedOptimizer
    from harness.tasks.optimizer.update_rule import RuleOptimizer

__version__ = "0.1.0"
__all__ = [
    "BlackboxBoard",
    "Board",
    "HarnessError",
    "LearnedBoard",
    "LearnedOptimizer",
    "Outcome",
    "Rule",
    "RuleOptimizer",
    "RulesBoard",
    "Scorer",
    "Space",
    "TransferBoard",
    "__version__",
    "addsign",
    "blackbox",
    "compare_learned",
    "confirm",
    "export",
    "export_rule",
    "import_runs",
    "learn_optimizer",
    "learn_searcher",
    "load",
    "powersign",
    "race",
    "register",
    "report",
    "run",
    "score",
    "table",
    "transfer",
    "transfer_board",
]

_FOLDER = os.path.dirname(__file__)
if not os.path.isdir(os.path.join(_FOLDER, "searchers")):  # a checkout: searchers/ and tasks/ lie beside this folder
    __path__.append(os.path.dirname(_FOLDER))

_CALLABLE = ("blackbox", "race")  # packages, which can be called
_MODULES = {
    "BlackboxBoard": "library.boards",
    "Board": "library.boards",
    "HarnessError": "errors",
    "LearnedBoard": "library.boards",
    "LearnedOptimizer": "tasks.learned.optimizer",
    "Outcome": "contracts",
    "Rule": "contracts",
    "RuleOptimizer": "tasks.optimizer.update_rule",
    "RulesBoard": "library.boards",
    "Scorer": "library.scoring",
    "Space": "space.grammar",
    "TransferBoard": "library.boards",
    "addsign": "library.rules",
    "compare_learned": "library.learned.comparing",
    "confirm": "library.confirming",
    "export": "library.exporting",
    "export_rule": "library.exporting",
    "import_runs": "library.exporting",
    "learn_optimizer": "library.learned.learning",
    "learn_searcher": "library.learned.searchers",
    "load": "library.loading",
    "powersign": "library.rules",
    "register": "registry",
    "report": "library.reporting",
    "run": "library.racing",
    "score": "library.scoring",
    "table": "library.tables",
    "transfer": "library.transferring",
    "transfer_board": "library.boards",
}


def __getattr__(name: str) -> object:
    """Load a name when it is first used: the command line needs few of them, and torch takes seconds to load."""
    if name in _CALLABLE:
        return importlib.import_module(f"harness.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"harness.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """List the names offered here, whether loaded or not."""
    return sorted({*globals(), *__all__})


class CallablePackage(ModuleType):
    """A package that can be called: ``harness.race(…)`` calls a function of the library."""

    TARGETS: ClassVar[dict[str, str]] = {}
    """What a package's call goes to, as ``module:function``, by the package's name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:  # where ``inspect.signature`` looks
        module, _, function = self.TARGETS[self.__name__].partition(":")
        return getattr(importlib.import_module(module), function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]  # what ``help`` shows: how to call it, before what it contains
        import inspect

        signature = inspect.signature(self.__wrapped__)
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
        called = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
        own = self.__dict__["__doc__"]
        return f"{inspect.getdoc(self.__wrapped__)}\n\nCall it as ``{self.__name__}{called}``.\n\n{own}"

    def __reduce__(self) -> tuple[Any, ...]:  # pickled by name, as modules are, with functions that refer to it
        return importlib.import_module, (self.__name__,)


def make_callable(package: str, target: str) -> None:
    """Let the calls of a package that is being imported go to a function, ``module:function``."""
    CallablePackage.TARGETS[package] = target
    sys.modules[package].__class__ = CallablePackage
