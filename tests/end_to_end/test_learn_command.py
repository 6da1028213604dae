"""``harness learn optimizer`` as a user meets it: killed, interrupted, resumed to the same bits, and used."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import PATIENCE_SECONDS, STANDING, harness

from harness.tasks.learned.weights import read

LEARN = ("learn", "optimizer", "--problems", "quadratic", "--batches", "1", "--threads", "1", "--quiet")


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def learned(to: Path) -> tuple[str, str]:
    process = started("-m", "harness", *LEARN, "--to", str(to))
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    return out, err


def standing(to: Path, *, after: int) -> subprocess.Popen[str]:
    """A command that has trained on some batches, and waits to be killed."""
    process = started(str(STANDING.with_name("standing_learner.py")), str(after), *LEARN, "--to", str(to))
    assert process.stdout is not None
    assert process.stdout.readline() == "standing\n"
    return process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file of a training that nothing disturbed, and what the command printed."""
    to = tmp_path_factory.mktemp("whole") / "w.safetensors"
    return to, learned(to)[0]


def test_it_ends_with_a_summary(whole: tuple[Path, str]) -> None:
    to, printed = whole
    header = read(to).header
    assert (header.problems, header.seed, header.preset, header.data) == ("quadratic", 0, "paper", "")
    assert header.commit
    assert "torch 2" in header.environment
    assert header.environment.endswith("threads 1")
    lines = printed.splitlines()
    assert lines[0] == "an optimizer for quadratic, seed 0, preset paper"
    tried = [line for line in lines if line.startswith("λ ")]
    assert len(tried) == 6
    assert [line.endswith("chosen") for line in tried].count(True) == 1
    assert f"{header.examples:,} problems drawn in " in printed
    assert "; 0 meta-gradients skipped" in printed
    assert f"weights {read(to).hash} in {to}" in printed
    assert f"learned:file(path='{to}')" in printed


@pytest.mark.parametrize("after", [1, 4])
def test_a_killed_training_goes_on_to_the_same_bits(whole: tuple[Path, str], tmp_path: Path, after: int) -> None:
    to = tmp_path / "w.safetensors"
    process = standing(to, after=after)
    process.kill()
    process.communicate()
    assert not to.exists()
    _, said = learned(to)
    assert f"resuming {to}.partial: {after} batches are done" in said
    assert to.read_bytes() == whole[0].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_an_interrupted_training_says_how_to_resume(whole: tuple[Path, str], tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    process = standing(to, after=2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    assert "Stopping after this batch of problems" in said
    assert f"nothing is lost. To resume: harness {' '.join(LEARN)} --to {to}" in said
    _, said = learned(to)
    assert "3 batches are done" in said, "the batch that was on its way, too"
    assert to.read_bytes() == whole[0].read_bytes()


def test_the_file_is_a_candidate_of_confirmations_and_transfers(whole: tuple[Path, str], tmp_path: Path) -> None:
    text = f"learned:file(path='{whole[0]}')"
    harness("confirm", "--candidate", text, "--protocol", "toy-quadratic", "--seeds", "0-1", results=tmp_path)
    board, _ = harness("leaderboard", "--rules", "--format", "csv", results=tmp_path)
    assert "learned file(path=" in board
    workloads = ("--workloads", "rosenbrock,toy-quadratic", "--seeds", "0-1", "--workers", "2")
    harness("transfer", "--rules", f"adam,{text}", *workloads, results=tmp_path)
    board, _ = harness("leaderboard", "--transfer", "--format", "csv", results=tmp_path)
    assert "learned file(path=" in board
    _, said = harness("transfer", "--rules", f"adam,{text}", *workloads, results=tmp_path)
    assert "already finished" in said
