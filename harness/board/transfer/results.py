"""The transfers of a store as boards read them: what each candidate earned, and where a funnel stopped it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.contracts import Outcome
from harness.race.header import Funnel, TransferHeader
from harness.race.protocols import whole
from harness.race.runs import Judged, RunRecord, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRun:
    """One run: the candidates of a transfer on one workload, trained from one seed.

    Attributes:
        header: its header; ``protocol`` names the workload, ``seed`` the seed.
        finished: whether all its candidates have trained.
        outcomes: by the candidates' records, in the order of the header; those that have not trained are missing.
    """

    header: TransferHeader
    finished: bool
    outcomes: Mapping[str, Outcome]

    @property
    def whole(self) -> bool:
        """Whether its children train to the end; those of a funnel's earlier rungs are stopped there or go on."""
        funnel = self.header.transfer.funnel
        return funnel is None or self.header.protocol.epochs == funnel.rungs[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A rung of a funnel.

    Attributes:
        epochs: after how many epochs the candidates are compared.
        candidates: the records of those that train to it; empty if no run has begun it.
        runs: its runs by seed, the finished and the unfinished.
    """

    epochs: int
    candidates: tuple[str, ...]
    runs: Mapping[int, TransferRun]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelResults:
    """A funnel on one workload, as far as it has come.

    Attributes:
        funnel: what was fixed before it began.
        rungs: all of its rungs in order.
    """

    funnel: Funnel
    rungs: tuple[Rung, ...]

    @property
    def stopped(self) -> Mapping[str, int]:
        """After how many epochs each candidate was stopped that did not go on, by its record.

        Nobody is stopped at the highest rung that has begun: those candidates are in training, or finished.
        """
        begun = [rung for rung in self.rungs if rung.candidates]
        return {
            candidate: rung.epochs
            for rung, following in itertools.pairwise(begun)
            for candidate in rung.candidates
            if candidate not in following.candidates
        }

    @property
    def finished(self) -> bool:
        """Whether the last rung's candidates have trained from every seed."""
        last = self.rungs[-1].runs
        return all(seed in last and last[seed].finished for seed in self.funnel.seeds)


def transfer_runs(records: Iterable[Judged]) -> list[TransferRun]:
    """Return the transfers among full records, such as those of ``Ledger.transfers``, in their order."""
    found = []
    for record in records:
        if isinstance(record, RunRecord) and isinstance(record.header, TransferHeader):
            earned = {str(trial.rule): trial.outcome for trial in record.trials}
            outcomes = {each: earned[each] for each in record.header.transfer.candidates if each in earned}
            finished = record.state is RunState.FINISHED
            found.append(TransferRun(header=record.header, finished=finished, outcomes=outcomes))
    return found


def funnels(runs: Iterable[TransferRun]) -> list[FunnelResults]:
    """Return the funnels that runs belong to, one for each workload, data set and environment, in their order."""
    groups: dict[tuple[object, ...], list[TransferRun]] = {}
    for run in runs:
        if run.header.transfer.funnel is not None:
            groups.setdefault(_funnel_of(run.header), []).append(run)
    return [_funnel(own) for own in groups.values()]


def _funnel_of(header: TransferHeader) -> tuple[object, ...]:
    return (header.transfer.funnel, whole(header.protocol), header.data_fingerprint, header.environment_hash)


def _funnel(runs: Sequence[TransferRun]) -> FunnelResults:
    funnel = runs[0].header.transfer.funnel
    assert funnel is not None, "only runs of a funnel come here"
    rungs = []
    for epochs in funnel.rungs:
        own = [run for run in runs if run.header.protocol.epochs == epochs]
        candidates = own[0].header.transfer.candidates if own else ()
        rungs.append(Rung(epochs=epochs, candidates=candidates, runs={run.header.seed: run for run in own}))
    return FunnelResults(funnel=funnel, rungs=tuple(rungs))
