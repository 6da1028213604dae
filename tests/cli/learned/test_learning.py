"""``harness learn`` at the command line: its mistakes, in one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from complaints import complaint

LEARN = ("learn", "optimizer", "--problems", "quadratic", "--to", "w.safetensors")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--problems", "quadratics"), "Did you mean 'quadratic'?"),
        (("--problems", "quadratic/relu"), "Write quadratic: it has no variants."),
        (("--to", "w.pt"), "expected a name that ends in .safetensors, got w.pt"),
        (("--to", "old.safetensors"), "expected a new file, got one that exists already"),
        (("--to", "damaged.safetensors"), "got a damaged file (SafetensorError). Delete it"),
        (("--seed", "-1"), "seed: expected 0 to"),
        (("--threads", "x"), "threads: expected auto or a number from 1 to 1,024, got 'x'"),
        (("--batches", "0"), "batches: expected 1 to"),
        (("--preset", "deep"), "preset: expected one of deepmind, paper"),
    ],
)
def test_a_mistake_earns_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: tuple, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.safetensors").touch()
    Path("damaged.safetensors.partial").write_bytes(b"?")
    assert said in complaint(capsys, monkeypatch, *LEARN, *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.safetensors.partial", "old.safetensors"]
