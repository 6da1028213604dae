"""Children that train side by side: as many rules at once as fit into memory, with equal outcomes however many."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache

import torch

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.tasks import machine
from harness.tasks.child.device import named
from harness.tasks.child.stacked.stack import ChildStack, Ground
from harness.tasks.child.training import reproducible_arithmetic
from harness.tasks.sweep import epochs_of, sweep_together

MOST = 64  # rules at once: 448 cells take 3.8 GB of a GPU under `quick` and 7.2 GB under `paper`


class Together:
    """Trains rules side by side, and remembers how many fit.

    Args:
        protocol: how to score rules.
        device: where they train.
        lay_out: returns what all stacks share; called once, when the first stack begins.
        test: whether to score each child on the test images, too.
        width: how many rules train at once, at most.

    Attributes:
        width: that number now.
        watch: called with the share of the work that is done.
    """

    def __init__(
        self, protocol: ChildProtocol, device: torch.device, lay_out: Callable[[], Ground], *, test: bool, width: int
    ) -> None:
        self._protocol, self._device, self._test, self.width = protocol, device, test, width
        self._ground = cache(lay_out)
        self.watch: Callable[[float], None] = lambda _: None

    def outcomes(self, rules: Sequence[Rule], *, seed: int) -> list[Outcome]:
        """Return the outcome of each rule, in stacks of ``width``; it is halved if a stack does not fit into memory.

        Raises:
            Exception: whatever training raises; of memory only if a single rule does not fit.
        """
        found: list[Outcome] = []
        while len(found) < len(rules):
            part = rules[len(found) : len(found) + self.width]
            outcomes = self._tried(part, seed=seed, before=len(found), of=len(rules))
            if outcomes is None:
                self._narrow(len(part))
            else:
                found += outcomes
        self.watch(1.0)
        return found

    def _tried(self, rules: Sequence[Rule], *, seed: int, before: int, of: int) -> list[Outcome] | None:
        """Return the outcomes of one stack; None if it does not fit into memory, but a smaller one may.

        Args:
            rules: the rules of the stack.
            seed: the child's seed.
            before: how many rules have trained already.
            of: how many rules there are.
        """
        epochs = epochs_of(self._protocol)
        done = before * epochs

        def report(more: float) -> None:
            nonlocal done
            done += more
            self.watch(min(done / (epochs * of), 1.0))

        def start(cells: Sequence[tuple[int, float]]) -> ChildStack:
            of_rules = [(rules[place], rate) for place, rate in cells]
            return ChildStack(of_rules, ground=self._ground(), protocol=self._protocol, seed=seed, report=report)

        try:
            with reproducible_arithmetic(self._device):
                return sweep_together(self._protocol, len(rules), start, test=self._test)
        except Exception as cause:
            if len(rules) == 1 or not machine.out_of_memory(cause):
                raise
            return None  # what the stack held is released only once this error is gone

    def _narrow(self, tried: int) -> None:
        self.width = max(1, tried // 2)
        self._ground().release()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        where = "memory" if self._device.type == "cpu" else f"the memory of {named(self._device)}"
        text = f"children: {tried} rules at once do not fit into {where}; from now on {self.width} train side by side"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
