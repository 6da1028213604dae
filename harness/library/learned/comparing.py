"""``harness.compare_learned``: learned optimizers beside rules and others, on fresh problems (protocol §8)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from harness import plain
from harness.board.learned import judging
from harness.board.learned.record import FOLDER, Comparison, Conditions, Curve, Entrant, finals, finite, read
from harness.contracts import CPU, Candidate, Dataset
from harness.errors import DataError, LedgerError, message
from harness.files import check_place, exists, locked, write_whole
from harness.library import arguments
from harness.library.arguments import CandidateLike, ResultsLike
from harness.library.boards import LearnedBoard
from harness.library.learned.candidates import MOST_NAMED, entrants
from harness.library.learned.families import HINT, Chosen, Family, answering, opened
from harness.library.live import counting
from harness.library.racing import stopped
from harness.machine import announce as tell
from harness.machine import check_device
from harness.race.conditions import Announce
from harness.race.provenance import commit, processor
from harness.race.store.ledger import LOCK_FOLDER

MODULE = "harness.tasks.learned.comparing"
MOST_PROBLEMS, MOST_STEPS = 2_000, 10_000
Watch = Callable[[int, int], None]
DataLike = str | Dataset
PathLike = str | os.PathLike[str]


def compare_learned(
    problems: str | Iterable[str],
    candidates: CandidateLike | Iterable[CandidateLike],
    *,
    count: int = 100,
    seed: int = 0,
    steps: int | None = None,
    data: DataLike | Mapping[str, DataLike] = "auto",
    data_root: PathLike | Mapping[str, PathLike] | None = None,
    board: int | None = None,
    device: str = CPU,
    results: ResultsLike | None = None,
    progress: bool = True,
) -> LearnedBoard:
    """Compare learned optimizers with rules and other optimizers on fresh problems, and return the board.

    Every candidate but a learned optimizer gets the λ that does best on validation problems, and fresh state for each
    problem. Candidates that are done are kept in ``results``: after Ctrl-C or a kill the same call resumes, and a later
    call with more candidates computes only those.

    Args:
        problems: families of problems by name (``harness ls problems``), such as ``quadratic`` or ``mnist/relu``.
        candidates: ``lstm`` for the default weights of the family, other learned optimizers such as
            ``learned:file(path='mine.safetensors')``, ``nag`` and ``rmsprop`` for those of torch, rules, torch
            optimizers, or ``top:3`` for the three best of the rules confirmed in ``results``.
        count: how many fresh problems to compare on.
        seed: root seed of the problems.
        steps: how many steps to take on each; None for as many as the family states.
        data: name of the data set, or the data set itself; a mapping for different data, by the family's name.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache. A mapping likewise.
        board: number of the rules' board from which ``top:`` takes them; not needed if there is one.
        device: where to compute: ``cpu``, or ``cuda`` for a GPU. Comparisons on each have files of their own.
        results: the results folder, or a board from it; None for a temporary folder, which is removed when Python
            exits.
        progress: whether to show progress.

    Returns:
        The board of all candidates that were compared under these conditions, in this call or before.

    Raises:
        HarnessError: an argument is wrong, or data or weights are missing.
        KeyboardInterrupt: after Ctrl-C; candidates that are done are kept.

    Example:
        >>> import harness
        >>> board = harness.compare_learned("quadratic", ["nag", "sgd"], count=8, steps=20, progress=False)
        >>> [result.label for result in board.problems[0].results]
        ['nag', 'sgd']
    """
    place, shown = arguments.place(results), plain.flag("progress", progress)
    sets: dict[str, DataLike] = plain.by_name("data", data)
    asked = Asked(
        problems=plain.texts("problems", problems, hint=HINT),
        candidates=arguments.listed(candidates, "candidates"),
        count=count,
        seed=seed,
        steps=steps,
        data={name: arguments.data(each) for name, each in sets.items()},
        data_root={} if data_root is None else plain.by_name("data_root", data_root),
        board=board,
        device=device,
    )
    try:
        found = compared(place, asked, announce=tell if shown else _silent, watched=watching(quiet=not shown))
    except KeyboardInterrupt:
        raise stopped(place) from None
    return board_of(found, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of ``compare_learned`` that say what to compare on what.

    Attributes:
        data: by the family's name; that of ``""`` is for all others.
        data_root: likewise.
    """

    problems: Sequence[str]
    candidates: Sequence[CandidateLike]
    count: int = 100
    seed: int = 0
    steps: int | None = None
    data: Mapping[str, DataLike] = field(default_factory=dict)
    data_root: Mapping[str, PathLike] = field(default_factory=dict)
    board: int | None = None
    device: str = CPU


