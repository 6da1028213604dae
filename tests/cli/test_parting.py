"""How the command ends when its streams are closed or full, or the user presses Ctrl-C: by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = [sys.executable, "-m", "harness"]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
TOY = (
    "run",
    "--searcher",
    "random",
    "--protocol",
    "toy-quadratic",
    "--children",
    "3",
    "--seeds",
    "0",
    "--workers",
    "1",
)
# Ctrl-C is heard here even where whoever started the tests ignores it.
HEARING = "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
PRESSED = "os.kill(os.getpid(), signal.SIGINT)"


def redirected(how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell does with its streams redirected."""
    words = ["sh", "-c", f'exec "$0" "$@" {how}', *HARNESS, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def interrupted(code: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command in a process where some code presses Ctrl-C."""
    command = [sys.executable, "-c", f"{HEARING}{code}\nfrom harness.cli.main import main\nmain()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["ls", "rules"], ["--help"], ["ls", "--help"], ["--version"]])
def test_a_reader_who_leaves_is_no_failure(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*HARNESS, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("how", [">&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", [["ls", "rules"], ["--version"]])
def test_a_closed_stream_is_as_the_null_device(how: str, arguments: list[str]) -> None:
    done = redirected(how, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_complaint_to_a_closed_stream_is_not_printed_among_the_results() -> None:
    done = redirected("2>&-", "rule", "show", "powersin")
    assert (done.returncode, done.stdout) == (2, "")


def test_the_number_of_a_closed_stream_is_given_to_no_other_file(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from harness.cli.terminal.process import open_streams\n"
        "open_streams()\n"
        "print('lost')\n"
        "sys.exit(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY))\n"
    )
    words = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, "-c", code, str(tmp_path / "store")]
    assert subprocess.run(words, check=False).returncode > 2
    assert (tmp_path / "store").read_bytes() == b""


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["ls", "rules"], ["--help"], ["ls", "--help"], ["--version"]])
def test_a_full_disk_under_the_results_is_told_in_one_line(
    arguments: list[str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with FULL.open("w") as full:
        done = subprocess.run([*HARNESS, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: standard output: expected room for what is printed, got ")
    assert done.stderr.count("\n") == 1


@needs_full
def test_remarks_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    mistake = redirected("2>/dev/full", "rule", "show", "powersin")
    assert (mistake.returncode, mistake.stdout) == (2, "")
    run = redirected("2>/dev/full", *TOY, "--results", str(tmp_path))
    assert run.returncode == 0
    assert "Leaderboard" in run.stdout


def test_a_search_goes_on_when_nobody_reads_its_remarks_any_more(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [*HARNESS, *TOY, "--results", str(tmp_path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert "Leaderboard" in done.stdout


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("harness.cli.terminal.process", ["--version"]),
        ("harness.errors", ["--version"]),
        ("harness.cli.commands", ["--version"]),
        ("typer", ["--version"]),
        ("typer.core", ["--version"]),
        ("harness.cli.listing", ["ls", "rules"]),
        ("rich.table", ["ls", "rules"]),
        ("harness.space.zoo", ["ls", "rules"]),
        ("numpy", ["rule", "score", "g", "--protocol", "toy-quadratic"]),
        ("torch", ["rule", "score", "g", "--protocol", "toy-quadratic"]),
        ("sqlite3", [*TOY]),
    ],
)
def test_an_interrupt_of_an_import_is_told_in_one_line(module: str, arguments: list[str], tmp_path: Path) -> None:
    code = (
        "class Pressing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            {PRESSED}\n"
        "sys.meta_path.insert(0, Pressing())\n"
        f"os.chdir({str(tmp_path)!r})"
    )
    assert interrupted(code, *arguments) == (130, "", "harness: interrupted\n")


def test_an_interrupt_is_not_raised_into_an_import_that_cannot_bear_it() -> None:
    code = (
        "class Extension:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'harness.cli.listing':\n"
        "            try:\n"
        f"                {PRESSED}\n"
        "            except BaseException:\n"
        "                os.abort()\n"  # as torch's initialization does
        "sys.meta_path.insert(0, Extension())"
    )
    assert interrupted(code, "ls", "rules") == (130, "", "harness: interrupted\n")


@pytest.mark.parametrize(
    "code",
    [
        f"def press(*_):\n    {PRESSED}",
        f"def press(*_):\n    try:\n        {PRESSED}\n    except KeyboardInterrupt:\n        raise ImportError",
        # What closes may heed no interrupt.
        f"def press(*_):\n    try:\n        {PRESSED}\n    finally:\n        close()\n"
        f"def close():\n    try:\n        {PRESSED}\n    except KeyboardInterrupt:\n        print('went on')\n",
        # Python prints what is raised in a destructor, and goes on.
        f"import time\nclass Dying:\n    def __del__(self):\n        {PRESSED}\n"
        "def press(*_):\n    Dying()\n    time.sleep(30)\n    print('went on')\n",
    ],
    ids=["raised", "turned into another error", "twice", "in a destructor"],
)
def test_an_interrupt_of_a_command_is_told_in_one_line(code: str) -> None:
    patch = "\nfrom harness.cli import options\noptions.space = press"
    assert interrupted(code + patch, "space", "show") == (130, "", "harness: interrupted\n")


def test_an_interrupt_while_python_ends_is_told_in_one_line() -> None:
    status, printed, told = interrupted(f"import atexit\natexit.register(lambda: {PRESSED})", "--version")
    assert (status, told) == (130, "harness: interrupted\n")
    assert printed.startswith("harness ")


def test_who_ignores_interrupts_is_not_interrupted() -> None:
    code = f"signal.signal(signal.SIGINT, signal.SIG_IGN)\nimport atexit\natexit.register(lambda: {PRESSED})"
    status, printed, told = interrupted(code, "--version")
    assert (status, told) == (0, "")
    assert printed.startswith("harness ")


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        ("HarnessError('ledger: damaged')", 2, "harness: ledger: damaged"),
        ("ZeroDivisionError('ours')", 1, "ZeroDivisionError: ours"),
    ],
)
def test_an_interrupt_that_was_heeded_hides_no_later_error(raised: str, status: int, line: str) -> None:
    """As Ctrl-C is the ordinary end of ``leaderboard --watch``, which then prints the boards."""
    code = (
        "from harness.errors import HarnessError\nfrom harness.cli import options\n"
        f"def press(*_):\n    try:\n        {PRESSED}\n    except KeyboardInterrupt:\n        pass\n"
        f"    raise {raised}\noptions.space = press"
    )
    left, printed, told = interrupted(code, "space", "show")
    assert (left, printed, told.splitlines()[-1]) == (status, "", line)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_an_interrupt_that_ends_at_once_gives_the_terminals_own_screen_back() -> None:
    code = (
        "from harness.cli.terminal.process import taken_screen, _at_once\nimport signal\n"
        f"signal.signal(signal.SIGINT, _at_once)\nwith taken_screen():\n    {PRESSED}\n"
    )
    leader, follower = os.openpty()
    done = subprocess.run([sys.executable, "-c", HEARING + code], stdout=follower, stderr=follower, check=False)
    os.close(follower)
    shown = os.read(leader, 1000)
    os.close(leader)
    assert done.returncode == 130
    assert shown.startswith(b"\x1b[?1049l\x1b[?25h")
    assert b"harness: interrupted" in shown
