"""``harness ls functions`` and ``harness ls box-optimizers`` as a user gives them."""

from __future__ import annotations

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


class Stepping:
    """Goes one step at a time.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        width: of a step
    """

    def __init__(self, dimensions: int, *, seed: int, width: float = 0.5) -> None:
        """Do nothing."""
