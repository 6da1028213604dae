"""The only search loop: ask, charge, evaluate, record, tell (protocol §3).

A run is a sequence of logical steps; each is one ask or one tell. By default, the searcher is asked for a batch and
told all of it, in the order asked. So the steps depend only on the searcher and its scores, whatever the number of
workers. With ``--async``, the searcher is asked for one proposal whenever a worker is free (a little earlier if there
are many workers), and told each outcome as it arrives. Then the steps depend on timing, and the ledger records them.

Either way, a run resumes by replay: a fresh searcher repeats the recorded steps, must make the recorded proposals again
(law 4), and is told the recorded outcomes. Then the loop continues with the proposals that were pending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from harness.errors import LedgerError, SearcherError, message
from harness.race.active_run import PATIENCE_SECONDS, ActiveRun, Proposing, Recorded, Stopped, StopRequest
from harness.race.engines.engine import Engine
from harness.race.header import RunHeader
from harness.race.progress import Meter, Progress, RunSummary
from harness.race.runs import RunState
from harness.race.store.ledger import Ledger

_ASK_SECONDS = 0.5  # how long a proposal may wait to be recorded together with others
_SLOTS_TO_ONE_WAITING = 8  # with many workers, one proposal waits for every so many slots, so that no worker loses time


def search(
    header: RunHeader,
    searcher: Proposing,
    engine: Engine,
    ledger: Ledger,
    *,
    watch: Callable[[Progress], None] = lambda _: None,
    stop: StopRequest | None = None,
    recorded: Recorded | None = None,
) -> RunSummary:
    """Run a search to the end of its budget, resuming from what the ledger holds.

    Args:
        header: the run's header.
        searcher: a fresh searcher, built with the header's space, seed and settings.
        engine: where children train; it stays open.
        ledger: open for writing.
        watch: called once at the start and then with every completed proposal, the replayed ones included.
        stop: once set, the loop ends between two results; it does not wait for children in another process.
        recorded: called with the proposals whose children have trained, once they are in the ledger.

    Returns:
        A summary of the run, finished or stopped.

    Raises:
        LedgerError: another process works on the run, it was made under other conditions, or the store cannot be
            written.
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
        active = ActiveRun(run, searcher, engine, watch=watch, stop=stop, recorded=recorded)
        try:
            if header.asynchronous:
                _tell_as_finished(active)
            else:
                _tell_in_order(active)
            run.finish(RunState.FINISHED)
        except Stopped:
            run.finish(RunState.STOPPED)
        except BaseException:
            with suppress(LedgerError):  # the first error is the one to report
                run.finish(RunState.STOPPED)
            raise
        finally:
            engine.drop()
        return active.meter.summary(run.state, active.entries, seconds=run.seconds)


def _tell_in_order(active: ActiveRun) -> None:
    """Ask for whole batches and tell them together. The count asked for depends only on the history."""
    while not active.spent:
        active.check_stop()
        rules = active.ask(min(_batch(active.searcher), active.children_left, active.proposals_left))
        asked = active.tick()
        if not rules:
            active.check_replayed()
            active.run.exhaust(asked)
            return
        if asked == active.run.exhausted:
            raise active.differs("none left", rules[0])
        told = active.tick()
        batch = active.place(rules, asked=asked)
        while active.untold:
            active.check_stop()
            active.receive(lambda: told)  # noqa: B023 - called within this turn
        active.tell(batch)
    active.check_replayed()


def _tell_as_finished(active: ActiveRun) -> None:
    """Ask for one proposal at a time, and keep every slot of the engine busy."""
    _replay(active)
    while True:
        active.check_stop()
        busy = _fill(active)
        if busy and not active.untold:
            return
        for index in active.receive(active.tick, timeout_seconds=PATIENCE_SECONDS if busy else 0.0):
            active.tell([index])


def _fill(active: ActiveRun) -> bool:
    """Ask for a proposal for every free slot and a few more, and record them together before they train.

    Returns:
        True if enough proposals are pending or none is left to ask for; False if the searcher took so long that its
        proposals so far should train meanwhile.
    """
    slots, began = active.engine.slots, time.monotonic()
    wanted = slots + slots // _SLOTS_TO_ONE_WAITING
    while active.run.exhausted is None and not active.spent and active.untold < wanted:
        active.check_stop()
        rules = active.ask(1)
        asked = active.tick()
        placed = active.enter(rules, asked=asked)
        if rules and active.entries[placed.start].outcome is None:
            if time.monotonic() - began > _ASK_SECONDS:
                active.dispatch()
                return False
            continue
        active.dispatch()
        if rules:
            active.tick()
            active.tell(placed)
        else:
            active.run.exhaust(asked)
    active.dispatch()
    return True


def _replay(active: ActiveRun) -> None:
    """Repeat the recorded asks and tells with the searcher, step by step."""
    recorded = active.run.recorded
    asks = {entry.asked for entry in recorded}
    tells = {entry.told: entry for entry in recorded if entry.told is not None}
    exhausted = {active.run.exhausted} - {None}
    for step in range(len(asks) + len(tells) + len(exhausted)):
        if step in tells:
            active.hear([tells[step]])
        elif step in asks or step in exhausted:
            rules = active.ask(1)
            if len(rules) != (step in asks):
                raise active.differs("a proposal" if step in asks else "none left", rules[0] if rules else "none left")
            active.place(rules, asked=step)
        else:
            hint = "The ledger is damaged: restore a copy"
            what = f"run {active.header.name}"
            raise LedgerError(message(what, expected=f"a record of step {step}", got="none", hint=hint))
        active.tick()


def _batch(searcher: Proposing) -> int:
    batch = searcher.batch
    if isinstance(batch, int) and batch >= 1:
        return batch
    what = f"{type(searcher).__name__}.batch"
    raise SearcherError(message(what, expected="a whole number from 1", got=repr(batch), hint="Fix the searcher"))
