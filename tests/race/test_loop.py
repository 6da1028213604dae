from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
import pytest
from racing import SPACE, FakeTask, Learner, dump, fake_outcome, header, run, spec, swapped

from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import ReplayError, SearcherError, SpaceError
from harness.race.engine import InlineEngine
from harness.race.ledger import Ledger
from harness.race.progress import Progress
from harness.race.records import RunState
from harness.space.grammar import Space


class Scripted:
    """Proposes given rules in turn, and remembers what it was asked and told."""

    def __init__(self, rules: Sequence[Rule], *, batch: int = 1) -> None:
        self.batch = batch
        self.rules = deque(rules)
        self.asked: list[int] = []
        self.told: list[list[Trial]] = []

    def ask(self, count: int) -> Sequence[Rule]:
        self.asked.append(count)
        return [self.rules.popleft() for _ in range(min(count, len(self.rules)))]

    def tell(self, trials: Sequence[Trial]) -> None:
        self.told.append(list(trials))


class CountingEngine(InlineEngine):
    """Counts the children it trains, and can be told to stop the run after so many."""

    def __init__(self, *, slots: int = 1, stop_after: int | None = None) -> None:
        super().__init__(FakeTask(spec().protocol, None))
        self.trained = 0
        self.stop = threading.Event()
        self._slots = slots
        self._stop_after = stop_after

    @property
    def slots(self) -> int:
        return self._slots

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        delivery = super().next(timeout_seconds=timeout_seconds)
        self.trained += delivery is not None
        if self.trained == self._stop_after:
            self.stop.set()
        return delivery


class LastFirstEngine(CountingEngine):
    """Finishes the child that was submitted last."""

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        self._queue.reverse()
        delivery = super().next(timeout_seconds=timeout_seconds)
        self._queue.reverse()
        return delivery


class StutteringEngine(CountingEngine):
    """Delivers every child twice, once more much later with another outcome, and tickets that it never gave."""

    def __init__(self) -> None:
        super().__init__()
        self._deliveries: deque[tuple[int, Outcome]] = deque()
        self._late: deque[tuple[int, Outcome]] = deque()

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        if not self._deliveries:
            delivery = super().next(timeout_seconds=timeout_seconds)
            if delivery is None:
                return None
            ticket, outcome = delivery
            self._late.append((ticket, fake_outcome("late", ticket)))
            self._deliveries.extend([delivery, delivery, (ticket + 1_000_000, outcome)])
            if len(self._late) > 3:
                self._deliveries.append(self._late.popleft())
        return self._deliveries.popleft()


def rules(count: int, *, seed: int = 0) -> list[Rule]:
    """Distinct functions that are OK, and whose operands can be swapped."""
    found: dict[str, Rule] = {}
    learner = Learner(SPACE, seed=seed)
    while len(found) < count:
        (rule,) = learner.ask(1)
        made = header(seed=seed)
        if rule.blocks[0].binary == "mul" and fake_outcome(rule.key, made.child_seed).status is Status.OK:
            found.setdefault(rule.key, rule)
    return list(found.values())


def test_a_run_uses_exactly_its_children(tmp_path):
    summary = run(tmp_path, header(20))
    assert summary.state is RunState.FINISHED
    assert sum(trial.charged for trial in summary.trials) == summary.children == summary.trained == 20
    assert len({trial.rule.key for trial in summary.trials}) == 20
    assert len(summary.trials) > 20, "the learner repeats itself, so some proposals must have been free"
    assert [trial.index for trial in summary.trials] == list(range(len(summary.trials)))


def test_asks_never_promise_more_than_is_left(tmp_path):
    searcher = Scripted(rules(20), batch=8)
    run(tmp_path, header(10), searcher=searcher)
    assert searcher.asked == [8, 2]
    assert [len(told) for told in searcher.told] == [8, 2]


def test_duplicates_are_free_and_get_the_first_outcome(tmp_path):
    a, b, c = rules(3)
    searcher = Scripted([a, swapped(a), b, a, c], batch=2)
    engine = CountingEngine()
    summary = run(tmp_path, header(3), searcher=searcher, engine=engine)
    assert swapped(a) != a
    assert [trial.charged for trial in summary.trials] == [True, False, True, False, True]
    assert summary.trials[1].outcome == summary.trials[3].outcome == summary.trials[0].outcome
    assert engine.trained == 3


