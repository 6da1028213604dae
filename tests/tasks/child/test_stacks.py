"""Children that train side by side by PyTorch's operations, which every machine has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.space.grammar import Space
from harness.space.word import DECAYS, PRIMITIVES
from harness.tasks.arithmetic import RULES
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.plain import PlainNetwork
from harness.tasks.child.stacked import captured, clock, selected, tokens
from harness.tasks.child.stacked.by_pytorch import PyTorchGround, PyTorchStepper
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.optimizer.update_rule import RuleOptimizer

SIDE, BATCH, CLASSES, SEED, SIGMA, TOTAL = 4, 6, 5, 3, 0.01, 40
TIMED = [
    Rule.parse(text)
    for text in (
        "ld",
        "m * exp(cd * sign(g) * sign(m))",
        "exp(exp(cd)) * g - rd ^ m",
        "g + anneal * rd",
        "drop(g, 0.3) + anneal * noise",
        "(1 + ld) / exp(g)",
    )
]
EVERY = [Rule.parse(text) for text in (*RULES, "-g", "g ^ 2", "1", "v / m", "exp(exp(exp(g)))")] + TIMED
Cells = Sequence[tuple[Rule, float]]


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with reproducible_arithmetic():
        yield


def examples(dtype: torch.dtype) -> Examples:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (60, SIDE, SIDE, 3), dtype=np.uint8)
    labels = draws.integers(0, CLASSES, 60).astype(np.uint8)
    return Examples.of(Choice(images[:40], labels[:40], images[40:], labels[40:], CLASSES), dtype)


def batches(count: int) -> list[Tensor]:
    return [torch.from_numpy(np.random.default_rng(step).choice(40, BATCH, replace=False)) for step in range(count)]


def begun(cells: Cells, *, dtype: torch.dtype = torch.float32, at_once: int = 32) -> PyTorchStepper:
    ground = PyTorchGround(examples(dtype), batch_size=BATCH, at_once=at_once)
    return ground.begin(cells, seed=SEED, noise_sigma=SIGMA, total_steps=TOTAL)


def random_rules(count: int) -> list[Rule]:
    """Any rules of all words, those that draw and those that soon give NaN among them."""
    draws = np.random.default_rng(1)
    spaces = [Space.of(edition=edition, blocks=blocks) for edition in ("icml2017", "arxiv2") for blocks in (1, 2, 3)]
    return [spaces[place % len(spaces)].sample(draws) for place in range(count)]


@dataclasses.dataclass(frozen=True)
class Trained:
    """One child: its finite losses, how many steps it took, and its weights by ``ConvNet``'s names."""

    losses: list[float]
    steps: int
    weights: dict[str, Tensor]

    def distance(self, other: Trained) -> float:
        """The largest difference of losses and weights, relative to those over 1.

        The biases of convolutions are left out: batch norm removes them, and their gradient is rounding alone, of which
        some rules take the sign.
        """
        if self.steps != other.steps:
            return np.inf
        names = [name for name in self.weights if not (name.startswith("conv") and name.endswith("bias"))]
        mine, theirs = (
            torch.cat([torch.tensor(each.losses), *(each.weights[name].flatten() for name in names)])
            for each in (self, other)
        )
        same = (mine == theirs) | (mine.isnan() & theirs.isnan())
        differences = torch.where(same, 0.0, (mine - theirs).abs() / mine.abs().clamp(min=1.0))
        return differences.nan_to_num(np.inf).max().item()


def optimizer_of(parameters: Sequence[Tensor], rule: Rule, rate: float) -> RuleOptimizer:
    seed = derive_seed(SEED, "rule")
    return RuleOptimizer(parameters, rule, rate, seed=seed, noise_sigma=SIGMA, total_steps=TOTAL)


