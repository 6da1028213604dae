"""``harness table``: every rule of a small space, scored in advance, so that a search takes milliseconds."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.terminal.following import followed, stoppable
from harness.cli.terminal.output import announce, console, document
from harness.contracts import CPU

if TYPE_CHECKING:
    from harness.board.tables.checking import Retraining
    from harness.board.tables.opening import Table
    from harness.race.header import RunHeader
    from harness.race.store.ledger import Ledger

app = typer.Typer(
    help="Tables of outcomes: every rule of a small space, scored in advance.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
FOLDER = Path("results/tables")
SHIPPED = Path("tasks/table")  # in the checkout: files there are installed with the harness
TOP = 10  # best rules that are listed
UNFINISHED = "unfinished"  # folder of the stores of unfinished parts, beside the tables, one store for each environment


class TableFormat(StrEnum):
    """How a table is printed."""

    TEXT = "text"
    MD = "md"
    JSON = "json"


TableName = Annotated[
    str, typer.Argument(metavar="NAME", help="A table that ships with the harness, or a path that ends in .npz.")
]


@app.callback()
def table() -> None:
    """Tables of outcomes: every rule of a small space, scored in advance."""


@app.command()
def build(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="broad, signs, adaptive.")],
    replicates: Annotated[
        str | None,
        typer.Option(help="Which of each rule's replicates to score, from 0: 0-2, or 0,2.", show_default="all"),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder for the finished parts.")] = FOLDER,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: options.DataName = "cifar10",
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """Fill tables part by part; each finished part is a file.

    If interrupted, run the same command again to resume. A part that began on another kind of machine starts again from
    its beginning.
    """
    from harness.race.conditions import prepared
    from harness.race.racing import carry_out
    from harness.race.store.ledger import Ledger
    from harness.race.store.tables import FILLER, is_final, named, parts
    from harness.registry import Kind, load

    tables = [named(name) for name in options.distinct(names, "table build")]
    chosen = range(tables[0].replicates) if replicates is None else options.seeds(replicates, "--replicates")
    wanted = list(parts(tables, chosen))
    protocol = tables[0].protocol
    options.check_device(device)
    options.tell_unread(protocol, data, data_root, default="cifar10")
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    if cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster has as many as it has")
    training = prepared(
        protocol, data, data_root, device=device, workers=slots, cluster=cluster, test=True, announce=announce
    )
    conditions = training.conditions
    filler = load(Kind.SEARCHER, FILLER)
    origin = conditions.provenance
    headers = {
        part: part.header(
            version=filler.version,
            data=conditions.data,
            fingerprint=conditions.fingerprint,
            environment=conditions.environment,
            provenance=origin,
        )
        for part in wanted
    }
    due = {part: header for part, header in headers.items() if not is_final(to / part.file_name, header)}
    announce(
        f"tables {', '.join(each.name for each in tables)}: {len(wanted) - len(due)} of {len(wanted)} parts are final; "
        f"protocol {protocol.name} v{protocol.version}; data {headers[wanted[0]].data_label}"
    )
    if not due:
        return
    of = {header.identity: part for part, header in due.items()}
    with ExitStack() as stack:
        environment = next(iter(due.values())).environment_hash
        ledger = stack.enter_context(Ledger.open(to / UNFINISHED / environment))
        engine = training.open(list(due.values()))
        stack.callback(engine.close)
        runs = [
            (header, functools.partial(filler, header.space, seed=header.seed, part=part.setting))
            for part, header in due.items()
        ]
        with stoppable():
            carry_out(
                runs,
                engine,
                ledger,
                follow=followed(quiet=quiet),
                finished=lambda header: _keep(ledger, header, to / of[header.identity].file_name),
            )


def _keep(ledger: Ledger, header: RunHeader, path: Path) -> None:
    """Write a finished part to its file."""
    from harness.files import write_whole
    from harness.race.store.archive import compressed, encode

    write_whole(path, compressed(encode(ledger.archive(header.identity))))


@app.command()
def truth(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Tables whose parts are all finished.")],
    to: Annotated[Path, typer.Option(help="Folder that holds the parts and gets the runs on fresh seeds.")] = FOLDER,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: options.DataName = "cifar10",
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """Retrain the best rules of tables and the known optimizers on fresh seeds.

    The 200 rules with the highest mean over their replicates are retrained on ten seeds that no search and no table
    uses. Each seed is a run and becomes a file. If interrupted, run the same command again to resume.
    """
    from harness.board.rules.confirming import retrain
    from harness.board.rules.truth import SEEDS, file_of, is_known, plan_of
    from harness.race.store.ledger import Ledger
    from harness.race.store.tables import named, outcomes

    tables = [named(name) for name in options.distinct(names, "table truth")]
    options.check_device(device)
    if cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster has as many as it has")
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    for table in tables:
        plan = plan_of(table, outcomes(to, table), data=data)
        options.tell_unread(plan.protocol, data, data_root, default="cifar10")
        left = [seed for seed in SEEDS if not is_known(to / file_of(table, seed), plan, seed)]
        if len(left) < len(SEEDS):
            announce(f"table {table.name}: {len(SEEDS) - len(left)} of {len(SEEDS)} fresh seeds are final")
        if not left:
            continue
        with Ledger.open(to / UNFINISHED / "truth") as ledger, stoppable():
            headers = retrain(
                plan,
                ledger,
                seeds=left,
                data_root=data_root,
                device=device,
                workers=slots,
                cluster=cluster,
                announce=announce,
                follow=followed(quiet=quiet),
            )
            for header in headers:
                _keep(ledger, header, to / file_of(table, header.seed))


@app.command()
def pack(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Tables whose runs are all finished.")],
    parts: Annotated[Path, typer.Option(help="Folder of the runs that `build` and `truth` made.")] = FOLDER,
    to: Annotated[Path, typer.Option(help="Folder for NAME.npz.")] = SHIPPED,
) -> None:
    """Pack the runs of each table into one file, which ships with the harness.

    The same runs give the same bytes. A missing run is an error; no entry is ever filled in.
    """
    from harness.board.tables.packing import content_of, file_of
    from harness.files import check_place, write_whole
    from harness.library.live import counting
    from harness.race.store.tables import named

    tables = [named(name) for name in options.distinct(names, "table pack")]
    for table in tables:
        check_place(to / file_of(table.name))
    for table in tables:
        with counting(f"packing table {table.name}"):
            content = content_of(parts, table)
        write_whole(to / file_of(table.name), content)
        announce(
            f"table {table.name}: {len(table.rules):,} functions, {len(content):,} bytes in {to / file_of(table.name)}"
        )


@app.command()
def info(
    name: TableName,
    format: Annotated[TableFormat, typer.Option(help="How to print it.")] = TableFormat.TEXT,
    top: Annotated[int, typer.Option(help="How many of the best rules to list; JSON has all.", min=0)] = TOP,
) -> None:
    """Show a table: how its children ended, how much is noise, the best rules, and those tied with the optimum."""
    from harness.board.markdown import markdown
    from harness.board.tables import pages
    from harness.board.tables.figures import figures
    from harness.board.tables.opening import opened
    from harness.board.terminal import show_page

    shown = figures(opened(name))
    match format:
        case TableFormat.JSON:
            options.tell_unused({"--top": top != TOP}, "JSON has all rules that were retrained")
            document(pages.document(shown))
        case TableFormat.MD:
            document(markdown([pages.page(shown, top=top)]))
        case TableFormat.TEXT:
            show_page(pages.page(shown, top=top), console())


@app.command()
def check(
    name: TableName,
    parts: Annotated[
        Path | None, typer.Option(help="Folder of the runs that it was packed from.", show_default=str(FOLDER))
    ] = None,
    retrain: Annotated[int, typer.Option(help="How many random entries to train again here.", min=0, metavar="N")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the choice of entries.", min=0)] = 0,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    data: options.DataName = "cifar10",
    data_root: options.DataRoot = None,
    quiet: options.Quiet = False,
) -> None:
    """Check a table's checksums, whether its runs give the same bytes, and whether training here agrees.

    The exit code is 1 if retrained entries do not agree with the table.
    """
    from harness.board.tables import pages
    from harness.board.tables.checking import check_rebuilt, environments
    from harness.board.tables.figures import figures
    from harness.board.tables.opening import opened, path_of
    from harness.library.live import counting

    options.check_device(device)
    slots = options.worker_count(workers, device=device, oversubscribe=oversubscribe, used=cluster is None)
    table, out = opened(name), console()
    folder = FOLDER if parts is None else parts
    if parts is None and not any((folder / run).exists() for run in table.header["runs"]):
        rebuilt = f"not rebuilt: {folder} has none of its runs; name their folder with --parts"
    else:
        with counting(f"rebuilding table {table.name}"):
            check_rebuilt(table, path_of(name), folder)
        rebuilt = f"rebuilt from {len(table.header['runs'])} runs in {folder}: the same bytes"
    out.print(f"table {table.name}: all {len(table.header['checksums'])} checksums agree", soft_wrap=True)
    out.print(rebuilt, soft_wrap=True)
    out.print(pages.told_environments(environments(figures(table))), soft_wrap=True)
    if not retrain:
        return
    options.tell_unread(table.protocol, data, data_root, default="cifar10")
    found = _retrained(table, retrain, seed, slots, cluster, device, data, data_root, quiet)
    for line in pages.told_retraining(found):
        out.print(line, soft_wrap=True)
    if not found.agrees:
        raise typer.Exit(1)


def _retrained(
    table: Table,
    count: int,
    seed: int,
    workers: int,
    cluster: str | None,
    device: str,
    data: str,
    data_root: Path | None,
    quiet: bool,
) -> Retraining:
    """Train random entries of a table again."""
    from harness.board.tables.checking import retrain
    from harness.race.active_run import Stopped
    from harness.race.conditions import prepared

    training = prepared(
        table.protocol, data, data_root, device=device, workers=workers, cluster=cluster, test=True, announce=announce
    )
    try:
        return retrain(table, training, count=count, seed=seed, follow=followed(quiet=quiet))
    except Stopped:
        announce("Stopped: nothing was compared.")
        raise typer.Exit(130) from None
