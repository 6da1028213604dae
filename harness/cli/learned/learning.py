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

app = typer.Typer(
    help="Learned optimizers: train one, and compare them with rules and torch's optimizers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(compare)
app.command()(searcher)


@app.callback()
def learn() -> None:
    """Learned optimizers: train one, and compare them with rules and torch's optimizers."""


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
            show_default="the family's own number",
        ),
    ] = None,
    data: options.DataName = "auto",
    data_root: options.DataRoot = None,
    threads: Annotated[str, typer.Option(help="Threads to compute on: auto (one per core) or a number.")] = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train an LSTM that writes the updates, on problems of a family, and write its weights to a file.

    Several learning rates of the meta-optimizer are tried, and the best is trained to the end; the weights with the
    best validation on held-out problems are kept. If interrupted, run the same command again to resume, to the same
    bits.
    """
    from harness.library.learned.families import trainable
    from harness.library.learned.learning import learned

    with stoppable():
        found = learned(
            trainable(problems),
            to,
            seed=seed,
            preset=preset,
            batches=batches,
            data=data,
            data_root=data_root,
            threads=threads,
            quiet=quiet,
            announce=announce,
            signals=STOPPING,
        )
    console().print(str(found), soft_wrap=True)
