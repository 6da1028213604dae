"""``harness leaderboard --watch``: drawn while runs go on, on a terminal of its own; silent in a pipe."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.board.page import Page
from harness.cli.terminal import watching
from harness.cli.terminal.watching import QUIET_SECONDS, View, watch
from harness.race.engines.engine import TaskSpec
from harness.race.engines.inline import InlineEngine
from harness.race.header import SearchHeader
from harness.race.loop import search
from harness.race.progress import Progress
from harness.race.protocols import Budget
from harness.race.store.ledger import Ledger
from harness.registry import Kind, load
from harness.space.grammar import Space
from harness.tasks.toy.protocols import TOY_QUADRATIC

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"  # the alternate screen
PATIENCE_SECONDS = 600.0


class Clock:
    """Time that passes in sleeps alone."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watching.time, "monotonic", made.monotonic)
    monkeypatch.setattr(watching.time, "sleep", made.sleep)
    return made


def looks(*active: int) -> Iterator[View]:
    """What each look finds; the last for ever after."""
    yield from (View((), runs) for runs in active)
    while True:
        yield View((), active[-1])


def test_it_ends_when_no_run_has_gone_on_for_a_while(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    found = looks(1, 1, 1, 0, 0, 1, 0)
    watch(lambda: next(found))
    last_active = 100.0 + 5 * watching.LOOK_SECONDS
    assert last_active + QUIET_SECONDS < clock.now <= last_active + QUIET_SECONDS + 2 * watching.LOOK_SECONDS
    assert capsys.readouterr().out == ""  # no terminal here


def test_slow_looks_are_made_less_often(clock: Clock) -> None:
    spent = 0.0

    def look() -> View:
        nonlocal spent
        clock.now += 5.0
        spent += 5.0
        return View((), int(spent < 50.0))

    watch(look)
    assert spent <= watching.LOOKING_SHARE * (clock.now - 100.0) + 5.0


def test_what_is_drawn_is_what_is_printed() -> None:
    from rich.console import Console

    page = Page("Leaderboard", (("space", "[bold]not markup[/bold]"),), (), ("a note",))
    screen = Console(width=60)
    with screen.capture() as capture:
        screen.print(watching._drawing(View([page], 2), 60))
    text = capture.get()
    assert "2 runs going on" in text
    assert "[bold]not markup[/bold]" in text
    assert "a note" in text


def test_on_a_terminal_it_follows_a_run_and_leaves_the_board_behind(tmp_path: Path) -> None:
    """A run in this process; the command on a pseudo-terminal is to see it at work, and be stopped by Ctrl-C."""
    header = SearchHeader(
        searcher="random",
        searcher_version=1,
        settings={},
        space=Space.of(blocks=2),
        protocol=TOY_QUADRATIC,
        data="none",
        data_fingerprint="none",
        budget=Budget.of(3),
        seed=0,
        asynchronous=False,
        environment={},
        provenance={"commit": "abc", "processor": "of a test"},
    )
    task = TaskSpec(task=TOY_QUADRATIC.task, protocol=TOY_QUADRATIC).build()
    seen: list[bytes] = []

    def follow(progress: Progress) -> None:
        if progress.children == 2:
            seen.append(_watched(tmp_path))

    with Ledger.open(tmp_path) as ledger:
        searcher = load(Kind.SEARCHER, "random")(header.space, seed=0)
        search(header, searcher, InlineEngine(task), ledger, watch=follow)
    (output,) = seen
    drawn, left = output.split(LEAVE)
    assert ENTER in drawn
    assert b"1 run going on" in drawn
    assert header.name.encode() in left  # the whole board, after the screen is given back
    assert b"of a test" in left


def _watched(results: Path) -> bytes:
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another process
        os.environ |= {"COLUMNS": "120", "LINES": "60", "TERM": "xterm"}
        command = [sys.executable, "-m", "harness", "leaderboard", "--watch", "--results", str(results)]
        os.execv(sys.executable, command)
    output, asked, deadline = b"", False, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # as Linux ends a terminal whose program has ended
            break
        if not read:
            break
        output += read
        if not asked and b"going on" in output:
            os.kill(child, signal.SIGINT)
            asked = True
    os.close(terminal)
    if time.monotonic() >= deadline:
        os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return output
