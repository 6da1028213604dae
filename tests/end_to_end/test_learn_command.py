"""``harness learn optimizer`` as a user meets it: killed, interrupted, resumed to the same bits, and used."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import PATIENCE_SECONDS, STANDING, harness, here

from harness.tasks.learned.lstm import Architecture
from harness.tasks.learned.problem import ALL
from harness.tasks.learned.weights import Header, LearnedWeights, fresh, read, save

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


def test_interrupted_and_killed_it_goes_on_to_the_same_weights(whole: tuple[Path, str], tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    process = standing(to, after=1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    assert "Stopping after this batch of problems" in said
    assert f"nothing is lost. To resume: harness {' '.join(LEARN)} --to {to}" in said
    process = standing(to, after=2)
    process.kill()
    _, said = process.communicate()
    assert f"resuming {to}.partial: 2 batches are done" in said, "the batch that was on its way, too"
    assert not to.exists()
    _, said = learned(to)
    assert f"resuming {to}.partial: 4 batches are done" in said
    ours, theirs = read(to), read(whole[0])
    assert ours.hash == theirs.hash
    assert replace(ours.header, commit="") == replace(theirs.header, commit=""), "a developer may commit in between"
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_is_a_candidate_of_confirmations_and_transfers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    header = Header(problems="quadratic", architecture=Architecture(hidden=2), kinds=(ALL,))
    weights = LearnedWeights(header, fresh(header))
    file = tmp_path / "w.safetensors"
    save(weights, file)
    text = f"learned:file(path='{file}')"
    child = ("--protocol", "tiny_child:PROTOCOL", "--data", "tiny_child:images", "--workers", "2")
    harness("confirm", "--candidate", text, *child, "--seeds", "0", results=tmp_path / "results")
    board, _ = here("leaderboard", "--rules", "--format", "json", results=tmp_path / "results")
    (found,) = [each for each in json.loads(board)["rules_boards"][0]["rules"] if "learned" in each["rule"]]
    assert found["tokens"] == f"learned:file(path='{file}';weights='{weights.hash}')"
    transfer = ("transfer", "--rules", f"sgd,{text}", "--workloads", "rosenbrock", "--seeds", "0", "--workers", "1")
    here(*transfer, results=tmp_path / "results")
    board, _ = here("leaderboard", "--transfer", "--format", "csv", results=tmp_path / "results")
    assert f"learned file(path='{file}')" in board
    file.unlink()
    process = started("-m", "harness", *transfer, "--results", str(tmp_path / "results"))
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said.count("\n")) == (2, 1)
    assert f"weights in {file}: expected a file that harness learn optimizer wrote, got No such file" in said
