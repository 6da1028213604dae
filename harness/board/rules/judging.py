"""Pure functions that turn a ledger into boards of confirmed rules: what rules earn on fresh seeds (protocol §3).

A rule's figure is its test score if the task has one. The best known optimizer is chosen by mean *validation* score
over the seeds that all known optimizers have (**D**). The best of several noisy means is a lucky one. If validation is
also the figure, that luck favours the known optimizer, and the comparison errs against the rules that were found. If
the figure is the test score, the luck does not carry over: if validation picks an optimizer that is truly weaker than
another known one, the comparison errs in favour of the rules that were found.
"""

from __future__ import annotations

import math
import statistics as averages
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.board import statistics
from harness.board.comparison import holm
from harness.board.entrants import hardware, told
from harness.board.rules.board import ConfirmedRule, Finder, Paired, Retraining, RulesBoard, Searched, UnfinishedSeed
from harness.board.rules.known import known_optimizers
from harness.board.rules.nominating import finders
from harness.board.wording import formula
from harness.contracts import Candidate, Outcome, Rule, Status, TaskProtocol, Trial
from harness.race.header import ConfirmationHeader, RunHeader
from harness.race.runs import Judged, RunRecord, RunState
from harness.race.store.rows import candidate_from
from harness.seeds import derive_seed
from harness.space.equivalence import canonical
from harness.space.expression import state

TARGET_SHARE = 0.9  # of what the best known optimizer gains over chance: mostly reached before the last epoch (**D**)

Trials = Mapping[str, Mapping[int, Trial[Candidate]]]
"""By the rule's key and the seed."""


def rules_boards(
    searches: Iterable[Judged], confirmations: Iterable[RunRecord], *, only: str = ""
) -> tuple[RulesBoard, ...]:
    """Return one board for each group of comparable confirmations, in the order in which the groups began.

    Args:
        searches: all runs of a store, from which the rules' finders and search scores are read.
        confirmations: of the same store.
        only: ``group_of`` a header, to make only that group's board; empty for all.
    """
    searches = list(searches)
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for record in sorted(confirmations, key=lambda each: (each.started, each.header.seed, each.header.identity)):
        group = group_of(confirmed_by(record))
        if only in ("", group):
            groups[group].append(record)
    return tuple(_board(records, searches) for records in groups.values())


def confirmed_by(record: Judged) -> ConfirmationHeader:
    """Return the header of a confirmation."""
    assert isinstance(record.header, ConfirmationHeader), "a search confirms nothing"
    return record.header


def group_of(header: ConfirmationHeader) -> str:
    """Return what confirmations must share to be compared: who nominated and how, protocol, data and environment.

    Rules that were chosen in another way are another family of tests, which is corrected separately (**D**).
    """
    parts = [header.confirmation.searched, header.protocol.hash, header.data_fingerprint, header.environment_hash]
    return " ".join([*parts, header.confirmation.nominated] if header.confirmation.nominated else parts)


def _board(records: Sequence[RunRecord], searches: Sequence[Judged]) -> RulesBoard:
    header = confirmed_by(records[0])
    trials = _trials(records)
    tested = any(trial.outcome.test is not None for own in trials.values() for trial in own.values())
    searched = _searched(header.confirmation.searched, searches)
    best = _best_known(trials)
    target = None if not best else _target(trials[best].values(), header.protocol)
    retrained = {
        key: tuple(
            _retraining(seed, trial.outcome, header.protocol, tested=tested, target=target)
            for seed, trial in sorted(own.items())
        )
        for key, own in trials.items()
    }
    found = {} if searched is None else finders(searches, searched.comparable, trials.keys())
    fair = searched is not None and _one_scale(searched, header)
    paired = _compared(retrained, best)
    rules = [
        _rule(
            _first(own).rule,
            key,
            retrained[key],
            target=target,
            found=found.get(key, ()),
            paired=paired.get(key),
            fair=fair,
        )
        for key, own in trials.items()
    ]
    finished = [record for record in records if record.state is RunState.FINISHED]
    return RulesBoard(
        group=group_of(header),
        searched=searched,
        nominated=header.confirmation.nominated,
        protocol=header.protocol,
        data=header.data,
        fingerprint=header.data_fingerprint,
        environment=header.environment,
        seeds=tuple(sorted({record.header.seed for record in finished})),
        commits=told(records, "commit"),
        hardware=hardware(records),
        tested=tested,
        best_known=best,
        target=target,
        rules=tuple(sorted(rules, key=lambda each: (-each.figure.mean, each.key))),
        unfinished=_unfinished(records, trials),
        notes=_notes(rules, searched, fair=fair),
    )


