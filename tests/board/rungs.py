"""Records of transfers on a workload with a horizon, with and without a funnel."""

from __future__ import annotations

import dataclasses

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
