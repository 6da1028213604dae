"""``harness run`` and ``harness race``: searchers, a budget, some seeds; both end with the leaderboard."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.boards import BoardFormat, print_boards
from harness.cli.following import followed, stoppable
from harness.cli.output import announce
from harness.cli.race_options import with_setup
from harness.errors import RegistryError, SettingError, check_choice, message

if TYPE_CHECKING:
    from harness.race.racing import Racer, Setup

RACERS = "rl,gp,evolution,tpe,random"


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
    searchers: Annotated[str, typer.Option(help="Who competes, comma-separated.")] = RACERS,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of one searcher, as searcher.name=value.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Run several searchers under one budget with the same seeds, and end with one leaderboard.

    If interrupted, run the same command again to resume. Every completed child is kept.
    """
    _compete(_racers(searchers, settings or [], children=setup.budget.children), setup, quiet=quiet)


def _racers(names: str, settings: Sequence[str], *, children: int) -> list[Racer]:
    """The searchers of a race, each with the settings that name it, for a budget of so many children.

    Raises:
        SettingError: a setting names no searcher of the race, or is wrong for the one it names.
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
            hint = "Say whose it is: --set gp.population=50"
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
    """Race, and print the board."""
    from harness.race.racing import compete

    with stoppable():
        headers = compete(racers, setup, announce=announce, follow=followed(quiet=quiet))
    print_boards(setup.results, BoardFormat.TEXT, only=headers[0].comparable)
