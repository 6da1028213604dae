"""Networks on digits: the function and its gradient are PyTorch's, and optimizers differ on them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.errors import DataError
from harness.tasks.data.digits import generated, mnist
from harness.tasks.data.images import ImageData
from harness.tasks.data.roots import ROOT_VARIABLE
from harness.tasks.learned.problems.mnist import SCALE, Mnist, MnistProblems

VARIANTS = ("", "200-steps", "40-units", "2-layers", "relu")
PARAMETERS = {"": 15_910, "200-steps": 15_910, "40-units": 31_810, "2-layers": 16_330, "relu": 15_910}
REAL_ROOT = os.environ.get(ROOT_VARIABLE)


def present(root: str | None) -> bool:
    """Whether the folder that the environment names holds MNIST."""
    return root is not None and Path(root).is_dir() and mnist.find(Path(root)) is not None


REAL = present(REAL_ROOT)


@pytest.fixture(scope="module")
def family() -> Mnist:
    return Mnist(generated.generate(2_000, 10))


def network(variant: str) -> nn.Sequential:
    units = 40 if variant == "40-units" else 20
    second = [nn.Linear(units, 20), nn.Sigmoid()] if variant == "2-layers" else []
    activation = nn.ReLU() if variant == "relu" else nn.Sigmoid()
    return nn.Sequential(nn.Flatten(), nn.Linear(784, units), activation, *second, nn.Linear(units, 10))


def by_pytorch(problems: MnistProblems, module: nn.Module, row: Tensor, place: int, step: int) -> tuple[Tensor, Tensor]:
    """Value and gradient of one problem, by a module whose parameters are the layers in their order."""
    parameters = list(module.parameters())
    assert [tuple(each.shape) for each in parameters] == [layer.shape for layer in problems.layers]
    nn.utils.vector_to_parameters(row, parameters)
    images, labels = problems.examples.batch(problems.seeds, step)
    loss = nn.functional.cross_entropy(module(images[place]), labels[place])
    return loss.detach(), torch.cat([each.flatten() for each in torch.autograd.grad(loss, parameters)])


@pytest.mark.parametrize("variant", VARIANTS)
def test_value_and_gradient_are_those_of_a_module(variant: str, family: Mnist) -> None:
    problems = family.draw(0, 3, variant=variant)
    weights = problems.start() * 3  # where sigmoids bend
    for step in (0, 7):
        values, gradients = problems.evaluate(weights, step)
        for place in range(3):
            value, gradient = by_pytorch(problems, network(variant), weights[place], place, step)
            torch.testing.assert_close(values[place], value)
            torch.testing.assert_close(gradients[place], gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_problem_follows_from_seed_and_number_alone(variant: str, family: Mnist) -> None:
    problems, fewer = family.draw(3, 4, variant=variant), family.draw(3, 2, variant=variant)
    weights = problems.start()
    assert weights.shape == (4, PARAMETERS[variant])
    assert weights.dtype == torch.float32
    assert torch.equal(weights, problems.start())
    assert torch.equal(weights[:2], fewer.start())
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights, family.draw(4, 4, variant=variant).start())
    assert abs(float(weights.std()) / SCALE - 1) < 0.02


@pytest.mark.parametrize("variant", VARIANTS)
def test_problems_do_not_influence_each_other(variant: str, family: Mnist) -> None:
    problems, alone = family.draw(3, 3, variant=variant), family.draw(3, 1, variant=variant)
    weights = problems.start()
    weights[1], weights[2] = torch.nan, 1e30
    values, gradients = problems.evaluate(weights, 2)
    value, gradient = alone.evaluate(weights[:1], 2)
    torch.testing.assert_close(values[:1], value)
    torch.testing.assert_close(gradients[:1], gradient, rtol=1e-4, atol=1e-7)
    assert values[1].isnan()
    assert gradients[1].isnan().all()


def test_evaluating_leaves_the_weights_alone_and_keeps_no_graph(family: Mnist) -> None:
    problems = family.draw(0, 2)
    weights = problems.start()
    with torch.no_grad():
        values, gradients = problems.evaluate(weights, 0)
    assert torch.equal(weights, problems.start())
    assert [each.requires_grad for each in (weights, values, gradients)] == [False] * 3


def test_a_learned_optimizer_trains_on_the_family_alone(family: Mnist) -> None:
    assert tuple(family.variants) == VARIANTS
    assert [name for name, variant in family.variants.items() if variant.trains] == [""]
    assert {name: variant.steps for name, variant in family.variants.items() if variant.steps != 100} == {
        "200-steps": 200
    }
    assert (family.architecture.preprocessing, family.architecture.scale) == (10, 0.1)


def test_other_data_is_one_line() -> None:
    with pytest.raises(DataError, match=r"data of problems: expected images of .*, got none\. "):
        Mnist(None)
    grey = (np.zeros((5, 4, 4, 1), np.uint8), np.arange(5, dtype=np.uint8))
    small = ImageData.of("small", train=grey, test=grey, source="")
    assert Mnist(small).draw(0, 1).start().shape == (1, 16 * 20 + 20 + 20 * 5 + 5), "any images will do"


def final(family: Mnist, kind: type[torch.optim.Optimizer], count: int, **settings: float) -> float:
    """The mean of f over the last ten of 100 steps, and over some problems."""
    problems = family.draw(0, count)
    weights = nn.Parameter(problems.start())
    optimizer = kind([weights], **settings)  # type: ignore[call-arg]
    values = []
    for step in range(101):
        value, weights.grad = problems.evaluate(weights.detach(), step)
        values.append(float(value.mean()))
        optimizer.step()
    assert 2.2 < values[0] < 2.5
    return sum(values[-10:]) / 10


SETTINGS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, float]]] = {
    "sgd": (torch.optim.SGD, {"lr": 3.0}),
    "nag": (torch.optim.SGD, {"lr": 1.0, "momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"lr": 0.03}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01}),
}
"""Each with the best of a few λ."""


def test_optimizers_learn_the_stand_in_and_differ_on_it(family: Mnist) -> None:
    """Four problems, the same for all; ADAM leads SGD by 0.17."""
    ends = {name: final(family, kind, 4, **settings) for name, (kind, settings) in SETTINGS.items()}
    assert all(0.05 < end < 0.6 for end in ends.values())
    assert ends["nag"] < ends["adam"] < ends["sgd"] - 0.05
    assert final(family, torch.optim.SGD, 4, lr=0.1) > 1.5, "λ matters"


@pytest.mark.skipif(not REAL, reason=f"{ROOT_VARIABLE} names no MNIST")
def test_on_mnist_optimizers_end_where_the_paper_shows_them() -> None:
    """Protocol §8: at 100 steps, Adam, RMSProp and NAG about 0.35, SGD 0.46, read off a plot to within 15%."""
    assert REAL_ROOT is not None
    family = Mnist(mnist.load(Path(REAL_ROOT), lambda _: None))
    for name, (kind, settings) in SETTINGS.items():
        assert final(family, kind, 10, **settings) == pytest.approx(0.46 if name == "sgd" else 0.35, rel=0.15), name
