"""Regret, worked out by hand on a table of four rules worth 0.5, 0.49, 0.3 and 0.2; the first two tie."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from tabled import BEST, FAIR, POOR, TIED, trials, truth

from harness.board.markdown import Format
from harness.board.report.charts import charts
from harness.board.report.document import report
from harness.board.report.page import render as render_page
from harness.board.searches import pages
from harness.board.searches.board import Board
from harness.board.searches.formats import render
from harness.board.searches.judging import boards
from harness.board.searches.regret import incumbents
from harness.contracts import Rule, TaskProtocol
from harness.errors import DataError

TRUTH = truth()
LATE = trials((FAIR, 0.35), (POOR, 0.4), (BEST, 0.39), (TIED, 0.45))  # regret 0.2, 0.3, 0.3, 0.01
LOST = trials((BEST, 0.5), (TIED, 0.6), (FAIR, 0.6), (POOR, 0.7))  # 0, 0.01, 0.01, 0.3
BRIEF = trials((POOR, 0.1, "diverged"), (POOR, 0.9, "free"), (BEST, 0.2))  # 0.4 of chance, then 0 to the end


def board(*records: object) -> Board:
    (found,) = boards(records, truths=lambda _: TRUTH)  # type: ignore[arg-type]
    return found


def test_regret_is_the_optimums_truth_less_that_of_the_best_child_so_far(run) -> None:
    (row,) = board(run(trials=LATE)).rows
    assert row.regret.curve == (0.2, 0.3, 0.3, 0.01), "a lucky score takes the place of a better rule"
    assert row.regret.share == (0.0, 0.0, 0.0, 1.0)
    assert row.finals == (0.45,), "the search score stays what it is"


def test_of_equal_scores_the_earliest_is_the_incumbent(run) -> None:
    (row,) = board(run(trials=LOST)).rows
    assert row.regret.curve == (0.0, 0.01, 0.01, 0.3)
    places = incumbents(np.array([[0.2, 0.1, 0.2, 0.3], [-np.inf, -np.inf, 0.0, -np.inf]]))
    assert places.tolist() == [[0, 0, 0, 3], [-1, -1, 2, 2]]


def test_failures_and_free_repeats_are_no_incumbents_and_a_short_run_keeps_its_last(run) -> None:
    (row,) = board(run(trials=BRIEF)).rows
    assert row.regret.curve == (0.4, 0.0, 0.0, 0.0), "chance is 0.1 where there is no incumbent"


def test_curves_and_shares_are_over_the_seeds(run) -> None:
    (row,) = board(run(trials=LATE), run(trials=LOST, seed=1), run(trials=BRIEF, seed=2)).rows
    regret = row.regret
    assert regret.finals == (0.01, 0.3, 0.0)
    assert regret.final.mean == pytest.approx(0.31 / 3)
    assert regret.final.low <= regret.final.mean <= regret.final.high
    assert regret.curve == (0.2, 0.01, 0.01, 0.01)
    assert regret.band[0] == pytest.approx((0.1, 0.005, 0.005, 0.005))
    assert regret.band[1] == pytest.approx((0.3, 0.155, 0.155, 0.155))
    assert regret.share == pytest.approx((1 / 3, 2 / 3, 2 / 3, 2 / 3))


def test_a_rule_of_the_tie_set_may_be_reached_and_lost_again(run) -> None:
    (row,) = board(run(trials=LATE), run(trials=LOST, seed=1), run(trials=BRIEF, seed=2)).rows
    assert row.regret.reached.children == (4, 1, 2)
    assert (row.regret.reached.count, row.regret.held, row.regret.median) == (3, 2, 2.0)


def test_seeds_that_never_reach_the_tie_set_count_as_later_than_the_budget(run) -> None:
    never = trials((FAIR, 0.3), (POOR, 0.4))
    (row,) = board(run(trials=LATE), run(trials=never, seed=1), run(trials=never, seed=2)).rows
    assert row.regret.reached.children == (4, None, None)
    assert (row.regret.ever, row.regret.median) == (pytest.approx(1 / 3), None)


def two(run) -> Board:
    """On six seeds gp has the larger area and always ends with the better rule, too."""
    good = [run(trials=trials((FAIR, 0.3), (BEST, 0.6 + seed / 100)), seed=seed, searcher="gp") for seed in range(6)]
    bad = [run(trials=trials((POOR, 0.2), (FAIR, 0.4)), seed=seed) for seed in range(6)]
    return board(*good, *bad)


def test_final_regret_is_compared_seed_by_seed_and_places_stay_those_of_area(run) -> None:
    found = two(run)
    (pair,) = found.regrets
    assert (pair.first, pair.second, pair.pairs) == ("gp", "random", 6)
    assert pair.test.difference.mean == pytest.approx(-0.2)
    assert pair.adjusted == 2 / 2**6
    gp, random = found.rows
    assert gp.regret.against_random == pair
    assert random.regret.against_random is None
    assert [row.places for row in found.rows] == [(1, 1), (2, 2)]


def test_every_printed_format_tells_regret(run) -> None:
    found = two(run)
    page = pages.page(found)
    tables = {table.title: table for table in page.tables}
    ends = next(table for title, table in tables.items() if title.startswith("Regret at the end"))
    assert ends.rows[0] == ("gp", "0.000 [0.000, 0.000]", "6 of 6", "6 of 6", "2")
    assert ends.rows[1] == ("random", "0.200 [0.200, 0.200]", "0 of 6", "0 of 6", ">4")
    assert ends.rows[2][0] == "random, from table hand"
    shares = tables["Seeds that hold a rule of the tie set after so many children"]
    assert [column.title for column in shares.columns] == ["searcher", "after 1", "after 2", "after 4"]
    assert shares.rows[0] == ("gp", "0%", "100%", "100%")
    (against,) = tables["Regret against random search, by seed (less is better)"].rows
    assert against[:4] == ("gp", "6", "-0.200 [-0.200, -0.200]", "0.031")
    told = " ".join(page.notes)
    assert "about the searchers' randomness on this table" in told
    assert (
        "mean score on 10 fresh seeds if it is one of the 2 retrained on them, else the mean of its 1 replicates"
        in told
    )
    assert "optimum g * m with truth 0.500, tie set of 2 rules" in dict(page.facts)["table"]
    text = render([found], Format.MD)
    assert "Difference in final regret by shared seed" in text
    assert "| gp |  | -0.200 (0.031) |" in text


def test_json_holds_what_its_schema_says_of_regret(run) -> None:
    (found,) = json.loads(render([two(run)], Format.JSON))["boards"]
    assert found["table"]["optimum"] == {"rule": "g * m", "tokens": str(BEST), "key": BEST.key, "truth": 0.5}
    assert found["table"]["tie_set"] == sorted([BEST.key, TIED.key])
    assert (found["table"]["retrained"], found["table"]["fresh_seeds"], found["table"]["replicates"]) == (2, 10, 1)
    gp, random = found["entrants"]
    assert gp["regret"]["finals"] == [0.0] * 6
    assert random["regret"]["curve"] == [0.3, 0.2, 0.2, 0.2]
    assert set(gp["regret"]) == {"finals", "final", "curve", "band", "tie_set", "against_random"}
    assert gp["regret"]["tie_set"] == {
        "share": [0.0, 1.0, 1.0, 1.0],
        "held": 6,
        "reached": 6,
        "seeds": 6,
        "median": 2.0,
        "children": [2] * 6,
    }
    assert gp["regret"]["against_random"] == found["regrets"][0]
    (reference,) = found["references"]
    assert set(reference["regret"]) == {"searches", "final", "curve", "band", "mean", "tie_set"}
    assert set(reference["regret"]["tie_set"]) == {"share", "held", "reached", "median"}


def test_csv_has_columns_of_regret_only_where_a_board_is_over_a_table(run) -> None:
    gp, random, reference = csv.DictReader(io.StringIO(render([two(run)], Format.CSV)))
    assert (gp["optimum"], gp["regret"], gp["ties_held"], gp["ties_children"]) == ("0.5", "0.0", "1.0", "2.0")
    assert float(gp["regret_random_difference"]) == pytest.approx(-0.2)
    assert float(random["regret"]) == pytest.approx(0.2)
    assert (random["ties_reached"], random["ties_children"]) == ("0.0", "")
    assert random["regret_random_verdict"] == ""
    assert float(reference["regret_low"]) <= float(reference["regret"]) <= float(reference["regret_high"])
    (plain, _) = csv.DictReader(io.StringIO(render(boards([run(0.3)]), Format.CSV)))
    assert not [name for name in plain if "regret" in name or "ties" in name or name == "optimum"]


def missing(_: TaskProtocol) -> None:
    raise DataError("table hand: expected a file to read, got none. Fetch it.")


def test_a_board_whose_table_cannot_be_read_is_shown_as_ever_and_says_why(run) -> None:
    records = [run(trials=LATE), run(trials=LOST, searcher="gp")]
    (bare,), (whole,) = boards(records), boards(records, truths=missing)
    assert whole.notes == (*bare.notes, "Regret is missing. table hand: expected a file to read, got none. Fetch it.")
    assert (whole.rows, whole.references, whole.truth) == (bare.rows, bare.references, None)


def test_a_run_with_a_rule_that_the_table_lacks_leaves_the_board_without_regret(run) -> None:
    other = Rule.parse("g g id id mul")
    (found,) = boards([run(trials=trials((other, 0.4)))], truths=lambda _: TRUTH)
    assert found.truth is None
    assert "Regret is missing. run random" in " ".join(found.notes)
    assert "expected rules of table hand" in " ".join(found.notes)


def test_the_report_of_no_table_draws_no_regret(run) -> None:
    assert not {"b1-regret", "b1-ties"} & set(charts(report([run(0.2)])))
    assert "Hold a tie" not in render_page(report([run(0.2)]))


def test_the_report_draws_regret_and_the_share_of_seeds(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.board.report.document.truth_of", lambda _: TRUTH)
    found = report([run(trials=LATE), run(trials=LOST, seed=1)])
    drawn = charts(found)
    (series,), (reference,) = drawn["b1-regret"]["series"], drawn["b1-regret"]["references"]
    assert series["median"] == {"x": [1, 2, 4], "y": [0.1, 0.155, 0.155]}
    assert (series["many"], reference["label"]) == (True, "random, from table hand")
    assert "median over seeds: random 0.155; random, from table hand" in drawn["b1-regret"]["alt"]
    page = render_page(found)
    assert '<td class="number strong" data-v="0.155">0.155</td>' in page
    assert "Hold a tie" in page
    (series,) = drawn["b1-ties"]["series"]
    assert series["median"] == {"x": [1, 4], "y": [0.5, 0.5]}
