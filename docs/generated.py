"""What the documentation says of commands and modules, made from the program itself: ``docs/reference/``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from harness.cli.commands import COMMANDS, app, loaded
from harness.cli.terminal.examples import examples

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
UNLISTED = {"harness.cli"}  # the commands have a reference of their own


def write() -> None:
    """Write the pages that have changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in {"commands.md": commands(), "modules.md": modules()}.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands() -> str:
    """Every command with its options, as Typer describes them, and its examples."""
    group = typer.main.get_command(app)
    group.commands = {name: loaded(name) for name in COMMANDS}  # type: ignore[attr-defined]
    _described(group, ())
    context = typer.Context(group, info_name="harness")
    return get_docs_for_click(obj=group, ctx=context, name="harness", title="Commands").strip() + "\n"


def modules() -> str:
    """The modules that are imported as ``harness``, for Sphinx to document from their docstrings."""
    listed = "\n".join(f"   {name}" for name in top_level())
    return f"""# Modules

Written from the docstrings. {{py:mod}}`harness.contracts` is the one to read first. [Use it from Python](../python.md)
has the names that `import harness` offers.

```{{eval-rst}}
.. autosummary::
   :toctree:
   :recursive:

{listed}
```
"""


def top_level() -> Sequence[str]:
    """The modules and packages right below ``harness``, the contracts first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name for name in project["tool"]["setuptools"]["packages"] if name.count(".") == 1}
    files = {f"harness.{path.stem}" for path in (ROOT / "harness").glob("*.py") if not path.stem.startswith("_")}
    return sorted(packages - UNLISTED | files, key=lambda name: (name != "harness.contracts", name))


def _described(command: typer.core.TyperGroup | typer.core.TyperCommand, path: tuple[str, ...]) -> None:
    """Name a command and those below it by its word, with examples as a block of code."""
    for name, each in getattr(command, "commands", {}).items():
        each.name = name
        _described(each, (*path, name))
    lines = examples(path)
    command.epilog = "**Examples**:\n\n```sh\n" + "\n".join(lines) + "\n```" if lines else None
