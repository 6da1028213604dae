"""Which runs are pooled, which are ranked, and which are refused, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.board.searches import pages as search_pages
from harness.board.searches.judging import boards
from harness.contracts import Status
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.space.grammar import Space
from harness.tasks.child.protocols import PAPER

FAILURES = (Status.DIVERGED, Status.ERROR)


def only(*records):
    (board,) = boards(records)
    return board


def told(board) -> str:
    return " ".join([*board.apart, *board.notes])


def test_an_empty_store_has_no_boards() -> None:
    assert boards([]) == ()


def test_a_row_pools_the_seeds_of_one_entrant(run) -> None:
    board = only(run(0.2, 0.4, 0.3, 0.5, seed=1), run(0.4, 0.4, 0.6, 0.6, seed=0))
    (row,) = board.rows
    assert row.seeds == (0, 1)
    assert row.areas == pytest.approx((0.5, 0.375))
    assert row.finals == (0.6, 0.5)
    assert row.area.mean == pytest.approx(0.4375)
    assert row.area.low is None
    assert row.curve == pytest.approx((0.3, 0.4, 0.5, 0.55))
    assert row.band[0] == pytest.approx((0.25, 0.4, 0.45, 0.525))
    assert row.band[1] == pytest.approx((0.35, 0.4, 0.55, 0.575))
    assert [(each.target, each.children) for each in row.reached] == [
        (0.35, (1, 2)),
        (0.4, (1, 2)),
        (0.45, (3, 4)),
    ]
    assert (row.children, row.proposals, row.duplicates, row.seconds) == (8, 8, 0, 120.0)


def test_it_names_the_code_and_the_processors_once_each(run) -> None:
    old, new = {"commit": "a" * 40, "processor": "slow"}, {"commit": "b" * 40 + "+changes", "processor": "slow"}
    runs = [run(0.1, seed=0, provenance=old), run(0.1, seed=1, provenance=new), run(0.1, seed=2, provenance=old)]
    (board,) = boards(runs)
    assert board.commits == ("a" * 40, "b" * 40 + "+changes")
    assert board.hardware == ("slow",)
    shown = dict(search_pages.facts(board))
    assert shown["seeds"] == "0-2"
    assert shown["commit"] == f"{'a' * 12}, {'b' * 12}+changes"
    assert shown["hardware"] == "slow"


def test_it_names_the_gpu_that_children_trained_on(run) -> None:
    runs = [run(0.1, seed=0, environment={"device": "NVIDIA H100"}, provenance={"processor": "beside it"})]
    assert only(*runs).hardware == ("NVIDIA H100",)


def test_duplicates_and_failures_are_counted(run, trial) -> None:
    trials = (
        trial(0.3, 0),
        trial(0.3, 1, charged=False),
        trial(0.1, 2, status=Status.DIVERGED),
        trial(0.1, 3, status=Status.ERROR),
        trial(0.1, 4, status=Status.DIVERGED, charged=False),
    )
    (row,) = only(run(trials=trials)).rows
    assert (row.children, row.proposals, row.duplicates, row.diverged, row.errors) == (3, 5, 2, 1, 1)


def test_best_rule_carries_its_seed(run, rules) -> None:
    (row,) = only(run(0.2, 0.4, seed=3), run(0.3, 0.9, seed=5), run(0.5, 0.6, 0.7, seed=9)).rows
    assert row.best is not None
    assert (row.best.rule, row.best.score, row.best.seed) == (rules[1], 0.9, 5)


def test_a_failed_rule_is_never_nominated(run, trial) -> None:
    board = only(run(trials=(trial(0.1, status=Status.DIVERGED), trial(0.1, 1, status=Status.ERROR))))
    assert board.rules == ()
    assert board.rows[0].best is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"space": Space.of(blocks=3)}, "different space"),
        ({"protocol": PAPER}, "different protocol"),
        ({"data_fingerprint": "e" * 64}, "different data"),
        ({"budget": Budget(5, 100)}, "different budget"),
        ({"budget": Budget(5, 100), "protocol": PAPER}, "different protocol and budget"),
    ],
)
def test_what_may_not_be_compared_is_not_and_it_says_why(run, change, reason) -> None:
    first, second = boards([run(0.9, 0.9, started=1.0), run(0.1, 0.1, started=2.0, **change)])
    assert [len(first.rows), len(second.rows)] == [1, 1]
    assert first.apart == ()
    assert second.apart == (f"Not ranked with board 1: {reason}.",)


def test_the_name_of_data_does_not_matter_but_its_fingerprint(run) -> None:
    assert len(boards([run(0.5), run(0.5, data="a-copy", seed=1)])) == 1


def test_searchers_are_ordered_by_area(run) -> None:
    board = only(
        *(run(0.2 + 0.001 * seed, seed=seed) for seed in range(6)),
        *(run(0.8 + 0.001 * seed**2, seed=seed, searcher="evolution") for seed in range(6)),
    )
    assert [(row.label, row.places) for row in board.rows] == [("evolution", (1, 1)), ("random", (2, 2))]
    assert "Not a strict ranking" not in told(board)
    assert "Underpowered" not in told(board)
    (pair,) = board.comparisons
    assert (pair.first, pair.second, pair.pairs, pair.adjusted) == ("evolution", "random", 6, 2 / 2**6)
    assert board.rows[0].against_random == pair
    assert board.rows[1].against_random is None


def test_what_the_test_does_not_separate_shares_its_places(run) -> None:
    board = only(
        *(run(0.2 + 0.05 * seed, seed=seed) for seed in range(8)),
        *(run(0.21 + 0.05 * (seed ^ 1), seed=seed, searcher="evolution") for seed in range(8)),
        *(run(0.9 + 0.001 * seed, seed=seed, searcher="oracle") for seed in range(8)),
    )
    assert [(row.label, row.places) for row in board.rows] == [
        ("oracle", (1, 1)),
        ("evolution", (2, 3)),
        ("random", (2, 3)),
    ]
    assert "does not separate evolution and random," in told(board)
    against = board.rows[0].against_random
    assert (against.first, against.second, against.verdict) == ("oracle", "random", "different")
    assert against.test.difference.mean == pytest.approx(0.9035 - 0.375)


def test_differences_by_seed_separate_what_overlapping_intervals_do_not(run) -> None:
    board = only(
        *(run(0.2 + 0.1 * seed, seed=seed) for seed in range(7)),
        *(run(0.21 + 0.101 * seed, seed=seed, searcher="evolution") for seed in range(7)),
    )
    first, second = board.rows
    assert first.area.low < second.area.high
    assert [first.places, second.places] == [(1, 1), (2, 2)]


def test_five_seeds_are_underpowered_however_large_the_difference(run) -> None:
    board = only(
        *(run(0.1 + seed / 1000, seed=seed) for seed in range(5)),
        *(run(0.9 + seed / 500, seed=seed, searcher="evolution") for seed in range(5)),
    )
    assert [row.places for row in board.rows] == [(1, 2), (1, 2)]
    assert board.rows[0].against_random.verdict == "underpowered"
    assert "with 2 searchers it takes 6 shared seeds" in told(board)
    assert "Not a strict ranking" not in told(board)  # that would say there had been a test


def test_more_searchers_need_more_seeds_and_it_says_how_many(run) -> None:
    names = ("random", "evolution", "gp", "oracle")
    board = only(
        *(
            run(0.1 + 0.2 * place + seed / 1000 * (place + 1), seed=seed, searcher=name)
            for place, name in enumerate(names)
            for seed in range(7)
        )
    )
    assert {row.places for row in board.rows} == {(1, 4)}
    assert "with 4 searchers it takes 8 shared seeds" in told(board)
    assert "as with --seeds 0-7." in told(board)


def test_a_late_searcher_does_not_make_a_shown_difference_impossible(run) -> None:
    board = only(
        *(run(0.2 + seed / 1000, seed=seed, searcher="a") for seed in range(6)),
        *(run(0.5 + seed / 500, seed=seed, searcher="b") for seed in range(6)),
        *(run(0.3 + seed / 500, seed=seed, searcher="c") for seed in range(2)),
    )
    assert [(each.first, each.second) for each in board.comparisons if each.different] == [("b", "a")]
    assert "with 3 searchers it takes 7 shared seeds to compare every pair; with fewer a difference can" in told(board)
    assert "to tell any difference" not in told(board)


def test_a_lone_searcher_is_compared_with_nobody(run) -> None:
    board = only(*(run(0.1 + seed / 1000, seed=seed) for seed in range(3)))
    assert board.comparisons == ()
    assert "Underpowered" not in told(board)


def test_one_seed_takes_every_place_and_a_note_says_so(run) -> None:
    board = only(run(0.9), *(run(0.1 + seed / 1000, seed=seed, searcher="evolution") for seed in range(3)))
    assert [row.places for row in board.rows] == [(1, 2), (1, 2)]
    assert "One or two seeds give no interval: run random" in told(board)


def test_places_rest_on_common_seeds_only(run) -> None:
    # evolution's mean over all its seeds is the lower one for its seed 9; over the common seeds it is ahead
    board = only(
        *(run(0.2 + seed / 1000, seed=seed) for seed in range(6)),
        *(run(0.22 + seed / 500, seed=seed, searcher="evolution") for seed in range(6)),
        run(0.0, seed=9, searcher="evolution"),
    )
    assert [(row.label, row.places, row.seeds) for row in board.rows] == [
        ("random", (2, 2), (0, 1, 2, 3, 4, 5)),
        ("evolution", (1, 1), (0, 1, 2, 3, 4, 5, 9)),
    ]
    assert "common to all: 0, 1, 2, 3, 4, 5" in told(board)


def test_random_of_the_same_environment_is_the_rival(run) -> None:
    other = {"torch": "2.14.0"}
    board = only(
        run(0.2),
        run(0.3, environment=other, started=2.0),
        run(0.25, seed=1, environment=other, started=2.0),
        run(0.5, searcher="evolution", environment=other, started=2.0),
        run(0.6, searcher="gp", environment={"torch": "2.15.0"}, started=3.0),
    )
    rivals = {row.label: row.against_random.second for row in board.rows if row.against_random}
    assert rivals == {"evolution [env B]": "random [env B]"}


def test_unfinished_runs_are_listed_and_not_ranked(run) -> None:
    board = only(
        run(0.2, 0.3, 0.3, 0.3),
        run(0.9, 0.8, seed=1, state=RunState.RUNNING, active=True),
        run(seed=2, state=RunState.RUNNING),
        run(0.1, seed=3, state=RunState.STOPPED),
    )
    assert [row.seeds for row in board.rows] == [(0,)]
    assert board.rows[0].best.score == 0.3
    assert [(each.seed, each.state, each.children, each.best) for each in board.unfinished] == [
        (1, "running", 2, 0.9),
        (2, "interrupted", 0, None),
        (3, "stopped", 1, 0.1),
    ]
    assert board.rules[0].score == 0.9


def test_versions_are_not_pooled_and_it_says_so(run) -> None:
    board = only(run(0.2), run(0.3, seed=1, searcher_version=2))
    assert sorted(row.label for row in board.rows) == ["random v1", "random v2"]
    assert "random v1 and v2 are not pooled" in told(board)


def test_environments_are_not_pooled_and_it_says_what_differs(run) -> None:
    other = {"torch": "2.14.0", "device": "cuda"}
    board = only(run(0.2), run(0.3, seed=1, environment=other, started=2.0))
    assert sorted(row.label for row in board.rows) == ["random [env A]", "random [env B]"]
    assert "env A has device (not recorded), torch 2.13.0; env B has device cuda, torch 2.14.0" in told(board)


def test_settings_and_async_make_other_entrants(run) -> None:
    tuned = {"population": 20, "mutation": 0.1}
    board = only(
        run(0.2),
        run(0.3, settings=tuned),
        run(0.4, settings=tuned | {"population": 50}),
        run(0.5, asynchronous=True),
    )
    assert [row.label for row in board.rows] == [
        "random (defaults) async",
        "random (mutation=0.1, population=50)",
        "random (mutation=0.1, population=20)",
        "random (defaults)",
    ]
    assert "cannot be repeated exactly" in told(board)
    assert "Settings of random (mutation=0.1, population=50): mutation=0.1, population=50." in board.notes


def test_only_telling_settings_are_in_the_label(run) -> None:
    board = only(
        run(0.3, settings={"a": 1, "b": 2}, searcher="m.n:S"), run(0.4, settings={"a": 1, "b": 3}, searcher="m.n:S")
    )
    assert [row.label for row in board.rows] == ["S (b=3)", "S (b=2)"]


def test_searchers_that_end_alike_keep_their_full_names(run) -> None:
    board = only(run(0.3, searcher="one.module:Search"), run(0.4, searcher="two.module:Search"))
    assert [row.label for row in board.rows] == ["two.module:Search", "one.module:Search"]


def test_a_second_copy_of_a_run_counts_once(run) -> None:
    partial = run(0.2, state=RunState.STOPPED)
    board = only(partial, run(0.2, 0.4, 0.4, 0.4), run(0.2, 0.4, 0.4, 0.4))
    (row,) = board.rows
    assert row.children == 4
    assert board.unfinished == ()
    assert "occurs more than once" in told(board)


def test_rules_are_counted_by_key_over_runs(run, trial, rules) -> None:
    swapped = replace(rules[0], blocks=(replace(rules[0].blocks[0], op1="m", op2="g"), rules[0].blocks[1]))
    assert swapped.key == rules[0].key
    one = (trial(0.3, 0), trial(0.3, 1, rule=swapped, charged=False), trial(0.35, 2, rule=rules[1]))
    two = (trial(0.5, 0, rule=swapped),)
    board = only(run(trials=one), run(trials=two, seed=1, searcher="evolution", started=2.0))
    best, second = board.rules
    assert (best.rule, best.score, best.seed, best.found, best.children) == (swapped, 0.5, 1, 3, 2)
    assert best.mean == pytest.approx(0.4)
    assert best.searchers == ("random", "evolution")
    assert (second.rule, second.found, second.searchers) == (rules[1], 1, ("random",))


def test_the_mean_of_a_rule_counts_its_failures_with_chance(run, trial) -> None:
    failed = [run(trials=(trial(0.1, status=status),), seed=seed) for seed, status in enumerate(FAILURES, 1)]
    board = only(run(trials=(trial(0.7),)), *failed)
    (best,) = board.rules
    assert (best.score, best.seed, best.children, best.found) == (0.7, 0, 3, 3)
    assert best.mean == pytest.approx((0.7 + 0.1 + 0.1) / 3)
    below = only(run(trials=(trial(0.05),)), *failed)
    assert below.rules[0].score == 0.05, "chance is more, but what failed is nobody's best"


def test_top_limits_the_rules(run) -> None:
    record = run(0.1, 0.2, 0.3)
    assert [len(boards([record], top=top)[0].rules) for top in (0, 2, 10)] == [0, 2, 3]


def test_a_board_does_not_depend_on_the_order_of_records(run) -> None:
    records = [
        run(0.2 + seed / 7, 0.4, seed=seed, searcher=name, started=float(seed))
        for seed in range(3)
        for name in ("random", "evolution")
    ]
    assert boards(records) == boards(records[::-1])


def test_a_late_lucky_find_does_not_outrank_a_larger_area(run) -> None:
    late = [run(0.1, 0.1, 0.1, 0.6, seed=seed, searcher="late") for seed in range(2)]
    soon = [run(0.5, 0.5, 0.5, 0.5, seed=seed, searcher="soon") for seed in range(2)]
    board = only(*late, *soon)
    assert [row.label for row in board.rows] == ["soon", "late"]
    assert [row.final.mean for row in board.rows] == [0.5, 0.6]
