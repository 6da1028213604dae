"""The commands of ``harness``, which are loaded only when they are used.

A command's imports happen when it is used, not to print its name. Help is plain text, because formatting it would take
longer to import than everything else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import harness
from harness.cli.terminal.output import complain
from harness.errors import SettingError, message


@dataclass(frozen=True, slots=True)
class Command:
    """A command before it is loaded.

    Attributes:
        target: ``module:attribute`` of its function, or of the Typer app of a group.
        summary: its line in the help, equal to the first line of its own help.
    """

    target: str
    summary: str


COMMANDS = {
    "run": Command("harness.cli.running:run", "Search for update rules under a budget, and end with the leaderboard."),
    "race": Command(
        "harness.cli.running:race",
        "Run several searchers under one budget with the same seeds, and end with one leaderboard.",
    ),
    "confirm": Command(
        "harness.cli.confirming:confirm",
        "Retrain the searchers' best rules and the known optimizers on fresh seeds, and end with the rules' board.",
    ),
    "transfer": Command(
        "harness.cli.transferring:transfer",
        "Train rules and other optimizers on other workloads, and end with what each is worth there.",
    ),
    "learn": Command(
        "harness.cli.learned.learning:app",
        "Learned optimizers and searchers: train one, and compare optimizers with rules and torch's.",
    ),
    "blackbox": Command(
        "harness.cli.blackbox.contesting:blackbox",
        "Let optimizers of the unit box minimize black-box functions, and end with the board.",
    ),
    "runs": Command(
        "harness.cli.boards:runs", "List every run with its state: finished, running, stopped, or interrupted."
    ),
    "leaderboard": Command(
        "harness.cli.boards:leaderboard",
        "Compare the searchers, and list the best rules they found; only equals are ranked together.",
    ),
    "report": Command(
        "harness.cli.exchanging:report",
        "Write one HTML file with tables, curves and rules, which opens offline and contains its data for download.",
    ),
    "export": Command(
        "harness.cli.exchanging:export",
        "Write runs to files: complete, to publish or import them elsewhere, or as tables for analysis.",
    ),
    "import": Command(
        "harness.cli.exchanging:import_",
        "Import runs that `harness export` wrote; damaged or invalid files are rejected one by one.",
    ),
    "table": Command("harness.cli.table:app", "Tables of outcomes: every rule of a small space, scored in advance."),
    "ls": Command(
        "harness.cli.listing:ls",
        "List what other commands take: protocols, searchers, tasks, data and more; with a NAME, describe it.",
    ),
    "conformance": Command(
        "harness.cli.conformance:conformance",
        "Run the conformance suite on a searcher, a task or a box optimizer; exit status 1 if a check fails.",
    ),
    "rule": Command("harness.cli.rules:app", "Show one rule, score it, or export it."),
    "space": Command("harness.cli.spaces:app", "Show what a space of rules contains."),
}
_WIDTH = 100  # columns of help, if the terminal has as many


@contextmanager
def parting() -> Iterator[None]:
    """Exit properly after an interrupt or a closed pipe; Typer alone would print nothing, or fail."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        raise typer.Exit(0) from None


class Commands(TyperGroup):
    """The list of commands; a command is loaded when it is used."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments, which prints the help if the user asks for it."""
        with parting():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with parting():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that the first argument names, and load it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else loaded(name), rest


def loaded(name: str) -> Any:
    """Return a command as Typer makes it from its function, or from the app of its group."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(target)
        target = alone
    command = typer.main.get_command(target)
    _illustrate(command, (name,))
    _refuse_empty_paths(command)
    return command


def _refuse_empty_paths(command: Any) -> None:
    """Refuse empty paths, as an unset variable of the shell gives, which would mean the current folder."""
    for parameter in command.params:
        if getattr(parameter.type, "name", "") == "path":
            parameter.type.convert = _filled(parameter.opts[0], parameter.type.convert)
    for each in getattr(command, "commands", {}).values():
        _refuse_empty_paths(each)


def _filled(option: str, convert: Any) -> Any:
    def converted(value: Any, *context: Any) -> Any:
        if value == "":
            what, hint = f"option {option}", "Give one, or leave the option out; . is the current folder"
            raise SettingError(message(what, expected="the path of a file or folder", got="an empty one", hint=hint))
        return convert(value, *context)

    return converted


def _illustrate(command: Any, path: tuple[str, ...]) -> None:
    """Show examples below the help of a command and of those in its group, each in one unbroken line."""
    from harness.cli.terminal.examples import examples

    command.short_help = (command.help or "").partition("\n")[0]
    command.epilog = "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in examples(path))])  # \b: never wrapped
    for name, each in getattr(command, "commands", {}).items():
        _illustrate(each, (*path, name))


app = typer.Typer(
    cls=Commands,
    name="harness",
    help="Where methods that discover neural-network optimizers compete.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDTH},
)
for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.summary, short_help=_command.summary)(lambda: None)  # never cut short


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harness {harness.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Where methods that discover neural-network optimizers compete."""
