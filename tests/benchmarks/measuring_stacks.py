"""What ``accelerator.py`` measures, part by part."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import conv2d, cross_entropy, pad

import harness
from harness.contracts import ChildProtocol, Outcome, Rule
from harness.race.conditions import dataset
from harness.race.progress import Progress
from harness.race.protocols import named
from harness.race.store.tables import TABLES
from harness.space import zoo
from harness.tasks.child.convnet import FILTERS, ConvNet
from harness.tasks.child.device import named as device_name
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.scoring import ChildTask
from harness.tasks.child.stacked import captured, opening
from harness.tasks.child.stacked.by_pytorch import PyTorchGround
from harness.tasks.child.stacked.stack import Ground
from harness.tasks.child.step import BATCHED, STACKED
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData

KNOWN = ("sgd", "momentum", "adam", "rmsprop", "powersign")
THREE = ("sgd", "adam", "powersign")
DRAWING = ("drop(m, 0.3)", "g + noise", "exp(exp(g)) * exp(exp(g))", "1 / m")
TRAFFIC = 1.4e6  # bytes of memory traffic for a child's training example (protocol §10)
SEARCHERS = ("evolution", "rl")
RATES = (1e-5, 1e-4, 1e-3, 1e-2)  # at which no child dies


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
        stepper = ground.begin([(rule, 1e-3) for rule in chosen], seed=0, noise_sigma=protocol.noise_sigma)
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


def stepping(bench: Bench, ground: Ground, cells: int) -> float:
    """Return examples per second of a stack's steps."""
    three, protocol = [zoo.named(name) for name in THREE], bench.quick
    own = [(three[place % len(three)], RATES[place % len(RATES)]) for place in range(cells)]
    order = torch.arange(protocol.train_examples, device=bench.device).split(protocol.batch_size)
    batches = [order[step % len(order)] for step in range(bench.sizes.steps)]

    def train() -> None:
        for begin in range(0, len(batches), 25):
            stepper.train(batches[begin : begin + 25])

    with reproducible_arithmetic(bench.device):
        stepper = ground.begin(own, seed=0, noise_sigma=protocol.noise_sigma)
        stepper.train(batches[:3])
        _, seconds = bench.timed(train)
    return cells * protocol.batch_size * len(batches) / seconds


