"""``harness.learn_searcher``: train networks that minimize functions over the unit box ([L2L-BB], protocol §9)."""

from __future__ import annotations

import importlib
import os
import platform
import signal
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import plain
from harness.contracts import CPU
from harness.errors import SettingError, check_choice, message
from harness.files import exists
from harness.library import arguments
from harness.library.learned.training_file import alone, check_file, reporting, silent, thread_count
from harness.library.live import counting
from harness.library.racing import STOPPING, stopping
from harness.machine import announce as announce_here
from harness.race.active_run import Stopped
from harness.race.conditions import Announce
from harness.race.provenance import commit, processor

TRAINING, LOSSES, ARCHITECTURE, WEIGHTS = (
    f"harness.searchers.box.learned.{name}" for name in ("meta.training", "meta.losses", "architecture", "weights")
)
MOST_BATCHES, MOST_DRAWS, LEAST_RATE = 10**9, 65_536, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedSearcher:
    """What a training came to.

    Attributes:
        path: the file of weights.
        dimensions: of the box.
        cell: ``lstm`` or ``dnc``.
        loss: what it was trained to minimize.
        parallel: workers that evaluate at once; 0 for one point after another.
        seed: decides the initial weights and the draws.
        validation: the mean over held-out draws of the least value among 100 points; lower is better.
        draws: functions that it was trained on.
        skipped: gradients that were not finite, and were left out.
        seconds: how long it took; None for a file that was there already.
        hash: names the weights in records.
    """

    path: Path
    dimensions: int
    cell: str
    loss: str
    parallel: int
    seed: int
    validation: float
    draws: int
    skipped: int
    seconds: float | None
    hash: str

    def __str__(self) -> str:
        plural = "s" * (self.dimensions != 1)
        form = f", {self.parallel} workers" if self.parallel else ""
        kind = f"{self.cell} for {self.dimensions} dimension{plural}, loss {self.loss}{form}, seed {self.seed}"
        if self.seconds is None:
            return f"{kind}: trained already, weights {self.hash} in {self.path}"
        minutes, seconds = divmod(round(self.seconds), 60)
        gradients = f"{self.skipped:,} gradient{'s' * (self.skipped != 1)} skipped, not being finite"
        lines = [
            f"an optimizer of the unit box: {kind}",
            f"validation {self.validation:.4f}: the mean over held-out draws of the least value among 100 points",
            f"{self.draws:,} draws in {minutes} min {seconds} s; {gradients}",
            f"weights {self.hash} in {self.path}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What ``learn_searcher`` is asked for, besides the dimensions and the place.

    Attributes:
        cell: of the networks.
        loss: what they minimize.
        parallel: workers that evaluate at once, or 0.
        seed: decides the initial weights and the draws.
        batches: batches of draws; None for the default.
        draws: draws in a batch; None for the default.
        rate: Adam's highest learning rate; None for the default.
        start: a file of weights to begin with; None to draw them.
        device: where they are trained.
        threads: torch's threads, or ``auto``.
    """

    cell: str = "lstm"
    loss: str = "oi"
    parallel: int = 0
    seed: int = 0
    batches: int | None = None
    draws: int | None = None
    rate: float | None = None
    start: Path | None = None
    device: str = CPU
    threads: int | str = "auto"


def learn_searcher(
    dimensions: int | str | Iterable[int],
    to: str | os.PathLike[str],
    *,
    cell: str = "lstm",
    loss: str = "oi",
    parallel: int = 0,
    seed: int = 0,
    batches: int | None = None,
    draws: int | None = None,
    rate: float | None = None,
    start: str | os.PathLike[str] | None = None,
    device: str = CPU,
    threads: int | str = "auto",
    progress: bool = True,
) -> tuple[LearnedSearcher, ...]:
    """Train networks that minimize functions over the unit box, and write the weights of each to a file.

    An unfinished training is saved beside its file, as ``<file>.partial``. After Ctrl-C or a kill, the same call
    resumes, on a processor to the same bits.

    Args:
        dimensions: of the box: a number, several, or a text such as ``"1-6"``. Each has a network of its own.
        to: the file to write, whose name ends in ``.safetensors``; or a folder, for files such as
            ``lstm-oi-3.safetensors``, of which those that are there already are kept. A new folder's name has no
            ending, so that a mistyped file is not taken for one.
        cell: ``lstm``, or ``dnc``, which has a memory besides.
        loss: ``oi``, the observed improvement, or ``oi-whole``, the same with its whole gradient; ``ei``, the expected
            improvement; or ``sum``, all values.
        parallel: workers that evaluate points at once; 0 for one point after another.
        seed: decides the initial weights and the functions.
        batches: batches of functions to train on; None for 10,000.
        draws: functions in a batch; None for 128.
        rate: Adam's highest learning rate, from which it falls linearly to zero; None for 0.003.
        start: a file of weights to begin with, of the same sizes; a ``dnc`` may begin with those of an ``lstm``, to
            which it adds a memory. None to draw them.
        device: ``cpu``, or ``cuda`` for a GPU.
        threads: a number, or ``"auto"``: one per core, and a single one beside a GPU. An unfinished training goes on
            with those that it began with.
        progress: whether to show progress.

    Returns:
        What each training came to, in the order of the dimensions.

    Raises:
        HarnessError: an argument is wrong, a file exists, or it cannot be written.
        KeyboardInterrupt: after Ctrl-C; nothing is lost.

    Example:
        >>> import harness, tempfile
        >>> to = tempfile.mkdtemp() + "/tiny.safetensors"
        >>> (learned,) = harness.learn_searcher(2, to, batches=1, draws=2, threads=1, progress=False)
        >>> learned.cell, learned.loss, learned.draws, learned.skipped
        ('lstm', 'oi', 2, 0)
    """
    asked = Asked(
        cell=cell,
        loss=loss,
        parallel=parallel,
        seed=seed,
        batches=batches,
        draws=draws,
        rate=rate,
        start=plain.path_or_none("start", start),
        device=device,
        threads=threads,
    )
    place, shown = plain.path("to", to), plain.flag("progress", progress)
    try:
        return learned(dimensions, place, asked, quiet=not shown, announce=announce_here if shown else lambda _: None)
    except Stopped:
        raise KeyboardInterrupt(f"nothing is lost: call it again with to={str(to)!r} to resume") from None


def learned(
    dimensions: int | str | Iterable[int],
    to: Path,
    asked: Asked,
    *,
    quiet: bool,
    announce: Announce,
    signals: Sequence[signal.Signals] = STOPPING,
) -> tuple[LearnedSearcher, ...]:
    """Train as ``learn_searcher`` does; ``signals`` are those by which the user asks to stop.

    Raises:
        HarnessError: an argument is wrong, a file exists, or it cannot be written.
        Stopped: the user asked to stop; the training is saved.
    """
    wanted = _dimensions(dimensions)
    plans = _plans(wanted, asked)
    weights = importlib.import_module(WEIGHTS)
    alone_in_file = to.suffix == weights.SUFFIX
    if alone_in_file and len(plans) > 1:
        hint = "Name a folder, or train for one number of dimensions"
        raise SettingError(message(f"file {to}", expected="a folder for several files", got="one file", hint=hint))
    if to.suffix and not alone_in_file and not to.is_dir():
        expected = f"a name that ends in {weights.SUFFIX}, or a folder"
        hint = "Add the ending, or make the folder first"
        raise SettingError(message(f"file {to}", expected=expected, got=to.name, hint=hint))
    files = [to if alone_in_file else to / weights.file_name(plan.architecture, plan.loss) for plan in plans]
    threads = 1 if asked.threads == "auto" and asked.device != CPU else thread_count(asked.threads)
    for plan, file in zip(plans, files, strict=True):  # before hours of training
        if alone_in_file or not _kept(plan, file):
            check_file(file, importlib.import_module(TRAINING).partial_of(file))
    return tuple(
        _one(plan, file, threads=threads, keeps=not alone_in_file, quiet=quiet, announce=announce, signals=signals)
        for plan, file in zip(plans, files, strict=True)
    )


def _one(
    plan: Any,
    to: Path,
    *,
    threads: int,
    keeps: bool,
    quiet: bool,
    announce: Announce,
    signals: Sequence[signal.Signals],
) -> LearnedSearcher:
    """Train one network, unless its file is there already and is to be kept."""
    training, weights = importlib.import_module(TRAINING), importlib.import_module(WEIGHTS)
    partial = training.partial_of(to)
    with alone(to, partial):
        if keeps and _kept(plan, to):
            return _learned(to, weights.read(to), None)
        check_file(to, partial)
        unfinished = training.unfinished(plan, to=to, threads=threads)
        if unfinished.batch:
            announce(f"resuming {partial}: {unfinished.batch:,} batches are done")
            if unfinished.threads != threads:
                announce(f"it goes on with the {unfinished.threads} threads that it began with, for the same bits")
        what = f"learning {to.name.removesuffix(weights.SUFFIX)}, batches"
        showing = nullcontext(silent) if quiet else counting(what, begun=unfinished.batch)
        with stopping(signals, announce, after="this batch of draws") as stop, showing as show:
            try:
                found = training.train(plan, unfinished, to=to, report=reporting(show, stop.is_set))
            except training.StoppedTraining:
                raise Stopped from None
    return _learned(to, found.weights, found.seconds)


def _plans(dimensions: Sequence[int], asked: Asked) -> list[Any]:
    """Return a plan for each number of dimensions.

    Raises:
        HarnessError: an argument is wrong.
    """
    training, architecture = importlib.import_module(TRAINING), importlib.import_module(ARCHITECTURE)
    check_choice("loss", asked.loss, importlib.import_module(LOSSES).LOSSES)
    given: dict[str, float] = {
        name: plain.whole(name, value, least=1, most=most)
        for name, value, most in (("batches", asked.batches, MOST_BATCHES), ("draws", asked.draws, MOST_DRAWS))
        if value is not None
    }
    if asked.rate is not None:
        given["rate"] = plain.number("rate", asked.rate, least=LEAST_RATE, most=1)
    seed = plain.whole("seed", asked.seed, least=0, most=arguments.MOST_SEED)
    parallel = plain.whole("parallel", asked.parallel, least=0, most=architecture.MOST_WORKERS)
    device, gpu = training.device_of(asked.device)
    environment = [f"torch {metadata.version('torch')}", platform.system(), processor(), *filter(None, [gpu])]
    start = asked.start and importlib.import_module(WEIGHTS).read(asked.start)
    shapes = [architecture.Architecture(dimensions=each, cell=asked.cell, parallel=parallel) for each in dimensions]
    for shape in shapes:
        if start:
            training.check_start(start, shape, asked.start)
    return [
        training.Plan(
            architecture=shape,
            loss=asked.loss,
            seed=seed,
            schedule=training.Schedule(**given),
            device=device,
            environment=", ".join(environment),
            commit=commit(),
            start=start,
        )
        for shape in shapes
    ]


def _dimensions(given: int | str | Iterable[int]) -> tuple[int, ...]:
    """Return distinct numbers of dimensions, of a number, several, or a text such as ``1-6`` or ``1,3``.

    Raises:
        HarnessError: it is none of these, or a number is out of range.
    """
    what, most = "dimensions", importlib.import_module(ARCHITECTURE).MOST_DIMENSIONS
    hint = "Write a number, such as 2, or several, such as 1-6"
    if not isinstance(given, str):
        several = given if isinstance(given, Iterable) and not isinstance(given, bytes) else [given]
        found = [plain.whole(what, each, least=1, most=most) for each in several]
    else:
        found = []
        for part in given.split(","):
            first, dash, last = part.strip().partition("-")
            ends = [first, last] if dash else [first]
            if not all(end.isascii() and end.isdecimal() and len(end) < 5 for end in ends):
                raise SettingError(message(what, expected="a list such as 1-6 or 1,3", got=repr(given), hint=hint))
            low, high = (plain.whole(what, int(end), least=1, most=most) for end in (ends[0], ends[-1]))
            plain.whole(f"{what}: the last of {part.strip()}", high, least=low, most=most)
            found += range(low, high + 1)
    if not found:
        raise SettingError(message(what, expected="at least one", got="none", hint=hint))
    return tuple(dict.fromkeys(found))


def _kept(plan: Any, file: Path) -> bool:
    """Whether a file has the weights that a plan leads to, so that it need not be trained again."""
    weights, training = importlib.import_module(WEIGHTS), importlib.import_module(TRAINING)
    if not exists(file) or exists(training.partial_of(file)):
        return False
    header = weights.read(file).header
    theirs = (header.architecture, header.loss, header.seed, header.start)
    return bool(theirs == (plan.architecture, plan.loss, plan.seed, plan.began))


def _learned(path: Path, weights: Any, seconds: float | None) -> LearnedSearcher:
    header = weights.header
    return LearnedSearcher(
        path=path,
        dimensions=header.architecture.dimensions,
        cell=header.architecture.cell,
        loss=header.loss,
        parallel=header.architecture.parallel,
        seed=header.seed,
        validation=header.validation,
        draws=header.draws,
        skipped=header.skipped,
        seconds=seconds,
        hash=weights.hash,
    )
