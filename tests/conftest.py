"""With ``-n``, each of the processes that share the machine computes on one thread."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported, by us or by a command that a test starts
    os.environ.setdefault("OMP_NUM_THREADS", "1")
