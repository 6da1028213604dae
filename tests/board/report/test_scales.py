"""The axis under interval marks, and the scale of failures."""

from __future__ import annotations

import re

import pytest

from harness.board.report.scales import MOST_TICKS, axis, of_areas, of_shares, whisker
from harness.board.report.usage import Risk
from harness.board.searches.judging import boards


def areas(run, *levels: float):
    """The rows of a board of searchers around some levels."""
    (board,) = boards(
        [run(level + seed / 500, seed=seed, searcher=f"s{level}") for level in levels for seed in range(6)]
    )
    return board.rows


@pytest.mark.parametrize("levels", [(0.4,), (0.41, 0.43, 0.45), (0.0, 0.97), (0.123, 0.124), (0.4, 0.55, 0.7)])
def test_an_axis_has_two_ticks_or_three_with_round_texts_within_its_ends(run, levels) -> None:
    scale = of_areas(areas(run, *levels))
    assert 2 <= len(scale.ticks) <= MOST_TICKS
    assert [float(text) for text in scale.texts] == pytest.approx(scale.ticks)
    assert all(len(text) <= 5 for text in scale.texts)
    assert scale.low <= scale.ticks[0] + 1e-9
    assert scale.ticks[-1] <= scale.high + 1e-9
    for text in scale.texts:
        assert f">{text}</text>" in axis(scale)


def test_equal_areas_without_an_interval_have_an_axis(run) -> None:
    (board,) = boards([run(0.4, searcher=name) for name in ("a", "b")])
    scale = of_areas(board.rows)
    assert scale.low < 0.4 < scale.high
    assert 2 <= len(scale.ticks) <= MOST_TICKS


def test_every_mark_lies_on_the_axis_where_its_numbers_say(run) -> None:
    rows = areas(run, 0.41, 0.43, 0.45)
    scale = of_areas(rows)
    [left, right] = [float(found) for found in re.search(r'x1="([\d.]+)" x2="([\d.]+)"', axis(scale)).groups()]
    for row in rows:
        place = float(re.search(r'cx="([\d.]+)"', whisker(row.area, scale)).group(1))
        told = scale.low + (scale.high - scale.low) * (place - left) / (right - left)
        assert told == pytest.approx(row.area.mean, abs=0.002 * (scale.high - scale.low))
        ticks = re.findall(r'class="tick" x1="([\d.]+)"', whisker(row.area, scale))
        assert ticks == re.findall(r'<text x="([\d.]+)"', axis(scale)), "under the marks, the same columns"


@pytest.mark.parametrize(
    ("worst", "texts"),
    [
        (0.003, ("0%", "0.2%", "0.4%")),
        (0.09, ("0%", "5%", "10%")),
        (0.3, ("0%", "20%", "40%")),
        (1.0, ("0%", "50%", "100%")),
    ],
)
def test_the_bars_of_failures_fill_at_least_two_fifths_of_their_scale(worst: float, texts: tuple[str, ...]) -> None:
    scale = of_shares([Risk("exp", 1000, round(1000 * worst)), Risk("g", 1000, 1)])
    assert scale.texts == texts
    assert 0.4 <= scale.at(worst) <= 1.0
    assert scale.high <= 1.0
