"""``harness ls``: list the choices that other commands take, and describe each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.terminal.output import console
from harness.errors import HarnessError, check_choice

if TYPE_CHECKING:
    from harness.registry import Kind


class Listed(StrEnum):
    """What can be listed."""

    PROTOCOLS = "protocols"
    SEARCHERS = "searchers"
    TASKS = "tasks"
    DATA = "data"
    CANDIDATES = "candidates"
    PROBLEMS = "problems"
    BOX_OPTIMIZERS = "box-optimizers"
    FUNCTIONS = "functions"
    RULES = "rules"
    SPACES = "spaces"


def ls(
    what: Annotated[Listed, typer.Argument(help="What to list.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Show this one in detail, with all its numbers or settings.")] = "",
) -> None:
    """List what other commands take: protocols, searchers, tasks, data and more; with a NAME, describe it."""
    tables = {
        Listed.PROTOCOLS: _protocol if name else _protocols,
        Listed.SEARCHERS: _settings if name else _registered,
        Listed.TASKS: _registered,
        Listed.DATA: _registered,
        Listed.CANDIDATES: _registered,
        Listed.PROBLEMS: _family if name else _registered,
        Listed.BOX_OPTIMIZERS: _settings if name else _registered,
        Listed.FUNCTIONS: _functions if name else _registered,
        Listed.RULES: _rules,
        Listed.SPACES: _spaces,
    }
    _print(tables[what](what, name))


@dataclass(slots=True)
class _Table:
    """A table to print.

    Attributes:
        headings: headings of the columns; the first column holds the names that other commands take.
        figures: the headings of columns that hold numbers.
        rows: the rows, with a cell for each heading.
        caption: the text below the table.
    """

    headings: Sequence[str]
    figures: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    caption: str = ""

    def add_row(self, *cells: str) -> None:
        """Add a row with a cell for each heading."""
        self.rows.append(cells)


def _print(table: _Table) -> None:
    from rich.text import Text

    from harness.board.fitting import FittedColumn, fitted

    out = console()
    if table.rows:
        columns = [
            FittedColumn(heading, whole=number == 0, right=heading in table.figures)
            for number, heading in enumerate(table.headings)
        ]
        out.print(fitted(columns, table.rows, out.width))
    if table.caption:
        out.print(Text(f"\n{table.caption}" if table.rows else table.caption, style="dim"))


def _protocols(_what: Listed, _name: str) -> _Table:
    from harness.race.protocols import registered
    from harness.registry import Kind, entries

    table = _Table(["protocol", "", "hash", "examples", "epochs", "what it is"], figures=["examples", "epochs"])
    for name, entry in entries(Kind.PROTOCOL).items():
        try:
            found = registered(name)
        except HarnessError:  # a package that registers a broken one must not hide the others
            table.add_row(name, "", "", "", "", f"cannot be loaded from {entry.target}")
            continue
        protocol = found.protocol
        counts = [protocol.count(each) for each in ("train_examples", "validation_examples")]
        examples = " + ".join(f"{each:,}" for each in counts if each is not None)
        table.add_row(name, f"v{protocol.version}", protocol.hash, examples, str(protocol.epochs), found.summary)
    table.caption = "examples: trained per epoch + held out for the score; for all numbers: harness ls protocols NAME"
    return table


def _protocol(_what: Listed, name: str) -> _Table:
    from dataclasses import fields

    from harness.race.protocols import registered, targets

    found = registered(name)
    protocol, table = found.protocol, _Table(["field", "value"])
    for one in fields(protocol):
        value = protocol.measured.described if one.name == "metric" else getattr(protocol, one.name)
        parts = value if isinstance(value, tuple) else (value,)
        table.add_row(one.name, " ".join(f"{each:g}" if type(each) is float else str(each) for each in parts))
    table.add_row("hash", protocol.hash)
    table.add_row("targets", " ".join(f"{each:.3g}" for each in found.targets or targets(protocol)))
    table.caption = found.summary
    return table


def _kind(what: Listed) -> Kind:
    from harness.registry import Kind

    return Kind(what.value.replace("-", "_"))


def _registered(what: Listed, name: str) -> _Table:
    from harness.errors import RegistryError
    from harness.registry import entries, summary

    kind = _kind(what)
    known = entries(kind)
    if name:
        check_choice(what.value.removesuffix("s"), name, known, error=RegistryError)
        known = {name: known[name]}
    table = _Table(["name", "what it is", "where" if name else "source"])
    for entry_name, entry in known.items():
        table.add_row(entry_name, summary(kind, entry_name), entry.target if name else entry.source)
    return table


def _settings(what: Listed, name: str) -> _Table:
    from harness.registry import entries, load, summary
    from harness.settings import declared

    kind = _kind(what)
    factory = load(kind, name)
    entry = entries(kind).get(name)
    table = _Table(["setting", "default", "allowed", "what it does"])
    described = f"{name}: {summary(kind, name)} ({entry.source})" if entry else name
    how = "--set name=value" if what is Listed.SEARCHERS else f"{name}(name=value)"
    table.caption = f"{described}; set one with {how}"
    settings = declared(factory)
    for setting in settings.values():
        default = "required" if setting.required else "not set" if setting.default is None else str(setting.default)
        table.add_row(setting.name, default, setting.allowed, setting.summary)
    if not settings:
        table.caption = f"{described}; it has no settings"
    return table


def _functions(what: Listed, name: str) -> _Table:
    from harness.library.blackbox.functions import labelled, made
    from harness.registry import entries, summary

    found, kind = made(name), _kind(what)
    entry = entries(kind).get(name)
    table = _Table(["functions", "dimensions", "what it is"], figures=["dimensions"])
    for variant, each in found.variants.items():
        table.add_row(labelled(name, variant), str(each.dimensions), each.summary)
    table.caption = f"{name}: {summary(kind, name)} ({entry.source})" if entry else name
    return table


def _family(_what: Listed, name: str) -> _Table:
    from harness.library.learned.families import NO_INPUTS, family_class
    from harness.registry import Kind, entries, summary

    found = family_class(name)
    entry = entries(Kind.PROBLEM).get(name)
    table = _Table(["problems", "steps", "trains", "what it is"], figures=["steps"])
    for variant, each in found.variants.items():
        trains = "yes" if each.trains else "no"
        table.add_row(f"{name}/{variant}" if variant else name, str(each.steps), trains, each.summary)
    described = f"{name}: {summary(Kind.PROBLEM, name)} ({entry.source})" if entry else name
    data = "it reads no data" if found.inputs == NO_INPUTS else f"data: {found.inputs}"
    table.caption = f"{described}; {data}. trains: whether a learned optimizer can be trained on it"
    return table


def _rules(_what: Listed, name: str) -> _Table:
    from harness.space.expression import decays, expression
    from harness.space.zoo import ZOO, named

    zoo = ZOO
    if name:
        check_choice("rule", name, zoo, error=HarnessError)
        zoo = {name: zoo[name]}
    table = _Table(["name", "rule", "source" if name else "Wide ResNet %"], figures=["Wide ResNet %"])
    table.caption = "Wide ResNet %: test accuracy after 300 epochs, [NOS] Table 1"
    if not name or decays(expression(named(name))):
        table.caption += "; ld, cd, rd: decays over the training, whose length RuleOptimizer takes as total_steps"
    for entry_name, entry in zoo.items():
        accuracy = "" if entry.wide_resnet_accuracy is None else f"{entry.wide_resnet_accuracy:.1f}"
        table.add_row(entry_name, entry.rule_text, entry.source if name else accuracy)
    return table


def _spaces(_what: Listed, name: str) -> _Table:
    from harness.errors import SpaceError
    from harness.space.vocabulary import EDITIONS

    if name:
        check_choice("space", name, EDITIONS, error=SpaceError)
    figures = ["operands", "unary", "binary", *(f"strings, n={blocks}" for blocks in (1, 2, 3, 4))]
    table = _Table(["space", *figures], figures=figures)
    for edition in [EDITIONS[name]] if name else EDITIONS.values():
        sizes = [edition.strings(blocks) for blocks in (1, 2, 3, 4)]
        counts = [str(len(names)) for names in (edition.operands, edition.unary, edition.binary)]
        table.add_row(edition.name, *counts, *(f"{size:,}" if size < 10**7 else f"{size:.1e}" for size in sizes))
    return table
