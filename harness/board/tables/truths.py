"""What boards of searches need to know of the table that was searched (protocol §5)."""

from __future__ import annotations

import functools

import numpy as np

from harness.board.searches.board import Truth
from harness.board.tables.figures import true_rules
from harness.board.tables.opening import opened
from harness.contracts import Status, TaskProtocol
from harness.errors import DataError, message

TASK = "table"  # whose protocols name a table


def truth_of(protocol: TaskProtocol) -> Truth | None:
    """Read the table that a protocol looks outcomes up in; None where it trains children.

    Raises:
        DataError: there is no such table here, it is damaged, or its content is another than the protocol says.
    """
    numbers = protocol.spec()
    if protocol.task != TASK:
        return None
    return _read(str(numbers.get("table")), str(numbers.get("fingerprint")))


@functools.lru_cache(maxsize=8)
def _read(name: str, fingerprint: str) -> Truth:
    """A table with its truth, read once: what the fingerprint stands for does not change.

    Raises:
        DataError: as ``truth_of``.
    """
    table = opened(name)
    if table.fingerprint != fingerprint:
        what, hint = f"table {name}", "Use the version of this program that the runs were made with"
        raise DataError(message(what, expected=f"fingerprint {fingerprint}", got=table.fingerprint, hint=hint))
    rules = true_rules(table)
    return Truth(
        table=name,
        fingerprint=fingerprint,
        worth={key: table.truth(key) for key in table.own.keys},
        optimum=rules[0].rule,
        optimum_key=rules[0].key,
        ties=frozenset(each.key for each in rules if each.tied),
        retrained=len(rules),
        fresh_seeds=table.fresh.seeds,
        strings=np.asarray(table.strings, dtype=np.int64),
        scores=table.own.scores,
        sound=np.asarray(table.own.arrays["status"]) == list(Status).index(Status.OK),
    )
