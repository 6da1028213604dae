"""A computation on batches of one shape, which a GPU repeats by a single launch.

An unroll of 100 steps takes thousands of small operations, whose launches take the host ten times as long as the GPU
takes to compute them. So on a GPU the computation is captured once as a graph, and replayed for every later batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from harness.searchers.box.learned.meta.rollout import Batch

Result = TypeVar("Result")
_LAUNCHING = threading.Lock()  # trainings in threads of one process share a GPU, and nothing may start in a capture


class Repeated(Generic[Result]):
    """Calls a function on one batch after another.

    Args:
        compute: what is computed; of a batch's tensors, and of others that stay where they are. It must not wait for
            the device.
        device: where the batches are.
    """

    def __init__(self, compute: Callable[[Batch], Result], device: torch.device) -> None:
        self._compute, self._device = compute, device
        self._captured: tuple[torch.cuda.CUDAGraph, Batch, Result] | None = None

    def __call__(self, batch: Batch) -> Result:
        """Return what the function returns for a batch; on a GPU the next call overwrites the same tensors."""
        if self._device.type != "cuda":
            return self._compute(batch)
        with torch.cuda.device(self._device):
            if self._captured is None:
                self._captured = self._capture(batch)
            graph, own, result = self._captured
            own.noise.copy_(batch.noise, non_blocking=True)
            if own.workers is not None and batch.workers is not None:
                own.workers.copy_(batch.workers, non_blocking=True)
            with _LAUNCHING:
                graph.replay()
        return result

    def _capture(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, Result]:
        own = Batch(batch.noise.clone(), None if batch.workers is None else batch.workers.clone())
        stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(current)
        with _LAUNCHING:
            with torch.cuda.stream(stream):
                self._compute(own)  # libraries set themselves up, which cannot be captured
            stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = self._compute(own)
        current.wait_stream(stream)
        return graph, own, result
