"""The direction of imports, as pyproject.toml states it to the import linter."""

import tomllib
from pathlib import Path

import pytest
from as_installed import ROOT, lay_out, package_folders, run_tool

MOST_FILES = 14

WRONG = {
    "cli → board → race → space → contracts": ("harness/space/vocabulary.py", "harness.race.loop"),
    "the modules of the board": ("harness/board/statistics.py", "harness.board.wording"),
    "the boards of searches": ("harness/board/searches/board.py", "harness.board.searches.pages"),
    "the boards of rules": ("harness/board/rules/board.py", "harness.board.rules.judging"),
    "the boards of learned optimizers": ("harness/board/learned/record.py", "harness.board.learned.judging"),
    "the boards of black-box optimizers": ("harness/board/blackbox/record.py", "harness.board.blackbox.judging"),
    "the transfers and their boards": ("harness/board/transfer/results.py", "harness.board.transfer.training"),
    "packed tables": ("harness/board/tables/opening.py", "harness.board.tables.pages"),
    "the modules of the report": ("harness/board/report/usage.py", "harness.board.report.page"),
    "the contests over the unit box": ("harness/blackbox/contracts.py", "harness.blackbox.contest"),
    "the registered names": ("harness/names/kinds.py", "harness.names.built_in"),
    "the modules of the race": ("harness/race/runs.py", "harness.race.loop"),
    "the engines": ("harness/race/engines/engine.py", "harness.race.engines.dask"),
    "the modules of the store": ("harness/race/store/sqlite.py", "harness.race.store.ledger"),
    "the modules of the space": ("harness/space/words.py", "harness.space.grammar"),
    "what makes functions one": ("harness/space/canonical/facts.py", "harness.space.canonical.functions"),
    "the notations": ("harness/space/notation/printer.py", "harness.space.notation.mathml"),
    "what counts functions": ("harness/space/counting/probe.py", "harness.space.counting.count"),
    "rules as source code": ("harness/space/torch_source/expression.py", "harness.space.torch_source.optimizer"),
    "the commands": ("harness/cli/options.py", "harness.cli.boards"),
    "the command of contests over the unit box": (
        "harness/cli/blackbox/counts.py",
        "harness.cli.blackbox.contesting",
    ),
    "learned optimizers on the command line": ("harness/cli/learned/comparing.py", "harness.cli.learned.learning"),
    "what commands do with the terminal": ("harness/cli/terminal/output.py", "harness.cli.terminal.process"),
    "the library": ("harness/library/arguments.py", "harness.library.racing"),
    "contests over the unit box in the library": (
        "harness/library/blackbox/entrants.py",
        "harness.library.blackbox.contesting",
    ),
    "learned optimizers in the library": ("harness/library/learned/families.py", "harness.library.learned.comparing"),
    "the conformance suites": ("harness/conformance/checks.py", "harness.conformance.task"),
    "the searchers": ("searchers/tpe.py", "harness.searchers.gp"),
    "the optimizers of the box": ("searchers/box/random_points.py", "harness.searchers.box.rules"),
    "the networks that optimize over the box": (
        "searchers/box/learned/architecture.py",
        "harness.searchers.box.learned.network",
    ),
    "meta-training over the box": (
        "searchers/box/learned/meta/draws.py",
        "harness.searchers.box.learned.meta.rollout",
    ),
    "the controller": ("searchers/rl/signals.py", "harness.searchers.rl.agent"),
    "the tasks": ("tasks/toy/arena.py", "harness.tasks.child.scoring"),
    "the child": ("tasks/child/convnet.py", "harness.tasks.child.training"),
    "the child on a processor": ("tasks/child/cpu/kernels.py", "harness.tasks.child.cpu.memory_layout"),
    "children side by side": ("tasks/child/stacked/update.py", "harness.tasks.child.stacked.stack"),
    "the optimizer of rules": ("tasks/optimizer/kernels.py", "harness.tasks.optimizer.program"),
    "the stacks of rules": (
        "tasks/optimizer/stacked/calls.py",
        "harness.tasks.optimizer.stacked.rules",
    ),
    "the learned optimizers": ("tasks/learned/lstm.py", "harness.tasks.learned.weights"),
    "meta-training": ("tasks/learned/meta/rates.py", "harness.tasks.learned.meta.training"),
    "the families of problems": (
        "tasks/learned/problems/examples.py",
        "harness.tasks.learned.problems.mnist",
    ),
    "the families of functions": ("tasks/blackbox/placing.py", "harness.tasks.blackbox.repellers"),
    "the tables of hyper-parameters": (
        "tasks/blackbox/tables/grid.py",
        "harness.tasks.blackbox.tables.csv_tables",
    ),
    "the data sets": ("tasks/data/images.py", "harness.tasks.data.cifar10"),
    "the data sets of digits": ("tasks/data/digits/generated.py", "harness.tasks.data.digits.auto"),
    "the data sets of neural art": ("tasks/data/art/source.py", "harness.tasks.data.art.auto"),
    "the toys": ("tasks/toy/arena.py", "harness.tasks.toy.quadratic"),
    "the tables of outcomes": ("tasks/table/grid.py", "harness.tasks.table.outcome_table"),
    "the data sets of pictures": ("tasks/data/pictures/source.py", "harness.tasks.data.pictures.imagenet"),
    "the data sets of text": ("tasks/data/text/corpora.py", "harness.tasks.data.text.auto"),
    "the workloads": ("tasks/transfer/schedule.py", "harness.tasks.transfer.task"),
    "the workload on a function": (
        "tasks/transfer/functions/protocols.py",
        "harness.tasks.transfer.functions.rosenbrock",
    ),
    "the workloads on images": ("tasks/transfer/images/crops.py", "harness.tasks.transfer.images.wide_resnet"),
    "the workloads on text": ("tasks/transfer/text/batches.py", "harness.tasks.transfer.text.nmt"),
    "searchers and tasks do not know the harness beyond its contracts": (
        "searchers/gp.py",
        "harness.race.store.ledger",
    ),
    "searchers and tasks are independent": ("searchers/random_search.py", "harness.tasks.toy"),
    "the harness reaches searchers and tasks by string alone": ("harness/registry.py", "harness.searchers.gp"),
    "torch only where something trains": ("harness/board/searches/pages.py", "torch"),
    "the contracts and errors need the standard library alone": ("harness/errors.py", "numpy"),
    "Dask is the engine's business alone": ("searchers/gp.py", "distributed"),
    "DEAP and Optuna are one module's business each": ("tasks/sweep.py", "deap"),
}


