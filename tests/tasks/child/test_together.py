"""Whole children that train side by side by PyTorch's operations, which every machine has."""

from __future__ import annotations

import dataclasses
import statistics
import warnings
from collections import Counter
from collections.abc import Sequence

import pytest
import torch

from harness.contracts import ARITHMETIC, Candidate, ChildProtocol, Outcome, Rule, Status
from harness.errors import EngineError
from harness.race.engines.inline import InlineEngine
from harness.tasks.child.examples import Part
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.stacked import clock, opening
from harness.tasks.child.stacked.batched import right
from harness.tasks.child.stacked.by_pytorch import PyTorchGround, PyTorchStepper
from harness.tasks.child.stacked.stack import ChildStack
from harness.tasks.child.step import BATCHED
from harness.tasks.data.images import ImageData

RULES = [Rule.parse(text) for text in ("g", "m", "adam", "drop(m, 0.3) + noise")]
Cells = Sequence[tuple[Rule, float]]


def test_dead_cells_are_dropped_at_the_next_look_and_the_outcome_stays(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [Rule.parse(text) for text in ("m", "exp(exp(exp(exp(g))))", "g * exp(noise)", "-g")]
    expected = ChildTask(protocol, data, stacked=True).evaluate(rules, seed=2)
    assert {outcome.status for outcome in expected} == {Status.OK, Status.DIVERGED}
    kept: list[int] = []
    monkeypatch.setattr(clock, "STEPS", 1)
    monkeypatch.setattr(ChildStack, "_keep", lambda self, rows: kept.append(len(rows)) or self._stepper.only(rows))
    found = ChildTask(protocol, data, stacked=True).evaluate(rules, seed=2)
    assert [timeless(outcome) for outcome in found] == [timeless(outcome) for outcome in expected]
    assert min(kept[:2]) < 12


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def test_the_schedule_is_that_of_children_one_by_one(protocol: ChildProtocol, data: ImageData) -> None:
    rules = [Rule.parse(text) for text in ("g", "g", "exp(exp(exp(exp(exp(g)))))", "m", "drop(adam, 0.3) + noise")]
    for rungs in ((), (0.34,)):
        halving = dataclasses.replace(protocol, rungs=rungs)
        ours = ChildTask(halving, data, stacked=True).evaluate(rules, seed=0)
        theirs = ChildTask(halving, data, plain=True).evaluate(rules, seed=0)
        for one, other in zip(ours, theirs, strict=True):
            assert (one.status, one.examples, len(one.curve)) == (other.status, other.examples, len(other.curve))
            assert [rate for rate, _ in one.sweep] == [rate for rate, _ in other.sweep]
            assert abs(one.score - other.score) <= 3 / protocol.validation_examples


def test_rewards_are_those_of_the_plain_path_within_the_noise_of_ten_seeds(
    protocol: ChildProtocol, data: ImageData
) -> None:
    """Of three rules, the mean difference stays within three standard errors; one in 100 sound machines fails."""
    rules = [Rule.parse(text) for text in ("g", "adam", "g * exp(sign(g) * sign(m))")]
    stack, one_by_one = ChildTask(protocol, data, stacked=True), ChildTask(protocol, data, plain=True)
    scores = [(stack.evaluate(rules, seed=seed), one_by_one.evaluate(rules, seed=seed)) for seed in range(10)]
    for place in range(len(rules)):
        differences = [ours[place].score - theirs[place].score for ours, theirs in scores]
        error = statistics.stdev(differences) / 10**0.5
        assert abs(statistics.fmean(differences)) <= 3 * max(error, 0.5 / protocol.validation_examples / 10**0.5)
        assert statistics.stdev(ours[place].score for ours, _ in scores) > statistics.stdev(differences)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine that has memory for six cells; the numbers of cells that it was asked for."""
    asked: list[int] = []
    begin = PyTorchGround.begin

    def limited(
        self: PyTorchGround, cells: Cells, *, seed: int, noise_sigma: float, total_steps: int
    ) -> PyTorchStepper:
        asked.append(len(cells))
        if len(cells) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return begin(self, cells, seed=seed, noise_sigma=noise_sigma, total_steps=total_steps)

    monkeypatch.setattr(PyTorchGround, "begin", limited)
    return asked


def test_out_of_memory_the_width_halves_by_itself_and_says_so(
    protocol: ChildProtocol, data: ImageData, small: list[int]
) -> None:
    rules = [Rule.parse(text) for text in ("g", "m", "adam", "v", "-g")]
    seen: list[tuple[int, int]] = []
    task = ChildTask(protocol, data, stacked=True, watch=lambda done, of: seen.append((done, of)))
    with pytest.warns(RuntimeWarning, match="5 rules at once do not fit into memory; from now on 2 train side by side"):
        found = task.evaluate(rules, seed=1)
    assert small == [15, 6, 6, 3]  # three λs each
    assert task.width == 2
    assert seen[-1][0] == seen[-1][1]
    with warnings.catch_warnings(action="error"):
        task.evaluate(rules[:3], seed=1)  # it remembers
    alone = [task.evaluate([rule], seed=1)[0] for rule in rules]
    assert [timeless(outcome) for outcome in found] == [timeless(outcome) for outcome in alone]


def test_a_single_rule_that_does_not_fit_is_the_machines_fault(
    protocol: ChildProtocol, data: ImageData, small: list[int]
) -> None:
    seven = dataclasses.replace(protocol, learning_rates=tuple(10.0**power for power in range(-5, 2)))
    task = ChildTask(seven, data, stacked=True)
    with pytest.warns(RuntimeWarning, match="from now on 1 train"), pytest.raises(EngineError, match="Free memory"):
        task.evaluate([Rule.parse("g"), Rule.parse("m")], seed=0)
    assert small == [14, 7]


def test_the_width_that_fits_is_found_beforehand() -> None:
    assert opening.halved(64, each=100, room=6400) == 64
    assert opening.halved(64, each=100, room=6399) == 32
    assert opening.halved(64, each=100, room=-5) == 1


def test_a_batch_of_a_searcher_becomes_a_stack(
    protocol: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, sizes = ChildTask(protocol, data, stacked=True), list[int]()
    evaluate = task.evaluate

    def noting(rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        sizes.append(len(rules))
        return evaluate(rules, seed=seed)

    monkeypatch.setattr(task, "evaluate", noting)
    engine = InlineEngine(task)
    assert engine.slots == 64
    tickets = [engine.submit(rule, seed=0) for rule in RULES]
    delivered = [engine.next(timeout_seconds=0.0) for _ in tickets]
    assert [ticket for ticket, _ in filter(None, delivered)] == tickets
    assert sizes == [4]


def test_the_record_holds_path_device_and_how_many_cells_are_computed_at_once(
    protocol: ChildProtocol, data: ImageData
) -> None:
    stacked, plain_path, default = (
        ChildTask(protocol, data, stacked=True),
        ChildTask(protocol, data, plain=True),
        ChildTask(protocol, data),
    )
    here = stacked.environment
    assert (here["step"], here["device"], here["cells at once"]) == (BATCHED, "cpu", str(opening.AT_ONCE))
    assert here[ARITHMETIC] not in (plain_path.environment[ARITHMETIC], default.environment[ARITHMETIC])
    assert stacked.width > 1
    assert Counter(each.width for each in (plain_path, default)) == {1: 2}
    assert "cells at once" not in default.environment


def test_an_image_whose_logits_are_not_finite_is_wrong() -> None:
    logits = torch.tensor([[[3.0, 1.0], [0.0, torch.nan]], [[torch.inf, 1.0], [0.0, 1.0]]])  # (cells, images, classes)
    part = Part(torch.zeros(2, 3, 4, 4), torch.tensor([0, 1]))
    assert right(logits, part).tolist() == [1, 1]


def test_products_in_bfloat16_are_not_stacked(protocol: ChildProtocol, data: ImageData) -> None:
    task = ChildTask(dataclasses.replace(protocol, dtype="bfloat16"), data, stacked=True)
    assert task.width == 1
    assert task.environment["step"] != BATCHED
