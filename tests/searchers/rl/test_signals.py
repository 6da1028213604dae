"""What is remembered of rewards: baseline, recent quantile, queue of the best."""

from __future__ import annotations

import pytest
import torch

from harness.searchers.rl.signals import Baseline, Elites, Recent


def test_the_first_batch_is_measured_against_itself_and_later_ones_against_the_past() -> None:
    baseline = Baseline(0.75)
    assert baseline.advantages(torch.tensor([0.0, 1.0]), normalize=False).tolist() == [-0.5, 0.5]
    assert baseline.advantages(torch.tensor([1.5, 1.5]), normalize=False).tolist() == [1.0, 1.0]
    assert baseline.mean == pytest.approx(0.75 * 0.5 + 0.25 * 1.5)


def test_normalized_advantages_do_not_depend_on_the_unit_of_reward() -> None:
    one, other = Baseline(0.9), Baseline(0.9)
    for batch in (torch.tensor([0.1, 0.4, 0.9]), torch.tensor([0.8, 0.2, 0.3])):
        small = one.advantages(batch, normalize=True)
        large = other.advantages(100.0 + 7.0 * batch, normalize=True)
        torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-4)


def test_equal_rewards_have_no_advantage() -> None:
    baseline = Baseline(0.9)
    for _ in range(3):
        assert baseline.advantages(torch.full((5,), 0.1), normalize=True).abs().max() < 1e-12


def test_noise_below_the_least_spread_is_not_blown_up() -> None:
    for off, advantage in ((1e-5, 0.01), (1e-4, 0.1), (2e-3, 1.0)):  # the least spread is a thousandth of a reward
        scores = torch.tensor([0.5 - off, 0.5 + off], dtype=torch.float64)
        advantages = Baseline(0.9).advantages(scores, normalize=True)
        assert advantages.tolist() == pytest.approx([-advantage, advantage])


def test_the_quantile_is_that_of_the_window_the_batch_included() -> None:
    recent = Recent(10)
    assert recent.quantile(torch.arange(5.0), 0.5) == 2.0
    assert recent.quantile(torch.arange(5.0, 11.0), 0.5) == 5.5  # of 1 to 10; 0 has left
    assert recent.quantile(torch.tensor([]), 1.0) == 1.0


def test_the_queue_holds_the_best_distinct_functions() -> None:
    elites = Elites(3)
    for number, (key, score) in enumerate([("a", 0.1), ("b", 0.9), ("b", 0.9), ("c", 0.5), ("d", 0.3), ("e", 0.5)]):
        elites.offer(key, score, torch.tensor([number]))
    assert elites.keys == ["b", "c", "e"]
    assert elites.scores == [0.9, 0.5, 0.5]
    assert elites.picks.tolist() == [[1], [3], [5]]


def test_of_equals_the_earlier_stays() -> None:
    elites = Elites(1)
    elites.offer("first", 0.5, torch.tensor([0]))
    elites.offer("second", 0.5, torch.tensor([1]))
    assert elites.keys == ["first"]


def test_with_a_resolution_a_behaviour_is_held_once_by_its_best_rule() -> None:
    elites = Elites(3, resolution=0.01)
    offers = [("a", 0.500), ("b", 0.505), ("c", 0.501), ("d", 0.300), ("e", 0.505), ("f", 0.520)]
    for number, (key, score) in enumerate(offers):
        elites.offer(key, score, torch.tensor([number]))
    assert elites.keys == ["f", "b", "d"]  # b took a's place, c and e stand too near to it
    assert elites.picks.tolist() == [[5], [1], [3]]
