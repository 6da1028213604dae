from __future__ import annotations

import dataclasses
import gc
import math
import weakref
from collections.abc import Callable, Sequence

import pytest

from harness.contracts import ChildProtocol, Outcome, Status
from harness.tasks.sweep import epochs_of, sweep_then_train

PROTOCOL = ChildProtocol(
    name="test",
    version=1,
    task="test",
    inputs="none",
    train_examples=20,
    validation_examples=1,
    batch_size=10,
    epochs=3,
    learning_rates=(0.01, 0.1, 1.0),
    chance=0.25,
)
DIVERGES = None


@dataclasses.dataclass(eq=False)
class Scripted:
    """A run that plays back one score an epoch; None makes the epoch end after half its examples."""

    rate: float
    scores: Sequence[float | None]
    examples: int = 0
    epoch: int = 0

    def train_epoch(self) -> bool:
        finite = self.scores[self.epoch] is not DIVERGES
        self.examples += 20 if finite else 10
        self.epoch += 1
        return finite

    def score(self) -> float:
        value = self.scores[self.epoch - 1]
        assert value is not None
        return value


def scripted(**scores: Sequence[float | None]) -> tuple[Callable[[float], Scripted], list[Scripted]]:
    """Runs for the three rates, and the list they are noted in as they start."""
    started: list[Scripted] = []
    by_rate = dict(zip(PROTOCOL.learning_rates, scores.values(), strict=True))

    def start(rate: float) -> Scripted:
        started.append(Scripted(rate, by_rate[rate]))
        return started[-1]

    return start, started


