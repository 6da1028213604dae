"""Candidates that are not rules: optimizers by family, name and options, such as ``torch:AdamW(weight_decay=0.01)``.

A rule's record is its tokens. The record of such an optimizer spells out every option, first those that were given and
then the defaults, so that the record changes when a default does::

    torch:AdamW(weight_decay=0.1;amsgrad=False,betas=(0.9,0.999),capturable=False,eps=1e-08,...)

It is a single word, so it cannot be mistaken for a rule, which has five words per block.

A family subclasses ``NamedOptimizer`` where it builds its optimizers, and is registered under the family's name
(``harness.registry``). Reading a record, as boards do, needs nothing but this module.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import LedgerError, SettingError, message

Option = bool | int | float | str | tuple["Option", ...] | None
"""What an option can be: a number, a truth value, None, a word, or a tuple of these."""
Options = tuple[tuple[str, Option], ...]

MOST_CHARACTERS = 2_000  # in a text that names an optimizer
RECORD = re.compile(r"([A-Za-z][\w.-]*):([A-Za-z_]\w*)\((\S*);(\S*)\)", re.ASCII)
WORD = re.compile(r"[\w./-]*", re.ASCII)  # a file's path is one, too


@dataclass(frozen=True, slots=True)
class NamedOptimizer:
    """An optimizer by its name within a family, and its options; a ``harness.contracts.Candidate``.

    Attributes:
        family: registered name of the family that builds it.
        name: the family's name for it.
        given: the options that were chosen, sorted by name.
        defaults: all others, sorted by name.
    """

    family: str
    name: str
    given: Options = ()
    defaults: Options = ()

    @classmethod
    def read(cls, record: str) -> NamedOptimizer:
        """Read what ``str`` wrote.

        Raises:
            LedgerError: the text is not such a record.
        """
        found = RECORD.fullmatch(record)
        try:
            if found is None:
                raise SettingError("no record")
            family, name, *parts = found.groups()
            given, defaults = (sorted_options(call(f"{name}({part})")[1]) for part in parts)
            read = NamedOptimizer(family, name, given, defaults)
        except SettingError as cause:
            what, hint = "candidate in a record", "The ledger or file is damaged: restore a copy"
            raise LedgerError(message(what, expected="what a run wrote", got=record, hint=hint)) from cause
        return read

    @property
    def options(self) -> Mapping[str, Option]:
        """All options by name."""
        return dict(sorted_options(dict(self.given + self.defaults)))

    @property
    def key(self) -> str:
        """Family, name and all options: the same whether a default was written out or not."""
        return f"{self.family}:{self.name}({_recorded(self.options.items())})"

    @property
    def infix(self) -> str:
        """Its name on boards: with the options that were given."""
        return f"{self.family} {self._short}"

    @property
    def text(self) -> str:
        """Its name as ``--candidate`` takes it: with the options that were given."""
        return f"{self.family}:{self._short}"

    @property
    def _short(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.given)
        return self.name + (f"({given})" if given else "")

    def __str__(self) -> str:
        return f"{self.family}:{self.name}({_recorded(self.given)};{_recorded(self.defaults)})"


def names_optimizer(record: str) -> bool:
    """Whether a record is that of an optimizer; otherwise it is that of a rule."""
    return ":" in record and RECORD.fullmatch(record) is not None


def sorted_options(options: Mapping[str, Option]) -> Options:
    """Return the options sorted by name."""
    return tuple(sorted(options.items()))


def call(text: str) -> tuple[str, dict[str, Option]]:
    """Read ``NAME(option=value, …)`` or ``NAME``. Values are read as literals; nothing is evaluated.

    Raises:
        SettingError: the text has another form, or an option is given twice or is not such a literal.
    """
    shape = "NAME(option=value, ...)"
    try:
        with warnings.catch_warnings(action="ignore"):  # about a backslash in a string, which is rejected anyway
            node = ast.parse(text.strip() if len(text) <= MOST_CHARACTERS else "", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = ast.Constant(None)
    function = node.func if isinstance(node, ast.Call) else node
    words = node.keywords if isinstance(node, ast.Call) else []
    plain = not (isinstance(node, ast.Call) and node.args) and all(word.arg for word in words)
    if not isinstance(function, ast.Name) or not plain:
        hint = "Write it like torch:AdamW(weight_decay=0.01)"
        raise SettingError(message("candidate", expected=f"an optimizer as {shape}", got=repr(text), hint=hint))
    options: dict[str, Option] = {}
    for word in words:
        name = str(word.arg)
        if name in options:
            hint = "Give it once"
            raise SettingError(message(f"option {name} of {function.id}", expected="one", got="several", hint=hint))
        options[name] = _literal(word.value, f"option {name} of {function.id}")
    return function.id, options


def _literal(node: ast.expr, what: str) -> Option:
    try:
        return _option(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError) as cause:
        expected = "a finite number, True, False, None, a word in quotes (letters, digits, ._/-) or a tuple of these"
        hint = "Write the value itself: nothing is evaluated; a file with another name must be renamed"
        raise SettingError(message(what, expected=expected, got=ast.unparse(node), hint=hint)) from cause


def _option(value: object) -> Option:
    """Return a literal as an option.

    Raises:
        ValueError: it is not an option.
        OverflowError: it is an integer that is too large for a float.
    """
    if isinstance(value, list | tuple):
        return tuple(map(_option, value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(float(value)):
        return value
    if isinstance(value, str) and WORD.fullmatch(value):
        return value
    raise ValueError(f"{value!r} is not an option")


def _recorded(options: Iterable[tuple[str, Option]]) -> str:
    """Write options without blanks; none of their values contains one."""
    return ",".join(f"{name}={value!r}".replace(" ", "") for name, value in options)
