"""``harness learn``, for tests that kill it: ``standing_learner.py COUNT ARGUMENTS`` waits after so many batches."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Any

from harness.cli.main import main
from harness.tasks.learned.meta.training import MetaTraining


def stand_after(count: int) -> None:
    """Let this process train on so many batches; it then says so, and waits to be killed or interrupted."""
    batch, trained = MetaTraining._batch, 0

    def counted(self: MetaTraining, *arguments: Any) -> None:
        nonlocal trained
        if trained == count:
            stand()
        batch(self, *arguments)
        trained += 1

    MetaTraining._batch = counted  # type: ignore[method-assign]


def stand() -> None:
    interrupted, before = False, signal.getsignal(signal.SIGINT)
    assert callable(before)

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        before(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    print("standing", flush=True)
    while not interrupted:
        time.sleep(0.05)


if __name__ == "__main__":
    stand_after(int(sys.argv.pop(1)))
    main()
