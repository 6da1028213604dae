"""What is published is what the published runs give: the leaderboard is not stale, and every file can be taken in."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType

import pytest

import harness
from harness.blackbox.store import Store
from harness.board.blackbox.record import read as contest
from harness.board.rules.truth import SEEDS, file_of, is_known, plan_of
from harness.board.tables import bundle
from harness.race.runs import RunState
from harness.race.store.archive_reading import decode
from harness.race.store.tables import TABLES, TableSpec, outcomes, parts
from harness.searchers.box.learned.points import RnnPoints

RESULTS = Path(__file__).parent.parent / "results"


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def publish() -> ModuleType:
    return loaded(RESULTS / "publish.py")


@pytest.fixture(scope="module")
def boards(publish: ModuleType) -> tuple:
    with publish.store() as folder:
        return publish.read(folder)


def test_the_leaderboard_is_not_stale(publish: ModuleType, boards: tuple) -> None:
    written = publish.document(*boards)
    assert publish.LEADERBOARD.read_text(encoding="utf-8") == written, "stale: run `python results/publish.py`"


def test_the_transfers_are_not_stale() -> None:
    pictures = loaded(RESULTS / "transfer" / "pictures.py")
    written = pictures.document(pictures.board())
    assert pictures.LEADERBOARD.read_text(encoding="utf-8") == written, "stale: run `python results/publish.py`"


def test_the_comparisons_of_learned_optimizers_are_not_stale() -> None:
    pictures = loaded(RESULTS / "learned" / "pictures.py")
    written = pictures.document(pictures.board())
    assert pictures.LEADERBOARD.read_text(encoding="utf-8") == written, "stale: run `python results/publish.py`"


def test_no_two_candidates_of_a_picture_have_one_colour() -> None:
    colours = loaded(RESULTS / "learned" / "pictures.py")._colours
    shown = [["lstm a", "adam", "sgd"], ["sgd", "lstm c", "lstm b", "adam", "nag"]]
    drawn = list(colours(shown))
    assert [len({colour[label] for label in labels}) for colour, labels in zip(drawn, shown, strict=True)] == [3, 5]
    assert drawn[0]["sgd"] == drawn[1]["sgd"]


def test_the_contests_of_black_box_optimizers_are_not_stale() -> None:
    pictures = loaded(RESULTS / "blackbox" / "pictures.py")
    written = dict(pictures.pages())
    assert set(pictures.HERE.rglob(pictures.LEADERBOARD)) == set(written)
    for path, page in written.items():
        assert path.read_text(encoding="utf-8") == page, f"{path} is stale: run `python results/publish.py`"


def test_a_folder_of_contests_gives_a_page_and_pictures_and_an_empty_or_missing_one_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(RESULTS)  # the pictures import ``publish``
    pictures = loaded(RESULTS / "blackbox" / "pictures.py")
    for folder in (tmp_path, tmp_path / "missing"):
        assert pictures.board(folder).problems == ()
        assert list(pictures.pictures(pictures.board(folder))) == []
    harness.blackbox(["gp/1", "branin"], ["random", "cmaes"], count=6, steps=8, results=tmp_path, progress=False)
    found = pictures.board(tmp_path / "blackbox")
    text = pictures.document(found)
    assert "### gp/1: minimum so far after 8 steps; less is better" in text
    assert "### branin: regret after 8 steps; less is better" in text
    pytest.importorskip("matplotlib")
    drawn = dict(pictures.pictures(found))
    assert set(drawn) == {"branin.svg", "gp-1.svg", "gp-1-trajectories.svg"}
    for name, picture in drawn.items():
        picture.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5_000


def test_the_races_on_tables_are_not_stale(publish: ModuleType) -> None:
    """Of the smallest race; the others take half a minute more."""
    ((name, board),) = publish.races("broad-20").items()
    assert publish.section(name, board) in publish.RACED.read_text(encoding="utf-8"), (
        "stale: run `python results/publish.py`"
    )
    assert {len(row.seeds) for row in board.rows} == {200}


def test_every_race_on_a_table_is_read_and_shown(publish: ModuleType) -> None:
    names = sorted(path.name.removesuffix(".runs.bz2") for path in publish.RACES.glob("*.runs.bz2"))
    shown = publish.RACED.read_text(encoding="utf-8")
    told = (publish.RACES / "README.md").read_text(encoding="utf-8")
    for name in names:
        courses = bundle.decode(publish.RACES / f"{name}.runs.bz2")
        assert all(not PurePosixPath(word).is_absolute() for each in courses for word in commanded(each))
        assert f"## {name}\n" in shown
        assert (publish.RACES / f"{name}.svg").is_file()
    assert {f"signs-{children}" for children in (20, 200, 1000)} <= set(names)
    assert all(f"({name}.svg)" in told for name in names if not name.endswith("-20"))


def commanded(course: bundle.Course) -> list[str]:
    return course.run.header.provenance["command"].split()


def test_what_was_promised_is_there(boards: tuple) -> None:
    """Six searchers on at least six seeds, and all five confirmations."""
    (board,), confirmed = boards
    assert {row.searcher for row in board.rows} >= {"rl", "gp", "evolution", "tpe", "random", "rl+gp"}
    assert all(len(row.seeds) >= 6 for row in board.rows)
    assert not board.unfinished
    assert [(each.protocol.name, each.seeds[0], len(each.seeds)) for each in confirmed] == [
        ("quick", 0, 10),
        ("paper", 0, 5),
        ("quick", 100, 20),
        ("paper", 100, 5),
        ("paper", 200, 20),
    ]
    assert not any(each.unfinished for each in confirmed)


def test_every_checkout_has_the_same_bytes() -> None:
    """Whatever Git is told to make of the ends of lines, as ``core.autocrlf`` does, the files keep theirs."""
    rules = (RESULTS.parent / ".gitattributes").read_text().splitlines()
    assert "* text=auto eol=lf" in rules
    assert {"*.jsonl -text", "*.gz binary"} <= set(rules)
    found = [path for folder in (RESULTS, RESULTS.parent / "tests" / "golden") for path in folder.rglob("*.json*")]
    shipped = [path for path in found if path.suffix != ".gz"]  # any byte may lie in a packed one
    assert shipped
    assert not [path for path in shipped if b"\r" in path.read_bytes()]


def test_no_published_run_names_a_folder_of_somebody(publish: ModuleType) -> None:
    archives = [decode(path) for path in sorted(publish.RUNS.iterdir())]
    assert archives
    for archive in archives:
        words = archive.header.provenance["command"].replace("=", " ").replace(" / ", " ").split()  # a rule may divide
        assert not any(PurePosixPath(word).is_absolute() or PureWindowsPath(word).drive for word in words), words


def test_every_part_of_a_table_is_the_run_that_its_name_says() -> None:
    found = {path.name: path for path in (RESULTS / "tables").glob("*-r*-p*.jsonl.gz")}
    every = {part.file_name: part for table in TABLES.values() for part in parts([table], range(table.replicates))}
    assert found.keys() <= every.keys()
    fingerprints = set()
    for name, path in found.items():
        archive, part = decode(path), every[name]
        header = archive.header
        pins = {"data": header.data, "fingerprint": header.data_fingerprint, "environment": header.environment}
        assert header.identity == part.header(version=header.searcher_version, provenance={}, **pins).identity
        assert archive.state is RunState.FINISHED
        assert [entry.rule for entry in archive.entries] == list(part.table.rules_of(part.number))
        assert all(entry.outcome is not None and entry.outcome.test is not None for entry in archive.entries)
        assert not any(PurePosixPath(word).is_absolute() for word in header.provenance["command"].split())
        fingerprints.add(header.data_fingerprint)
    assert len(fingerprints) <= 1  # one copy of the data


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_is_complete_and_has_its_truth(table: TableSpec) -> None:
    folder = RESULTS / "tables"
    plan = plan_of(table, outcomes(folder, table), data="cifar10")
    for seed in SEEDS:
        path = folder / file_of(table, seed)
        assert is_known(path, plan, seed)
        archive = decode(path)
        assert archive.state is RunState.FINISHED
        assert all(entry.outcome is not None and entry.outcome.test is not None for entry in archive.entries)
        assert not any(PurePosixPath(word).is_absolute() for word in archive.header.provenance["command"].split())


def test_the_folder_of_tables_holds_parts_and_truths_alone() -> None:
    parts_of = {part.file_name for table in TABLES.values() for part in parts([table], range(table.replicates))}
    truths = {file_of(table, seed) for table in TABLES.values() for seed in SEEDS}
    assert {path.name for path in (RESULTS / "tables").iterdir() if path.is_file()} == parts_of | truths


@pytest.mark.parametrize("archive", sorted((RESULTS / "blackbox" / "runs").glob("*.zip")), ids=lambda path: path.name)
def test_runs_of_slow_entrants_are_those_of_the_record(archive: Path, tmp_path: Path) -> None:
    record = contest(RESULTS / "blackbox" / f"{archive.stem}.json")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    names = set[str]()
    for folder in (tmp_path / archive.stem).iterdir():
        store = Store.found(folder)
        assert store is not None
        assert store.pins["conditions"] == record.conditions.model_dump()
        (entrant,) = [each for each in record.entrants if each.method.folder == folder.name]
        names.add(entrant.method.name)
        runs = store.runs()
        assert len(runs.values) == entrant.count
        best = runs.values.min(1) - (runs.minima if record.regret else 0.0)
        assert entrant.curve.mean[-1] == pytest.approx(best.mean(), rel=1e-4)
    assert names == {"tpe", "gp-true", "gp", "smac"}


def test_contests_of_published_weights_are_of_the_files_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    records = [contest(path) for path in sorted((RESULTS / "blackbox").rglob("*.json"))]
    entered = [
        (record.conditions.dimensions, each.method)
        for record in records
        for each in record.entrants
        if each.method.settings.get("weights")
    ]
    assert entered
    for dimensions, method in entered:
        assert RnnPoints.fingerprint(dimensions, **method.settings) == method.fingerprint
