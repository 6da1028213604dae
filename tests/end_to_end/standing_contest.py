"""``harness blackbox``, for tests that kill it: ``standing_contest.py COUNT ARGUMENTS`` waits after so many parts."""

from __future__ import annotations

import sys
import time
from typing import Any

from harness.cli.main import main
from harness.library.blackbox import contesting


def stand_after(count: int) -> None:
    """Let this process run so many parts of one function each; it then says so, and waits to be killed."""
    whole, done = contesting.run, 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal done
        if done == count:
            print("standing", flush=True)
            while True:
                time.sleep(0.05)
        done += 1
        return whole(*given, **named)

    contesting.run = counted  # type: ignore[assignment]
    contesting.PART_SECONDS = 0.0


if __name__ == "__main__":
    stand_after(int(sys.argv.pop(1)))
    main()
