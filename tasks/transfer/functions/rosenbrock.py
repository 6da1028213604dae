"""``rosenbrock``: Rosenbrock's function, whose minimum lies in a long curved valley ([NOS] §5, Figure 6).

::

    outcomes = RosenbrockTask(ROSENBROCK).evaluate([Rule.parse("g")], seed=0)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from harness.candidates import NamedOptimizer
from harness.contracts import ARITHMETIC, Candidate, Dataset, Outcome, Rule, Status
from harness.errors import ProtocolError, message
from harness.seeds import derive_seed
from harness.space.equivalence import canonical
from harness.space.expression import LANGUAGE_VERSION
from harness.space.primitives import operations
from harness.tasks import machine
from harness.tasks.arithmetic import SEED, STEPS, digest, rules
from harness.tasks.optimizer.building import optimizer_for
from harness.tasks.transfer.functions.protocols import FunctionProtocol

STEEPNESS = 100.0  # of the valley's walls: Rosenbrock's own
WITH_EPSILON = frozenset({"rms", "plus_eps"})  # the primitives in which ε appears
Watch = Callable[[int, int], None]


class RosenbrockTask:
    """Score candidates by how far down Rosenbrock's function f(x, y) = (1 − x)² + 100 (y − x²)² they come.

    The function has no noise, so a seed matters only to rules that draw. A candidate takes all steps at every λ, and if
    it uses ε, with every ε, too; the pair with the least final f counts, the smaller λ and the larger ε among equals
    (**D**). So the outcome's sweep holds final scores, its curve a score after each epoch's steps, and its figure
    ``epsilon`` tells the ε that was chosen. Rules use ε in ADAM, RMSProp, divisions and logarithms. An optimizer whose
    ε was given keeps it. Everything is computed in float64.

    Args:
        protocol: how to score candidates.
        data: not used.
        watch: called with (steps done, steps in all) after every training.
        candidates: whether to train other candidates than rules, too; they train as rules do.
        device: not used: two numbers are always faster on the processor.

    Raises:
        ProtocolError: the protocol has rungs, no ε, or a start that is not two numbers.
    """

    name = "rosenbrock"
    version = 1

    def __init__(
        self,
        protocol: FunctionProtocol,
        data: Dataset | None = None,  # noqa: ARG002 - there is none
        *,
        watch: Watch | None = None,
        candidates: bool = False,  # noqa: ARG002 - all candidates train alike, so nothing more is pinned
        device: str = "cpu",  # noqa: ARG002 - so that a transfer to all workloads can name a GPU for the others
    ) -> None:
        what, hint = f"of protocol {protocol.name!r}", "Change it where the protocol is defined"
        if protocol.rungs:
            raise ProtocolError(message(f"rungs {what}", expected="none", got=protocol.rungs, hint=hint))
        if len(protocol.start) != 2:
            raise ProtocolError(message(f"start {what}", expected="two numbers", got=protocol.start, hint=hint))
        if not protocol.epsilons:
            raise ProtocolError(message(f"epsilons {what}", expected="at least one", got="none", hint=hint))
        self.protocol = protocol
        self._watch = watch
        self._digest = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """What a score depends on besides protocol and seed; it always runs on one thread."""
        if not self._digest:
            with machine.answerable(), machine.one_thread():
                self._digest = digest(self._sample())
        return {
            "task": f"{self.name} {self.version}",
            "language": str(LANGUAGE_VERSION),
            "torch": str(torch.__version__),
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "device": "cpu",
            ARITHMETIC: self._digest,
        }

    def _sample(self) -> Iterator[Tensor | float]:
        for place, rule in enumerate(rules()):
            descent = Descent(self.protocol, rule, 1e-3, self.protocol.epsilons[0], seed=derive_seed(SEED, place))
            yield from (descent.step() for _ in range(STEPS))
            yield descent.place

    def evaluate(self, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        """Score each candidate; one that cannot run is an ERROR outcome.

        Raises:
            EngineError: the machine has no memory left.
        """
        with machine.answerable(), machine.one_thread():
            return [self._score(rule, seed) for rule in rules]

    def _score(self, candidate: Candidate, seed: int) -> Outcome:
        began, protocol, ends = time.perf_counter(), self.protocol, list[End]()
        status, note = Status.OK, ""
        try:
            swept = protocol.epsilons if uses_epsilon(candidate) else (None,)
            pairs = [(rate, epsilon) for rate in protocol.learning_rates for epsilon in swept]
            for rate, epsilon in pairs:
                ends.append(Descent(protocol, candidate, rate, epsilon, seed=derive_seed(seed, "rule")).end())
                if self._watch is not None:
                    steps = protocol.epochs * protocol.train_examples
                    self._watch(len(ends) * steps, len(pairs) * steps)
        except Exception as cause:  # law 2: whatever a candidate does, it is an outcome
            if machine.failed(cause):
                raise
            status, note = Status.ERROR, f"{type(cause).__name__}: {cause}".replace("\n", " ")
        best = min((end for end in ends if end.finite), key=lambda end: end.losses[-1], default=None)
        if best is None and status is Status.OK:
            status = Status.DIVERGED
        chosen = best if status is Status.OK else None
        return Outcome(
            status=status,
            score=self._scored(chosen),
            learning_rate=None if chosen is None else chosen.rate,
            examples=sum(end.steps for end in ends),
            seconds=time.perf_counter() - began,
            sweep=() if note else tuple((rate, self._best_at(rate, ends)) for rate in protocol.learning_rates),
            curve=() if chosen is None else tuple(map(protocol.measured.scored, chosen.losses)),
            message=note,
            figures=() if chosen is None or chosen.epsilon is None else (("epsilon", chosen.epsilon),),
        )

    def _best_at(self, rate: float, ends: Sequence[End]) -> float:
        """Return the best final score at one λ, chance if all diverged."""
        return max(self._scored(end if end.finite else None) for end in ends if end.rate == rate)

    def _scored(self, end: End | None) -> float:
        return self.protocol.chance if end is None else self.protocol.measured.scored(end.losses[-1])


@dataclass(frozen=True, slots=True)
class End:
    """How a training ended.

    Attributes:
        rate: λ.
        epsilon: ε; None for a candidate that does not use it, or brings its own.
        losses: f after each epoch.
        steps: steps taken.
        finite: whether f and both coordinates stayed finite.
    """

    rate: float
    epsilon: float | None
    losses: tuple[float, ...]
    steps: int
    finite: bool


class Descent:
    """One training: a point, and the optimizer that moves it.

    Args:
        protocol: gives the start, the number of steps and σ of the noise.
        candidate: what moves the point.
        rate: λ.
        epsilon: ε; None to leave it as it is.
        seed: root seed of a rule's random streams.
    """

    def __init__(
        self, protocol: FunctionProtocol, candidate: Candidate, rate: float, epsilon: float | None, *, seed: int
    ) -> None:
        self.place = torch.tensor(protocol.start, dtype=torch.float64)
        self.place.grad = self._slope = torch.zeros_like(self.place)
        self.parameters = self.layers = [self.place]
        self._protocol, self._rate, self._epsilon = protocol, rate, epsilon
        self._optimizer = optimizer_for(
            candidate,
            self,
            rate,
            seed=seed,
            noise_sigma=protocol.noise_sigma,
            total_steps=(protocol.horizon or protocol.epochs) * protocol.train_examples,
        )
        if epsilon is not None:
            _set_epsilon(self._optimizer, epsilon)

    def step(self) -> float:
        """Take a step, unless f is not finite; return f before it."""
        loss, slope = rosenbrock(self.place.tolist())
        if math.isfinite(loss):
            self._slope.copy_(torch.tensor(slope, dtype=torch.float64))
            self._optimizer.step()
        return loss

    def end(self) -> End:
        """Take all steps, or as many as stay finite."""
        losses, steps = list[float](), 0
        for _ in range(self._protocol.epochs):
            for _ in range(self._protocol.train_examples):
                if not math.isfinite(self.step()):
                    return End(self._rate, self._epsilon, tuple(losses), steps, finite=False)
                steps += 1
            losses.append(rosenbrock(self.place.tolist())[0])
        return End(self._rate, self._epsilon, tuple(losses), steps, finite=math.isfinite(losses[-1]))


def rosenbrock(place: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return f and its gradient at (x, y), in Python's own arithmetic: the same bits on every machine."""
    x, y = place
    wall, floor = y - x * x, 1.0 - x
    loss = floor * floor + STEEPNESS * wall * wall
    return loss, (-4.0 * STEEPNESS * x * wall - 2.0 * floor, 2.0 * STEEPNESS * wall)


def uses_epsilon(candidate: Candidate) -> bool:
    """Whether a candidate has an ε that was not given: a rule that computes with it, an optimizer with ``eps``."""
    if isinstance(candidate, Rule):
        return any(node.token in WITH_EPSILON for node in operations(canonical(candidate)))
    return isinstance(candidate, NamedOptimizer) and isinstance(dict(candidate.defaults).get("eps"), float)


def _set_epsilon(optimizer: Optimizer, epsilon: float) -> None:
    for group in optimizer.param_groups:
        group["eps"] = epsilon
