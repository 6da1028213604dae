"""Where ``accelerator.py`` measures, and what it measures of whole children."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.race.conditions import dataset
from harness.race.protocols import named
from harness.race.store.tables import TABLES
from harness.space import zoo
from harness.tasks.child.device import named as device_name
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.stacked import captured, opening
from harness.tasks.child.stacked.by_pytorch import PyTorchGround
from harness.tasks.child.stacked.stack import Ground
from harness.tasks.child.step import BATCHED, STACKED
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.sweep import steps_of

KNOWN = ("sgd", "momentum", "adam", "rmsprop", "powersign")
THREE = ("sgd", "adam", "powersign")
DRAWING = ("drop(m, 0.3)", "g + noise", "exp(exp(g)) * exp(exp(g))", "1 / m")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        quick: how many children under the small protocol.
        paper: how many under the large one.
        seeds: for the comparison of rewards.
        widths: rules in a stack.
        steps: that are timed.
        cells: for what is compared by steps alone.
        searched: children of a search.
        protocols: the small and the large protocol, as changed for a rehearsal.
    """

    quick: int
    paper: int
    seeds: int
    widths: tuple[int, ...]
    steps: int
    cells: int
    searched: int
    changed: dict[str, Any]


PAPER = Sizes(1000, 100, 10, (1, 2, 4, 8, 16, 32, 64, 128), 50, 448, 512, {})
SMALL = {"train_examples": 40, "validation_examples": 20, "batch_size": 10, "epochs": 2, "learning_rates": (1e-3, 1e-2)}
REHEARSED = Sizes(4, 2, 2, (1, 2), 2, 4, 4, SMALL)


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    name: str
    value: float | str

    @property
    def text(self) -> str:
        """The value, as the table shows it."""
        if isinstance(self.value, str):
            return self.value
        return f"{self.value:,.0f}" if abs(self.value) >= 1000 else f"{self.value:,.4g}"

    @property
    def plain(self) -> dict[str, float | str]:
        """The line for JSON."""
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and where."""

    data_name: str
    data: ImageData
    device: torch.device
    sizes: Sizes
    folder: Path
    quick: ChildProtocol
    paper: ChildProtocol

    @classmethod
    def of(cls, data_name: str, device: str, sizes: Sizes, folder: Path) -> Bench:
        """Load the data."""
        protocols = [named(name) for name in ("quick", "paper")]
        if sizes.changed:
            protocols = [dataclasses.replace(each, name=f"small-{each.name}", **sizes.changed) for each in protocols]
        data = dataset(data_name, None, protocols[1])
        return cls(data_name, data, torch.device(device), sizes, folder, *protocols)

    @property
    def small(self) -> bool:
        """Whether it is a rehearsal."""
        return self.device.type == "cpu"

    @property
    def name(self) -> str:
        """The device's name."""
        return device_name(self.device)

    @property
    def environment(self) -> dict[str, str]:
        """What scores of stacks depend on here."""
        return dict(self.task(self.quick).environment)

    def task(self, protocol: ChildProtocol, **options: Any) -> ChildTask:
        """Return the task of stacks, on a processor, too; with ``plain=True``, children one by one."""
        asked = {"stacked": True, "device": self.device.type} | options
        return ChildTask(protocol, self.data, **(asked | ({"stacked": False} if asked.get("plain") else {})))

    def examples(self, dtype: torch.dtype = torch.float32) -> Examples:
        """Return the small protocol's examples on the device."""
        return Examples.of(Choice.of(self.quick, self.data), dtype).on(self.device)

    def grounds(self) -> dict[str, Ground]:
        """Return what stacks share, by how their steps are computed; only those that run here."""
        paths = [BATCHED] if self.task(self.quick).environment["step"] == BATCHED else [STACKED, BATCHED]
        return {path: opening.ground(path, self.examples(), batch_size=self.quick.batch_size) for path in paths}

    def timed(self, work: Callable[[], Any]) -> tuple[Any, float]:
        """Return what some work gives, and the seconds it takes on the device."""
        self.wait()
        began = time.perf_counter()
        result = work()
        self.wait()
        return result, time.perf_counter() - began

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def rules(count: int) -> list[Rule]:
    """Return rules of a table that train well, for as many children as wanted."""
    every = list(TABLES["broad"].rules)
    return every[:: max(1, len(every) // count)][:count]


def timeless(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return outcomes without what differs from run to run."""
    return [dataclasses.replace(outcome, seconds=0.0) for outcome in outcomes]


@contextlib.contextmanager
def width(task: ChildTask, rules_at_once: int) -> Iterator[None]:
    """Let a task train so many rules at once."""
    together = task._side_by_side
    before, together.width = together.width, rules_at_once
    try:
        yield
    finally:
        together.width = before


@contextlib.contextmanager
def uncaptured() -> Iterator[None]:
    """Take all steps without a graph."""
    before = captured.CapturedStep.__call__
    captured.CapturedStep.__call__ = lambda self: self._step()  # type: ignore[method-assign]
    try:
        yield
    finally:
        captured.CapturedStep.__call__ = before  # type: ignore[method-assign]


def correctness(bench: Bench) -> list[Figure]:
    """Bits of stacks in any company, and rewards beside those of children one by one."""
    task, plain = bench.task(bench.quick), bench.task(bench.quick, plain=True)
    every = [zoo.named(name) for name in KNOWN] + [Rule.parse(text) for text in DRAWING]
    together = timeless(task.evaluate(every, seed=1))

    def equal(outcomes: Sequence[Outcome]) -> str:
        return "yes" if timeless(outcomes) == together else "NO"

    with uncaptured():
        eager = bench.task(bench.quick).evaluate(every, seed=1)
    by_width = []
    for rules_at_once in (1, 7):
        with width(task, rules_at_once):
            by_width.append(equal(task.evaluate(every, seed=1)))
    found = [
        Figure("stack: same outcomes in another order", equal(list(task.evaluate(every[::-1], seed=1))[::-1])),
        Figure("stack: same outcomes 1 and 7 rules at once", " ".join(by_width)),
        Figure("stack: same outcomes without captured graphs", equal(eager)),
        Figure("stack: same outcomes twice", equal(bench.task(bench.quick).evaluate(every, seed=1))),
        Figure("steps in float64: largest difference to one by one", exact(bench)),
    ]
    three = [zoo.named(name) for name in THREE]
    pairs = [(task.evaluate(three, seed=seed), plain.evaluate(three, seed=seed)) for seed in range(bench.sizes.seeds)]
    for place, name in enumerate(THREE):
        differences = [ours[place].score - theirs[place].score for ours, theirs in pairs]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        text = f"{statistics.fmean(differences):+.4f} ± {error:.4f}"
        found.append(Figure(f"{name}: stack minus one by one, {len(differences)} seeds", text))
    return found


def exact(bench: Bench, *, steps: int = 20) -> float:
    """Return the largest relative difference of losses in float64 between a stack and children one by one."""
    examples, protocol = bench.examples(torch.float64), dataclasses.replace(bench.quick, dtype="float64")
    chosen = [zoo.named(name) for name in KNOWN] + [Rule.parse(text) for text in DRAWING[:2]]
    batches = torch.arange(len(examples.pool)).split(protocol.batch_size)
    with reproducible_arithmetic(bench.device):
        ground = PyTorchGround(examples, batch_size=protocol.batch_size)
        cells = [(rule, 1e-3) for rule in chosen]
        total = steps_of(protocol)
        stepper = ground.begin(cells, seed=0, noise_sigma=protocol.noise_sigma, total_steps=total)
        start = bench.task(protocol, plain=True)._prepared()
        alone = [Child(rule, 1e-3, protocol=protocol, start=start, seed=0, report=lambda *_: None) for rule in chosen]
        largest = 0.0
        for step in range(steps):
            batch = batches[step % len(batches)]
            stepper.losses.zero_()
            stepper.train([batch.to(bench.device)])
            for loss, child in zip(stepper.losses.tolist(), alone, strict=True):
                theirs = child._network.loss(batch)
                child._optimizer.step()
                largest = max(largest, abs(loss - theirs) / max(1.0, abs(theirs)))
    return largest


def children(bench: Bench) -> list[Figure]:
    """Seconds for whole children in stacks, and one by one on the same device."""
    found = []
    for protocol, count in ((bench.quick, bench.sizes.quick), (bench.paper, bench.sizes.paper)):
        task, plain = bench.task(protocol), bench.task(protocol, plain=True)
        task.evaluate(rules(1), seed=99)  # what is compiled and laid out is not timed
        outcomes, seconds = bench.timed(lambda task=task, count=count: task.evaluate(rules(count), seed=0))
        three = [zoo.named(name) for name in THREE]
        plain.evaluate(three[:1], seed=99)
        _, alone = bench.timed(lambda plain=plain, three=three: plain.evaluate(three, seed=0))
        examples = sum(outcome.examples for outcome in outcomes)
        found += [
            Figure(f"{protocol.name}: seconds for {count:,} children in stacks", seconds),
            Figure(f"{protocol.name}: children an hour", 3600 * count / seconds),
            Figure(f"{protocol.name}: examples a second", examples / seconds),
            Figure(f"{protocol.name}: seconds a child one by one", alone / len(three)),
            Figure(f"{protocol.name}: times as fast as one by one", alone / len(three) / (seconds / count)),
        ]
    return found
