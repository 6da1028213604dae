"""Steps played from a tape, piece by piece: the same to the bit as operations on whole parameters."""

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
from harness.tasks.optimizer import tape as rule_tape
from harness.tasks.optimizer import update_rule
from harness.tasks.optimizer.kernels import Bucket
from harness.tasks.optimizer.program import compile_rule
from harness.tasks.optimizer.tape import Tape, playable, record
from harness.tasks.optimizer.update_rule import RuleOptimizer

SHAPES = [(7,), (37, 41), (3,), (5, 5), (64, 33), (900,)]
SKIPPED = (1, 4)  # (step, parameter) without a gradient, so that the counts of steps differ
WHOLE, PIECE = 1 << 40, 2048  # bytes


def trained(
    rule: Rule | str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    piece_bytes: int,
    dtype: torch.dtype = torch.float32,
    **settings: Any,
) -> list[Tensor]:
    """Parameters after four steps, a transposed one among them, which no view makes flat."""
    monkeypatch.setattr(update_rule, "PIECE_BYTES", piece_bytes // torch.get_num_threads())
    monkeypatch.setattr(rule_tape, "LEAST_ENTRIES", 20)
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]
    params.insert(2, torch.randn(40, 50, generator=generator).to(dtype).t())
    optimizer = RuleOptimizer(params, rule, lr=0.01, total_steps=3, **settings)
    for step in range(4):
        for place, param in enumerate(params):
            gradient = torch.randn(param.shape, generator=generator).to(dtype)
            param.grad = None if (step, place) == SKIPPED else gradient
        optimizer.step()
    return params


def check_same(rule: Rule | str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Whole and in pieces; what draws at random is never taken in pieces."""
    random = compile_rule(canonical(resolve(rule) if isinstance(rule, str) else rule)).random
    played: list[int] = []
    play = Tape.play
    monkeypatch.setattr(Tape, "play", lambda tape, *args, **named: played.append(1) or play(tape, *args, **named))
    whole = trained(rule, monkeypatch, piece_bytes=WHOLE, **settings)
    assert not played
    pieces = trained(rule, monkeypatch, piece_bytes=PIECE, **settings)
    assert bool(played) != random
    monkeypatch.setattr(Tape, "play", play)
    for one, other in zip(whole, pieces, strict=True):
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


@pytest.mark.parametrize("name", sorted(ZOO))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_pieces_do_not_matter(name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    check_same(name, monkeypatch, dtype=dtype)


@pytest.mark.parametrize(
    ("edition", "dtype"), [("icml2017", torch.float32), ("arxiv2", torch.bfloat16), ("decays", torch.float32)]
)
def test_pieces_do_not_matter_to_random_rules(
    edition: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, rng = Space.of(edition, blocks=3), np.random.default_rng(0)
    rules = [space.sample(rng) for _ in range(60)]
    for rule in rules:
        check_same(rule, monkeypatch, dtype=dtype)


@pytest.mark.parametrize(
    "rule", ["1", "g", "1 - 2", "2 ^ g", "g / 2", "2 / g", "1 - g", "noise + g", "drop(g, 0.5)", "ld"]
)
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


def test_what_is_played() -> None:
    large, small, transposed = torch.ones(100, 100), torch.ones(10), torch.ones(90, 100).t()
    bucket = bucket_of([small, large, transposed], ("m",))
    assert playable(bucket, entries=5000) == [1]
    assert playable(bucket, entries=20_000) == []  # all of it fits
    for other in (torch.zeros(100, 100).t(), torch.zeros(100, 100, dtype=torch.float64)):
        bucket.means["m"][1] = other
        assert playable(bucket, entries=5000) == []


def test_memory_is_allocated_once_and_reused() -> None:
    """ADAM needs m̂ and √v̂ at once; so does any longer chain of such parts, whose memory is free again."""
    for text, temporaries in [("g", 0), ("adam", 2), ("adam * exp(adam) + sqrt(rmsprop)", 3)]:
        program = compile_rule(canonical(Rule.parse(text)))
        assert record(program, bucket_of([torch.ones(4)], ("m", "v")), rate=0.1).temporaries == temporaries
