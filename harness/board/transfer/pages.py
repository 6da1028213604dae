"""Boards of transfers as short tables of text that fit 80 columns, for the terminal and Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.board.comparison import LEVEL, seeds_needed, to_compare
from harness.board.page import FEW_SEEDS, SHOWN_DIGITS, Column, Page, TableText, made_by, sign_flips
from harness.board.statistics import CONFIDENCE, LEAST_PAIRS, Estimate
from harness.board.transfer.across import MOST_RATIO
from harness.board.transfer.board import Entered, Result, TransferBoard, Workload
from harness.board.transfer.figures import NEVER, better, estimated, tie_group, time, titled, written
from harness.board.wording import listed, plain, seed_list

EMPTY = "No transfers yet. `harness transfer` trains rules and other optimizers on other workloads."
SHOWN_RATIOS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0)  # multiples of the fastest time in the profiles' table
MOST_COLUMNS = 4  # of the matrix that a terminal has room for


def page(board: TransferBoard, number: int = 0) -> Page:
    """Return the page of a board of transfers, numbered if there are several."""
    parts = range(0, len(board.workloads), MOST_COLUMNS)
    tables = [matrix(board, board.workloads[start : start + MOST_COLUMNS]) for start in parts]
    tables += _across(board)
    tables += [table for each in board.workloads for table in of_workload(each)]
    tables.append(_unfinished(board))
    return Page(
        f"Transfer {number}" if number else "Transfer",
        facts(board),
        tuple(table for table in tables if table.rows),
        notes(board),
    )


def pages(boards: Sequence[TransferBoard]) -> list[Page]:
    """Return the pages of all boards, numbered if there are several."""
    return [page(each, number if len(boards) > 1 else 0) for number, each in enumerate(boards, 1)]


def facts(board: TransferBoard) -> tuple[tuple[str, str], ...]:
    """Return what the runs of each workload share, and how the candidates were chosen, as (name, text) lines."""
    found = [(each.label, _conditions(each)) for each in board.workloads]
    if board.chosen:
        found.append(("candidates", f"{board.chosen}; fixed before any was trained"))
    found += made_by(board.commits, board.hardware)
    return tuple((plain(name), plain(text)) for name, text in found)


def _conditions(each: Workload) -> str:
    protocol, metric = each.protocol, each.protocol.measured
    seeds = f"seeds {seed_list(each.seeds)}" if each.seeds else "no seed finished"
    return (
        f"{titled(metric)}, {better(metric)}; v{protocol.version} ({protocol.hash[:SHOWN_DIGITS]}), {protocol.epochs} "
        f"epochs; {each.data} ({each.fingerprint[:SHOWN_DIGITS]}); {seeds}"
    )


def matrix(board: TransferBoard, workloads: Sequence[Workload], *, intervals: bool = False) -> TableText:
    """Return the matrix of candidates and workloads.

    Args:
        board: the board.
        workloads: its columns that are shown.
        intervals: whether cells hold the interval, too, and say where a workload is underpowered: too wide for a
            terminal.
    """
    titles = (plain(f"{each.label} {titled(each.protocol.measured)}") for each in workloads)
    columns = (Column("candidate", code=True), *(Column(title, right=True) for title in titles))
    rows = (
        (entrant.label, *(_cell(each, entrant.label, intervals=intervals) for each in workloads))
        for entrant in board.entrants
    )
    what = "test figure" if all(each.tested for each in workloads) else "figure (test; validation where there is none)"
    with_intervals = f" with its {CONFIDENCE:.0%} interval over seeds" if intervals else ""
    title = f"Matrix: the final {what}{with_intervals}, and its tie group within the workload (places)"
    return TableText(title, columns, tuple(rows) if workloads else ())


def _cell(workload: Workload, label: str, *, intervals: bool) -> str:
    each = workload.of(label)
    if each is None:
        found = () if workload.funnel is None else workload.funnel.entered
        return next((entered.standing for entered in found if entered.label == label), "")
    metric, group = workload.protocol.measured, tie_group(each, len(workload.results) - 1)
    figure = estimated(metric, each.figure) if intervals else written(metric, each.figure.mean)
    return f"{figure} ({group})" if group and (intervals or each.compared) else figure


def _across(board: TransferBoard) -> Iterator[TableText]:
    if board.across is None:
        return
    found = board.across
    titles = ("mean rank", "best", "worst")
    columns = (*(Column(title, right=True) for title in titles), Column("candidate", code=True))
    rows = ((f"{each.mean:.2f}", f"{min(each.ranks):g}", f"{max(each.ranks):g}", each.label) for each in found.ranks)
    several = f"{len(found.workloads)} workload{'s' if len(found.workloads) > 1 else ''}"
    title = f"Rank of the mean figure, over the {several} that all {len(found.ranks)} candidates finished"
    yield TableText(title, columns, tuple(rows))
    columns = (
        *(Column("score", right=True), Column("candidate", code=True)),
        *(Column(f"within {ratio:g}×", right=True) for ratio in SHOWN_RATIOS),
    )
    shares = [
        (f"{each.score:.3f}", each.label, *(f"{each.share(ratio):.0%}" for ratio in SHOWN_RATIOS))
        for each in found.profiles
    ]
    several = f"{len(found.timed)} workload{'s' if len(found.timed) > 1 else ''}"
    title = f"Performance profiles: share of {several} on which the target is reached within so many times the fastest"
    yield TableText(title, columns, tuple(shares))


def of_workload(each: Workload) -> Iterator[TableText]:
    """Yield the tables of a workload: figures, Table 1's four figures, times, and the funnel."""
    yield _figures(each)
    yield _four(each)
    yield _times(each)
    yield _funnel(each)


