"""``harness space``: show what a space contains, and count the functions that its strings stand for."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import complain, console, hanging

app = typer.Typer(
    help="Show what a space of rules contains.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@app.command()
def show(
    space: options.SpaceName = "icml2017",
    blocks: options.Blocks = 2,
    operands: options.Operands = "",
    unary: options.Unary = "",
    binary: options.Binary = "",
    constraints: options.Constraints = "all",
) -> None:
    """Print a space: its names, constraints and exact size."""
    described = options.space(space, blocks, operands, unary, binary, constraints)
    out = console()
    hanging(out, "", described.describe().split())
    for name in ("operands", "unary", "binary"):
        hanging(out, f"{name:<10}", getattr(described, name))
    out.print(f"{'strings':<10}{described.size():,}")


@app.command()
def count(
    space: options.SpaceName = "icml2017",
    blocks: options.Blocks = 1,
    operands: options.Operands = "",
    unary: options.Unary = "",
    binary: options.Binary = "",
    constraints: options.Constraints = "none",
    seed: Annotated[int, typer.Option(help="Seed of the numeric probe.", min=0)] = 0,
) -> None:
    """Count a space's distinct functions by algebra (keys) and by an independent numeric probe."""
    from harness.library.live import counting
    from harness.space.counting.count import count_functions, count_keys

    counted = options.space(space, blocks, operands, unary, binary, constraints)
    began = time.monotonic()
    with counting("counting keys, strings") as progress:
        keys = count_keys(counted, progress=progress)
    with counting("counting functions, strings") as progress:
        functions = count_functions(counted, seed=seed, progress=progress)
    with counting("counting functions coarsely, strings") as progress:
        coarse = count_functions(counted, seed=seed, generic=True, progress=progress)
    out = console()
    hanging(out, "", counted.describe().split())
    out.print(f"strings              {counted.size():>12,}")
    out.print(f"keys (algebra)       {keys:>12,}")
    out.print(f"functions (probe)    {functions:>12,}")
    out.print(f"functions (coarse)   {coarse:>12,}   by few gradients of size 1")
    out.print(f"keys a function      {keys / functions:>12.3f}")
    if functions > keys:
        complain("warning: more functions than keys: rules with one key seem to differ. Please report this space.")
    out.print(f"seconds              {time.monotonic() - began:>12.0f}")
