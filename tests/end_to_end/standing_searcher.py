"""``harness learn searcher``, for tests that kill it: it waits after COUNT batches.

Used as ``standing_searcher.py COUNT ARGUMENTS``.
"""

from __future__ import annotations

import sys
from typing import Any

from standing_learner import stand

from harness.cli.main import main
from harness.searchers.box.learned.meta.training import MetaTraining


def stand_after(count: int) -> None:
    """Let this process train on so many batches; it then says so, and waits to be killed or interrupted."""
    train, trained = MetaTraining._train, 0

    def counted(self: MetaTraining, *arguments: Any) -> None:
        nonlocal trained
        if trained == count:
            stand()
        train(self, *arguments)
        trained += 1

    MetaTraining._train = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    stand_after(int(sys.argv.pop(1)))
    main()
