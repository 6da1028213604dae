"""What ``harness run``, ``race`` and ``confirm`` train on: data, a task, and how any other process builds the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import options

if TYPE_CHECKING:
    from harness.contracts import ChildProtocol, Dataset, Task
    from harness.race.engines.engine import TaskSpec


@dataclass(frozen=True, slots=True)
class Ground:
    """What scores depend on besides rule and seed, and how to make them.

    Attributes:
        protocol: how rules are scored.
        data: what they are trained on.
        environment: as it is pinned in the headers of runs.
        spec: how another process builds the task.
        task: built here; None where a cluster trains.
    """

    protocol: ChildProtocol
    data: Dataset
    environment: Mapping[str, str]
    spec: TaskSpec
    task: Task | None


def prepared(
    protocol: ChildProtocol, name: str, root: Path | None, *, device: str, cluster: str | None, test: bool = False
) -> Ground:
    """Load the data and build the task: here, or where a cluster trains on one of its workers.

    This machine need not have what the workers have, such as a GPU, so it is they who say what scores depend on.

    Args:
        protocol: how rules are scored.
        name: of the data set.
        root: the folder that holds it, or None.
        device: where children train.
        cluster: address of a Dask scheduler, or None to train on this machine.
        test: score test examples, too.

    Raises:
        DataError: the data set is missing or damaged.
        RegistryError: no task or data set has that name.
        HarnessError: the task cannot be built, or the cluster cannot be reached.
    """
    from harness.race.engines.engine import TaskSpec, build_task, pinned
    from harness.race.engines.opening import check_cluster, environment_at

    task = None
    spec = TaskSpec(task=protocol.task, protocol=protocol, root=root, test=test, device=device)
    if cluster is None:
        factory, data = options.task_and_data(protocol, name, root, device=device)
        task = build_task(factory, protocol, data, test=test, device=device)
    else:
        check_cluster(cluster, spec)
        data = options.dataset(name, root, protocol)
    named = None if protocol.inputs == "none" else data.name
    spec = dataclasses.replace(spec, data=named, fingerprint=data.fingerprint)
    if task is not None:
        environment = pinned(task)
    else:
        assert cluster is not None, "a task is built here or on a cluster"
        environment = environment_at(cluster, spec)
    whole = dataclasses.replace(spec, environment=tuple(sorted(environment.items())))
    return Ground(protocol, data, environment, whole, task)
