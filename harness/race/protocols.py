"""Named, frozen, hashed child protocols, and the budget a search is charged against (protocol §2, §3)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.contracts import ChildProtocol
from harness.errors import ProtocolError, check_choice, check_range
from harness.seeds import derive_seed

SWEEP = tuple(10.0**exponent for exponent in range(-5, 2))  # λ = 10^i, i = −5 … 1 [NOS §4.2]
PROPOSALS_PER_CHILD = 20  # the default cap on proposals, so that a searcher that repeats itself ends
MOST_CHILDREN = 10_000_000  # boards hold a score for each; the paper's search took 45,000

PAPER = ChildProtocol(
    name="paper",
    version=1,
    task="child",
    train_examples=10_000,
    validation_examples=5_000,
    batch_size=100,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.1,
)
QUICK = ChildProtocol(
    name="quick",
    version=1,
    task="child",
    train_examples=2_000,
    validation_examples=1_000,
    batch_size=50,
    epochs=3,
    learning_rates=SWEEP,
    chance=0.1,
)
# 0.13: chance and three standard errors of it on 1,000 held-out examples.
QUICK_HALVING = replace(QUICK, name="quick-halving", rungs=(0.25, 0.5), stops_below=0.13)
QUICK_BF16 = replace(QUICK, name="quick-bf16", dtype="bfloat16")
PAPER_BF16 = replace(PAPER, name="paper-bf16", dtype="bfloat16")
TOY_QUADRATIC = ChildProtocol(
    name="toy-quadratic",
    version=1,
    task="toy-quadratic",
    inputs="none",
    train_examples=100,
    validation_examples=1,
    batch_size=10,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.0,
)
TOY_ROSENBROCK = ChildProtocol(
    name="toy-rosenbrock",
    version=1,
    task="toy-rosenbrock",
    inputs="none",
    train_examples=120,
    validation_examples=1,
    batch_size=10,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.0,
)
TOY_CLASSIFIER = ChildProtocol(
    name="toy-classifier",
    version=1,
    task="toy-classifier",
    inputs="none",
    train_examples=384,
    validation_examples=500,
    batch_size=32,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.1,
)
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        PAPER,
        QUICK,
        QUICK_HALVING,
        QUICK_BF16,
        PAPER_BF16,
        TOY_QUADRATIC,
        TOY_ROSENBROCK,
        TOY_CLASSIFIER,
    )
}
SUMMARIES = {
    "paper": "the child of Neural Optimizer Search §4.2, the one to publish with",
    "quick": "the same network on fewer examples: a whole search in minutes",
    "quick-halving": "quick, but the sweep drops λs early and a child at chance stops: other rewards for less work",
    "quick-bf16": "quick with products in bfloat16, faster where the processor has AMX and slower elsewhere",
    "paper-bf16": "paper with products in bfloat16, faster where the processor has AMX and slower elsewhere",
    "toy-quadratic": "noisy quadratics, milliseconds a rule: for tests and for comparing searchers cheaply",
    "toy-rosenbrock": "noisy Rosenbrock functions, milliseconds a rule: for comparing searchers cheaply",
    "toy-classifier": "a small network on a generated data set, milliseconds a rule: for comparing searchers cheaply",
}

# Scores whose first reaching a board reports (**D**), three a protocol, whatever the data; no score depends on them. Of
# `quick` and `paper`: a rule that learns, one about as good as SGD on CIFAR-10 (measured: 0.42 and 0.55), one near the
# best known there (0.47 and 0.60). Of the quadratics and Rosenbrock: around the final best of random search after 300
# children. Of the toy classifier: from SGD's reward (0.44) to Adam's (0.66).
TARGETS = {
    "paper": (0.5, 0.55, 0.6),
    "quick": (0.35, 0.4, 0.45),
    "quick-halving": (0.35, 0.4, 0.45),
    "quick-bf16": (0.35, 0.4, 0.45),
    "paper-bf16": (0.5, 0.55, 0.6),
    "toy-quadratic": (0.55, 0.6, 0.65),
    "toy-rosenbrock": (0.55, 0.6, 0.65),
    "toy-classifier": (0.45, 0.55, 0.65),
}


def named(name: str) -> ChildProtocol:
    """Return the protocol called ``name``.

    Raises:
        ProtocolError: no protocol has that name.
    """
    check_choice("protocol", name, PROTOCOLS, error=ProtocolError)
    return PROTOCOLS[name]


def targets(protocol: ChildProtocol) -> tuple[float, ...]:
    """The scores whose first reaching a board reports; of a protocol from outside, quarters of the way to 1 (**D**)."""
    known = TARGETS.get(protocol.name)
    return known or tuple(protocol.chance + part * (1 - protocol.chance) for part in (0.25, 0.5, 0.75))


def guessing(protocol: ChildProtocol) -> float:
    """The highest score that guessing explains: three standard errors of chance on the held-out examples (**D**).

    No score depends on it: boards list no rule as a find that does not lie above it. It stays below the first of
    ``targets``, for a protocol from outside may measure something else than a share of examples.
    """
    share = min(max(protocol.chance, 0.0), 1.0)
    error = math.sqrt(share * (1 - share) / max(1, protocol.validation_examples))  # toys need none
    return max(protocol.chance, min(protocol.chance + 3 * error, targets(protocol)[0]))


def child_seed(run_seed: int, protocol: ChildProtocol, *, fresh: bool = False, table: str | None = None) -> int:
    """The seed of every child of a run: the run's seed and the protocol decide it, the searcher does not (protocol §3).

    So every searcher with one seed trains the same initial weights on the same batches, and one evaluation serves all.

    Args:
        run_seed: the run's.
        protocol: by which children are scored.
        fresh: of a confirmation, whose seeds come from a stream of their own, so that no search has seen them.
        table: of the table of outcomes that the run fills, whose replicates have a stream of their own, too (§5).
    """
    if table is not None:
        return derive_seed(run_seed, "table", table, protocol.hash)
    return derive_seed(run_seed, "confirm" if fresh else "child", protocol.hash)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may use: children trained, and proposals made.

    Attributes:
        children: trainings charged, 1 to ``MOST_CHILDREN``; a rule equal to one already trained in the run is free.
        proposals: proposals accepted in all, duplicates included; no fewer than children.

    Raises:
        ProtocolError: one of them is out of range.
    """

    children: int
    proposals: int

    def __post_init__(self) -> None:
        check_range("children", self.children, least=1, most=MOST_CHILDREN, error=ProtocolError)
        most = PROPOSALS_PER_CHILD * MOST_CHILDREN
        check_range("proposals", self.proposals, least=self.children, most=most, error=ProtocolError)

    @classmethod
    def of(cls, children: int) -> Budget:
        """The budget of so many children with the default cap on proposals."""
        return cls(children, PROPOSALS_PER_CHILD * children)


@dataclass(frozen=True, slots=True)
class NoData:
    """The data set of a protocol that reads none."""

    name: str = "none"
    fingerprint: str = "none"


NO_DATA = NoData()
