"""Pure functions that turn runs into boards of transfers: what candidates are worth on other workloads (protocol §7).

The figure is the test score after the last epoch. It plays no part in any choice: validation alone chose λ and the best
epoch, promoted the candidates of a funnel, and sets the targets of times. Means, intervals and tests are of scores;
pages write them as the workload's metric (**D**: a mean of perplexities can be infinite, one of scores cannot).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.board.comparison import Comparison, compare, places
from harness.board.entrants import differing, environment_marks, hardware, told
from harness.board.statistics import Estimate, bootstrapped
from harness.board.transfer.across import across, representatives
from harness.board.transfer.board import Across, Child, Entrant, Result, TransferBoard, Unfinished, Workload
from harness.board.transfer.funnel import funnel_of
from harness.board.transfer.results import funnels, transfer_runs
from harness.board.transfer.times import adam_of, targets_of, time_to_target
from harness.board.wording import formula, listed, plain, seed_list
from harness.contracts import Candidate, Outcome, Status
from harness.race.header import TransferHeader
from harness.race.protocols import whole
from harness.race.runs import Judged, RunRecord, RunState
from harness.race.store.rows import candidate_from
from harness.seeds import derive_seed
from harness.space.zoo import ZOO, named

SHOWN = 6  # digits of a hash in a column's name
Trained = dict[int, dict[str, dict[int, Outcome]]]
"""Of one workload: by the run's epochs, the candidate's key and the seed."""


@dataclass(frozen=True, slots=True)
class Column:
    """The runs of one workload under equal conditions: the only ones that are compared.

    Attributes:
        label: its name on the board.
        runs: its runs, whatever their state, in the order in which they began.
        trained: what the children of the finished ones earned.
    """

    label: str
    runs: tuple[RunRecord, ...]
    trained: Trained

    @property
    def header(self) -> TransferHeader:
        """Its first header; the others differ in seed, rung and list of candidates."""
        return header_of(self.runs[0])


def header_of(record: Judged) -> TransferHeader:
    """Return the header of a transfer."""
    assert isinstance(record.header, TransferHeader), "only transfers come here"
    return record.header


def transfer_boards(records: Iterable[Judged]) -> tuple[TransferBoard, ...]:
    """Return one board for each way in which candidates were chosen, in the order in which the boards began.

    Candidates that were chosen in another way are another family of tests, which is corrected separately (**D**).

    Args:
        records: runs of a store; those that are no full records of transfers are passed over.
    """
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for record in transfers(records):
        groups[header_of(record).transfer.chosen].append(record)
    return tuple(_board(chosen, own) for chosen, own in groups.items())


def transfers(records: Iterable[Judged]) -> list[RunRecord]:
    """Return the full records of transfers among some runs, in the order in which they began."""
    found = [each for each in records if isinstance(each, RunRecord) and isinstance(each.header, TransferHeader)]
    return sorted(found, key=lambda each: (each.started, each.header.seed, each.header.name))


def _board(chosen: str, records: Sequence[RunRecord]) -> TransferBoard:
    found = columns(records)
    candidates: dict[str, Candidate] = {}
    for record in records:
        if record.state is RunState.FINISHED:
            for key, trial in zip(record.results.keys, record.trials, strict=True):
                candidates.setdefault(key, trial.rule)
    labels = _labels(candidates)
    every = [_workload(each, candidates, labels) for each in found]
    workloads = [each for each in every if each.results or (each.funnel and each.funnel.entered)]
    summary = across(workloads, list(labels.values()))
    return TransferBoard(
        chosen=chosen,
        entrants=tuple(_entrants(candidates, labels, summary)),
        workloads=tuple(workloads),
        across=summary,
        commits=told(records, "commit"),
        hardware=hardware(records),
        unfinished=tuple(each for column in found for each in _unfinished(column)),
        notes=tuple(_notes(found, workloads, summary)),
    )


def columns(records: Sequence[RunRecord]) -> list[Column]:
    """Return the transfers that may be compared: of equal workload, data, environment and funnel."""
    groups: dict[tuple[object, ...], list[RunRecord]] = defaultdict(list)
    for record in records:
        header = header_of(record)
        pins = (_training(header), header.data_fingerprint, header.environment_hash)
        groups[*pins, header.transfer.funnel].append(record)
    marks = _marks([header_of(own[0]) for own in groups.values()])
    return [Column(mark, tuple(own), _trained(own)) for mark, own in zip(marks, groups.values(), strict=True)]


def _labels(candidates: Mapping[str, Candidate]) -> dict[str, str]:
    """Name each candidate by its name among the known rules, or else by its formula; all names differ."""
    known = {named(name).key: name for name in ZOO} if candidates else {}
    found: dict[str, str] = {}
    for key, candidate in candidates.items():
        label = known.get(key) or formula(candidate)
        found[key] = label if label not in found.values() else plain(str(candidate))
    return found


def _training(header: TransferHeader) -> str:
    """Return the hash of how candidates are trained and scored; the rungs of a funnel are parts of one training."""
    return whole(header.protocol) if header.transfer.funnel else header.protocol.hash


def _marks(headers: Sequence[TransferHeader]) -> list[str]:
    """Name each column by its protocol, and by what distinguishes it from other columns of that name."""
    found = []
    for header in headers:
        protocol = header.protocol
        namesakes = [each for each in headers if each.protocol.name == protocol.name]
        label, versions = protocol.name, {each.protocol.version for each in namesakes}
        if len(versions) > 1:
            label += f" v{protocol.version}"
        if len({_training(each) for each in namesakes}) > len(versions):
            label += f" ({_training(header)[:SHOWN]})"
        names = {each.data for each in namesakes}
        if len(names) > 1:
            label += f" on {plain(header.data)}"
        if len({(each.data, each.data_fingerprint) for each in namesakes}) > len(names):
            label += f" ({header.data_fingerprint[:SHOWN]})"
        label += environment_marks(namesakes)[tuple(sorted(header.environment.items()))]
        found.append(f"{label} funnel" if header.transfer.funnel else label)
    counts = Counter(found)
    return [
        f"{label} {found[: place + 1].count(label)}" if counts[label] > 1 else label
        for place, label in enumerate(found)
    ]


def _trained(records: Sequence[RunRecord]) -> Trained:
    """Return the outcomes of the finished runs; if several runs share a child, its outcomes are equal."""
    found: Trained = {}
    for record in records:
        if record.state is not RunState.FINISHED:
            continue
        own = found.setdefault(record.header.protocol.epochs, {})
        for key, trial in zip(record.results.keys, record.trials, strict=True):
            seeds = own.setdefault(key, {})
            held = seeds.get(record.header.seed)
            if held is None or held.status is Status.ERROR:  # another machine or hour may succeed
                seeds[record.header.seed] = trial.outcome
    return found


def _workload(column: Column, candidates: Mapping[str, Candidate], labels: Mapping[str, str]) -> Workload:
    longest = header_of(max(column.runs, key=lambda each: each.header.protocol.epochs))
    funnel = longest.transfer.funnel
    last = funnel.rungs[-1] if funnel else longest.protocol.epochs
    tested = _tested([each for seeds in column.trained.get(last, {}).values() for each in seeds.values()])
    chance = longest.protocol.chance if tested else None
    children = {
        epochs: {key: [_child(*each, chance=chance) for each in sorted(seeds.items())] for key, seeds in own.items()}
        for epochs, own in column.trained.items()
    }
    finished = children.get(last, {})
    adam = adam_of({key: candidates[key] for key in finished})
    targets = targets_of(finished[adam]) if adam else {}
    counted = longest.protocol.count("train_examples") or 0
    results = [
        _result(labels[key], key, own, tested=tested, targets=targets, counted=counted) for key, own in finished.items()
    ]
    comparisons = compare(
        {each.label: {child.seed: _figure(child, tested) for child in each.children} for each in results},
        seed=derive_seed(0, "transfer", "pairs"),
        repeated=_repeated(results, tested=tested),
    )
    spans = places([each.label for each in results], comparisons)
    placed = [_placed(each, spans[each.label], comparisons) for each in results]
    return Workload(
        label=column.label,
        protocol=longest.protocol,
        data=longest.data,
        fingerprint=longest.data_fingerprint,
        environment=longest.environment,
        seeds=tuple(sorted({run.header.seed for run in column.runs if run.state is RunState.FINISHED})),
        tested=tested,
        counted=counted,
        adam=labels[adam] if adam else "",
        targets=tuple(sorted(targets.items())),
        results=tuple(sorted(placed, key=lambda each: (-each.figure.mean, each.label))),
        comparisons=comparisons,
        funnel=funnel_of(funnels(transfer_runs(column.runs))[0], children, labels) if funnel else None,
    )


def _tested(outcomes: Sequence[Outcome]) -> bool:
    """Whether a column has test scores: all that trained to the end have one; a failure need not."""
    sound = [each for each in outcomes if each.status is Status.OK]
    return any(each.test is not None for each in outcomes) and all(each.test is not None for each in sound)


def _child(seed: int, outcome: Outcome, *, chance: float | None) -> Child:
    """Return a child; a failure that was not tested scores ``chance`` where others were."""
    sound = outcome.status is Status.OK
    test = outcome.test if sound or outcome.test is not None else chance
    best = max(outcome.curve) if sound and outcome.curve else outcome.score
    return Child(
        seed=seed,
        status=outcome.status,
        validation=outcome.score,
        test=test,
        best=best,
        best_epoch=outcome.curve.index(best) + 1 if sound and outcome.curve else None,
        test_at_best=outcome.test_at_best if sound else test,  # chance in all figures
        figures=outcome.figures,
        learning_rate=outcome.learning_rate,
        examples=outcome.examples,
        seconds=outcome.seconds,
        sweep=outcome.sweep,
        curve=outcome.curve,
    )


def _figure(child: Child, tested: bool) -> float:
    return child.test if tested and child.test is not None else child.validation


def _result(
    label: str, key: str, children: Sequence[Child], *, tested: bool, targets: Mapping[int, float], counted: int
) -> Result:
    def mean(what: str, values: Sequence[float]) -> Estimate:
        return bootstrapped(values, seed=derive_seed(0, "transfer", what, key))

    def whole_mean(what: str, values: Sequence[float | None]) -> Estimate | None:
        known = [value for value in values if value is not None]
        return mean(what, known) if len(known) == len(values) else None

    figures: dict[str, list[float]] = defaultdict(list)
    for child in children:
        for name, value in child.figures:
            figures[name].append(value)
    return Result(
        label=label,
        key=key,
        children=tuple(children),
        validation=mean("validation", [child.validation for child in children]),
        test=whole_mean("test", [child.test for child in children]) if tested else None,
        best=mean("best", [child.best for child in children]),
        test_at_best=whole_mean("test at best", [child.test_at_best for child in children]),
        figures=tuple((name, mean(name, own)) for name, own in figures.items()),
        places=(1, 1),
        compared=0,
        time=time_to_target(children, targets, examples=counted),
        diverged=sum(child.status is Status.DIVERGED for child in children),
        errors=sum(child.status is Status.ERROR for child in children),
    )


def _placed(each: Result, span: tuple[int, int], comparisons: Sequence[Comparison]) -> Result:
    own = [pair for pair in comparisons if each.label in (pair.first, pair.second)]
    return replace(each, places=span, compared=sum(pair.adjusted is not None for pair in own))


def _entrants(
    candidates: Mapping[str, Candidate], labels: Mapping[str, str], summary: Across | None
) -> Sequence[Entrant]:
    """Return the rows: those with a mean rank by it, then the others by name."""
    ranked = [] if summary is None else [each.label for each in summary.ranks]
    found = {labels[key]: Entrant(label=labels[key], key=key, candidate=each) for key, each in candidates.items()}
    return [found[label] for label in [*ranked, *sorted(found.keys() - {*ranked})]]


def _unfinished(column: Column) -> Iterable[Unfinished]:
    """Yield runs with candidates that no finished run holds; a list replaced by a longer one is done."""
    for record in sorted(column.runs, key=lambda each: (each.header.seed, each.header.name)):
        header, seed = header_of(record), record.header.seed
        held = column.trained.get(header.protocol.epochs, {})
        planned = [candidate_from(text).key for text in header.transfer.candidates]
        if record.state is RunState.FINISHED or all(seed in held.get(key, {}) for key in planned):
            continue
        yield Unfinished(
            run=header.name,
            workload=column.label,
            seed=seed,
            state=record.standing,
            done=len(record.trials),
            candidates=len(planned),
        )


def _notes(found: Sequence[Column], workloads: Sequence[Workload], summary: Across | None) -> Iterable[str]:
    for name in dict.fromkeys(each.header.protocol.name for each in found):
        headers = [each.header for each in found if each.header.protocol.name == name]
        environments = list({header.environment_hash: header.environment for header in headers}.values())
        if len(environments) > 1:
            yield (
                f"Runs of {name} in different environments are not compared, for their scores may differ by more than "
                f"luck: {differing(environments)}"
            )
    for each in workloads:
        if len({result.seeds for result in each.results}) > 1:
            yield f"{each.label}: not all candidates have the same seeds. Differences are over common seeds."
        same = _repeated(each.results, tested=each.tested)
        if same and len(same) == len(each.results):
            yield (
                f"{each.label}: every seed gave every candidate the same score, so nothing there is random. More seeds "
                "add no evidence; the order is that of a single training, and no pair is tested."
            )
        elif same:
            yield (
                f"{each.label}: {listed(same)} have the same score on every seed, so their seeds are one training "
                "each. More seeds add no evidence, and no pair of them is tested."
            )
        if each.results and not each.adam:
            yield f"{each.label}: neither adam nor torch:Adam trained to the end, so there is no target to time."
        missing = sorted({*each.seeds} - {seed for seed, _ in each.targets})
        if each.adam and missing:
            yield f"{each.label}: {each.adam} failed or is missing on seeds {seed_list(missing)}, which have no target."
    if summary is None:
        return
    chosen = {each.label for each in representatives(workloads)}
    twice = [each.label for each in workloads if each.results and each.funnel is None and each.label not in chosen]
    if twice:
        yield (
            f"Across workloads, a task counts once, by the column with the most children; {listed(twice)} "
            f"{'does' if len(twice) == 1 else 'do'} not count there."
        )
    if summary.left_out:
        yield (
            f"Across workloads, {len(summary.ranks)} candidates are compared, on {listed(summary.workloads)}, which "
            f"all of them finished; left out: {listed(summary.left_out)}."
        )


def _repeated(results: Sequence[Result], *, tested: bool) -> list[str]:
    """Return candidates for which seeds change nothing, as where a workload has neither random weights nor batches.

    One candidate may have equal scores by accident, or because it always fails; two that train are no accident (**D**).
    """
    same = [
        each
        for each in results
        if len(each.children) > 1 and len({_figure(child, tested) for child in each.children}) == 1
    ]
    sound = [each for each in same if any(child.status is Status.OK for child in each.children)]
    return [each.label for each in same] if len(sound) > 1 else []
