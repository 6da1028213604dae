"""The tables that ship: whole, small, and what the published runs give."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from harness.board.tables.packing import content_of
from harness.race.store.archive_reading import decode
from harness.race.store.tables import TABLES, Part
from harness.tasks.table.outcome_table import FOLDER, OutcomeTable

RUNS = Path(__file__).parents[3] / "results" / "tables"
MOST_BYTES = 3_000_000  # of `broad` and `signs` together (protocol §5); all of them keep to it


def test_every_table_ships_and_all_are_small() -> None:
    files = {path.stem: path.stat().st_size for path in FOLDER.glob("*.npz")}
    assert files.keys() == TABLES.keys()
    assert sum(files.values()) < MOST_BYTES


@pytest.mark.parametrize("name", TABLES)
def test_a_shipped_table_is_whole(name: str) -> None:
    table, spec = OutcomeTable.shipped(name), TABLES[name]
    assert (table.space, table.protocol, table.replicates) == (spec.space, spec.protocol, spec.replicates)
    assert len(table.header["runs"]) == spec.parts * spec.replicates + 10
    assert table.fresh.seeds == len(table.header["truth_seeds"]) == 10
    assert set(table.known.values()) <= set(table.fresh.keys)


@pytest.mark.parametrize("name", TABLES)
def test_a_shipped_part_equals_its_run(name: str) -> None:
    table = OutcomeTable.shipped(name)
    for part in (Part(TABLES[name], 0, 1), Part(TABLES[name], 2, TABLES[name].parts)):
        run = decode(RUNS / part.file_name)
        environment = table.header["environments"][table.header["runs"][part.file_name]["environment"]]
        assert environment == dict(run.header.environment)
        for entry in run.entries:
            assert entry.outcome is not None
            right = dataclasses.replace(entry.outcome, seconds=0.0)
            assert table.outcome(entry.key, part.replicate) == right
            assert table.rules[table.own.places[entry.key]] == entry.rule


def test_the_published_runs_give_the_shipped_bytes() -> None:
    """Of the smallest table, in some seconds; ``harness table check`` does it for the others."""
    assert content_of(RUNS, TABLES["broad"]) == OutcomeTable.path_of("broad").read_bytes()


def test_reading_a_table_loads_no_torch() -> None:
    script = (
        "import sys; from harness.tasks.table.outcome_table import OutcomeTable as Table; "
        "Table.shipped('broad'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "scipy"} & set(loaded)
