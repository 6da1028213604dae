"""Budget, charging, order, and what a searcher or a task must not do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from doubles import CountingEngine, LastFirstEngine, Scripted, StutteringEngine, rules
from racing import SPACE, Learner, dump, header, run, swapped

from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import ReplayError, SearcherError, SpaceError
from harness.race.progress import Progress
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger
from harness.race.store.writer import RunWriter
from harness.space.grammar import Space


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


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_searcher_with_nothing_left_ends_the_run_and_the_record_says_at_which_step(tmp_path, asynchronous):
    made = header(5, asynchronous=asynchronous)
    summary = run(tmp_path, made, searcher=Scripted(rules(2)))
    assert (summary.state, summary.children) == (RunState.FINISHED, 2)
    assert Ledger.read(tmp_path).archive(made.identity).exhausted == 4
    enough = header(2, asynchronous=asynchronous)
    run(tmp_path, enough, searcher=Scripted(rules(2)))
    assert Ledger.read(tmp_path).archive(enough.identity).exhausted is None


def test_a_run_whose_searcher_had_nothing_left_replays_to_the_same_end(tmp_path, monkeypatch):
    made = header(5)
    run(tmp_path / "whole", made, searcher=Scripted(rules(2)))
    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "finish", lambda *_: None)  # as if it had been killed just before
        run(tmp_path / "killed", made, searcher=Scripted(rules(2)))
    with pytest.raises(ReplayError, match="expected none left, as recorded"):
        run(tmp_path / "killed", made, searcher=Scripted(rules(3)))
    run(tmp_path / "killed", made, searcher=Scripted(rules(2)))
    assert dump(tmp_path / "killed", made) == dump(tmp_path / "whole", made)


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
def test_a_trial_is_on_disk_before_the_searcher_hears_of_it(tmp_path, asynchronous):
    class Suspicious(Learner):
        def tell(self, trials: Sequence[Trial]) -> None:
            (record,) = Ledger.read(tmp_path).runs()
            assert set(trials) <= set(record.trials)
            super().tell(trials)

    searcher = Suspicious(SPACE, seed=0)
    run(tmp_path, header(9, asynchronous=asynchronous), searcher=searcher, engine=CountingEngine(slots=2))
    assert len(searcher.told) >= 9


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_proposal_is_on_disk_before_its_child_trains(tmp_path, asynchronous):
    made = header(9, asynchronous=asynchronous)

    class Suspicious(CountingEngine):
        def submit(self, rule: Rule, *, seed: int) -> int:
            pending = [line for line in dump(tmp_path, made).splitlines()[1:] if '"status": null' in line]
            assert any(f'"{rule}"' in line for line in pending)
            assert seed == made.child_seed
            return super().submit(rule, seed=seed)

    assert run(tmp_path, made, engine=Suspicious(slots=2)).trained == 9


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
    with pytest.raises(SearcherError, match=r"a list of rules, got 'g' of type str\. Return Rule objects"):
        run(tmp_path, header(5), searcher=Scripted(["g"]))


class Failing(Scripted):
    """Fails in one of its methods as a newcomer's does."""

    def __init__(self, fails: str) -> None:
        super().__init__(rules(5))
        self.fails = fails

    def ask(self, count: int) -> Sequence[Rule]:
        if self.fails == "none":
            return None  # type: ignore[return-value]
        if self.fails == "space":
            SPACE.check(Space.of(blocks=2).sample(np.random.default_rng(0)))
        return [*super().ask(count)] if self.fails != "ask" else [{}["adam"]]

    def tell(self, trials: Sequence[Trial]) -> None:
        if self.fails == "tell":
            super().tell(trials.outcome)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ("ask", r"ask\(1\) to return a list of rules, got KeyError in test_loop.py, line \d+: 'adam'"),
        ("space", r"ask\(1\) to return a list of rules, got SpaceError in test_loop.py, line \d+: rule: "),
        ("none", r"ask\(1\) to return a list of rules, got TypeError: 'NoneType' object is not iterable"),
        ("tell", r"tell\(trials\) to accept a list of trials, got AttributeError in test_loop.py, line \d+: 'list'"),
    ],
)
def test_a_searcher_that_fails_is_one_line_that_says_where_and_keeps_the_run(tmp_path, fails, said):
    made = header(5)
    with pytest.raises(
        SearcherError, match=rf"^searcher racing:Learner: expected {said}.* `harness conformance racing"
    ):
        run(tmp_path, made, searcher=Failing(fails))
    (record,) = Ledger.read(tmp_path).runs()
    assert record.state is RunState.STOPPED


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
