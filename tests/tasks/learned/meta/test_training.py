"""Meta-training: the same bits after every stop, no growing memory, what is not finite left out, and an early end."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from families import STEPS, TINY, Flat, Hopeless, Leaking, Overflowing, Small

from harness.errors import EngineError, SettingError
from harness.tasks.learned.meta.rates import rates
from harness.tasks.learned.meta.training import (
    Learner,
    MetaTraining,
    Plan,
    Progress,
    StoppedTraining,
    Trained,
    arithmetic,
    partial_of,
    shortened,
    train,
    unfinished,
)
from harness.tasks.learned.problem import COSINE, NO_DECAY, Family, Schedule
from harness.tasks.learned.weights import Header, read, save

UNROLLS = math.ceil(STEPS / 20)
TOTAL = 2 * 2 + 6  # batches: two λ are tried for two, the best for six


def plan_of(family: Family, schedule: Schedule = TINY, seed: int = 0) -> Plan:
    header = Header(problems="quadratic", seed=seed, architecture=family.architecture, kinds=family.kinds)
    return Plan(header=header, schedule=schedule)


def trained(
    family: Family,
    to: Path,
    schedule: Schedule = TINY,
    *,
    seed: int = 0,
    report: Callable[[Progress], bool] | None = None,
) -> Trained:
    plan = plan_of(family, schedule, seed)
    return train(family, plan, unfinished(plan, to=to, threads=1), to=to, report=report or (lambda _: False))


def test_it_ends_with_a_file_that_says_how_it_was_trained(tmp_path: Path) -> None:
    to, seen = tmp_path / "w.safetensors", []
    found = trained(Small(), to, report=lambda progress: seen.append(progress) is not None)
    written = read(to)
    assert (written.hash, written.header) == (found.weights.hash, found.weights.header)
    assert not partial_of(to).exists()
    assert [each.done for each in seen] == list(range(1, TOTAL + 1))
    assert {each.total for each in seen} == {TOTAL}
    header = written.header
    assert header.schedule == TINY
    assert (header.examples, header.skipped, header.environment) == (TOTAL * TINY.batch, 0, "threads 1")
    assert len(found.trials) == TINY.rates
    assert header.learning_rate == min(found.trials, key=lambda trial: trial[1])[0]
    assert header.validation <= min(value for _, value in found.trials)
    assert header.validation == seen[-1].best < math.inf


@pytest.mark.parametrize("stops", [[1], [2], [5], [6, 9], list(range(1, TOTAL + 1))], ids=str)
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path, stops: list[int]) -> None:
    whole, to = tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    trained(Small(), whole)
    for stop in stops:
        with pytest.raises(StoppedTraining):
            trained(Small(), to, report=lambda progress, at=stop: progress.done == at)
        assert partial_of(to).exists()
        assert not to.exists()
    trained(Small(), to)
    assert to.read_bytes() == whole.read_bytes()


def test_a_training_that_is_killed_goes_on_from_its_last_validation(tmp_path: Path) -> None:
    whole, to = tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    schedule = replace(TINY, draws=7, trial=3, every=2)
    trained(Small(), whole, schedule)

    class Killed(BaseException):
        pass

    def killed(progress: Progress) -> bool:
        if progress.done in (5, 12):
            raise Killed
        return False

    done = []
    for _ in range(2):
        with pytest.raises(Killed):
            trained(Small(), to, schedule, report=killed)
        done.append(unfinished(plan_of(Small(), schedule), to=to, threads=1).drawn)
        killed = lambda progress: (_ for _ in ()).throw(Killed) if progress.done == 12 else False  # noqa: E731
    assert done == [3, 10]
    trained(Small(), to, schedule)
    assert to.read_bytes() == whole.read_bytes()


def test_the_seed_decides_the_weights_and_nothing_global_is_drawn(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (
        trained(Small(), tmp_path / f"{place}.safetensors", seed=seed).weights.hash
        for place, seed in enumerate((3, 3, 4))
    )
    assert one == same != other
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_part_of_the_coordinates_is_drawn_anew_in_every_unroll(tmp_path: Path) -> None:
    some = replace(TINY, coordinates=7)
    one, same = (trained(Small(), tmp_path / f"{name}.safetensors", some) for name in "ab")
    whole = trained(Small(), tmp_path / "c.safetensors")
    assert one.weights.hash == same.weights.hash != whole.weights.hash


def test_it_learns(tmp_path: Path) -> None:
    schedule = replace(TINY, draws=40, trial=5, every=5, batch=8, between=(1e-2, 3e-2))
    first: list[float] = []
    found = trained(
        Small(), tmp_path / "w.safetensors", schedule, report=lambda progress: first.append(progress.best) is not None
    )
    assert found.weights.header.validation < 0.7 * first[4]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "expected --seed 1, got 0"),
        ({"schedule": replace(TINY, draws=9)}, "expected --batches 9, got 6"),
        ({"schedule": replace(TINY, batch=9)}, "expected --problems-at-once 9, got"),
        ({"schedule": replace(TINY, rates=1, rate=0.01)}, "expected --rate 0.01, got none"),
        ({"schedule": replace(TINY, decay=COSINE)}, "expected --decay cosine, got none"),
        ({"schedule": shortened(TINY, 1)}, "expected --batches 1, got 6"),
    ],
)
def test_an_unfinished_training_of_other_options_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    to = tmp_path / "w.safetensors"
    with pytest.raises(StoppedTraining):
        trained(Small(), to, report=lambda progress: progress.done == 3)
    with pytest.raises(SettingError, match=said) as refused:
        unfinished(plan_of(Small(), **change), to=to, threads=1)
    assert "\n" not in str(refused.value)
    assert unfinished(plan_of(Small()), to=to, threads=2).threads == 1, "it keeps the threads that it began with"


def test_another_commit_resumes_it_and_another_environment_does_not(tmp_path: Path) -> None:
    to, plan = tmp_path / "w.safetensors", plan_of(Small())
    begun = replace(plan, header=replace(plan.header, commit="a", environment="torch 1"))
    unfinished(begun, to=to, threads=1).save()
    unfinished(replace(begun, header=replace(begun.header, commit="b")), to=to, threads=1)
    with pytest.raises(SettingError, match="expected environment torch 2, got torch 1"):
        unfinished(replace(begun, header=replace(begun.header, environment="torch 2")), to=to, threads=1)


@pytest.mark.parametrize("damage", ["truncated", "a bit", "foreign", "folder"])
def test_a_damaged_unfinished_training_is_refused(tmp_path: Path, damage: str) -> None:
    to = tmp_path / "w.safetensors"
    with pytest.raises(StoppedTraining):
        trained(Small(), to, report=lambda progress: progress.done == 3)
    partial = partial_of(to)
    content = bytearray(partial.read_bytes())
    content[-5] ^= 1
    if damage == "foreign":
        partial.unlink()
        save(trained(Small(), tmp_path / "other.safetensors").weights, partial)
    elif damage == "folder":
        partial.unlink()
        partial.mkdir()
    else:
        partial.write_bytes(content if damage == "a bit" else content[:1000])
    with pytest.raises(SettingError, match=r"a damaged file .*Delete it to train from the beginning") as refused:
        unfinished(plan_of(Small()), to=to, threads=1)
    assert "\n" not in str(refused.value)


def test_meta_gradients_that_are_not_finite_are_left_out_and_counted(tmp_path: Path) -> None:
    family = Overflowing()
    found = trained(family, tmp_path / "w.safetensors")
    assert family.draws == 1 + TOTAL
    assert found.weights.header.skipped == TOTAL // 2 * UNROLLS
    assert read(tmp_path / "w.safetensors").header.skipped == TOTAL // 2 * UNROLLS
    assert 0 < found.weights.header.validation < math.inf


def test_validations_that_are_never_finite_end_in_a_file_that_says_so(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    with pytest.raises(StoppedTraining):
        trained(Hopeless(), to, report=lambda progress: progress.done == 5)
    found = trained(Hopeless(), to)
    assert read(to).header.validation == math.inf
    assert found.weights.header.skipped == TOTAL * UNROLLS
    assert [value for _, value in found.trials] == [math.inf] * TINY.rates


def test_it_stops_early_where_validations_no_longer_improve(tmp_path: Path) -> None:
    schedule = replace(TINY, draws=1_000, patience=3)
    found = trained(Flat(), tmp_path / "w.safetensors", schedule)
    trials, rest = TINY.rates * TINY.trial, 3
    assert found.weights.header.examples == (trials + rest) * TINY.batch
    assert found.weights.header.validation == 0.0


def live_tensors() -> int:
    gc.collect()
    return sum(each.numel() for each in gc.get_objects() if type(each) in (torch.Tensor, torch.nn.Parameter))


@pytest.mark.parametrize(("family", "grows"), [(Small, False), (Leaking, True)])
def test_memory_does_not_grow_with_the_batches(tmp_path: Path, family: type[Small], *, grows: bool) -> None:
    schedule, seen = replace(TINY, rates=1, trial=2, draws=20, every=2), []

    def look(progress: Progress) -> bool:
        if progress.done in (10, 20):
            seen.append(live_tensors())
        return False

    trained(family(), tmp_path / "w.safetensors", schedule, report=look)
    assert (seen[1] > seen[0]) == grows, "the control, which keeps its problems, shows that growth is seen"
    Leaking.kept.clear()


def test_the_rates_are_drawn_from_the_range_and_follow_from_the_seed() -> None:
    schedule = replace(TINY, rates=50, between=(1e-3, 1e-1))
    found = rates(schedule, seed=0)
    assert found == rates(schedule, seed=0) != rates(schedule, seed=1)
    assert 1e-3 <= min(found) < 2e-3 < 5e-2 < max(found) <= 1e-1
    assert 15 < sum(rate < 1e-2 for rate in found) < 35, "evenly in the logarithm: outside once in a thousand"
    assert rates(replace(schedule, rates=2), seed=0) == found[:2]


def test_a_rate_that_is_given_is_not_searched_for(tmp_path: Path) -> None:
    schedule = replace(TINY, rates=1, rate=0.02)
    assert rates(schedule, seed=5) == (0.02,)
    found = trained(Small(), tmp_path / "w.safetensors", schedule)
    assert [rate for rate, _ in found.trials] == [0.02] == [found.weights.header.learning_rate]
    assert found.weights.header.examples == TINY.draws * TINY.batch


def test_a_rate_decays_to_0_along_half_a_cosine_or_not_at_all() -> None:
    schedule = Schedule(batch=1, draws=8, decay=COSINE)
    found = [schedule.decayed(2.0, batch) for batch in range(9)]
    assert found == pytest.approx([1 + math.cos(math.pi * batch / 8) for batch in range(9)])
    assert (found[0], found[4], found[8]) == pytest.approx((2, 1, 0))
    assert {replace(schedule, decay=NO_DECAY).decayed(2.0, batch) for batch in range(9)} == {2.0}


def test_a_batch_is_trained_on_with_the_rate_that_it_has_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[float] = []
    batch = MetaTraining._batch

    def noting(self: MetaTraining, learner: Learner, number: int) -> None:
        used.extend(group["lr"] for group in learner.adam.param_groups)
        batch(self, learner, number)

    monkeypatch.setattr(MetaTraining, "_batch", noting)
    schedule = replace(TINY, rates=1, rate=0.02, decay=COSINE)
    to, whole = tmp_path / "w.safetensors", tmp_path / "whole.safetensors"
    trained(Small(), whole, schedule)
    assert used == [schedule.decayed(0.02, number) for number in range(TINY.draws)]
    with pytest.raises(StoppedTraining):
        trained(Small(), to, schedule, report=lambda progress: progress.done == 3)
    trained(Small(), to, schedule)
    assert to.read_bytes() == whole.read_bytes()


def test_choices_that_older_files_do_not_know_are_agreed_on_only_if_they_are_made() -> None:
    plan = plan_of(Small())
    agreed = plan.agreeing([0.1])
    assert set(agreed["schedule"]) == {  # type: ignore[call-overload]
        *("batch", "draws", "rates", "trial", "between", "coordinates", "held_out", "every", "patience")
    }
    assert "schedule" not in agreed["header"]  # type: ignore[operator]
    chosen = replace(plan, schedule=replace(TINY, decay=COSINE, rate=0.1)).agreeing([0.1])
    assert {**chosen["schedule"], **agreed["schedule"]} == {**agreed["schedule"], "decay": COSINE, "rate": 0.1}  # type: ignore[dict-item]


def test_a_shorter_schedule_tries_each_rate_for_no_longer() -> None:
    schedule = Schedule(batch=1, draws=100, trial=20, every=10)
    assert shortened(schedule, 50) == replace(schedule, draws=50)
    assert shortened(schedule, 3) == replace(schedule, draws=3, trial=3, every=3)


def test_a_machine_without_memory_is_one_line() -> None:
    with (
        pytest.raises(EngineError, match=r"learned optimizer: .*it goes on from its last validation") as said,
        arithmetic(1),
    ):
        raise MemoryError("no room")
    assert "\n" not in str(said.value)
