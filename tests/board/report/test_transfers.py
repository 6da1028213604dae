"""The report's section on transfers: what it answers, and the figures of its charts, worked by hand."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace

import pytest
from transferring import FIRST, FUNNEL, PICTURES, VALLEY, WORDS, ended, failed, rising, rung, transferred
from typer.testing import CliRunner

from harness.board.report.charts import charts
from harness.board.report.colours import COLOURS, candidate_marks
from harness.board.report.commands import transferring
from harness.board.report.document import report
from harness.board.report.page import data, render
from harness.board.report.transfers import MOST_EPOCHS, transfer_verdict
from harness.board.rules.known import candidate
from harness.board.transfer.judging import header_of, transfer_boards
from harness.cli.main import app
from harness.race.runs import RunState

HIGH = [0.70, 0.71, 0.72, 0.70, 0.71, 0.72, 0.73, 0.74]
LOW = [0.50, 0.51, 0.52, 0.50, 0.51, 0.52, 0.53, 0.54]


def verdict(*records):
    (board,) = transfer_boards([each for own in records for each in own])
    return transfer_verdict(board)


def test_the_answer_names_who_is_shown_to_be_best_and_who_ranks_first() -> None:
    told = verdict(
        transferred({"g": rising(LOW), "m": rising(HIGH)}),
        transferred({"g": rising(HIGH), "m": rising(HIGH)}, WORDS),
        transferred({"g": rising(HIGH[:2]), "m": rising(LOW[:2])}, VALLEY),
    )
    assert told.answer == "Shown to be the best: on pictures-mini momentum."
    assert told.because == (
        "momentum and sgd have the best mean rank, 1.50 among 2 candidates over 3 workloads; means contain luck. "
        "On 2 others none is shown to be the best. Underpowered, with fewer than 6 seeds: valley."
    )


def test_the_answer_claims_no_more_than_the_tests_have_shown() -> None:
    assert "too few seeds" in verdict(transferred({"g": rising(LOW[:3]), "m": rising(HIGH[:3])})).answer
    assert verdict(transferred({"g": rising(HIGH), "m": rising(HIGH)})).answer.startswith("No optimizer is shown")
    started = transferred({"g": rising(LOW[:1])}, state=RunState.STOPPED)
    assert verdict(started).answer == "No candidate has trained to the end yet."


def test_the_best_is_who_is_shown_to_be_and_not_who_had_easier_seeds() -> None:
    easier = [0.9, 0.91, 0.92, 0.9]
    told = verdict(
        transferred({"m": rising(HIGH), "g": rising(LOW)}),
        transferred({"g": rising(easier)}, seeds=range(8, 12), started=9.0),
    )
    assert told.answer == "Shown to be the best: on pictures-mini momentum."


def test_curves_are_figures_of_the_mean_score_with_the_middle_half_of_the_seeds() -> None:
    children = [ended(0.2, 0.4, 0.5), ended(0.1, 0.2, 0.25), failed(WORDS, 0.1)]
    made = report(transferred({"g": children}, WORDS))
    chart = charts(made)["t1-w1-curves"]
    assert (chart["along"], chart["budget"], chart["logarithmic"]) == ("epoch", 3, True)
    (one,) = chart["series"]
    assert one["median"]["x"] == [1, 2, 3]
    assert one["median"]["y"] == pytest.approx([3 / 0.4, 3 / 0.6, 3 / 0.75], rel=1e-4), "the failure counts with 0"
    assert one["high"] == pytest.approx([1 / 0.15, 1 / 0.3, 1 / 0.375], rel=1e-4)
    assert [(each["seed"], each["x"]) for each in one["seeds"]] == [(0, [1, 2, 3]), (1, [1, 2, 3])]
    assert "sgd 4.000" in chart["alt"]


def test_what_cannot_be_drawn_is_left_open() -> None:
    chart = charts(report(transferred({"g": [failed(WORDS, 0.1), failed(WORDS, 0.1)]}, WORDS)))["t1-w1-curves"]
    assert chart["series"][0]["median"]["y"] == [10.0, None], "the perplexity of the score 0 is infinite"
    json.dumps(chart, allow_nan=False)
    once = replace(PICTURES, epochs=1)
    assert "t1-w1-curves" not in charts(report(transferred({"g": [ended(0.5)], "m": [ended(0.6)]}, once)))


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    long = replace(PICTURES, epochs=300)
    outcome = ended(*[epoch / 300 for epoch in range(1, 301)])
    (one,) = charts(report(transferred({"g": [outcome], "m": [outcome]}, long)))["t1-w1-curves"]["series"][:1]
    assert len(one["median"]["x"]) == len(one["median"]["y"]) == MOST_EPOCHS
    assert (one["median"]["x"][0], one["median"]["x"][-1], one["median"]["y"][-1]) == (1, 300, 1.0)


def test_profiles_are_drawn_as_steps_from_1_to_4() -> None:
    slow, soon = [ended(0.1, 0.1, 0.6)] * 2, [ended(0.6, 0.6, 0.6)] * 2
    records = [*transferred({"adam": slow, "g": soon}), *transferred({"adam": soon, "g": slow}, WORDS)]
    chart = charts(report(records))["t1-profiles"]
    assert chart["share"]
    assert {each["label"]: each["median"] for each in chart["series"]} == {
        name: {"x": [1.0, 3.0, 4.0], "y": [0.5, 1.0, 1.0]} for name in ("adam", "sgd")
    }
    assert "over 2 workloads" in chart["alt"]


def test_a_stopped_candidate_is_drawn_as_far_as_it_went() -> None:
    records = [*rung(1, FIRST), *rung(2, {"m": 0.5, "adam": 0.6}), *rung(3, {"adam": 0.7})]
    made = report(records)
    lengths = {each["label"]: len(each["median"]["x"]) for each in charts(made)["t1-w1-curves"]["series"]}
    assert lengths == {"adam": 3, "momentum": 2, "sgd": 1, "sign-momentum": 1}
    page = render(made)
    assert "stopped at 2" in page
    assert "The funnel" in page


def test_known_candidates_look_alike_in_every_report_and_nobody_shares_a_mark() -> None:
    few, many = candidate_marks(["adam", "x"]), candidate_marks(["adam", *map(str, range(30))])
    assert few["adam"] == many["adam"]
    assert len(set(many.values())) == 31
    assert max(mark.colour for mark in many.values()) == len(COLOURS) - 1


def test_the_page_and_its_data_hold_the_board(made, page) -> None:
    (section,) = made.transfers
    assert [each.label for each in section.board.workloads] == ["pictures-mini", "words-mini"]
    assert 'href="#t1"' in page
    for place in (1, 2):
        assert f'id="t1-w{place}-results"' in page
        assert f'id="t1-w{place}-curves"' in page
    (board,) = json.loads(data(made))["transfer_boards"]
    assert [each["label"] for each in board["workloads"]] == ["pictures-mini", "words-mini"]
    assert re.search(r'<td class="under"><strong>0\.590</strong>', page), "three seeds are underpowered"


def test_a_report_of_one_board_of_searches_leaves_transfers_out(records) -> None:
    from harness.board.report.document import chosen

    kinds = {type(each.header).__name__ for each in chosen(records, board=1)}
    assert "TransferHeader" not in kinds
    assert "TransferHeader" in {type(each.header).__name__ for each in chosen(records, board=None)}


@pytest.mark.parametrize("funnel", [False, True])
def test_the_command_trains_the_same_candidates_on_the_same_workload(funnel: bool, monkeypatch) -> None:
    texts = ("g", "clip(g, 1e-4) * exp(v)", "torch:SGD(momentum=0.9, nesterov=True)")
    entrants = tuple(str(candidate(text)) for text in texts)
    outcomes = {text: rising([0.5, 0.6]) for text in texts}
    protocol, own = replace(PICTURES, inputs="images"), replace(FUNNEL, entrants=entrants) if funnel else None
    records = transferred(outcomes, protocol, funnel=own, data="cifar10")
    seen = []
    monkeypatch.setattr("harness.cli.transferring.print_transfer_boards", lambda *_, **__: None)
    monkeypatch.setattr("harness.library.transferring.transferred", lambda _, asked, **__: _seen(seen, asked, records))
    words = shlex.split(transferring(header_of(records[0]), [0, 1]))
    assert words[:2] == ["harness", "transfer"]
    done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (asked,) = seen
    assert tuple(str(candidate(text)) for text in asked.rules) == entrants
    assert (list(asked.workloads), asked.seeds, asked.mini) == (["pictures"], (0, 1), True)
    assert (asked.data, asked.funnel) == ({"": "cifar10"}, FUNNEL.rungs if funnel else ())


def _seen(seen, asked, records):
    seen.append(asked)
    return [each.header for each in records]
