"""What candidates are worth on workloads, on made-up runs whose figures are known by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transferring import PICTURES, VALLEY, WORDS, ended, failed, rising, transferred

from harness.board.transfer.figures import ends, estimated, figure, tie_group, written
from harness.board.transfer.judging import transfer_boards
from harness.contracts import Metric, Status
from harness.errors import LedgerError
from harness.race.header import Transfer
from harness.race.runs import RunState

LOW = [0.50, 0.51, 0.52, 0.50, 0.51, 0.52, 0.53, 0.54]
HIGH = [0.70, 0.71, 0.72, 0.70, 0.71, 0.72, 0.73, 0.74]
LIKE_HIGH = [0.71, 0.70, 0.73, 0.69, 0.72, 0.71, 0.74, 0.73]  # four times above HIGH, four times below


def judged(*records):
    (board,) = transfer_boards([each for own in records for each in own])
    return board


def only(board):
    (workload,) = board.workloads
    return workload


def groups(workload):
    return {each.label: tie_group(each, len(workload.results) - 1) for each in workload.results}


def test_a_cell_holds_the_mean_test_score_with_its_interval_and_its_tie_group() -> None:
    workload = only(judged(transferred({"g": rising(LOW), "m": rising(HIGH), "adam": rising([0.3] * 8)})))
    assert [each.label for each in workload.results] == ["momentum", "sgd", "adam"], "the best first"
    assert workload.tested
    best = workload.of("momentum")
    assert best.figure is best.test
    assert best.test.mean == pytest.approx(sum(HIGH) / 8 - 0.01)
    assert best.test.low < best.test.mean < best.test.high
    assert best.test.count == 8
    assert groups(workload) == {"momentum": "1", "sgd": "2", "adam": "3"}
    assert workload.of("powersign") is None


def test_pairs_are_tested_by_seed_with_holms_correction_over_the_workload() -> None:
    workload = only(judged(transferred({"g": rising(LOW), "m": rising(HIGH), "sign(m)": rising(LIKE_HIGH)})))
    pairs = {(each.first, each.second): each for each in workload.comparisons}
    assert pairs["sgd", "momentum"].test.p == pairs["sgd", "sign-momentum"].test.p == 2 / 2**8
    assert pairs["sgd", "momentum"].adjusted == pairs["sgd", "sign-momentum"].adjusted == 3 * 2 / 2**8
    assert pairs["momentum", "sign-momentum"].adjusted == 1.0
    assert groups(workload) == {"momentum": "1–2", "sign-momentum": "1–2", "sgd": "3"}


def test_what_is_compared_is_the_test_score() -> None:
    outcomes = {"g": rising(LOW, gap=-0.3), "m": rising(HIGH, gap=0.1)}
    (pair,) = only(judged(transferred(outcomes))).comparisons
    assert pair.test.difference.mean == pytest.approx((sum(LOW) - sum(HIGH)) / 8 + 0.4)


def test_six_seeds_can_tell_two_candidates_apart_but_no_three_after_holm() -> None:
    two = {"g": rising(LOW[:6]), "m": rising(HIGH[:6])}
    assert groups(only(judged(transferred(two)))) == {"momentum": "1", "sgd": "2"}
    three = two | {"adam": rising([0.3] * 6)}
    workload = only(judged(transferred(three)))
    assert [each.adjusted for each in workload.comparisons] == [3 * 2 / 2**6] * 3
    assert set(groups(workload).values()) == {"1–3"}
    assert not workload.underpowered


def test_five_seeds_are_underpowered_which_is_not_no_difference() -> None:
    workload = only(judged(transferred({"g": rising(LOW[:5]), "m": rising(HIGH[:5])})))
    assert groups(workload) == {"momentum": "underpowered", "sgd": "underpowered"}
    assert workload.underpowered
    assert [each.adjusted for each in workload.comparisons] == [None]


def test_a_candidate_with_too_few_shared_seeds_is_underpowered_alone() -> None:
    wide = transferred({"g": rising(LOW), "m": rising(HIGH)})
    short = transferred({"adam": rising([0.9] * 3)}, started=9.0)
    board = judged(wide, short)
    workload = only(board)
    assert groups(workload) == {"adam": "underpowered", "momentum": "1–2", "sgd": "2–3"}
    assert any("not all candidates have the same seeds" in note for note in board.notes)


def test_table_1s_four_figures_are_kept_and_chance_stands_for_a_failure() -> None:
    outcomes = [ended(0.5, 0.8, 0.6, test=0.55, at_best=0.75, BLEU=20.0), ended(0.4, 0.6, 0.6, test=0.5, at_best=0.45)]
    outcomes.append(failed(PICTURES, 0.9))
    found = only(judged(transferred({"g": outcomes, "m": rising([0.5] * 3)}))).of("sgd")
    assert [child.best_epoch for child in found.children] == [2, 2, None]
    means = (found.validation, found.test, found.best, found.test_at_best)
    assert [each.mean for each in means] == pytest.approx(
        [(0.6 + 0.6 + 0.1) / 3, (0.55 + 0.5 + 0.1) / 3, (0.8 + 0.6 + 0.1) / 3, (0.75 + 0.45 + 0.1) / 3]
    )
    assert [(name, each.mean, each.count) for name, each in found.figures] == [("BLEU", 20.0, 1)]
    assert (found.diverged, found.errors) == (1, 0)


def test_a_child_that_could_not_be_trained_counts_with_chance_too() -> None:
    broken = [failed(PICTURES, status=Status.ERROR), *rising([0.5, 0.5])]
    found = only(judged(transferred({"g": broken, "m": rising([0.5] * 3)}))).of("sgd")
    assert (found.diverged, found.errors) == (0, 1)
    assert found.test_at_best.mean == pytest.approx((0.1 + 0.49 + 0.49) / 3)


def test_a_failure_without_a_test_score_leaves_the_others_theirs() -> None:
    """One such child turned the figure of a whole column from test to validation."""
    broken = replace(failed(PICTURES, status=Status.ERROR), test=None, test_at_best=None)
    workload = only(judged(transferred({"g": [*rising(LOW[:7]), broken], "m": rising(HIGH, gap=0.3)})))
    assert workload.tested
    sgd, momentum = workload.of("sgd"), workload.of("momentum")
    assert (sgd.children[7].test, sgd.children[7].test_at_best) == (0.1, 0.1)
    assert sgd.figure.mean == pytest.approx((sum(LOW[:7]) - 0.07 + 0.1) / 8)
    assert momentum.figure.mean == pytest.approx(sum(HIGH) / 8 - 0.3)


def test_without_test_scores_validation_is_the_figure() -> None:
    outcomes = [replace(each, test=None, test_at_best=None) for each in rising(HIGH)]
    workload = only(judged(transferred({"g": outcomes, "m": outcomes})))
    assert not workload.tested
    found = workload.of("sgd")
    assert (found.test, found.test_at_best) == (None, None)
    assert found.figure is found.validation


def test_the_test_score_plays_no_part_in_any_choice() -> None:
    """With other test scores, targets, times, profiles and best epochs stay as they are; only the figures move."""
    plain = {"adam": rising(HIGH), "g": rising(LOW), "m": rising(LIKE_HIGH)}
    turned = {
        text: [replace(each, test=1.0 - each.test, test_at_best=1.0 - each.test_at_best) for each in own]
        for text, own in plain.items()
    }
    first, second = (judged(transferred(each), transferred(each, WORDS)) for each in (plain, turned))
    for one, other in zip(first.workloads, second.workloads, strict=True):
        assert one.targets == other.targets
        assert {each.label: each.time for each in one.results} == {each.label: each.time for each in other.results}
        for each in one.results:
            again = other.of(each.label)
            assert [child.best_epoch for child in each.children] == [child.best_epoch for child in again.children]
            assert each.figure.mean != again.figure.mean
    assert first.across.workloads == second.across.workloads
    assert first.across.profiles == second.across.profiles


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        (2.5, "2.500"),
        (0.00014, "0.0001400"),
        (7.033e-10, "7.033e-10"),
        (4.187e-13, "4.19e-13"),
        (4.187e-16, "4e-16"),
        (1e-30, "below 2e-16"),
        (0.0, "below 2e-16"),
    ],
)
def test_of_a_loss_near_0_no_digit_is_shown_that_the_score_does_not_hold(loss: float, shown: str) -> None:
    metric = Metric("f", score="1 / (1 + x)")
    assert written(metric, metric.scored(loss)) == shown


def test_figures_are_those_of_the_mean_score_with_the_ends_in_ascending_order() -> None:
    workload = only(judged(transferred({"g": rising([0.02, 0.02, 0.04], gap=0), "m": rising([0.5] * 3)}, WORDS)))
    metric, found = workload.protocol.measured, workload.of("sgd").figure
    assert figure(metric, found.mean) == pytest.approx(1 / ((0.02 + 0.02 + 0.04) / 3)) == pytest.approx(37.5)
    low, high = ends(metric, found)
    assert low == 1 / found.high < 37.5 < high == 1 / found.low
    assert estimated(metric, found) == f"37.50 [{low:.2f}, {high:.2f}]"
    assert written(metric, 0.0) == "∞"
    assert written(VALLEY.metric, 0.25) == "3.000"
    assert written(PICTURES.metric, 0.25) == "0.250"


def test_known_rules_have_their_names_and_others_their_formulas() -> None:
    board = judged(
        transferred({"g": rising([0.5]), "g * exp(sign(g) * sign(m))": rising([0.6]), "g * v": rising([0.7])})
    )
    assert {each.label for each in board.entrants} == {"sgd", "powersign", "g * v"}
    board = judged(transferred({"torch:AdamW": rising([0.5]), "torch:AdamW(weight_decay=0.1)": rising([0.6])}))
    assert {each.label for each in board.entrants} == {"torch AdamW", "torch AdamW(weight_decay=0.1)"}


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({"data": "real", "data_fingerprint": "e" * 64}, {"pictures-mini on synthetic", "pictures-mini on real"}),
        ({"data_fingerprint": "e" * 64}, {"pictures-mini (ffffff)", "pictures-mini (eeeeee)"}),
        ({"environment": {"torch": "9"}}, {"pictures-mini [env A]", "pictures-mini [env B]"}),
        ({"protocol": replace(PICTURES, version=2)}, {"pictures-mini v1", "pictures-mini v2"}),
        ({"protocol": replace(PICTURES, epochs=4)}, None),
    ],
)
def test_other_data_environments_and_protocols_are_never_compared(change, labels) -> None:
    some = transferred({"g": rising(LOW), "m": rising(HIGH)})
    others = transferred({"g": rising(HIGH), "m": rising(LOW)}, started=9.0, **change)
    board = judged(some, others)
    first, second = board.workloads
    assert (first.of("sgd").seeds, second.of("sgd").seeds) == (tuple(range(8)), tuple(range(8)))
    assert [each.results[0].label for each in board.workloads] == ["momentum", "sgd"], "nothing is pooled"
    if labels:
        assert {first.label, second.label} == labels
    assert len({first.label, second.label}) == 2
    assert len(board.across.workloads) == 1, "one task counts once across workloads"
    assert any("a task counts once" in note for note in board.notes)


def test_environments_that_differ_are_told_apart_in_a_note() -> None:
    some = transferred({"g": rising(LOW), "m": rising(HIGH)})
    others = transferred({"g": rising(LOW), "m": rising(HIGH)}, environment={"torch": "9"}, started=9.0)
    (told,) = [note for note in judged(some, others).notes if "environments are not compared" in note]
    assert "env A has task pictures 1, torch 2.13.0; env B has task (not recorded), torch 9." in told


def test_a_workload_in_which_seeds_change_nothing_is_told_as_such() -> None:
    def told(*outcomes) -> bool:
        board = judged(transferred(dict(zip(("g", "m"), outcomes, strict=True)), VALLEY))
        return any("nothing there is random" in note for note in board.notes)

    assert told(rising([0.5] * 8), rising([0.6] * 8))
    assert not told(rising([0.5] * 8), rising([*[0.6] * 7, 0.61]))
    assert not told(rising([0.5]), rising([0.6])), "one seed cannot tell"


def test_seeds_that_change_nothing_are_no_evidence_whoever_else_draws() -> None:
    """Ten seeds of one training each called two candidates different, and the one that draws hid the warning."""
    for last in (rising([0.3] * 10), rising([0.3 + 0.01 * place for place in range(10)])):
        board = judged(transferred({"g": rising([0.5] * 10), "m": rising([0.6] * 10), "adam": last}, VALLEY))
        workload = only(board)
        pairs = {(each.first, each.second): each for each in workload.comparisons}
        assert pairs["sgd", "momentum"].repeated
        assert (pairs["sgd", "momentum"].adjusted, pairs["sgd", "momentum"].verdict) == (None, "underpowered")
        assert pairs["sgd", "momentum"].test.difference.mean == pytest.approx(-0.1), "which is shown all the same"
    assert pairs["sgd", "adam"].different
    assert pairs["sgd", "adam"].adjusted == 2 * 2 / 2**10, "of two tests"
    assert groups(workload) == {"momentum": "1–2", "sgd": "1–2", "adam": "3"}
    (note,) = [each for each in board.notes if "same score on every seed" in each]
    assert note.startswith("valley: momentum and sgd have")
    assert not any("momentum and adam" in each for each in board.notes)


def test_what_always_fails_is_no_evidence_beside_what_never_changes() -> None:
    still = {"g": rising([0.5] * 8), "m": rising([0.6] * 8)}
    always = [failed(VALLEY) for _ in range(8)]
    workload = only(judged(transferred(still | {"adam": always}, VALLEY)))
    assert workload.deterministic
    assert not workload.underpowered
    noisy = only(judged(transferred({"g": rising(LOW), "adam": always}, VALLEY)))
    assert not any(each.repeated for each in noisy.comparisons), "it fails on each seed anew"


def test_seeds_of_several_runs_are_one_column() -> None:
    first = transferred({"g": rising(LOW[:3]), "m": rising(HIGH[:3])})
    later = transferred({"g": rising(LOW[3:]), "m": rising(HIGH[3:])}, seeds=range(3, 8), started=9.0)
    assert only(judged(first, later)).of("sgd").seeds == tuple(range(8))


def test_candidates_chosen_in_another_way_are_another_board() -> None:
    by_hand = transferred({"g": rising(LOW), "m": rising(HIGH)})
    top = transferred({"g": rising(LOW), "g * v": rising(HIGH)}, chosen="top 1 of the confirmed rules", started=9.0)
    first, second = transfer_boards([*top, *by_hand])
    assert (first.chosen, second.chosen) == ("", "top 1 of the confirmed rules")
    assert {each.label for each in first.entrants} == {"sgd", "momentum"}


def test_unfinished_runs_are_shown_and_never_counted() -> None:
    whole = transferred({"g": rising(LOW), "m": rising(HIGH)})
    left = replace(whole[-1], state=RunState.STOPPED, trials=whole[-1].trials[:1])
    board = judged([*whole[:-1], left])
    assert only(board).of("sgd").seeds == tuple(range(7))
    (told,) = board.unfinished
    assert (told.seed, told.state, told.done, told.candidates) == (7, "stopped", 1, 2)
    assert told.workload == "pictures-mini"


def test_a_list_that_a_longer_one_replaced_is_not_unfinished() -> None:
    short = transferred({"g": rising(LOW[:1])}, state=RunState.STOPPED)
    longer = transferred({"g": rising(LOW[:1]), "m": rising(HIGH[:1])}, started=9.0)
    assert judged(short, longer).unfinished == ()


def test_an_outcome_replaces_an_error_of_another_run() -> None:
    broken = transferred({"g": [failed(PICTURES, status=Status.ERROR)]})
    again = transferred({"g": rising([0.5]), "m": rising([0.6])}, started=9.0)
    assert only(judged(broken, again)).of("sgd").errors == 0
    assert only(judged(replace_started(broken, 10.0), again)).of("sgd").errors == 0


def replace_started(records, started):
    return [replace(each, started=started) for each in records]


def test_a_workload_that_nobody_finished_has_no_column() -> None:
    board = judged(transferred({"g": rising([0.5])}, state=RunState.STOPPED))
    assert (board.workloads, board.entrants, board.across) == ((), (), None)
    assert len(board.unfinished) == 1


def test_a_candidate_of_which_the_record_is_damaged_is_one_clear_line() -> None:
    (record,) = transferred({"g": rising([0.5])}, state=RunState.STOPPED)
    damaged = replace(record.header, transfer=Transfer(("torch:Adam(betas=;)",)))
    with pytest.raises(LedgerError, match="candidate in a record: expected what a run wrote, got torch:Adam") as told:
        transfer_boards([replace(record, header=damaged)])
    assert "\n" not in str(told.value)


def test_other_runs_are_passed_over(run) -> None:
    assert transfer_boards([run(0.5)]) == ()
