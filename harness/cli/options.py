"""The options that several commands share, and how their texts become nouns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from harness.cli.terminal.output import announce
from harness.contracts import CPU
from harness.errors import ProtocolError, SpaceError, check_choice, check_range, message
from harness.machine import check_device as check_device  # imported from here by the commands
from harness.machine import cores, workers_of_gpu

if TYPE_CHECKING:
    from harness.contracts import TaskProtocol
    from harness.space.grammar import Space

Named = TypeVar("Named", int, str)

CONSTRAINTS = {
    "distinct-operands": "distinct_operands",
    "last-not-add": "last_not_add",
    "connected": "connected",
}


SPACE_HELP = "Edition of the language: icml2017, arxiv2, or another of `harness ls spaces`."
BLOCKS_HELP = "Blocks per rule, 1 to 4."
CONSTRAINTS_HELP = "all, none, or a list of distinct-operands, last-not-add, connected."
SpaceName = Annotated[str, typer.Option("--space", help=SPACE_HELP)]
Blocks = Annotated[int, typer.Option("--blocks", help=BLOCKS_HELP)]
Operands = Annotated[str, typer.Option("--operands", help="Use only these operands, comma-separated.")]
Unary = Annotated[str, typer.Option("--unary", help="Use only these unary functions, comma-separated.")]
Binary = Annotated[str, typer.Option("--binary", help="Use only these binary functions, comma-separated.")]
Constraints = Annotated[str, typer.Option("--constraints", help=CONSTRAINTS_HELP)]
BY_TABLE = ", or that of the protocol's table"
SearchedSpaceName = Annotated[str | None, typer.Option("--space", help=SPACE_HELP, show_default=f"icml2017{BY_TABLE}")]
SearchedBlocks = Annotated[int | None, typer.Option("--blocks", help=BLOCKS_HELP, show_default="2")]
SearchedConstraints = Annotated[str | None, typer.Option("--constraints", help=CONSTRAINTS_HELP, show_default="all")]
ProtocolName = Annotated[
    str, typer.Option("--protocol", help="How a rule is scored: see `harness ls protocols`, or module:attribute.")
]
DATA_HELP = "auto, a name from `harness ls data`, or module:attribute."
DataName = Annotated[str, typer.Option("--data", help=DATA_HELP)]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder that holds the data; otherwise $HARNESS_DATA_ROOT or the user's cache."),
]
Results = Annotated[
    Path,
    typer.Option("--results", envvar="HARNESS_RESULTS", help="Folder of the ledger, which runs write and boards read."),
]
MOST_TOLD = 5  # repeated names that a line shows
MOST_DIGITS = 19  # of a seed, as many as 2^62 has
DEFAULT_RESULTS = Path("results")
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Cluster = Annotated[str | None, typer.Option(help="Address of a Dask scheduler to train on.", metavar="ADDRESS")]
Device = Annotated[str, typer.Option("--device", help="Where a child trains: cpu, or cuda for a GPU.")]
Workers = Annotated[
    str, typer.Option("--workers", help="Children trained at once: auto (one per core) or a number, up to the cores.")
]
Oversubscribe = Annotated[bool, typer.Option("--oversubscribe", help="Let --workers be more than the cores.")]


def space(edition: str, blocks: int, operands: str, unary: str, binary: str, constraints: str) -> Space:
    """Build and return the space that the shared options describe.

    Raises:
        SpaceError: a name is unknown, or the space would be empty.
    """
    from harness.space.grammar import Space

    if constraints in ("all", "none"):
        wanted = tuple(CONSTRAINTS) if constraints == "all" else ()
    else:
        wanted = listed(constraints, "--constraints")
        for name in wanted:
            check_choice("constraint", name, [*CONSTRAINTS, "all", "none"], error=SpaceError)
    switches = {field: name in wanted for name, field in CONSTRAINTS.items()}
    return Space.of(
        edition,
        blocks=blocks,
        operands=listed(operands, "--operands") or None,
        unary=listed(unary, "--unary") or None,
        binary=listed(binary, "--binary") or None,
        **switches,
    )


def searched_space(
    scoring: TaskProtocol,
    edition: str | None,
    blocks: int | None,
    operands: str,
    unary: str,
    binary: str,
    constraints: str | None,
) -> Space:
    """Build the space that a search's options describe; where none is given, the space of the protocol's table.

    Raises:
        SpaceError: a name is unknown, or the space would be empty.
    """
    own = scoring.tabled
    if own and not any((edition, blocks is not None, operands, unary, binary, constraints)):
        return own
    return space(edition or "icml2017", 2 if blocks is None else blocks, operands, unary, binary, constraints or "all")


def seeds(text: str, option: str = "--seeds") -> tuple[int, ...]:
    """Read ``0-4``, ``3`` or ``0,2,5-7`` as distinct seeds in the order written; ``3`` is a single seed.

    Raises:
        ProtocolError: the text is not such a list.
    """
    what, found = option.removeprefix("--"), list[int]()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not _whole(first) or (dash and not _whole(last)):
            raise ProtocolError(
                message(what, expected="a list such as 0-4 or 0,2,5", got=repr(text), hint=f"Rewrite {option}")
            )
        low, high = int(first), int(last or first)
        check_range(f"{what}: the last of {part.strip()}", high, least=low, most=low + 9_999, error=ProtocolError)
        check_range(f"{what}: a seed", high, most=2**62, error=ProtocolError)
        found += range(low, high + 1)
    return distinct(found, option)


def worker_count(
    text: str, *, device: str = CPU, oversubscribe: bool = False, used: bool = True, asynchronous: bool = False
) -> int:
    """Read ``auto`` (one worker per core, or as many as keep a GPU busy) or a number, which is limited to the cores.

    Args:
        text: the text of ``--workers``.
        device: where children train.
        oversubscribe: whether more than the cores are allowed.
        used: whether the number is used; if not, no line says that it was limited.
        asynchronous: whether a searcher is told results as they finish.

    Raises:
        ProtocolError: the text is neither of these.
    """
    if text == "auto":
        return cores() if device == CPU else workers_of_gpu(asynchronous=asynchronous)
    if not _whole(text) or int(text) < 1:
        raise ProtocolError(
            message(
                "workers",
                expected="auto or a number of at least 1",
                got=repr(text),
                hint="Write one of these after --workers",
            )
        )
    wanted, most = int(text), cores()
    if wanted <= most or oversubscribe:
        return wanted
    if used:
        announce(
            f"--workers {wanted}: limited to {most} for {most} core{'s' * (most > 1)}; --oversubscribe allows more"
        )
    return most


def _whole(text: str) -> bool:
    """Whether the text is a whole number with no more digits than a valid one can have."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