def plain(rule: Rule, rate: float, steps: Sequence[Tensor], *, nudge: float = 0.0) -> Trained:
    """Train one child by the plain path in float64, as long as its loss is finite."""
    network = PlainNetwork(examples(torch.float64), seed=derive_seed(SEED, "weights"))
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters:
            parameter.mul_(1.0 + nudge * torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    optimizer = optimizer_of(network.parameters, rule, rate)
    losses, taken = list[float](), 0
    for taken, batch in enumerate(steps, 1):  # noqa: B007 - it is returned
        loss = network.loss(batch)
        if not np.isfinite(loss):
            break
        losses.append(loss)
        optimizer.step()
    return Trained(losses, taken, {name: each.detach() for name, each in network.network.named_parameters()})


def side_by_side(cells: Cells, steps: Sequence[Tensor]) -> list[Trained]:
    """Train cells in one stack in float64."""
    stepper = begun(cells, dtype=torch.float64)
    losses: list[list[float]] = []
    for batch in steps:
        stepper.losses.zero_()
        stepper.train([batch])
        losses.append(stepper.losses.tolist())
    names = [name for name, _ in PlainNetwork(examples(torch.float64), seed=0).network.named_parameters()]
    found = []
    for cell, taken in enumerate(stepper.steps.tolist()):
        own = [part[0] for part in stepper.ground.networks.parts(stepper.weights[cell : cell + 1])]
        seen = [step[cell] for step in losses[:taken] if step[cell] != 0.0]  # 0 where the loss was not finite
        found.append(Trained(seen, taken, dict(zip(names, own, strict=True))))
    return found


def test_every_primitive_has_a_place_in_the_table_and_a_function() -> None:
    assert set(tokens.OPERATIONS) - {"copy"} == PRIMITIVES - {"const", "g", "w", *DECAYS}
    assert set(selected.FUNCTIONS) == set(tokens.OPERATIONS)


def test_two_hundred_random_rules_train_as_on_the_plain_path() -> None:
    """In float64, losses and weights agree to 1e-9 over 50 steps.

    Some rules multiply rounding errors without bound, for instance by dividing by what a drop has set to 0. They may
    differ by more, but only if the plain path differs from itself when its starting weights change by their last
    digits.
    """
    rules, steps = random_rules(240), batches(50)
    draws = np.random.default_rng(2)
    cells = [(rule, float(10.0 ** draws.integers(-5, -2))) for rule in rules]
    agreeing = ended = drawing = 0
    for (rule, rate), found in zip(cells, side_by_side(cells, steps), strict=True):
        reference = plain(rule, rate, steps)
        if reference.distance(found) > 1e-9:
            assert reference.distance(plain(rule, rate, steps, nudge=1e-15)) > 1e-12, rule
        else:
            agreeing += 1
            ended += len(found.losses) < found.steps
            drawing += any(word in str(rule) for word in ("drop", "noise"))
    assert agreeing >= 200
    assert ended >= 5
    assert drawing >= 100


def test_rules_that_depend_on_the_step_train_as_on_the_plain_path_until_after_the_last() -> None:
    steps = batches(TOTAL + 5)
    for cell, found in zip(TIMED, side_by_side([(rule, 1e-4) for rule in TIMED], steps), strict=True):
        assert found.steps == len(steps)
        assert plain(cell, 1e-4, steps).distance(found) < 1e-9, cell


def test_a_stack_rounds_a_step_as_the_optimizer_does() -> None:
    """From the same gradients, in float32, to the last digit but for functions that round by position."""
    stepper = begun([(rule, 0.01) for rule in EVERY])
    draws, count = np.random.default_rng(3), stepper.weights.shape[1]
    stepper.update.weights.copy_(torch.from_numpy(draws.normal(0, 0.1, (len(EVERY), count))))
    weights = [torch.nn.Parameter(row.clone()) for row in stepper.weights]
    optimizers = [optimizer_of([each], rule, 0.01) for each, rule in zip(weights, EVERY, strict=True)]
    alive = torch.ones(len(EVERY), dtype=torch.bool)
    for step in range(1, 4):
        stepper.update.slopes.copy_(torch.from_numpy(draws.normal(0, 0.1, (len(EVERY), count))))
        stepper.update.draws.draw()
        stepper.update.step(torch.tensor(tokens.decays(clock.BETAS, step)), torch.tensor([step - 1]), alive)
        for cell, (each, optimizer) in enumerate(zip(weights, optimizers, strict=True)):
            each.grad = stepper.update.slopes[cell].clone()
            optimizer.step()
            torch.testing.assert_close(stepper.weights[cell], each.detach(), rtol=1e-5, atol=1e-7, equal_nan=True)


def test_the_bits_of_a_child_do_not_depend_on_neighbours_order_death_or_how_many_are_computed_at_once() -> None:
    cells = [(rule, rate) for rule in EVERY for rate in (1e-3, 10.0)]
    steps, expected = batches(8), dict[tuple[Rule, float], tuple[Tensor, Tensor, int]]()
    for cell in cells:
        alone = begun([cell])
        alone.train(steps)
        kept = torch.zeros(1, 20, CLASSES)
        alone.right(alone.ground.validation, kept=kept)
        expected[cell] = alone.weights[0], kept[0], alone.steps.item()
    assert 3 <= sum(taken < len(steps) for *_, taken in expected.values()) < len(cells)
    shuffled = [cells[place] for place in np.random.default_rng(0).permutation(len(cells))]
    for order, at_once in ((cells, 1), (cells, 7), (cells, 64), (shuffled, 64), (shuffled[5:], 3)):
        stepper = begun(order, at_once=at_once)
        stepper.train(steps[:4])
        dropped = stepper.finite.tolist()
        stepper.only([place for place, finite in enumerate(dropped) if finite])  # others end, and are dropped
        stepper.train(steps[4:])
        kept = torch.zeros(len(stepper.steps), 20, CLASSES)
        stepper.right(stepper.ground.validation, kept=kept)
        for place, cell in enumerate(cell for cell, finite in zip(order, dropped, strict=True) if finite):
            weights, logits, taken = expected[cell]
            assert stepper.steps[place] == taken
            if taken == len(steps):
                assert same(stepper.weights[place], weights), cell
                assert same(kept[place], logits), cell


def same(one: Tensor, other: Tensor) -> bool:
    return one.numpy().tobytes() == other.numpy().tobytes()


class Recorder(TorchDispatchMode):
    """Notes every operation with the memory that it reads and writes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., object], tuple[object, ...], dict[str, object], object]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        """Repeat the operations on the same memory, as a graph on a GPU does, whatever Python would do now."""
        with torch.no_grad():
            for func, args, kwargs, result in self.calls:
                again = func(*args, **kwargs)
                for kept, new in zip(tensors(result), tensors(again), strict=True):
                    if kept.data_ptr() != new.data_ptr():
                        kept.copy_(new)


def tensors(result: object) -> list[Tensor]:
    parts = result if isinstance(result, tuple | list) else (result,)
    return [part for part in parts if isinstance(part, Tensor)]


def recorded(step: captured.Step) -> captured.Step:
    """Stand in for ``captured.capture``: like a GPU, it does not take the step that it records."""
    recorder = Recorder()
    with recorder:
        step()
    waiting = [recorder.replay]

    def replay() -> None:
        if waiting:  # the step was taken when it was recorded
            waiting.pop()
        else:
            recorder.replay()

    return replay


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a processor capture steps by ``recorded``; how many operations each capture has."""
    sizes: list[int] = []

    def capture(step: captured.Step) -> captured.Step:
        sizes.append(1)
        return recorded(step)

    class Graphs(captured.CapturedStep):
        def __init__(self, step: captured.Step, device: torch.device) -> None:
            super().__init__(step, device)
            self._graphs = True

    monkeypatch.setattr(captured, "capture", capture)
    monkeypatch.setattr("harness.tasks.child.stacked.by_pytorch.CapturedStep", Graphs)
    return sizes


def test_a_captured_step_repeats_to_the_same_bits_and_is_captured_again_when_cells_are_dropped(
    graphs: list[int],
) -> None:
    cells, steps = [(rule, 1e-3) for rule in EVERY], batches(12)
    replayed = begun(cells)
    replayed.train(steps[:6])
    assert len(graphs) == 1
    kept = [0, 1, 2, 4, *range(len(EVERY) - len(TIMED), len(EVERY))]
    replayed.only(kept)
    replayed.train(steps[6:])
    assert len(graphs) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captured, "capture", lambda step: step)
        eager = begun(cells)
        eager.train(steps)
    for place, cell in enumerate(kept):
        assert same(replayed.weights[place], eager.weights[cell]), cells[cell]


