"""``harness run`` and ``harness race``: let searchers search under a budget, and show the leaderboard."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_boards
from harness.cli.terminal.following import followed, stoppable
from harness.cli.terminal.output import announce
from harness.contracts import CPU
from harness.errors import RegistryError, SettingError, check_choice, message
from harness.library import CHILDREN, SEEDS

if TYPE_CHECKING:
    from harness.race.racing import Racer, Setup

RACERS = "rl,gp,evolution,tpe,random"
EVERYBODY = "all"
SEED_LIST = f"0-{SEEDS - 1}"


class Evaluator(StrEnum):
    """Where scores come from."""

    TRAIN = "train"
    REPLAY = "replay"


def with_setup(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``stated``; it is called with ``setup`` instead of them."""
    own, shared = inspect.signature(command).parameters, inspect.signature(stated).parameters

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        setup = stated(**{name: given.pop(name) for name in shared})
        command(**given, setup=setup)

    names = {"Setup": object}
    hints = get_type_hints(command, include_extras=True, localns=names)
    hints |= get_type_hints(stated, include_extras=True, localns=names)
    parameters = [each for each in (*own.values(), *shared.values()) if each.name not in ("setup", "quiet")]
    parameters.append(own["quiet"])
    keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name]) for each in parameters]
    with_options.__signature__ = inspect.Signature(keyword, return_annotation=None)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in keyword}
    return with_options


def stated(
    *,
    space: options.SearchedSpaceName = None,
    blocks: options.SearchedBlocks = None,
    operands: options.Operands = "",
    unary: options.Unary = "",
    binary: options.Binary = "",
    constraints: options.SearchedConstraints = None,
    protocol: options.ProtocolName = "quick",
    children: Annotated[int, typer.Option(help="Budget: children to train for each searcher and seed.")] = CHILDREN,
    proposals: Annotated[int | None, typer.Option(help="Cap on proposals.", show_default="20 × children")] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds, one run each: 0-9 are ten seeds, 0,2,5 are three, 7 is one.")
    ] = SEED_LIST,
    workers: options.Workers = "auto",
    oversubscribe: options.Oversubscribe = False,
    cluster: options.Cluster = None,
    device: options.Device = CPU,
    asynchronous: Annotated[
        bool, typer.Option("--async", help="Tell results as they finish: more throughput, not repeatable.")
    ] = False,
    data: options.DataName = "auto",
    data_root: options.DataRoot = None,
    evaluator: Annotated[
        Evaluator, typer.Option(help="train children, or replay: only look up scores in the results folder.")
    ] = Evaluator.TRAIN,
    results: options.Results = options.DEFAULT_RESULTS,
) -> Setup:
    """Read the options of a search, and return what all its runs have in common.

    Raises:
        SpaceError: the options do not describe a space.
        ProtocolError: the protocol is unknown, or the budget, the seeds or the workers are invalid.
        SettingError: the device is invalid.
    """
    from harness.race.protocols import Budget, named
    from harness.race.racing import Setup

    options.check_device(device)
    scoring = named(protocol)
    options.tell_unread(scoring, data, data_root)
    if evaluator is Evaluator.REPLAY:
        given = {"--workers": workers != "auto", "--cluster": cluster is not None, "--device": device != CPU}
        options.tell_unused(given, "--evaluator replay trains nothing")
    elif cluster is not None:
        options.tell_unused({"--workers": workers != "auto"}, "the cluster decides how many workers there are")
    if scoring.tabled and workers == "auto":
        workers = "1"  # a look-up takes less than its way to another process
    return Setup(
        space=options.searched_space(scoring, space, blocks, operands, unary, binary, constraints),
        protocol=scoring,
        budget=Budget.of(children) if proposals is None else Budget(children, proposals),
        seeds=options.seeds(seeds),
        workers=options.worker_count(
            workers,
            device=device,
            oversubscribe=oversubscribe,
            used=cluster is None and evaluator is Evaluator.TRAIN,
            asynchronous=asynchronous,
        ),
        cluster=cluster,
        device=device,
        asynchronous=asynchronous,
        data=data,
        data_root=data_root,
        replay=evaluator is Evaluator.REPLAY,
        results=results,
        reference=protocol if ":" in protocol else "",
    )


@with_setup
def run(
    setup: Setup,
    searcher: Annotated[
        str, typer.Option(help="Who searches: a name from `harness ls searchers`, or module:attribute.")
    ] = "rl",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the searcher, as name=value.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Search for update rules under a budget, and end with the leaderboard.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    if "," in searcher:
        hint = f"Let several compete with `harness race --searchers {shlex.quote(searcher)}`"
        raise RegistryError(message("searcher", expected="one name", got=repr(searcher), hint=hint))
    _compete([_racer(searcher, settings or [], children=setup.budget.children)], setup, quiet=quiet)


@with_setup
def race(
    setup: Setup,
    searchers: Annotated[
        str,
        typer.Option(
            help="Who competes, comma-separated: names or module:attribute; all for everybody that takes the space."
        ),
    ] = RACERS,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of one searcher, as searcher.name=value.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Run several searchers under one budget with the same seeds, and end with one leaderboard.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    from harness.race.racing import Racer

    if searchers.strip() == EVERYBODY:
        searchers = ",".join(Racer.every(setup.space))
    _compete(_racers(searchers, settings or [], children=setup.budget.children), setup, quiet=quiet)


def _racers(names: str, settings: Sequence[str], *, children: int) -> list[Racer]:
    """Return the searchers of a race, each with the settings that name it, for a budget of so many children.

    Raises:
        SettingError: a setting names no searcher of the race, or is invalid for the one that it names.
        RegistryError: a searcher is unknown.
    """
    given: dict[str, list[str]] = {name: [] for name in options.listed(names, "--searchers")}
    if not given:
        hint = f"Name some, such as --searchers {RACERS}"
        raise SettingError(message("searchers", expected="a list of names", got=repr(names), hint=hint))
    for text in settings:
        left, equals, value = text.partition("=")
        owner, dot, name = left.rpartition(".")
        if not dot:
            hint = "Name its searcher, as in --set gp.population=50"
            raise SettingError(message("setting", expected="searcher.name=value", got=repr(text), hint=hint))
        check_choice(f"searcher of setting {text!r}", owner.strip(), given, error=SettingError)
        given[owner.strip()].append(name + equals + value)
    return [_racer(name, texts, children=children) for name, texts in given.items()]


def _racer(name: str, texts: Sequence[str], *, children: int) -> Racer:
    from harness.race.racing import Racer

    racer = Racer.of(name, texts, children=children)
    options.tell_overridden(texts)
    return racer


def _compete(racers: Sequence[Racer], setup: Setup, *, quiet: bool) -> None:
    """Run the race, and print the board."""
    from harness.race.racing import compete

    with stoppable():
        headers = compete(racers, setup, announce=announce, follow=followed(quiet=quiet))
    print_boards(setup.results, BoardFormat.TEXT, only=headers[0].comparable)
