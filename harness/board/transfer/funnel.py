"""The funnel of a workload as its board shows it: who was stopped at which epoch (protocol §7, [NOS] §5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.board.statistics import Estimate, bootstrapped
from harness.board.transfer.board import Child, Entered, Funnel
from harness.board.transfer.results import FunnelResults
from harness.race.store.rows import candidate_from
from harness.seeds import derive_seed


def funnel_of(
    found: FunnelResults, children: Mapping[int, Mapping[str, Sequence[Child]]], labels: Mapping[str, str]
) -> Funnel:
    """Return what a board shows of a funnel.

    Args:
        found: the funnel, as far as it has come.
        children: of its finished runs, by the rung's epochs and the candidate's key.
        labels: the candidates' names by key.
    """
    rungs = found.funnel.rungs
    stopped = {candidate_from(record).key: epochs for record, epochs in found.stopped.items()}
    entered = []
    for key in children.get(rungs[0], {}):
        trained = [epochs for epochs in rungs if key in children.get(epochs, {})]
        scores = (_mean(children[epochs][key], key, epochs) if epochs in trained else None for epochs in rungs)
        entered.append(
            Entered(
                label=labels[key],
                key=key,
                scores=tuple(scores),
                stopped=stopped.get(key),
                finished=trained[-1] == rungs[-1],
                children=tuple(children[trained[-1]][key]),
            )
        )
    rule = f"one in {found.funnel.share} goes on: {found.funnel.rule}"
    return Funnel(rungs=rungs, rule=rule, entered=tuple(sorted(entered, key=_furthest)))


def _mean(children: Sequence[Child], key: str, epochs: int) -> Estimate:
    seed = derive_seed(0, "transfer", "rung", str(epochs), key)
    return bootstrapped([each.validation for each in children], seed=seed)


def _furthest(each: Entered) -> tuple[int, float, str]:
    reached = [score.mean for score in each.scores if score is not None]
    return -len(reached), -reached[-1], each.label
