"""Learned optimizers on a GPU, where there is one; what is said where there is none; and what a GPU alone needs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.board.rules.known import candidate as read_candidate
from harness.contracts import ARITHMETIC
from harness.errors import SettingError
from harness.tasks.child.device import named
from harness.tasks.data import synthetic
from harness.tasks.data.art import generated as art
from harness.tasks.data.digits import generated as digits
from harness.tasks.learned import comparing, lstm
from harness.tasks.learned.comparing import FRESH, Setting, compare, environment
from harness.tasks.learned.lstm import CPU, CoordinateLstm, FrozenLstm, pieces, start
from harness.tasks.learned.meta import rollout
from harness.tasks.learned.meta.rollout import Recorded, accumulate
from harness.tasks.learned.meta.training import Plan, Trained, arithmetic, described, train, unfinished
from harness.tasks.learned.problem import Family, Movable, Schedule, Variant, placed
from harness.tasks.learned.problems.art import NeuralArt
from harness.tasks.learned.problems.cifar10 import Cifar10
from harness.tasks.learned.problems.mnist import Mnist
from harness.tasks.learned.problems.quadratic import Quadratics
from harness.tasks.learned.weights import Header, fresh, read, tensors

sys.path.append(str(Path(__file__).parents[2] / "support"))
from small_problems import Bowls

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
MAKE: dict[str, Callable[[], Movable]] = {
    "quadratic": Quadratics,
    "mnist": lambda: Mnist(digits.generate(500, 10)),
    "cifar10": lambda: Cifar10(synthetic.generate(300, 10)),
    "neural-art": lambda: NeuralArt(art.load(None, lambda _: None)),
}
TINY = Schedule(batch=2, draws=2, rates=1, trial=1, held_out=2, every=1)
STEPS = 25  # an unroll of 20 and one of 5
ON_GPU = torch.device("cuda")


def trained(family: Family, to: Path, *, device: str, schedule: Schedule = TINY) -> Trained:
    family.variants = {"": Variant(summary="few steps", steps=STEPS)}  # type: ignore[misc]
    header = Header(problems=family.name, architecture=family.architecture, kinds=family.kinds)
    plan = Plan(header=header, schedule=schedule)
    return train(family, plan, unfinished(plan, to=to, threads=1), to=to, device=device)


@needs_none
def test_a_gpu_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"device: expected cpu, or cuda .* finds no GPUs") as said:
        trained(Quadratics(), tmp_path / "w.safetensors", device="cuda")
    assert "\n" not in str(said.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SettingError, match="finds no GPUs"):
        environment(Setting(family=Quadratics(), device="cuda"))


def test_a_family_for_the_processor_alone_says_so() -> None:
    family = Bowls()
    assert placed(family, CPU) is family
    with pytest.raises(SettingError, match="device of problems bowls: expected cpu, got cuda"):
        placed(family, ON_GPU)


def test_the_environment_names_a_gpu_and_says_nothing_new_of_a_processor() -> None:
    assert described("cpu") == ""
    assert environment(Setting(family=Bowls()))["device"] == "cpu"


def test_a_gpu_steps_in_larger_pieces() -> None:
    assert [len(pieces(2**20, device)) for device in (CPU, ON_GPU)] == [2**20 / lstm.PIECE, 2**20 / lstm.CUDA_PIECE]
    assert pieces(5, ON_GPU) == [slice(0, lstm.CUDA_PIECE)]


@pytest.mark.parametrize("name", MAKE)
def test_problems_of_several_draws_side_by_side_are_those_of_each(name: str) -> None:
    family = MAKE[name]()
    draws = [family.draw(3, 2), family.draw(4, 1)]
    joined = family.joined(draws)
    weights = joined.start()
    assert torch.equal(weights, torch.cat([each.start() for each in draws]))
    ours = joined.evaluate(weights, 5)
    apart = [each.evaluate(each.start(), 5) for each in draws]
    for place in range(2):
        torch.testing.assert_close(ours[place], torch.cat([each[place] for each in apart]), rtol=1e-4, atol=1e-6)


def test_a_comparison_that_joins_draws_compares_on_the_same_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU does; the largest λ differs by rounding alone."""
    monkeypatch.setattr(comparing, "CUDA_PROBLEMS", 6)
    setting = Setting(family=MAKE["mnist"](), seed=7, count=9, steps=2)
    apart = list(setting.batches(FRESH, 9))
    monkeypatch.setattr(Setting, "joins", True)
    joined = list(setting.batches(FRESH, 9))
    assert [each.size for each in apart] == [2, 2, 2, 2, 1]
    assert [each.size for each in joined] == [6, 3]
    weights = [torch.cat([each.problems.start() for each in some]) for some in (apart, joined)]
    assert torch.equal(*weights)
    found = compare(read_candidate("adam"), setting)
    monkeypatch.undo()
    expected = compare(read_candidate("adam"), setting)
    assert found.rate == expected.rate
    assert dict(found.validation) == pytest.approx(dict(expected.validation), rel=1e-4)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4)


def weights_of(found: Trained) -> dict[str, torch.Tensor]:
    return tensors(found.weights.networks)


