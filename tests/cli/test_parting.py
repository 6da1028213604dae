"""How the command ends when the user presses Ctrl-C, or when the reader of its output leaves: by real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HARNESS = [sys.executable, "-m", "harness"]


@pytest.mark.parametrize("arguments", [["ls", "rules"], ["--help"], ["ls", "--help"], ["--version"]])
def test_a_reader_who_leaves_is_no_failure(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*HARNESS, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_is_told_in_one_line() -> None:
    code = (
        "import os, signal\n"
        "from harness.cli import main, options\n"
        "options.space = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"  # in the midst of a command
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "space", "show"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "harness: interrupted\n")