def test_the_proposal_cap_ends_a_searcher_that_repeats_itself(tmp_path):
    searcher = Scripted(rules(1) * 1000, batch=4)
    summary = run(tmp_path, header(5, proposals=30), searcher=searcher)
    assert summary.state is RunState.FINISHED
    assert (len(summary.trials), summary.children) == (30, 1)
    assert searcher.asked[-1] == 2, "the last ask is cut to what is left"


def test_a_searcher_with_nothing_left_ends_the_run(tmp_path):
    summary = run(tmp_path, header(5), searcher=Scripted(rules(2)))
    assert (summary.state, summary.children) == (RunState.FINISHED, 2)


def test_diverged_and_failed_children_are_charged(tmp_path):
    summary = run(tmp_path, header(60))
    kinds = {trial.outcome.status for trial in summary.trials}
    assert kinds == set(Status), "sixty children of which one in eight diverges hold all three kinds"
    assert summary.children == 60


def test_a_shared_evaluation_is_charged_but_not_trained(tmp_path):
    proposals = rules(4)
    run(tmp_path, header(3), searcher=Scripted(proposals[:3]))
    engine = CountingEngine()
    made = header(4, settings={"batch": 4})
    summary = run(tmp_path, made, searcher=Scripted(proposals, batch=4), engine=engine)
    assert (summary.children, engine.trained, summary.trained) == (4, 1, 1)
    assert dump(tmp_path, made).count('"shared"') == 3


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"data_fingerprint": "other"}, {"environment": {"fake": "2"}, "settings": {"batch": 9}}],
    ids=["seed", "data", "environment"],
)
def test_an_evaluation_serves_only_its_own_conditions(tmp_path, changes):
    run(tmp_path, header(3), searcher=Scripted(rules(3)))
    engine = CountingEngine()
    run(tmp_path, header(3, **{"seed": 0} | changes), searcher=Scripted(rules(3)), engine=engine)
    assert engine.trained == 3


def test_an_error_is_not_shared(tmp_path):
    class Failing(CountingEngine):
        def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
            delivery = super().next(timeout_seconds=timeout_seconds)
            failed = Outcome(status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0)
            return delivery and (delivery[0], failed)

    run(tmp_path, header(2), searcher=Scripted(rules(2)), engine=Failing())
    engine = CountingEngine()
    run(tmp_path, header(2, settings={}), searcher=Scripted(rules(2)), engine=engine)
    assert engine.trained == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_repeated_and_late_deliveries_change_nothing(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    run(tmp_path / "plain", made)
    run(tmp_path / "stutter", made, engine=StutteringEngine())
    assert dump(tmp_path / "plain", made) == dump(tmp_path / "stutter", made)


def test_deliveries_of_an_earlier_run_do_not_count_in_the_next(tmp_path):
    engine = StutteringEngine()
    for made in (header(9, seed=0), header(9, seed=1)):
        run(tmp_path / "one-engine", made, engine=engine)
        run(tmp_path / "own-engine", made)
        assert dump(tmp_path / "one-engine", made) == dump(tmp_path / "own-engine", made)


def test_results_are_told_in_the_order_asked(tmp_path):
    made = header(20)
    run(tmp_path / "forward", made)
    run(tmp_path / "backward", made, engine=LastFirstEngine())
    assert dump(tmp_path / "forward", made) == dump(tmp_path / "backward", made)


@pytest.mark.parametrize("stop_after", [1, 2, 5, 11])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path, stop_after):
    made = header(15)
    run(tmp_path / "whole", made)
    engine = CountingEngine(stop_after=stop_after)
    first = run(tmp_path / "parts", made, engine=engine, stop=engine.stop)
    assert (first.state, first.trained) == (RunState.STOPPED, stop_after)
    second = run(tmp_path / "parts", made)
    assert (second.state, second.trained) == (RunState.FINISHED, 15 - stop_after)
    assert second.replayed == len(first.trials)
    assert dump(tmp_path / "whole", made) == dump(tmp_path / "parts", made)


