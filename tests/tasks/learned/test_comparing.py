"""How candidates are compared: the same steps as alone, the best λ, fresh problems that nothing else has seen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.board.rules.known import candidate as read
from harness.contracts import ARITHMETIC, Candidate, Rule
from harness.errors import EngineError
from harness.registry import Kind, entries
from harness.seeds import derive_seed
from harness.tasks.learned import comparing
from harness.tasks.learned.comparing import FRESH, RATES, VALIDATION, Batch, Setting, compare, environment, trace
from harness.tasks.learned.problem import ALL, KERNELS, REST
from harness.tasks.learned.weights import Header, LearnedWeights, fresh, save
from harness.tasks.optimizer.torch_optimizers import UNFIT, optimizers
from harness.tasks.optimizer.update_rule import RuleOptimizer

sys.path.append(str(Path(__file__).parents[2] / "support"))
from small_problems import LAYERS, Bowls, SomeBowls

TORCH = [f"torch:{name}" for name in optimizers() if name not in UNFIT]
OTHERS = ["torch:SGD(momentum=0.9,nesterov=True)", "nos:PowerSign(decay='ld')", "nos:AddSign"]
RULES = ("sgd", "momentum", "adam", "rmsprop", "powersign-cd", "addsign-rd", "momentum-exp-v", "clip-momentum-exp-v")
STEPS = 6
DIVERGING = "torch:SGD(weight_decay=1e15)"  # at every λ


def learned(folder: Path, *kinds: str) -> Candidate:
    """An untrained learned optimizer, which moves nevertheless."""
    header = Header(problems="bowls", architecture=Bowls.architecture, kinds=kinds)
    path = folder / "some.safetensors"
    save(LearnedWeights(header, fresh(header)), path)
    return read(f"learned:file(path='{path}')")


def alone(problem: SomeBowls, candidate: Candidate, rate: float) -> list[float]:
    """F by step of one problem, layer by layer, as a training script would have it."""
    weights = problem.start()
    layers = [part.view(layer.shape) for part, layer in zip(_split(weights[0]), problem.layers, strict=True)]
    if isinstance(candidate, Rule):
        optimizer: torch.optim.Optimizer = RuleOptimizer(layers, candidate, rate, total_steps=STEPS)
    elif hasattr(candidate, "build_for"):
        optimizer = candidate.build_for(layers, learning_rate=rate, total_steps=STEPS)
    else:
        optimizer = candidate.build(layers, learning_rate=rate)  # type: ignore[attr-defined]
    values = []
    for step in range(STEPS + 1):
        value, gradient = problem.evaluate(weights, step)
        values.append(float(value))
        for layer, part in zip(layers, _split(gradient[0]), strict=True):
            layer.grad = part.view_as(layer)
        optimizer.step()
    return values


def _split(row: Tensor) -> tuple[Tensor, ...]:
    return row.split([layer.size for layer in LAYERS])


def together(problems: SomeBowls, count: int, candidate: Candidate, rate: float) -> list[list[float]]:
    values = torch.stack(list(trace(Batch(problems, count, 0), candidate, rate=rate, steps=STEPS)))
    return values.T.tolist()


@pytest.mark.parametrize("text", [*TORCH, *OTHERS, *RULES])
def test_all_problems_at_once_are_optimized_as_each_alone(text: str) -> None:
    candidate, problems = read(text), Bowls().draw(1, 5)
    for place, values in enumerate(together(problems, 5, candidate, 0.1)):
        assert values == pytest.approx(alone(problems.only(place), candidate, 0.1), rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("kinds", [(ALL,), (KERNELS, REST)])
def test_a_learned_optimizer_takes_its_updates_as_it_was_trained(kinds: tuple[str, ...], tmp_path: Path) -> None:
    candidate, problems = learned(tmp_path, *kinds), Bowls().draw(1, 5)
    found = compare(candidate, Setting(family=Bowls(), count=4, steps=STEPS))
    assert (found.rate, found.validation) == (None, ())
    for place, values in enumerate(together(problems, 5, candidate, 123.0)):  # no λ changes it
        assert values == pytest.approx(alone(problems.only(place), candidate, 1.0), rel=1e-5, nan_ok=True)
        assert values[-1] != values[0]


def test_an_optimizer_that_does_not_treat_entries_alike_would_differ_on_one_tensor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems, candidate = Bowls().draw(1, 5), read("torch:Adafactor")
    apart = together(problems, 5, candidate, 0.1)
    monkeypatch.setattr(comparing, "ELEMENTWISE", {*comparing.ELEMENTWISE, "torch:Adafactor"})
    assert not np.allclose(together(problems, 5, candidate, 0.1), apart, rtol=1e-3)


def test_the_chosen_λ_has_the_least_mean_final_f_on_the_validation_problems() -> None:
    setting = Setting(family=Bowls(), seed=7, count=4, steps=STEPS)
    found = compare(read("sgd"), setting)
    finals = {rate: [] for rate in RATES}
    for number, size in enumerate((3, 2)):
        problems = Bowls().draw(derive_seed(7, VALIDATION, number), size)
        for rate in RATES:
            finals[rate] += [alone(problems.only(place), read("sgd"), rate)[-1] for place in range(size)]
    means = {rate: float(np.mean(values)) for rate, values in finals.items()}
    assert dict(found.validation) == pytest.approx(means, rel=1e-5, nan_ok=True)
    assert found.rate == min(means, key=means.__getitem__)


def test_a_λ_at_which_one_problem_diverges_loses() -> None:
    found = compare(read("sgd"), Setting(family=Bowls(), variant="steep", count=2, steps=60))
    values = dict(found.validation)
    assert values[RATES[-1]] == np.inf
    assert found.rate is not None
    assert np.isfinite(values[found.rate])
    assert np.isfinite(found.values).all()


def test_where_every_λ_diverges_the_least_is_taken_and_the_values_say_so() -> None:
    found = compare(read(DIVERGING), Setting(family=Bowls(), count=2, steps=3))
    assert {value for _, value in found.validation} == {np.inf}
    assert found.rate == RATES[0]
    assert not np.isfinite(found.values[-1]).any()


def test_the_λ_are_half_a_decade_apart_from_a_ten_thousandth_to_ten() -> None:
    assert RATES[0] == pytest.approx(1e-4)
    assert RATES[-1] == pytest.approx(10)
    assert np.diff(np.log10(RATES)) == pytest.approx([0.5] * 10)


def test_values_are_those_of_steps_0_to_T_and_begin_alike_for_all_candidates() -> None:
    setting = Setting(family=Bowls(), count=7, steps=4)
    one, other = compare(read("sgd"), setting).values, compare(read("torch:Adafactor"), setting).values
    assert one.shape == other.shape == (5, 7)
    assert one.dtype == np.float64
    assert (one[0] == other[0]).all()
    assert (one[0] == one[0].astype(np.float32)).all()


def test_fresh_and_validation_problems_come_from_streams_of_their_own() -> None:
    Bowls.drawn.clear()
    compare(read("sgd"), Setting(family=Bowls(), seed=3, count=7, steps=1))
    validation = [(derive_seed(3, VALIDATION, number), size) for number, size in enumerate((3, 2))]
    drawn = [(derive_seed(3, FRESH, number), size) for number, size in enumerate((3, 3, 1))]
    assert Bowls.drawn == validation + drawn


def test_more_problems_begin_with_the_same_ones() -> None:
    few, many = (compare(read("adam"), Setting(family=Bowls(), count=count, steps=3)).values for count in (4, 8))
    assert (few == many[:, :4]).all()


def test_a_second_comparison_starts_from_fresh_state() -> None:
    setting = Setting(family=Bowls(), count=4, steps=STEPS)
    for text in ("momentum", "torch:Adam", "drop(m, 0.3) + noise"):
        assert (compare(read(text), setting).values == compare(read(text), setting).values).all()


@pytest.mark.parametrize("text", ["sgd", DIVERGING, "torch:Adafactor"])
def test_the_work_that_is_reported_is_that_which_was_promised(text: str) -> None:
    setting, told = Setting(family=Bowls(), count=4, steps=3), list[int]()
    compare(read(text), setting, report=told.append)
    assert sum(told) == setting.work(read(text)) == (11 * 5 + 4) * 3


def test_a_machine_without_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(SomeBowls, "evaluate", fail)
    with pytest.raises(EngineError, match="comparison: expected a machine that can train it, got MemoryError"):
        compare(read("sgd"), Setting(family=Bowls(), count=1, steps=1))


def test_the_environment_reveals_how_values_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(family=Bowls(), count=1, steps=1)
    before = environment(setting)
    assert environment(setting) == before
    evaluate = SomeBowls.evaluate
    monkeypatch.setattr(SomeBowls, "evaluate", lambda *given: tuple(each * (1 + 1e-6) for each in evaluate(*given)))
    after = environment(setting)
    assert after[ARITHMETIC] != before[ARITHMETIC]
    assert {**after, ARITHMETIC: ""} == {**before, ARITHMETIC: ""}


def test_learned_optimizers_are_listed_as_candidates() -> None:
    assert "learned:mnist" in entries(Kind.CANDIDATE)["learned"].summary
