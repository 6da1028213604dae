"""``harness ls functions`` and ``harness ls box-optimizers`` as a user gives them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness import registry
from harness.cli.main import app
from harness.registry import BUILT_IN, Kind


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_families_of_functions_are_listed_with_their_sources() -> None:
    listed = invoke("ls", "functions")
    first = [line.split(" ")[0] for line in listed.splitlines()]
    assert [name for name in BUILT_IN[Kind.FUNCTION] if name not in first] == []
    assert "Goldstein and Price 1971" in listed


def test_a_family_is_described_by_its_variants_and_their_dimensions() -> None:
    lines = [line.split() for line in invoke("ls", "functions", "gp").splitlines()]
    assert [line[:2] for line in lines[2:8]] == [[f"gp/{each}", str(each)] for each in range(1, 7)]
    described = invoke("ls", "functions", "hartmann6")
    assert [line.split()[:2] for line in described.splitlines()[2:4]] == [["hartmann6", "6"], ["hartmann6/plain", "6"]]
    assert "hartmann6: Hartmann's function of six variables" in described


def test_optimizers_of_the_box_are_listed_and_described_with_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = invoke("ls", "box-optimizers")
    assert [name for name in BUILT_IN[Kind.BOX_OPTIMIZER] if name not in listed.split()] == []
    assert "it has no settings" in invoke("ls", "box-optimizers", "random")
    monkeypatch.setitem(registry._HERE[Kind.BOX_OPTIMIZER], "stepping", Stepping)
    described = invoke("ls", "box-optimizers", "stepping")
    assert described.splitlines()[2].split() == ["width", "0.5", "a", "finite", "number", "of", "a", "step"]
    assert "set one with stepping(name=value)" in described


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        ("functions", "brannin", "Did you mean 'branin'?"),
        ("box-optimizers", "cmaess", "Did you mean 'cmaes'?"),
    ],
)
def test_an_unknown_name_is_one_line(
    what: str, name: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said in complaint(capsys, monkeypatch, "ls", what, name)


def test_the_family_that_the_page_shows_is_listed_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "functions.md"
    *_, shown = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "bowls.py").write_text(shown, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert "bowls:Bowls/2" in invoke("ls", "functions", "bowls:Bowls")
    functions = importlib.import_module("bowls").Bowls(None).draw(0, 3, variant="2")
    assert functions.evaluate(functions.middles).tolist() == functions.minima.tolist() == [0, 0, 0]
    assert (functions.evaluate(np.zeros((3, 2))) > 0.05).all()
    run = ["--problems", "bowls:Bowls/2", "--entrants", "random", "--count", "2", "--steps", "2", "--quiet"]
    assert "bowls:Bowls/2" in invoke("blackbox", *run, "--results", str(tmp_path))


def test_the_numbers_that_the_page_gives_are_those_of_the_families() -> None:
    page = (Path(__file__).parents[2] / "docs" / "functions.md").read_text(encoding="utf-8")
    page = page.partition("## How values are scaled")[2]
    for name in ("branin", "goldstein-price", "hartmann3", "hartmann6", "repellers"):
        own = registry.load(Kind.FUNCTION, name).own
        (row,) = re.findall(rf"^\| `{name}` \| [^|]* \| (.*) \|$", page, re.MULTILINE)
        mean, unit, _, scaled = (each.strip().replace("−", "-") for each in row.split("|")[:4])
        assert [float(mean), float(unit)] == pytest.approx([own.mean, own.unit], rel=1e-5)
        if own.minimum is not None:
            assert float(scaled) == pytest.approx(float(own.scaled(own.minimum)), abs=1e-3)


class Stepping:
    """Goes one step at a time.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        width: of a step
    """

    def __init__(self, dimensions: int, *, seed: int, width: float = 0.5) -> None:
        """Do nothing."""
