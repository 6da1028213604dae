"""The searcher of rules ``rnn``: a network that learned to minimize searches the box of rules (protocol §9)."""

from __future__ import annotations

from typing import Annotated

from harness.blackbox.contracts import BoxOptimizer
from harness.errors import SettingError, message
from harness.searchers.box.learned.architecture import Architecture, Cell
from harness.searchers.box.learned.episodes import Episodes
from harness.searchers.box.learned.points import Loss, Parallel, RnnPoints
from harness.searchers.box.rules import BoxSearch
from harness.settings import Range
from harness.space.grammar import Space


class BoxRnn(BoxSearch):
    """A learned optimizer over the box ([L2L-BB]).

    The box has a dimension for each position of a rule, more than the networks that ship with the harness. So it
    searches in episodes: the network moves six coordinates, drawn at random, for some proposals, and the others stay at
    the best rule so far. It reads ranks of scores instead of scores. Weights trained for as many dimensions as the box
    has move all coordinates. The encoding and what was learned can be told apart: ``box-random`` and ``box-cmaes``
    search the same box.

    Args:
        space: the space to search.
        seed: decides the first point and the coordinates of every episode.
        batch: how many proposals are scored before the searcher learns from them.
        episode: proposals until other coordinates are drawn, and the network begins anew.
        cell: the network's cell: lstm, or dnc, which has a memory.
        loss: what it was trained to minimize: observed improvement, expected improvement, or the sum of values.
        parallel: how many points were evaluated at once in its training; 0 for one after another.
        weights: a file of weights, or a folder with several; empty for those that ship with the harness.
        hash: of weights of your own, which must be given with them: a run's record has the settings, and a file may be
            written anew.

    Raises:
        SettingError: there are no such weights, or they have another hash.
    """

    version = 2

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        batch: Annotated[int, Range(1, 100_000)] = 1,
        episode: Annotated[int, Range(1, 100_000)] = 25,
        cell: Cell = "lstm",
        loss: Loss = "oi",
        parallel: Parallel = 0,
        weights: str = "",
        hash: str = "",
    ) -> None:
        from harness.searchers.box.learned.weights import find

        dimensions = space.positions
        wanted = Architecture(dimensions=dimensions, cell=cell, parallel=parallel)
        found = find(wanted, loss, weights, below=True)
        inner = found.header.architecture.dimensions
        if (weights or hash) and hash != found.hash:
            hint = f"Add hash={found.hash} to the settings, so that the record says which weights ran"
            what, expected = f"weights in {weights}", f"the hash of weights of {inner} dimensions beside it"
            if not weights:
                hint = "Give weights= their file beside it, or leave hash out for those that ship"
                what, expected = "hash of weights", f"{found.hash}, that of the weights that ship"
            raise SettingError(message(what, expected=expected, got=hash or "none", hint=hint))

        def make() -> BoxOptimizer:
            return RnnPoints(inner, seed=seed, cell=cell, loss=loss, parallel=parallel, weights=weights)

        optimizer = Episodes(dimensions, seed=seed, make=make, inner=inner, steps=episode)
        super().__init__(space, seed=seed, optimizer=optimizer, batch=batch)

    @staticmethod
    def startup(_: object) -> dict[str, int]:
        """Return nothing: what it knows at first, it learned elsewhere."""
        return {}