def test_the_best_rate_goes_on_and_its_first_epoch_is_not_trained_again() -> None:
    start, started = scripted(low=(0.3,), middle=(0.4, 0.45, 0.6), high=(0.35,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert [run.epoch for run in started] == [1, 3, 1]
    assert outcome.status is Status.OK
    assert outcome.learning_rate == 0.1
    assert outcome.curve == (0.4, 0.45, 0.6)
    assert outcome.score == 0.6
    assert outcome.sweep == ((0.01, 0.3), (0.1, 0.4), (1.0, 0.35))
    assert outcome.examples == 5 * 20
    assert outcome.seconds >= 0.0
    assert outcome.message == ""


@pytest.mark.parametrize("rates", [(0.01, 0.1, 1.0), (1.0, 0.1, 0.01)])
def test_a_tie_goes_to_the_smaller_rate_whatever_their_order(rates: tuple[float, ...]) -> None:
    start, _ = scripted(low=(0.4, 0.4, 0.4), middle=(0.4, 0.5, 0.5), high=(0.3,))
    outcome = sweep_then_train(dataclasses.replace(PROTOCOL, learning_rates=rates), start)
    assert outcome.learning_rate == 0.01


def test_a_diverged_rate_scores_chance_and_counts_only_what_it_consumed() -> None:
    start, _ = scripted(low=(0.3, 0.4, 0.5), middle=(DIVERGES,), high=(DIVERGES,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert outcome.sweep == ((0.01, 0.3), (0.1, 0.25), (1.0, 0.25))
    assert outcome.examples == 3 * 20 + 2 * 10


def test_a_diverged_rate_never_wins_even_over_a_finite_one_below_chance() -> None:
    start, _ = scripted(low=(DIVERGES,), middle=(0.2, 0.21, 0.22), high=(DIVERGES,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert (outcome.learning_rate, outcome.status, outcome.score) == (0.1, Status.OK, 0.22)


def test_all_rates_diverged() -> None:
    start, _ = scripted(low=(DIVERGES,), middle=(DIVERGES,), high=(DIVERGES,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert outcome.status is Status.DIVERGED
    assert outcome.learning_rate is None
    assert outcome.score == PROTOCOL.chance
    assert outcome.curve == ()
    assert outcome.examples == 30


def test_the_winner_may_diverge_later() -> None:
    start, started = scripted(low=(0.3,), middle=(0.4, DIVERGES, 0.9), high=(0.35,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert outcome.status is Status.DIVERGED
    assert outcome.learning_rate == 0.1
    assert outcome.score == PROTOCOL.chance
    assert outcome.curve == (0.4, PROTOCOL.chance)
    assert started[1].epoch == 2
    assert outcome.examples == 20 + 30 + 20


def test_a_score_that_is_not_finite_counts_as_divergence() -> None:
    start, _ = scripted(low=(math.nan,), middle=(0.4, 0.4, math.inf), high=(math.nan,))
    outcome = sweep_then_train(PROTOCOL, start)
    assert outcome.sweep == ((0.01, 0.25), (0.1, 0.4), (1.0, 0.25))
    assert outcome.status is Status.DIVERGED
    assert outcome.score == PROTOCOL.chance


def test_one_epoch_trains_nothing_beyond_the_sweep() -> None:
    start, started = scripted(low=(0.3,), middle=(0.4,), high=(0.35,))
    outcome = sweep_then_train(dataclasses.replace(PROTOCOL, epochs=1), start)
    assert [run.epoch for run in started] == [1, 1, 1]
    assert outcome.curve == (0.4,)


def test_a_run_that_lost_is_released_before_the_next_starts() -> None:
    alive: list[weakref.ref[Scripted]] = []
    most = 0

    def start(rate: float) -> Scripted:
        nonlocal most
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        run = Scripted(rate, (rate / 2, 0.5, 0.5))  # every rate beats the one before
        alive.append(weakref.ref(run))
        return run

    sweep_then_train(dataclasses.replace(PROTOCOL, learning_rates=(0.1, 0.2, 0.3, 0.4)), start)
    assert most == 1


def test_an_exception_of_a_run_passes_through() -> None:
    def start(rate: float) -> Scripted:
        raise RuntimeError(f"no child at {rate}")

    with pytest.raises(RuntimeError, match=r"no child at 0\.01"):
        sweep_then_train(PROTOCOL, start)


@dataclasses.dataclass(eq=False)
class Losing(Scripted):
    """A run of many batches an epoch that notes how far it was trained, with one loss for each rung; NaN diverges."""

    losses: tuple[float, ...] = ()
    rungs: int = 0

    def train_until(self, share: float) -> float:
        self.examples = round(20 * share)
        self.rungs += 1
        return self.losses[self.rungs - 1]

    def train_epoch(self) -> bool:
        self.examples = 20 * (self.epoch + 1)
        self.epoch += 1
        return True


HALVING = dataclasses.replace(
    PROTOCOL, learning_rates=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), rungs=(0.25, 0.5), stops_below=0.3
)


def halved(
    losses: Sequence[tuple[float, ...]], scores: Sequence[float], protocol: ChildProtocol = HALVING
) -> tuple[dict[float, Losing], Outcome]:
    runs: dict[float, Losing] = {}

    def start(rate: float) -> Losing:
        place = protocol.learning_rates.index(rate)
        runs[rate] = Losing(rate, (scores[place], 0.5, 0.6), losses=losses[place])
        return runs[rate]

    return runs, sweep_then_train(protocol, start)


def test_each_rung_drops_the_half_with_the_higher_loss() -> None:
    losses = [(1.0, 4.0), (9.0,), (2.0, 3.0), (9.0,), (3.0, 2.0), (9.0,), (4.0, 1.0)]
    runs, outcome = halved(losses, [0.4] * 7)
    assert list(runs) == [1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0]  # the ends first
    assert [runs[rate].rungs for rate in HALVING.learning_rates] == [2, 1, 2, 1, 2, 1, 2]
    assert outcome.sweep == ((5.0, 0.4), (7.0, 0.4))
    assert (outcome.learning_rate, outcome.curve) == (5.0, (0.4, 0.5, 0.6))
    assert outcome.examples == 3 * 5 + 2 * 10 + 2 * 20 + 2 * 20
    assert outcome.examples == epochs_of(HALVING) * 20


def test_among_equals_the_ends_of_the_sweep_are_dropped() -> None:
    _, outcome = halved([(1.0, 1.0)] * 7, [0.4] * 7)
    assert [rate for rate, _ in outcome.sweep] == [4.0, 5.0]


def test_a_rate_that_diverges_at_a_rung_scores_chance() -> None:
    nan = math.nan
    losses = [(1.0, nan), (nan,), (1.0, nan), (math.inf,), (nan,), (nan,), (nan,)]
    runs, outcome = halved(losses, [0.4] * 7)
    assert outcome.status is Status.DIVERGED
    assert outcome.sweep == tuple((rate, 0.25) for rate in HALVING.learning_rates)
    assert outcome.examples == sum(run.examples for run in runs.values()) == 5 * 5 + 2 * 10


def test_a_child_that_stands_at_chance_after_the_sweep_stops() -> None:
    losses = [(1.0, 1.0)] * 7
    _, stopped = halved(losses, [0.29] * 7)
    assert (stopped.status, stopped.score, stopped.curve) == (Status.OK, 0.29, (0.29,))
    assert stopped.examples == 3 * 5 + 2 * 10 + 2 * 20
    _, goes_on = halved(losses, [0.3] * 7)
    assert goes_on.curve == (0.3, 0.5, 0.6)


def test_without_rungs_every_rate_is_an_epoch() -> None:
    assert epochs_of(PROTOCOL) == 3 + 2


def test_the_winner_is_tested_once_after_its_last_epoch() -> None:
    start, _ = scripted(low=[0.3, 0.3, 0.3], mid=[0.5, 0.6, 0.7], high=[0.4, 0.4, 0.4])
    tested: list[tuple[float, int]] = []

    def test(run: Scripted) -> float:
        tested.append((run.rate, run.epoch))
        return 0.65

    outcome = sweep_then_train(PROTOCOL, start, test=test)
    assert (outcome.score, outcome.test) == (0.7, 0.65)
    assert tested == [(0.1, 3)]


@pytest.mark.parametrize("scores", [[[None], [None], [None]], [[0.3], [0.5, None], [0.4]]], ids=["sweep", "later"])
def test_what_diverged_is_not_tested_and_scores_chance(scores: list[list[float | None]]) -> None:
    start, _ = scripted(low=scores[0], mid=scores[1], high=scores[2])

    def test(run: Scripted) -> float:
        raise AssertionError(f"{run} was tested")

    outcome = sweep_then_train(PROTOCOL, start, test=test)
    assert (outcome.status, outcome.test) == (Status.DIVERGED, 0.25)
