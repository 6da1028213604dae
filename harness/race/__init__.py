"""How a search is run: protocols, seeds, the loop, the engine and the ledger (protocol §3).

``harness.race(…)`` races searchers: the package has the same name as that function, and calling it calls the function.
"""

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any


class _Race(ModuleType):
    """A package that can be called; the call goes to ``harness.library.racing.race``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:  # where ``inspect.signature`` looks
        return importlib.import_module("harness.library.racing").race

    @property
    def __doc__(self) -> str:  # type: ignore[override]  # what ``help`` shows: how to call it, before what it contains
        signature = inspect.signature(self.__wrapped__)
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
        called = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
        own = self.__dict__["__doc__"]
        return f"{inspect.getdoc(self.__wrapped__)}\n\nCall it as ``harness.race{called}``.\n\n{own}"

    def __reduce__(self) -> tuple[Any, ...]:  # pickled by name, as modules are, with functions that refer to it
        return importlib.import_module, (__name__,)


sys.modules[__name__].__class__ = _Race