def test_a_finished_run_is_not_run_again(tmp_path):
    made = header(5)
    whole = run(tmp_path, made)
    again = run(tmp_path, made, searcher=Scripted([]))
    assert (again.trained, again.trials, again.best) == (0, whole.trials, whole.best)


def test_an_interrupt_leaves_the_run_stopped_and_resumable(tmp_path):
    class Interrupted(CountingEngine):
        def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
            if self.trained == 4:
                raise KeyboardInterrupt
            return super().next(timeout_seconds=timeout_seconds)

    made = header(9)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", made, engine=Interrupted())
    (record,) = Ledger.read(tmp_path / "parts").runs()
    assert (record.state, record.active) == (RunState.STOPPED, False)
    assert sum(trial.charged for trial in record.trials) == 4
    run(tmp_path / "parts", made)
    run(tmp_path / "whole", made)
    assert dump(tmp_path / "whole", made) == dump(tmp_path / "parts", made)


def stopped(folder, made, *, after=5):
    engine = CountingEngine(stop_after=after, slots=2)
    run(folder, made, engine=engine, stop=engine.stop)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_another_searcher_cannot_go_on_with_a_run(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    stopped(tmp_path, made)
    before = dump(tmp_path, made)
    with pytest.raises(ReplayError, match=r"^replay of run Learner-s0-fake-\w+, proposal 0: expected .* as recorded"):
        run(tmp_path, made, searcher=Learner(SPACE, seed=5))
    assert dump(tmp_path, made) == before


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_searcher_that_is_not_deterministic_is_found_out(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    stopped(tmp_path, made)
    with pytest.raises(ReplayError):
        run(tmp_path, made, searcher=Learner(SPACE, seed=0, moody=True))


@pytest.mark.parametrize("batch", [1, 2, 4, 9])
def test_another_batch_size_is_found_out(tmp_path, batch):
    proposals = rules(15)
    engine = CountingEngine(stop_after=7)
    run(tmp_path, header(15), searcher=Scripted(proposals, batch=3), engine=engine, stop=engine.stop)
    with pytest.raises(ReplayError, match="step"):
        run(tmp_path, header(15), searcher=Scripted(proposals, batch=batch))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_searcher_that_ends_before_its_record_is_found_out(tmp_path, asynchronous):
    made = header(15, asynchronous=asynchronous)
    proposals = rules(15)
    engine = CountingEngine(stop_after=6)
    run(tmp_path, made, searcher=Scripted(proposals), engine=engine, stop=engine.stop)
    with pytest.raises(ReplayError, match="none left"):
        run(tmp_path, made, searcher=Scripted(proposals[:4]))


def test_a_rule_outside_the_space_stops_the_run_and_keeps_it(tmp_path):
    stranger = Space.of("icml2017", blocks=2).sample(np.random.default_rng(0))
    made = header(5)
    with pytest.raises(SpaceError, match=r"^searcher racing:Learner, proposal 3 "):
        run(tmp_path, made, searcher=Scripted([*rules(3), stranger]))
    (record,) = Ledger.read(tmp_path).runs()
    assert (record.state, len(record.trials)) == (RunState.STOPPED, 3)


class Greedy(Scripted):
    def ask(self, count: int) -> Sequence[Rule]:
        return super().ask(count + 1)


def test_too_many_proposals_are_refused(tmp_path):
    with pytest.raises(SearcherError, match="expected at most 2 rules, got 3 rules"):
        run(tmp_path, header(5), searcher=Greedy(rules(5), batch=2))


def test_a_proposal_that_is_no_rule_is_refused(tmp_path):
    with pytest.raises(SearcherError, match="got 'g'"):
        run(tmp_path, header(5), searcher=Scripted(["g"]))


@pytest.mark.parametrize("batch", [0, -1, 1.5, "3"])
def test_a_batch_that_is_no_count_is_refused(tmp_path, batch):
    with pytest.raises(SearcherError, match="batch"):
        run(tmp_path, header(5), searcher=Scripted(rules(5), batch=batch))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.5, 1.5])
