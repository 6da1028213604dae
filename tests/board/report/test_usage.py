"""What the searches did, counted."""

from __future__ import annotations

import pytest

from harness.board.report.usage import steps, usage
from harness.contracts import Status
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)


def test_a_curve_is_kept_by_its_changes() -> None:
    kept = steps((0.1, 0.1, 0.4, 0.4, 0.4))
    assert (kept.children, kept.values) == ((1, 3, 5), (0.1, 0.4, 0.4))
    assert steps((0.3,)).children == (1,)


def test_the_band_is_the_middle_half_of_the_seeds(run) -> None:
    (curves,) = usage([run(0.1, 0.2, 0.3, 0.1 * seed, seed=seed) for seed in range(5)], SPACE).curves
    assert (curves.low[-1], curves.median.values[-1], curves.high[-1]) == pytest.approx((0.3, 0.3, 0.3))
    assert [seed for seed, _ in curves.seeds] == [0, 1, 2, 3, 4]
    assert curves.seeds[4][1].values[-1] == pytest.approx(0.4)


def test_words_are_counted_by_tenth(run) -> None:
    found = usage([run(*([0.2] * 30))], SPACE)
    (words,) = found.words
    shares = dict(zip(found.vocabulary, words.shares, strict=True))
    assert "id" not in shares
    assert shares["g"] == (1.0,) * 10  # every one of the three rules has it
    assert shares["gamma"] == (0.0,) * 10
    assert shares["v"] == pytest.approx((2 / 3,) * 10)  # two of any three rules in turn


def test_a_tenth_without_proposals_has_no_share(run) -> None:
    found = usage([run(0.1, 0.2, 0.3)], SPACE)
    shares = dict(zip(found.vocabulary, found.words[0].shares, strict=True))
    empty = {place for place, share in enumerate(shares["g"]) if share is None}
    assert empty == set(range(10)) - {0, 3, 6}
    assert {place for place, share in enumerate(shares["gamma"]) if share is None} == empty
    assert [share for share in shares["v"] if share is not None] == [0.0, 1.0, 1.0]


def test_the_front_holds_what_no_smaller_rule_beats(run) -> None:
    sized = usage([run(0.2, 0.4, 0.3)], SPACE).sized
    front = [each for each in sized if each.front]
    assert [each.score for each in front] == sorted(each.score for each in front)
    for each in sized:
        beaten = any(one.nodes <= each.nodes and one.score > each.score for one in sized)
        assert each.front != beaten
    assert len(sized) == 3


def test_the_mean_against_size_counts_failures_and_every_environment(run, trial) -> None:
    other = {"torch": "2.14.0"}
    records = [
        run(trials=(trial(0.7),)),
        run(trials=(trial(0.5),), environment=other),
        run(trials=(trial(0.1, status=Status.DIVERGED),), seed=1),
    ]
    (only,) = usage(records, SPACE).sized
    assert only.score == pytest.approx((0.7 + 0.5 + 0.1) / 3)
    assert only.seeds == 2
    assert usage(records[2:], SPACE).sized == ()


def test_divergence_is_told_by_word(run, trial, rules) -> None:
    bad = [trial(0.1, place, rule=rules[1], status=Status.DIVERGED) for place in range(10)]
    good = [trial(0.3, place, rule=rules[0]) for place in range(10, 30)]
    risks = {each.word: each for each in usage([run(trials=(*bad, *good))], SPACE).risks}
    assert (risks["v"].trained, risks["v"].diverged) == (10, 10)
    assert (risks["g"].trained, risks["g"].diverged) == (30, 10)
