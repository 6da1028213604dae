"""``harness learn``: train learned optimizers, and compare them with others."""

from __future__ import annotations

import typer

from harness.cli.learned.comparing import compare

app = typer.Typer(
    help="Learned optimizers: train one, and compare them with rules and torch's optimizers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(compare)


@app.callback()
def learn() -> None:
    """Learned optimizers: train one, and compare them with rules and torch's optimizers."""
