"""What is left of a search score on fresh seeds, on made-up runs whose figures are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from confirming import confirmed

from harness.board.rules.judging import rules_boards
from harness.board.rules.pages import page
from harness.board.searches.judging import boards
from harness.board.statistics import trained
from harness.contracts import Status
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER

NEW = "g * exp(v)"  # found by nobody unless a test says so
GOOD = [0.70, 0.71, 0.72, 0.70, 0.71, 0.72, 0.73, 0.74]
SCORES = {
    "g": [0.50, 0.51, 0.52, 0.50, 0.51, 0.52, 0.53, 0.54],
    "m": [0.60, 0.62, 0.61, 0.60, 0.62, 0.61, 0.60, 0.62],
    NEW: GOOD,
    "g * clip(g2, 1e-4)": [None, None, 0.4, None, None, None, None, None],
}


@pytest.fixture
def base(run):
    return run(0.1).header


@pytest.fixture
def board(base):
    (found,) = rules_boards([], confirmed(base, SCORES))
    return found


def named(board, text):
    (found,) = [each for each in board.rules if text in (each.known, each.infix)]
    return found


def test_rules_are_listed_by_test_score(board) -> None:
    assert board.tested
    assert [each.known or each.infix for each in board.rules] == [NEW, "momentum", "sgd", "g * clip(g2, 1e-4)"]
    best = named(board, NEW)
    assert best.figure is best.test
    assert best.validation.mean == pytest.approx(sum(GOOD) / 8)
    assert best.test.mean == pytest.approx(sum(GOOD) / 8 - 0.01)
    assert best.test.low < best.test.mean < best.test.high
    assert board.seeds == best.seeds == tuple(range(8))


def test_without_test_scores_validation_is_the_figure(base) -> None:
    (found,) = rules_boards([], confirmed(base, SCORES, test_gap=None))
    assert not found.tested
    assert all(each.test is None and each.figure is each.validation for each in found.rules)
    assert named(found, NEW).paired.difference.mean == pytest.approx(sum(GOOD) / 8 - 0.61)


def test_rules_are_paired_with_the_best_known_optimizer_by_seed(board) -> None:
    assert board.best_known == named(board, "momentum").key
    assert named(board, "momentum").paired is None
    paired = named(board, NEW).paired
    assert paired.differences == pytest.approx([a - b for a, b in zip(GOOD, SCORES["m"], strict=True)])
    assert paired.seeds == tuple(range(8))
    assert paired.p == paired.least == 2 / 2**8, "all eight differences have one sign"


def test_p_is_corrected_for_all_rules(board) -> None:
    pairs = [each.paired for each in board.rules if each.paired is not None]
    assert [each.p for each in pairs] == [2 / 2**8] * 3
    assert [each.adjusted for each in pairs] == [3 * 2 / 2**8] * 3


def test_holm_steps_down_and_never_falls(base) -> None:
    mixed = [0.59, 0.63, 0.60, 0.61, 0.62, 0.61, 0.60, 0.61]  # hardly differs from momentum
    (found,) = rules_boards([], confirmed(base, SCORES | {"m * exp(v)": mixed}))
    adjusted = sorted((each.paired.p, each.paired.adjusted) for each in found.rules if each.paired)
    assert [p for p, _ in adjusted[:3]] == [2 / 2**8] * 3
    assert [value for _, value in adjusted[:3]] == [4 * 2 / 2**8] * 3
    largest, last = adjusted[3]
    assert last == max(largest, 4 * 2 / 2**8)


def test_what_diverged_counts_with_chance(board) -> None:
    wild = named(board, "g * clip(g2, 1e-4)")
    assert (wild.diverged, wild.errors) == (7, 0)
    assert wild.validation.mean == pytest.approx((7 * 0.1 + 0.4) / 8)
    assert [each.status for each in wild.retrainings].count(Status.DIVERGED) == 7


def test_examples_are_counted_until_the_target(board, base) -> None:
    # nine tenths of the way from chance to momentum's median, 0.61; curves are score/2, score − 0.05, score
    assert board.target == pytest.approx(0.1 + 0.9 * (0.61 - 0.1))
    assert named(board, NEW).target_examples == 2 * base.protocol.train_examples
    assert named(board, NEW).reached == 8
    assert named(board, "momentum").target_examples == 2.5 * base.protocol.train_examples or (
        named(board, "momentum").reached == 8
    )
    assert (named(board, "sgd").reached, named(board, "sgd").target_examples) == (0, None)


def test_the_chance_by_which_a_failure_ends_reaches_no_target() -> None:
    assert trained(Status.DIVERGED, (0.05, 0.1)) == (0.05,)
    assert trained(Status.DIVERGED, ()) == ()
    assert trained(Status.OK, (0.05, 0.1)) == (0.05, 0.1)


def test_seeds_that_never_reach_the_target_are_not_left_out_of_the_median(base) -> None:
    half = [0.7, 0.7, 0.7, 0.7, 0.2, 0.2, 0.2, 0.2]
    most = [0.7, 0.7, 0.7, 0.7, 0.7, 0.2, 0.2, 0.2]
    (found,) = rules_boards([], confirmed(base, SCORES | {"m * exp(v)": half, "m * exp(g2)": most}))
    assert (named(found, "m * exp(v)").reached, named(found, "m * exp(v)").target_examples) == (4, None)
    assert named(found, "m * exp(g2)").target_examples == 2 * base.protocol.train_examples


def test_memory_and_complexity_are_those_of_the_canonical_form(board) -> None:
    assert [named(board, each).means for each in ("sgd", "momentum", NEW)] == [(), ("m",), ("v",)]
    assert [named(board, each).complexity for each in ("sgd", "momentum", NEW)] == [1, 1, 4]


def test_finders_are_credited_whoever_nominated(base, run) -> None:
    searches = [run(0.4, 0.9, seed=seed, searcher=name) for name in ("random", "evolution") for seed in range(2)]
    searches.append(run(0.99, budget=Budget(5, 10)))  # of another board
    comparable = searches[0].header.comparable
    other = str(searches[0].trials[1].rule.infix)
    (found,) = rules_boards(searches, confirmed(base, SCORES | {other: GOOD}, searched=comparable))
    assert found.searched.comparable == comparable
    rule = named(found, other)
    assert [(each.label, each.seeds, each.score) for each in rule.finders] == [
        ("evolution", (0, 1), 0.9),
        ("random", (0, 1), 0.9),
    ]
    assert rule.search_score == 0.9
    assert rule.drop == pytest.approx(0.9 - sum(GOOD) / 8)
    assert named(found, NEW).finders == ()
    assert named(found, NEW).drop is None


def test_scores_of_another_protocol_measure_no_drop(base, run) -> None:
    search = run(0.4, 0.9)
    text = search.trials[1].rule.infix
    made = confirmed(base, {"g": [0.5], text: [0.7]}, searched=search.header.comparable, protocol=PAPER)
    (found,) = rules_boards([search], made)
    rule = named(found, text)
    assert (rule.search_score, rule.drop) == (0.9, None)
    assert "no measure of the drop" in found.notes[0]


def test_groups_that_cannot_be_compared_have_boards_of_their_own(base) -> None:
    groups = [
        confirmed(base, SCORES),
        confirmed(base, SCORES, protocol=PAPER),
        confirmed(base, SCORES, data_fingerprint="e" * 64),
        confirmed(base, SCORES, environment={"torch": "3"}),
        confirmed(base, SCORES, searched="abc"),
    ]
    assert len(rules_boards([], [record for group in groups for record in group])) == 5


def test_lists_that_share_rules_are_one_board(base) -> None:
    short = confirmed(base, {"g": [0.5, 0.6, 0.7]})
    long = confirmed(base, {"m": [0.6, 0.7], "g": [0.5, 0.6]}, started=9.0)
    (found,) = rules_boards([], short + long)
    assert {each.known: each.seeds for each in found.rules} == {"sgd": (0, 1, 2), "momentum": (0, 1)}
    assert named(found, "sgd").paired.seeds == (0, 1)
    assert any("same seeds" in note for note in found.notes)


def test_unfinished_seeds_are_listed_and_not_counted(base) -> None:
    done, left = confirmed(base, {"g": [0.5, 0.9], "m": [0.6, 0.9]})
    half = replace(left, state=RunState.STOPPED, trials=left.trials[:1])
    (found,) = rules_boards([], [done, half])
    assert [(each.run, each.seed, each.state, each.done, each.rules) for each in found.unfinished] == [
        (left.header.name, 1, "stopped", 1, 2)
    ]
    assert {each.known: each.validation.mean for each in found.rules} == {"sgd": 0.5, "momentum": 0.6}
    assert found.seeds == (0,)


def test_a_stopped_list_that_a_longer_one_replaced_is_done(base) -> None:
    (_, stopped) = confirmed(base, {"g": [0.5, 0.9], "m": [0.6, 0.9]})
    replaced = replace(stopped, state=RunState.STOPPED, trials=())
    longer = confirmed(base, {"m": [0.6, 0.9], "v": [0.2, 0.2], "g": [0.5, 0.9]})
    (found,) = rules_boards([], [replaced, *longer])
    assert found.unfinished == ()


def test_nothing_finished_yet_is_a_board_of_what_is_under_way(base) -> None:
    (only,) = confirmed(base, {"g": [0.5]}, state=RunState.RUNNING, active=True)
    (found,) = rules_boards([], [only])
    assert (found.rules, found.best_known, found.target, found.seeds) == ((), "", None, ())
    assert [each.state for each in found.unfinished] == ["running"]


def test_an_error_gives_way_to_an_outcome_of_another_run(base) -> None:
    (sound,) = confirmed(base, {"g": [0.5]})
    failed = replace(sound.trials[0].outcome, status=Status.ERROR, score=0.1, test=None, curve=())
    broken = replace(sound, started=1.0, trials=(replace(sound.trials[0], outcome=failed),))
    for records in ([broken, sound], [sound, broken]):
        assert named(rules_boards([], records)[0], "sgd").validation.mean == 0.5
    (alone,) = rules_boards([], [broken])
    assert (named(alone, "sgd").errors, named(alone, "sgd").test) == (1, None)
    assert math.isclose(named(alone, "sgd").validation.mean, 0.1)


def test_the_searchers_board_never_sees_a_confirmation(base, run) -> None:
    searches = [run(0.2, 0.3, seed=seed) for seed in range(2)]
    posing = confirmed(replace(base, searcher="random"), SCORES)  # even if it were to call itself a random search
    posing = [replace(each, header=replace(each.header, searcher="random")) for each in posing]
    assert boards([*searches, *posing]) == boards(searches)
    assert boards(posing) == ()


def test_no_choice_depends_on_a_test_score(base) -> None:
    """Momentum is the best known by validation and SGD by test: validation chooses (protocol §2)."""
    plain = confirmed(base, SCORES)
    turned = {"g": 0.95, "m": 0.15, NEW: 0.5, "g * clip(g2, 1e-4)": 0.99}
    tests = dict(zip((rule for rule in plain[0].header.confirmation.rules), turned.values(), strict=True))
    other = [
        replace(
            record,
            trials=tuple(
                replace(each, outcome=replace(each.outcome, test=tests[str(each.rule)])) for each in record.trials
            ),
        )
        for record in plain
    ]
    (before,), (after,) = rules_boards([], plain), rules_boards([], other)
    assert [each.known or each.infix for each in after.rules] != [each.known or each.infix for each in before.rules]
    assert after.best_known == before.best_known == named(after, "momentum").key
    assert after.target == before.target
    for key in (each.key for each in before.rules):
        one, two = ({each.key: each for each in board.rules}[key] for board in (before, after))
        assert (two.reached, two.target_examples, two.validation) == (one.reached, one.target_examples, one.validation)
    assert named(after, "sgd").paired.difference.mean == pytest.approx(0.95 - 0.15), "and is compared by test"


def test_another_way_of_nominating_is_another_family_of_tests(base) -> None:
    plain = confirmed(base, SCORES, searched="abc")
    other = [
        replace(each, header=replace(each.header, confirmation=replace(each.header.confirmation, nominated="so")))
        for each in plain
    ]
    found = rules_boards([], [*plain, *other])
    assert [each.nominated for each in found] == ["", "so"]
    assert ("nominated", "so; fixed before any was retrained") in page(found[1]).facts
    assert not any(name == "nominated" for name, _ in page(found[0]).facts)


def test_a_rule_that_was_not_tested_on_every_seed_has_no_test_score(base) -> None:
    whole, part = confirmed(base, {"g": [0.5, 0.5], "m": [0.4, 0.4]})
    untested = replace(part.trials[1], outcome=replace(part.trials[1].outcome, test=None))
    (board,) = rules_boards([], [whole, replace(part, trials=(part.trials[0], untested))])
    assert named(board, "sgd").test is not None
    assert named(board, "momentum").test is None