def _figures(workload: Workload) -> TableText:
    metric, others = workload.protocol.measured, len(workload.results) - 1
    failures = {
        "diverged": [each.diverged for each in workload.results],
        "errors": [each.errors for each in workload.results],
    }
    failed = {title: counts for title, counts in failures.items() if any(counts)}
    columns = (
        *(Column("places", right=True), Column(titled(metric), right=True), Column("λ", right=True)),
        *(Column(title, right=True) for title in failed),
        Column("candidate", code=True),
    )
    rows = (
        (
            *(tie_group(each, others), estimated(metric, each.figure), _rates(each)),
            *(f"{counts[place]} of {len(each.children)}" for counts in failed.values()),
            each.label,
        )
        for place, each in enumerate(workload.results)
    )
    what = "test" if workload.tested else "validation"
    title = f"{workload.label}: final {what} {titled(metric)}, {better(metric)}"
    return TableText(plain(title), columns, tuple(rows))


def _rates(each: Result) -> str:
    """Return the range of the learning rates that were chosen."""
    chosen = sorted({child.learning_rate for child in each.children if child.learning_rate is not None})
    if not chosen:
        return "none"
    return f"{chosen[0]:g}" if len(chosen) == 1 else f"{chosen[0]:g}–{chosen[-1]:g}"


def _four(workload: Workload) -> TableText:
    """Return Table 1's four figures, and others beside them; those that nobody has are left out."""
    metric, results = workload.protocol.measured, workload.results
    four: dict[str, list[Estimate | None]] = {
        "final validation": [each.validation for each in results],
        "final test": [each.test for each in results],
        "best validation": [each.best for each in results],
        "test at that epoch": [each.test_at_best for each in results],
    }
    columns = {
        title: ["" if one is None else written(metric, one.mean) for one in means]
        for title, means in four.items()
        if any(means)
    }
    for name in other_figures(workload):
        columns[plain(name)] = [_other(dict(each.figures).get(name), len(each.children)) for each in results]
    rows = zip(*columns.values(), [each.label for each in results], strict=True)
    title = f"{workload.label}: {titled(metric)} at the end and at the best epoch, means over seeds"
    heads = (*(Column(title, right=True) for title in columns), Column("candidate", code=True))
    return TableText(plain(title), heads, tuple(rows))


def _other(mean: Estimate | None, children: int) -> str:
    """Write the mean of a figure beside the score; children that failed have none, so say how many have one."""
    if mean is None:
        return ""
    return f"{mean.mean:.4g}" + f" ({mean.count} of {children})" * (mean.count < children)


def other_figures(workload: Workload) -> tuple[str, ...]:
    """Return the names of figures beside the score, such as BLEU."""
    return tuple(dict.fromkeys(name for each in workload.results for name, _ in each.figures))


def _times(workload: Workload) -> TableText:
    columns = (
        *(Column("median [interval]", right=True), Column("reached", right=True)),
        Column("candidate", code=True),
    )
    timed = [each for each in workload.results if each.time is not None]
    rows = (
        (time(each.time), f"{each.time.reached} of {len(each.time.seeds)}", each.label)
        for each in sorted(timed, key=_soonest)
        if each.time is not None
    )
    title = f"{workload.label}: {workload.unit} until validation reaches what {workload.adam} ends with"
    return TableText(plain(title), columns, tuple(rows))