class SettingLike(Protocol):
    """What candidates are compared on, as ``harness.tasks.learned.comparing`` declares it."""

    @property
    def held_out(self) -> int:
        """How many validation problems choose λ."""

    @property
    def batch(self) -> int:
        """How many problems are drawn at once."""

    def work(self, candidate: Candidate) -> int:
        """Return how many steps a candidate takes in all."""


class Compared(Protocol):
    """How a candidate did."""

    @property
    def rate(self) -> float | None:
        """The chosen λ."""

    @property
    def validation(self) -> tuple[tuple[float, float], ...]:
        """Each λ with the mean final f of the validation problems."""

    @property
    def values(self) -> NDArray[np.float64]:
        """The value f by step and problem."""


class Comparing(Protocol):
    """The module that computes."""

    RATES: tuple[float, ...]

    def Setting(self, *, family: Family, variant: str, seed: int, count: int, steps: int, device: str) -> SettingLike:
        """Make a setting."""

    def compare(self, candidate: Candidate, setting: SettingLike, *, report: Callable[[int], None]) -> Compared:
        """Choose a candidate's λ, and let it optimize fresh problems."""

    def environment(self, setting: SettingLike) -> Mapping[str, str]:
        """Return what values depend on besides."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A comparison to make: its setting, its conditions, and the candidates by name."""

    setting: SettingLike
    conditions: Conditions
    candidates: Sequence[tuple[str, Candidate]]


def compared(
    results: Path, asked: Asked, *, announce: Announce, watched: Callable[[], AbstractContextManager[Watch]]
) -> list[Comparison]:
    """Compare as ``compare_learned`` does, resuming what the results folder holds.

    Raises:
        HarnessError: an argument is wrong, or data or weights are missing.
    """
    check_device(asked.device)
    asked = replace(
        asked,
        count=plain.whole("count", asked.count, least=1, most=MOST_PROBLEMS),
        seed=plain.whole("seed", asked.seed, least=0, most=arguments.MOST_SEED),
        steps=None if asked.steps is None else plain.whole("steps", asked.steps, least=1, most=MOST_STEPS),
        board=None if asked.board is None else plain.whole("board", asked.board, least=1),
    )
    places = {name: plain.path("data_root", each) for name, each in asked.data_root.items()}
    chosen = opened(asked.problems, data=asked.data, root=places, announce=announce)
    named = [
        entrants(asked.candidates, each.family.name, results=results, board=asked.board, announce=announce)
        for each in chosen
    ]
    module = cast(Comparing, importlib.import_module(MODULE))
    jobs = list[_Job]()
    for each, own in zip(chosen, named, strict=True):
        with answering(each.label, each.family):
            jobs.append(_job(module, each, asked, own))
    held = [_held(results, job.conditions) for job in jobs]
    left = [
        [each for each in job.candidates if not comparison.done(each[1])]
        for job, comparison in zip(jobs, held, strict=True)
    ]
    total = sum(job.setting.work(candidate) for job, own in zip(jobs, left, strict=True) for _, candidate in own)
    with watched() if total else nullcontext(_unwatched) as watch:
        done = 0

        def count(steps: int) -> None:
            nonlocal done
            done += steps
            watch(done, total)

        made = list[Comparison]()
        for each, job in zip(chosen, jobs, strict=True):
            with answering(each.label, each.family):
                made.append(_complete(module, results, job, report=count))
        return made


