"""A transfer: its candidates, trained on every workload from every seed, each a run that can be resumed.

With a funnel, a rung is such runs under a protocol of fewer epochs. Its finished candidates keep their checkpoints, so
that those promoted train only the epochs that are left; without its checkpoint a child trains anew to the same bits.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harness.board.rules.known import InTurn
from harness.board.transfer import keeping
from harness.board.transfer.plan import Plan, Workload
from harness.board.transfer.promotion import at_rung, promoted
from harness.board.transfer.results import transfer_runs
from harness.contracts import CPU, Candidate, Rule
from harness.race.conditions import Announce, Conditions, Training, prepared
from harness.race.entry import Entry
from harness.race.header import RunHeader, Transfer, TransferHeader
from harness.race.protocols import REFERENCE, Budget
from harness.race.provenance import provenance
from harness.race.racing import Follow, announce_finished, carry_out, due_of, unfollowed
from harness.race.store.ledger import Ledger
from harness.registry import Kind, load

TRANSFERRER = "transfer"  # named as the searcher in headers of transfers


@dataclass(frozen=True, slots=True)
class Machines:
    """Where children train.

    Attributes:
        workers: how many at once, at most.
        cluster: address of a Dask scheduler, or None.
        device: as torch names it.
    """

    workers: int = 1
    cluster: str | None = None
    device: str = CPU


@dataclass(frozen=True, slots=True)
class _Stage:
    """A workload at one rung of a funnel, or all of it without a funnel.

    Attributes:
        workload: the workload, whose protocol trains to its end.
        candidates: those that train to the rung.
        training: what they train on.
        headers: the runs, one for each seed.
    """

    workload: Workload
    candidates: tuple[Candidate, ...]
    training: Training
    headers: tuple[TransferHeader, ...]


def train(
    plan: Plan,
    ledger: Ledger,
    *,
    machines: Machines,
    announce: Announce = lambda _: None,
    follow: Follow = unfollowed,
) -> list[TransferHeader]:
    """Train all candidates of a plan on every workload from every seed, resuming what the ledger holds.

    Args:
        plan: which candidates to train on what.
        ledger: open for writing.
        machines: where children train.
        announce: called with each line that a user should read.
        follow: called to follow the runs that are not finished already; with a funnel, once for each rung.

    Returns:
        The headers of the runs, all finished.

    Raises:
        HarnessError: data is missing, a task cannot be built, or children cannot train; completed children are kept.
        Stopped: the follower asked to stop; completed children are kept.
    """
    folder = keeping.opened(ledger.folder)
    keeping.clean(folder, ledger.transfers())
    rungs = (0,) if plan.funnel is None else plan.funnel.rungs
    left = [(each, plan.candidates) for each in plan.workloads]
    headers: list[TransferHeader] = []
    for rung in rungs:
        last = rung == rungs[-1]
        stages = [
            _stage(plan, workload, candidates, rung, folder=folder, machines=machines, announce=announce)
            for workload, candidates in left
        ]
        if not headers:
            _announce_plan(plan, stages, announce)
        headers += [header for stage in stages for header in stage.headers]
        keeping.opened(ledger.folder)  # another transfer that ended meanwhile removed the empty folder
        _carry_out(stages, ledger, forgotten=folder if last else None, announce=announce, follow=follow)
        if not last:
            left = [(stage.workload, _promoted(plan, stage, ledger, folder, announce)) for stage in stages]
    keeping.close(folder, ledger.transfers())
    return headers


def _stage(
    plan: Plan,
    workload: Workload,
    candidates: tuple[Candidate, ...],
    rung: int,
    *,
    folder: Path,
    machines: Machines,
    announce: Announce,
) -> _Stage:
    """Load a workload's data and build its task, so that any fault is found before a child trains."""
    protocol = workload.protocol if plan.funnel is None else at_rung(workload.protocol, plan.funnel, rung)
    able = "candidates" in inspect.signature(load(Kind.TASK, protocol.task)).parameters
    training = prepared(
        protocol,
        workload.data,
        workload.root,
        device=machines.device,
        workers=machines.workers,
        cluster=machines.cluster,
        test=True,
        candidates=able or not all(isinstance(each, Rule) for each in candidates),
        checkpoints=folder,
        announce=announce,
    )
    if len(plan.workloads) > 1 and isinstance(workload.data, str):
        training = dataclasses.replace(training, task=None)  # built again in its turn: one fits where all may not
    headers = tuple(_header(plan, workload, candidates, training.conditions, seed) for seed in plan.seeds)
    return _Stage(workload, candidates, training, headers)


