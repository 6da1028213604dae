"""Random search by many draws: what uniform random search earns on average, from all its evaluations in the store.

A single random run is a matter of luck. But all charged proposals of a random run are uniform draws, in any order. So
the best-so-far curve of a search for k children, averaged over all orders and choices of draws, is known in closed form
(``statistics.expected_best``), and a run of thousands of children serves every smaller budget.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.board import statistics
from harness.board.entrants import Environment, entrant, environment_marks
from harness.board.searches.board import Reference
from harness.race.header import RunHeader
from harness.race.runs import Judged, RunState
from harness.seeds import derive_seed

UNIFORM = "random"  # the searcher whose proposals are independent uniform draws


@dataclass(slots=True)
class _Draws:
    """The draws of one seed.

    Attributes:
        scores: the score of each charged draw, by its token string, since longer runs of a seed repeat the shorter
            ones' draws.
        all_there_is: whether a run ended early, so that nothing is left to draw.
    """

    scores: dict[str, float] = field(default_factory=dict)
    all_there_is: bool = False


def many_draws(headers: Sequence[RunHeader], store: Sequence[Judged]) -> tuple[Reference, ...]:
    """Return the references of one board: one for each environment of its runs that has enough random draws.

    Curves are made for each seed and then averaged (**D**): a seed has its own initial weights and batches, and the
    best over several seeds would be the luckiest seed's score, which no search could earn. A seed with fewer draws than
    the budget's children says nothing about the curve's end and is left out, unless its run ended early. The draws of a
    seed are assumed to be exchangeable (**D**). That is true except for functions with many strings, which tend to be
    met early and whose later strings are free.

    Args:
        headers: headers of the board's runs, with equal space, protocol, data and budget.
        store: all known runs, of any budget and searcher.
    """
    header = headers[0]
    children = header.budget.children
    draws: dict[Environment, dict[int, _Draws]] = defaultdict(lambda: defaultdict(_Draws))
    for record in store:
        if record.header.searcher == UNIFORM and _alike(record.header, header):
            _gather(draws[entrant(record.header)[4]][record.header.seed], record)
    found = []
    for environment, mark in environment_marks(headers).items():
        enough = {
            seed: each
            for seed, each in sorted(draws[environment].items())
            if each.scores and (each.all_there_is or len(each.scores) >= children)
        }
        if enough:
            found.append(_reference(enough, children, mark, dict(environment)))
    return tuple(found)


def _alike(one: RunHeader, other: RunHeader) -> bool:
    """Whether two runs have the same space, protocol and data, whatever their budgets."""
    return (one.space, one.protocol.hash, one.data_fingerprint) == (
        other.space,
        other.protocol.hash,
        other.data_fingerprint,
    )


def _gather(draws: _Draws, record: Judged) -> None:
    """Add a run's charged draws up to the first incomplete one, since only fast ones are complete after that."""
    results = record.results
    gap = next((place for place, number in enumerate(results.numbers) if number != place), len(results))
    whole = zip(results.rules[:gap], results.scores[:gap], results.charged[:gap], strict=True)
    charged = {rule: score for rule, score, counts in whole if counts}
    draws.scores |= charged
    budget = record.header.budget
    if record.state is RunState.FINISHED and len(charged) < budget.children and len(results) < budget.proposals:
        draws.all_there_is = True


def _reference(draws: Mapping[int, _Draws], children: int, mark: str, environment: Mapping[str, str]) -> Reference:
    curves = [statistics.expected_best(list(each.scores.values()), children=children) for each in draws.values()]
    areas, finals = [statistics.area(curve) for curve in curves], [float(curve[-1]) for curve in curves]
    evaluations = sum(len(each.scores) for each in draws.values())
    return Reference(
        label=f"random, many draws ({evaluations:,} evaluations){mark}",
        environment=environment,
        evaluations=evaluations,
        seeds=tuple(draws),
        areas=tuple(areas),
        finals=tuple(finals),
        area=statistics.bootstrapped(areas, seed=derive_seed(0, "many draws", "area")),
        final=statistics.bootstrapped(finals, seed=derive_seed(0, "many draws", "final")),
        curve=tuple(np.mean(curves, axis=0).tolist()),
    )
