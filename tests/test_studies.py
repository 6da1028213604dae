"""The studies use the library, and that of savings tells apart what was measured under different conditions."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import harness
from harness import registry
from harness.conformance.driving import drive
from harness.contracts import Rule
from harness.race.header import Confirmation, ConfirmationHeader, SearchHeader
from harness.race.protocols import NO_DATA, Budget
from harness.race.store.ledger import Ledger
from harness.space.grammar import Space
from harness.tasks.toy.protocols import TOY_QUADRATIC

STUDIES = Path(__file__).parent.parent / "results" / "studies"
SAVINGS = STUDIES / "savings"
ABOUT = {"protocol": "a", "torch": "2"}


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SAVINGS))
    spec = importlib.util.spec_from_file_location(f"savings_{name}", SAVINGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop("rules", None)
    return module


def test_no_study_opens_the_store_or_rewrites_the_loop() -> None:
    """They call what anybody can call."""
    for path in STUDIES.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for word in ("sqlite3", "race.store", "race.loop", ".evaluate(", "searcher.ask("):
            assert word not in source, f"{path}: {word}"


def test_a_search_of_the_controller_study_is_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "_HERE", {kind: {} for kind in registry.Kind})
    monkeypatch.syspath_prepend(str(STUDIES / "controller"))
    try:
        run = importlib.import_module("run")
        stages = importlib.import_module("stages")
        monkeypatch.setattr(run, "CHILDREN", 4)
        line = run.search("sketch:toy-quadratic", stages.RANDOM, 7, tmp_path)
        protocol = run.protocol_of("sketch:toy-quadratic")
    finally:
        for name in ("run", "stages"):
            sys.modules.pop(name, None)
    board = harness.run("random", protocol=protocol, children=4, seeds=[7], results=tmp_path, progress=False)
    row = next(row for row in board.rows if row.searcher == "random")
    assert line["area"] == round(row.areas[0], 5)
    assert (line["arm"], line["seed"], line["proposals"]) == ("random", 7, row.proposals)
    assert harness.load(tmp_path).evaluations.rows == 4, "one evaluation serves both runs"


def test_the_study_of_third_versions_races_the_second_ones_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it compares with are settings of today's searchers; they propose what version 2 did, rule by rule."""
    monkeypatch.syspath_prepend(str(STUDIES / "stronger"))
    try:
        run = importlib.import_module("run")
    finally:
        sys.modules.pop("run", None)
    space = Space.of(blocks=2)
    was = json.loads((Path(__file__).parent / "golden" / "second_versions.json").read_text(encoding="utf-8"))
    assert {"evolution", "gp", "rl", "rl+gp"} == was.keys()
    for name, proposals in was.items():
        searcher, settings = run.ENTRIES[f"{name} 2"]
        factory = run.SecondRlGp if searcher == "rl+gp-2" else registry.load(registry.Kind.SEARCHER, searcher)
        assert drive(factory(space, seed=0, **settings), space, proposals=len(proposals)).texts == proposals


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    module = script("report", monkeypatch)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "RESAMPLES", 2)
    monkeypatch.setattr(module, "chosen", lambda: {name: Rule.parse(name) for name in ("g", "m", "adam")})
    return module


def rewards(folder: Path, *lines: tuple[str, str, float, dict[str, str]]) -> None:
    outcome = {"learning_rate": 0.1, "examples": 10}
    text = [
        json.dumps({"part": part, "name": name, "about": about, "outcome": outcome | {"score": score}})
        for part, name, score, about in lines
    ]
    (folder / "rewards.jsonl").write_text("\n".join(text) + "\n")


def all_parts(about: dict[str, str], **others: dict[str, str]) -> list[tuple[str, str, float, dict[str, str]]]:
    return [
        (part, name, score, about | {"protocol": part} | others.get(part.partition("-")[2], {}))
        for part in ("quick", "quick-halving", "quick-bf16")
        for name, score in (("g", 0.3), ("m", 0.4), ("adam", 0.5))
    ]


def test_only_the_latest_conditions_of_a_part_count(report: ModuleType, tmp_path: Path) -> None:
    old = [("quick-halving", "g", 0.9, ABOUT | {"torch": "1"})]
    rewards(tmp_path, *old, *all_parts(ABOUT, bf16={"bfloat16 by": "amx"}))
    table = report.variants()
    assert "| `quick-halving` | 3 | 1.000" in table[2]
    assert "0.900" not in "".join(table)
    pair = {"rule": "g", "seed": 0, "about": ABOUT}
    kinds = [pair | {"seed": seed, "fused": {"score": 0.5}, "plain": {"score": 0.25}} for seed in range(2)]
    stale = [each | {"about": {}, "fused": {"score": 0.9}} for each in kinds]
    (tmp_path / "paths.jsonl").write_text("".join(json.dumps(each) + "\n" for each in stale + kinds))
    assert report.paths()[2].startswith("| g | 2 | 0.5000 | 0.2500 |")


def test_parts_of_different_conditions_are_not_compared(report: ModuleType, tmp_path: Path) -> None:
    rewards(tmp_path, *all_parts(ABOUT, halving={"torch": "3"}))
    with pytest.raises(SystemExit, match=r"torch of quick-halving: expected 2, as of quick, got 3\."):
        report.variants()


def test_what_a_confirmation_cost_is_no_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from harness.board.rules.known import InTurn
    from harness.race.engines.engine import TaskSpec
    from harness.race.engines.inline import InlineEngine
    from harness.race.loop import search

    collect = script("collect", monkeypatch)
    monkeypatch.setattr(collect, "CHILDREN", tmp_path / "children.csv")
    rule = Rule.parse("g")
    pins = {
        "searcher": "confirm",
        "searcher_version": 1,
        "settings": {},
        "space": Space.of("icml2017", blocks=1),
        "protocol": TOY_QUADRATIC,
        "data": NO_DATA.name,
        "data_fingerprint": NO_DATA.fingerprint,
        "budget": Budget(1, 1),
        "seed": 0,
        "asynchronous": False,
        "environment": {},
        "provenance": {},
    }
    with Ledger.open(tmp_path) as ledger:
        for header in (SearchHeader(**pins), ConfirmationHeader(confirmation=Confirmation((str(rule),)), **pins)):
            engine = InlineEngine(TaskSpec(task="toy-quadratic", protocol=TOY_QUADRATIC).build())
            search(header, InTurn([rule]), engine, ledger)
    monkeypatch.setattr(sys, "argv", ["collect.py", str(tmp_path)])
    collect.main()
    assert len((tmp_path / "children.csv").read_text().splitlines()) == 2
