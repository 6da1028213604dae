"""``harness learn searcher`` as a user meets it: interrupted, killed, and resumed to the same file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from commands import PATIENCE_SECONDS, STANDING

LEARN = ("learn", "searcher", "--dimensions", "1-2", "--batches", "4", "--draws", "2", "--threads", "1", "--quiet")


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def learned(to: Path) -> tuple[str, str]:
    process = started("-m", "harness", *LEARN, "--to", str(to))
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    return out, err


def standing(to: Path, *, after: int) -> subprocess.Popen[str]:
    """A command that has trained on some batches, and waits to be killed."""
    learner = str(STANDING.with_name("standing_searcher.py"))
    process = started(learner, str(after), *LEARN, "--to", str(to))
    assert process.stdout is not None
    assert process.stdout.readline() == "standing\n"
    return process


def test_interrupted_and_killed_it_goes_on_to_the_same_files(tmp_path: Path) -> None:
    whole, to = tmp_path / "whole", tmp_path / "stopped"
    printed, _ = learned(whole)
    assert printed.startswith("an optimizer of the unit box: lstm for 1 dimension, loss oi, seed 0\n")
    assert "\n\nan optimizer of the unit box: lstm for 2 dimensions" in printed
    process = standing(to, after=5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    assert "Stopping after this batch of draws" in said
    assert f"nothing is lost. To resume: harness {' '.join(LEARN)} --to {to}" in said
    process = standing(to, after=1)
    process.kill()
    _, said = process.communicate()
    assert f"resuming {to}/lstm-oi-2.safetensors.partial: 2 batches are done" in said
    printed, said = learned(to)
    assert "resuming" in said
    assert "lstm for 1 dimension, loss oi, seed 0: trained already" in printed
    assert sorted(path.name for path in to.iterdir()) == ["lstm-oi-1.safetensors", "lstm-oi-2.safetensors"]
    for path in whole.iterdir():
        assert (to / path.name).read_bytes() == path.read_bytes()
