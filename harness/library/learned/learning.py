"""``harness.learn_optimizer``: train a learned optimizer ([L2L], protocol §8) and write its weights to a file."""

from __future__ import annotations

import importlib
import os
import platform
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import plain
from harness.candidates import WORD
from harness.contracts import CPU, Dataset
from harness.library import arguments
from harness.library.learned.families import Problems, answering, trainable
from harness.library.learned.schedules import NO_DECAY, Changes
from harness.library.learned.training_file import alone, check_ending, check_file, reporting, silent, thread_count
from harness.library.live import counting
from harness.library.racing import STOPPING, stopping
from harness.machine import announce as announce_here
from harness.machine import check_device
from harness.race.active_run import Stopped
from harness.race.conditions import Announce
from harness.race.provenance import commit, processor
from harness.registry import AUTO

TRAINING, WEIGHTS, LSTM = (f"harness.tasks.learned.{name}" for name in ("meta.training", "weights", "lstm"))
PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a training came to.

    Attributes:
        path: the file of weights.
        problems: what the optimizer was trained on.
        preset: the settings.
        seed: the meta-seed.
        trials: the learning rates of the meta-optimizer that were tried, each with the best validation of its trial.
        learning_rate: the one that was taken.
        validation: the mean of f over all steps of the held-out problems; lower is better.
        examples: problems drawn to train on.
        skipped: meta-gradients that were not finite, and were left out.
        seconds: how long it took.
        hash: names the weights in records.
    """

    path: Path
    problems: str
    preset: str
    seed: int
    trials: tuple[tuple[float, float], ...]
    learning_rate: float
    validation: float
    examples: int
    skipped: int
    seconds: float
    hash: str

    def __str__(self) -> str:
        tried = [
            f"λ {rate:<9.3g} validation {value:<9.4g}{' chosen' * (rate == self.learning_rate)}".rstrip()
            for rate, value in self.trials
        ]
        minutes, seconds = divmod(round(self.seconds), 60)
        gradients = f"{self.skipped:,} meta-gradient{'s' * (self.skipped != 1)} skipped, not being finite"
        lines = [
            f"an optimizer for {self.problems}, seed {self.seed}, preset {self.preset}",
            *tried,
            f"validation {self.validation:.4g}: the mean of f over all steps of the held-out problems",
            f"{self.examples:,} problems drawn in {minutes} min {seconds} s; {gradients}",
            f"weights {self.hash} in {self.path}",
            f'as a torch optimizer: harness.LearnedOptimizer(model.parameters(), "{self.path}")',
            *([f"as a candidate: learned:file(path='{self.path}')"] if WORD.fullmatch(str(self.path)) else []),
        ]
        return "\n".join(lines)


def learn_optimizer(
    on: str,
    to: str | os.PathLike[str],
    *,
    seed: int = 0,
    preset: str = PAPER,
    batches: int | None = None,
    problems_at_once: int | None = None,
    coordinates: int | None = None,
    held_out: int | None = None,
    every: int | None = None,
    patience: int | None = None,
    rates: int | None = None,
    rate: float | None = None,
    decay: str = NO_DECAY,
    data: str | Dataset = AUTO,
    data_root: str | os.PathLike[str] | None = None,
    threads: int | str = "auto",
    device: str = CPU,
    progress: bool = True,
) -> Learned:
    """Train a learned optimizer on problems of a family, and write its weights to a file.

    An unfinished training is saved beside the file, as ``<to>.partial``. After Ctrl-C or a kill, the same call resumes,
    to the same bits.

    Args:
        on: the problems: ``quadratic``, ``mnist``, ``cifar10`` or ``neural-art``; a variant as ``cifar10/held-out-5``.
        to: the file to write, whose name ends in ``.safetensors``.
        seed: the meta-seed, which decides the initial weights, the problems and the learning rates tried.
        preset: ``paper``, or ``deepmind`` for the preprocessing and scale of the authors' public code.
        batches: batches of problems to train the best learning rate on; None for the family's own number, as below.
        problems_at_once: problems of a batch.
        coordinates: how many coordinates of each kind of parameter an unroll differentiates; 0 for all.
        held_out: problems of the validation.
        every: batches between two validations.
        patience: validations without improvement after which training stops.
        rates: how many learning rates are tried.
        rate: the learning rate to train with, in place of a search.
        decay: ``none``, or ``cosine``: the learning rate falls to 0 along half a cosine over all ``batches``.
        data: name of the data set, or the data set itself.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache.
        threads: a number, or ``"auto"`` for one per core. An unfinished training goes on with those it began with.
        device: where to compute: ``cpu``, or ``cuda`` for a GPU.
        progress: whether to show progress.

    Returns:
        What the training came to.

    Raises:
        HarnessError: an argument is wrong, data is missing, the file exists, or it cannot be written.
        KeyboardInterrupt: after Ctrl-C; nothing is lost.

    Example:
        >>> import harness, tempfile
        >>> to = tempfile.mkdtemp() + "/tiny.safetensors"
        >>> learned = harness.learn_optimizer("quadratic", to, batches=1, threads=1, progress=False)
        >>> len(learned.trials), learned.examples, learned.skipped
        (6, 384, 0)
    """
    shown = plain.flag("progress", progress)
    tell: Announce = announce_here if shown else lambda _: None
    place = plain.path("to", to)
    try:
        return learned(
            trainable(on),
            place,
            seed=seed,
            preset=preset,
            changes=Changes(
                batches=batches,
                problems_at_once=problems_at_once,
                coordinates=coordinates,
                held_out=held_out,
                every=every,
                patience=patience,
                rates=rates,
                rate=rate,
                decay=decay,
            ),
            data=arguments.data(data),
            data_root=plain.path_or_none("data_root", data_root),
            threads=threads,
            device=device,
            quiet=not shown,
            announce=tell,
        )
    except Stopped:
        raise KeyboardInterrupt(f"nothing is lost: call it again with to={str(to)!r} to resume") from None


def learned(
    on: Problems,
    to: Path,
    *,
    seed: int,
    preset: str,
    changes: Changes,
    data: str | Dataset,
    data_root: Path | None,
    threads: int | str,
    device: str,
    quiet: bool,
    announce: Announce,
    signals: Sequence[signal.Signals] = STOPPING,
) -> Learned:
    """Train as ``learn_optimizer`` does. The other arguments are the signals by which the user asks to stop.

    Raises:
        HarnessError: an argument is wrong, data is missing, the file exists, or it cannot be written.
        Stopped: the user asked to stop; the training is saved.
    """
    seed = plain.whole("seed", seed, least=0, most=arguments.MOST_SEED)
    check_device(device)
    training, weights = importlib.import_module(TRAINING), importlib.import_module(WEIGHTS)
    with answering(on.label, on.factory, Stopped, training.StoppedTraining):
        architecture = importlib.import_module(LSTM).preset(on.factory.architecture, preset)
        if preset != PAPER and architecture == on.factory.architecture:
            announce(f"preset {preset} is the same as {PAPER} for {on.name}, whose gradients are read as they are")
        check_ending(to, weights.SUFFIX)
        partial: Path = training.partial_of(to)
        check_file(to, partial)
        count, gpu = thread_count(threads), training.described(device)
        if not on.reads_data and (data != AUTO or data_root is not None):
            announce(f"data is not used: problems {on.label} read none")
        chosen = on.dataset(data, data_root, announce=announce)
        header = weights.Header(
            problems=on.label,
            problems_version=on.factory.version,
            data=chosen.name if on.reads_data else "",
            fingerprint=chosen.fingerprint if on.reads_data else "",
            preset=preset,
            seed=seed,
            commit=commit(),
            environment=", ".join(
                [f"torch {metadata.version('torch')}", platform.system(), processor(), *filter(None, [gpu])]
            ),
            architecture=architecture,
            kinds=tuple(on.factory.kinds),
        )
        schedule = changes.of(on.factory.schedule, training.shortened)
        plan = training.Plan(header=header, schedule=schedule, variant=on.variant)
        with alone(to, partial):
            check_file(to, partial)  # another process may have ended meanwhile
            unfinished = training.unfinished(plan, to=to, threads=count)
            if unfinished.drawn:
                announce(f"resuming {partial}: {unfinished.drawn:,} batches are done")
                if unfinished.threads != count:
                    announce(f"it goes on with the {unfinished.threads} threads that it began with, for the same bits")
            family = on.factory(chosen)
            showing = (
                nullcontext(silent) if quiet else counting(f"learning {on.label}, batches", begun=unfinished.drawn)
            )
            with stopping(signals, announce, after="this batch of problems") as stop, showing as show:
                try:
                    report = reporting(show, stop.is_set)
                    found = training.train(family, plan, unfinished, to=to, report=report, device=device)
                except training.StoppedTraining:
                    raise Stopped from None
    return _learned(found, to)


def _learned(found: Any, to: Path) -> Learned:
    header = found.weights.header
    return Learned(
        path=to,
        problems=header.problems,
        preset=header.preset,
        seed=header.seed,
        trials=found.trials,
        learning_rate=header.learning_rate,
        validation=header.validation,
        examples=header.examples,
        skipped=header.skipped,
        seconds=found.seconds,
        hash=found.weights.hash,
    )
