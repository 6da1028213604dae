from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.tasks.toy.classifier import CLASSES, Lesson
from harness.tasks.toy.protocols import TOY_CLASSIFIER


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return Lesson.of(TOY_CLASSIFIER, 4)


def test_the_gradient_is_that_of_the_cross_entropy(lesson) -> None:
    weights, _ = lesson.stack(torch.tensor([0.1, 1.0]))
    weights = [layer + 0.1 * torch.randn(layer.shape, generator=torch.Generator().manual_seed(3)) for layer in weights]
    (found,) = zip(*lesson.gradients([layer[None] for layer in weights], 2, 5)[0], strict=True)
    losses = lesson.loss(weights, 2, 5)
    labels = lesson.targets[2, 5].argmax(0)
    for row in range(2):
        hidden, output = (layer[row].clone().requires_grad_() for layer in weights)
        outputs: Tensor = output @ torch.relu(hidden @ lesson.inputs[2, 5])
        loss = torch.nn.functional.cross_entropy(outputs.mT, labels)
        loss.backward()
        torch.testing.assert_close(found[0][row], hidden.grad, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found[1][row], output.grad, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(losses[row] / -len(labels), loss.detach())


def test_the_score_is_validation_accuracy_and_a_tie_counts_its_share(lesson) -> None:
    weights, _ = lesson.stack(torch.tensor([0.1, 1.0, 10.0]))
    weights[1][1] = 0.0
    weights[0][2, 0, 0] = math.nan
    outputs = weights[1][0] @ torch.relu(weights[0][0] @ lesson.validation_inputs)
    right = outputs.argmax(0) == lesson.validation_targets.int().argmax(0)
    scores = lesson.scores(weights)
    assert scores[0].item() == pytest.approx(right.double().mean().item())
    assert scores[1].item() == pytest.approx(1 / CLASSES)
    assert math.isnan(scores[2])


def test_chance_is_one_in_so_many_classes() -> None:
    assert TOY_CLASSIFIER.chance == 1 / CLASSES


def test_every_class_occurs_and_none_is_most(lesson) -> None:
    shares = lesson.validation_targets.double().mean(1)
    assert lesson.validation_targets.sum(0).eq(1).all()
    assert shares.min() > 0.02
    assert shares.max() < 0.25


def test_validation_examples_are_none_of_the_training_ones(lesson) -> None:
    trained = {tuple(column) for column in lesson.inputs[0].mT.flatten(0, 1).tolist()}
    assert len(trained) == TOY_CLASSIFIER.train_examples
    assert trained.isdisjoint(map(tuple, lesson.validation_inputs.mT.tolist()))


def test_what_a_seed_draws_is_unchanged(lesson) -> None:
    """Another draw, or another label for an example, moves every score: raise the protocol's version then."""
    assert lesson.validation_targets.sum(1).tolist() == [41, 43, 51, 55, 46, 70, 19, 63, 52, 60]
    assert lesson.validation_targets.int().argmax(0)[:10].tolist() == [5, 4, 1, 3, 5, 8, 2, 5, 2, 3]
    assert lesson.targets[0, 0].argmax(0)[:10].tolist() == [7, 4, 8, 4, 3, 6, 8, 5, 5, 5]
    assert lesson.validation_inputs[:3, 0].tolist() == pytest.approx([-0.4521, -0.1316, 0.4210], abs=1e-4)
    assert lesson.hidden[0, :3].tolist() == pytest.approx([-0.4382, 0.2678, 0.2641], abs=1e-4)
    assert lesson.output[0, :3].tolist() == pytest.approx([0.4101, 0.0795, -0.2061], abs=1e-4)


def test_hidden_units_begin_without_a_bias(lesson) -> None:
    assert not lesson.hidden[:, -1].any()
    assert lesson.hidden[:, :-1].all()