@needs_cuda
@pytest.mark.parametrize("name", MAKE)
def test_a_training_on_a_gpu_ends_in_finite_weights_and_the_same_twice(name: str, tmp_path: Path) -> None:
    one, other = (trained(MAKE[name](), tmp_path / f"{place}.safetensors", device="cuda") for place in "ab")
    assert one.weights.hash == other.weights.hash
    assert all(weight.isfinite().all() for weight in weights_of(one).values())
    assert one.weights.header.validation < math.inf
    assert one.weights.header.skipped == 0
    assert read(tmp_path / "a.safetensors").hash == one.weights.hash


@needs_cuda
@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("coordinates", [0, 50])
def test_a_batch_on_a_gpu_teaches_what_it_teaches_on_the_processor(name: str, coordinates: int, tmp_path: Path) -> None:
    """After two steps of Adam, which have the size of λ: the signs of the meta-gradients agree, mostly."""
    schedule = replace(TINY, draws=1, coordinates=coordinates, rate=1e-3)
    here, there = (
        trained(MAKE[name](), tmp_path / f"{device}.safetensors", device=device, schedule=schedule)
        for device in ("cpu", "cuda")
    )
    assert there.weights.header.validation == pytest.approx(here.weights.header.validation, rel=0.02)
    begun = tensors(fresh(here.weights.header))
    moved, expected = (
        torch.cat([(weight - begun[key]).flatten() for key, weight in weights_of(found).items()])
        for found in (there, here)
    )
    assert float(torch.nn.functional.cosine_similarity(moved, expected, 0)) > 0.9


@needs_cuda
@pytest.mark.parametrize("name", MAKE)
def test_values_and_gradients_on_a_gpu_are_the_processors(name: str) -> None:
    family = MAKE[name]()
    here, there = family.draw(1, 3), family.on(ON_GPU).draw(1, 3)
    weights = here.start()
    assert torch.equal(there.start().cpu(), weights)
    with arithmetic(1, ON_GPU):
        for step in (0, 40):
            found = [each.cpu() for each in there.evaluate(weights.cuda(), step)]
            expected = here.evaluate(weights, step)
            torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-5)
            assert float((found[1] - expected[1]).norm() / expected[1].norm()) < 0.02, "a pooled pixel may be another"


@needs_cuda
def test_steps_in_pieces_on_a_gpu_are_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    network = CoordinateLstm(lstm.Architecture(), seed=1)
    gradients = torch.randn(4, 1_000, generator=torch.Generator().manual_seed(0))
    updates: list[Sequence[torch.Tensor]] = []
    for device, size in ((CPU, 0), (ON_GPU, 2**19), (ON_GPU, 300)):
        monkeypatch.setattr(lstm, "CUDA_PIECE", size)
        step, state = FrozenLstm(network, device=device), start(network.architecture, coordinates=1_000, device=device)
        with arithmetic(1, device):
            updates.append([step(each.to(device), state).cpu() for each in gradients])
    for found in updates[1:]:
        torch.testing.assert_close(torch.stack(list(found)), torch.stack(list(updates[0])), rtol=1e-4, atol=1e-6)


@needs_cuda
@pytest.mark.parametrize("by_cudnn", [True, False])
def test_the_meta_gradient_on_a_gpu_is_the_processors_in_pieces_too(
    by_cudnn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, generator = lstm.Architecture(), torch.Generator().manual_seed(0)
    slopes = torch.randn(21, 3_000, generator=generator)
    found: list[torch.Tensor] = []
    for device, size in ((CPU, 0), (ON_GPU, 2**15), (ON_GPU, 1_000)):
        monkeypatch.setattr(rollout, "CUDA_SEQUENCES", size)
        monkeypatch.setattr(rollout, "CUDNN", by_cudnn)
        network = CoordinateLstm(architecture, seed=1).to(device)
        before = start(architecture, coordinates=3_000, device=device)
        with arithmetic(1, device):
            accumulate(network, Recorded(before, slopes.to(device)))
        grads = [weight.grad for weight in network.parameters() if weight.grad is not None]
        found.append(torch.cat([grad.flatten().cpu() for grad in grads]))
    for each in found[1:]:
        assert float((each - found[0]).norm() / found[0].norm()) < 1e-3


@needs_cuda
@pytest.mark.parametrize("name", MAKE)
def test_a_comparison_on_a_gpu_has_the_processors_values(name: str) -> None:
    here = Setting(family=MAKE[name](), count=3, steps=3)
    there = replace(here, device="cuda")
    for text in ("adam", "torch:SGD", "torch:Adafactor"):
        expected, found = (compare(read_candidate(text), setting) for setting in (here, there))
        np.testing.assert_allclose(found.values[0], expected.values[0], rtol=1e-4)
        if found.rate == expected.rate:
            np.testing.assert_allclose(found.values, expected.values, rtol=0.05)
        again = compare(read_candidate(text), there)
        assert (again.values == found.values).all()
    assert environment(there)["device"] == named(ON_GPU)
    assert environment(there)[ARITHMETIC] == environment(there)[ARITHMETIC]
    assert environment(there) != environment(here)
