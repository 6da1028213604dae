"""The candidates of a comparison by the names that they have there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from harness.board.rules.known import known_optimizers
from harness.board.transfer.plan import best_confirmed
from harness.board.wording import formula
from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Rule
from harness.errors import HarnessError, ProtocolError, message
from harness.library import arguments
from harness.library.arguments import CandidateLike
from harness.race.conditions import Announce
from harness.race.store.ledger import Ledger
from harness.space.notation.parser import NAMES
from harness.space.vocabulary import ALL_OPERANDS
from harness.space.zoo import BARE_NAME, ZOO

LSTM = "lstm"
ALIASES = {"nag": "torch:SGD(momentum=0.9,nesterov=True)", "rmsprop": "torch:RMSprop"}
"""Names of [L2L]'s baselines. Its RMSProp is torch's; the known rule of that name is another one."""
TOP_NUMBER = re.compile(r"([A-Za-z]+):?([0-9]+)")
MOST_NAMED = 200  # characters of a candidate's name


def entrants(
    given: Sequence[CandidateLike], family: str, *, results: Path, board: int | None, announce: Announce
) -> list[tuple[str, Candidate]]:
    """Return the candidates by name, each function once.

    Args:
        given: what ``compare_learned`` takes.
        family: name of the family of problems, whose default weights ``lstm`` has.
        results: the results folder with confirmed rules.
        board: number of the rules' board; None if there is one.
        announce: called with a line about candidates that are the same function.

    Raises:
        HarnessError: there is none, or one of them cannot be read.
    """
    top, others = arguments.top_of(given, "candidates", board=board)
    found = [_named(each, family) for each in others]
    if top:
        with Ledger.read(results) as ledger:
            found += [(_label(rule), rule) for rule in best_confirmed(ledger, top=top, board=board)]
    if not found:
        hint = f"Name some, such as {LSTM}, adam, or {arguments.TOP}3 for the best confirmed rules"
        raise ProtocolError(message("candidates", expected="at least one", got="none", hint=hint))
    kept: dict[str, tuple[str, Candidate]] = {}
    for name, candidate in found:
        if candidate.key in kept:
            announce(f"{name!r} is the same function as {kept[candidate.key][0]!r}; it is compared once")
        kept.setdefault(candidate.key, (name, candidate))
    return list(kept.values())


def _named(given: CandidateLike, family: str) -> tuple[str, Candidate]:
    """Return a candidate with its name; ``lstm`` has the default weights of the family."""
    text = given.strip() if isinstance(given, str) else ""
    if text == LSTM:
        return LSTM, arguments.candidate(f"learned:{family.replace('-', '_')}")
    if text in ALIASES:
        return text, arguments.candidate(ALIASES[text])
    try:
        candidate = arguments.candidate(given)
    except HarnessError as cause:
        meant = _meant(text, family)
        if not meant:
            raise
        what, expected = "candidates", "a name, a formula or an optimizer"
        hint = f"Did you mean {meant!r}"
        raise ProtocolError(message(what, expected=expected, got=repr(given), hint=hint)) from cause
    return _label(candidate), candidate


def _meant(text: str, family: str) -> str:
    """Return which of a comparison's own names a text is meant to be; empty if none is near, or a rule is nearer."""
    numbered = TOP_NUMBER.fullmatch(text)
    if numbered and _close(numbered[1].lower(), [arguments.TOP.rstrip(":")]):
        return f"{arguments.TOP}{numbered[2]}"
    named = f"learned:{family.replace('-', '_')}"
    own = {LSTM: LSTM, **{name: name for name in ALIASES}, "learned": named, "top": f"{arguments.TOP}3"}
    if text in NAMES or not BARE_NAME.fullmatch(text):
        return ""
    return own.get(_close(text.lower(), [*ZOO, *ALL_OPERANDS, *own]), "")


def _close(text: str, names: Sequence[str]) -> str:
    """Return the nearest of some names, or nothing."""
    return next(iter(difflib.get_close_matches(text, names, n=1, cutoff=0.6)), "")


def _label(candidate: Candidate) -> str:
    if isinstance(candidate, NamedOptimizer):
        return candidate.infix[:MOST_NAMED]
    known = {rule.key: name for name, rule in known_optimizers().items()}
    name = known.get(candidate.key) if isinstance(candidate, Rule) else None
    return f"rule {name}" if name in ALIASES else name or formula(candidate)[:MOST_NAMED]
