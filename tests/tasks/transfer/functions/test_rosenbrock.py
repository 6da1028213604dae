"""Rosenbrock's function: its steps against NumPy's, and which λ and ε count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.conformance import check_task, failures
from harness.contracts import Outcome, Rule, Status
from harness.errors import ProtocolError
from harness.tasks.optimizer.torch_optimizers import torch_optimizer
from harness.tasks.transfer.functions.protocols import ROSENBROCK, FunctionProtocol
from harness.tasks.transfer.functions.rosenbrock import Descent, RosenbrockTask, rosenbrock, uses_epsilon

BRIEF = replace(ROSENBROCK, train_examples=10, epochs=4)
Array = np.ndarray[Any, Any]
Step = Callable[[Array, int, float], Array]


def slope(place: Array) -> Array:
    """The gradient by central differences of the textbook's formula, good to some nine digits."""
    found = np.zeros(2)
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-6
        found[axis] = (value(place + step) - value(place - step)) / 2e-6
    return found


def value(place: Array) -> float:
    x, y = place
    return float((1 - x) ** 2 + 100 * (y - x**2) ** 2)


def analytic(place: Array) -> Array:
    x, y = place
    return np.array([2 * (200 * x**3 - 200 * x * y + x - 1), 200 * (y - x**2)])  # multiplied out


class Adam:
    """ADAM as Kingma and Ba 2015 write it."""

    def __init__(self) -> None:
        self.m, self.v = np.zeros(2), np.zeros(2)

    def __call__(self, g: Array, count: int, eps: float) -> Array:
        self.m, self.v = 0.9 * self.m + 0.1 * g, 0.999 * self.v + 0.001 * g * g
        return (self.m / (1 - 0.9**count)) / (np.sqrt(self.v / (1 - 0.999**count)) + eps)


class PowerSign:
    """The gradient times e or 1/e, by whether it agrees with its mean."""

    def __init__(self) -> None:
        self.m = np.zeros(2)

    def __call__(self, g: Array, count: int, eps: float) -> Array:  # noqa: ARG002
        self.m = 0.9 * self.m + 0.1 * g
        return g * np.exp(np.sign(g) * np.sign(self.m))


def by_numpy(step: Step, *, rate: float, eps: float = 0.0, protocol: FunctionProtocol = ROSENBROCK) -> list[float]:
    """Return f after each epoch."""
    place, losses, count = np.array(protocol.start), [], 0
    for _ in range(protocol.epochs):
        for _ in range(protocol.train_examples):
            count += 1
            place = place - rate * step(analytic(place), count, eps)
        losses.append(value(place))
    return losses


def scored(candidate: Any, protocol: FunctionProtocol = BRIEF, *, seed: int = 0) -> Outcome:
    (outcome,) = RosenbrockTask(protocol).evaluate([candidate], seed=seed)
    return outcome


def test_function_and_gradient_are_the_textbooks() -> None:
    assert rosenbrock((1.0, 1.0)) == (0.0, (0.0, 0.0))
    loss, gradient = rosenbrock((-1.2, 1.0))
    assert loss == pytest.approx(24.2)
    assert gradient == pytest.approx((-215.6, -88.0))
    for x, y in ((-1.5, 2.0), (0.3, -0.7), (1.1, 1.3)):
        loss, gradient = rosenbrock((x, y))
        assert loss == pytest.approx(value(np.array([x, y])), rel=1e-12)
        assert gradient == pytest.approx(slope(np.array([x, y])), rel=1e-6)


def test_an_overflow_is_infinite_and_no_error() -> None:
    assert math.isinf(rosenbrock((1e200, 0.0))[0])
    assert math.isnan(rosenbrock((math.inf, math.inf))[0])


@pytest.mark.parametrize(
    ("candidate", "step", "rate", "eps"),
    [
        (Rule.parse("g"), lambda g, _count, _eps: g, 1e-3, None),
        (Rule.parse("g * exp(sign(g) * sign(m))"), PowerSign(), 1e-4, None),
        (Rule.parse("adam"), Adam(), 1e-2, 1e-5),
        (torch_optimizer("Adam"), Adam(), 1e-2, 1e-8),
        (torch_optimizer("SGD"), lambda g, _count, _eps: g, 1e-3, None),
    ],
    ids=lambda each: getattr(each, "infix", None),
)
def test_steps_are_those_of_numpy(candidate: Any, step: Step, rate: float, eps: float | None) -> None:
    end = Descent(ROSENBROCK, candidate, rate, eps, seed=0).end()
    expected = by_numpy(step, rate=rate, eps=eps or 0.0)
    assert end.finite
    assert end.steps == 4_000
    np.testing.assert_allclose(end.losses, expected, rtol=1e-6)


