"""Make everything that is published from the published runs: ``python results/publish.py``.

``published/runs/*.jsonl``, as ``harness export`` wrote them, are read into a store of their own, and from it come
``LEADERBOARD.md``, the pictures, and ``published/report.html``. ``tests/test_published.py`` fails where the leaderboard
is not what the runs and the code of today give. ``races/*.runs.bz2``, bundles of races on tables, give
``races/LEADERBOARD.md`` and a picture each; ``transfer/runs``, ``learned/*.json`` and ``blackbox/*.json`` likewise. The
pictures need matplotlib: ``pip install -e '.[publish]'``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import harness
from harness.board.comparison import Comparison
from harness.board.markdown import Format
from harness.board.report.colours import COLOURS, marks
from harness.board.rules import formats as rules_formats
from harness.board.rules.board import ConfirmedRule, RulesBoard
from harness.board.searches import formats as search_formats
from harness.board.searches.board import Board

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import LineStyleType

HERE = Path(__file__).parent
PUBLISHED = HERE / "published"
RUNS = PUBLISHED / "runs"
LEADERBOARD = HERE / "LEADERBOARD.md"
HEAD = """# Leaderboard

Written by `python results/publish.py` from the runs in `published/runs`; do not edit it. What was run, what it shows
and what it does not is in the [README](README.md).

"""
RACES = HERE / "races"
RACED = RACES / "LEADERBOARD.md"
HEAD_OF_RACES = """# Races on tables

Written by `python results/publish.py` from the bundles in this folder; do not edit it. What was run, and what it shows:
see the [README](README.md).

"""
KNOWN_COLOUR, FOUND_COLOUR = "#000000", "#0072B2"


def main() -> None:
    """Write all of it anew."""
    from blackbox import pictures as of_blackbox  # beside this script
    from learned import pictures as of_learned
    from transfer import pictures

    with store() as folder:
        searches, confirmed = read(folder)
        LEADERBOARD.write_text(document(searches, confirmed), encoding="utf-8")
        harness.report(folder, PUBLISHED / "report.html")
    for number, board in enumerate(searches, 1):
        if not board.rows:
            continue
        _save(overview(board), f"overview-{number}.svg")
        _save(curves(board), f"curves-{number}.svg")
        _save(differences(board), f"differences-{number}.svg")
    for number, verdict in enumerate(confirmed, 1):
        _save(rules(verdict), f"rules-{number}.svg")
    raced = races()
    RACED.write_text(races_document(raced), encoding="utf-8")
    for name, board in raced.items():
        _save(on_table(board), f"{name}.svg", RACES)
    transferred = pictures.board()
    pictures.LEADERBOARD.write_text(pictures.document(transferred), encoding="utf-8")
    for name, picture in pictures.pictures(transferred):
        _save(picture, name, pictures.HERE)
    learned = of_learned.board()
    of_learned.LEADERBOARD.write_text(of_learned.document(learned), encoding="utf-8")
    for name, picture in of_learned.pictures(learned):
        _save(picture, name, of_learned.HERE)
    for path, page in of_blackbox.pages():
        path.write_text(page, encoding="utf-8")
    for name, picture in of_blackbox.pictures(of_blackbox.board()):
        _save(picture, name, of_blackbox.HERE)


def races(pattern: str = "*") -> dict[str, Board]:
    """The board of each bundle whose name fits, by its name."""
    ending = ".runs.bz2"
    paths = sorted(RACES.glob(f"{pattern}{ending}"))
    boards = {path.name.removesuffix(ending): harness.load(path).boards for path in paths}
    return {name: board for name, (board,) in boards.items()}


def races_document(raced: Mapping[str, Board]) -> str:
    """``races/LEADERBOARD.md``."""
    return HEAD_OF_RACES + "\n".join(section(name, board) for name, board in raced.items())


def section(name: str, board: Board) -> str:
    """What ``races/LEADERBOARD.md`` says of one race."""
    text = search_formats.render([board], Format.MD).replace("## Leaderboard", "").strip()
    return f"## {name}\n\n{text}\n"


@contextmanager
def store(runs: Path = RUNS) -> Iterator[Path]:
    """A store of its own with the published runs in it, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        done = harness.import_runs(runs, folder)
        assert not done.refused, done.refused
        yield Path(folder)


def read(folder: Path) -> tuple[tuple[Board, ...], tuple[RulesBoard, ...]]:
    """The boards of a store: of searchers, and of confirmed rules."""
    found = harness.load(folder)
    return found.boards, found.rules_boards


