"""Which candidates a confirmation retrains, and how the search loop gets them: from a searcher that reads a list.

So a confirmation has everything that a search has: the ledger, the engines, progress, and resuming after a kill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Rule, Trial
from harness.errors import HarnessError, RegistryError, SettingError, check_choice, message, outside
from harness.registry import Kind, entries, load
from harness.space.zoo import named, resolve

CONFIRMER = "confirm"  # named as the searcher in headers of confirmations
KNOWN = ("sgd", "momentum", "rmsprop", "adam", "sign-momentum", "powersign", "addsign")
"""The known optimizers that every confirmation retrains beside the rules to confirm."""


class InTurn:
    """Proposes the given candidates in turn, all in one batch, so that no worker waits for another's child.

    Args:
        rules: the candidates in the order of training, all different functions.
    """

    version = 1

    def __init__(self, rules: Iterable[Candidate]) -> None:
        self._left = deque(rules)
        self.batch = max(1, len(self._left))

    def ask(self, count: int) -> Sequence[Candidate]:
        """Return the next ``count`` candidates, or as many as are left."""
        return [self._left.popleft() for _ in range(min(count, len(self._left)))]

    def tell(self, trials: Sequence[Trial[Candidate]]) -> None:
        """Do nothing: there is nothing to learn."""


def to_confirm(rules: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the known optimizers and then the candidates, each function once and by its first string."""
    found: dict[str, Candidate] = {}
    for rule in (*known_optimizers().values(), *rules):
        found.setdefault(rule.key, rule)
    return tuple(found.values())


def candidate(text: str) -> Candidate:
    """Read a candidate: ``FAMILY:NAME(option=value, …)``, or a rule as ``resolve`` takes it.

    Raises:
        RegistryError: no family has that name, or what is registered under it is not a family.
        SettingError: the family has no such optimizer or option.
        RuleSyntaxError: it is not a rule.
    """
    family, colon, rest = text.strip().partition(":")
    if not colon and family.startswith("torch."):
        expected, hint = "a rule, or FAMILY:NAME(option=value, …)", f"Write torch:{family.rpartition('.')[2]}"
        raise SettingError(message("candidate", expected=expected, got=repr(text), hint=hint))
    if not colon:
        return resolve(text)
    hint = "Write a rule, or an optimizer such as torch:AdamW(weight_decay=0.01)"
    check_choice("family of a candidate", family, entries(Kind.CANDIDATE), error=RegistryError, hint=hint)
    factory: Callable[[str], object] = load(Kind.CANDIDATE, family)
    what, hint = f"candidate {text}", "Fix the package that registers its family"
    expected = f"a NamedOptimizer of family {family}"
    with outside(factory, what, expected=expected, hint=hint, error=RegistryError, passing=(HarnessError,)):
        found = factory(rest)
    if isinstance(found, NamedOptimizer) and found.family == family:
        return found
    raise RegistryError(message(what, expected=expected, got=repr(found), hint=hint))


def known_optimizers() -> dict[str, Rule]:
    """Return the known optimizers by name."""
    return {name: named(name) for name in KNOWN}
