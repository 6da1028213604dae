"""Meta-training over the box: the same bits after every stop, what is not finite left out, and learning."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from harness.errors import EngineError, SettingError
from harness.searchers.box.learned.architecture import Architecture, Cell
from harness.searchers.box.learned.meta import draws, training
from harness.searchers.box.learned.meta.training import (
    MetaTraining,
    Plan,
    Progress,
    Schedule,
    StoppedTraining,
    Trained,
    check_start,
    partial_of,
    train,
    unfinished,
)
from harness.searchers.box.learned.network import Network
from harness.searchers.box.learned.weights import Header, LearnedWeights, read

TINY = Schedule(batches=8, draws=4, every=2, held_out=8, patience=20)
PLAN = Plan(architecture=Architecture(dimensions=2, hidden=5), loss="oi", seed=3, schedule=TINY)
UNTRAINED = LearnedWeights(Header(architecture=PLAN.architecture, loss="oi"), Network(PLAN.architecture, seed=3))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HORIZONS", ((0.5, 3), (1.0, 6)))


def trained(to: Path, plan: Plan = PLAN, *, report: Callable[[Progress], bool] | None = None) -> Trained:
    return train(plan, unfinished(plan, to=to, threads=1), to=to, report=report or (lambda _: False))


def test_it_ends_with_a_file_that_says_how_it_was_trained(tmp_path: Path) -> None:
    to, seen = tmp_path / "w.safetensors", []
    found = trained(to, replace(PLAN, environment="torch 0"), report=lambda progress: seen.append(progress) is not None)
    header = read(to).header
    assert read(to).hash == found.weights.hash
    assert header == found.weights.header
    assert (header.architecture, header.loss, header.seed) == (PLAN.architecture, "oi", 3)
    assert (header.draws, header.skipped, header.environment) == (8 * 4, 0, "torch 0, threads 1")
    assert f"lengthscale {draws.LENGTHSCALE}" in header.kernel
    assert [each.done for each in seen] == list(range(1, 9))
    assert [each.note for each in seen] == ["3 steps"] * 4 + ["6 steps"] * 4
    assert {each.total for each in seen} == {8}
    assert header.validation == seen[-1].best < math.inf
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


@pytest.mark.parametrize("parallel", [0, 2])
@pytest.mark.parametrize("cell", ["lstm", "dnc"])
@pytest.mark.parametrize("stops", [[1], [4], [3, 7], list(range(1, 8))], ids=str)
def test_a_stopped_training_goes_on_to_the_same_bits(
    tmp_path: Path, stops: list[int], cell: str, parallel: int
) -> None:
    architecture = Architecture(dimensions=2, hidden=5, cell=cell, parallel=parallel, slots=3, width=2, heads=1)
    plan = replace(PLAN, architecture=architecture)
    whole, to = tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    trained(whole, plan)
    for stop in stops:
        with pytest.raises(StoppedTraining):
            trained(to, plan, report=lambda progress, at=stop: progress.done == at)
        assert partial_of(to).exists()
        assert not to.exists()
    trained(to, plan)
    assert to.read_bytes() == whole.read_bytes()


def test_a_training_that_is_killed_goes_on_from_its_last_validation(tmp_path: Path) -> None:
    whole, to = tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    trained(whole)

    class Killed(BaseException):
        pass

    def killed(progress: Progress) -> bool:
        if progress.done == 5:
            raise Killed
        return False

    with pytest.raises(Killed):
        trained(to, report=killed)
    assert unfinished(PLAN, to=to, threads=1).batch == 4
    trained(to)
    assert to.read_bytes() == whole.read_bytes()


def test_the_seed_decides_the_weights_and_nothing_global_is_drawn(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (
        trained(tmp_path / f"{place}.safetensors", replace(PLAN, seed=seed)).weights.hash
        for place, seed in enumerate((3, 3, 4))
    )
    assert one == same != other
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("cell", ["lstm", "dnc"])
def test_a_training_that_begins_with_an_lstm_asks_the_same_points_at_first(tmp_path: Path, cell: Cell) -> None:
    sizes = {"dimensions": 2, "hidden": 5}
    start = trained(tmp_path / "w.safetensors", replace(PLAN, architecture=Architecture(**sizes))).weights
    plan = replace(PLAN, architecture=Architecture(cell=cell, slots=3, width=2, heads=1, **sizes), start=start, seed=9)
    network, told = plan.network(), torch.randn(20, 4, 3, generator=torch.Generator().manual_seed(2))
    ours, theirs = network.start(4), start.network.start(4)
    with torch.no_grad():
        for each in told:
            point, ours = network(each, ours)
            expected, theirs = start.network(each, theirs)
            torch.testing.assert_close(point, expected)
    found = trained(tmp_path / "v.safetensors", plan).weights
    assert found.header.start == start.hash != found.hash
    pairs = zip(found.network.parameters(), network.parameters(), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


def test_a_start_of_other_sizes_is_refused() -> None:
    lstm, dnc = (Architecture(dimensions=2, cell=cell, hidden=5) for cell in ("lstm", "dnc"))
    for start, wanted, said in (
        (lstm, replace(lstm, dimensions=3), "expected dimensions 3, got 2"),
        (dnc, lstm, "expected cell lstm, got dnc"),
        (lstm, replace(dnc, hidden=6), "expected hidden 6, got 5"),
        (lstm, replace(dnc, parallel=2), "expected parallel 2, got 0"),
    ):
        weights = LearnedWeights(Header(architecture=start, loss="oi"), Network(start, seed=0))
        with pytest.raises(SettingError, match=said):
            check_start(weights, wanted, Path("w.safetensors"))


@pytest.mark.parametrize("loss", ["sum", "ei", "oi", "oi-whole"])
def test_it_learns(tmp_path: Path, loss: training.Loss) -> None:
    schedule = Schedule(batches=60, draws=64, every=10, held_out=256, rate=1e-2)
    plan = replace(PLAN, loss=loss, schedule=schedule, architecture=Architecture(dimensions=1, hidden=20))
    first: list[float] = []
    found = trained(tmp_path / "w.safetensors", plan, report=lambda progress: first.append(progress.best) is not None)
    assert found.weights.header.validation < first[9] - 0.05


def test_the_weights_with_the_best_validation_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([3.0, 1.0, 2.0, 1.5])
    seen: dict[float, dict[str, torch.Tensor]] = {}
    monkeypatch.setattr(MetaTraining, "_validate", lambda self: _noted(self, seen, next(values)))
    found = trained(tmp_path / "w.safetensors")
    assert found.weights.header.validation == 1.0
    for name, weight in found.weights.network.named_parameters():
        assert torch.equal(weight, seen[1.0][name])


def _noted(learning: MetaTraining, seen: dict[float, dict[str, torch.Tensor]], value: float) -> float:
    seen[value] = learning._weights()
    return value


def test_it_ends_early_if_the_last_horizon_no_longer_improves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetaTraining, "_validate", lambda _: 1.0)
    plan = replace(PLAN, schedule=replace(TINY, batches=40, patience=3))
    assert trained(tmp_path / "w.safetensors", plan).batches == 20 + 3 * 2, "the first horizon ends nothing"


def test_gradients_that_are_not_finite_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss_of, calls, weights = training.loss_of, [], []

    def sometimes(*arguments: object) -> torch.Tensor:
        calls.append(1)
        return loss_of(*arguments) * (math.nan if len(calls) in (2, 5) else 1)

    monkeypatch.setattr(training, "loss_of", sometimes)
    batch = MetaTraining._train

    def watched(self: MetaTraining, *arguments: int) -> None:
        batch(self, *arguments)
        weights.append(next(iter(self._weights().values())))

    monkeypatch.setattr(MetaTraining, "_train", watched)
    assert trained(tmp_path / "w.safetensors").weights.header.skipped == 2
    moved = [not torch.equal(one, other) for one, other in pairwise(weights)]
    assert moved == [False, True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "expected --seed 1, got 3"),
        ({"schedule": replace(TINY, draws=9)}, "expected --draws 9, got"),
        ({"schedule": replace(TINY, rate=0.1)}, "expected --rate 0.1, got"),
        ({"loss": "ei"}, "expected --loss ei, got oi"),
        ({"schedule": replace(TINY, batches=9)}, "expected --batches 9, got 8"),
        ({"architecture": Architecture(dimensions=3, hidden=5)}, "expected --dimensions 3, got 2"),
        (
            {
                "start": LearnedWeights(
                    Header(architecture=PLAN.architecture, loss="oi"), Network(PLAN.architecture, seed=3)
                )
            },
            "expected --start with the hash [0-9a-f]+, got none",
        ),
        ({"environment": "torch 9"}, "expected environment torch 9, got"),
    ],
)
def test_an_unfinished_training_of_other_options_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    to = tmp_path / "w.safetensors"
    with pytest.raises(StoppedTraining):
        trained(to, report=lambda progress: progress.done == 3)
    with pytest.raises(SettingError, match=said) as refused:
        unfinished(replace(PLAN, **change), to=to, threads=1)
    assert "\n" not in str(refused.value)
    assert unfinished(replace(PLAN, commit="other"), to=to, threads=2).threads == 1, "it keeps those it began with"


def test_a_training_on_a_gpu_goes_on_on_another_one_but_not_on_a_processor() -> None:
    plans = [
        replace(PLAN, device=device, environment=place)
        for device, place in (("cuda", "one card"), ("cuda:1", "another card"), ("cpu", "one card"))
    ]
    one, other, processor = (plan.agreeing() for plan in plans)
    assert one == other != processor


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "folder"])
def test_a_damaged_unfinished_training_earns_one_line(tmp_path: Path, damage: str) -> None:
    to = tmp_path / "w.safetensors"
    with pytest.raises(StoppedTraining):
        trained(to, report=lambda progress: progress.done == 3)
    path = partial_of(to)
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes({"cut": content[: len(content) // 2], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(SettingError, match=r"in .*: expected what harness wrote, got a damaged file"):
        unfinished(PLAN, to=to, threads=1)


def test_a_batch_leaves_no_memory_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref] = []
    begin = draws._Rows.__init__

    def noted(self: draws._Rows, *arguments: object) -> None:
        begin(self, *arguments)
        alive.append(weakref.ref(self))

    monkeypatch.setattr(draws._Rows, "__init__", noted)
    gc.disable()
    try:
        trained(tmp_path / "w.safetensors")
        assert len(alive) == 8 + 4
        assert sum(each() is not None for each in alive) == 0
    finally:
        gc.enable()


def test_a_machine_without_memory_earns_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(MetaTraining, "_train", full)
    with pytest.raises(EngineError, match="meta-training: expected a machine that can run it, got OutOfMemoryError"):
        trained(tmp_path / "w.safetensors")


def test_horizons_grow_over_the_batches() -> None:
    schedule = Schedule(batches=8)
    assert [schedule.steps(batch) for batch in range(8)] == [3] * 4 + [6] * 4


def test_the_learning_rate_warms_up_and_then_falls_to_zero() -> None:
    schedule = Schedule(batches=1_000, rate=2.0)
    rates = [schedule.rate_of(batch) for batch in range(1_000)]
    assert rates[0] == pytest.approx(2 / 30)
    assert max(rates) == rates[29] == pytest.approx(2 * (1 - 0.029))
    assert rates[515] == pytest.approx(2 * (1 - 0.515))
    assert 0 < rates[-1] <= 2 / 1_000 + 1e-12
    assert all(one > other for one, other in pairwise(rates[29:]))