def document(searches: Sequence[Board], confirmed: Sequence[RulesBoard]) -> str:
    """``LEADERBOARD.md``."""
    parts = (search_formats.render(searches, Format.MD), rules_formats.render(confirmed, Format.MD))
    return HEAD + "\n".join(part.strip() + "\n" for part in parts)


def curves(board: Board) -> Figure:
    """Best reward so far against children charged: medians over seeds. The report adds bands, one at a time."""
    figure, axes = _canvas(7.0, 4.0)
    children = range(1, board.budget.children + 1)
    for row, (colour, style) in zip(board.rows, _drawn(board), strict=True):
        axes.step(children, row.curve, where="post", color=colour, linestyle=style, label=row.label)
    axes.set_xlabel("children trained")
    axes.set_ylabel("best reward so far")
    axes.set_ylim(bottom=min((row.curve[min(4, len(row.curve) - 1)] for row in board.rows), default=0.0) - 0.02)
    axes.set_title(f"Median over {len(board.rows[0].seeds)} seeds ({board.protocol.name})")
    axes.legend(frameon=False)
    return figure


def overview(board: Board) -> Figure:
    """The race at a glance: median best so far, and beside it each searcher's area by seed with its interval."""
    figure, (curve, area) = panels(8.0, 2.9, (5, 4))
    drawn = list(zip(board.rows, _drawn(board), strict=True))[::-1]
    for place, (row, (colour, style)) in enumerate(drawn):
        children = range(1, board.budget.children + 1)
        curve.step(children, row.curve, where="post", color=colour, linestyle=style, linewidth=1.8)
        area.plot(row.areas, [place] * len(row.areas), "|", color=colour, alpha=0.6, ms=8)
        if row.area.low is not None and row.area.high is not None:
            area.plot([row.area.low, row.area.high], [place, place], color=colour, linewidth=1.8)
        area.plot(row.area.mean, place, "o", color=colour, ms=5)
    curve.set_xlabel("children trained")
    curve.set_ylabel("best reward so far")
    curve.set_ylim(bottom=min(row.curve[min(4, len(row.curve) - 1)] for row in board.rows) - 0.02)
    curve.set_title(f"Best so far, median of {len(board.rows[0].seeds)} seeds", loc="left", fontsize=9)
    area.set_title("Area: each seed, mean, 95% interval", loc="left", fontsize=9)
    area.set_yticks(range(len(drawn)), [row.label for row, _ in drawn])
    for label, (_, (colour, _)) in zip(area.get_yticklabels(), drawn, strict=True):
        label.set_color(colour)
    area.set_ylim(-0.6, len(drawn) - 0.4)
    return figure


def differences(board: Board) -> Figure:
    """Each searcher's area less that of random search, by seed, with the mean's interval."""
    told = [each for row in board.rows if (each := row.against_random) and each.test]
    figure, axes = _canvas(7.0, 1.2 + 0.45 * len(told))
    for place, each in enumerate(reversed(told)):
        _interval(axes, place, each)
        areas = {row.label: dict(zip(row.seeds, row.areas, strict=True)) for row in board.rows}
        mine, theirs = areas[each.first], areas[each.second]
        seeds = sorted(mine.keys() & theirs.keys())
        axes.plot([mine[seed] - theirs[seed] for seed in seeds], [place] * len(seeds), "|", color="#888888", ms=9)
    axes.axvline(0.0, color="#888888", linewidth=0.8)
    axes.set_yticks(range(len(told)), [each.first for each in reversed(told)])
    axes.set_ylim(-0.6, len(told) - 0.4)
    axes.set_xlabel("area less random search's, by seed; mean and 95% interval")
    return figure


