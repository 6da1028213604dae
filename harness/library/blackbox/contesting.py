"""``harness.blackbox``: optimizers of the unit box minimize black-box functions (protocol §9)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import cast

from harness import plain
from harness.blackbox.contest import BLOCK, FAMILY, TIMED, Contest, aside_due, run, run_aside, side_by_side
from harness.blackbox.store import MOST_MADE, Store
from harness.board.blackbox import judging
from harness.board.blackbox.record import FOLDER, Conditions, Method, Record
from harness.errors import DataError, LedgerError, ProtocolError, RegistryError, check_choice, message
from harness.files import check_place, locked, waiting
from harness.library import arguments
from harness.library.arguments import ResultsLike
from harness.library.blackbox.entrants import Entrant, EntrantLike, entrants
from harness.library.blackbox.functions import Chosen, opened
from harness.library.blackbox.kept import check_kept, summarized
from harness.library.boards import BlackboxBoard
from harness.library.live import counting
from harness.library.racing import stopped
from harness.machine import announce as tell
from harness.race.conditions import Announce
from harness.race.provenance import commit, processor
from harness.race.store.ledger import LOCK_FOLDER
from harness.race.validation import stating

MOST_FUNCTIONS, MOST_STEPS, MOST_WORKERS = 100_000, 10_000, 1_000
PART_SECONDS = 30.0  # that a part should take, since a kill loses one
Watch = Callable[[int, int], None]
PathLike = str | os.PathLike[str]


def blackbox(
    problems: str | Iterable[str],
    entrants: EntrantLike | Iterable[EntrantLike],
    *,
    count: int | Mapping[str, int] = 100,
    seed: int = 0,
    steps: int = 100,
    workers_simulated: int = 1,
    functions_root: PathLike | None = None,
    results: ResultsLike | None = None,
    progress: bool = True,
) -> BlackboxBoard:
    """Let optimizers of the unit box minimize black-box functions, and return the board.

    All entrants meet the same functions. Runs are kept in ``results``, part by part: after Ctrl-C or a kill the same
    call resumes, and a later call with more entrants or functions computes only those.

    Args:
        problems: families of functions by name (``harness ls functions``), such as ``gp/2`` or ``branin``.
        entrants: optimizers of the box by name (``harness ls box-optimizers``), with settings as in
            ``rnn(cell='dnc')``; or factories.
        count: how many functions of each problem. A mapping gives single entrants a number of their own, by name or
            label; that of ``""`` is for all others.
        seed: root seed of functions and optimizers.
        steps: how many points of each function are evaluated.
        workers_simulated: how many points are out at once; results come in random order. 1 for one after another.
        functions_root: folder of files, for families that read some.
        results: the results folder, or a board from it; None for a temporary folder, which is removed when Python
            exits.
        progress: whether to show progress.

    Returns:
        The board of all entrants that were run under these conditions, in this call or before.

    Raises:
        HarnessError: an argument is wrong, files are missing, an optimizer breaks its contract, or the results folder
            has a record with functions whose runs are elsewhere.
        KeyboardInterrupt: after Ctrl-C; parts that are done are kept.

    Example:
        >>> import harness
        >>> board = harness.blackbox("branin", ["random", "cmaes"], count=6, steps=40, progress=False)
        >>> board.problems[0].figure, sorted(board.labels)
        ('regret', ['cmaes', 'random'])
    """
    place, shown = arguments.place(results), plain.flag("progress", progress)
    asked = Asked(
        problems=[problems] if isinstance(problems, str) or not isinstance(problems, Iterable) else list(problems),
        entrants=_listed(entrants),
        count=plain.by_name("count", count),
        seed=seed,
        steps=steps,
        workers=workers_simulated,
        root=plain.path_or_none("functions_root", functions_root),
    )
    try:
        found = contested(place, asked, announce=tell if shown else _silent, watched=watching(quiet=not shown))
    except KeyboardInterrupt:
        raise stopped(place) from None
    return board_of(found, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of ``blackbox`` that say who is run on what.

    Attributes:
        count: by the entrant's name or label; that of ``""`` is for all others.
    """

    problems: Sequence[str]
    entrants: Sequence[EntrantLike]
    count: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    steps: int = 100
    workers: int = 1
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """An entrant of one contest: its store, and how many functions it is to have."""

    contest: Contest
    conditions: Conditions
    entrant: Entrant
    method: Method
    store: Store
    count: int

    @property
    def left(self) -> int:
        """How many values are still to be told."""
        functions = sum(number for _, number in self.store.gaps(self.count))
        return (functions + (TIMED if self.aside_left else 0)) * self.contest.steps

    @property
    def aside_left(self) -> bool:
        """Whether it still has to run apart from the contest."""
        return aside_due(self.contest, self.entrant.run()) and self.store.aside() is None


