"""One small board for the tests of what is printed: two workloads, one of them underpowered, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from transferring import HOSTILE, PICTURES, WORDS, ended, failed, transferred

from harness.board.transfer.board import TransferBoard
from harness.board.transfer.judging import transfer_boards
from harness.race.runs import RunRecord, RunState


def pictures(end: float, *, early: float = 0.3, count: int = 6) -> list:
    ends = [end + seed / 100 for seed in range(count)]
    return [ended(early, each - 0.1, each, test=each - 0.02, at_best=each - 0.02) for each in ends]


def words(perplexity: float, *, count: int = 3) -> list:
    ends = [1 / (perplexity + seed) for seed in range(count)]
    return [ended(each / 3, each / 2, each, test=each * 0.95, at_best=each * 0.95, BLEU=20.0 + each) for each in ends]


@pytest.fixture
def records() -> Sequence[RunRecord]:
    """Seven seeds of pictures, one of them unfinished, and three of words."""
    some = {
        "adam": pictures(0.6),
        "g * exp(sign(g) * sign(m))": pictures(0.7, early=0.6),
        "torch:AdamW": pictures(0.5),
        "g * v": [failed(PICTURES, 0.2)] * 6,
    }
    others = {
        "adam": words(80.0),
        "g * exp(sign(g) * sign(m))": words(90.0),
        "torch:AdamW": words(85.0),
        "g * v": [failed(WORDS)] * 3,
    }
    left = transferred({text: own[:1] for text, own in some.items()}, seeds=[6], state=RunState.STOPPED)
    left = [replace(each, trials=each.trials[:1]) for each in left]
    return [*transferred(some), *left, *transferred(others, WORDS, started=6.0)]


@pytest.fixture
def board(records) -> TransferBoard:
    """Their board."""
    (found,) = transfer_boards(records)
    return found


@pytest.fixture
def hostile(records) -> TransferBoard:
    """The same with names from outside that attack."""
    (found,) = transfer_boards(
        [
            replace(
                each,
                header=replace(
                    each.header,
                    data=HOSTILE,
                    environment={HOSTILE: HOSTILE},
                    provenance={"commit": HOSTILE, "processor": HOSTILE},
                    transfer=replace(each.header.transfer, chosen=HOSTILE),
                ),
            )
            for each in records
        ]
    )
    return found
