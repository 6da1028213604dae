"""Which engine trains the children: this process for one worker, Dask for more and for a cluster."""

from __future__ import annotations

from harness.contracts import Task
from harness.errors import EngineError, check_range
from harness.race.engines.engine import Engine, TaskSpec
from harness.race.engines.inline import InlineEngine


def open_engine(spec: TaskSpec, *, workers: int = 1, cluster: str | None = None, task: Task | None = None) -> Engine:
    """Open and return the engine for so many workers: this process for one, Dask for more or for a cluster.

    Args:
        spec: describes the task.
        workers: how many processes, at least 1; ignored with a cluster.
        cluster: address of a Dask scheduler.
        task: what ``spec.build()`` returned, so that this process need not build it again.

    Raises:
        HarnessError: the task cannot be built, or the workers or the cluster cannot be reached.
    """
    check_range("workers", workers, least=1, error=EngineError)
    if workers == 1 and cluster is None:
        return InlineEngine(task if task is not None else spec.build())
    from harness.race.engines.dask import DaskEngine  # half a second to import, and only needed here

    return DaskEngine.at(spec, cluster) if cluster is not None else DaskEngine.local(spec, workers)


def check_cluster(cluster: str, spec: TaskSpec) -> None:
    """Raise unless a Dask scheduler answers and has workers, before any data is loaded to train there.

    Raises:
        EngineError: it cannot be reached, or has no worker with this package.
    """
    from harness.race.engines.dask import DaskEngine

    DaskEngine.at(spec, cluster).close()


def described_at(cluster: str, spec: TaskSpec) -> tuple[dict[str, str], int]:
    """Return what ``pinned`` and ``width`` give for a task on a worker of a cluster.

    Raises:
        HarnessError: it cannot be built there, or the cluster cannot be reached.
    """
    from harness.race.engines.dask import DaskEngine

    engine = DaskEngine.at(spec, cluster)
    try:
        return engine.described()
    finally:
        engine.close()