def contested(
    results: Path, asked: Asked, *, announce: Announce, watched: Callable[[], AbstractContextManager[Watch]]
) -> list[Record]:
    """Hold contests as ``blackbox`` does, resuming what the results folder holds.

    Raises:
        HarnessError: an argument is wrong, files are missing, or an optimizer breaks its contract.
    """
    asked = replace(
        asked,
        seed=plain.whole("seed", asked.seed, least=0, most=arguments.MOST_SEED),
        steps=plain.whole("steps", asked.steps, least=1, most=MOST_STEPS),
        workers=plain.whole("simulated workers", asked.workers, least=1, most=MOST_WORKERS),
    )
    named = entrants(asked.entrants, announce=announce)
    counts = _counts(asked.count, named)
    chosen = opened(asked.problems, asked.root)
    if asked.root is not None and not any(each.fingerprint for each in chosen):
        announce(f"the folder of functions is not used: no file is read for {', '.join(each.label for each in chosen)}")
    results = results.absolute()  # an optimizer may change the current folder
    jobs = [_job(results, asked, each, one, counts[one.label]) for each in chosen for one in named]
    contests = {job.conditions.stem: job.conditions for job in jobs}
    for stem, shared in contests.items():
        due = [(job.store, job.count) for job in jobs if job.conditions.stem == stem]
        check_kept(results / FOLDER / stem, shared, due)
    total = sum(job.left for job in jobs)
    if total:
        check_place(results / FOLDER / f"{jobs[0].conditions.stem}.json")
    with watched() if total else nullcontext(_unwatched) as watch:
        done = 0

        def told(values: int) -> None:
            nonlocal done
            done += values
            watch(done, total)

        for job in jobs:
            if job.left:
                with _locked(results, job):
                    _complete(job, report=told)
        return [_summarized(results, stem, shared) for stem, shared in contests.items()]


def _summarized(results: Path, stem: str, shared: Conditions) -> Record:
    """Make a record anew; another process that ends together waits, or a record without its runs would be the last."""
    place = results / LOCK_FOLDER / f"{FOLDER}-{shared.identity}.lock"
    with waiting(place, f"contest in {results / FOLDER / stem}", error=LedgerError):
        return summarized(results / FOLDER / stem, shared)


def _counts(given: Mapping[str, int], named: Sequence[Entrant]) -> dict[str, int]:
    """Return how many functions each entrant has, by label.

    Raises:
        ProtocolError: a number is none or out of range, or is that of no entrant.
    """
    known = {*(each.label for each in named), *(each.name for each in named)}
    found: dict[str, int] = {}
    for text, number in given.items():
        name = text
        if text and text not in known:
            name = entrants([text], announce=_silent)[0].label if "(" in text else text  # with settings in any order
            check_choice("entrant of count", name, known, error=ProtocolError)
        what, hint = f"count of {name}" if name else "count", "Give each entrant one number"
        if name in found:
            raise ProtocolError(message(what, expected="one", got=f"{found[name]} and {number}", hint=hint))
        found[name] = plain.whole(what, number, least=1, most=MOST_FUNCTIONS)
    default = found.get("", 100)
    return {each.label: found.get(each.label, found.get(each.name, default)) for each in named}


def _job(results: Path, asked: Asked, chosen: Chosen, entrant: Entrant, count: int) -> _Job:
    contest = Contest(
        family=chosen.family, variant=chosen.variant, seed=asked.seed, steps=asked.steps, workers=asked.workers
    )
    with stating(f"functions {chosen.label}", hint=FAMILY, error=DataError):
        conditions = Conditions(
            functions=chosen.name,
            variant=chosen.variant,
            version=chosen.family.version,
            fingerprint=chosen.fingerprint,
            dimensions=contest.dimensions,
            seed=asked.seed,
            steps=asked.steps,
            workers=asked.workers,
            block=BLOCK,
            environment={"contest": "1", "numpy": metadata.version("numpy")},
        )
    method = entrant.method(contest)
    pins = {"conditions": conditions.model_dump(), "method": method.model_dump(), "label": entrant.label}
    store = Store(results / FOLDER / conditions.stem / method.folder, pins, asked.steps)
    return _Job(contest, conditions, entrant, method, store, count)


def _complete(job: _Job, *, report: Callable[[int], None]) -> None:
    """Run what is missing, part by part; parts get as long as they may be lost."""
    made, own = {"commit": commit(), "hardware": processor()[:MOST_MADE]}, job.entrant.run()
    if job.aside_left:
        job.store.add_aside(run_aside(job.contest, own, report=report), made)
    size = BLOCK if side_by_side(job.contest, own) else 1
    for first, most in job.store.missing(job.count):
        began, number = perf_counter(), min(size, most)
        job.store.add(run(job.contest, own, first=first, count=number, report=report), made)
        each = (perf_counter() - began) / number
        size = max(1, min(BLOCK, math.ceil(PART_SECONDS / max(each, 1e-6))))


def _locked(results: Path, job: _Job) -> AbstractContextManager[None]:
    """Keep other processes from running the same entrant in the same contest at once."""
    what = f"contest of {job.entrant.label} on {job.conditions.name}"
    name = f"{FOLDER}-{job.conditions.identity}-{job.method.folder}.lock"
    return locked(results / LOCK_FOLDER / name, what, hint="Wait until it ends, or stop it", error=LedgerError)


def board_of(records: Sequence[Record], results: Path) -> BlackboxBoard:
    """Return the board of some contests."""
    found = judging.board(records)
    return BlackboxBoard(problems=found.problems, commits=found.commits, hardware=found.hardware, results=results)


def watching(*, quiet: bool) -> Callable[[], AbstractContextManager[Watch]]:
    """Return what shows the progress, or shows nothing."""
    return (lambda: nullcontext(_unwatched)) if quiet else lambda: counting("black-box functions, steps")


def _listed(given: EntrantLike | Iterable[EntrantLike]) -> list[EntrantLike]:
    if isinstance(given, Mapping):  # whose names alone would be read
        hint = 'Write ("rnn", {"cell": "dnc"}) for one with settings, and a list of such for several'
        raise RegistryError(message("entrants", expected="a list", got=repr(given), hint=hint))
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Mapping)
    if pair or isinstance(given, str) or callable(given) or not isinstance(given, Iterable):
        return [cast(EntrantLike, given)]
    return list(cast(Iterable[EntrantLike], given))


def _unwatched(_done: int, _total: int) -> None:
    """Show nothing."""


def _silent(_: str) -> None:
    """Drop the message."""
