"""Which rules a confirmation retrains, and how they get through the search loop: as a searcher that reads from a list.

So a confirmation has all that a search has: the ledger, the engines, progress, and going on after a kill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from harness.contracts import Rule, Trial
from harness.space.zoo import named

CONFIRMER = "confirm"  # what the headers of confirmations name as their searcher
KNOWN = ("sgd", "momentum", "rmsprop", "adam", "sign-momentum", "powersign", "addsign")
"""The optimizers of the zoo that every confirmation retrains beside the rules that it is for."""


class InTurn:
    """Proposes given rules in turn, all in one batch, so that no worker waits for another's child.

    Args:
        rules: in the order of training, each another function.
    """

    version = 1

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._left = deque(rules)
        self.batch = max(1, len(self._left))

    def ask(self, count: int) -> Sequence[Rule]:
        """The next ``count`` rules, or as many as are left."""
        return [self._left.popleft() for _ in range(min(count, len(self._left)))]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Nothing is learned from them."""


def to_confirm(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The known optimizers and then the rules, each function once and by its first string."""
    found: dict[str, Rule] = {}
    for rule in (*known_optimizers().values(), *rules):
        found.setdefault(rule.key, rule)
    return tuple(found.values())


def known_optimizers() -> dict[str, Rule]:
    """The known optimizers by name."""
    return {name: named(name) for name in KNOWN}