def on_table(board: Board) -> Figure:
    """A race on a table: median best so far, who holds a rule of the tie set, and the lead over random search."""
    figure, (curve, share, lead) = panels(11.0, 3.2, (4, 4, 3))
    children = range(1, board.budget.children + 1)
    drawn = list(zip(board.rows, _drawn(board), strict=True))[::-1]
    for place, (row, (colour, style)) in enumerate(drawn):
        assert row.regret is not None, "a board over a table"
        curve.step(children, row.curve, where="post", color=colour, linestyle=style, linewidth=1.5)
        percents = [100 * each for each in row.regret.share]
        share.step(children, percents, where="post", color=colour, linestyle=style, linewidth=1.5)
        if row.against_random is not None and row.against_random.test is not None:
            found = row.against_random.test.difference
            lead.plot(found.mean, place, "o", color=colour, ms=5)
            if found.low is not None and found.high is not None:
                lead.plot([found.low, found.high], [place, place], color=colour, linewidth=1.8)
    marks_of_axis = [each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if each <= board.budget.children]
    for axes in (curve, share):
        axes.set_xscale("log")
        axes.set_xticks(marks_of_axis, map(str, marks_of_axis))
        axes.minorticks_off()
        axes.set_xlabel("children")
    curve.set_ylim(bottom=min(row.curve[min(4, len(row.curve) - 1)] for row in board.rows) - 0.02)
    curve.set_title(f"Best score so far, median of {len(board.rows[0].seeds)} seeds", loc="left", fontsize=9)
    share.set_title("Seeds that hold a rule of the tie set, %", loc="left", fontsize=9)
    share.set_ylim(0, 103)
    lead.axvline(0.0, color="#888888", linewidth=0.8)
    lead.set_title("Area less random's, 95% interval", loc="left", fontsize=9)
    lead.set_yticks(range(len(drawn)), [row.label for row, _ in drawn])
    for label, (_, (colour, _)) in zip(lead.get_yticklabels(), drawn, strict=True):
        label.set_color(colour)
    lead.set_ylim(-0.6, len(drawn) - 0.4)
    return figure


def rules(board: RulesBoard) -> Figure:
    """What every confirmed rule earns on fresh seeds, with its interval; the known optimizers in black."""
    shown = list(reversed(board.rules))
    figure, axes = _canvas(8.0, 1.0 + 0.27 * len(shown))
    for place, each in enumerate(shown):
        colour = KNOWN_COLOUR if each.known else FOUND_COLOUR
        earned = each.figure
        ends = [[earned.mean - (earned.low or earned.mean)], [(earned.high or earned.mean) - earned.mean]]
        axes.errorbar(earned.mean, place, xerr=ends, fmt="o", color=colour, ms=4, capsize=2, linewidth=1)
    axes.set_yticks(range(len(shown)), list(map(_named, shown)), fontsize=8)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    kind = f"{'test' if board.tested else 'validation'} accuracy under {board.protocol.name}"
    axes.set_xlabel(f"{kind}, mean over {len(board.seeds)} fresh seeds with its 95% interval", loc="right")
    return figure


def _interval(axes: Axes, place: int, each: Comparison) -> None:
    assert each.test is not None
    found = each.test.difference
    axes.plot(found.mean, place, "o", color=FOUND_COLOUR)
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [place, place], color=FOUND_COLOUR)


def _named(each: ConfirmedRule) -> str:
    return f"{each.known}: {each.infix}" if each.known and each.known != each.infix else each.infix


def _drawn(board: Board) -> Iterator[tuple[str, LineStyleType]]:
    """The colour and the line of each row, as in the report."""
    drawn = marks({row.label: row.searcher for row in board.rows})
    for row in board.rows:
        mark = drawn[row.label]
        dashes = [int(length) / 2 for length in mark.dashes.split()]  # in points
        yield COLOURS[mark.colour].light, (0, dashes) if dashes else "-"


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure, (axes,) = panels(width, height, (1,))
    return figure, axes


def panels(width: float, height: float, shares: Sequence[int]) -> tuple[Figure, Sequence[Axes]]:
    """A figure, and axes beside each other that take these shares of its width."""
    figure, (row,) = grid(width, height, (1,), shares)
    return figure, row


def grid(
    width: float, height: float, heights: Sequence[int], shares: Sequence[int]
) -> tuple[Figure, Sequence[Sequence[Axes]]]:
    """A figure, and rows of axes that take these shares of its height and width."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "harness", "svg.fonttype": "path", "font.size": 9})
    from matplotlib import pyplot

    shape, ratios = (len(heights), len(shares)), {"width_ratios": tuple(shares), "height_ratios": tuple(heights)}
    figure, rows = pyplot.subplots(*shape, figsize=(width, height), layout="constrained", squeeze=False, **ratios)
    for axes in rows.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, [list(row) for row in rows]


def _save(figure: Figure, name: str, folder: Path = PUBLISHED) -> None:
    from matplotlib import pyplot

    figure.savefig(folder / name, metadata={"Date": None, "Creator": None}, facecolor="white")
    pyplot.close(figure)  # else it keeps them all


if __name__ == "__main__":
    main()
