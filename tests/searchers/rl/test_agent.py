"""The searcher: presets, memory of what it asked, results in any order, and independence of threads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from harness.conformance.driving import drive, pretended
from harness.contracts import Outcome, Rule, Status, Trial
from harness.searchers.random_plain import RandomPlain
from harness.searchers.rl.agent import ReinforcementLearning
from harness.searchers.rl.presets import PAPER, PRESETS, SHORT
from harness.settings import complete, declared
from harness.space.grammar import Space

SPACE = Space.of(blocks=2)
SMALL = Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub", "add"))


def outcome(score: float) -> Outcome:
    return Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)


def trials(rules, score=lambda rule: pretended(rule).score) -> list[Trial]:
    return [Trial(index, rule, outcome(score(rule))) for index, rule in enumerate(rules)]


def weights(searcher: ReinforcementLearning) -> torch.Tensor:
    return torch.cat([part.detach().reshape(-1) for part in searcher.controller.parameters])


def test_the_paper_preset_has_the_papers_facts() -> None:
    searcher = ReinforcementLearning(SPACE, seed=0, preset="paper")
    numbers = searcher.numbers
    assert (numbers.learning_rate, searcher.batch, numbers.entropy) == (1e-5, 5, 0.0015)
    assert (numbers.hidden, numbers.init, numbers.objective, numbers.normalize) == (150, 0.08, "ppo", False)
    assert searcher.controller.from_state.shape == (150, 600)
    assert float(weights(searcher).abs().max()) <= 0.08
    (group,) = searcher.learner._adam.param_groups
    assert isinstance(searcher.learner._adam, torch.optim.Adam)
    assert group["lr"] == 1e-5


@pytest.mark.parametrize(("preset", "objective"), [("icml2017", "trpo"), ("arxiv2", "ppo")])
def test_each_edition_of_the_paper_is_a_preset_with_its_method_and_its_repeats(preset, objective) -> None:
    numbers = ReinforcementLearning(SPACE, seed=0, preset=preset).numbers
    assert (numbers.objective, numbers.repeats) == (objective, True)
    assert dataclasses.replace(numbers, objective="ppo", repeats=False) == PAPER


def test_paper_means_what_runs_recorded_under_it_did() -> None:
    """The later edition's method; a function is not proposed again."""
    whole = ReinforcementLearning(SPACE, seed=0, preset="arxiv2", repeats=False)
    assert ReinforcementLearning(SPACE, seed=0, preset="paper").numbers == whole.numbers == PAPER
    assert "``paper`` is ``arxiv2`` without repeats" in declared(ReinforcementLearning)["preset"].summary


def test_with_repeats_every_sample_is_a_proposal() -> None:
    searcher = ReinforcementLearning(SMALL, seed=0, hidden=8, initial=0, repeats=True)
    proposed = searcher.ask(200)
    picks, _ = ReinforcementLearning(SMALL, seed=0, hidden=8, initial=0).controller.sample(200)
    assert proposed == [SMALL.decode(row) for row in picks.numpy()]
    assert len({rule.key for rule in proposed}) < 100
    once = ReinforcementLearning(SMALL, seed=0, hidden=8, initial=0).ask(200)
    assert len({rule.key for rule in once}) > len({rule.key for rule in proposed}), "without them it looks for others"


def test_a_repeat_is_learnt_with_the_probability_it_was_proposed_at_each_time() -> None:
    space = Space.of(blocks=1, operands=("g", "m"), unary=("id",), binary=("sub",))  # two rules
    searcher = ReinforcementLearning(space, seed=0, hidden=4, initial=0, repeats=True)
    seen = []
    searcher.learner.learn = seen.append  # type: ignore[method-assign]
    asked, chances = [], []
    for _ in range(2):
        asked.append(searcher.ask(5))
        chances.append(searcher.controller.read(searcher._picks(asked[-1])).log_probability.detach())
        with torch.no_grad():
            searcher.controller.softmax_bias[0, 0] += 1.0
    assert set(asked[0]) & set(asked[1])
    assert not torch.allclose(*chances)
    for rules in asked:
        searcher.tell(trials(rules))
    for batch, chance in zip(seen, chances, strict=True):
        torch.testing.assert_close(batch.old, chance)
    assert not searcher._pending


def test_a_setting_beats_its_preset_and_the_rest_stays() -> None:
    searcher = ReinforcementLearning(SPACE, seed=0, preset="paper", objective="trpo", entropy=0.0, normalize=True)
    assert searcher.numbers == dataclasses.replace(PAPER, objective="trpo", entropy=0.0, normalize=True)
    assert ReinforcementLearning(SPACE, seed=0).numbers == SHORT


def test_every_number_is_a_setting_and_its_line_tells_what_each_preset_makes_of_it() -> None:
    known = declared(ReinforcementLearning)
    assert set(known["preset"].limits.names) == set(PRESETS)
    for field in dataclasses.fields(SHORT):
        setting, values = known[field.name], {name: getattr(preset, field.name) for name, preset in PRESETS.items()}
        assert all(setting.check(value) == value for value in values.values())
        if setting.default is not None:
            assert set(values.values()) == {setting.default}
            continue
        told = setting.summary.rpartition("; ")[2].removesuffix(".")
        words = dict(part.removeprefix("the ").split() for part in told.split(", "))
        others = words.pop("others")
        assert {name: setting.parse(words.get(name, others)) for name in PRESETS} == values
        assert words.keys() < PRESETS.keys()


