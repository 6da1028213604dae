"""``harness learn``: learned optimizers, trained and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.learned.comparing import compare
from harness.cli.learned.searcher import searcher
from harness.cli.terminal.following import STOPPING, stoppable
from harness.cli.terminal.output import announce, console
from harness.contracts import CPU

FAMILYS = "the family's own number"

app = typer.Typer(
    help="Learned optimizers and searchers: train one, and compare optimizers with rules and torch's.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(compare)
app.command()(searcher)


@app.callback()
def learn() -> None:
    """Learned optimizers and searchers: train one, and compare optimizers with rules and torch's."""


@app.command()
def optimizer(
    problems: Annotated[
        str,
        typer.Option(help="Family of problems: quadratic, mnist, cifar10 or neural-art; with a variant NAME/VARIANT."),
    ],
    to: Annotated[Path, typer.Option(help="File for the weights; its name ends in .safetensors.")],
    preset: Annotated[
        str, typer.Option(help="paper, or deepmind for the preprocessing and scale of the authors' public code.")
    ] = "paper",
    seed: Annotated[int, typer.Option(help="The meta-seed: initial weights, problems, and learning rates tried.")] = 0,
    batches: Annotated[
        int | None,
        typer.Option(
            help="Batches of problems to train the best learning rate on; each is tried on no more.",
            show_default=FAMILYS,
        ),
    ] = None,
    problems_at_once: Annotated[
        int | None, typer.Option("--problems-at-once", help="Problems of a batch.", show_default=FAMILYS)
    ] = None,
    coordinates: Annotated[
        int | None,
        typer.Option(
            help="Coordinates of each kind of parameter that an unroll differentiates; 0 for all.", show_default=FAMILYS
        ),
    ] = None,
    held_out: Annotated[
        int | None, typer.Option("--held-out", help="Problems of the validation.", show_default=FAMILYS)
    ] = None,
    every: Annotated[int | None, typer.Option(help="Batches between two validations.", show_default=FAMILYS)] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Validations without improvement after which training stops.", show_default=FAMILYS),
    ] = None,
    rates: Annotated[
        int | None, typer.Option(help="How many learning rates are tried, drawn at random.", show_default=FAMILYS)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="The learning rate to train with, in place of a search.", show_default="searched"),
    ] = None,
    decay: Annotated[
        str, typer.Option(help="none, or cosine: the learning rate falls to 0 along half a cosine.")
    ] = "none",
    data: options.DataName = "auto",
    data_root: options.DataRoot = None,
    threads: Annotated[str, typer.Option(help="Threads to compute on: auto (one per core) or a number.")] = "auto",
    device: Annotated[str, typer.Option(help="Where to compute: cpu, or cuda for a GPU.")] = CPU,
    quiet: options.Quiet = False,
) -> None:
    """Train an LSTM that writes the updates, on problems of a family, and write its weights to a file.

    Several learning rates of the meta-optimizer are tried, and the best is trained to the end; the weights with the
    best validation on held-out problems are kept. If interrupted, run the same command again to resume, to the same
    bits.
    """
    from harness.library.learned.families import trainable
    from harness.library.learned.learning import learned
    from harness.library.learned.schedules import Changes

    with stoppable():
        found = learned(
            trainable(problems),
            to,
            seed=seed,
            preset=preset,
            changes=Changes(
                batches=batches,
                problems_at_once=problems_at_once,
                coordinates=coordinates,
                held_out=held_out,
                every=every,
                patience=patience,
                rates=rates,
                rate=rate,
                decay=decay,
            ),
            data=data,
            data_root=data_root,
            threads=threads,
            device=device,
            quiet=quiet,
            announce=announce,
            signals=STOPPING,
        )
    console().print(str(found), soft_wrap=True)
