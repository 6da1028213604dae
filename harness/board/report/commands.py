"""The command that repeats a run, from its header alone: what was typed then may have relied on defaults of its day."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence

from harness.board.wording import seed_list
from harness.candidates import NamedOptimizer, names_optimizer
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.protocols import REFERENCE, Budget
from harness.race.startup import implied
from harness.space.grammar import Space
from harness.space.vocabulary import EDITIONS

CONSTRAINTS = {
    "distinct_operands": "distinct-operands",
    "last_not_add": "last-not-add",
    "connected": "connected",
}


def repeating(header: RunHeader, seeds: Sequence[int]) -> str:
    """The command that makes the runs of one entrant again, or goes on with them.

    A start-up that an old record leaves open is written out where today's default is another: the proposals are the
    same then, the runs are others.
    """
    parts = ["harness", "run", "--searcher", header.searcher]
    for name, value in sorted({**header.settings, **implied(header)}.items()):
        parts += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    parts += [*_space(header.space), *_scoring(header), *_budget(header.budget)]
    parts += ["--seeds", seed_list(sorted(seeds))]
    if header.asynchronous:
        parts.append("--async")
    return shlex.join([*parts, *_device(header)])


def confirming(header: ConfirmationHeader, seeds: Sequence[int]) -> str:
    """The command that retrains the very rules of a confirmation on the same seeds.

    It makes the very runs again where the rules were named by hand. What searches nominated it names by hand, too, so
    its runs are others, with the same scores: the searches may have become more since, and would nominate others.
    """
    parts = ["harness", "confirm", "--seeds", seed_list(sorted(set(seeds)))]
    parts += _scoring(header)
    for rule in header.confirmation.rules:
        named = names_optimizer(rule)
        parts += ["--candidate", NamedOptimizer.read(rule).text] if named else ["--rule", rule]
    return shlex.join([*parts, *_device(header)])


def _space(space: Space) -> list[str]:
    edition = EDITIONS[space.edition]
    parts = ["--space", space.edition, "--blocks", str(space.blocks)]
    for option, chosen, whole in (
        ("--operands", space.operands, edition.operands),
        ("--unary", space.unary, edition.unary),
        ("--binary", space.binary, edition.binary),
    ):
        if tuple(chosen) != tuple(whole):
            parts += [option, ",".join(chosen)]
    kept = [name for field, name in CONSTRAINTS.items() if getattr(space, field)]
    told = "all" if len(kept) == len(CONSTRAINTS) else ",".join(kept) or "none"
    return [*parts, "--constraints", told]


def _scoring(header: RunHeader) -> list[str]:
    protocol = header.protocol
    name = header.provenance.get(REFERENCE, protocol.name)
    return ["--protocol", name, *(["--data", header.data] if protocol.inputs != "none" else [])]


def _device(header: RunHeader) -> list[str]:
    """The record holds a GPU's make, which no ``--device`` takes."""
    return [] if header.environment.get("device", "cpu") == "cpu" else ["--device", "cuda"]


def _budget(budget: Budget) -> list[str]:
    parts = ["--children", str(budget.children)]
    if dataclasses.astuple(budget) != dataclasses.astuple(Budget.of(budget.children)):
        parts += ["--proposals", str(budget.proposals)]
    return parts
