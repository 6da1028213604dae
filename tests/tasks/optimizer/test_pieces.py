"""Steps taken piece by piece: the same to the bit as operations on whole parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.contracts import Rule
from harness.space.equivalence import canonical
from harness.space.grammar import Space
from harness.space.zoo import ZOO, resolve
from harness.tasks.optimizer import update_rule
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.optimizer.pieces import pieces
from harness.tasks.optimizer.program import Program, compile_rule
from harness.tasks.optimizer.update_rule import RuleOptimizer

SHAPES = [(7,), (37, 41), (3,), (5, 5), (64, 33), (900,)]
SKIPPED = (1, 4)  # (step, parameter) without a gradient, so that the counts of steps differ
WHOLE, PIECE = 1 << 40, 2048  # bytes
STEPS = 4


def trained(
    rule: Rule | str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    piece_bytes: int,
    dtype: torch.dtype = torch.float32,
    **settings: Any,
) -> list[Tensor]:
    """Parameters after some steps, a transposed one among them, which no view makes flat."""
    monkeypatch.setattr(update_rule, "PIECE_BYTES", piece_bytes // torch.get_num_threads())
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]
    params.insert(2, torch.randn(40, 50, generator=generator).to(dtype).t())
    optimizer = RuleOptimizer(params, rule, lr=0.01, **settings)
    for step in range(STEPS):
        for place, param in enumerate(params):
            gradient = torch.randn(param.shape, generator=generator).to(dtype)
            param.grad = None if (step, place) == SKIPPED else gradient
        optimizer.step()
    return params


def check_same(rule: Rule | str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Whole and in pieces; what draws at random is never taken in pieces."""
    random = compile_rule(canonical(resolve(rule) if isinstance(rule, str) else rule)).random
    runs: list[int] = []
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda program, bucket: runs.append(1) or run(program, bucket))
    whole = trained(rule, monkeypatch, piece_bytes=WHOLE, **settings)
    assert len(runs) == STEPS
    part = trained(rule, monkeypatch, piece_bytes=PIECE, **settings)
    assert (len(runs) > 3 * STEPS) != random
    monkeypatch.setattr(Program, "run", run)
    for one, other in zip(whole, part, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=0.0, equal_nan=True, msg=lambda text: f"{rule}: {text}")


def bucket_of(params: list[Tensor], means: tuple[str, ...] = ()) -> Bucket:
    return Bucket(
        params=params,
        grads=[torch.ones_like(param) for param in params],
        means={name: [torch.zeros_like(param) for param in params] for name in means},
        decays={"m": 0.9, "v": 0.999},
        steps=[1] * len(params),
        eps=1e-8,
        noise_sigma=0.01,
        generator=torch.Generator,
    )


def sizes(bucket: Bucket, entries: int) -> list[list[int]]:
    return [[param.numel() for param in piece.params] for piece in pieces(bucket, entries=entries)]


@pytest.mark.parametrize("name", sorted(ZOO))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_pieces_do_not_matter(name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    check_same(name, monkeypatch, dtype=dtype)


@pytest.mark.parametrize(("edition", "dtype"), [("icml2017", torch.float32), ("arxiv2", torch.bfloat16)])
def test_pieces_do_not_matter_to_random_rules(
    edition: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, rng = Space.of(edition, blocks=3), np.random.default_rng(0)
    rules = [space.sample(rng) for _ in range(60)]
    for rule in rules:
        check_same(rule, monkeypatch, dtype=dtype)


@pytest.mark.parametrize("rule", ["1", "g", "1 - 2", "2 ^ g", "g / 2", "2 / g", "1 - g", "noise + g", "drop(g, 0.5)"])
def test_pieces_do_not_matter_to_numbers_and_noise(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_same(rule, monkeypatch)


@pytest.mark.parametrize("settings", [{"eps": 0}, {"betas": (0, 0, 0)}, {"eps": torch.tensor(1e-6)}])
def test_settings_of_any_number_type_do(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    check_same("adam", monkeypatch, **settings)
    check_same("log(v) / gamma", monkeypatch, **settings)


def test_the_default_device_does_not_matter() -> None:
    param = torch.ones(1 << 18)
    param.grad = torch.ones_like(param)
    optimizer = RuleOptimizer([param], "adam", lr=0.5)
    torch.set_default_device("meta")
    try:
        optimizer.step()
    finally:
        torch.set_default_device(None)
    assert param.unique().tolist() == pytest.approx([0.5])


def test_numbers_too_large_for_the_type_are_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    check_same("exp(exp(2)) ^ exp(exp(1)) * g", monkeypatch)  # some 1e48
    check_same("exp(exp(exp(1))) * g", monkeypatch, dtype=torch.float16)  # some 4e6


def test_a_large_parameter_is_cut_and_small_ones_go_together() -> None:
    params = [torch.ones(10), torch.ones(100, 100), torch.ones(90, 100).t(), torch.ones(1800), torch.ones(300)]
    bucket = bucket_of(params, ("m",))
    assert sizes(bucket, 4096) == [[4096], [4096], [1808], [10], [9000], [1800, 300]]
    assert sizes(bucket, 20_000) == [[10, 10_000, 9000], [1800, 300]]
    assert sizes(bucket, 30_000) == [[10, 10_000, 9000, 1800, 300]]  # all of it fits
    for other in (torch.zeros(100, 100).t(), torch.zeros(100, 100, dtype=torch.float64)):
        bucket.means["m"][1] = other
        assert [10_000] in sizes(bucket, 4096)  # what is no vector of one dtype stays whole
