"""Children that train side by side: by Triton's kernels, on a GPU or, where there is none, in its interpreter."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.contracts import ARITHMETIC, ChildProtocol, Outcome, Rule, Status
from harness.seeds import derive_seed
from harness.space.word import DECAYS, PRIMITIVES
from harness.space.zoo import resolve
from harness.tasks.child import step
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.plain import PlainNetwork
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.step import STACKED
from harness.tasks.data.images import ImageData
from harness.tasks.optimizer.update_rule import RuleOptimizer

HAS_GPU = torch.cuda.is_available()
if not HAS_GPU:
    os.environ["TRITON_INTERPRET"] = "1"  # read where a kernel is defined
pytest.importorskip("triton", reason="needs Triton, which comes with torch for GPUs; tox -e stacked installs it")

from harness.tasks.child.stacked import backward, clock, forward, tokens, update  # noqa: E402
from harness.tasks.child.stacked.by_triton import TritonGround, TritonStepper  # noqa: E402

DEVICE = torch.device("cuda" if HAS_GPU else "cpu")
SIDE, BATCH, CLASSES = 8, 6, 5
SEED, RATE = 3, 0.01
RULES = {
    text: Rule.parse(text)
    for text in (  # every primitive
        "g",
        "m * exp(sign(g) * sign(m))",
        "gamma - exp(1e-1w)",
        "(log(v) - sqrt(m)) * rmsprop ^ v",
        "clip(m, 1e-3) + sign(g3 * g3 * (g3 * g3))",
        "1",
        "1e-1w",
        "adam * exp(-m)",
        "g / v",
        "g * exp(ld * sign(g) * sign(m))",
        "exp(exp(cd)) * g - rd ^ m",
        "ld",
    )
}


@pytest.fixture(scope="module")
def examples() -> Examples:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (5 * BATCH, SIDE, SIDE, 3), dtype=np.uint8)
    labels = draws.integers(0, CLASSES, 5 * BATCH).astype(np.uint8)
    pool = 3 * BATCH
    return Examples.of(Choice(images[:pool], labels[:pool], images[pool:], labels[pool:], CLASSES), torch.float32)


@pytest.fixture
def tiny(protocol: ChildProtocol) -> ChildProtocol:
    """Few examples, for an interpreter is slow."""
    return dataclasses.replace(
        protocol, train_examples=8, validation_examples=10, batch_size=4, epochs=2, learning_rates=(1e-2, 1e-1)
    )


@pytest.fixture
def task(tiny: ChildProtocol, data: ImageData, monkeypatch: pytest.MonkeyPatch) -> ChildTask:
    monkeypatch.setattr(step, "stacks", lambda *_, **__: True)  # for whoever does not ask for `plain`
    return ChildTask(tiny, data, device=DEVICE.type, stacked=True)


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def stepper_of(rules: list[Rule], examples: Examples, *, rate: float = RATE, total_steps: int = 2) -> TritonStepper:
    ground = TritonGround(examples.on(DEVICE), batch_size=BATCH)
    cells = [(rule, rate) for rule in rules]
    return ground.begin(cells, seed=SEED, noise_sigma=0.01, total_steps=total_steps)


def parts(row: torch.Tensor, stepper: TritonStepper) -> dict[str, torch.Tensor]:
    """A cell's row by ``ConvNet``'s names, shaped as there."""
    return {name: part.cpu() for name, part in stepper.networks.named(row).items()}


def test_every_primitive_has_a_place_in_the_table_of_tokens() -> None:
    assert set(tokens.OPERATIONS) - {"copy"} == PRIMITIVES - {"const", "g", "w", *DECAYS}


def test_losses_gradients_and_logits_are_those_of_pytorch(examples: Examples) -> None:
    stepper = stepper_of([RULES["g"], RULES["m * exp(sign(g) * sign(m))"]], examples)
    reference = PlainNetwork(examples, seed=derive_seed(SEED, "weights"))
    optimizer = RuleOptimizer(reference.parameters, RULES["g"], RATE)
    for batch in torch.arange(3 * BATCH).split(BATCH):
        stepper.networks.losses.zero_()
        stepper.train([batch.to(DEVICE)])
        assert stepper.networks.losses[0].item() == pytest.approx(reference.loss(batch), rel=1e-5)
        found = parts(stepper.networks.slopes[0], stepper)
        for name, parameter in reference.network.named_parameters():
            if not name.startswith("conv") or not name.endswith("bias"):  # those are rounding errors alone
                assert parameter.grad is not None
                assert (found[name] - parameter.grad).norm() < 2e-5 * parameter.grad.norm(), name
        optimizer.step()
    kept = torch.zeros(2, len(examples.validation), CLASSES, device=DEVICE)
    right = stepper.networks.right(stepper.ground.validation, kept=kept)
    logits = reference.logits()
    assert (kept[0].cpu() - logits).norm() < 2e-5 * logits.norm()
    assert right[0].item() == round(reference.score() * len(examples.validation))


@pytest.mark.parametrize("text", RULES)
def test_a_rule_steps_as_its_optimizer_does(text: str, examples: Examples) -> None:
    """From one gradient for both, so that rounding of the network's does not show."""
    stepper = stepper_of([RULES[text]], examples)
    weights = torch.nn.Parameter(stepper.networks.weights[0].cpu().clone())
    optimizer = RuleOptimizer([weights], RULES[text], RATE, total_steps=2)
    torch.set_flush_denormal(True)
    try:
        for batch in torch.arange(3 * BATCH).split(BATCH):
            stepper.train([batch.to(DEVICE)])
            weights.grad = stepper.networks.slopes[0].cpu().clone()
            optimizer.step()
            end = stepper.ground.shape.places["end"]
            torch.testing.assert_close(
                stepper.networks.weights[0, :end].cpu(), weights.detach()[:end], rtol=1e-4, atol=1e-6, equal_nan=True
            )
            with torch.no_grad():
                weights.copy_(stepper.networks.weights[0].cpu())
    finally:
        torch.set_flush_denormal(False)


