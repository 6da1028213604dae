"""Make ``racing`` importable, here and in the worker processes, which inherit the path; and spare the disk."""

import sys
from pathlib import Path

import pytest

from harness.race.store import sqlite

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _spared_disk(monkeypatch):
    """Do not wait for the disk: nobody cuts the power while tests run."""
    monkeypatch.setattr(sqlite, "SYNCHRONOUS", {False: "OFF", True: "OFF"})
