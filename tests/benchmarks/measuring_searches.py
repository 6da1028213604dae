"""What ``accelerator.py`` measures of whole searches."""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

from measuring_stacks import Bench, Figure

import harness
from harness.race.progress import Progress

SEARCHERS = ("evolution", "rl")


class Watcher(threading.Thread):
    """Asks the card five times a second in what share of time it is busy; nothing where there is no card.

    It follows a search from its first result to its last, without the start of its processes.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._shares: list[float] = []
        self._results: list[tuple[float, int]] = []
        self._ended = threading.Event()

    def note(self, progress: Progress) -> None:
        """Take note of a result."""
        self._results.append((time.monotonic(), progress.children))

    def run(self) -> None:
        """Ask until told to stop."""
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._ended.wait(0.2):
            try:
                told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout
            except (OSError, subprocess.SubprocessError):
                return
            if self._results[-1:] and self._results[-1][1]:
                self._shares.append(float(told.split()[0]) / 100)

    def told(self, seconds: Sequence[float], *, workers: int) -> str:
        """Stop asking, and return in what share of the time children trained, and the card was busy by its own count.

        Args:
            seconds: of all children.
            workers: processes that trained them.
        """
        self._ended.set()
        self.join()
        (began, before), (end, last) = next(each for each in self._results if each[1]), self._results[-1]
        trained = sum(seconds) * (last - before) / last
        card = f"{statistics.fmean(self._shares):.0%}" if self._shares else "not asked"
        return f"children {trained / workers / max(end - began, 1e-9):.0%}, card {card}"


def busy(bench: Bench) -> list[Figure]:
    """The share of a search's time in which children train, and in which the card is busy by its own count."""
    found = []
    modes: dict[str, dict[str, Any]] = {
        "in batches": {},
        "--async --workers 1": {"asynchronous": True},
        "--async": {"asynchronous": True, "workers": 2},
    }
    for name in SEARCHERS:
        for mode, options in modes.items():
            place, watcher = bench.folder / f"{name} {mode}", Watcher()
            watcher.start()
            harness.run(
                name,
                protocol=bench.quick,
                children=bench.sizes.searched,
                seeds=[0],
                data=bench.data_name,
                device=bench.device.type,
                results=place,
                progress=watcher.note,
                **options,
            )
            seconds = harness.load(place).trials["seconds"].tolist()
            shares = watcher.told(seconds, workers=options.get("workers", 1))
            found.append(Figure(f"busy: {name} {mode}, {bench.sizes.searched} children", shares))
    return found
