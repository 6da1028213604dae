"""A task without torch, a searcher that learns, and a program that runs them: what the tests of the race share.

As a program, ``python racing.py FOLDER [--workers N] [--async] [--die-at N] …`` runs or resumes one search, for the
tests that kill it.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np

from harness.contracts import Block, ChildProtocol, Dataset, Outcome, Rule, Status, Trial
from harness.errors import DataError, HarnessError
from harness.race.active_run import StopRequest
from harness.race.engines.engine import Engine, TaskSpec
from harness.race.engines.opening import open_engine
from harness.race.entry import Entry, Source
from harness.race.header import RunHeader, kind_of
from harness.race.loop import search
from harness.race.progress import RunSummary
from harness.race.protocols import Budget
from harness.race.store.ledger import Ledger
from harness.seeds import derive_seed
from harness.space.expression import LANGUAGE_VERSION
from harness.space.grammar import Space

PROTOCOL = ChildProtocol(
    name="fake",
    version=1,
    task="racing:FakeTask",
    inputs="none",
    train_examples=100,
    validation_examples=10,
    batch_size=10,
    epochs=2,
    learning_rates=(0.1, 1.0),
    chance=0.1,
)
SPACE = Space.of("icml2017", blocks=1)
ENVIRONMENT = {"fake": "1"}
PINNED = ENVIRONMENT | {"language": str(LANGUAGE_VERSION)}


class FakeTask:
    """Scores a rule by a hash of its key and the seed. Roughly one in eight diverges, one in sixteen fails.

    The environment steers it, as that reaches worker processes: ``FAKE_SECONDS`` is the time a child takes,
    ``FAKE_JOURNAL`` a file that gets a line for every child trained, ``FAKE_DEATHS`` a folder in which every file named
    ``1``, ``2``, … has one child kill its process half-way, ``FAKE_LEAVES`` a folder of which every child takes a
    file before it trains: it waits for one, for ever if none comes, and ``FAKE_STACKS`` a file that gets a line for
    every call: how many rules it was given.
    """

    def __init__(self, protocol: ChildProtocol, data: Dataset | None) -> None:
        self.chance = protocol.chance
        self.data = data

    @property
    def environment(self) -> Mapping[str, str]:
        return {"fake": os.environ.get("FAKE_VERSION", "1")}

    def evaluate(self, rules: Sequence[Rule], *, seed: int) -> Sequence[Outcome]:
        if stacks := os.environ.get("FAKE_STACKS"):
            with open(stacks, "a", encoding="utf-8") as file:
                file.write(f"{len(rules)}\n")
        return [self._outcome(rule, seed) for rule in rules]

    def _outcome(self, rule: Rule, seed: int) -> Outcome:
        started = time.perf_counter()
        seconds = float(os.environ.get("FAKE_SECONDS", "0"))
        if leaves := os.environ.get("FAKE_LEAVES"):
            while not _taken(leaves):
                time.sleep(0.005)
        time.sleep(seconds / 2)
        if (deaths := os.environ.get("FAKE_DEATHS")) and _taken(deaths):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(seconds / 2)
        if journal := os.environ.get("FAKE_JOURNAL"):
            with open(journal, "a", encoding="utf-8") as file:
                file.write(f"{rule.key}\n")
        return fake_outcome(rule.key, seed, seconds=time.perf_counter() - started)


class WideTask(FakeTask):
    """Likes three rules at once."""

    width = 3


def fake_outcome(key: str, seed: int, *, seconds: float = 0.0) -> Outcome:
    draws = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{key} {seed}".encode()).digest()[:8], "big"))
    score, first, kind = draws.random(), draws.random(), int(draws.integers(16))
    if kind == 0:
        return Outcome(
            status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=seconds, message="it failed"
        )
    if kind <= 2:
        return Outcome(status=Status.DIVERGED, score=0.1, learning_rate=None, examples=50, seconds=seconds)
    sweep = ((0.1, first), (1.0, score))
    return Outcome(
        status=Status.OK,
        score=score,
        learning_rate=1.0,
        examples=300,
        seconds=seconds,
        sweep=sweep,
        curve=(first, score),
    )


def _taken(folder: str) -> bool:
    for name in sorted(os.listdir(folder)):
        try:
            os.unlink(os.path.join(folder, name))  # atomic: one child a file, whichever worker is first
        except FileNotFoundError:
            continue
        return True
    return False


class Learner:
    """Proposes by all that it was told: near the best, at random, or (one time in four) the same function again."""

    def __init__(self, space: Space, *, seed: int, batch: int = 3, moody: bool = False) -> None:
        self.space = space
        self.batch = batch
        self.told: list[Trial] = []
        self._seed = seed
        self._asked = 0
        self._heard = hashlib.sha256()
        self._mood = os.urandom(8) if moody else b""

    def ask(self, count: int) -> Sequence[Rule]:
        return [self._rule() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self.told.append(trial)
            self._heard.update(f"{trial.index} {trial.rule} {trial.outcome.score!r} {trial.charged}".encode())

    def _rule(self) -> Rule:
        heard = self._heard.hexdigest() + self._mood.hex()
        rng = np.random.default_rng(derive_seed(self._seed, "rule", self._asked, heard))
        self._asked += 1
        if self.told and rng.random() < 0.25:
            best = max(self.told, key=lambda trial: (trial.outcome.score, -trial.index))
            return swapped(best.rule) if rng.random() < 0.5 else best.rule
        return self.space.sample(rng)


def swapped(rule: Rule) -> Rule:
    """The same function with its operands exchanged where that is allowed; otherwise the rule itself."""
    (block,) = rule.blocks
    if block.binary not in ("add", "mul"):
        return rule
    return Rule((Block(block.op2, block.op1, block.u2, block.u1, block.binary),))


def header(
    children: int = 12, *, seed: int = 0, asynchronous: bool = False, proposals: int | None = None, **changes: object
) -> RunHeader:
    fields = {
        "searcher": "racing:Learner",
        "searcher_version": 1,
        "settings": {"batch": 3},
        "space": SPACE,
        "protocol": PROTOCOL,
        "data": "none",
        "data_fingerprint": "none",
        "budget": Budget.of(children) if proposals is None else Budget(children, proposals),
        "seed": seed,
        "asynchronous": asynchronous,
        "environment": ENVIRONMENT,
        "provenance": {"harness": "test"},
    }
    return kind_of(changes)(**fields | changes)  # type: ignore[arg-type]


def spec() -> TaskSpec:
    return TaskSpec(task="racing:FakeTask", protocol=PROTOCOL, environment=tuple(PINNED.items()))


def run(
    folder: Path, made: RunHeader, *, engine: Engine | None = None, searcher: Learner | None = None, **options: object
) -> RunSummary:
    """Run or resume a search in this process."""
    if searcher is None:
        searcher = Learner(SPACE, seed=made.seed)
    with Ledger.open(folder) as ledger:
        return search(made, searcher, engine or open_engine(spec()), ledger, **options)  # type: ignore[arg-type]


def dump(folder: Path, made: RunHeader) -> str:
    return Ledger.read(folder).dump(made.identity)


def entry(index: int, **changes: object) -> Entry:
    (rule,) = Learner(SPACE, seed=index).ask(1)
    made = Entry(index=index, rule=rule, key=rule.key, source=Source.TRAINED, asked=2 * index)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def completed(pending: Entry, **changes: object) -> Entry:
    outcome = dataclasses.replace(fake_outcome(pending.key, 0), **changes)  # type: ignore[arg-type]
    return dataclasses.replace(pending, told=pending.asked + 1, outcome=outcome)


def no_data(root: Path | None, announce: Callable[[str], None]) -> Dataset:  # noqa: ARG001
    raise DataError("the tests have no data")


def poll(folder: Path, identity: str, begun: Barrier, done: StopRequest) -> None:
    """Ask over and over whether a run is active, in a process of its own."""
    store = Ledger.read(folder)
    begun.wait()
    while not done.is_set():
        store._locked(identity)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--children", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--async", dest="asynchronous", action="store_true")
    parser.add_argument("--die-at", type=int, default=0, help="kill this process at its n-th writing statement")
    options = parser.parse_args()
    if options.die_at:
        die_at_statement(options.die_at)
    made = header(options.children, seed=options.seed, asynchronous=options.asynchronous)
    stop = threading.Event()

    def interrupted(*_: object) -> None:
        stop.set()
        print("stopping", flush=True)

    signal.signal(signal.SIGINT, interrupted)
    try:
        engine = open_engine(spec(), workers=options.workers)
        try:
            print("begun", flush=True)
            summary = run(options.folder, made, engine=engine, stop=stop)
        finally:
            engine.close()
    except HarnessError as error:
        print(error)
        return error.exit_code
    print(summary.state.value, summary.children, summary.trained, flush=True)
    return 0


def die_at_statement(count: int) -> None:
    """Kill this process with SIGKILL just before SQLite runs its n-th statement that writes, COMMIT included."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    seen = 0

    def watch(statement: str) -> None:
        nonlocal seen
        seen += statement.startswith(("INSERT", "UPDATE", "COMMIT"))
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    def connected(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(watch)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]


if __name__ == "__main__":
    raise SystemExit(main())
