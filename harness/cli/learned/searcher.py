"""``harness learn searcher``: networks that minimize functions over the unit box."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.terminal.following import STOPPING, stoppable
from harness.cli.terminal.output import announce, console


def searcher(
    dimensions: Annotated[
        str, typer.Option(help="Dimensions of the box: 2, 1-6 or 1,3; each has a network of its own.")
    ],
    to: Annotated[
        Path,
        typer.Option(help="File for the weights, NAME.safetensors; or a folder, for files like lstm-oi-3.safetensors."),
    ],
    cell: Annotated[str, typer.Option(help="lstm, or dnc, which has a memory besides.")] = "lstm",
    loss: Annotated[
        str, typer.Option(help="oi or oi-whole (observed improvement), ei (expected improvement), or sum (all values).")
    ] = "oi",
    parallel: Annotated[
        int, typer.Option(help="Workers that evaluate points at once; 0 for one point after another.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Decides the initial weights and the functions.")] = 0,
    batches: Annotated[
        int | None, typer.Option(help="Batches of functions to train on.", show_default="10,000")
    ] = None,
    draws: Annotated[int | None, typer.Option(help="Functions in a batch.", show_default="128")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Adam's highest learning rate; it falls to zero.", show_default="0.003")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="File of weights to begin with; a dnc may begin with an lstm's.", show_default="drawn ones"),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where to train: cpu, or cuda for a GPU.")] = "cpu",
    threads: Annotated[
        str, typer.Option(help="Threads to compute on: auto (one per core; one beside a GPU) or a number.")
    ] = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train recurrent networks that minimize functions over the unit box, and write their weights to files.

    They are trained on draws of a Gaussian process, for 30, 50 and then 100 steps; the weights
    with the best validation on held-out draws are kept. If interrupted, run the same command again to resume: files
    that are complete are kept.
    """
    from harness.library.learned.searchers import Asked, learned

    asked = Asked(
        cell=cell,
        loss=loss,
        parallel=parallel,
        seed=seed,
        batches=batches,
        draws=draws,
        rate=rate,
        start=start,
        device=device,
        threads=threads,
    )
    with stoppable():
        found = learned(dimensions, to, asked, quiet=quiet, announce=announce, signals=STOPPING)
    console().print("\n\n".join(str(each) for each in found), soft_wrap=True)