def test_the_rate_with_the_least_final_value_counts() -> None:
    outcome = scored(Rule.parse("g"), ROSENBROCK)
    finals = [by_numpy(lambda g, _count, _eps: g, rate=rate)[-1] for rate in (1e-4, 1e-3)]
    assert outcome.status is Status.OK
    assert outcome.learning_rate == 1e-3
    assert [rate for rate, _ in outcome.sweep] == [1e-4, 1e-3, 1e-2, 1e-1]
    assert [score for _, score in outcome.sweep] == pytest.approx([*(1 / (1 + each) for each in finals), 0.0, 0.0])
    assert ROSENBROCK.measured.figure(outcome.score) == pytest.approx(finals[1], rel=1e-6)
    assert outcome.score == outcome.curve[-1]
    assert len(outcome.curve) == 40
    assert 8_000 < outcome.examples < 12_000, "two λs diverge early"
    assert outcome.figures == ()


def test_candidates_that_use_epsilon_try_each_and_tell_the_best() -> None:
    protocol = replace(BRIEF, learning_rates=(0.1,), epsilons=(1e-3, 1e3))
    outcome = scored(Rule.parse("adam"), protocol)
    finals = {eps: by_numpy(Adam(), rate=0.1, eps=eps, protocol=protocol)[-1] for eps in protocol.epsilons}
    assert finals[1e-3] != pytest.approx(finals[1e3], rel=1e-3)
    best = min(finals, key=finals.__getitem__)
    assert outcome.figures == (("epsilon", best),)
    assert outcome.score == pytest.approx(1 / (1 + finals[best]))
    assert outcome.examples == 2 * 40


@pytest.mark.parametrize(
    ("candidate", "uses"),
    [
        (Rule.parse("adam"), True),
        (Rule.parse("rmsprop * exp(m)"), True),
        (Rule.parse("m / exp(g2)"), True),
        (Rule.parse("log(g)"), True),
        (Rule.parse("m"), False),
        (Rule.parse("sign(adam)"), False),
        (torch_optimizer("RMSprop"), True),
        (torch_optimizer("AdamW(weight_decay=0.1)"), True),
        (torch_optimizer("AdamW(eps=0.01)"), False),
        (torch_optimizer("SGD(momentum=0.9)"), False),
    ],
    ids=lambda each: getattr(each, "infix", str(each)),
)
def test_epsilon_is_swept_where_it_is_used_and_not_given(candidate: Any, uses: bool) -> None:
    assert uses_epsilon(candidate) is uses
    outcome = scored(candidate)
    assert bool(outcome.figures) is uses


def test_every_epsilon_moves_the_optimizer_that_it_is_set_in() -> None:
    for candidate in (Rule.parse("adam"), torch_optimizer("Adam"), torch_optimizer("Adagrad")):
        ends = {Descent(BRIEF, candidate, 0.01, eps, seed=0).end().losses[-1] for eps in (1e-8, 1.0, 100.0)}
        assert len(ends) == 3


def test_a_candidate_that_runs_away_at_every_rate_scores_chance() -> None:
    outcome = scored(Rule.parse("g * exp(g2)"))
    assert outcome.status is Status.DIVERGED
    assert (outcome.score, outcome.learning_rate, outcome.curve) == (0.0, None, ())
    assert outcome.sweep == tuple((rate, 0.0) for rate in BRIEF.learning_rates)


def test_a_seed_matters_to_rules_that_draw_alone() -> None:
    for text, differ in (("adam", False), ("m + noise", True), ("drop(g, 0.3)", True)):
        scores = {scored(Rule.parse(text), seed=seed).score for seed in (1, 2)}
        assert (len(scores) == 2) is differ
        assert scored(Rule.parse(text), seed=1).score in scores


def test_progress_is_reported_after_every_training() -> None:
    seen: list[tuple[int, int]] = []
    RosenbrockTask(BRIEF, watch=lambda done, total: seen.append((done, total))).evaluate([Rule.parse("g")], seed=0)
    assert seen == [(40 * (place + 1), 160) for place in range(4)]


def test_it_trains_on_the_processor_whatever_device_the_other_workloads_use() -> None:
    task = RosenbrockTask(BRIEF, device="cuda")
    assert task.environment["device"] == "cpu"
    assert replace(task.evaluate([Rule.parse("g")], seed=0)[0], seconds=0.0) == replace(
        scored(Rule.parse("g")), seconds=0.0
    )


def test_it_keeps_every_promise_of_a_task() -> None:
    assert failures(check_task("rosenbrock", protocol=BRIEF, rules=12)) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [({"rungs": (0.5,)}, "rungs"), ({"start": (1.0,)}, "start"), ({"epsilons": ()}, "epsilons")],
)
def test_protocols_that_make_no_sense_are_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ProtocolError, match=f"{what} of protocol 'rosenbrock': expected"):
        RosenbrockTask(replace(ROSENBROCK, **change))


def test_the_rung_of_a_funnel_is_the_beginning_of_the_whole_training() -> None:
    rule = Rule.parse("ld * g")
    whole = Descent(BRIEF, rule, 1e-3, None, seed=0).end()
    rung = replace(BRIEF, epochs=BRIEF.epochs - 1, horizon=BRIEF.epochs)
    assert Descent(rung, rule, 1e-3, None, seed=0).end().losses == whole.losses[:-1]
    assert Descent(replace(rung, horizon=0), rule, 1e-3, None, seed=0).end().losses != whole.losses[:-1]
    assert RosenbrockTask(rung).environment == RosenbrockTask(BRIEF).environment, "the rungs of a funnel are one board"
