"""The command, for tests that kill it: ``python standing.py COUNT ARGUMENTS`` stands still after so many children."""

from __future__ import annotations

import sys
import time

from harness.cli.main import main
from harness.contracts import Outcome
from harness.race.engines import inline
from harness.race.engines.inline import InlineEngine


def stand_after(count: int) -> None:
    """Let this process train so many children, one at a time; it then waits to be killed."""
    inline.width = lambda _: 1  # type: ignore[assignment]
    train, trained = InlineEngine.next, 0

    def counted(self: InlineEngine, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        nonlocal trained
        while trained == count:
            time.sleep(60)
        delivery = train(self, timeout_seconds=timeout_seconds)
        trained += delivery is not None
        return delivery

    InlineEngine.next = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    stand_after(int(sys.argv.pop(1)))
    main()
