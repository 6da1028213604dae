"""Run a check's work in a fresh Python process, with another hash seed, other addresses, and a time limit."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from harness.conformance.checks import Broken, require


def importable(factory: Callable[..., Any]) -> str:
    """Return the ``module:attribute`` by which another process finds a factory.

    Raises:
        Broken: there is none, so a worker or the command line could not find it either.
    """
    module, name = getattr(factory, "__module__", ""), getattr(factory, "__qualname__", "")
    path = f"{module}:{name}"
    try:
        found = find(path)
    except (ImportError, AttributeError, ValueError):
        found = None
    require(found is factory, f"{path} does not import as module:attribute; define it at the top level of a module")
    return path


def in_fresh_process(function: Callable[..., Any], *arguments: object, timeout_seconds: float) -> Any:
    """Call a top-level function of the harness in a new interpreter and return what it returns.

    Args:
        function: the function, which is found again by its import path.
        arguments: whatever can be pickled.
        timeout_seconds: after which the process is killed.

    Raises:
        Broken: it raised, died, or ran out of time.
    """
    try:
        work = pickle.dumps((list(sys.path), importable(function), arguments))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise Broken(f"cannot be sent to another process: {error}") from error
    environment = os.environ | {"PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            input=work,
            capture_output=True,
            env=environment | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"still busy after {timeout_seconds:g} s, so it hangs") from None
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Broken(f"in a fresh process: {last[0] if last else f'exit status {done.returncode}'}")
    return pickle.loads(done.stdout)


def find(path: str) -> Any:
    """Import and return what ``module:attribute`` stands for."""
    module, _, name = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def serve() -> None:
    """Act as the fresh process: do the work that standard input describes, and answer on standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # other output, even from compiled code, must not mix with the answer
    paths, function, arguments = pickle.load(sys.stdin.buffer)
    sys.path[:] = paths
    with answers:
        answers.write(pickle.dumps(find(function)(*arguments)))
