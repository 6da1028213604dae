"""The random streams of an optimizer, kept in the parameters' state, where torch's own tools save and load them.

``torch.distributed.checkpoint`` and ``ZeroRedundancyOptimizer`` save only the state of parameters and the settings of
groups. So every parameter's state has ``stream``: the state of its device's generator when it was last saved or loaded,
None before that::

    generator = streams.generator(device, optimizer.state, seed=0)
    ...  # draw
    streams.keep(optimizer.state)  # before the state is saved
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from harness.seeds import derive_seed

State = Mapping[Tensor, dict[str, Any]]
STREAM = "stream"


class Streams:
    """The generators of one optimizer, one for each device.

    A device's stream is named by its type and its place among devices of its type, in the order of first use. No record
    says which of several GPUs it is, so nothing may depend on that.
    """

    def __init__(self) -> None:
        self._open: dict[torch.device, tuple[torch.Generator, Tensor | None]] = {}  # and its state when last saved

    def generator(self, device: torch.device, state: State, *, seed: int) -> torch.Generator:
        """Return the device's generator: unchanged, restored from the state, or at the start of its stream.

        Args:
            device: the device that draws.
            state: the state by parameter, which may have been replaced since the last step.
            seed: root seed of a new stream.
        """
        kept = next(_kept(device, state), None)
        if device in self._open:
            generator, last = self._open[device]
            if kept is last:
                return generator
        else:
            generator = torch.Generator(device)
        if kept is None or not _restored(generator, kept):
            generator.manual_seed(derive_seed(seed, "rule", self._name(device, state)))
        self._open[device] = (generator, kept)
        return generator

    def keep(self, state: State) -> None:
        """Save the generators' states in the state of every parameter that has one."""
        for device, (generator, last) in self._open.items():
            if next(_kept(device, state), None) is not last:
                continue  # a state loaded since the last draw is newer
            now = generator.get_state().to(device)  # beside the other state, as torch's tools expect
            for param, each in state.items():
                if STREAM in each and param.device == device:
                    each[STREAM] = now
            self._open[device] = (generator, now)

    def _name(self, device: torch.device, state: State) -> str:
        if device.index is None:
            return device.type
        begun = {param.device for param, each in state.items() if each.get(STREAM) is not None} | self._open.keys()
        return f"{device.type}:{sum(other.type == device.type for other in begun - {device})}"


def _kept(device: torch.device, state: State) -> Iterator[Tensor]:
    return (each[STREAM] for param, each in state.items() if each.get(STREAM) is not None and param.device == device)


def _restored(generator: torch.Generator, kept: Tensor) -> bool:
    """Restore a generator; return False if its state is from another type of device, which has other streams."""
    where = kept.to("cpu", torch.uint8)  # loaded states have the parameters' dtype
    if where.shape != generator.get_state().shape:
        return False
    generator.set_state(where)
    return True
