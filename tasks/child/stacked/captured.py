"""A step that is taken again and again: on a GPU it is captured once as a graph, and then replayed by one launch.

A step of a narrow stack takes the GPU less time than its launches take the host. A graph has the addresses of what the
step reads and writes, so a step may be captured only if everything stays where it is (``clock``), and is captured again
when cells are dropped. The first step is not captured: kernels compile in it, and libraries set themselves up.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from harness.tasks import machine

Step = Callable[[], None]


class CapturedStep:
    """Takes a step as often as it is called.

    Args:
        step: takes one step; it must not wait for the device.
        device: where it computes.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self._step, self._graphs = step, device.type == "cuda"
        self._replay: Step | None = None
        self._warm = False

    def __call__(self) -> None:
        """Take one step."""
        if self._graphs and self._warm and self._replay is None:
            self._replay = self._captured()
        (self._replay or self._step)()
        self._warm = True

    def forget(self) -> None:
        """Capture the step again after the next one, because what it reads has moved."""
        self._replay, self._warm = None, False

    def _captured(self) -> Step | None:
        """Return the step as a graph; None, with a warning, where it cannot be captured, which costs only time."""
        try:
            return capture(self._step)
        except Exception as cause:
            if machine.failed(cause) and "captur" not in str(cause):
                raise
            self._graphs = False
            warnings.warn(f"children train without a captured graph: {cause}", RuntimeWarning, stacklevel=2)
            return None


def capture(step: Step) -> Step:
    """Return what repeats a step on the GPU; the step itself is not taken.

    Unlike ``torch.cuda.graph``, it neither collects garbage nor empties torch's cache, which would take longer than a
    narrow stack gains. Nor may Python collect any meanwhile: an older graph that dies would spoil the capture.
    """
    graph, own, current = torch.cuda.CUDAGraph(), torch.cuda.Stream(), torch.cuda.current_stream()
    own.wait_stream(current)
    with _uncollected(), torch.cuda.stream(own):
        graph.capture_begin()
        try:
            step()
        finally:
            graph.capture_end()
    current.wait_stream(own)
    return graph.replay


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from collecting cycles."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
