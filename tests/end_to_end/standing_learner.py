"""``harness learn``, for tests that kill it: ``python standing_learner.py COUNT ARGUMENTS`` waits after some batches."""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from harness.cli.main import main
from harness.tasks.learned.meta.training import MetaTraining


def stand_after(count: int) -> None:
    """Let this process train on so many batches; it then says so, and waits to be killed or interrupted."""
    batch, trained = MetaTraining._batch, 0

    def counted(self: MetaTraining, *arguments: Any) -> None:
        nonlocal trained
        if trained == count:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            print("standing", flush=True)
            while signal.SIGINT not in signal.sigpending():
                time.sleep(0.05)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        batch(self, *arguments)
        trained += 1

    MetaTraining._batch = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    stand_after(int(sys.argv.pop(1)))
    main()