def _trials(records: Sequence[RunRecord]) -> Trials:
    """Return the finished runs' trial of each rule and seed; if several runs share a rule, its outcomes are equal."""
    found: dict[str, dict[int, Trial[Candidate]]] = defaultdict(dict)
    for record in records:
        if record.state is RunState.FINISHED:
            for key, trial in zip(record.results.keys, record.trials, strict=True):
                held = found[key].get(record.header.seed)
                if held is None or held.outcome.status is Status.ERROR:  # another machine or hour may succeed
                    found[key][record.header.seed] = trial
    return found


def _first(trials: Mapping[int, Trial[Candidate]]) -> Trial[Candidate]:
    return trials[min(trials)]


def _searched(comparable: str, searches: Sequence[Judged]) -> Searched | None:
    header = next((record.header for record in searches if record.header.comparable == comparable), None)
    if header is None:
        return None
    return Searched(
        comparable=comparable,
        space=header.space,
        protocol=header.protocol,
        data=header.data,
        fingerprint=header.data_fingerprint,
        budget=header.budget,
    )


def _one_scale(searched: Searched, header: RunHeader) -> bool:
    """Whether search scores and validation scores here are measured in the same way."""
    return (searched.protocol.hash, searched.fingerprint) == (header.protocol.hash, header.data_fingerprint)


def _best_known(trials: Trials) -> str:
    """Return the key of the known optimizer with the highest mean validation score over the seeds that all have."""
    known = {rule.key: trials[rule.key] for rule in known_optimizers().values() if rule.key in trials}
    common = set.intersection(*(set(own) for own in known.values())) if known else set()
    if not common:
        return ""
    return max(known, key=lambda key: averages.fmean(known[key][seed].outcome.score for seed in sorted(common)))


def _target(trials: Iterable[Trial[Candidate]], protocol: TaskProtocol) -> float:
    """Return the score nine tenths of the way from chance to the best known optimizer's median score (**D**)."""
    median = averages.median(trial.outcome.score for trial in trials)
    return protocol.chance + TARGET_SHARE * (median - protocol.chance)


def _retraining(
    seed: int, outcome: Outcome, protocol: TaskProtocol, *, tested: bool, target: float | None
) -> Retraining:
    test = outcome.test
    if test is None and tested and outcome.status is not Status.OK:
        test = protocol.chance  # a failure was not tested: it scores chance
    examples = protocol.count("train_examples")
    scores = statistics.trained(outcome.status, outcome.curve)
    reached = [] if target is None else [epoch for epoch, score in enumerate(scores, 1) if score >= target]
    return Retraining(
        seed=seed,
        status=outcome.status,
        validation=outcome.score,
        test=test,
        learning_rate=outcome.learning_rate,
        target_examples=reached[0] * examples if reached and examples is not None else None,
        examples=outcome.examples,
        seconds=outcome.seconds,
        sweep=outcome.sweep,
        curve=outcome.curve,
    )


