"""The truth of a table: its best rules and the known optimizers on fresh seeds (protocol §5).

The luckiest of a thousand near-ties lies some three standard deviations too high, so what selected a rule says nothing
of its worth: truth is the mean over fresh seeds alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.board.rules.known import to_confirm
from harness.board.rules.plan import Plan
from harness.contracts import Outcome, Rule
from harness.errors import LedgerError, message
from harness.race.header import ConfirmationHeader
from harness.race.store.archive import COMPRESSED, SUFFIX, Archive
from harness.race.store.archive_reading import decode, header_of
from harness.race.store.tables import TableSpec

BEST, SEEDS = 200, range(10)


Scored = Sequence[tuple[Rule, Sequence[Outcome]]]
"""The rules of a table in its order, each with the outcomes of its replicates."""


def best(scored: Scored, count: int) -> list[Rule]:
    """The rules with the highest mean score of their replicates, the best first; the earlier in the table of equals.

    Args:
        scored: the whole table.
        count: how many.
    """
    means = [(-statistics.fmean(each.score for each in own), place) for place, (_, own) in enumerate(scored)]
    return [scored[place][0] for _, place in sorted(means)[:count]]


def plan_of(table: TableSpec, scored: Scored, *, data: str) -> Plan:
    """What a confirmation retrains to know a table's truth.

    Args:
        table: which table.
        scored: all of it.
        data: registry name of the data set.
    """
    chosen = f"the best {BEST} of table {table.name} by the mean of {table.replicates} replicates"
    rules = to_confirm(best(scored, BEST))
    return Plan(rules, None, table.space, table.protocol, data, nominated=chosen)


def retrained(folder: Path, table: TableSpec, plan: Plan) -> Iterator[tuple[Path, Archive]]:
    """The files of all fresh seeds with their runs, whose entries are the plan's rules in their order.

    Args:
        folder: of the files.
        table: which table.
        plan: what they have to hold.

    Raises:
        LedgerError: one is missing, is damaged, or holds something else.
    """
    paths = [folder / file_of(table, seed) for seed in SEEDS]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        what, hint = f"truth of table {table.name}", f"Make it with `harness table truth {table.name}`"
        got = f"{len(missing)} missing, {missing[0]} first"
        raise LedgerError(message(what, expected=f"all {len(paths)} fresh seeds", got=got, hint=hint))
    for seed, path in zip(SEEDS, paths, strict=True):
        is_known(path, plan, seed)
        archive = decode(path)
        whole = [entry.rule for entry in archive.entries if entry.outcome is not None]
        if whole != list(plan.rules):
            hint = f"Delete it, and make it again with `harness table truth {table.name}`"
            expected = f"all {len(plan.rules)} rules in their order"
            raise LedgerError(message(f"truth {path}", expected=expected, got=f"{len(whole)} whole ones", hint=hint))
        yield path, archive


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
    rules = held.confirmation.rules if isinstance(held, ConfirmationHeader) else ()
    if (rules, held.seed, held.protocol.hash) != (tuple(map(str, plan.rules)), seed, plan.protocol.hash):
        hint = "Delete it to make it again, or name another folder with --to"
        what, expected = f"truth {path}", f"seed {seed} of {len(plan.rules)} rules: {plan.nominated}"
        raise LedgerError(message(what, expected=expected, got=f"the run {held.name}", hint=hint))
    return True
