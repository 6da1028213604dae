"""Children on a GPU, measured on the machine at hand: ``python tests/benchmarks/accelerator.py --data cifar10``.

All of it takes less than nine minutes on one card, and ends in one table, which ``--write FOLDER`` keeps as
``accelerator.md``, with the figures in ``accelerator.json``: whether stacks train correctly there; examples per second
over the width of a stack; their share of what the card's memory allows; seconds for 1,000 children under ``quick`` and
100 under ``paper``; the same by PyTorch's operations one by one and by ``torch.func.vmap``, in the same process; and
the share of time in which the card is busy during searches. A part that would not end in time is left out, and the
table says so. There is no bound: no two cards are alike.

``--rehearse`` runs every part on the processor with few and small children, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from measuring_searches import busy
from measuring_stacks import PAPER, REHEARSED, Bench, Figure, children, correctness
from measuring_steps import by_vmap, kernels, memory, second_convolution, widths
from rich.console import Console
from rich.table import Table

from harness.errors import EngineError, HarnessError, message
from harness.files import write_whole

MINUTES = 9.0
NEXT = """\
What to run next, each command resumable ({device}):

    harness table build broad signs adaptive --data cifar10 --device cuda
    harness table truth broad signs adaptive --data cifar10 --device cuda
    harness race --protocol paper --data cifar10 --device cuda --children 200 --seeds 0-9
    harness confirm --data cifar10 --device cuda
"""

Part = tuple[str, float, Callable[[Bench], Sequence[Figure]]]
PARTS: Sequence[Part] = (  # with the seconds that each may take on an H100
    ("correctness", 110, correctness),
    ("children", 70, children),
    ("width", 80, widths),
    ("vmap", 10, by_vmap),
    ("memory", 10, memory),
    ("second convolution", 15, second_convolution),
    ("kernels", 15, kernels),
    ("busy", 150, busy),
)


def main(arguments: Sequence[str]) -> int:
    """Run the command; exit code 2 where there is no GPU or no data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", help="registry name of the data set")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="start no part that would not end in time")
    parser.add_argument("--only", default="", help=f"which parts, a comma between: {', '.join(n for n, *_ in PARTS)}")
    parser.add_argument("--rehearse", action="store_true", help="run all of it on the processor, small")
    parser.add_argument("--write", type=Path, help="folder for accelerator.md and accelerator.json")
    options = parser.parse_args(arguments)
    try:
        if not options.rehearse and not torch.cuda.is_available():
            what, hint = "accelerator", "Run this where torch finds one, or try it with --rehearse"
            raise EngineError(message(what, expected="a CUDA GPU", got="none", hint=hint))
        with tempfile.TemporaryDirectory() as folder:
            device, sizes = ("cpu", REHEARSED) if options.rehearse else ("cuda", PAPER)
            bench = Bench.of(options.data, device, sizes, Path(folder))
            only = set(options.only.split(",")) - {""}
            figures = measured(bench, seconds=60 * options.minutes, only=only or {name for name, *_ in PARTS})
    except HarnessError as cause:
        print(cause, file=sys.stderr)
        return 2
    show(figures, bench)
    print(NEXT.format(device=bench.name))
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        write_whole(options.write / "accelerator.md", markdown(figures, bench).encode())
        record = {"environment": bench.environment, "figures": [figure.plain for figure in figures]}
        write_whole(options.write / "accelerator.json", (json.dumps(record, indent=1) + "\n").encode())
    return 0


def measured(bench: Bench, *, seconds: float, only: set[str]) -> list[Figure]:
    """Measure all parts that end in time; a part that fails is a figure, too, and the others are measured."""
    began, found = time.monotonic(), list[Figure]()
    for name, needed, part in PARTS:
        if name not in only:
            continue
        left = seconds - (time.monotonic() - began)
        if not bench.small and left < needed:
            found.append(Figure(name, f"not measured: {left:.0f} s left, it may take {needed:.0f} s"))
            continue
        start = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            found += part(bench)
        except Exception as cause:
            found.append(Figure(name, f"failed: {type(cause).__name__}: {str(cause).partition(chr(10))[0]}"))
        found.append(Figure(f"seconds for the part “{name}”", time.monotonic() - start))
    return [*found, Figure("seconds in all", time.monotonic() - began)]


def show(figures: Sequence[Figure], bench: Bench) -> None:
    """Print the table."""
    table = Table(title=f"{bench.name}, torch {torch.__version__}", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure in figures:
        table.add_row(figure.name, figure.text)
    Console(width=120).print(table)


def markdown(figures: Sequence[Figure], bench: Bench) -> str:
    """Return the table for a page."""
    rows = [f"| {figure.name} | {figure.text} |" for figure in figures]
    head = [f"{bench.name}, torch {torch.__version__}, {bench.data_name}", "", "| figure | value |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
