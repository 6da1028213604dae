"""Cost of a board of transfers: judged and written, with everything behind its cells."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from figures import FIGURES, RATIOS, Turns, record, yardstick
from pytest_benchmark.fixture import BenchmarkFixture

from harness.board.markdown import Format
from harness.board.report.document import report
from harness.board.report.page import render as page
from harness.board.transfer.formats import render
from harness.board.transfer.judging import transfer_boards
from harness.race.runs import RunRecord

sys.path.append(str(Path(__file__).parents[1] / "board"))
from transferring import PICTURES, ended, transferred

CANDIDATES = (
    *("adam", "g", "m", "rmsprop", "sign(m)", "torch:AdamW", "torch:SGD(momentum=0.9, nesterov=True)"),
    *("g * exp(sign(g) * sign(m))", "(1 + sign(g) * sign(m)) * g", "m * exp(v)"),
)
WORKLOADS, SEEDS, EPOCHS = 6, 20, 30
JUDGED, DRAWN = 1600.0, 2100.0  # yardsticks, about twice what was measured


def made(workloads: int, candidates: Sequence[str], seeds: int) -> list[RunRecord]:
    """Transfers whose candidates differ a little."""
    rng, found = np.random.default_rng(0), list[RunRecord]()
    for place in range(workloads):
        protocol = replace(PICTURES, name=f"workload-{place}", task=f"task {place}", epochs=EPOCHS)
        worth = 0.8 + 0.02 * rng.standard_normal(len(candidates))
        outcomes = {
            text: [ended(*((each + 0.01 * rng.standard_normal()) * np.linspace(0.5, 1, EPOCHS))) for _ in range(seeds)]
            for text, each in zip(candidates, worth, strict=True)
        }
        found += transferred(outcomes, protocol, started=float(place))
    return found


@pytest.mark.thorough
def test_a_board_of_transfers(benchmark: BenchmarkFixture) -> None:
    records = made(2, CANDIDATES[:3], 3) if benchmark.disabled else made(WORKLOADS, CANDIDATES, SEEDS)

    def board() -> str:
        found = transfer_boards(records)
        return "".join(render(found, each) for each in Format)

    def drawn() -> str:
        return page(report(records))

    assert "Performance profiles" in board()
    assert "t1-profiles" in drawn()
    turns = Turns({"board": board, "drawn": drawn, "yardstick": yardstick}, clock=time.process_time)
    benchmark.pedantic(turns, rounds=1 if benchmark.disabled else 3)  # type: ignore[no-untyped-call]
    if benchmark.disabled:
        return
    ratios = {
        "a board of transfers to the yardstick": turns.best("board") / turns.best("yardstick"),
        "a report of transfers to the yardstick": turns.best("drawn") / turns.best("yardstick"),
    }
    bounds = dict(zip(ratios, ((None, JUDGED), (None, DRAWN)), strict=True))
    record(benchmark, RATIOS, ratios, bounds=bounds)
    record(benchmark, FIGURES, {"processor seconds of a board of transfers": median(turns.seconds("board"))})
