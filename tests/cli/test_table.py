"""``harness table build``, by the command, on a table of a toy arena."""

from __future__ import annotations

import gzip
import statistics
from pathlib import Path

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.board.rules import truth
from harness.board.rules.known import to_confirm
from harness.cli.main import app
from harness.race.protocols import child_seed
from harness.race.store import tables
from harness.race.store.archive_reading import decode, header_of
from harness.race.store.tables import Part, TableSpec
from harness.space.grammar import Space
from harness.tasks.toy.protocols import TOY_QUADRATIC

TOY = TableSpec(
    "toy",
    "for tests",
    Space.of(blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "sub")),
    TOY_QUADRATIC,
    replicates=2,
)
BUILD = ("table", "build", "toy", "--workers", "1", "--quiet", "--to")


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.TABLES, "toy", TOY)
    monkeypatch.setattr(tables, "CHILDREN_A_PART", len(TOY.rules) // 4 + 1)
    TOY.__dict__.pop("parts", None)


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jsonl.gz"))}


def test_a_table_is_built_part_by_part(tmp_path: Path) -> None:
    told = invoke(*BUILD, str(tmp_path))
    assert "0 of 8 parts are final" in told
    assert list(files(tmp_path)) == [
        f"toy-r{replicate}-p{part:02d}.jsonl.gz" for replicate in (0, 1) for part in range(1, 5)
    ]
    for replicate in range(2):
        archives = [decode(tmp_path / Part(TOY, replicate, number).file_name) for number in range(1, 5)]
        rules = [entry.rule for archive in archives for entry in archive.entries]
        assert tuple(rules) == tuple(TOY.rules)
        assert all(entry.outcome is not None for archive in archives for entry in archive.entries)
        assert {archive.header.child_seed for archive in archives} == {
            child_seed(replicate, TOY_QUADRATIC, table="toy")
        }
    held = files(tmp_path)
    assert "8 of 8 parts are final" in invoke(*BUILD, str(tmp_path))
    assert files(tmp_path) == held


def test_a_tables_children_train_from_seeds_of_their_own() -> None:
    seeds = {
        child_seed(0, TOY_QUADRATIC),
        child_seed(0, TOY_QUADRATIC, fresh=True),
        child_seed(0, TOY_QUADRATIC, table="toy"),
        child_seed(0, TOY_QUADRATIC, table="other"),
        child_seed(1, TOY_QUADRATIC, table="toy"),
    }
    assert len(seeds) == 5


def test_a_final_part_stays_and_a_lost_one_is_made_again(tmp_path: Path) -> None:
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    held = files(tmp_path)
    (tmp_path / "toy-r0-p02.jsonl.gz").unlink()
    assert "3 of 4 parts are final" in invoke(*BUILD, str(tmp_path), "--replicates", "0")
    assert files(tmp_path) == held  # out of the store, which has the run


def test_a_part_of_another_environment_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    lost = tmp_path / "toy-r0-p02.jsonl.gz"
    before = header_of(lost)
    lost.unlink()
    monkeypatch.setattr("harness.race.conditions.pinned", lambda task: {**task.environment, "machine": "another"})
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    after = header_of(lost)
    assert (after.identity, after.environment.get("machine")) == (before.identity, "another")
    assert len(list((tmp_path / "unfinished").iterdir())) == 2  # a store for each environment


def test_a_file_that_holds_another_run_is_refused(tmp_path: Path, capsys, monkeypatch) -> None:
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    first, second = (tmp_path / f"toy-r0-p0{number}.jsonl.gz" for number in (1, 2))
    second.write_bytes(first.read_bytes())
    line = complaint(capsys, monkeypatch, *BUILD, str(tmp_path))
    assert f"part {second}: expected the run exhaustive-s0-toy-quadratic-" in line


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"{}\n", mtime=0), gzip.compress(b"x" * 1000, mtime=0)[:50]],
    ids=["empty", "unpacked", "no run", "cut short"],
)
def test_a_damaged_part_is_one_clear_line(tmp_path: Path, capsys, monkeypatch, content: bytes) -> None:
    (tmp_path / "toy-r0-p01.jsonl.gz").write_bytes(content)
    line = complaint(capsys, monkeypatch, *BUILD, str(tmp_path))
    assert "toy-r0-p01.jsonl.gz" in line
    assert "expected" in line


