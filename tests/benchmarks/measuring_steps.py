"""What ``accelerator.py`` measures of the steps of stacks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from measuring_stacks import THREE, Bench, Figure, uncaptured
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import conv2d, cross_entropy, pad

from harness.space import zoo
from harness.tasks.child.convnet import FILTERS, ConvNet
from harness.tasks.child.stacked.stack import Ground
from harness.tasks.child.step import BATCHED, STACKED
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.sweep import steps_of

TRAFFIC = 1.4e6  # bytes of memory traffic for a child's training example (protocol §10)
RATES = (1e-5, 1e-4, 1e-3, 1e-2)  # at which no child dies


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
        stepper = ground.begin(own, seed=0, noise_sigma=protocol.noise_sigma, total_steps=steps_of(protocol))
        stepper.train(batches[:3])
        _, seconds = bench.timed(train)
    return cells * protocol.batch_size * len(batches) / seconds


def widths(bench: Bench) -> list[Figure]:
    """Examples per second over the width of a stack: with graphs, without, and by PyTorch's operations."""
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
    return found


def by_vmap(bench: Bench) -> list[Figure]:
    """Examples per second by ``torch.func.vmap`` over networks."""
    found = []
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
        return f"none: {str(cause).partition(chr(10))[0] or type(cause).__name__}"


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
