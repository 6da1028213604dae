"""Networks of many problems at once compute what each does alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from harness.tasks.learned.problems import side_by_side
from harness.tasks.learned.problems.side_by_side import convolved, normed, pooled


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("side", [3, 5])
def test_convolutions_and_their_gradients_are_those_of_each_problem(
    grouped: bool, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "GROUPED", grouped)
    images, kernels = drawn(3, 2, 4, 6, 5).requires_grad_(), drawn(3, 7, 2, side, side, seed=1).requires_grad_()
    found = convolved(images, kernels)
    alone = torch.stack(
        [
            functional.conv2d(some.transpose(0, 1), own, padding=side // 2).transpose(0, 1)
            for some, own in zip(images, kernels, strict=True)
        ]
    )
    torch.testing.assert_close(found, alone)
    weight = drawn(*found.shape, seed=2)
    ours = torch.autograd.grad((found * weight).sum(), (images, kernels))
    theirs = torch.autograd.grad((alone * weight).sum(), (images, kernels))
    torch.testing.assert_close(ours, theirs)


def test_batch_norm_has_the_statistics_of_each_problem() -> None:
    hidden, scale, shift = drawn(3, 2, 8, 4, 4), drawn(3, 2, seed=1), drawn(3, 2, seed=2)
    found = normed(hidden, scale, shift)
    for place in range(3):
        alone = functional.batch_norm(
            hidden[place].transpose(0, 1), None, None, scale[place], shift[place], training=True
        )
        torch.testing.assert_close(found[place], alone.transpose(0, 1))


def test_pooling_takes_the_largest_of_two_by_two() -> None:
    hidden = drawn(3, 2, 5, 4, 7)
    torch.testing.assert_close(pooled(hidden)[1], functional.max_pool2d(hidden[1], 2))
