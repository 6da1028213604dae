"""What scores depend on besides rule and seed, and the two sources of scores: training children, or the store.

Training needs the data, a task, and a description from which another process builds the same task. A replay needs none
of these: it reads from the store what its runs depend on.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contracts import CPU, Dataset, Task, TaskProtocol
from harness.errors import DataError, LedgerError, message
from harness.race.engines.engine import Engine, TaskSpec, build_task, check_abilities, pinned, width
from harness.race.engines.opening import check_cluster, described_at, open_engine
from harness.race.engines.replay import ReplayEngine
from harness.race.header import RunHeader
from harness.race.protocols import NO_DATA, check_protocol
from harness.race.provenance import provenance
from harness.race.runs import Judged
from harness.race.store.ledger import Ledger
from harness.registry import AUTO, AUTOMATIC, BUILT_IN, Kind, check_call, load, portable

Announce = Callable[[str], None]
"""Called with one line for the user, such as that a download takes long."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What scores depend on besides rule and seed.

    Attributes:
        protocol: how rules are scored.
        data: the data set's registry name.
        fingerprint: hash of its decoded arrays.
        environment: the task's version, library versions and device, as pinned in the headers of runs.
        width: how many rules train at once, at most. Scores do not depend on it.
    """

    protocol: TaskProtocol
    data: str
    fingerprint: str
    environment: Mapping[str, str]
    width: int = 1

    @property
    def provenance(self) -> dict[str, str]:
        """Where a run under these conditions comes from, for its header."""
        return provenance() | ({"rules at once": str(self.width)} if self.width > 1 else {})


@dataclass(frozen=True, slots=True)
class Training:
    """Scores come from children that train, here or on workers.

    Attributes:
        conditions: what the scores depend on.
        spec: how another process builds the task.
        task: the task, built here; None if a cluster trains.
        workers: children trained at once, at most.
        cluster: address of a Dask scheduler, or None to train on this machine.
    """

    conditions: Conditions
    spec: TaskSpec
    task: Task | None
    workers: int
    cluster: str | None

    def open(self, headers: Sequence[RunHeader]) -> Engine:
        """Open the engine for some runs, with no more workers than any of them has children.

        Raises:
            HarnessError: the workers or the cluster cannot be reached.
        """
        most = max(header.budget.children for header in headers)
        return open_engine(self.spec, workers=min(self.workers, most), cluster=self.cluster, task=self.task)


@dataclass(frozen=True, slots=True)
class Replaying:
    """Scores come from the store; nothing trains.

    Attributes:
        conditions: what the scores depend on.
        ledger: the store that holds them.
    """

    conditions: Conditions
    ledger: Ledger

    def open(self, headers: Sequence[RunHeader]) -> Engine:
        """Open the engine for some runs."""
        return ReplayEngine(self.ledger, headers)


def prepared(
    protocol: TaskProtocol,
    name: str | Dataset,
    root: Path | None,
    *,
    device: str = CPU,
    workers: int = 1,
    cluster: str | None = None,
    test: bool = False,
    candidates: bool = False,
    checkpoints: Path | None = None,
    announce: Announce = lambda _: None,
) -> Training:
    """Load the data and build the task: here, or on a worker of the cluster if there is one.

    This machine may lack what the workers have, such as a GPU, so a worker says what scores depend on.

    Args:
        protocol: how rules are scored.
        name: name of the data set, or the data set itself.
        root: the folder that holds it, or None.
        device: where children train.
        workers: children trained at once, at most; ignored with a cluster.
        cluster: address of a Dask scheduler, or None to train on this machine.
        test: whether to score test examples, too.
        candidates: whether to train other candidates than rules, too.
        checkpoints: the folder in which a task that can saves children in training; None to save nothing. On a cluster
            it is the workers' path, too, and used by those that have it.
        announce: called with a line about anything that takes long.

    Raises:
        DataError: the data set is missing or damaged.
        RegistryError: no task or data set has that name.
        ProtocolError: a run's record cannot hold the protocol.
        HarnessError: the task cannot be built, or the cluster cannot be reached.
    """
    check_protocol(protocol)
    task = None
    kept = None if checkpoints is None else checkpoints.absolute()
    abilities: dict[str, Any] = {"test": test, "candidates": candidates, "device": device, "checkpoints": kept}
    spec = TaskSpec(task=protocol.task, protocol=protocol, root=root, **abilities)
    if cluster is None:
        factory, data = task_and_data(protocol, name, root, device=device, candidates=candidates, announce=announce)
        task = build_task(factory, protocol, data, **abilities)
    else:
        check_cluster(cluster, spec)
        data = dataset(name, root, protocol, announce=announce)
    named = None if protocol.inputs == "none" else data.name
    if workers > 1 or cluster is not None:  # others build the task, too
        spec = dataclasses.replace(spec, task=portable(Kind.TASK, protocol.task))
        named = None if named is None else portable(Kind.DATA, named)
    spec = dataclasses.replace(spec, data=named, fingerprint=data.fingerprint)
    if task is not None:
        environment, likes = pinned(task), width(task)
    else:
        assert cluster is not None, "a task is built here or on a cluster"
        environment, likes = described_at(cluster, spec)
    whole = dataclasses.replace(spec, environment=tuple(sorted(environment.items())), width=likes)
    conditions = Conditions(protocol, data.name, data.fingerprint, environment, width=likes)
    return Training(conditions, whole, task, workers, cluster)


def dataset(
    name: str | Dataset, root: Path | None, protocol: TaskProtocol, *, announce: Announce = lambda _: None
) -> Dataset:
    """Load and return the data set that the protocol's task reads; an empty data set if it reads none.

    Raises:
        DataError: it is missing or damaged, or of another kind; the message says how to get it.
        RegistryError: no data set has that name, or what has it is not a data set factory.
    """
    if protocol.inputs == "none":
        return NO_DATA
    return data_of(name, root, inputs=protocol.inputs, reader=f"protocol {protocol.name!r}", announce=announce)


def data_of(
    name: str | Dataset, root: Path | None, *, inputs: str, reader: str, announce: Announce = lambda _: None
) -> Dataset:
    """Load and return a data set that holds some kind of inputs.

    Args:
        name: name of the data set, or the data set itself.
        root: the folder that holds it, or None.
        inputs: the kind of data that is read.
        reader: what reads it, in the user's words.
        announce: called with a line about anything that takes long.

    Raises:
        DataError: it is missing or damaged, or of another kind; the message says how to get it.
        RegistryError: no data set has that name, or what has it is not a data set factory.
    """
    if not isinstance(name, str):
        return name
    chosen = AUTOMATIC.get(inputs, name) if name == AUTO else name
    held = BUILT_IN[Kind.DATA][chosen].inputs if chosen in BUILT_IN[Kind.DATA] else inputs
    if held != inputs:
        fitting = [each for each, entry in BUILT_IN[Kind.DATA].items() if entry.inputs == inputs]
        hint = f"Choose {', '.join(fitting)} or {AUTO}" if fitting else "Name such a data set"
        hint += " with --data" if fitting else " with --data module:attribute"
        got = f"{name}, which holds {held}"
        raise DataError(message(f"data of {reader}", expected=inputs, got=got, hint=hint))
    factory = load(Kind.DATA, chosen)
    check_call(Kind.DATA, chosen, factory, root, announce)
    found: Dataset = factory(root, announce)
    return found


def task_and_data(
    protocol: TaskProtocol,
    name: str | Dataset,
    root: Path | None,
    *,
    device: str = CPU,
    candidates: bool = False,
    announce: Announce = lambda _: None,
) -> tuple[Callable[..., Task], Dataset]:
    """Load and return a protocol's task factory and its data set.

    Raises:
        DataError: the data set is missing or damaged.
        RegistryError: no task or data set has that name.
        HarnessError: the task cannot train on the device, or cannot train candidates that are not rules.
    """
    if device != CPU or candidates:  # complain before a download
        check_abilities(load(Kind.TASK, protocol.task), protocol, device=device, candidates=candidates)
    data = dataset(name, root, protocol, announce=announce)  # before the task, so that missing data is reported at once
    return load(Kind.TASK, protocol.task), data


def conditions_held(
    records: Sequence[Judged], protocol: TaskProtocol, *, seeds: Sequence[int], data: str = "auto"
) -> list[Conditions]:
    """Return the conditions of a protocol's evaluations in the store: one data set, in one or more environments.

    Args:
        records: all runs of the store.
        protocol: how children are scored.
        seeds: seeds of the runs to replay; a child's seed follows from the run's seed, so other evaluations are of no
            use.
        data: name of the data set, or the first digits of its fingerprint; ``auto`` takes the only one there is.

    Returns:
        At least one set of conditions, that with the most evaluations first; they differ only in the environment.

    Raises:
        LedgerError: the store has no evaluations for this protocol, these seeds and this data, or has several data
            sets.
    """
    what = f"replay by protocol {protocol.name} v{protocol.version}"
    alike = [
        record
        for record in records
        if record.header.protocol.hash == protocol.hash and len(record.results) and record.header.searches
    ]
    of_data = [record for record in alike if data == "auto" or protocol.inputs == "none" or _named(record, data)]
    useful = [record for record in of_data if record.header.seed in set(seeds)]
    if not useful:
        expected = f"evaluations for seed {_listed(seeds)} in the ledger"
        if not alike:
            got = "none with this protocol"
        elif not of_data:
            got = f"only those on data {_listed(sorted({record.header.data_label for record in alike}))}"
        else:
            got = f"only those of seed {_listed(sorted({record.header.seed for record in of_data}))}"
        hint = "Train some with --evaluator train, or name another --results, --seeds or --data"
        raise LedgerError(message(what, expected=expected, got=got, hint=hint))
    if len({record.header.data_fingerprint for record in useful}) > 1:
        got = _listed(sorted({record.header.data_label for record in useful}))
        hint = "Choose one with --data, by its name or the first digits of its fingerprint"
        raise LedgerError(message(what, expected="evaluations on one data set", got=got, hint=hint))
    counts: Counter[str] = Counter()
    headers: dict[str, RunHeader] = {}
    for record in useful:
        counts[record.header.environment_hash] += sum(record.results.charged)
        headers.setdefault(record.header.environment_hash, record.header)
    return [
        Conditions(protocol, headers[name].data, headers[name].data_fingerprint, dict(headers[name].environment))
        for name, _ in counts.most_common()
    ]


def _named(record: Judged, data: str) -> bool:
    return record.header.data == data or (len(data) >= 4 and record.header.data_fingerprint.startswith(data))


def _listed(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts))
