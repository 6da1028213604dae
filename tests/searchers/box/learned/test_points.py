"""The learned optimizer of the box: what its network reads at each step, alone, side by side and in parallel."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.blackbox.contracts import BoxOptimizer, Points
from harness.errors import SettingError
from harness.searchers.box.learned.points import RnnPoints
from harness.searchers.box.learned.weights import LearnedWeights, save
from harness.settings import declared

Make = Callable[..., LearnedWeights]


def values(points: Points) -> Points:
    return np.sin(9 * points).sum(-1)


def by_hand(optimizer: RnnPoints, inputs: list[list[float]]) -> Points:
    """What the network proposes that reads these inputs one after another."""
    network, found = deepcopy(optimizer.weights.network).double(), []
    state = network.start(1, dtype=torch.float64)
    for each in inputs:
        point, state = network(torch.tensor([each], dtype=torch.float64), state)
        found.append(point[0].detach().numpy())
    return np.array(found)


@pytest.mark.parametrize("cell", ["lstm", "dnc"])
def test_it_reads_its_last_point_and_the_value(trained: Path, cell: str) -> None:
    optimizer = RnnPoints(2, seed=0, cell=cell, weights=str(trained))
    assert isinstance(optimizer, BoxOptimizer)
    points, read = [], [[0.0, 0.0, 0.0]]
    for _ in range(12):
        points.append(optimizer.ask(1))
        optimizer.tell(points[-1], values(points[-1]))
        read.append([*points[-1][0].tolist(), float(values(points[-1])[0])])
    found = np.concatenate(points)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, by_hand(optimizer, read[:-1]), atol=1e-10)
    assert len(np.unique(found.round(3), axis=0)) > 6, "its points differ"


def test_values_change_the_next_points_and_seeds_do_not(trained: Path) -> None:
    one, same, other = (RnnPoints(2, seed=seed, weights=str(trained)) for seed in (0, 1, 0))
    for optimizer, value in ((one, 1.0), (same, 1.0), (other, -1.0)):
        optimizer.tell(optimizer.ask(1), np.array([value]))
    np.testing.assert_array_equal(after := one.ask(1), same.ask(1))
    assert not np.allclose(after, other.ask(1), atol=1e-3)


@pytest.mark.parametrize("cell", ["lstm", "dnc"])
def test_side_by_side_it_proposes_what_it_does_alone(trained: Path, cell: str) -> None:
    together = RnnPoints.side_by_side(3, seeds=range(5), cell=cell, weights=str(trained))
    alone = [RnnPoints(3, seed=seed, cell=cell, weights=str(trained)) for seed in range(5)]
    shifts = np.arange(5.0)
    for _ in range(10):
        points = together.ask()
        np.testing.assert_allclose(points, np.concatenate([each.ask(1) for each in alone]), atol=1e-10)
        told = values(points) + shifts
        together.tell(told)
        for number, each in enumerate(alone):
            each.tell(points[number : number + 1], told[number : number + 1])
    assert np.ptp(points, axis=0).min() > 1e-3, "functions differ, so points do"


def test_in_parallel_it_takes_dummy_steps_and_then_reads_results_as_they_finish(trained: Path) -> None:
    optimizer = RnnPoints(2, seed=0, parallel=3, weights=str(trained))
    first = optimizer.ask(3)
    optimizer.tell(first[[2]], np.array([0.5]))
    fourth = optimizer.ask(1)
    optimizer.tell(first[[1, 0]], np.array([-0.25, 2.0]))
    others = optimizer.ask(3)
    dummy = [0.0, 0.0, 0.0, 0.0]
    read = [dummy] * 3 + [[1.0, *first[2], 0.5], [1.0, *first[1], -0.25], [1.0, *first[0], 2.0], dummy]
    np.testing.assert_allclose(np.concatenate([first, fourth, others]), by_hand(optimizer, read), atol=1e-10)


def test_asked_again_before_it_is_told_it_takes_the_mean_of_its_training_for_the_value(trained: Path) -> None:
    optimizer = RnnPoints(2, seed=0, weights=str(trained))
    points = optimizer.ask(3)
    optimizer.tell(points[[1]], np.array([0.7]))
    last = optimizer.ask(1)
    read = [[0.0] * 3, [*points[0], 0.0], [*points[1], 0.0], [*points[1], 0.7]]
    np.testing.assert_allclose(np.concatenate([points, last]), by_hand(optimizer, read), atol=1e-10)


def test_huge_values_are_read_as_large_ones(trained: Path) -> None:
    one, other = (RnnPoints(2, seed=0, weights=str(trained)) for _ in range(2))
    one.tell(one.ask(1), np.array([1e300]))
    other.tell(other.ask(1), np.array([10.0]))
    np.testing.assert_array_equal(one.ask(1), other.ask(1))


def test_nothing_of_torch_is_left_changed(trained: Path) -> None:
    threads, drawn = torch.get_num_threads(), torch.random.get_rng_state()
    optimizer = RnnPoints(2, seed=0, cell="dnc", weights=str(trained))
    optimizer.tell(optimizer.ask(1), np.zeros(1))
    optimizer.ask(2)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert torch.is_grad_enabled()


def test_two_of_one_file_do_not_share_what_they_were_told(trained: Path) -> None:
    one, other = (RnnPoints(2, seed=0, cell="dnc", weights=str(trained)) for _ in range(2))
    first = one.ask(1)
    one.tell(first, np.ones(1))
    one.ask(5)
    np.testing.assert_array_equal(other.ask(1), first)


def test_a_contest_is_told_its_packages_and_the_hash_of_its_weights(trained: Path, made: Make) -> None:
    assert RnnPoints.libraries == ("numpy", "torch")
    settings = {"cell": "dnc", "loss": "oi", "parallel": 0, "weights": str(trained)}
    digests = {RnnPoints.fingerprint(dimensions, **settings) for dimensions in (2, 3)}
    assert digests == {RnnPoints(each, seed=0, **settings).weights.hash for each in (2, 3)}
    assert len(digests) == 2
    path = trained / "dnc-oi-2.safetensors"
    save(made(cell="dnc", seed=7), path)
    assert RnnPoints.fingerprint(2, **settings) not in digests, "other weights in the same file"


def test_its_settings_are_declared_without_torch_and_wrong_ones_refused(trained: Path) -> None:
    assert list(declared(RnnPoints)) == ["cell", "loss", "parallel", "weights"]
    assert str(declared(RnnPoints)["cell"].limits) == "one of lstm, dnc"
    with pytest.raises(SettingError, match=r"expected lstm-sum-2\.safetensors"):
        RnnPoints(2, seed=0, loss="sum", weights=str(trained))