def _soonest(each: Result) -> tuple[float, int, str]:
    return (each.time.median, -each.time.reached, each.label) if each.time else (0.0, 0, each.label)


def _funnel(workload: Workload) -> TableText:
    found = workload.funnel
    rungs = () if found is None else found.rungs
    columns = (
        *(Column(f"epoch {epochs}", right=True) for epochs in rungs),
        *(Column("standing"), Column("candidate", code=True)),
    )
    rows = () if found is None else tuple(_entered(workload, each) for each in found.entered)
    metric = workload.protocol.measured
    title = (
        f"{workload.label}: the funnel, mean validation {titled(metric)} at each rung; who was stopped is not ranked"
    )
    return TableText(plain(title), columns, rows)


def _entered(workload: Workload, each: Entered) -> tuple[str, ...]:
    metric = workload.protocol.measured
    scores = ("" if score is None else written(metric, score.mean) for score in each.scores)
    return (*scores, each.standing, each.label)


def _unfinished(board: TransferBoard) -> TableText:
    columns = (Column("run", code=True), Column("state"), Column("candidates", right=True))
    rows = ((plain(each.run), each.state, f"{each.done} of {each.candidates}") for each in board.unfinished)
    return TableText("Unfinished runs, so not counted", columns, tuple(rows))


def notes(board: TransferBoard) -> tuple[str, ...]:
    """Return notes on how to read the tables, of one to three sentences each."""
    return tuple(map(plain, (*_explained(board), *board.notes)))


def _explained(board: TransferBoard) -> Iterator[str]:
    results = [each for workload in board.workloads for each in workload.results]
    if results:
        few = min(len(each.children) for each in results) < FEW_SEEDS
        yield (
            f"Figures are those of the mean score over seeds, with its {CONFIDENCE:.0%} bootstrap interval"
            + (", which is too narrow for so few seeds" if few else "")
            + ". All candidates with one seed train from the same weights on the same batches. A child that failed "
            "counts with chance."
        )
        reported = (
            "The test figure is reported, and decided nothing: validation"
            if any(each.tested for each in board.workloads)
            else "Validation"
        )
        yield f"{reported} alone chose the learning rate and the best epoch, and sets the targets."
    yield from _groups(board)
    if any(each.time for each in results):
        yield (
            "Target: with each seed, the validation score with which tuned ADAM ended. The median is over all seeds, "
            f"and a seed that never reached it counts as infinitely late: {NEVER}."
        )
    if board.across is not None:
        yield "Mean rank: of the mean figures, which contain luck. Only the tie groups say what differs significantly."
    if board.across is not None and board.across.profiles:
        yield (
            "Performance profiles are drawn as AlgoPerf draws them (Dahl et al. 2023). Times are medians to the "
            f"target, and the score is the mean share from 1× to {MOST_RATIO:g}×."
        )
    for each in board.workloads:
        if each.funnel is not None:
            yield (
                f"{each.label}: {each.funnel.rule}. Those that were stopped never trained to the end, so they have no "
                "place."
            )


def _groups(board: TransferBoard) -> Iterator[str]:
    """Explain tie groups, and say where no difference could be shown."""
    tests = [
        pair.test for each in board.workloads for pair in each.comparisons if pair.test and pair.adjusted is not None
    ]
    if tests:
        yield (
            f"Places: behind all that are shown to be better, ahead of all that are shown to be worse, by the "
            f"{sign_flips([test.pairs for test in tests])} two-sided sign-flip test of the differences by seed, at "
            f"{LEVEL:.0%} with Holm's correction over all pairs of a workload."
        )
    told = [each for each in board.workloads if each.comparisons and not each.deterministic]
    hardly = [each for each in told if not each.underpowered and _few(each)]
    if hardly:
        most = max(len(each.results) for each in hardly)
        yield f"Few seeds on {listed([each.label for each in hardly])}: {to_compare(most, 'candidates')}."
    short = [each for each in board.workloads if each.underpowered]
    if short:
        most = max(len(each.results) for each in short)
        yield (
            f"Underpowered: {listed([each.label for each in short])}. Fewer than {LEAST_PAIRS} seeds can show no "
            f"difference, however large; {to_compare(most, 'candidates')}."
        )


def _few(each: Workload) -> bool:
    """Whether the pairs are too few for every difference to survive Holm's correction."""
    return max(pair.pairs for pair in each.comparisons if not pair.repeated) < seeds_needed(len(each.results))
