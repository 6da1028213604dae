"""How the child on images is scored: the named protocols of ``tasks.child`` (protocol §2)."""

from __future__ import annotations

from dataclasses import replace

from harness.contracts import ChildProtocol, NamedProtocol
from harness.tasks.sweep import SWEEP

# For `quick` and `paper`: a rule that learns, one about as good as SGD on CIFAR-10 (measured: 0.42 and 0.55), one near
# the best known there (0.47 and 0.60).
QUICK_TARGETS, PAPER_TARGETS = (0.35, 0.4, 0.45), (0.5, 0.55, 0.6)

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
# 0.13: chance plus three standard errors on 1,000 held-out examples.
QUICK_HALVING = replace(QUICK, name="quick-halving", rungs=(0.25, 0.5), stops_below=0.13)
QUICK_BF16 = replace(QUICK, name="quick-bf16", dtype="bfloat16")
PAPER_BF16 = replace(PAPER, name="paper-bf16", dtype="bfloat16")

NAMED_PAPER = NamedProtocol(
    PAPER, "the child of Neural Optimizer Search §4.2, for results to publish", targets=PAPER_TARGETS
)
NAMED_QUICK = NamedProtocol(
    QUICK, "the same network with fewer examples: a whole search in minutes", targets=QUICK_TARGETS
)
NAMED_QUICK_HALVING = NamedProtocol(
    QUICK_HALVING,
    "quick, but the sweep drops λs early and a child at chance stops: less work, different rewards",
    targets=QUICK_TARGETS,
)
NAMED_QUICK_BF16 = NamedProtocol(
    QUICK_BF16,
    "quick with products in bfloat16: faster on processors with AMX, slower on others",
    targets=QUICK_TARGETS,
)
NAMED_PAPER_BF16 = NamedProtocol(
    PAPER_BF16,
    "paper with products in bfloat16: faster on processors with AMX, slower on others",
    targets=PAPER_TARGETS,
)
