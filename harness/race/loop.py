"""The only search loop: ask, charge, evaluate, write down, tell (protocol §3).

A run is a sequence of logical steps, each one ask or one tell. In order (the default), the searcher is asked for a
batch and told all of it, in the order asked; so the steps depend on nothing but the searcher and its scores, whatever
the number of workers. With ``--async`` it is asked for one proposal whenever a worker is free, where there are many a
little before, and told each as it finishes; then the steps are an accident of timing, and the ledger records it.

Either way a run resumes by replay: a fresh searcher is led through the recorded steps, must make the recorded proposals
again (law 4), and hears the recorded outcomes; then the loop goes on with the proposals that were pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from harness.contracts import Searcher
from harness.errors import LedgerError, SearcherError, message
from harness.race.course import PATIENCE_SECONDS, Course, Stopped, StopRequest
from harness.race.engines.engine import Engine
from harness.race.progress import Meter, Progress, RunSummary
from harness.race.records import RunHeader, RunState
from harness.race.store.ledger import Ledger

_ASK_SECONDS = 0.5  # how long a proposal may wait for others to be written down with it
_SLOTS_TO_ONE_WAITING = 8  # of many workers one in so many finds its next child waiting, and loses no time


def search(
    header: RunHeader,
    searcher: Searcher,
    engine: Engine,
    ledger: Ledger,
    *,
    watch: Callable[[Progress], None] = lambda _: None,
    stop: StopRequest | None = None,
) -> RunSummary:
    """Run a search to the end of its budget, or go on with it from where the ledger has it.

    Args:
        header: which run.
        searcher: a fresh one, built with the header's space, seed and settings.
        engine: where children train; it is left open.
        ledger: open for writing.
        watch: called once at the start and then with every completed proposal, the replayed ones included.
        stop: once set, the loop ends between two results; it does not wait for children on another process.

    Returns:
        The run as it was left, finished or stopped.

    Raises:
        LedgerError: another process has the run, it was made under other conditions, or the store cannot be written.
        ReplayError: the searcher does not repeat its recorded proposals.
        SpaceError: it proposed a rule outside its space.
        SearcherError: it broke the contract of ask and tell.
        HarnessError: the engine cannot train children.
    """
    with ledger.begin(header) as run:
        if run.state is RunState.FINISHED:
            meter = Meter(run.header)
            for entry in run.recorded:
                meter.count(entry, replayed=True)
            watch(meter.progress())
            return meter.summary(run.state, run.recorded, seconds=run.seconds)
        course = Course(run, searcher, engine, watch=watch, stop=stop)
        try:
            if header.asynchronous:
                _tell_as_finished(course)
            else:
                _tell_in_order(course)
            run.finish(RunState.FINISHED)
        except Stopped:
            run.finish(RunState.STOPPED)
        except BaseException:
            with suppress(LedgerError):  # the first trouble is the one to report
                run.finish(RunState.STOPPED)
            raise
        finally:
            engine.drop()
        return course.meter.summary(run.state, course.entries, seconds=run.seconds)


def _tell_in_order(course: Course) -> None:
    """Batches: asked together, told together. The count asked for depends on the history alone."""
    while not course.spent:
        course.heed_stop()
        rules = course.ask(min(_batch(course.searcher), course.children_left, course.proposals_left))
        asked = course.tick()
        if not rules:
            course.check_replayed()
            course.run.exhaust(asked)
            return
        if asked == course.run.exhausted:
            raise course.differs("none left", rules[0])
        told = course.tick()
        batch = course.place(rules, asked=asked)
        while course.untold:
            course.heed_stop()
            course.receive(lambda: told)  # noqa: B023 - called within this turn
        course.tell(batch)
    course.check_replayed()


def _tell_as_finished(course: Course) -> None:
    """One at a time, with every slot of the engine busy."""
    _replay(course)
    while True:
        course.heed_stop()
        busy = _fill(course)
        if busy and not course.untold:
            return
        for index in course.receive(course.tick, timeout_seconds=PATIENCE_SECONDS if busy else 0.0):
            course.tell([index])


def _fill(course: Course) -> bool:
    """Ask for a proposal for every free slot and a few to wait, and write them down together before they train.

    Returns:
        True when enough are pending, or nothing is left to ask for; False when the searcher took so long that what
        it has given should train meanwhile.
    """
    slots, began = course.engine.slots, time.monotonic()
    wanted = slots + slots // _SLOTS_TO_ONE_WAITING
    while course.run.exhausted is None and not course.spent and course.untold < wanted:
        course.heed_stop()
        rules = course.ask(1)
        asked = course.tick()
        placed = course.enter(rules, asked=asked)
        if rules and course.entries[placed.start].outcome is None:
            if time.monotonic() - began > _ASK_SECONDS:
                course.dispatch()
                return False
            continue
        course.dispatch()
        if rules:
            course.tick()
            course.tell(placed)
        else:
            course.run.exhaust(asked)
    course.dispatch()
    return True


def _replay(course: Course) -> None:
    """Lead the searcher through the recorded asks and tells, step by step."""
    recorded = course.run.recorded
    asks = {entry.asked for entry in recorded}
    tells = {entry.told: entry for entry in recorded if entry.told is not None}
    exhausted = {course.run.exhausted} - {None}
    for step in range(len(asks) + len(tells) + len(exhausted)):
        if step in tells:
            course.searcher.tell([tells[step].trial])
        elif step in asks or step in exhausted:
            rules = course.ask(1)
            if len(rules) != (step in asks):
                raise course.differs("a proposal" if step in asks else "none left", rules[0] if rules else "none left")
            course.place(rules, asked=step)
        else:
            hint = "The store is damaged: restore a copy"
            what = f"run {course.header.name}"
            raise LedgerError(message(what, expected=f"a record of step {step}", got="none", hint=hint))
        course.tick()


def _batch(searcher: Searcher) -> int:
    batch = searcher.batch
    if isinstance(batch, int) and batch >= 1:
        return batch
    what = f"{type(searcher).__name__}.batch"
    raise SearcherError(message(what, expected="a whole number from 1", got=repr(batch), hint="Mend the searcher"))