def _header(
    plan: Plan, workload: Workload, candidates: Sequence[Candidate], conditions: Conditions, seed: int
) -> TransferHeader:
    """Return the header of the run that trains candidates on one workload from one seed."""
    return TransferHeader(
        searcher=TRANSFERRER,
        searcher_version=InTurn.version,
        settings={},
        space=plan.space,
        protocol=conditions.protocol,
        data=conditions.data,
        data_fingerprint=conditions.fingerprint,
        budget=Budget(len(candidates), len(candidates)),
        seed=seed,
        asynchronous=False,
        environment=conditions.environment,
        provenance=provenance() | ({REFERENCE: workload.name} if ":" in workload.name else {}),
        transfer=Transfer(tuple(map(str, candidates)), plan.chosen, plan.funnel),
    )


def _carry_out(
    stages: Sequence[_Stage], ledger: Ledger, *, forgotten: Path | None, announce: Announce, follow: Follow
) -> None:
    """Carry out the runs of all workloads, one workload after another.

    Args:
        stages: the workloads.
        ledger: open for writing.
        forgotten: the folder from which a child's checkpoint is deleted once it is recorded; None to keep them.
        announce: called with each line that a user should read.
        follow: called to follow the runs.
    """
    headers = [header for stage in stages for header in stage.headers]
    due = due_of(headers, ledger)
    announce_finished(len(headers) - len(due), len(headers), announce)
    if not due:
        return

    def recorded(header: RunHeader, entries: Sequence[Entry]) -> None:
        if forgotten is not None:
            keeping.forget(forgotten, header, [entry.rule for entry in entries])

    with follow([header for header in headers if header.identity in due]) as following:
        for stage in stages:
            own = [header for header in stage.headers if header.identity in due]
            if own:
                with closing(stage.training.open(own)) as engine:
                    runs = [(header, functools.partial(InTurn, stage.candidates)) for header in own]
                    carry_out(runs, engine, ledger, follow=lambda _: nullcontext(following), recorded=recorded)


def _promoted(plan: Plan, stage: _Stage, ledger: Ledger, folder: Path, announce: Announce) -> tuple[Candidate, ...]:
    """Return the candidates that go on from a rung, and delete the checkpoints of the others."""
    assert plan.funnel is not None, "without a funnel nobody is promoted"
    own = {header.identity for header in stage.headers}
    outcomes = {
        run.header.seed: run.outcomes for run in transfer_runs(ledger.transfers()) if run.header.identity in own
    }
    going = set(promoted(plan.funnel, list(map(str, stage.candidates)), outcomes))
    for header in stage.headers:
        keeping.forget(folder, header, [each for each in stage.candidates if str(each) not in going])
    kept = tuple(each for each in stage.candidates if str(each) in going)
    protocol = stage.training.conditions.protocol
    announce(
        f"{protocol.name}, epoch {protocol.epochs}: {len(kept)} of {len(stage.candidates)} candidates go on: "
        + ", ".join(each.infix for each in kept)
    )
    return kept


def _announce_plan(plan: Plan, stages: Sequence[_Stage], announce: Announce) -> None:
    """Say what is to be trained."""
    candidates, seeds = len(plan.candidates), len(plan.seeds)
    places = []
    for stage in stages:
        protocol = stage.training.conditions.protocol
        data = ", which reads no data" if protocol.inputs == "none" else f" on {stage.headers[0].data_label}"
        places.append(f"{protocol.name} v{protocol.version}{data}")
    announce(
        f"transferring {candidates} candidate{'s' * (candidates != 1)}{f' ({plan.chosen})' if plan.chosen else ''} to "
        + ", ".join(places)
        + f"; {seeds} seed{'s' * (seeds != 1)}"
    )
    if plan.funnel is not None:
        rungs = ", ".join(map(str, plan.funnel.rungs))
        announce(f"funnel with rungs at {rungs} epochs; one in {plan.funnel.share} goes on: {plan.funnel.rule}")
