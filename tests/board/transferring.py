"""Made-up transfers for the tests of their boards: every candidate's outcome by seed, as finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.board.rules.known import candidate
from harness.contracts import Metric, Outcome, Status, TaskProtocol, Trial
from harness.race.header import Funnel, Transfer, TransferHeader
from harness.race.protocols import Budget, StoredProtocol
from harness.race.runs import RunRecord, RunState
from harness.space.grammar import Space

HOSTILE = 'evil|name`[red]"quoted",\r\nnext\x1b[31m<b>*'
HEAD = {"version": 1, "learning_rates": (0.01, 0.1), "epochs": 3}
PICTURES = StoredProtocol(
    name="pictures-mini",
    task="pictures",
    metric=Metric("accuracy"),
    chance=0.1,
    numbers={"train_examples": 100, "horizon": 0},
    **HEAD,
)
WORDS = StoredProtocol(
    name="words-mini",
    task="words",
    metric=Metric("perplexity", score="1 / x"),
    chance=0.0,
    numbers={"train_examples": 500, "horizon": 0},
    **HEAD,
)
VALLEY = StoredProtocol(
    name="valley", task="valley", metric=Metric("objective value", score="1 / (1 + x)"), chance=0.0, numbers={}, **HEAD
)

Outcomes = Mapping[str, Sequence[Outcome]]
"""By the candidate's text: its outcome with each seed."""


def ended(*curve: float, test: float | None = None, at_best: float | None = None, **figures: float) -> Outcome:
    """The outcome of a child with these validation scores by epoch."""
    return Outcome(
        status=Status.OK,
        score=curve[-1],
        learning_rate=0.01,
        examples=400,
        seconds=1.0,
        sweep=((0.01, curve[0]), (0.1, 0.0)),
        curve=curve,
        test=curve[-1] if test is None else test,
        test_at_best=max(curve) if at_best is None else at_best,
        figures=tuple(figures.items()),
    )


def failed(protocol: TaskProtocol, *curve: float, status: Status = Status.DIVERGED) -> Outcome:
    """The outcome of a child that diverged, or could not be trained, after some epochs."""
    return Outcome(
        status=status,
        score=protocol.chance,
        learning_rate=0.01 if curve else None,
        examples=200,
        seconds=1.0,
        curve=(*curve, protocol.chance) if curve else (),
        test=protocol.chance,
        test_at_best=protocol.chance if status is Status.DIVERGED else None,
        message="broke" if status is Status.ERROR else "",
    )


def rising(ends: Sequence[float], *, gap: float = 0.01, **figures: float) -> list[Outcome]:
    """A child a seed that rises to its end, where it tests a little lower than it validates."""
    return [ended(0.5 * end, 0.8 * end, end, test=end - gap, at_best=end - gap, **figures) for end in ends]


def transferred(
    outcomes: Outcomes,
    protocol: TaskProtocol = PICTURES,
    *,
    chosen: str = "",
    funnel: Funnel | None = None,
    seeds: Sequence[int] | None = None,
    **changes: object,
) -> list[RunRecord]:
    """Return one finished run a seed.

    Args:
        outcomes: of every candidate, equally many.
        protocol: the workload's.
        chosen: how the candidates were chosen.
        funnel: of which the runs are a rung.
        seeds: of the outcomes; 0, 1, … unless given.
        changes: of every record, or else of its header.
    """
    candidates = [candidate(text) for text in outcomes]
    fields: dict[str, object] = {"state": RunState.FINISHED, "active": False, "started": 5.0, "seconds": 60.0}
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    count = len(next(iter(outcomes.values())))
    records = []
    for place, seed in enumerate(range(count) if seeds is None else seeds):
        header = TransferHeader(
            searcher="transfer",
            searcher_version=1,
            settings={},
            space=Space.of("arxiv2", blocks=4),
            protocol=protocol,
            data="synthetic",
            data_fingerprint="f" * 64,
            budget=Budget(len(candidates), len(candidates)),
            seed=seed,
            asynchronous=False,
            environment={"task": f"{protocol.task} 1", "torch": "2.13.0"},
            provenance={"commit": "0123456789abcdef", "processor": "a processor"},
            transfer=Transfer(tuple(map(str, candidates)), chosen, funnel),
        )
        trials = tuple(
            Trial(index, each, own[place])
            for index, (each, own) in enumerate(zip(candidates, outcomes.values(), strict=True))
        )
        record = RunRecord(header=header, trials=trials, **fields)  # type: ignore[arg-type]
        records.append(replace(record, header=replace(header, **changes)))  # type: ignore[arg-type]
    return records


TEXTS = ("g", "m", "adam", "sign(m)")
FUNNEL = Funnel(
    rungs=(1, 2, 3),
    share=2,
    rule="the better by mean validation",
    seeds=(0, 1),
    entrants=tuple(str(candidate(t)) for t in TEXTS),
)


def rung(epochs: int, scores: Mapping[str, float], **changes: object) -> list[RunRecord]:
    """The runs of a rung of ``FUNNEL``: children with the same validation score in every epoch."""
    protocol = replace(PICTURES, epochs=epochs, numbers=PICTURES.numbers | {"horizon": 3 if epochs < 3 else 0})
    outcomes = {text: [ended(*[score] * epochs)] * 2 for text, score in scores.items()}
    return transferred(outcomes, protocol, funnel=FUNNEL, started=float(epochs), **changes)  # type: ignore[arg-type]


FIRST = {"g": 0.2, "m": 0.5, "adam": 0.4, "sign(m)": 0.1}
