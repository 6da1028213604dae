"""What is published of the transfers, from ``runs`` and ``children``: called by ``python results/publish.py``.

A question that no board answers is answered here: does the reward under ``quick`` or ``paper`` predict the order on a
workload?
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import harness
from harness.board.markdown import Format
from harness.board.transfer import formats
from harness.board.transfer.board import Child, Result, TransferBoard, Workload
from harness.board.transfer.figures import ends, figure, titled
from harness.seeds import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
LEADERBOARD = HERE / "LEADERBOARD.md"
FUNCTION = "rosenbrock"
HEAD = """# Transfers

Written by `python results/publish.py` from the runs in `runs`; do not edit it. What was run, and what it shows: see the
[README](README.md).

"""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#7F3C8D", "#80BA5A")
DRAWS = 9_999  # resamples of the candidates
LONGEST = 24  # characters of a name in a picture


def board(runs: str = "runs") -> TransferBoard:
    """The board of published transfers: to workloads, or with ``children`` to the protocols of searches."""
    with tempfile.TemporaryDirectory() as folder:
        done = harness.import_runs(HERE / runs, folder)
        assert not done.refused, done.refused
        return harness.transfer_board(folder)


def document(found: TransferBoard) -> str:
    """``transfer/LEADERBOARD.md``."""
    return (
        HEAD
        + formats.render([found], Format.MD).strip()
        + "\n\n"
        + "\n".join(predictions(found, board("children")))
        + "\n"
    )


def predictions(found: TransferBoard, children: TransferBoard) -> Iterator[str]:
    """A table of correlations between scores under a protocol of searches and on each workload."""
    searched = children.workloads
    yield "## Do the rewards of searches predict transfer?"
    yield ""
    yield (
        "Spearman's correlation over the candidates between mean validation scores under a protocol of searches and "
        f"mean figures on a workload, with a 95% interval from {DRAWS:,} resamples of the candidates."
    )
    yield ""
    yield "| workload |" + "".join(f" {each.label} |" for each in searched)
    yield "|---|" + "---|" * len(searched)
    for workload in found.workloads:
        yield f"| {workload.label} | " + " | ".join(correlation(each, workload) for each in searched) + " |"


def correlation(searched: Workload, workload: Workload) -> str:
    """Spearman's correlation between two workloads, with its interval."""
    rewards = {each.key: each.validation.mean for each in searched.results}
    pairs = np.array([(rewards[each.key], each.figure.mean) for each in workload.results if each.key in rewards])
    generator = np.random.default_rng(derive_seed(0, "predictions", searched.label, workload.label))
    resamples = pairs[generator.integers(len(pairs), size=(DRAWS, len(pairs)))]
    varied = (np.ptp(resamples, axis=1) > 0).all(axis=1)  # equal scores have no ranks to correlate
    low, high = np.quantile(_spearman(resamples[varied]), [0.025, 0.975])
    return f"{_spearman(pairs):+.2f} [{low:+.2f}, {high:+.2f}]"


def _spearman(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations of the two columns of (…, candidates, 2)."""
    ranks = stats.rankdata(pairs, axis=-2)
    ranks -= ranks.mean(axis=-2, keepdims=True)
    found: NDArray[np.float64] = (ranks[..., 0] * ranks[..., 1]).sum(-1) / np.sqrt((ranks**2).sum(-2).prod(-1))
    return found


def pictures(found: TransferBoard) -> Iterator[tuple[str, Figure]]:
    """All pictures by file name."""
    colours = dict(zip(sorted(each.label for each in found.entrants), COLOURS, strict=True))
    trained = [each for each in found.workloads if each.label != FUNCTION]
    yield "matrix.svg", matrix(trained, colours)
    yield "curves.svg", curves(trained, colours)
    for each in found.workloads:
        if each.label == FUNCTION:
            yield "rosenbrock.svg", descent(each, colours)


def matrix(workloads: Sequence[Workload], colours: Mapping[str, str]) -> Figure:
    """What each candidate earns on each workload: every seed, and the mean with its interval."""
    picture, panels = _panels(len(workloads), 12.0, 3.4)
    for axes, workload in zip(panels, workloads, strict=True):
        metric = workload.protocol.measured
        shown = list(reversed(workload.results))
        for place, each in enumerate(shown):
            colour = colours[each.label]
            earned = [figure(metric, _score(child)) for child in each.children]
            axes.plot(earned, [place] * len(earned), "|", color=colour)
            if (interval := ends(metric, each.figure)) is not None:
                axes.plot(interval, [place, place], color=colour, linewidth=1.8)
            axes.plot(figure(metric, each.figure.mean), place, "o", color=colour, ms=5)
        axes.set_yticks(range(len(shown)), [_short(each.label) for each in shown], fontsize=7)
        axes.set_xlabel(("test " if workload.tested else "") + titled(metric))
        seeds = len(workload.seeds)
        axes.set_title(f"{workload.label}, {seeds} seed{'s' if seeds > 1 else ''}", loc="left", fontsize=9)
        if _falls(workload):
            axes.set_xscale("log")
            _plain_numbers(axes.xaxis)
            axes.invert_xaxis()
    return picture


def curves(workloads: Sequence[Workload], colours: Mapping[str, str]) -> Figure:
    """The validation figure after each epoch, of the mean score over seeds."""
    picture, panels = _panels(len(workloads), 12.0, 3.2)
    for axes, workload in zip(panels, workloads, strict=True):
        for each in workload.results:
            _line(axes, workload, each, colours)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel(f"validation {titled(workload.protocol.measured)}")
        axes.set_title(workload.label, loc="left", fontsize=9)
        if _falls(workload):
            axes.set_yscale("log")
            _plain_numbers(axes.yaxis)
    panels[0].legend(frameon=False, fontsize=6)
    return picture


def descent(workload: Workload, colours: Mapping[str, str]) -> Figure:
    """Rosenbrock's f by step, each candidate at its best λ and ε ([NOS] Figure 6)."""
    picture, (axes,) = _panels(1, 7.0, 4.0)
    for each in workload.results:
        _line(axes, workload, each, colours, steps=workload.counted)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("f")
    axes.legend(frameon=False, fontsize=7)
    return picture


def _line(axes: Axes, workload: Workload, each: Result, colours: Mapping[str, str], *, steps: int = 1) -> None:
    whole = [child.curve for child in each.children if len(child.curve) == workload.protocol.epochs]
    if whole:
        means = np.array(whole).mean(0)
        values = [figure(workload.protocol.measured, float(score)) for score in means]
        places = [steps * (1 + epoch) for epoch in range(len(values))]
        axes.plot(places, values, color=colours[each.label], linewidth=1.2, label=_short(each.label))


def _plain_numbers(axis: Axis) -> None:
    """Show 30 and not 3 × 10¹ along a logarithmic axis that spans less than a decade or two."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6, 8)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _score(child: Child) -> float:
    return child.validation if child.test is None else child.test


def _falls(workload: Workload) -> bool:
    metric = workload.protocol.measured
    return figure(metric, 1.0) < figure(metric, 0.0)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 2]}…"


def _panels(count: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    from publish import panels  # which calls this module

    found: tuple[Figure, Sequence[Axes]] = panels(width, height, (1,) * count)
    return found