def widths(bench: Bench) -> list[Figure]:
    """Examples per second over the width of a stack: with graphs, without, by PyTorch's operations, and by vmap."""
    found, lambdas = [], len(bench.quick.learning_rates)
    names = {STACKED: "Triton", BATCHED: "PyTorch"}
    for path, ground in bench.grounds().items():
        for count in bench.sizes.widths:
            label = f"examples a second, {count} rules ({count * lambdas} cells), {names[path]}"
            found.append(Figure(label, attempted(lambda g=ground, c=count: stepping(bench, g, c * lambdas))))
        for count in (bench.sizes.widths[0], bench.sizes.widths[-2]):
            with uncaptured():
                label = f"examples a second, {count} rules ({count * lambdas} cells), {names[path]}, no graph"
                found.append(Figure(label, attempted(lambda g=ground, c=count: stepping(bench, g, c * lambdas))))
        ground.release()
    for cells in sorted({max(1, bench.sizes.cells // 8), bench.sizes.cells}):
        label = f"examples a second, {cells} cells, torch.func.vmap, gradients and SGD alone"
        found.append(Figure(label, attempted(lambda cells=cells: mapped(bench, cells))))
    return found


def attempted(measure: Callable[[], float]) -> float | str:
    """Return a figure, or in words why there is none."""
    try:
        return measure()
    except (RuntimeError, torch.OutOfMemoryError) as cause:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return f"none: {type(cause).__name__}"


def mapped(bench: Bench, cells: int) -> float:
    """Return examples per second of gradients and plain descent by ``torch.func.vmap`` over networks."""
    examples, protocol = bench.examples(), bench.quick
    _, channels, side, _ = examples.pool.images.shape
    network = ConvNet(side, channels=channels, classes=examples.classes, seed=0).to(bench.device)
    network.norm1.track_running_stats = network.norm2.track_running_stats = False  # vmap cannot update them in place
    for norm in (network.norm1, network.norm2):
        norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    weights = {name: each.detach().expand(cells, *each.shape).clone() for name, each in network.named_parameters()}

    def loss(own: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(functional_call(network, own, (images,)), labels)

    slopes = vmap(grad(loss), in_dims=(0, None, None))
    order = torch.arange(protocol.train_examples, device=bench.device).split(protocol.batch_size)

    def train(steps: int) -> None:
        for step in range(steps):
            batch = order[step % len(order)]
            found = slopes(weights, examples.pool.images[batch], examples.pool.labels[batch])
            for name, each in weights.items():
                each.sub_(found[name], alpha=1e-3)

    steps = max(2, bench.sizes.steps // 5)
    with reproducible_arithmetic(bench.device):
        train(1)
        _, seconds = bench.timed(lambda: train(steps))
    return cells * protocol.batch_size * steps / seconds


def memory(bench: Bench) -> list[Figure]:
    """The device's bandwidth, and the share of what it allows that a wide stack reaches."""
    entries = 2**20 if bench.small else 2**28
    source, target = (torch.zeros(entries, device=bench.device) for _ in range(2))
    target.copy_(source)

    def copy() -> None:
        for _ in range(10):
            target.copy_(source)

    bandwidth = 10 * 2 * source.numel() * source.itemsize / bench.timed(copy)[1]
    path, ground = next(iter(bench.grounds().items()))
    speed = stepping(bench, ground, bench.sizes.cells)
    return [
        Figure("memory: gigabytes a second, copied", bandwidth / 1e9),
        Figure("memory: the limit, examples a second at 1.4 MB each", bandwidth / TRAFFIC),
        Figure(f"memory: share of the limit, {bench.sizes.cells} cells, {path}", speed * TRAFFIC / bandwidth),
    ]


def second_convolution(bench: Bench) -> list[Figure]:
    """Milliseconds for the second convolution of many cells and its gradients, in three ways (protocol §10)."""
    cells, batch, side = bench.sizes.cells, bench.quick.batch_size, bench.data.train_images.shape[1] // 2
    maps = torch.randn(cells, FILTERS, batch, side, side, device=bench.device)
    filters = torch.randn(cells, FILTERS, FILTERS, 3, 3, device=bench.device, requires_grad=True)

    def grouped() -> Tensor:
        images = maps.permute(2, 0, 1, 3, 4).reshape(batch, -1, side, side)
        return conv2d(images, filters.flatten(0, 1), padding=1, groups=cells)

    def products() -> Tensor:
        padded = pad(maps, (1, 1, 1, 1))
        taps = [padded[..., i : i + side, j : j + side] for i in range(3) for j in range(3)]
        return torch.bmm(filters.flatten(2), torch.stack(taps, 2).flatten(1, 2).flatten(2))

    maps.requires_grad_()

    def once(way: Callable[[], Tensor]) -> None:
        torch.autograd.grad(way().sum(), [filters, maps])

    found = []
    for name, way in (("grouped convolution", grouped), ("products of patches", products)):

        def milliseconds(way: Callable[[], Tensor] = way) -> float:
            once(way)
            return 1000 * bench.timed(lambda: [once(way) for _ in range(3)])[1] / 3

        found.append(Figure(f"second convolution, {cells} cells, ms: {name}", attempted(milliseconds)))
    return found


def kernels(bench: Bench) -> list[Figure]:
    """Milliseconds of a step by kernel, the longest first, and the share of time in which kernels run."""
    path, ground = next(iter(bench.grounds().items()))
    cuda = bench.device.type == "cuda"
    activity = torch.profiler.ProfilerActivity.CUDA if cuda else torch.profiler.ProfilerActivity.CPU
    with uncaptured():
        stepping(bench, ground, bench.sizes.cells)
        with torch.profiler.profile(activities=[activity]) as profile:
            _, seconds = bench.timed(lambda: stepping(bench, ground, bench.sizes.cells))
    steps = bench.sizes.steps + 3
    spent = {
        event.key: (event.self_device_time_total if cuda else event.self_cpu_time_total) / 1000
        for event in profile.key_averages()
    }
    longest = sorted(spent.items(), key=lambda item: -item[1])[:10]
    return [
        *(Figure(f"{path}, ms a step, {bench.sizes.cells} cells: {name[:50]}", each / steps) for name, each in longest),
        Figure("share of time in which kernels run, without graphs", sum(spent.values()) / 1000 / seconds),
    ]


class Watcher(threading.Thread):
    """Asks the card five times a second in what share of time it is busy; nothing where there is no card.

    It follows a search from its first result to its last, without the start of its processes.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._shares: list[float] = []
        self._results: list[tuple[float, int]] = []
        self._ended = threading.Event()

    def note(self, progress: Progress) -> None:
        """Take note of a result."""
        self._results.append((time.monotonic(), progress.children))

    def run(self) -> None:
        """Ask until told to stop."""
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._ended.wait(0.2):
            try:
                told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout
            except (OSError, subprocess.SubprocessError):
                return
            if self._results[-1:] and self._results[-1][1]:
                self._shares.append(float(told.split()[0]) / 100)

    def told(self, seconds: Sequence[float], *, workers: int) -> str:
        """Stop asking, and return in what share of the time children trained, and the card was busy by its own count.

        Args:
            seconds: of all children.
            workers: processes that trained them.
        """
        self._ended.set()
        self.join()
        (began, before), (end, last) = next(each for each in self._results if each[1]), self._results[-1]
        trained = sum(seconds) * (last - before) / last
        card = f"{statistics.fmean(self._shares):.0%}" if self._shares else "not asked"
        return f"children {trained / workers / max(end - began, 1e-9):.0%}, card {card}"


def busy(bench: Bench) -> list[Figure]:
    """The share of a search's time in which children train, and in which the card is busy by its own count."""
    found = []
    modes: dict[str, dict[str, Any]] = {
        "in batches": {},
        "--async --workers 1": {"asynchronous": True},
        "--async": {"asynchronous": True, "workers": 2},
    }
    for name in SEARCHERS:
        for mode, options in modes.items():
            place, watcher = bench.folder / f"{name} {mode}", Watcher()
            watcher.start()
            harness.run(
                name,
                protocol=bench.quick,
                children=bench.sizes.searched,
                seeds=[0],
                data=bench.data_name,
                device=bench.device.type,
                results=place,
                progress=watcher.note,
                **options,
            )
            seconds = harness.load(place).trials["seconds"].tolist()
            shares = watcher.told(seconds, workers=options.get("workers", 1))
            found.append(Figure(f"busy: {name} {mode}, {bench.sizes.searched} children", shares))
    return found