def listed(text: str, option: str) -> tuple[str, ...]:
    """Read names separated by commas; a repeated name counts once, and a line says so."""
    return distinct([part.strip() for part in text.split(",") if part.strip()], option)


def split(text: str) -> list[str]:
    """Split a text at its commas, except at those inside brackets or quotes: formulas and optimizers have their own."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def distinct(given: Sequence[Named], option: str) -> tuple[Named, ...]:
    """Return the values given to an option, each once, and say in one line which were repeated."""
    repeated = [str(each) for each, times in Counter(given).items() if times > 1]
    if repeated:
        shown = ", ".join(repeated[:MOST_TOLD]) + ", ..." * (len(repeated) > MOST_TOLD)
        announce(f"{option} names {shown} more than once; each counts once")
    return tuple(dict.fromkeys(given))


def by_name(texts: Sequence[str], option: str, *, noun: str) -> dict[str, str]:
    """Read ``VALUE`` and ``NAME=VALUE`` as values by name; that of ``""`` is for all others.

    Args:
        texts: the values of the option.
        option: its name.
        noun: what the names stand for, in the plural.

    Raises:
        ProtocolError: a name, or all, get two of them.
    """
    found: dict[str, str] = {}
    for text in texts:
        before, equals, value = text.partition("=")
        name, value = (before, value) if equals and "/" not in before else ("", text)
        if name in found:
            what = f"{option} of {name or f'all {noun}'}"
            hint = f"Write {option} once for each of the {noun}"
            raise ProtocolError(message(what, expected="one", got=f"{found[name]} and {value}", hint=hint))
        found[name] = value
    return found


def tell_overridden(texts: Sequence[str]) -> None:
    """Say which settings of ``--set`` were given more than once; the last one counts."""
    times = Counter(text.partition("=")[0].strip() for text in texts)
    repeated = [name for name, count in times.items() if count > 1]
    if repeated:
        announce(f"--set gives {', '.join(repeated)} more than once; the last counts")


def tell_unused(given: Mapping[str, bool], why: str) -> None:
    """Say in one line which options were given but are not used, if any.

    Args:
        given: whether each option was given, by its name.
        why: why nothing uses them.
    """
    unused = [option for option, was_given in given.items() if was_given]
    if unused:
        announce(f"{' and '.join(unused)} {'is' if len(unused) == 1 else 'are'} not used: {why}")


def tell_unread(protocol: TaskProtocol, data: str | None, root: Path | None, *, default: str | None = "auto") -> None:
    """Say so if a data set was chosen but the protocol reads none.

    Args:
        protocol: how rules are scored.
        data: the text of ``--data``.
        root: the path of ``--data-root``.
        default: the value of ``data`` if nothing was given.
    """
    if protocol.inputs == "none":
        given = {"--data": data != default, "--data-root": root is not None}
        tell_unused(given, f"protocol {protocol.name} reads no data")
