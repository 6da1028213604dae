"""The script for a GPU works wherever there is none: every part, small, on the processor."""

from __future__ import annotations

import json
from pathlib import Path

import accelerator
import measuring_stacks
import pytest
import torch

PROCESSES = "busy"  # the only part that starts processes


def test_every_part_can_be_rehearsed_and_ends_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [name for name, *_ in accelerator.PARTS if name != PROCESSES]
    assert accelerator.main(["--rehearse", "--only", ",".join(parts), "--write", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "accelerator.json").read_text(encoding="utf-8"))
    table = (tmp_path / "accelerator.md").read_text(encoding="utf-8")
    values = {figure["name"]: figure["value"] for figure in record["figures"]}
    assert all(f"| {name} |" in table for name in values)
    assert {name for name in values if name.startswith("seconds for the part")} == {
        f"seconds for the part “{name}”" for name in parts
    }
    words = [value for value in values.values() if isinstance(value, str)]
    assert not [word for word in words if word.startswith(("failed", "none", "not measured")) or "NO" in word], words
    assert values["steps in float64: largest difference to one by one"] < 1e-9
    assert values["memory: share of the limit, 4 cells, batched 1"] > 0
    assert record["environment"]["device"] == "cpu"
    assert "harness table build" in capsys.readouterr().out


def test_a_part_that_fails_or_would_end_too_late_is_named_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_bench: measuring_stacks.Bench) -> list[measuring_stacks.Figure]:
        raise RuntimeError("no such kernel\nand more")

    def work(_bench: measuring_stacks.Bench) -> list[measuring_stacks.Figure]:
        return [measuring_stacks.Figure("worked", 1.0)]

    monkeypatch.setattr(accelerator, "PARTS", (("one", 1, fail), ("two", 1000, work), ("three", 1, work)))
    bench = measuring_stacks.Bench.of("synthetic", "cpu", measuring_stacks.REHEARSED, tmp_path)
    monkeypatch.setattr(type(bench), "small", False)
    found = {each.name: each.text for each in accelerator.measured(bench, seconds=60, only={"one", "two", "three"})}
    assert found["one"] == "failed: RuntimeError: no such kernel"
    assert found["two"] == "not measured: 60 s left, it may take 1000 s"
    assert found["worked"] == "1"


def test_all_parts_may_take_less_than_nine_minutes() -> None:
    assert sum(seconds for _, seconds, _ in accelerator.PARTS) < 60 * accelerator.MINUTES == 540


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_without_a_gpu_it_says_how_to_rehearse(capsys: pytest.CaptureFixture[str]) -> None:
    assert accelerator.main([]) == 2
    assert "try it with --rehearse" in capsys.readouterr().err