def test_unknown_tables_and_replicates_are_refused(tmp_path: Path, capsys, monkeypatch) -> None:
    assert "table: expected" in complaint(capsys, monkeypatch, "table", "build", "brod", "--to", str(tmp_path))
    assert "expected a number below 2, got 2" in complaint(
        capsys, monkeypatch, *BUILD, str(tmp_path), "--replicates", "2"
    )


def test_boards_leave_the_runs_of_tables_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # room for every column
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    store = tmp_path / "store"
    assert "4 runs taken into" in invoke("import", str(tmp_path), "--results", str(store))
    assert "fills table toy, part 2/4" in " ".join(invoke("runs", "--results", str(store)).split())
    assert "exhaustive" not in invoke("leaderboard", "--results", str(store))
    invoke("export", "--results", str(store), "--to", str(tmp_path / "out"))
    texts = {gzip.decompress(content) for content in files(tmp_path).values()}
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == texts


def test_options_mean_what_they_mean_elsewhere(tmp_path: Path, capsys, monkeypatch) -> None:
    told = invoke(
        "table", "build", "toy", "toy", "--replicates", "0,0", "--workers", "1", "--quiet", "--to", str(tmp_path)
    )
    assert "table build names toy more than once" in told
    assert "--replicates names 0 more than once" in told
    line = complaint(capsys, monkeypatch, *BUILD, str(tmp_path), "--replicates", "x")
    assert line == "harness: replicates: expected a list such as 0-4 or 0,2,5, got 'x'. Rewrite --replicates.\n"


TRUTH = ("table", "truth", "toy", "--workers", "1", "--quiet", "--to")


def test_the_truth_of_a_table_is_its_best_rules_on_fresh_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "BEST", 5)
    invoke(*BUILD, str(tmp_path))
    built = files(tmp_path)
    means = {rule: statistics.fmean(each.score for each in own) for rule, own in tables.outcomes(tmp_path, TOY)}
    best = sorted(means, key=lambda rule: (-means[rule], TOY.rules.index(rule)))[:5]
    invoke(*TRUTH, str(tmp_path))
    held = files(tmp_path)
    names = [f"toy-truth-s{seed}.jsonl.gz" for seed in range(10)]
    assert sorted(held.keys() - built.keys()) == names
    for seed, name in enumerate(names):
        archive = decode(tmp_path / name)
        assert [entry.rule for entry in archive.entries] == list(to_confirm(best))
        assert all(entry.outcome is not None for entry in archive.entries)
        assert archive.header.child_seed == child_seed(seed, TOY_QUADRATIC, fresh=True)
    (tmp_path / names[3]).unlink()
    assert "9 of 10 fresh seeds are final" in invoke(*TRUTH, str(tmp_path))
    assert files(tmp_path) == held


def test_a_table_that_is_not_full_has_no_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(*BUILD, str(tmp_path), "--replicates", "0")
    told = complaint(capsys, monkeypatch, *TRUTH, str(tmp_path))
    assert told.startswith("harness: table toy: expected all 8 parts, got 4 missing, toy-r1-p01.jsonl.gz first.")


def test_a_part_that_holds_another_run_is_no_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(*BUILD, str(tmp_path))
    (tmp_path / "toy-r0-p01.jsonl.gz").write_bytes((tmp_path / "toy-r1-p01.jsonl.gz").read_bytes())
    assert "expected the run exhaustive-s0-toy-quadratic" in complaint(capsys, monkeypatch, *TRUTH, str(tmp_path))


def test_the_truth_of_other_rules_is_not_taken_for_a_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "BEST", 2)
    invoke(*BUILD, str(tmp_path))
    invoke(*TRUTH, str(tmp_path))
    monkeypatch.setattr(truth, "BEST", 3)
    assert "expected seed 0 of" in complaint(capsys, monkeypatch, *TRUTH, str(tmp_path))
