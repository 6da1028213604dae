"""A network's steps without gradients, for some functions side by side.

They are computed in float64, so that machines which round otherwise propose the same points and rules: what a network
reads depends on all that it proposed before, so small differences may grow. It costs little.
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from harness.blackbox.contracts import Points, Values
from harness.searchers.box.learned.network import Network
from harness.searchers.one_thread import one_thread

MOST = 10.0  # values are read as at most ±10 standard deviations: trained networks have not seen more


class Steps:
    """What a network proposes for some functions, one step after another.

    Args:
        network: the network; its weights are copied.
        count: how many functions.
    """

    def __init__(self, network: Network, count: int) -> None:
        self._network, self._state = copy.deepcopy(network).double(), network.start(count, dtype=torch.float64)
        self._parallel = bool(network.architecture.parallel)
        self._inputs = np.zeros((count, network.architecture.inputs), dtype=np.float64)

    def next(self, points: Points | None = None, values: Values | float = 0.0) -> Points:
        """Take a step, and return the next points (count, dimensions).

        Args:
            points: what the network learns the values of, (count, dimensions); None for a step without results.
            values: their values, (count,).
        """
        self._inputs[:] = 0.0
        if points is not None:
            self._inputs[:, 0] = 1.0  # o_t; without the parallel form x is written over it
            self._inputs[:, self._parallel : -1] = points
            self._inputs[:, -1] = np.clip(values, -MOST, MOST)
        with one_thread(), torch.inference_mode():
            found, self._state = self._network(torch.from_numpy(self._inputs), self._state)
        proposed: Points = found.numpy()
        return proposed
