"""The funnel: which candidates go on from a rung (protocol §7, [NOS] §5.2), by a rule that is fixed beforehand."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

from harness.contracts import Candidate, Outcome, TaskProtocol
from harness.errors import ProtocolError, check_range, message
from harness.race.header import Funnel

SHARE = 3  # one in so many goes on
RULE = (
    "the highest mean validation scores over all seeds at the rung's last epoch, where a failure scores chance; "
    "ties by the order in which candidates were named"
)


def funnel(rungs: Sequence[int], candidates: Sequence[Candidate], seeds: Sequence[int]) -> Funnel:
    """Return the record of a funnel: all that decides who goes on.

    Args:
        rungs: epochs after which candidates are compared; the last rung ends the training.
        candidates: all that train to the first rung, in the order that decides ties.
        seeds: all seeds that they train from.

    Raises:
        ProtocolError: there are fewer than two rungs, or they do not ascend from 1.
    """
    hint = "Write ascending numbers of epochs, such as 10,30,100,300"
    for number in rungs:
        check_range("funnel: a rung", number, least=1, error=ProtocolError)
    if len(rungs) < 2 or any(high <= low for low, high in itertools.pairwise(rungs)):
        got = ",".join(map(str, rungs)) or "none"
        raise ProtocolError(message("funnel", expected="at least two ascending rungs", got=got, hint=hint))
    return Funnel(tuple(rungs), SHARE, RULE, tuple(seeds), tuple(map(str, candidates)))


def at_rung(protocol: TaskProtocol, found: Funnel, epochs: int) -> TaskProtocol:
    """Return the protocol of a rung: decays span the whole training, however far a rung trains.

    The last rung's protocol is that of a training without a funnel, whose outcomes it shares.

    Raises:
        ProtocolError: the protocol has no horizon, so its decays would end with every rung.
    """
    if not hasattr(protocol, "horizon"):
        hint = "Leave --funnel out, or declare the field `horizon: int = 0` in the protocol"
        what, got = f"protocol {protocol.name}", "one whose training cannot go on from a rung"
        raise ProtocolError(message(what, expected="one with a horizon", got=got, hint=hint))
    horizon = 0 if epochs == found.rungs[-1] else found.rungs[-1]
    changes = {"epochs": epochs, "horizon": horizon}
    return dataclasses.replace(protocol, **changes)  # type: ignore[arg-type]  # it has a horizon


def promoted(
    found: Funnel, candidates: Sequence[str], outcomes: Mapping[int, Mapping[str, Outcome]]
) -> tuple[str, ...]:
    """Return the records of the candidates that go on, in the order in which they were named.

    Args:
        found: the funnel.
        candidates: records of all that trained to the rung.
        outcomes: by seed, the outcome of each there.
    """
    means = {each: math.fsum(outcomes[seed][each].score for seed in found.seeds) for each in candidates}
    order = {each: place for place, each in enumerate(found.entrants)}
    ranked = sorted(candidates, key=lambda each: (-means[each], order[each]))
    return tuple(sorted(ranked[: math.ceil(len(ranked) / found.share)], key=order.__getitem__))