def test_a_score_that_is_none_counts_as_a_failure_at_chance(tmp_path, score):
    class Strange(CountingEngine):
        def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
            delivery = super().next(timeout_seconds=timeout_seconds)
            strange = Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)
            return delivery and (delivery[0], strange)

    summary = run(tmp_path, header(2), engine=Strange())
    assert summary.best is None
    for trial in summary.trials:
        assert (trial.outcome.status, trial.outcome.score) == (Status.ERROR, 0.1)
        assert str(score) in trial.outcome.message


def test_async_fills_every_slot_and_tells_as_results_come(tmp_path):
    searcher = Scripted(rules(9))
    made = header(9, asynchronous=True)
    summary = run(tmp_path, made, searcher=searcher, engine=LastFirstEngine(slots=3))
    told = [trial.index for (trial,) in searcher.told]
    assert sorted(told) == list(range(9))
    assert told[0] == 2, "with three in flight, the last of them finishes first"
    assert summary.state is RunState.FINISHED
    assert set(searcher.asked) == {1}


@pytest.mark.parametrize("stop_after", [1, 4, 7, 12])
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_async_history_replays_whatever_the_slots(tmp_path, stop_after, slots):
    made = header(15, asynchronous=True)
    engine = LastFirstEngine(slots=3, stop_after=stop_after)
    before = Learner(SPACE, seed=0)
    run(tmp_path, made, searcher=before, engine=engine, stop=engine.stop)
    after = Learner(SPACE, seed=0)
    summary = run(tmp_path, made, searcher=after, engine=CountingEngine(slots=slots))
    assert (summary.state, summary.children) == (RunState.FINISHED, 15)
    assert after.told[: len(before.told)] == before.told
    assert summary.trained + stop_after == 15
    # A third searcher, led through the finished record, must agree with every step of it.
    with Ledger.open(tmp_path) as ledger, ledger.begin(made) as handle:
        handle.finish(RunState.STOPPED)
    third = Learner(SPACE, seed=0)
    assert run(tmp_path, made, searcher=third, engine=CountingEngine(slots=1)).trained == 0
    assert third.told == after.told


def test_async_records_that_the_searcher_had_nothing_left(tmp_path):
    made = header(9, asynchronous=True)
    proposals = rules(4)
    engine = CountingEngine(slots=6, stop_after=2)
    run(tmp_path, made, searcher=Scripted(proposals), engine=engine, stop=engine.stop)
    searcher = Scripted(proposals)
    summary = run(tmp_path, made, searcher=searcher)
    assert (summary.state, summary.children) == (RunState.FINISHED, 4)
    assert searcher.asked == [1] * 5, "after an empty answer nothing is asked for again"


def test_async_duplicates_of_a_child_in_flight_wait_for_it(tmp_path):
    a, b = rules(2)
    searcher = Scripted([a, swapped(a), b])
    summary = run(tmp_path, header(2, asynchronous=True), searcher=searcher, engine=CountingEngine(slots=2))
    assert [trial.charged for trial in summary.trials] == [True, False, True]
    assert [trial.index for (trial,) in searcher.told] == [0, 1, 2]


def test_progress_counts_up_to_the_budget(tmp_path):
    seen: list[Progress] = []
    made = header(12)
    run(tmp_path, made, watch=seen.append)
    assert (seen[0].children, seen[0].best_score, seen[0].children_per_minute) == (0, None, None)
    last = seen[-1]
    assert (last.children, last.replayed, last.seconds_left) == (12, 0, 0)
    assert last.children + last.duplicates == last.proposals
    assert [progress.children for progress in seen] == sorted(progress.children for progress in seen)
    (record,) = Ledger.read(tmp_path).runs()
    best = max(record.trials, key=lambda trial: trial.outcome.score)
    assert (last.best_score, last.best_rule) == (best.outcome.score, best.rule)


def test_replayed_children_do_not_count_for_the_pace(tmp_path):
    made = header(12)
    stopped(tmp_path, made, after=6)
    seen: list[Progress] = []
    engine = CountingEngine(stop_after=1)
    run(tmp_path, made, watch=seen.append, engine=engine, stop=engine.stop)
    replaying = [progress for progress in seen if progress.children <= 6]
    assert len(replaying) > 6
    assert all(progress.children_per_minute is None for progress in replaying)
    assert seen[-1].children == 7
    assert seen[-1].children_per_minute > 0
    assert seen[-1].replayed >= 6