def test_noise_and_drop_have_the_spread_and_share_that_they_say(examples: Examples) -> None:
    stepper = stepper_of([Rule.parse("noise"), Rule.parse("drop(1, 0.3)"), Rule.parse("noise")], examples, rate=1.0)
    before = stepper.networks.weights.clone()
    stepper.train([torch.arange(BATCH, device=DEVICE)])
    end = stepper.ground.shape.places["end"]
    moved = (before - stepper.networks.weights)[:, :end].cpu()
    assert moved[0].std().item() == pytest.approx(0.01, rel=0.05)
    assert abs(moved[0].mean().item()) < 5 * 0.01 / end**0.5
    assert (moved[1].abs() < 0.5).float().mean().item() == pytest.approx(0.3, abs=5 * (0.21 / end) ** 0.5)
    assert torch.equal(moved[0], moved[2])  # a child's draws are its seed's alone
    again = stepper.networks.weights.clone()
    stepper.train([torch.arange(BATCH, device=DEVICE)])
    assert not torch.equal((again - stepper.networks.weights)[0, :end].cpu(), moved[0])


def test_annealed_noise_has_the_variance_of_its_step(examples: Examples) -> None:
    """A normal sample's variance is off by 5·√(2/entries) once in 1.7 million times."""
    stepper = stepper_of([Rule.parse("anneal"), Rule.parse("noise"), Rule.parse("anneal")], examples, rate=1.0)
    end = stepper.ground.shape.places["end"]
    for taken in range(4):
        before = stepper.networks.weights.clone()
        stepper.train([torch.arange(BATCH, device=DEVICE)])
        moved = (before - stepper.networks.weights)[:, :end].cpu()
        variance = 1 / (1 + min(taken, 2)) ** 0.55  # T is 2
        assert moved[0].var().item() == pytest.approx(variance, rel=5 * (2 / end) ** 0.5)
        torch.testing.assert_close(moved[0], moved[2], rtol=0, atol=1e-5)
        assert moved[1].std().item() == pytest.approx(0.01, rel=5 / (2 * end) ** 0.5)


def test_cells_that_go_on_keep_the_decays_of_their_step(examples: Examples) -> None:
    rules = [RULES["g"], RULES["ld"], RULES["exp(exp(cd)) * g - rd ^ m"], RULES["g * exp(ld * sign(g) * sign(m))"]]
    stepper = stepper_of(rules, examples, total_steps=5)
    batches = torch.arange(3 * BATCH, device=DEVICE).split(BATCH)
    stepper.train(batches)
    before = stepper.networks.weights.clone()
    stepper.only([3, 1])
    assert torch.equal(stepper.networks.weights, before[[3, 1]])
    stepper.train(batches[:1])
    moved = before[1] - stepper.networks.weights[1]
    assert moved[: stepper.ground.shape.places["end"]].cpu().mean().item() == pytest.approx(
        RATE * (1 - 3 / 5), rel=1e-4
    )


def test_what_a_child_earns_does_not_depend_on_what_trains_beside_it(task: ChildTask) -> None:
    rules = [
        Rule.parse(text) for text in ("adam", "exp(exp(g)) * exp(exp(g))", "ld * m + anneal", "drop(m, 0.1) + noise")
    ]
    together = task.evaluate(rules, seed=1)
    turned = task.evaluate(rules[:0:-1], seed=1)
    assert [timeless(each) for each in turned[::-1]] == [timeless(each) for each in together[1:]]
    assert timeless(task.evaluate(rules[:1], seed=1)[0]) == timeless(together[0])


def test_the_schedule_is_the_one_of_a_processor(task: ChildTask, tiny: ChildProtocol, data: ImageData) -> None:
    rules = [resolve(text) for text in ("g", "g", "exp(1e-1w) / 1e-1w", "m", "powersign-ld")]
    ours, theirs = task.evaluate(rules, seed=0), ChildTask(tiny, data, plain=True).evaluate(rules, seed=0)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.status, one.examples, len(one.curve)) == (other.status, other.examples, len(other.curve))
        assert [rate for rate, _ in one.sweep] == [rate for rate, _ in other.sweep]
        assert abs(one.score - other.score) <= 3 / tiny.validation_examples
    assert task.environment["step"] == STACKED
    assert task.width > 1


