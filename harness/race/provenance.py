"""Where a run came from: code, commit, machine. The header records it for readers; it is never compared."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath, PureWindowsPath

import harness
from harness.files import unicode_text

LIBRARIES = ("deap", "numpy", "optuna", "torch")
"""The libraries that proposals depend on; the libraries that scores depend on are in the environment."""


def provenance() -> dict[str, str]:
    """Describe this process: versions of harness, Python and libraries, commit, system, processor, cores, command."""
    return {
        "harness": harness.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(),
        "cores": str(os.cpu_count() or 0),
        "command": unicode_text(" ".join([Path(sys.argv[0]).name, *map(_without_folders, sys.argv[1:])])),
    }


def commit() -> str:
    """Return the commit of the checkout that runs, with ``+changes`` if it is dirty; ``unknown`` without a checkout."""
    root = Path(harness.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return "unknown"
    try:
        revision = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return revision + ("+changes" if dirty else "")


def processor() -> str:
    """Return the processor's model as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _without_folders(argument: str) -> str:
    """Return an argument as published runs may show it: a path outside the current folder is cut to its last part.

    The folders above it reveal where somebody works, and say nothing about the run.
    """
    name, equals, value = argument.partition("=")
    if not equals:
        name, value = "", argument
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(value).is_absolute() or kind(value).parts[:1] == ("..",) or value.startswith("~"):
            return f"{name}{equals}{kind(value).name or value}"
    return argument


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "none"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