def floors() -> dict[tuple[str, ...], list[str]]:
    """The modules in each package's folder."""
    found: dict[tuple[str, ...], list[str]] = {}
    for package, folder in package_folders().items():
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder).parts
            found.setdefault((*package.split("."), *inner[:-1]), []).append(inner[-1])
    return found


def lint(folder: Path) -> tuple[int, str]:
    return run_tool(["lint-imports", "--no-cache"], folder)


def test_imports_point_one_way(tmp_path: Path) -> None:
    status, said = lint(lay_out(tmp_path))
    assert status == 0, said


def test_each_contract_has_its_wrong_import_below() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(WRONG) == {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_every_folder_has_its_layers_and_every_module_a_place_there() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layered = {each["containers"][0] for each in contracts if each["type"] == "layers" and each["exhaustive"]}
    assert layered == {".".join(folder) for folder, names in floors().items() if names != ["__init__.py"]}


def test_no_folder_holds_more_files_than_a_reader_takes_in() -> None:
    assert {folder: len(names) for folder, names in floors().items() if len(names) > MOST_FILES} == {}


@pytest.mark.parametrize("contract", WRONG)
def test_a_wrong_import_is_caught(contract: str, tmp_path: Path) -> None:
    path, imported = WRONG[contract]
    lay_out(tmp_path)
    module = tmp_path / (path if path.startswith("harness") else f"harness/{path}")
    module.write_text(f"import {imported}\n{module.read_text(encoding='utf-8')}", encoding="utf-8")
    status, said = lint(tmp_path)
    assert status != 0
    assert f"{contract} BROKEN" in said
    assert imported in said.split("Broken contracts")[1]


def test_a_module_without_a_layer_is_caught(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "harness" / "race" / "helpers.py").write_text("")
    status, said = lint(tmp_path)
    assert status != 0
    assert "the modules of the race BROKEN" in said


def test_a_tool_names_files_as_they_lie_in_the_checkout(tmp_path: Path) -> None:
    lay_out(tmp_path)
    script = "print('harness/tasks/toy/arena.py:1: error'); print('harness/files.py:2: error')"
    status, said = run_tool(["python", "-c", script], tmp_path)
    assert (status, said.splitlines()) == (0, ["tasks/toy/arena.py:1: error", "harness/files.py:2: error"])