def test_a_cell_ends_at_its_first_loss_that_is_not_finite(examples: Examples) -> None:
    stepper = stepper_of([Rule.parse("1"), Rule.parse("g")], examples, rate=3e38)
    for batch in torch.arange(3 * BATCH).split(BATCH):
        stepper.train([batch.to(DEVICE)])
    assert stepper.networks.finite.tolist() == [False, False]
    assert stepper.networks.steps[0].item() == 2


def test_a_rule_that_no_stack_can_train_is_an_error_and_the_others_train(
    task: ChildTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REGISTERS", 1)
    monkeypatch.setattr(tokens, "NUMBER", tokens.FIRST + 1)
    outcomes = task.evaluate([Rule.parse("exp(g) * log(m)"), Rule.parse("exp(g)")], seed=0)
    assert outcomes[0].status is Status.ERROR
    assert "a rule of more than 1 values at once" in outcomes[0].message
    assert outcomes[1].status is not Status.ERROR


def test_the_record_tells_how_a_stack_rounds(task: ChildTask, tiny: ChildProtocol, data: ImageData) -> None:
    assert task.environment[ARITHMETIC] != ChildTask(tiny, data, plain=True).environment[ARITHMETIC]
    assert "triton" in task.environment


class Launches:
    """Stands in for a kernel: notes each launch, and makes it."""

    def __init__(self, name: str, kernel: Any, log: list[tuple[object, ...]]) -> None:
        self._name, self._kernel, self._log = name, kernel, log

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        def launch(*args: object, **numbers: object) -> None:
            moving = [each.data_ptr() if isinstance(each, torch.Tensor) else each for each in args]
            self._log.append((self._name, grid, *moving, *sorted(numbers.items())))
            self._kernel[grid](*args, **numbers)

        return launch


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """All launches of kernels by the host, in order: the kernel, how many programs, and what it was given."""
    log: list[tuple[object, ...]] = []
    for module, names in (
        (forward, ("first_norm", "first", "second", "second_norm", "pool", "loss")),
        (backward, ("linear_back", "second_norm_back", "pool_back", "second_weights", "sum_splits", "second_back")),
        (backward, ("first_weights", "first_norm_back")),
        (update, ("update",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, Launches(name, getattr(module, name), log))
    return log


def test_a_step_has_as_many_launches_for_any_number_of_rules_and_an_update_has_one(
    examples: Examples, launches: list[tuple[object, ...]]
) -> None:
    counts = []
    for rules in ([RULES["g"]], list(RULES.values())):
        launches.clear()
        stepper_of(rules, examples).train([torch.arange(BATCH, device=DEVICE)])
        counts.append(Counter(name for name, *_ in launches))
    assert counts[0] == counts[1]
    assert counts[0]["update"] == 1
    assert counts[0].total() == 15


def test_nothing_that_a_launch_is_given_changes_from_step_to_step(
    examples: Examples, launches: list[tuple[object, ...]]
) -> None:
    """So a captured step repeats it; what moves is torch's own memory, which a graph keeps."""
    stepper = stepper_of([Rule.parse("drop(adam, 0.3) + noise")], examples)
    pool = stepper.ground.pool
    kept = [each.clone() for each in pool.moments(torch.arange(BATCH, device=DEVICE))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pool), "moments", lambda *_: kept)
        for batch in torch.arange(2 * BATCH, device=DEVICE).split(BATCH):
            stepper.train([batch])
    half = len(launches) // 2
    assert launches[:half] == launches[half:]


def test_cells_in_stacks_of_any_width_have_equal_bits(task: ChildTask) -> None:
    rules = [Rule.parse(text) for text in ("m", "g + noise", "exp(exp(g)) * exp(exp(g))")]
    expected = [timeless(outcome) for outcome in task.evaluate(rules, seed=1)]
    task._side_by_side.width = 1
    assert [timeless(outcome) for outcome in task.evaluate(rules, seed=1)] == expected


def test_dropping_dead_cells_changes_no_outcome(task: ChildTask, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [Rule.parse(text) for text in ("m", "exp(exp(g)) * exp(exp(g))", "1 / g")]
    expected = [timeless(outcome) for outcome in task.evaluate(rules, seed=1)]
    monkeypatch.setattr(clock, "STEPS", 1)
    assert [timeless(outcome) for outcome in task.evaluate(rules, seed=1)] == expected


def test_every_kernel_compiles_for_a_gpu() -> None:
    """Triton needs no GPU for that; what would fail at the first launch on one fails here."""
    here = Path(__file__).with_name("compiling_kernels.py")
    own = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run([sys.executable, str(here)], capture_output=True, text=True, env=own, timeout=900)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 17
