"""The truth of a table: its best rules and the known optimizers on fresh seeds (protocol §5).

The luckiest of a thousand near-ties lies some three standard deviations too high, so what selected a rule says nothing
of its worth: truth is the mean over fresh seeds alone.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from harness.board.rules.known import to_confirm
from harness.board.rules.plan import Plan
from harness.contracts import Rule
from harness.errors import LedgerError, message
from harness.race.store.archive import COMPRESSED, SUFFIX
from harness.race.store.archive_reading import header_of
from harness.race.store.tables import TableSpec, outcomes

BEST, SEEDS = 200, range(10)


def best(folder: Path, table: TableSpec, count: int) -> list[Rule]:
    """The rules with the highest mean score of their replicates, the best first; the earlier in the table of equals.

    Args:
        folder: of the table's parts.
        table: which table.
        count: how many.

    Raises:
        LedgerError: a part is missing or damaged.
    """
    scored = enumerate(outcomes(folder, table))
    means = [(-statistics.fmean(each.score for each in own), place) for place, (_, own) in scored]
    return [table.rules[place] for _, place in sorted(means)[:count]]


def plan_of(folder: Path, table: TableSpec, *, data: str) -> Plan:
    """What a confirmation retrains to know a table's truth.

    Raises:
        LedgerError: a part is missing or damaged.
    """
    chosen = f"the best {BEST} of table {table.name} by the mean of {table.replicates} replicates"
    rules = to_confirm(best(folder, table, BEST))
    return Plan(rules, None, table.space, table.protocol, data, nominated=chosen)


def file_of(table: TableSpec, seed: int) -> str:
    """The name of the file of one fresh seed, such as ``broad-truth-s0.jsonl.gz``."""
    return f"{table.name}-truth-s{seed}{SUFFIX}{COMPRESSED}"


def is_known(path: Path, plan: Plan, seed: int) -> bool:
    """Whether the file of a fresh seed is there, which is then final.

    Args:
        path: where it would be.
        plan: what it has to hold.
        seed: which.

    Raises:
        LedgerError: it holds something else, such as the truth of a table that was built anew since.
    """
    if not path.exists():
        return False
    held = header_of(path)
    rules = () if held.confirmation is None else held.confirmation.rules
    if (rules, held.seed, held.protocol.hash) != (tuple(map(str, plan.rules)), seed, plan.protocol.hash):
        hint = "Delete it to make it again, or name another folder with --to"
        what, expected = f"truth {path}", f"seed {seed} of {len(plan.rules)} rules: {plan.nominated}"
        raise LedgerError(message(what, expected=expected, got=f"the run {held.name}", hint=hint))
    return True
