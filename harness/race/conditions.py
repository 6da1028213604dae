"""What scores depend on besides rule and seed, and the two ways to have them: training children, or the store.

Training needs data, a task, and how any other process builds the same. A replay needs none of these: what its runs
were pinned by is read from the store.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import CPU, Dataset, Task, TaskProtocol
from harness.errors import DataError, LedgerError, message
from harness.race.engines.engine import Engine, TaskSpec, build_task, check_abilities, pinned, width
from harness.race.engines.opening import check_cluster, described_at, open_engine
from harness.race.engines.replay import ReplayEngine
from harness.race.header import RunHeader
from harness.race.protocols import NO_DATA, check_protocol
from harness.race.runs import Judged
from harness.race.store.ledger import Ledger
from harness.registry import BUILT_IN, Kind, check_call, load, portable

Announce = Callable[[str], None]
"""Told in one line what a user should know of, such as that a download takes long."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What scores depend on besides rule and seed.

    Attributes:
        protocol: how rules are scored.
        data: the data set's registry name.
        fingerprint: hash of its decoded arrays.
        environment: the task's version, library versions, device, as it is pinned in the headers of runs.
    """

    protocol: TaskProtocol
    data: str
    fingerprint: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Training:
    """Scores are earned by children that train, here or on workers.

    Attributes:
        conditions: what the scores depend on.
        spec: how another process builds the task.
        task: built here; None where a cluster trains.
        workers: children trained at once, at most.
        cluster: address of a Dask scheduler, or None to train on this machine.
    """

    conditions: Conditions
    spec: TaskSpec
    task: Task | None
    workers: int
    cluster: str | None

    def open(self, headers: Sequence[RunHeader]) -> Engine:
        """Open the engine for some runs: no more workers than any of them has children.

        Raises:
            HarnessError: the workers or the cluster cannot be reached.
        """
        most = max(header.budget.children for header in headers)
        return open_engine(self.spec, workers=min(self.workers, most), cluster=self.cluster, task=self.task)


@dataclass(frozen=True, slots=True)
class Replaying:
    """Scores are looked up in the store; nothing trains.

    Attributes:
        conditions: what the scores depend on.
        ledger: where they are.
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
    announce: Announce = lambda _: None,
) -> Training:
    """Load the data and build the task: here, or where a cluster trains on one of its workers.

    This machine need not have what the workers have, such as a GPU, so it is they who say what scores depend on.

    Args:
        protocol: how rules are scored.
        name: of the data set, or the data set itself.
        root: the folder that holds it, or None.
        device: where children train.
        workers: children trained at once, at most; ignored with a cluster.
        cluster: address of a Dask scheduler, or None to train on this machine.
        test: score test examples, too.
        candidates: train other candidates than rules, too.
        announce: told what takes long.

    Raises:
        DataError: the data set is missing or damaged.
        RegistryError: no task or data set has that name.
        ProtocolError: a run's record cannot hold the protocol.
        HarnessError: the task cannot be built, or the cluster cannot be reached.
    """
    check_protocol(protocol)
    task = None
    spec = TaskSpec(task=protocol.task, protocol=protocol, root=root, test=test, candidates=candidates, device=device)
    if cluster is None:
        factory, data = task_and_data(protocol, name, root, device=device, candidates=candidates, announce=announce)
        task = build_task(factory, protocol, data, test=test, candidates=candidates, device=device)
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
    conditions = Conditions(protocol, data.name, data.fingerprint, environment)
    return Training(conditions, whole, task, workers, cluster)


def dataset(
    name: str | Dataset, root: Path | None, protocol: TaskProtocol, *, announce: Announce = lambda _: None
) -> Dataset:
    """Load the data set that the protocol's task reads; a protocol that reads none gets a data set of nothing.

    Raises:
        DataError: it is missing or damaged, or of another kind; the message says how to get it.
        RegistryError: no data set has that name, or it cannot be called as one.
    """
    if protocol.inputs == "none":
        return NO_DATA
    if not isinstance(name, str):
        return name
    if protocol.inputs != "images" and name in BUILT_IN[Kind.DATA]:
        what, hint = f"data of protocol {protocol.name!r}", "Name such a data set with --data module:attribute"
        raise DataError(message(what, expected=protocol.inputs, got=f"{name}, which holds images", hint=hint))
    factory = load(Kind.DATA, name)
    check_call(Kind.DATA, name, factory, root, announce)
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
    """Load a protocol's task and its data set.

    Raises:
        DataError: the data set is missing or damaged.
        RegistryError: no task or data set has that name.
        HarnessError: the task cannot train on the device, or candidates that are no rules.
    """
    if device != CPU or candidates:  # a download would come before the complaint
        check_abilities(load(Kind.TASK, protocol.task), protocol, device=device, candidates=candidates)
    data = dataset(name, root, protocol, announce=announce)  # before the task, for what is missing is then said at once
    return load(Kind.TASK, protocol.task), data


def conditions_held(
    records: Sequence[Judged], protocol: TaskProtocol, *, seeds: Sequence[int], data: str = "auto"
) -> list[Conditions]:
    """What the store's evaluations by a protocol were made on: one data set, in one or more environments.

    Args:
        records: all runs of the store.
        protocol: how children are scored.
        seeds: of the runs to replay; the child's seed follows from the run's, so no other run's evaluations will do.
        data: name of the data set, or the first digits of its fingerprint; ``auto`` takes the only one there is.

    Returns:
        At least one, that with the most evaluations first; they differ in environment alone.

    Raises:
        LedgerError: nothing is held for this protocol, these seeds and this data, or several data sets are.
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
        expected = f"evaluations in the ledger of seed {_listed(seeds)}"
        if not alike:
            got = "none by this protocol"
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
