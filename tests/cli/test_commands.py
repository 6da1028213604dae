"""Commands in this process: what they print, and that every mistake is one line with exit status 2."""

import json
import subprocess
import sys

import pytest
from complaints import complaint
from typer.testing import CliRunner

from harness.cli import options
from harness.cli.main import app
from harness.errors import HarnessError, ProtocolError
from harness.race.protocols import named
from harness.registry import BUILT_IN, Kind


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_rule_show_prints_every_notation_as_json() -> None:
    shown = json.loads(invoke("rule", "show", "g * exp(sign(g) * sign(m))", "--format", "json"))
    assert set(shown) == {"tokens", "infix", "latex", "key", "blocks", "state", "decays"}
    assert shown["tokens"] == "sign(g) sign(m) id id mul g #1 id exp mul"
    assert (shown["state"], shown["decays"]) == (["m"], [])
    assert len(shown["blocks"]) == 2
    assert shown["blocks"][1] == {"op1": "g", "op2": "#1", "u1": "id", "u2": "exp", "binary": "mul"}
    by_name = json.loads(invoke("rule", "show", "powersign", "--format", "json"))
    assert by_name["key"] == shown["key"]


def test_rule_show_prints_text_latex_and_tokens() -> None:
    text = invoke("rule", "show", "adam * exp(-m)")
    assert "adam * exp(-m)" in text
    assert "state   m, v" in text
    assert "decays" not in text
    assert "decays  rd: an optimizer of this rule needs total_steps" in invoke("rule", "show", "powersign-rd")
    assert invoke("rule", "show", "g", "--format", "latex").strip() == "g"
    assert len(invoke("rule", "show", "g", "--format", "tokens").split()) == 5


def test_rule_score_trains_one_child() -> None:
    arguments = ("rule", "score", "momentum", "--protocol", "toy-quadratic", "--seed", "2", "--format", "json")
    scored = json.loads(invoke(*arguments))
    assert {"score", "learning_rate", "sweep", "curve", "status", "examples", "seconds"} <= set(scored)
    assert scored["status"] == "ok"
    assert scored["score"] == scored["curve"][-1]
    assert [part["learning_rate"] for part in scored["sweep"]] == pytest.approx([10.0**i for i in range(-5, 2)])
    again = json.loads(invoke(*arguments))
    assert {**again, "seconds": 0} == {**scored, "seconds": 0}
    assert "reward" in invoke("rule", "score", "momentum", "--protocol", "toy-quadratic")


def test_lists_name_what_there_is() -> None:
    protocols = invoke("ls", "protocols")
    for protocol in map(named, BUILT_IN[Kind.PROTOCOL]):
        assert protocol.name in protocols
        assert protocol.hash in protocols
    assert "random" in invoke("ls", "searchers")
    assert "powersign" in invoke("ls", "rules")
    assert "154,880" in invoke("ls", "spaces")
    assert "child" in invoke("ls", "tasks")
    assert "synthetic" in invoke("ls", "data")
    assert "batch_size" in invoke("ls", "protocols", "paper")


def test_a_small_space_is_counted_both_ways() -> None:
    printed = invoke("space", "count", "--operands", "g,m,1", "--unary", "id,neg", "--binary", "add,mul")
    figures = [
        line.split()[-1] for line in printed.splitlines() if line.startswith(("strings", "keys (", "functions (probe"))
    ]
    strings, keys, functions = (int(figure.replace(",", "")) for figure in figures)
    assert strings == 3 * 3 * 2 * 2 * 2
    # By hand: sums ±x±y of three operands, with x+x=2x and x−x=0, and products up to sign, with 1·x=x.
    assert keys == functions
    assert 1 < keys < strings


