from __future__ import annotations

import pytest
import torch

from harness.tasks.optimizer.stacked import rounding
from harness.tasks.optimizer.stacked.rounding import EXACT, uniform

HIDDEN = ("add", "addcmul", "exp", "log", "pow")


@pytest.mark.parametrize("name", sorted(EXACT - {"clamp_max", "clamp_min"}))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_taken_for_exact_rounds_alike_everywhere(name, dtype) -> None:
    numbers = torch.randn(2, 5000, generator=torch.Generator().manual_seed(1), dtype=dtype)
    arguments = numbers if name in ("add", "div", "mul", "sub") else numbers[:1]
    function = getattr(torch, name)
    whole = function(*arguments)
    assert torch.equal(
        whole.nan_to_num(7.0), function(*arguments.repeat_interleave(2, 1)[:, ::2].unbind()).nan_to_num(7.0)
    )
    assert all(
        torch.equal(whole[:end].nan_to_num(7.0), function(*arguments[:, :end].clone()).nan_to_num(7.0))
        for end in (1, 7, 33, 130)
    )


def test_exact_functions_are_not_tried_and_others_are(monkeypatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(rounding, "_tried", lambda name, _: tried.append(name) or True)
    for name in (*EXACT, *HIDDEN):
        assert uniform.__wrapped__(name, torch.float32, scaled=name == "addcmul")
    assert tried == [name for name in HIDDEN if name != "add"]
    assert uniform.__wrapped__("add", torch.float32, scaled=True)
    assert tried[-1] == "add"


@pytest.mark.parametrize("cut", [1, 16, 100])
@pytest.mark.parametrize("name", ["exp", "addcmul"])
def test_a_function_that_rounds_otherwise_at_an_end_is_found_out(monkeypatch, name, cut) -> None:
    honest = getattr(torch, name)

    def other(first: torch.Tensor, *rest: torch.Tensor, **scales: float) -> torch.Tensor:
        result: torch.Tensor = honest(first, *rest, **scales).clone()
        ends = result[len(result) // 128 * 128 :][:cut]  # what vectors leave over
        ends.copy_(torch.nextafter(ends, ends + 1))
        return result

    monkeypatch.setattr(torch, name, other)
    assert not uniform.__wrapped__(name, torch.float32, scaled=True)


def test_a_function_that_rounds_otherwise_between_gaps_is_found_out(monkeypatch) -> None:
    honest = torch.exp

    def other(first: torch.Tensor) -> torch.Tensor:
        result = honest(first)
        return result if first.is_contiguous() else torch.nextafter(result, result + 1)

    monkeypatch.setattr(torch, "exp", other)
    assert not uniform.__wrapped__("exp", torch.float32)
