"""The policy is a distribution over exactly the rules of its space, and reads back what it wrote."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats

from harness.searchers.rl.controller import Controller, legality
from harness.space.grammar import SWITCHES, Space

TINY = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))  # 48 rules
TWO = Space.of(blocks=2, operands=("g", "m"), unary=("id",), binary=("mul", "add"))
ONE_RULE = Space.of(blocks=1, operands=("g",), unary=("id",), binary=("mul",), distinct_operands=False)
SPACES = [
    *(Space.of("arxiv2", blocks=blocks) for blocks in (1, 2, 3, 4)),
    *(Space.of(blocks=2, **{switch: False}) for switch in SWITCHES),
    Space.of(blocks=4, **dict.fromkeys(SWITCHES, False)),
    TINY,
    TWO,
    ONE_RULE,
]


def every_rule(space: Space) -> torch.Tensor:
    """All legal picks, (rules, positions)."""
    ranges = [range(len(space.choices(position))) for position in range(space.positions)]
    legal = []
    for picks in product(*ranges):
        if all(space.mask(picks[:position])[pick] for position, pick in enumerate(picks)):
            legal.append(picks)
    assert len(legal) == space.size()
    return torch.tensor(legal)


@pytest.mark.parametrize("space", SPACES, ids=Space.describe)
def test_the_table_of_masks_is_the_space(space) -> None:
    table, rng = legality(space), np.random.default_rng(0)
    for _ in range(10):
        picks = space.encode(space.sample(rng)).reshape(-1)
        for position in range(space.positions):
            row = table[position, picks[position - 1] if position else 0]
            mask = space.mask(picks[:position])
            np.testing.assert_array_equal(row[: len(mask)], mask)
            assert not row[len(mask) :].any()


@pytest.mark.parametrize("space", SPACES, ids=Space.describe)
def test_samples_are_rules_of_the_space_even_of_a_policy_that_would_rather_not(space) -> None:
    controller = Controller(space, seed=0, hidden=8)
    with torch.no_grad():
        controller.softmax_bias -= 30.0 * controller.legal.any(1)  # what is legal seems hopeless beside what is not
    picks, _ = controller.sample(50)
    for row in picks.numpy():
        space.decode(row)  # raises outside the space
    assert torch.isfinite(controller.read(picks).log_probability).all()


@pytest.mark.parametrize("space", [TINY, TWO, ONE_RULE], ids=Space.describe)
def test_probabilities_of_all_rules_sum_to_one(space) -> None:
    reading = Controller(space, seed=1, hidden=8, scale=1.0).read(every_rule(space))
    assert reading.log_probability.exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    assert (reading.log_probability > -100.0).all()
    torch.testing.assert_close(reading.chances.sum(2), torch.ones_like(reading.chances[:, :, 0]))


def test_expected_entropy_of_the_steps_is_the_entropy_of_the_rules() -> None:
    reading = Controller(TINY, seed=1, hidden=8, scale=1.0).read(every_rule(TINY))
    chances = reading.log_probability.exp()
    torch.testing.assert_close((chances * reading.entropy).sum(), -(chances * reading.log_probability).sum())


def test_what_is_illegal_has_probability_0_and_no_gradient() -> None:
    controller = Controller(TINY, seed=0, hidden=8)
    picks, _ = controller.sample(20)
    reading = controller.read(picks)
    previous = torch.cat([torch.zeros(20, 1, dtype=torch.int64), picks[:, :-1]], 1)
    illegal = ~controller.legal[torch.arange(TINY.positions), previous]
    assert illegal.any()
    assert (reading.chances[illegal] == 0.0).all()
    (reading.log_probability.sum() + reading.entropy.sum()).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in controller.parameters)
    never = ~controller.legal.any(1)  # (positions, choices)
    assert (controller.softmax_bias.grad[never] == 0.0).all()
    assert (controller.softmax_bias.grad[~never] != 0.0).any()


def test_samples_come_as_often_as_their_probability_says() -> None:
    # fixed seed; over seeds, a correct sampler would fail once in 10,000
    controller, rules = Controller(TINY, seed=3, hidden=8, scale=1.0), every_rule(TINY)
    chances = controller.read(rules).log_probability.exp().detach().numpy()
    assert chances.max() > 3 * chances.min()
    place = {tuple(rule): index for index, rule in enumerate(rules.tolist())}
    picks, _ = controller.sample(10_000)
    counts = np.bincount([place[tuple(row)] for row in picks.tolist()], minlength=len(rules))
    assert stats.chisquare(counts, 10_000 * chances / chances.sum()).pvalue > 1e-4


def test_reading_a_sample_gives_the_probability_it_was_drawn_with() -> None:
    controller = Controller(Space.of(blocks=3), seed=0, hidden=16, scale=1.0)
    picks, log_probability = controller.sample(7)
    torch.testing.assert_close(controller.read(picks).log_probability, log_probability)


def test_a_step_is_that_of_an_lstm_as_torch_has_it() -> None:
    policy = Controller(TINY, seed=0, hidden=6, scale=1.0)
    reference = torch.nn.LSTMCell(4 * 6, 6, bias=False, dtype=torch.float64)
    keep, write, show, candidate = policy.from_state.detach().mT.chunk(4)
    places = torch.eye(4 * 6, dtype=torch.float64)
    with torch.no_grad():
        reference.weight_hh.copy_(torch.cat([write, keep, candidate, show]))
        reference.weight_ih.copy_(torch.cat([places[6:12], places[:6], places[18:], places[12:18]]))
    draws = torch.Generator().manual_seed(0)
    ours = theirs = tuple(torch.randn(3, 6, generator=draws, dtype=torch.float64) for _ in range(2))
    for _ in range(3):
        gates = torch.randn(3, 4 * 6, generator=draws, dtype=torch.float64)
        ours, theirs = policy._cell(gates, ours), reference(gates, theirs)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other)


def test_a_pick_depends_on_those_before_it_and_on_none_after() -> None:
    space = Space.of(blocks=2, connected=False)  # with it, op2 may be without a choice
    controller = Controller(space, seed=0, hidden=16, scale=1.0)
    picks, _ = controller.sample(1)
    other = picks.clone()
    other[0, 2] = (picks[0, 2] + 1) % 11  # u1 of the first block
    one, two = controller.read(picks).logs[0], controller.read(other).logs[0]
    assert torch.equal(one[:3], two[:3])
    assert (one[3:] - two[3:]).abs().amax(1).min() > 0.0


def test_the_papers_network_and_its_first_weights() -> None:
    space = Space.of(blocks=2)
    controller = Controller(space, seed=0)
    assert controller.from_state.shape == (150, 600)
    assert controller.softmax.shape == (space.positions, 150, controller.choices)
    flat = torch.cat([weights.detach().reshape(-1) for weights in controller.parameters])
    assert float(flat.abs().max()) <= 0.08
    assert stats.kstest(flat.numpy(), stats.uniform(-0.08, 0.16).cdf).pvalue > 1e-4


def test_seeds_decide_weights_and_samples_and_global_generators_do_not() -> None:
    def first(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        controller = Controller(TINY, seed=seed, hidden=4)
        return controller.from_state.detach(), controller.sample(20)[0]

    torch.manual_seed(1)
    one = first(0)
    torch.manual_seed(2)
    again, other = first(0), first(1)
    assert all(torch.equal(*pair) for pair in zip(one, again, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_the_untrained_policy_leaves_functions_out_as_often_as_it_is_told_to() -> None:
    space = Space.of(blocks=2)

    def share(plain: float) -> float:
        picks, _ = Controller(space, seed=0, hidden=32, plain=plain).sample(2000)
        words = [word for row in picks.numpy() for block in space.decode(row).blocks for word in (block.u1, block.u2)]
        return words.count("id") / len(words)

    # 8,000 picks: the share of id is 1/11, and 1/2 + 1/22, each ± 0.006 by chance and the small first weights
    assert share(0.0) == pytest.approx(1 / 11, abs=0.03)
    assert share(0.5) == pytest.approx(1 / 2 + 1 / 22, abs=0.03)
    without = Space.of(blocks=2, unary=("neg", "exp"))
    same = [Controller(without, seed=0, hidden=8, plain=plain).sample(5)[0] for plain in (0.0, 0.5)]
    assert torch.equal(*same)