def test_more_functions_than_keys_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--operands", "g,m", "--unary", "id", "--binary", "add,mul")
    said = "warning: more functions than keys"
    assert said not in invoke("space", "count", *words)
    monkeypatch.setattr("harness.space.counting.count.count_functions", lambda *_, **__: 1_000)
    assert said in invoke("space", "count", *words)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rule", "show", "powersin"], "Did you mean 'powersign'?"),
        (["rule", "show", "g * exp("], "column"),
        (["run", "--searcher", "randm"], "Did you mean 'random'?"),
        (["run", "--searcher", "rl,gp"], "Let several compete with `harness race --searchers rl,gp`."),
        (["conformance", "rl,gp"], "got 'rl,gp'. Name one of them."),
        (["run", "--protocol", "quick,paper"], "got 'quick,paper'. Name one of them."),
        (["rule", "show", "g m id id add #2 #1 id id mul"], "Did you mean '#1'?"),
        (["rule", "show", "g m id id add m v id id add #9 v id id add"], "Did you mean '#2'?"),
        (["rule", "show", "g #1 id id add"], "got '#1'. No block comes before it: name an operand."),
        (["run", "--searcher", "no.such:thing"], "module:attribute"),
        (["run", "--searcher", ".x:y"], "module:attribute"),
        (["run", "--searcher", "math:pi"], "a factory to call, got math:pi, of type float"),
        (["run", "--searcher", "os:getcwd"], "factory(space, *, seed, **settings) to call, got too many"),
        (["run", "--searcher", "builtins:type"], "one with a signature"),
        (["rule", "score", "g", "--data", "os:getcwd"], "factory(root, announce) to call, got too many"),
        (["race", "--searchers", "random,evolutoin"], "Did you mean 'evolution'?"),
        (["race", "--searchers", " , "], "a list of names"),
        (["race", "--set", "population=3"], "searcher.name=value"),
        (["race", "--searchers", "random", "--set", "gp.population=3"], "got 'gp'"),
        (["race", "--searchers", "gp", "--set", "gp.populaton=3"], "Did you mean 'population'?"),
        (["race", "--searchers", "gp", "--set", "gp.batch=0"], "1 to 100000"),
        (["race", "--searchers", "evolution", "--set", "evolution.population=3"], "at most 3, the population"),
        (["race", "--searchers", "gp", "--set", "gp.warm_start=adamm"], "warm_start"),
        (["run", "--searcher", "rl", "--set", "objective=trop"], "Did you mean 'trpo'?"),
        (["run", "--protocol", "papr"], "Did you mean 'paper'?"),
        (["run", "--space", "icml2018"], "Did you mean 'icml2017'?"),
        (["run", "--blocks", "5"], "1 to 4"),
        (["run", "--children", "0"], "1 to 10000000"),
        (["run", "--children", "20000000"], "1 to 10000000"),
        (["run", "--children", "5", "--proposals", "4"], "5 to 200000000"),
        (["run", "--seeds", "4-1"], "seeds"),
        (["run", "--seeds", "one"], "0-4"),
        (["run", "--seeds", "9" * 5000], "0-4"),
        (["run", "--seeds", f"0-{'9' * 5000}"], "0-4"),
        (["run", "--workers", "9" * 5000], "auto"),
        (["run", "--workers", "none"], "auto"),
        (["run", "--set", "x=1"], "setting"),
        (["run", "--constraints", "connect"], "Did you mean 'connected'?"),
        (["run", "--operands", "g,q"], "operand"),
        (["ls", "searchers", "randon"], "Did you mean 'random'?"),
        (["leaderboard", "--results", "no/such/folder"], "expected a ledger"),
        (["runs", "--results", "no/such/folder"], "expected a ledger"),
        (["leaderboard", "--results", "x" * 300], "got File name too long"),
        (["rule", "score", "g", "--data", "cifar10", "--data-root", "x" * 300], "got File name too long"),
        (["leaderboard", "--rules", "--results", "no/such/folder"], "expected a ledger"),
        (["confirm", "--results", "no/such/folder"], "expected a ledger"),
        (["confirm", "--seeds", "0-20"], "1 to 20"),
        (["confirm", "--seeds", "4-0"], "4 to 10003"),
        (["confirm", "--top", "-1"], "at least 0"),
        (["confirm", "--board", "0"], "at least 1"),
        (["confirm", "--rule", "powersin"], "Did you mean 'powersign'?"),
        (["confirm", "--rule", "g * exp("], "column"),
        (["confirm", "--rule", "g", "--protocol", "papr"], "Did you mean 'paper'?"),
        (["confirm", "--rule", "g", "--workers", "none"], "auto"),
        (["conformance"], "expected a searcher, --task PROTOCOL or --box-optimizer NAME, got none of them."),
        (["conformance", "rl", "--box-optimizer", "tpe"], "got 2 of them. Name the one to check."),
        (["conformance", "--box-optimizer", "cmae"], "Did you mean 'cmaes'?"),
        (["conformance", "--box-optimizer", "gp-true", "--set", "lengthscale=0"], "0.001 to 1000.0, got 0.0."),
        (["space", "count", "--blocks", "3"], "at most 2,000,000 strings"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: object,
    arguments: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert expected in complaint(capsys, monkeypatch, *arguments)


def test_a_missing_data_set_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    line = complaint(capsys, monkeypatch, "rule", "score", "g", "--data", "cifar10", "--data-root", str(tmp_path))
    assert str(tmp_path) in line
    assert "CIFAR-10" in line


def test_results_under_a_file_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    file = f"{tmp_path}/file"
    with open(file, "w") as stream:
        stream.write("in the way")
    line = complaint(capsys, monkeypatch, "run", "--protocol", "toy-quadratic", "--results", f"{file}/results")
    assert "--results" in line or "folder" in line


def test_seeds_are_read_in_order_without_repeats() -> None:
    assert options.seeds("0-2,7,1") == (0, 1, 2, 7)
    with pytest.raises(ProtocolError):
        options.seeds("3-")


def test_the_module_and_the_command_are_one() -> None:
    done = subprocess.run([sys.executable, "-m", "harness", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("harness ")


def test_errors_exit_with_two() -> None:
    assert HarnessError.exit_code == 2