def _job(module: Comparing, chosen: Chosen, asked: Asked, candidates: Sequence[tuple[str, Candidate]]) -> _Job:
    family = chosen.family
    steps = family.variants[chosen.variant].steps if asked.steps is None else asked.steps
    setting = module.Setting(
        family=family, variant=chosen.variant, seed=asked.seed, count=asked.count, steps=steps, device=asked.device
    )
    conditions = Conditions(
        problems=chosen.name,
        variant=chosen.variant,
        version=family.version,
        data="" if family.data is None else family.data.name,
        fingerprint="" if family.data is None else family.data.fingerprint,
        seed=asked.seed,
        count=asked.count,
        steps=steps,
        held_out=setting.held_out,
        batch=setting.batch,
        rates=module.RATES,
        environment=dict(module.environment(setting)),
    )
    return _Job(setting, conditions, candidates)


def _held(results: Path, conditions: Conditions) -> Comparison:
    """Return the comparison that the results folder holds under these conditions, or one without candidates."""
    path = results / FOLDER / conditions.file
    if not exists(path):
        return Comparison(conditions=conditions)
    found = read(path)
    if found.conditions != conditions:
        expected, hint = f"the conditions of {conditions.name}", "Rename or delete the file"
        raise LedgerError(message(f"comparison in {path}", expected=expected, got="others", hint=hint))
    return found


def _complete(module: Comparing, results: Path, job: _Job, *, report: Callable[[int], None]) -> Comparison:
    """Compute the candidates that are missing, and write the file after each."""
    path = results / FOLDER / job.conditions.file
    if all(map(_held(results, job.conditions).done, (candidate for _, candidate in job.candidates))):
        return _held(results, job.conditions)
    check_place(path)
    with _locked(results, job.conditions):
        comparison = _held(results, job.conditions)
        for name, candidate in job.candidates:
            if comparison.done(candidate):
                continue
            found = module.compare(candidate, job.setting, report=report)
            if (found.values < 0).any():
                what, got = f"values of problems {job.conditions.name}", f"{np.nanmin(found.values):.6g} by {name}"
                hint = "Add a constant to f: candidates are compared by its logarithm"
                raise DataError(message(what, expected="none below 0", got=got, hint=hint))
            entrant = Entrant(
                name=name,
                candidate=str(candidate),
                rate=found.rate,
                validation=tuple((rate, finite(value)) for rate, value in found.validation),
                commit=commit(),
                hardware=processor()[:MOST_NAMED],
                curve=Curve.of(found.values),
                finals=finals(found.values),
            )
            comparison = comparison.with_entrant(entrant)
            write_whole(path, bytes(comparison))
    return comparison


def _locked(results: Path, conditions: Conditions) -> AbstractContextManager[None]:
    """Keep other processes from making the same comparison at once."""
    path = results / LOCK_FOLDER / f"{FOLDER}-{conditions.identity}.lock"
    return locked(path, f"comparison on {conditions.name}", hint="Wait until it ends, or stop it", error=LedgerError)


def board_of(comparisons: Sequence[Comparison], results: Path) -> LearnedBoard:
    """Return the board of some comparisons."""
    found = judging.board(comparisons)
    return LearnedBoard(problems=found.problems, commits=found.commits, hardware=found.hardware, results=results)


def watching(*, quiet: bool) -> Callable[[], AbstractContextManager[Watch]]:
    """Return what shows the progress, or shows nothing."""
    return (lambda: nullcontext(_unwatched)) if quiet else lambda: counting("comparing, steps")


def _unwatched(_done: int, _total: int) -> None:
    """Show nothing."""


def _silent(_: str) -> None:
    """Drop the message."""
