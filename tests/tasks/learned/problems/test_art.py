"""Neural art: what is drawn, what is minimized, and what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from harness import registry
from harness.errors import DataError, SettingError
from harness.registry import Kind
from harness.tasks.data import torchvision_import
from harness.tasks.data.art import generated
from harness.tasks.data.art.network import SQUEEZENET_DESCRIPTION, squeezenet_shapes
from harness.tasks.data.art.source import SQUEEZENET, ArtData, Network, Picture
from harness.tasks.learned.problem import Family, Problems
from harness.tasks.learned.problems.art import ArtProblems, NeuralArt, gram, picture
from harness.tasks.learned.problems.features import Features


@cache
def data() -> ArtData:
    return generated.load(None, lambda _: None)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: more of them wait for each other where the processor is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def family() -> NeuralArt:
    return NeuralArt(data())


def after(problems: Problems, *, steps: int, rate: float) -> Tensor:
    """Return the weights after some steps of Adam."""
    weights = problems.start().requires_grad_()
    adam = torch.optim.Adam([weights], lr=rate)
    for step in range(steps):
        weights.grad = problems.evaluate(weights, step)[1]
        adam.step()
    return weights.detach()


def test_it_is_registered_and_is_a_family(family: NeuralArt) -> None:
    checked: Family = family
    assert registry.load(Kind.PROBLEM, "neural-art") is NeuralArt
    assert registry.STAND_INS[checked.inputs] == data().name
    assert [name for name, each in checked.variants.items() if each.trains] == [""]
    assert checked.schedule.trial % checked.schedule.every == 0


@pytest.mark.parametrize(("variant", "side"), [("", 64), ("test", 64), ("style", 64), ("double", 128)])
def test_shapes_are_those_of_the_pictures(family: NeuralArt, variant: str, side: int) -> None:
    problems = family.draw(0, 3, variant=variant)
    weights = problems.start()
    values, gradients = problems.evaluate(weights, 0)
    assert [layer.shape for layer in problems.layers] == [(3, side, side)]
    assert weights.shape == gradients.shape == (3, 3 * side * side)
    assert values.shape == (3,)
    assert weights.dtype == gradients.dtype == values.dtype == torch.float32
    assert not values.requires_grad
    assert (values > 10).all()
    assert (values < 100).all()


def test_a_problem_depends_on_seed_index_and_variant_alone(family: NeuralArt) -> None:
    many, few, again = family.draw(0, 4), family.draw(0, 2), NeuralArt(data()).draw(0, 4)
    other = family.draw(1, 2)
    assert torch.equal(many.start()[:2], few.start())
    assert torch.equal(many.target.content[:2], few.target.content)
    assert all(map(torch.equal, many.target.style, again.target.style))
    assert torch.equal(many.evaluate(many.start(), 0)[1], again.evaluate(again.start(), 7)[1])
    assert not torch.equal(other.start(), few.start())
    assert len({each.tobytes() for each in many.contents}) == 4


def test_comparisons_show_the_last_picture_and_other_styles(family: NeuralArt) -> None:
    last = replace_last(data())
    drawn = {variant: NeuralArt(last).draw(0, 6, variant=variant) for variant in family.variants}
    assert all({shown.getcolors()[0][1] for shown in drawn[name].contents} == {(10, 20, 30)} for name in drawn if name)
    assert all(len(shown.getcolors(9_999) or range(99)) > 1 for shown in drawn[""].contents)
    first = drawn["test"].styles[0].tobytes()
    assert {shown.tobytes() for name in ("", "double") for shown in drawn[name].styles} == {first}
    assert len({shown.tobytes() for shown in drawn["style"].styles} - {first}) == 2
    assert torch.equal(drawn["test"].start(), drawn["style"].start())


def replace_last(whole: ArtData) -> ArtData:
    """Return the data with one colour as the last picture of content."""
    plain = Picture("plain", np.full((96, 96, 3), (10, 20, 30), np.uint8))
    return replace(whole, content=[*whole.content[:-1], plain])


def test_rows_do_not_influence_each_other(family: NeuralArt) -> None:
    """More rows than pass the network at once, one of them not finite."""
    problems = family.draw(0, 10)
    weights = problems.start()
    values, gradients = problems.evaluate(weights, 0)
    weights[1] = torch.nan
    damaged, _ = problems.evaluate(weights, 0)
    assert damaged.isnan().tolist() == [place == 1 for place in range(10)]
    assert torch.allclose(damaged[2:], values[2:], rtol=1e-5)
    alone = family.draw(0, 1)
    value, gradient = alone.evaluate(alone.start(), 0)
    assert torch.allclose(value, values[:1], rtol=1e-5)
    assert torch.allclose(gradient, gradients[:1], rtol=1e-3, atol=1e-6)


def in_double(problems: ArtProblems) -> ArtProblems:
    """Return the problems in float64."""
    target = problems.target
    wanted = replace(target, content=target.content.double(), style=[each.double() for each in target.style])
    features = Features(data().network, dtype=torch.float64)
    return replace(problems, features=features, target=wanted, first=problems.first.double())


def test_the_gradient_agrees_with_finite_differences(family: NeuralArt) -> None:
    problems = in_double(family.draw(3, 2))
    weights = problems.start()
    _, gradients = problems.evaluate(weights, 0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
        ahead, behind = (problems.evaluate(weights + sign * 1e-7 * direction, 0)[0] for sign in (1, -1))
        assert torch.allclose((ahead - behind) / 2e-7, (gradients * direction).sum(1), rtol=1e-4)


def test_the_gram_matrix_is_that_by_hand() -> None:
    outputs = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])
    assert gram(outputs).tolist() == [[[2.5, 6.5], [6.5, 17.0]]]


def test_losses_vanish_where_their_targets_are_met(family: NeuralArt) -> None:
    problems = family.draw(0, 2)
    shown = torch.stack([torch.from_numpy(np.asarray(each).copy()) for each in problems.contents])
    theta = (shown.permute(0, 3, 1, 2).float() - 128) / 64
    content, style, smooth = problems.losses(theta)
    assert content.abs().max() < 1e-6
    assert style.min() > 1
    itself = replace(problems, target=replace(problems.target, style=grams(theta)))
    assert itself.losses(theta)[1].abs().max() < 1e-6
    by_hand = 6 * sum(np.square(np.diff(theta.numpy(), axis=axis)).mean((1, 2, 3)) for axis in (2, 3))
    assert smooth.numpy() == pytest.approx(by_hand, rel=1e-4)
    assert problems.losses(torch.zeros_like(theta))[2].tolist() == [0, 0]


def grams(theta: Tensor) -> list[Tensor]:
    features = Features(data().network)
    found = features(128 + 64 * theta)
    return [gram(found[name]) for name in features.style]


def test_values_are_the_sum_of_the_losses(family: NeuralArt) -> None:
    problems = family.draw(0, 2, variant="style")
    values, _ = problems.evaluate(problems.start(), 0)
    assert torch.allclose(values, problems.losses(problems.first).sum(0))


def test_adam_paints_better_than_it_began(family: NeuralArt) -> None:
    problems = family.draw(0, 2, variant="test")
    before = problems.losses(problems.first)
    found = after(problems, steps=25, rate=0.15)
    losses = problems.losses(found.view(-1, 3, 64, 64))
    assert (losses.sum(0) < before.sum(0) / 2).all()
    assert (losses[:2] < before[:2]).all(), "content and style both"


def test_a_rendered_picture_has_the_pixels_of_its_weights(family: NeuralArt) -> None:
    problems = family.draw(0, 2)
    weights = torch.zeros(2, 3 * 64 * 64)
    weights[0, :3] = torch.tensor([1.0, -9.0, 9.0])
    weights[1] = torch.nan
    first, second = picture(problems, weights)
    assert (first.size, first.mode) == ((64, 64), "RGB")
    grey = (128, 128, 128)
    assert [first.getpixel((x, 0)) for x in range(4)] == [(192, 128, 128), (0, 128, 128), (255, 128, 128), grey]
    assert second.getcolors() == [(64 * 64, (0, 0, 0))]


def test_squeezenet_computes_what_torchvision_computes() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in squeezenet_shapes().items()
    }
    with torch.random.fork_rng(devices=()):
        whole = torchvision_import.models().squeezenet1_0(weights=None).features
    places = dict(
        zip(["conv1", *(f"fire{number}" for number in range(2, 10))], (0, 3, 4, 5, 7, 8, 9, 10, 12), strict=True)
    )
    parts = {"conv1x1_1": "squeeze", "conv1x1_2": "expand1x1", "conv3x3_2": "expand3x3"}
    with torch.no_grad():
        for name, array in arrays.items():
            layer, *inner, kind = name.split(".")
            module = whole[places[layer]]
            for each in inner:
                module = getattr(module, parts[each])
            (module.weight if kind == "w" else module.bias).copy_(torch.from_numpy(array))
    names = ("conv1", "fire4", "fire9")
    features = Features(Network(SQUEEZENET, replace(SQUEEZENET_DESCRIPTION, content="fire9", style=names[:2]), arrays))
    red_first = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    found = features(red_first)
    values = red_first[:, [2, 1, 0]] - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    for place, module in enumerate(whole):
        values = module(values)
        for name, tap in (("conv1", 1), ("fire4", 5), ("fire9", 12)):
            if place == tap:
                assert torch.allclose(found[name], values, rtol=1e-4, atol=1e-4), name
    assert found.keys() == set(names)
    assert found["conv1"].shape == (2, 96, 29, 29)


def test_building_squeezenet_draws_nothing_from_the_global_generator() -> None:
    arrays = {name: np.zeros(shape, np.float32) for name, shape in squeezenet_shapes().items()}
    before = torch.get_rng_state()
    Features(Network(SQUEEZENET, SQUEEZENET_DESCRIPTION, arrays))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_does_not_react_is_one_clear_line() -> None:
    frozen = data().network
    dead = {name: np.zeros_like(array) for name, array in frozen.arrays.items()}
    huge = {name: array * np.float32(1e20) for name, array in frozen.arrays.items()}
    for arrays in (dead, huge):
        family = NeuralArt(replace(data(), network=replace(frozen, arrays=arrays)))
        with pytest.raises(
            DataError, match=r"network of data synthetic-art: expected outputs that are finite"
        ) as caught:
            family.draw(0, 1)
        assert "\n" not in str(caught.value)


def test_other_data_and_variants_are_one_clear_line(family: NeuralArt) -> None:
    with pytest.raises(DataError, match=r"data of neural-art: expected pictures for neural art, got none\. Name"):
        NeuralArt(None)
    with pytest.raises(SettingError, match=r"variant of neural-art: expected .* Did you mean 'double'"):
        family.draw(0, 1, variant="doubled")
