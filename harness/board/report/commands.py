"""The command that repeats a run, from its record alone: the original command may have relied on old defaults."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from harness.board.blackbox.record import Entrant, Record
from harness.board.learned.record import Comparison
from harness.board.transfer.plan import MINI
from harness.board.wording import seed_list
from harness.candidates import NamedOptimizer, names_optimizer
from harness.race.header import ConfirmationHeader, RunHeader, TransferHeader
from harness.race.protocols import REFERENCE, Budget
from harness.race.startup import implied
from harness.space.grammar import Space
from harness.space.vocabulary import EDITIONS

CONSTRAINTS = {
    "distinct_operands": "distinct-operands",
    "last_not_add": "last-not-add",
    "connected": "connected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The code, machine and command behind one entrant's runs.

    Attributes:
        label: the entrant's name.
        version: version of the searcher; 0 for a confirmation or a transfer, which search nothing.
        seeds: seeds of all its runs, ascending.
        command: the command that repeats them.
        equivalent: whether the command makes different runs that have the same scores.
        environment: what else the scores depend on.
        machine: code and machine, as (name, text), each text once.
    """

    label: str
    version: int
    seeds: tuple[int, ...]
    command: str
    equivalent: bool
    environment: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]


def repeating(header: RunHeader, seeds: Sequence[int]) -> str:
    """Return the command that repeats or resumes the runs of one entrant.

    If an old record leaves the start-up open and today's default differs, the start-up is written out. The proposals
    are then the same, but the runs count as different ones.
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
    """Return the command that retrains exactly the rules of a confirmation on the same seeds.

    If the rules were named by hand, it repeats the same runs. Rules that searches nominated are named by hand here,
    too, because the store may hold more searches by now, which would nominate other rules. Those runs count as
    different ones, with the same scores.
    """
    parts = ["harness", "confirm", "--seeds", seed_list(sorted(set(seeds)))]
    parts += _scoring(header)
    for rule in header.confirmation.rules:
        named = names_optimizer(rule)
        parts += ["--candidate", NamedOptimizer.read(rule).text] if named else ["--rule", rule]
    return shlex.join([*parts, *_device(header)])


def transferring(header: TransferHeader, seeds: Sequence[int]) -> str:
    """Return the command that trains exactly the candidates of a transfer on the same workload and seeds.

    If they were named by hand, it repeats the same runs. Candidates chosen from confirmed rules are named by hand here,
    too, because the store may choose others by now. Those runs count as different ones, with the same scores.
    """
    name, funnel = header.provenance.get(REFERENCE, header.protocol.name), header.transfer.funnel
    parts = ["harness", "transfer", "--workloads", name.removesuffix(MINI)]
    if ":" not in name and not name.endswith(MINI):
        parts.append("--full")
    parts += ["--seeds", seed_list(sorted(set(funnel.seeds if funnel else seeds)))]
    if funnel:
        parts += ["--funnel", ",".join(map(str, funnel.rungs))]
    if header.protocol.inputs != "none":
        parts += ["--data", header.data]
    for record in funnel.entrants if funnel else header.transfer.candidates:
        parts += ["--rules", NamedOptimizer.read(record).text if names_optimizer(record) else record]
    return shlex.join([*parts, *_device(header)])


def comparing(comparison: Comparison) -> str:
    """Return the command that makes a comparison of learned optimizers again, with all its candidates."""
    conditions = comparison.conditions
    parts = ["harness", "learn", "compare", "--problems", conditions.name]
    for each in comparison.candidates:
        record = each.candidate
        parts += ["--candidates", NamedOptimizer.read(record).text if names_optimizer(record) else record]
    parts += ["--count", str(conditions.count), "--seed", str(conditions.seed), "--steps", str(conditions.steps)]
    return shlex.join([*parts, *(["--data", conditions.data] if conditions.data else [])])


def contesting(record: Record) -> str:
    """Return the command that holds a contest of black-box optimizers again, with all its entrants."""
    conditions = record.conditions
    parts = ["harness", "blackbox", "--problems", conditions.name]
    for each in record.entrants:
        parts += ["--entrants", _called(each), "--count", f"{_called(each)}={each.count}"]
    parts += ["--seed", str(conditions.seed), "--steps", str(conditions.steps)]
    return shlex.join([*parts, *(["--workers-simulated", str(conditions.workers)] if conditions.workers > 1 else [])])


def _called(each: Entrant) -> str:
    """Write an entrant with all its settings, since defaults may change."""
    given = ", ".join(f"{name}={value!r}" for name, value in sorted(each.method.settings.items()))
    return f"{each.method.name}({given})" if given else each.method.name


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
    """Return the ``--device`` option: the record holds a GPU's model name, which ``--device`` does not accept."""
    return [] if header.environment.get("device", "cpu") == "cpu" else ["--device", "cuda"]


def _budget(budget: Budget) -> list[str]:
    parts = ["--children", str(budget.children)]
    if dataclasses.astuple(budget) != dataclasses.astuple(Budget.of(budget.children)):
        parts += ["--proposals", str(budget.proposals)]
    return parts