def test_nothing_in_a_step_waits_for_the_device() -> None:
    """A captured step cannot: no number is read back, and no shape depends on values."""
    stepper = begun([(rule, 1e-3) for rule in EVERY])
    stepper.train(batches(1))
    recorder = Recorder()
    stepper._clock.load(batches(1))
    with recorder:
        stepper._step()
    names = {str(call[0]) for call in recorder.calls}
    assert names
    assert not [
        name for name in names if any(word in name for word in ("_local_scalar", "nonzero", "masked_select", "unique"))
    ]


@pytest.mark.usefixtures("graphs")
def test_a_step_that_cannot_be_captured_is_taken_anyway_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_step: captured.Step) -> captured.Step:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(captured, "capture", refuse)
    stepper = begun([(EVERY[0], 1e-3)])
    with pytest.warns(RuntimeWarning, match="children train without a captured graph: .*not permitted"):
        stepper.train(batches(3))
    stepper.train(batches(2))
    assert stepper.steps.item() == 5

    def exhausted(_step: captured.Step) -> captured.Step:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(captured, "capture", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        begun([(EVERY[0], 1e-3)]).train(batches(3))


def operations(rules: Sequence[Rule]) -> int:
    """How many operations an update of these rules takes."""
    stepper = begun([(rule, rate) for rule in rules for rate in (1e-3, 1e-2)])
    now, alive = torch.tensor(tokens.decays(clock.BETAS, 1)), torch.ones(2 * len(rules), dtype=torch.bool)
    recorder = Recorder()
    with recorder:
        stepper.update.step(now, torch.tensor([0]), alive)
    return len(recorder.calls)


def test_an_update_takes_as_many_operations_for_any_number_of_rules() -> None:
    """It takes more for more kinds of operations at more places of a program, of which the language has so many."""
    assert operations(EVERY) == operations(EVERY * 9)
    few, many = random_rules(160)[:10], random_rules(160)
    assert operations(few) == operations(few * 16)
    assert operations(many) < 5 * operations(few)
