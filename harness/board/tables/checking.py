"""Whether a packed table is correct: it is rebuilt from its runs, and some entries are retrained on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy  # which loads its parts when they are first used

from harness.board.rules.known import CONFIRMER, InTurn
from harness.board.statistics import Estimate, estimate, paired_t
from harness.board.tables.figures import TableFigures, correlations, noise
from harness.board.tables.opening import Table
from harness.board.tables.packing import content_of
from harness.contracts import Outcome, Rule
from harness.errors import DataError, LedgerError, message
from harness.race.conditions import Conditions, Training
from harness.race.header import TableHeader
from harness.race.protocols import Budget
from harness.race.racing import Follow, carry_out, unfollowed
from harness.race.store.ledger import Ledger
from harness.race.store.tables import named
from harness.seeds import derive_seed

FALSE_ALARM = 0.01  # probability that correct outcomes fail, for each test
LEAST_TESTED = 3  # entries for a test of bias


def check_rebuilt(table: Table, path: Path, folder: Path) -> None:
    """Raise unless the runs give the table's file, byte for byte.

    Args:
        table: the table, as read from its file.
        path: path of its file.
        folder: folder of its runs.

    Raises:
        LedgerError: a run is missing or damaged, or is not the one that the table was packed from.
    """
    content = content_of(folder, named(table.name))
    if content == path.read_bytes():
        return
    what, hint = f"table {path}", f"Pack it again with `harness table pack {table.name}`"
    expected = f"the bytes that the runs in {folder} give"
    raise LedgerError(message(what, expected=expected, got="different bytes", hint=hint))


@dataclass(frozen=True, slots=True)
class Environments:
    """Whether outcomes of two environments differ more than outcomes of one.

    Attributes:
        within: root mean square difference between two replicates of one environment, over all rules.
        across: the same between two replicates of two environments.
        p: p of the paired t test of the squared differences, rule by rule.
    """

    within: float
    across: float
    p: float

    @property
    def differ(self) -> bool:
        """Whether they differ beyond noise."""
        return self.across > self.within and self.p <= FALSE_ALARM


def environments(shown: TableFigures) -> Environments | None:
    """Compare replicates of one environment with those of two; None unless there are both."""
    scores = shown.table.own.scores - shown.table.own.scores.mean(axis=0)
    squares: dict[bool, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = {True: [], False: []}
    for each in shown.agreements:
        first, second = each.environments
        if first == second or not set(first) & set(second):
            squares[first == second].append((scores[:, each.first] - scores[:, each.second]) ** 2)
    if not squares[True] or not squares[False]:
        return None
    within, across = np.mean(squares[True], axis=0), np.mean(squares[False], axis=0)
    return Environments(
        float(np.sqrt(within.mean())), float(np.sqrt(across.mean())), paired_t((across - within).tolist())
    )


@dataclass(frozen=True, slots=True)
class Retrained:
    """One entry of a table, trained again from its seed.

    Attributes:
        rule: the rule.
        replicate: the replicate that was trained again.
        held: what it earned according to the table.
        here: what it earned here.
    """

    rule: Rule
    replicate: int
    held: Outcome
    here: Outcome

    @property
    def equal(self) -> bool:
        """Whether the status and the exact score are the same."""
        return (self.held.status, self.held.score) == (self.here.status, self.here.score)


@dataclass(frozen=True, slots=True)
class Retraining:
    """How well retrained entries agree with the table.

    Attributes:
        entries: the retrained entries, at least one.
        difference: mean of the score here minus the score in the table, with its interval.
        p: p of the paired t test of these differences; None for one or two entries: two counts of thousandths are often
            equal, and would be called certain.
        size: root mean square of the differences.
        noise: the same between two seeds: √2 times the standard deviation of the table's noise.
        spearman: rank correlation; None where one side has no variance.
    """

    entries: tuple[Retrained, ...]
    difference: Estimate
    p: float | None
    size: float
    noise: float
    spearman: float | None

    @property
    def equal(self) -> int:
        """How many entries have the same status and score."""
        return sum(each.equal for each in self.entries)

    @property
    def agrees(self) -> bool:
        """Whether all are equal, or the differences are no larger than between seeds and not biased in one direction.

        Correct outcomes fail each of the two tests at most once in a hundred times if differences are normal.
        """
        if self.equal == len(self.entries):
            return True
        count = len(self.entries)
        most = self.noise * float(np.sqrt(scipy.stats.chi2.ppf(1 - FALSE_ALARM, count) / count))
        return self.size <= most and (self.p is None or self.p > FALSE_ALARM)


def retrain(table: Table, training: Training, *, count: int, seed: int, follow: Follow = unfollowed) -> Retraining:
    """Train random entries of a table again, each from the seed of its replicate, and compare.

    Args:
        table: the table whose entries to retrain.
        training: where children train, with test scores, on the table's data.
        count: how many entries to retrain; at most all entries of the table.
        seed: seed of the choice.
        follow: called to follow the runs.

    Raises:
        DataError: the data set differs from the table's.
        HarnessError: children cannot train.
        Stopped: the follower asked to stop.
    """
    _check_conditions(table, training.conditions)
    picks = _picked(table, count, seed)
    entries: list[Retrained] = []
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger:
        headers = [_header(table, training.conditions, replicate, len(places)) for replicate, places in picks]
        rules = [[table.own.rules[place] for place in places] for _, places in picks]
        engine = training.open(headers)
        try:
            runs = [(header, partial(InTurn, own)) for header, own in zip(headers, rules, strict=True)]
            carry_out(runs, engine, ledger, follow=follow)
        finally:
            engine.close()
        for header, (replicate, places) in zip(headers, picks, strict=True):
            for place, entry in zip(places, ledger.archive(header.identity).entries, strict=True):
                assert entry.outcome is not None, "a finished run is whole"
                rule = table.own.rules[place]
                entries.append(Retrained(rule, replicate, table.own.outcome(place, replicate), entry.outcome))
    return compared(entries, spread=noise(table.own.scores).spread)


def compared(entries: Sequence[Retrained], *, spread: float) -> Retraining:
    """Compare retrained entries with the table.

    Args:
        entries: the retrained entries, at least one.
        spread: standard deviation of the table's noise.
    """
    held = np.array([each.held.score for each in entries])
    here = np.array([each.here.score for each in entries])
    differences = (here - held).tolist()
    return Retraining(
        tuple(entries),
        estimate(differences),
        paired_t(differences) if len(differences) >= LEAST_TESTED else None,
        float(np.sqrt(np.mean(np.square(differences)))),
        float(np.sqrt(2)) * spread,
        correlations(held, here)[1],
    )


def _picked(table: Table, count: int, seed: int) -> list[tuple[int, list[int]]]:
    """Choose random entries: the places of the rules, by replicate."""
    rules, seeds = table.own.scores.shape
    rng = np.random.default_rng(derive_seed(seed, "check", table.name))
    chosen = sorted(rng.choice(rules * seeds, size=min(count, rules * seeds), replace=False).tolist())
    of = {replicate: [each // seeds for each in chosen if each % seeds == replicate] for replicate in range(seeds)}
    return [(replicate, places) for replicate, places in of.items() if places]


def _header(table: Table, conditions: Conditions, replicate: int, count: int) -> TableHeader:
    """Return the header of the run that retrains some rules of a replicate.

    Raises:
        LedgerError: its children would train from different seeds than the table's did.
    """
    header = TableHeader(
        searcher=CONFIRMER,
        searcher_version=InTurn.version,
        settings={},
        space=table.space,
        protocol=table.protocol,
        data=conditions.data,
        data_fingerprint=conditions.fingerprint,
        budget=Budget(count, count),
        seed=replicate,
        asynchronous=False,
        environment=conditions.environment,
        provenance=conditions.provenance,
        table=table.name,
    )
    if header.child_seed != table.header["child_seeds"][replicate]:
        what, hint = f"table {table.name}, replicate {replicate}", "Use the version of this program that packed it"
        expected = f"child seed {table.header['child_seeds'][replicate]}"
        raise LedgerError(message(what, expected=expected, got=header.child_seed, hint=hint))
    return header


def _check_conditions(table: Table, conditions: Conditions) -> None:
    wanted = table.header["data"]["fingerprint"]
    if conditions.fingerprint != wanted:
        what, hint = f"data set {conditions.data}", "Name the folder of that copy with --data-root"
        expected = f"fingerprint {wanted}, as the table has it"
        raise DataError(message(what, expected=expected, got=conditions.fingerprint, hint=hint))
