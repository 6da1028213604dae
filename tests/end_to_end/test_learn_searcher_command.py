"""``harness learn searcher`` as a user meets it: interrupted, killed, and resumed to the same file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from commands import PATIENCE_SECONDS, STANDING

import harness

LEARN = ("learn", "searcher", "--dimensions", "1", "--batches", "3", "--draws", "2", "--threads", "1", "--quiet")
FILE = "lstm-oi-1.safetensors"


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def standing(to: Path, *, after: int) -> subprocess.Popen[str]:
    """A command that has trained on some batches, and waits to be killed."""
    learner = str(STANDING.with_name("standing_searcher.py"))
    process = started(learner, str(after), *LEARN, "--to", str(to))
    assert process.stdout is not None
    assert process.stdout.readline() == "standing\n"
    return process


def test_interrupted_and_killed_it_goes_on_to_the_same_file(tmp_path: Path) -> None:
    (whole,) = harness.learn_searcher(1, tmp_path / "whole", batches=3, draws=2, threads=1, progress=False)
    to = tmp_path / "stopped"
    process = standing(to, after=0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    assert "Stopping after this batch of draws" in said
    assert f"nothing is lost. To resume: harness {' '.join(LEARN)} --to {to}" in said
    process = standing(to, after=1)
    process.kill()
    _, said = process.communicate()
    assert f"resuming {to / FILE}.partial: 1 batches are done" in said
    process = started("-m", "harness", *LEARN, "--to", str(to))
    printed, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    assert "resuming" in said
    assert printed.startswith("an optimizer of the unit box: lstm for 1 dimension, loss oi, seed 0\n")
    assert [path.name for path in to.iterdir()] == [FILE]
    assert (to / FILE).read_bytes() == whole.path.read_bytes()
