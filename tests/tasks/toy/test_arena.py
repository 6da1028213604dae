"""What every cheap arena promises; each test runs on all of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import one_at_a_time
import pytest
import torch

from harness.conformance import check_task, failures
from harness.conformance.elsewhere import in_fresh_process
from harness.conformance.task import trial_rules
from harness.contracts import ARITHMETIC, Block, ChildProtocol, Outcome, Rule, Status, Task
from harness.errors import EngineError, ProtocolError
from harness.registry import Kind, load
from harness.seeds import derive_seed
from harness.space.grammar import Space
from harness.space.zoo import ZOO, named, resolve
from harness.tasks.arithmetic import SEED, STEPS, digest, rules
from harness.tasks.optimizer.stacked import rounding
from harness.tasks.optimizer.stacked import rules as stacked
from harness.tasks.optimizer.stacked.rules import StackedRules
from harness.tasks.toy import ClassifierTask, QuadraticTask, RosenbrockTask
from harness.tasks.toy.arena import Stack, arithmetic, batches, noise_of_batches, progress

CLASSES = {"toy-quadratic": QuadraticTask, "toy-rosenbrock": RosenbrockTask, "toy-classifier": ClassifierTask}


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def built(arena: ChildProtocol) -> Task:
    return load(Kind.TASK, arena.task)(arena, None)


def test_the_registry_knows_it(arena) -> None:
    task = built(arena)
    assert isinstance(task, CLASSES[arena.name])
    assert isinstance(task, Task)
    assert arena.inputs == "none"
    assert task.environment["task"] == f"{arena.name} {task.version}"
    assert task.environment["torch"] == torch.__version__


def test_the_record_tells_how_it_rounds(arena, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = CLASSES[arena.name]
    found = kind(arena).environment[ARITHMETIC]
    assert in_fresh_process(arithmetic, kind, arena, timeout_seconds=600.0) == found
    honest = StackedRules.step

    def other(stack: StackedRules) -> None:
        honest(stack)
        stack.weights[0].copy_(torch.nextafter(stack.weights[0], 2 * stack.weights[0]))

    monkeypatch.setattr(StackedRules, "step", other)
    assert arithmetic.__wrapped__(kind, arena) != found
    assert kind(arena).environment[ARITHMETIC] == found  # computed once a process


def test_it_conforms(arena) -> None:
    steps = 2 * arena.batch_size
    brief = dataclasses.replace(arena, train_examples=steps, epochs=2)
    assert failures(check_task(arena.task, protocol=brief, rules=11)) == []


@pytest.mark.parametrize(("edition", "blocks"), [("icml2017", 1), ("arxiv2", 2), ("icml2017", 3), ("arxiv2", 4)])
def test_random_rules_never_raise_and_never_score_nan(arena, edition, blocks) -> None:
    rng = np.random.default_rng([blocks, len(edition)])
    space = Space.of(edition, blocks=blocks)
    rules = [space.sample(rng) for _ in range(12)]
    outcomes = built(arena).evaluate(rules, seed=blocks)
    assert len(outcomes) == len(rules)
    most = arena.train_examples * (len(arena.learning_rates) + arena.epochs - 1)
    for rule, result in zip(rules, outcomes, strict=True):
        assert result.status in (Status.OK, Status.DIVERGED), (rule.infix, result.message)
        scores = [result.score, *result.curve, *(score for _, score in result.sweep)]
        assert all(0.0 <= score <= 1.0 for score in scores), rule.infix
        assert 0 <= result.examples <= most
        assert result.status is Status.DIVERGED or len(result.curve) == arena.epochs


def test_it_tells_rules_apart_and_leaves_a_searcher_room(arena) -> None:
    """The numbers follow from the seeds alone, so this cannot fail by chance."""
    rng = np.random.default_rng(77)
    space = Space.of("icml2017", blocks=2)
    task = built(arena)
    scores = np.array([each.score for each in task.evaluate([space.sample(rng) for _ in range(60)], seed=1001)])
    zoo = {name: each.score for name, each in zip(ZOO, task.evaluate([*map(named, ZOO)], seed=1001), strict=True)}
    assert len(set(scores)) > 20
    assert np.mean(scores > arena.chance + 0.1) < 0.3, "most rules are no good"
    assert np.mean([np.mean(scores < score) for score in zoo.values()]) > 0.85, "the known rules are"
    assert max(zoo.values()) < 0.8, "nor is the best of them near the top of the scale"
    assert zoo["adam"] > np.quantile(scores, 0.98)
    assert zoo["adam"] > zoo["sgd"] > np.quantile(scores, 0.9)
    twenty = [rng.choice(scores, 20, replace=False).max() for _ in range(500)]
    assert np.mean(twenty) < max(zoo.values()) - 0.08, "twenty draws rarely hold one as good"


@pytest.mark.parametrize("good", ["sgd", "momentum", "adam", "rmsprop", "powersign", "addsign"])
def test_optimizers_beat_rules_that_ignore_the_gradient(arena, outcome, good) -> None:
    for bad in ("1", "noise", "drop(1, 0.5)", "1e-1w", "-g"):
        assert outcome(good, arena, seed=1).score > outcome(bad, arena, seed=1).score + 0.15


def test_the_same_rule_and_seed_give_the_same_outcome_alone_or_in_company(arena) -> None:
    task = built(arena)
    rules = [named(name) for name in list(ZOO)[:8]] + [resolve("noise + drop(g, 0.5)")]
    together = task.evaluate(rules, seed=3)
    task.evaluate(rules[:1], seed=4)
    assert [timeless(each) for each in task.evaluate(rules, seed=3)] == [timeless(each) for each in together]
    for rule, result in zip(rules, together, strict=True):
        assert timeless(built(arena).evaluate([rule], seed=3)[0]) == timeless(result)


def test_rules_that_are_one_function_score_the_same(arena, outcome) -> None:
    assert outcome("g * exp(m)", arena) == outcome("exp(m) * g", arena)


TIMED = (
    "powersign-ld",
    "addsign-rd",
    "anneal * ld + g",
    "g ^ cd",
    "drop(m, 0.3) - ld ^ g / rd",
    "exp(exp(ld)) * 1e-2w",
)
RULES = (
    *map(named, ("sgd", "adam", "powersign", "rmsprop")),
    *rules(),
    *trial_rules(40, seed=5),
    *map(resolve, TIMED),
)


@pytest.mark.parametrize(
    "changes",
    [{}, {"dtype": "float64"}, {"learning_rates": (0.1,)}, {"learning_rates": (10.0, 1e-3, 0.1), "epochs": 2}],
    ids=str,
)
def test_stacks_earn_what_rules_earn_one_after_another_to_the_bit(arena, monkeypatch, changes) -> None:
    protocol = dataclasses.replace(arena, **changes)
    task = built(protocol)
    expected = one_at_a_time.outcomes(task, RULES, seed=9)
    assert len({outcome.score for outcome in expected}) > 10, "or nothing was compared"
    order = np.random.default_rng(3).permutation(len(RULES)).tolist()
    for width in (task.width, 7):
        monkeypatch.setattr(type(task), "width", width)
        found = task.evaluate([RULES[place] for place in order], seed=9)
        assert [timeless(each) for each in found] == [timeless(expected[place]) for place in order]


@pytest.mark.parametrize("everywhere", [False, True])
def test_where_nothing_but_exact_functions_rounds_alike_scores_are_the_same(arena, monkeypatch, everywhere) -> None:
    """As on another machine: rules are then computed one by one, and no weight without those at the other λs."""
    task = built(arena)
    expected = [timeless(each) for each in task.evaluate(RULES, seed=2)]
    tried: list[str] = []

    def uniform(name: str, *_: object, scaled: bool = False) -> bool:
        tried.append(name)
        return (name in rounding.EXACT and not scaled) or (everywhere and name == "addcmul")

    monkeypatch.setattr(stacked, "uniform", uniform)
    assert [timeless(each) for each in task.evaluate(RULES, seed=2)] == expected
    assert {"add", "addcmul", "exp", "log", "mul", "pow"} <= set(tried)


def test_the_arithmetic_is_that_of_one_rule_after_another(arena) -> None:
    """Digests that are stored with runs were taken so."""

    def computed() -> Iterator[torch.Tensor | float]:
        for place, rule in enumerate(rules()):
            rows = one_at_a_time.Rows(small, rule, drawn, derive_seed(SEED, "rule", place))
            rows.train()
            yield from rows.scores[0]
            yield from rows.weights

    small = dataclasses.replace(arena, train_examples=STEPS * arena.batch_size, epochs=1)
    drawn = CLASSES[arena.name](small).arena(SEED)
    assert digest(computed()) == built(arena).environment[ARITHMETIC]


def test_equal_rules_in_a_stack_earn_the_same(arena) -> None:
    twice = built(arena).evaluate([resolve("drop(m, 0.3) + noise")] * 2 + [named("adam")] * 2, seed=1)
    assert timeless(twice[0]) == timeless(twice[1])
    assert timeless(twice[2]) == timeless(twice[3])


def test_the_seed_decides_the_problems(arena, outcome) -> None:
    assert len({outcome("adam", arena, seed=seed).score for seed in range(4)}) == 4


def test_the_outcome_says_what_happened(arena, outcome) -> None:
    result = outcome("sgd", dataclasses.replace(arena, learning_rates=(1e-3, 1e-2, 1e-1)))
    assert result.status is Status.OK
    assert [rate for rate, _ in result.sweep] == [1e-3, 1e-2, 1e-1]
    assert result.learning_rate == max(result.sweep, key=lambda entry: entry[1])[0]
    assert result.curve[0] == dict(result.sweep)[result.learning_rate]
    assert result.score == result.curve[-1]
    epochs = 3 + arena.epochs - 1  # no λ diverged, the first epoch was not trained twice
    assert result.examples == epochs * arena.train_examples


def test_a_rule_that_diverges_at_every_rate(arena, outcome) -> None:
    result = outcome("g / (1 - 1) / (1 - 1) / (1 - 1) / (1 - 1) / (1 - 1)", arena)
    assert result.status is Status.DIVERGED
    assert result.score == arena.chance
    assert result.learning_rate is None
    assert result.examples < 7 * arena.train_examples


def test_a_rate_that_diverges_ends_at_once_and_is_charged_what_it_used(arena, outcome) -> None:
    far = dataclasses.replace(arena, learning_rates=(0.01, 1e30))
    result = outcome("sgd", far)
    assert result.status is Status.OK
    assert result.learning_rate == 0.01
    assert result.sweep[1] == (1e30, far.chance)
    assert 0 < result.examples - arena.epochs * arena.train_examples < arena.train_examples


def test_a_failure_of_the_machine_is_no_outcome(arena, monkeypatch) -> None:
    def full(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(Stack, "train_until", full)
    with pytest.raises(EngineError, match="child: expected a machine that can train it, got MemoryError"):
        built(arena).evaluate([named("sgd")], seed=0)


def test_a_rule_that_cannot_run_is_an_error_and_the_others_still_count(arena) -> None:
    broken = Rule((Block("g", "#7", "id", "id", "add"),))
    nonsense = Rule((Block("momentum\nof what", "g", "id", "id", "add"),))
    results = built(arena).evaluate([broken, named("sgd"), nonsense, Rule(())], seed=0)
    assert [result.status for result in results] == [Status.ERROR, Status.OK, Status.ERROR, Status.ERROR]
    for result in (results[0], results[2], results[3]):
        assert result.score == arena.chance
        assert result.learning_rate is None
        assert result.message
        assert "\n" not in result.message


def test_the_callers_generator_and_threads_are_left_alone(arena, outcome) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    outcome("drop(g, 0.3) + noise", arena)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    "changes", [{"noise_sigma": 5.0}, {"epochs": 2}, {"dtype": "float64"}, {"train_examples": 64}, {"batch_size": 16}]
)
def test_the_protocol_is_obeyed(arena, outcome, changes: dict[str, Any]) -> None:
    protocol = dataclasses.replace(arena, **changes)
    result = outcome("g + noise", protocol)
    assert result != outcome("g + noise", arena)
    assert math.isfinite(result.score)
    assert len(result.curve) == protocol.epochs


def test_a_dtype_it_cannot_use_is_refused(arena) -> None:
    with pytest.raises(ProtocolError, match="dtype of the toy task"):
        built(dataclasses.replace(arena, dtype="bfloat16"))


def test_an_epochs_batches_hold_each_example_once_and_its_noise_cancels(arena) -> None:
    epochs = list(batches(arena, 0, "test"))
    assert len(epochs) == arena.epochs
    for epoch in epochs:
        assert sorted(epoch.flatten().tolist()) == list(range(arena.train_examples))
    assert not torch.equal(epochs[0], epochs[1])
    noise = noise_of_batches(arena, 0, "test", 3)
    assert noise.shape == (arena.epochs, arena.train_examples // arena.batch_size, 3)
    torch.testing.assert_close(noise.sum(1), torch.zeros(arena.epochs, 3, dtype=torch.float64))
    assert noise.std() * arena.batch_size**0.5 == pytest.approx(1.0, abs=0.4)


def test_progress_is_measured_from_the_first_loss() -> None:
    first = torch.tensor([1.0, 2.0])
    losses = torch.tensor([[1.0, 1e-4, 5.0, 0.0, 1.0], [2.0, 2e-4, 0.0, 0.0, math.inf]])
    found = progress(losses, first, stretch=0.25)
    assert found[:4].tolist() == pytest.approx([0.0, 0.9, 0.5, 1.0])
    assert math.isnan(found[4])


class Flat:
    """An arena whose loss is not finite at one step of an epoch alone."""

    separable = False

    def stack(self, rates: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [torch.zeros(len(rates), 2)], rates[:, None]

    def gradients(self, weights, _: int, step: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        sizes = torch.ones(weights[0].shape[:2])
        sizes[:, :2] = math.inf if step == 1 else 1.0
        return [torch.zeros_like(weights[0])], sizes

    def loss(self, weights, _: int, step: int) -> torch.Tensor:
        """Finite at the second λ, whatever its terms may add up to in another order."""
        losses = torch.ones(len(weights[0]))
        losses[0] = math.inf if step == 1 else 1.0
        return losses

    def scores(self, weights) -> torch.Tensor:
        return torch.full((len(weights[0]),), 0.5)


def test_a_loss_that_is_finite_again_does_not_bring_a_rate_back_and_one_that_seems_infinite_may_not_be(arena) -> None:
    cells = [(rule, rate) for rule in range(2) for rate in arena.learning_rates[:3]]
    stack = Stack(arena, [Rule.parse("g"), Rule.parse("m")], Flat(), [0, 0], cells=cells)
    steps = arena.train_examples // arena.batch_size
    assert stack.train_until(1.0) == [math.inf, 0.0, 0.0] * 2
    assert stack.examples == [arena.batch_size, steps * arena.batch_size, steps * arena.batch_size] * 2
    stack.only([1, 3])
    assert stack.train_until(1.0) == [0.0, math.inf]
    assert stack.examples == [2 * steps * arena.batch_size, arena.batch_size]
