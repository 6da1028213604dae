"""Checkpoints of children: what is read back is what was saved, or nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.tasks.transfer.saving import Checkpoint


def test_a_state_is_read_back_in_the_environment_that_saved_it(tmp_path: Path) -> None:
    saved = Checkpoint(tmp_path / "a" / "child.pt", {"torch": "2"})
    assert saved.read() is None
    saved.write({"weights": torch.arange(3.0), "epoch": 2})
    found = saved.read()
    assert found is not None
    assert (found["weights"].tolist(), found["epoch"]) == ([0.0, 1.0, 2.0], 2)
    assert Checkpoint(saved.path, {"torch": "3"}).read() is None


def test_no_damage_is_believed(tmp_path: Path) -> None:
    """Torch does not look at the checksums: one flipped bit in a weight changed the training that went on."""
    saved = Checkpoint(tmp_path / "child.pt", {"torch": "2"})
    weights = torch.full((64,), 1.5)
    saved.write({"weights": weights})
    whole = saved.path.read_bytes()
    place = whole.index(weights.numpy().tobytes()) + 5
    for damaged in (
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        whole[: len(whole) // 2],
        b"",
        b"something else",
    ):
        saved.path.write_bytes(damaged)
        assert saved.read() is None