def _rule(
    rule: Candidate,
    key: str,
    retrainings: tuple[Retraining, ...],
    *,
    target: float | None,
    found: tuple[Finder, ...],
    paired: Paired | None,
    fair: bool,
) -> ConfirmedRule:
    validation = statistics.bootstrapped(
        [each.validation for each in retrainings], seed=derive_seed(0, "confirmed", "validation", key)
    )
    tests = [each.test for each in retrainings if each.test is not None]
    node = canonical(rule) if isinstance(rule, Rule) else None
    score = found[0].score if found else None
    needed = [math.inf if each.target_examples is None else each.target_examples for each in retrainings]
    median = averages.median(needed)
    return ConfirmedRule(
        rule=rule,
        infix=formula(rule),
        key=key,
        known=next((name for name, each in known_optimizers().items() if each.key == key), ""),
        finders=found,
        search_score=score,
        retrainings=retrainings,
        validation=validation,
        test=(
            statistics.bootstrapped(tests, seed=derive_seed(0, "confirmed", "test", key))
            if len(tests) == len(retrainings)
            else None
        ),
        paired=paired,
        diverged=sum(each.status is Status.DIVERGED for each in retrainings),
        errors=sum(each.status is Status.ERROR for each in retrainings),
        reached=sum(
            target is not None and max(statistics.trained(each.status, each.curve), default=-math.inf) >= target
            for each in retrainings
        ),
        target_examples=median if math.isfinite(median) else None,
        means=None if node is None else state(node),
        complexity=None if node is None else sum(1 for _ in node.walk()),
        drop=score - validation.mean if score is not None and fair else None,
    )


def _compared(retrained: Mapping[str, Sequence[Retraining]], best: str) -> dict[str, Paired]:
    """Compare every rule with the best known optimizer, seed by seed, with Holm's correction over all rules."""
    if not best:
        return {}
    reference = {each.seed: _figure(each) for each in retrained[best]}
    pairs: dict[str, dict[int, float]] = {}
    for key, own in retrained.items():
        common = {each.seed: _figure(each) - reference[each.seed] for each in own if each.seed in reference}
        if key != best and common:
            pairs[key] = common
    chances = {key: statistics.sign_flip(list(own.values()), tests=len(pairs)) for key, own in pairs.items()}
    adjusted = dict(zip(chances, holm(list(chances.values())), strict=True))
    return {
        key: Paired(
            difference=statistics.bootstrapped(list(own.values()), seed=derive_seed(0, "confirmed", "paired", key)),
            differences=tuple(own.values()),
            seeds=tuple(own),
            p=chances[key],
            adjusted=adjusted[key],
            least=min(1.0, 2.0 / 2.0 ** len(own)),
        )
        for key, own in pairs.items()
    }


def _figure(each: Retraining) -> float:
    return each.validation if each.test is None else each.test


def _unfinished(records: Sequence[RunRecord], trials: Trials) -> tuple[UnfinishedSeed, ...]:
    """Return runs with rules that no finished run holds for their seed; a list replaced by a longer one is done."""
    found = []
    for record in records:
        if record.state is RunState.FINISHED or _replaced(record, trials):
            continue
        found.append(
            UnfinishedSeed(
                run=record.header.name,
                seed=record.header.seed,
                state=record.standing,
                done=len(record.trials),
                rules=len(confirmed_by(record).confirmation.rules),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.seed, each.run)))


def _replaced(record: RunRecord, trials: Trials) -> bool:
    held = {key for key, own in trials.items() if record.header.seed in own}
    return all(candidate_from(text).key in held for text in confirmed_by(record).confirmation.rules)


def _notes(rules: Sequence[ConfirmedRule], searched: Searched | None, *, fair: bool) -> tuple[str, ...]:
    notes = []
    if searched is not None and not fair and any(rule.finders for rule in rules):
        notes.append(
            "The searches scored by another protocol or on other data, so their scores are no measure of the drop."
        )
    if len({rule.seeds for rule in rules}) > 1:
        notes.append(
            "Not all rules were retrained on the same seeds: the list grew. Differences are over common seeds."
        )
    return tuple(notes)
