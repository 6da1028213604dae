"""``harness learn`` at the command line: its mistakes, in one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli.main import app
from harness.tasks.learned.weights import read

LEARN = ("learn", "optimizer", "--problems", "quadratic", "--to", "w.safetensors")


SCHEDULE = {
    "--problems-at-once": "3",
    "--coordinates": "7",
    "--held-out": "4",
    "--every": "2",
    "--patience": "9",
    "--rates": "1",
    "--decay": "cosine",
    "--batches": "2",
    "--device": "cpu",
    "--threads": "1",
}


def test_the_options_of_the_schedule_reach_the_file(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    options = [word for option in SCHEDULE.items() for word in option]
    result = CliRunner().invoke(app, [*LEARN, *options, "--to", str(to), "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = read(to).header.schedule
    assert found is not None
    assert (found.batch, found.coordinates, found.held_out, found.every, found.patience) == (3, 7, 4, 2, 9)
    assert (found.rates, found.decay, found.draws) == (1, "cosine", 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--problems", "quadratics"), "Did you mean 'quadratic'?"),
        (("--problems", "quadratic/relu"), "Write quadratic: it has no variants."),
        (("--to", "w.pt"), "expected a name that ends in .safetensors, got w.pt"),
        (("--to", "."), "file .: expected a name that ends in .safetensors, got .. Add the ending."),
        (("--to", "old.safetensors"), "expected a new file, got one that exists already"),
        (("--to", "damaged.safetensors"), "got a damaged file (SafetensorError). Delete it"),
        (("--seed", "-1"), "seed: expected 0 to"),
        (("--threads", "x"), "threads: expected auto or a number from 1 to 1,024, got 'x'"),
        (("--batches", "0"), "batches: expected 1 to"),
        (("--problems-at-once", "0"), "problems at once: expected 1 to"),
        (("--rate", "0"), "rate: expected 1e-09 to 10.0, got 0"),
        (
            ("--rate", "0.1", "--rates", "2"),
            "rates: expected none where a rate is given, got 2. Leave out one of them.",
        ),
        (("--decay", "linear"), "decay: expected one of cosine, none"),
        (("--device", "gpu"), "device: expected cpu, or cuda if there is a GPU, got 'gpu'"),
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
