"""What boards read of transfers: outcomes by candidate, and where a funnel stopped whom."""

from __future__ import annotations

import dataclasses

from harness.board.transfer.results import funnels, transfer_runs
from harness.contracts import Outcome, Rule, Status, TaskProtocol, Trial
from harness.race.header import Funnel, Transfer, TransferHeader
from harness.race.protocols import Budget
from harness.race.runs import RunRecord, RunState
from harness.space.grammar import Space


@dataclasses.dataclass(frozen=True, kw_only=True)
class Far(TaskProtocol):
    """A protocol with a horizon."""

    horizon: int = 0


FAR = Far(name="far-mini", version=1, task="far", learning_rates=(0.1,), epochs=9, chance=0.0)
SHORT = dataclasses.replace(FAR, epochs=3, horizon=9)
A, B, C = (Rule.parse(text) for text in ("g", "m", "g * exp(v)"))
FUNNEL = Funnel(rungs=(3, 9), share=3, rule="the better third", seeds=(0, 1), entrants=tuple(map(str, (A, B, C))))


def record(
    rules: list[Rule],
    scores: list[float],
    *,
    seed: int = 0,
    protocol: TaskProtocol = FAR,
    funnel: Funnel | None = None,
    state: RunState = RunState.FINISHED,
) -> RunRecord:
    header = TransferHeader(
        searcher="transfer",
        searcher_version=1,
        settings={},
        space=Space.of("arxiv2", blocks=4),
        protocol=protocol,
        data="none",
        data_fingerprint="none",
        budget=Budget(len(rules), len(rules)),
        seed=seed,
        asynchronous=False,
        environment={},
        provenance={},
        transfer=Transfer(tuple(map(str, rules)), funnel=funnel),
    )
    trials = tuple(
        Trial(
            index,
            rule,
            Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=9, seconds=1.0, curve=(score,)),
        )
        for index, (rule, score) in enumerate(zip(rules, scores, strict=False))
    )
    return RunRecord(header=header, state=state, active=False, started=0.0, seconds=1.0, trials=trials)


def test_a_run_has_its_outcomes_by_candidate_and_those_that_have_not_trained_are_missing() -> None:
    whole = record([A, B], [0.5, 0.25])
    part = record([A, B], [0.75], seed=1, state=RunState.RUNNING)
    first, second = transfer_runs([whole, part])
    assert {each: outcome.score for each, outcome in first.outcomes.items()} == {str(A): 0.5, str(B): 0.25}
    assert (first.finished, first.whole, list(second.outcomes), second.finished) == (True, True, [str(A)], False)
    assert funnels([first, second]) == []


def test_a_funnel_says_who_was_stopped_where() -> None:
    rungs = [record([A, B, C], [0.1, 0.3, 0.2], seed=seed, protocol=SHORT, funnel=FUNNEL) for seed in (0, 1)]
    (begun,) = funnels(transfer_runs(rungs))
    assert (begun.stopped, begun.finished, begun.rungs[1].candidates) == ({}, False, ())
    last = [record([B], [0.5], seed=seed, funnel=FUNNEL) for seed in (0, 1)]
    runs = transfer_runs([*rungs, *last])
    assert [run.whole for run in runs] == [False, False, True, True]
    (ended,) = funnels(runs)
    assert ended.stopped == {str(A): 3, str(C): 3}
    assert ended.finished
    assert [(rung.epochs, len(rung.candidates), sorted(rung.runs)) for rung in ended.rungs] == [
        (3, 3, [0, 1]),
        (9, 1, [0, 1]),
    ]
    (unfinished,) = funnels(transfer_runs([*rungs, last[0]]))
    assert not unfinished.finished


def test_funnels_of_other_workloads_and_rules_are_others() -> None:
    other = dataclasses.replace(FUNNEL, share=2)
    runs = [
        record([A, B, C], [0.1, 0.3, 0.2], protocol=SHORT, funnel=FUNNEL),
        record([A, B, C], [0.1, 0.3, 0.2], protocol=SHORT, funnel=other),
        record([A, B, C], [0.1, 0.3, 0.2], protocol=dataclasses.replace(SHORT, version=2), funnel=FUNNEL),
    ]
    assert len(funnels(transfer_runs(runs))) == 3
