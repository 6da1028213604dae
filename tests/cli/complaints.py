"""What a mistake at the command line earns."""

from __future__ import annotations

import sys

import pytest

from harness.cli.main import main


def complaint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The one line that a mistake earns."""
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("harness: ")
    assert printed.err.count("\n") == 1
    return printed.err
