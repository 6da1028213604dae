"""Packages that can be called: ``harness.race(…)`` is a function, and ``harness.race`` the package of the same name."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

TARGETS: dict[str, str] = {}
"""What a package's call goes to, as ``module:function``, by the package's name."""


class CallablePackage(ModuleType):
    """A package that can be called; the call goes to a function of the library."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - the function says what it does
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:  # where ``inspect.signature`` looks
        module, _, function = TARGETS[self.__name__].partition(":")
        return getattr(importlib.import_module(module), function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]  # what ``help`` shows: how to call it, before what it contains
        signature = inspect.signature(self.__wrapped__)
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
        called = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
        own = self.__dict__["__doc__"]
        return f"{inspect.getdoc(self.__wrapped__)}\n\nCall it as ``{self.__name__}{called}``.\n\n{own}"

    def __reduce__(self) -> tuple[Any, ...]:  # pickled by name, as modules are, with functions that refer to it
        return importlib.import_module, (self.__name__,)


def make_callable(package: str, target: str) -> None:
    """Let the calls of a package that is being imported go to a function, ``module:function``."""
    TARGETS[package] = target
    sys.modules[package].__class__ = CallablePackage
