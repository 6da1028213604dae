"""``harness transfer`` as a user meets it: killed anywhere, the same command goes on to the same bits."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import commands
import pytest
from commands import PATIENCE_SECONDS, dumps

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
from gated_lines import EPOCHS, GATED, OTHER  # noqa: E402

CANDIDATES = "adam,nos:AddSign(alpha=3),sign(m)"
TRANSFER = ("--rules", CANDIDATES, "--workloads", "gated_lines:GATED", "--seeds", "0-1")
OF_TORCH = ("--rules", "adam,torch:SGD(momentum=0.9,nesterov=True)", *TRANSFER[2:])  # each process takes a second more
FUNNEL = ("--rules", f"{CANDIDATES},sgd", "--workloads", "gated_lines:GATED", "--seeds", "0-1", "--funnel", "1,3,6")


def started(results: Path, *arguments: str, leaves: Path | None = None) -> subprocess.Popen[str]:
    """Start a transfer; with ``leaves``, its epochs wait for files in that folder."""
    variables = {"PYTHONPATH": str(SUPPORT), "GATED_JOURNAL": str(results.with_suffix(".journal"))}
    if leaves is not None:
        leaves.mkdir(exist_ok=True)
        variables["GATED_LEAVES"] = str(leaves)
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "transfer", *arguments, "--results", str(results)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
        start_new_session=True,
    )


def finished(results: Path, *arguments: str) -> tuple[str, str]:
    process = started(results, *arguments)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    return out, err


def here(results: Path, *arguments: str) -> tuple[str, str]:
    """The same in this process: what is not killed itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATED_JOURNAL", str(results.with_suffix(".journal")))
        return commands.here("transfer", *arguments, results=results)


def epochs(results: Path) -> list[str]:
    journal = results.with_suffix(".journal")
    return journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []


def checkpoints(results: Path) -> list[str]:
    folder = results / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def kill_after(results: Path, count: int, leaves: Path, *arguments: str) -> None:
    """Let a transfer train so many epochs more, and kill it and its workers while it waits for the next."""
    before = len(epochs(results))
    process = started(results, *arguments, leaves=leaves)
    for _ in range(count):
        (leaves / secrets.token_hex(8)).touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(epochs(results)) < before + count or any(leaves.iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("plain") / "results"
    board, said = finished(results, *TRANSFER, "--workers", "1")
    assert "transferring 3 candidates to gated v1, which reads no data; 2 seeds" in said
    assert "nos AddSign(alpha=3.0)" in board
    assert checkpoints(results) == []
    return results


@pytest.fixture(scope="module")
def undisturbed_of_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("torch") / "results"
    board, _ = here(results, *OF_TORCH, "--workers", "1")
    assert "torch SGD(momentum=0.9, nesterov=True)" in board
    return results


@pytest.mark.parametrize("workers", [1, 2])
def test_a_transfer_killed_anywhere_goes_on_to_the_same_ledger(
    undisturbed: Path, undisturbed_of_torch: Path, tmp_path: Path, workers: int
) -> None:
    results, most = tmp_path / "results", 0
    transfer, undisturbed = (OF_TORCH, undisturbed_of_torch) if workers == 1 else (TRANSFER, undisturbed)
    command = (*transfer, "--workers", str(workers), "--oversubscribe")
    kills = (1, EPOCHS + 3) if workers == 1 else (4, 9)
    for count in kills:
        kill_after(results, count, tmp_path / "leaves", *command)
        most = max(most, len(checkpoints(results)))
    assert 1 <= most <= 2 * workers, "a file for each child in training, and one that a kill left half-written"
    finished(results, *command)
    assert sorted(dumps(results)) == sorted(dumps(undisturbed))
    lost = len(epochs(results)) - len(epochs(undisturbed))
    assert 0 <= lost <= workers * len(kills), "each kill costs each child in training one epoch at most"
    assert not (results / "checkpoints").exists()


def test_a_funnel_killed_anywhere_promotes_the_same_candidates_from_their_checkpoints(tmp_path: Path) -> None:
    plain, killed, bare = tmp_path / "plain", tmp_path / "killed", tmp_path / "bare"
    _, said = here(plain, *FUNNEL, "--workers", "1")
    assert "gated, epoch 1: 2 of 4 candidates go on: " in said
    assert "gated, epoch 3: 1 of 2 candidates go on: " in said
    assert "one in 3 goes on: the highest mean validation scores over all seeds" in said
    sweep, seeds = len(GATED.learning_rates), 2
    assert len(epochs(plain)) == seeds * (4 * sweep + 2 * (3 - 1) + 1 * (6 - 3)), "no epoch is trained twice"
    for count in (14, 12):  # within the first rung, and the second
        kill_after(killed, count, tmp_path / "leaves", *FUNNEL, "--workers", "1")
        assert len(checkpoints(killed)) <= seeds * 4 + 1
    finished(killed, *FUNNEL, "--workers", "1")
    assert sorted(dumps(killed)) == sorted(dumps(plain))
    kill_after(bare, 4 * sweep * seeds + 1, tmp_path / "leaves", *FUNNEL, "--workers", "1")
    gone = list((bare / "checkpoints").iterdir())
    assert len(gone) >= 3
    for path in gone:
        path.unlink()
    finished(bare, *FUNNEL, "--workers", "1")
    assert sorted(dumps(bare)) == sorted(dumps(plain)), "without a file a child trains anew to the same bits"
    assert len(epochs(bare)) > len(epochs(plain))
    assert not any((each / "checkpoints").exists() for each in (plain, killed, bare))


def test_ctrl_c_keeps_what_is_trained_and_says_how_to_resume(undisturbed: Path, tmp_path: Path) -> None:
    results, leaves = tmp_path / "results", tmp_path / "leaves"
    process = started(results, *TRANSFER, "--workers", "1", leaves=leaves)
    for _ in range(EPOCHS + 2):
        (leaves / secrets.token_hex(8)).touch()
    while len(epochs(results)) < EPOCHS + 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    for _ in range(2):  # the second stops at once, in the middle of a child
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert len(checkpoints(results)) == 1
    finished(results, *TRANSFER, "--workers", "1")
    assert sorted(dumps(results)) == sorted(dumps(undisturbed))
    assert len(epochs(results)) <= len(epochs(undisturbed)) + 1


def test_several_workloads_end_on_one_board(tmp_path: Path) -> None:
    results = tmp_path / "results"
    both = ("--rules", "adam,sgd", "--workloads", "gated_lines:GATED,gated_lines:OTHER", "--seeds", "3")
    board, said = finished(results, *both, "--workers", "1")
    assert f"{GATED.name} v1, which reads no data, {OTHER.name} v1, which reads no data; 1 seed" in said
    assert board.index("gated: ") < board.index("other: ")
    again, said = here(results, *both, "--workers", "1")
    assert "2 of 2 runs are already finished" in said
    assert again == board
    told = [json.loads(each.splitlines()[0]) for each in dumps(results)]
    assert {each["header"]["protocol"]["name"] for each in told} == {"gated", "other"}
