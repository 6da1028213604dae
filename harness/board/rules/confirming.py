"""A confirmation: the planned rules, retrained on fresh seeds. Each seed is a run that can be resumed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.board.rules.known import CONFIRMER, KNOWN, InTurn
from harness.board.rules.plan import Plan
from harness.board.searches.board import Board
from harness.contracts import CPU, Rule
from harness.errors import DataError, message
from harness.race.conditions import Announce, Conditions, prepared
from harness.race.header import Confirmation, ConfirmationHeader
from harness.race.protocols import REFERENCE, Budget
from harness.race.racing import Follow, announce_finished, carry_out, due_of, unfollowed
from harness.race.store.ledger import Ledger


def retrain(
    plan: Plan,
    ledger: Ledger,
    *,
    seeds: Sequence[int],
    data_root: Path | None = None,
    device: str = CPU,
    workers: int = 1,
    cluster: str | None = None,
    announce: Announce = lambda _: None,
    follow: Follow = unfollowed,
) -> list[ConfirmationHeader]:
    """Retrain all rules of a plan on every seed, resuming what the ledger holds.

    Args:
        plan: which candidates to retrain, and how.
        ledger: open for writing.
        seeds: fresh seeds, at least one; a confirmation takes its children's seeds from a stream of its own.
        data_root: the folder that holds the data set, or None.
        device: where children train.
        workers: children trained at once, at most.
        cluster: address of a Dask scheduler, or None.
        announce: called with each line that a user should read.
        follow: called to follow the runs that are not finished already.

    Returns:
        The headers of the runs, all finished.

    Raises:
        DataError: the data is missing, damaged, or not what was searched on.
        HarnessError: the task cannot be built, or children cannot train; completed children are kept.
        Stopped: the follower asked to stop; completed children are kept.
    """
    training = prepared(
        plan.protocol,
        plan.data,
        data_root,
        device=device,
        workers=workers,
        cluster=cluster,
        test=True,
        candidates=not all(isinstance(rule, Rule) for rule in plan.rules),
        announce=announce,
    )
    if plan.searched is not None and plan.as_searched:
        _check_data(training.conditions, plan.searched)
    headers = [_header(plan, training.conditions, seed) for seed in seeds]
    due = due_of(headers, ledger)
    _announce_plan(plan, headers, due, announce)
    if due:
        left = [header for header in headers if header.identity in due]
        with ExitStack() as stack:
            engine = training.open(left)
            stack.callback(engine.close)
            build = functools.partial(InTurn, plan.rules)
            carry_out([(each, build) for each in left], engine, ledger, follow=follow)
    return headers


def _check_data(conditions: Conditions, searched: Board) -> None:
    """Raise unless the data set is the one that was searched on, not just one of that name.

    Raises:
        DataError: its content differs.
    """
    if conditions.fingerprint != searched.fingerprint:
        raise DataError(
            message(
                f"data set {conditions.data}",
                expected=f"fingerprint {searched.fingerprint}, as the searches had it",
                got=conditions.fingerprint,
                hint="Get that copy and name its folder with --data-root, or choose this one with --data",
            )
        )


def _header(plan: Plan, conditions: Conditions, seed: int) -> ConfirmationHeader:
    """Return the header of the run that retrains all rules on one seed."""
    searched = "" if plan.searched is None else plan.searched.comparable
    return ConfirmationHeader(
        searcher=CONFIRMER,
        searcher_version=InTurn.version,
        settings={},
        space=plan.space,
        protocol=conditions.protocol,
        data=conditions.data,
        data_fingerprint=conditions.fingerprint,
        budget=Budget(len(plan.rules), len(plan.rules)),
        seed=seed,
        asynchronous=False,
        environment=conditions.environment,
        provenance=conditions.provenance | ({REFERENCE: plan.reference} if plan.reference else {}),
        confirmation=Confirmation(tuple(map(str, plan.rules)), searched, plan.nominated),
    )


def _announce_plan(plan: Plan, headers: Sequence[ConfirmationHeader], due: set[str], announce: Announce) -> None:
    first = headers[0]
    others = len(plan.rules) - len(KNOWN)
    announce(
        f"confirming {len(plan.rules)} {first.confirmation.noun}, {len(KNOWN)} known and {others} other"
        f"{f' ({plan.nominated})' if plan.nominated else ''}; "
        f"protocol {first.protocol.name} v{first.protocol.version}; "
        f"data {first.data_label}; {len(headers)} fresh seed{'s' if len(headers) > 1 else ''}"
    )
    announce_finished(len(headers) - len(due), len(headers), announce)
