"""Import torchvision beside any build of torch.

PyPI's torchvision wheel is built for CUDA. With a CPU-only torch, its compiled operators do not load, and its import
fails at the first one that it describes, ``torchvision::nms``. It is enough to declare the operators' signatures first,
since nothing here calls them.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import torch

_declared: list[torch.library.Library] = []  # a library's declarations last as long as the object


def datasets() -> Any:
    """Return the module ``torchvision.datasets``.

    Raises:
        ImportError: torchvision is not installed, or does not fit this torch for another reason.
    """
    return _imported("torchvision.datasets")


def models() -> Any:
    """Return the module ``torchvision.models``.

    Raises:
        ImportError: torchvision is not installed, or does not fit this torch for another reason.
    """
    return _imported("torchvision.models")


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except RuntimeError as cause:
        if "torchvision::" not in str(cause) or _declared:
            raise ImportError(str(cause)) from cause
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
    return _imported(name)
