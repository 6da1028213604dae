"""Former names of our modules: stores hold them from when our searchers and tasks were top-level packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from harness.errors import RegistryError, message

# They stand for our modules. The list is closed: a new module of ours takes no name from anybody.
FORMER = frozenset(
    {
        "searchers.evolution:RegularizedEvolution",
        "searchers.gp:GeneticProgramming",
        "searchers.random_plain:RandomPlain",
        "searchers.random_search:RandomSearch",
        "searchers.rl.agent:ReinforcementLearning",
        "searchers.rl_gp:ControllerSeededGP",
        "searchers.tpe:TreeParzen",
        "tasks.child.scoring:ChildTask",
        "tasks.data.auto:load",
        "tasks.data.cifar10:load",
        "tasks.data.synthetic:load",
        "tasks.toy:ClassifierTask",
        "tasks.toy:QuadraticTask",
        "tasks.toy:RosenbrockTask",
        "tasks.toy.classifier:ClassifierTask",
        "tasks.toy.quadratic:QuadraticTask",
        "tasks.toy.rosenbrock:RosenbrockTask",
    }
)


def current(kind: str, name: str) -> str:
    """Return today's name of a module of ours that had a former name.

    Args:
        kind: what it is, as messages say it.
        name: one of ``FORMER``.

    Raises:
        RegistryError: another module has that name here, so it is unclear which one is meant.
    """
    now = f"harness.{name}"
    spec = importlib.util.find_spec(now.partition(":")[0])
    theirs, ours = _file_of(name.partition(":")[0]), spec.origin if spec else None
    if theirs and ours and not theirs.samefile(ours) and not _in_a_checkout(theirs, name):
        what = f"{kind} {name!r}"
        hint = f"For the harness's own module write {now}; give your module another name"
        raise RegistryError(message(what, expected="one module of that name", got=f"{theirs} too", hint=hint))
    return now


def _in_a_checkout(file: Path, name: str) -> bool:
    """Whether a module with a former name belongs to a checkout of the harness, while another copy is installed."""
    depth = name.partition(":")[0].count(".") + (file.name == "__init__.py")
    return (file.parents[depth] / "harness" / "registry.py").is_file()


def _file_of(module: str) -> Path | None:
    """Return the file that a module would be loaded from, without importing anything."""
    first, *inner = module.split(".")
    spec = next(filter(None, (finder.find_spec(first, None) for finder in sys.meta_path)), None)
    for folder in (spec.submodule_search_locations if spec else None) or []:
        place = Path(folder, *inner)
        for file in (place / "__init__.py", place.with_name(place.name + ".py")):
            if file.is_file():
                return file
    return None
