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
        self._compute, self._captures = compute, device.type == "cuda"
        self._captured: tuple[torch.cuda.CUDAGraph, Batch, Result] | None = None

    def __call__(self, batch: Batch) -> Result:
        """Return what the function returns for a batch; on a GPU the next call overwrites the same tensors."""
        if not self._captures:
            return self._compute(batch)
        if self._captured is None:
            self._captured = self._capture(batch)
        graph, own, result = self._captured
        for ours, theirs in zip(own, batch, strict=True):
            if ours is not None:
                ours.copy_(theirs, non_blocking=True)
        with _LAUNCHING:
            graph.replay()
        return result

    def _capture(self, batch: Batch) -> tuple[torch.cuda.CUDAGraph, Batch, Result]:
        own = Batch(*(None if each is None else each.clone() for each in batch))
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