def test_a_record_holds_the_preset_and_what_was_set() -> None:
    recorded = complete(ReinforcementLearning, {"entropy": 0.5})
    assert (recorded["preset"], recorded["entropy"], recorded["queue"]) == ("short", 0.5, 10)
    assert "hidden" not in recorded  # the preset's; a change of it raises the version


@pytest.mark.parametrize("objective", ["reinforce", "ppo", "trpo", "risk_seeking", "pqt"])
def test_proposals_do_not_depend_on_torchs_threads(objective) -> None:
    before, texts = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            texts.append(drive(ReinforcementLearning(SPACE, seed=5, objective=objective), SPACE, proposals=20).texts)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert texts[0] == texts[1]


def test_it_learns_from_each_full_batch_and_not_before() -> None:
    searcher = ReinforcementLearning(SPACE, seed=0, hidden=8)
    told = trials(searcher.ask(7))
    start = weights(searcher)
    searcher.tell(told[:4])
    assert torch.equal(weights(searcher), start)
    searcher.tell(told[4:5])
    once = weights(searcher)
    assert not torch.equal(once, start)
    searcher.tell(told[5:])
    assert torch.equal(weights(searcher), once)


def test_the_pieces_in_which_results_come_do_not_matter() -> None:
    whole, pieces = (ReinforcementLearning(SPACE, seed=0, hidden=8) for _ in range(2))
    told = trials(whole.ask(10))
    assert [trial.rule for trial in told] == pieces.ask(10)
    whole.tell(told)
    for trial in told:
        pieces.tell([trial])
    assert torch.equal(weights(whole), weights(pieces))
    assert whole.ask(5) == pieces.ask(5)


def test_late_results_are_learnt_with_the_probability_they_were_asked_at() -> None:
    searcher = ReinforcementLearning(SPACE, seed=0, hidden=8, learning_rate=0.1, objective="ppo")
    late, soon = searcher.ask(5), searcher.ask(5)
    asked = {rule: log for rule, (log,) in searcher._pending.items()}
    searcher.tell(trials(soon))
    seen = []
    searcher.learner.learn = seen.append  # type: ignore[method-assign]
    searcher.tell(trials(reversed(late)))
    assert torch.equal(seen[0].old, torch.stack([asked[rule] for rule in reversed(late)]))
    now = searcher.controller.read(seen[0].picks).log_probability
    assert (now - seen[0].old).abs().max() > 0.01  # the first batch moved the policy


def test_it_learns_from_rules_that_it_did_not_propose_and_does_not_propose_them() -> None:
    searcher = ReinforcementLearning(SMALL, seed=0, hidden=8)
    rng = np.random.default_rng(0)
    others = [SMALL.sample(rng) for _ in range(10)]
    start = weights(searcher)
    searcher.tell(trials(others))
    assert not torch.equal(weights(searcher), start)
    assert not {rule.key for rule in others} & {rule.key for rule in searcher.ask(5)}


def test_no_function_is_proposed_twice_while_there_are_others() -> None:
    searcher = ReinforcementLearning(SPACE, seed=0, hidden=8, learning_rate=0.1, entropy=0.0)  # soon of one mind
    history = drive(searcher, SPACE, proposals=100)
    assert len({rule.key for rule in history.rules}) == 100


def test_a_space_is_exhausted_before_it_is_repeated() -> None:
    space = Space.of(blocks=1, operands=("g", "m"), unary=("id", "exp"), binary=("mul", "sub"))
    searcher = ReinforcementLearning(space, seed=0, hidden=4)
    proposed = drive(searcher, space, proposals=40).rules
    functions = {rule.key for rule in (space.sample(np.random.default_rng(seed)) for seed in range(500))}
    assert {rule.key for rule in proposed} == functions
    assert len(functions) < 40
    assert len({rule.key for rule in proposed[: len(functions)]}) == len(functions)


@pytest.mark.parametrize("objective", ["reinforce", "ppo", "trpo", "risk_seeking", "pqt"])
def test_it_comes_to_propose_what_is_rewarded(objective) -> None:
    # of 60 uniform draws half, ± 0.07, end in mul or left; the rest of the score keeps scores distinct, as risk_seeking
    # learns nothing where the quantile is the maximum
    def ends_well(rule: Rule) -> bool:
        return rule.blocks[-1].binary in ("mul", "left")

    def score(rule: Rule) -> float:
        return 0.8 * ends_well(rule) + 0.2 * pretended(rule).score

    settings = {"learning_rate": 0.01, "kl_bound": 0.3, "hidden": 16, "elite_fraction": 0.5}
    searcher = ReinforcementLearning(Space.of(blocks=1), seed=0, objective=objective, **settings)
    for _ in range(30):
        searcher.tell(trials(searcher.ask(5), score))
    assert np.mean([ends_well(rule) for rule in searcher.ask(60)]) > 0.8


def test_the_short_preset_begins_with_random_draws_and_the_paper_with_its_own() -> None:
    drawn = RandomPlain(SPACE, seed=3, plain=SHORT.plain).ask(SHORT.initial)
    searcher = ReinforcementLearning(SPACE, seed=3)
    assert searcher.ask(7) + searcher.ask(7)[: SHORT.initial - 7] == drawn
    searcher.tell([Trial(index, rule, pretended(rule)) for index, rule in enumerate(drawn)])
    assert len(searcher.learner.elites) > 0  # it has learnt from them
    paper = ReinforcementLearning(SPACE, seed=3, preset="paper").ask(SHORT.initial)
    assert not set(paper) & set(drawn)
