"""How pytest was started decides no test: neither how busy the machine is nor which signals pytest ignores."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

DEADLY = [getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM") if hasattr(signal, name)]


@pytest.fixture(scope="session", autouse=True)
def _ordinary_signals() -> None:
    """Start no process with signals ignored: it inherits what pytest ignores, as under ``nohup pytest &``.

    A handler is not inherited. So this one does nothing, and pytest goes on ignoring them.
    """
    for number in DEADLY:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


# With -n, each of the processes that share the machine computes on one thread.
if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported, by us or by a command that a test starts
    os.environ.setdefault("OMP_NUM_THREADS", "1")
