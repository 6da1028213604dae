"""A store that an older version wrote opens after its migration, with all that it holds."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from racing import header, run

from harness.contracts import Outcome, Rule, Status, Trial
from harness.errors import LedgerError
from harness.race.runs import RunState
from harness.race.store import schema, sqlite
from harness.race.store.ledger import FILE_NAME, Ledger
from harness.race.store.rows import rule_from

STORED = Path(__file__).parents[1] / "data" / "ledger_v1.sqlite"
STORED_2 = STORED.with_name("ledger_v2.sqlite")
STORED_3 = STORED.with_name("ledger_v3.sqlite")
OK = Outcome(
    status=Status.OK,
    score=0.30000000000000004,
    learning_rate=1.0,
    examples=300,
    seconds=1.25,
    sweep=((0.1, 0.2), (1.0, 0.30000000000000004)),
    curve=(0.2, 0.30000000000000004),
)
DIVERGED = Outcome(
    status=Status.DIVERGED, score=0.1, learning_rate=None, examples=50, seconds=0.5, sweep=((0.1, 0.1), (1.0, 0.1))
)
FAILED = Outcome(status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0, message='it failed: "λ"')
FINISHED_TRIALS = (
    Trial(0, rule_from("g m id exp mul"), OK),
    Trial(1, rule_from("m g exp id mul"), OK, charged=False),
    Trial(2, rule_from("g v id id div"), DIVERGED),
    Trial(3, rule_from("g 1 log id left"), FAILED),
)
KILLED_RULES = [rule_from(text) for text in ("g m id id left", "m v id exp mul", "v m exp id mul", "g3 m id id mul")]


class Recorded:
    """Proposes what the killed run proposed, and then one rule more."""

    batch = 3

    def __init__(self) -> None:
        self.rules = list(KILLED_RULES)

    def ask(self, count: int) -> Sequence[Rule]:
        asked, self.rules = self.rules[:count], self.rules[count:]
        return asked

    def tell(self, trials: Sequence[Trial]) -> None:
        del trials


@pytest.fixture
def folder(tmp_path):
    shutil.copy(STORED, tmp_path / FILE_NAME)
    return tmp_path


def version_of(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_the_stored_file_is_of_version_1(folder):
    assert version_of(folder) == 1


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.read], ids=["open", "read"])
def test_version_1_opens_with_all_its_trials(folder, opened):
    with opened(folder) as store:
        finished, killed = store.runs()
    assert version_of(folder) == schema.VERSION
    assert finished.trials == FINISHED_TRIALS
    assert (finished.state, finished.started, finished.seconds) == (RunState.FINISHED, 1700000000.0, 2.5)
    assert finished.header.identity == header(3, seed=0).identity
    assert killed.trials == (Trial(0, KILLED_RULES[0], OK),)
    assert (killed.state, killed.active) == (RunState.RUNNING, False)


def test_a_killed_run_of_version_1_goes_on(folder):
    summary = run(folder, header(3, seed=1), searcher=Recorded())
    assert (summary.state, summary.replayed, summary.trained) == (RunState.FINISHED, 1, 2)
    assert [trial.rule for trial in summary.trials] == KILLED_RULES
    assert [trial.charged for trial in summary.trials] == [True, True, False, True]
    assert summary.trials[0].outcome == OK
    assert summary.trials[1].outcome == summary.trials[2].outcome


def test_evaluations_of_an_unknown_environment_are_kept_but_serve_no_run(folder):
    made = header(3, seed=0)
    with Ledger.open(folder) as store:
        kept = store._writer.execute("SELECT key, environment, score FROM evaluations ORDER BY key").fetchall()
        assert kept == [("exp(m) * g", "", OK.score), ("g", "", OK.score), ("g / v", "", 0.1)]
        assert store.evaluation(made, "exp(m) * g") is None


def test_a_migrated_store_has_the_tables_of_a_new_one(folder, tmp_path_factory):
    fresh = tmp_path_factory.mktemp("fresh")
    with Ledger.open(folder) as migrated, Ledger.open(fresh) as new:
        for table in ("runs", "trials", "evaluations"):
            columns = f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}') ORDER BY name"
            assert migrated._writer.execute(columns).fetchall() == new._writer.execute(columns).fetchall()


@pytest.mark.parametrize("failing", range(len(schema.MIGRATIONS[1]) + 1))
def test_a_migration_that_fails_leaves_the_old_store(folder, monkeypatch, failing):
    statements = [*schema.MIGRATIONS[1]]
    statements.insert(failing, "INSERT INTO nowhere VALUES (1)")
    before = (folder / FILE_NAME).read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (schema.MIGRATIONS[0], tuple(statements), *schema.MIGRATIONS[2:]))
        with pytest.raises(LedgerError):
            Ledger.open(folder)
    assert (version_of(folder), (folder / FILE_NAME).read_bytes()) == (1, before)
    assert Ledger.read(folder).runs()[0].trials == FINISHED_TRIALS


def test_migrating_twice_changes_nothing(folder):
    Ledger.open(folder).close()
    with contextlib.closing(sqlite.connect_writer(folder / FILE_NAME)) as connection:
        before = list(connection.iterdump())
        schema.migrate(connection, folder / FILE_NAME)
        assert list(connection.iterdump()) == before


def test_a_damaged_old_store_is_not_migrated(folder):
    path = folder / FILE_NAME
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 2000)
    with pytest.raises(LedgerError, match="expected an intact one"):
        Ledger.open(folder)
    assert version_of(folder) == 1


@pytest.fixture
def second(tmp_path):
    shutil.copy(STORED_2, tmp_path / FILE_NAME)
    return tmp_path


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.read], ids=["open", "read"])
def test_version_2_opens_as_a_store_of_searches_without_tests(second, opened):
    assert version_of(second) == 2
    with opened(second) as store:
        (finished,) = store.runs()
        assert store.confirmations() == []
        assert '"test"' not in store.dump(finished.header.identity)
    assert version_of(second) == schema.VERSION
    assert finished.trials == (
        FINISHED_TRIALS[0],
        FINISHED_TRIALS[1],
        Trial(2, rule_from("g m id id left"), OK),
    )
    assert finished.header.searches
    assert finished.header.identity == header(3, seed=0).identity


def test_evaluations_of_version_2_still_serve_searches(second):
    with Ledger.open(second) as store:
        assert store.evaluation(header(5, seed=0), "g") == OK


def test_a_migrated_store_of_version_2_has_the_tables_of_a_new_one(second, tmp_path_factory):
    fresh = tmp_path_factory.mktemp("fresh")
    with Ledger.open(second) as migrated, Ledger.open(fresh) as new:
        for table in ("runs", "trials", "evaluations"):
            columns = f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}') ORDER BY name"
            assert migrated._writer.execute(columns).fetchall() == new._writer.execute(columns).fetchall()


@pytest.fixture
def third(tmp_path):
    shutil.copy(STORED_3, tmp_path / FILE_NAME)
    return tmp_path


@pytest.mark.parametrize("opened", [Ledger.open, Ledger.read], ids=["open", "read"])
def test_version_3_opens_with_its_test_scores_and_without_later_figures(third, opened):
    assert version_of(third) == 3
    with opened(third) as store:
        (confirmed,) = store.confirmations()
        told = store.dump(confirmed.header.identity)
    assert version_of(third) == schema.VERSION
    assert confirmed.trials == (
        Trial(0, rule_from("g m id exp mul"), dataclasses.replace(OK, test=0.25)),
        Trial(1, rule_from("g v id id div"), dataclasses.replace(DIVERGED, test=0.1)),
        Trial(2, rule_from("g m id id left"), OK),
    )
    assert ('"test": 0.25' in told, "test_at_best" in told, "figures" in told) == (True, False, False)


def test_evaluations_of_version_3_still_serve_confirmations(third):
    with Ledger.open(third) as store:
        (confirmed,) = store.confirmations()
        assert store.evaluation(confirmed.header, "exp(m) * g") == dataclasses.replace(OK, test=0.25)


def test_a_migrated_store_of_version_3_has_the_tables_of_a_new_one(third, tmp_path_factory):
    fresh = tmp_path_factory.mktemp("fresh")
    with Ledger.open(third) as migrated, Ledger.open(fresh) as new:
        for table in ("runs", "trials", "evaluations"):
            columns = f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}') ORDER BY name"
            assert migrated._writer.execute(columns).fetchall() == new._writer.execute(columns).fetchall()
