"""``harness.compare_learned``, by what callers have at hand: kept, resumed, extended, and refused in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import harness
from harness.board.learned.record import FOLDER, Comparison, read
from harness.board.rules.known import candidate
from harness.errors import DataError, HarnessError, LedgerError, ProtocolError, RegistryError
from harness.library.learned.comparing import MODULE, Asked, compared
from harness.race.store.ledger import LOCK_FOLDER
from harness.tasks.learned import comparing, weights
from harness.tasks.learned.problems.quadratic import Quadratics
from harness.tasks.learned.weights import Header, LearnedWeights, fresh, save

sys.path.append(str(Path(__file__).parents[2] / "support"))
from small_problems import Bowls

BOWLS = "small_problems:Bowls"
QUIET: dict[str, Any] = {"progress": False, "count": 7}


def file(results: Path) -> Path:
    (path,) = (results / FOLDER).glob("*.json")
    return path


def names(results: Path) -> list[str]:
    return [each.name for each in read(file(results)).candidates]


class Killed(BaseException):
    """As if the process ended."""


def killed_after(count: int, monkeypatch: pytest.MonkeyPatch, cause: type[BaseException] = Killed) -> None:
    """Let the computation end after so many candidates."""
    done, compare = [0], comparing.compare

    def counted(*given: Any, **named: Any) -> Any:
        if done[0] == count:
            raise cause
        done[0] += 1
        return compare(*given, **named)

    monkeypatch.setattr(comparing, "compare", counted)


def test_the_board_has_what_was_computed(tmp_path: Path) -> None:
    board = harness.compare_learned([BOWLS, f"{BOWLS}/steep"], ["adam", "torch:SGD"], results=tmp_path, **QUIET)
    assert [each.label for each in board.problems] == [BOWLS, f"{BOWLS}/steep"]
    assert [each.conditions.steps for each in board.problems] == [4, 5]
    setting = comparing.Setting(family=Bowls(), count=7, steps=4)
    found = comparing.compare(candidate("adam"), setting)
    result = board.problems[0].of("adam")
    assert result is not None
    assert result.entrant.rate == found.rate
    assert result.entrant.finals == tuple(found.values[-1].tolist())
    assert result.entrant.curve.mean == pytest.approx(tuple(found.values.mean(1)))
    assert result.entrant.validation == found.validation
    assert board.problems[0].conditions.version == Bowls.version
    assert board.results == tmp_path
    assert "adam" in str(board)
    assert json.loads(board.render("json"))["learned_boards"]
    assert board.render("csv").startswith("problems,")


def test_killed_after_one_candidate_it_goes_on_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = ["adam", "nag", "drop(m, 0.1)"]
    harness.compare_learned(BOWLS, candidates, results=tmp_path / "whole", **QUIET)
    with monkeypatch.context() as patch:
        killed_after(1, patch)
        with pytest.raises(Killed):
            harness.compare_learned(BOWLS, candidates, results=tmp_path / "killed", **QUIET)
    assert names(tmp_path / "killed") == ["adam"]
    with monkeypatch.context() as patch:
        killed_after(2, patch)  # the other two, and not one more
        harness.compare_learned(BOWLS, candidates, results=tmp_path / "killed", **QUIET)
    assert file(tmp_path / "killed").read_bytes() == file(tmp_path / "whole").read_bytes()
    assert file(tmp_path / "killed").name == file(tmp_path / "whole").name


def test_a_candidate_added_later_is_the_only_one_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.compare_learned(BOWLS, ["adam"], results=tmp_path, **QUIET)
    killed_after(1, monkeypatch)
    board = harness.compare_learned(BOWLS, ["sgd", "adam"], results=tmp_path, **QUIET)
    assert names(tmp_path) == ["adam", "sgd"]
    assert {each.label for each in board.problems[0].results} == {"adam", "sgd"}
    killed_after(0, monkeypatch)
    again = harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    assert again.problems == board.problems


@pytest.mark.parametrize("change", [{"count": 8}, {"seed": 1}, {"steps": 3}])
def test_other_conditions_are_another_comparison(tmp_path: Path, change: dict[str, int]) -> None:
    for more in ({}, change):
        harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **{**QUIET, **more})
    assert len(list((tmp_path / FOLDER).glob("*.json"))) == 2


def test_ctrl_c_says_how_to_resume_and_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_after(1, monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt, match="call it again with results="):
        harness.compare_learned(BOWLS, ["adam", "sgd"], results=tmp_path, **QUIET)
    assert names(tmp_path) == ["adam"]


def test_two_names_of_one_function_are_compared_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    harness.compare_learned(
        BOWLS, ["nag", "torch:SGD(momentum=0.9,nesterov=True)", "m * exp(v)", "exp(v) * m"], results=tmp_path, count=3
    )
    assert names(tmp_path) == ["nag", "m * exp(v)"]
    assert capsys.readouterr().err.count("it is compared once") == 2


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Untrained default weights of the quadratics."""
    path = tmp_path / "defaults" / "quadratic.safetensors"
    header = Header(problems="quadratic", architecture=Quadratics.architecture, kinds=Quadratics.kinds)
    save(LearnedWeights(header, fresh(header)), path)
    monkeypatch.setattr(weights, "defaults", lambda: {"quadratic": path})
    monkeypatch.setattr("harness.tasks.learned.optimizer.defaults", lambda: {"quadratic": path})
    return path


@pytest.mark.usefixtures("default")
def test_lstm_has_the_default_weights_of_the_family_and_is_recorded_with_their_hash(tmp_path: Path) -> None:
    board = harness.compare_learned("quadratic", ["lstm"], results=tmp_path, steps=3, **QUIET)
    (result,) = board.problems[0].results
    assert (result.label, result.tuned, result.entrant.rate) == ("lstm", False, None)
    assert f"weights='{weights.load('quadratic').hash}'" in result.entrant.candidate
    again = harness.compare_learned("quadratic", ["learned:quadratic"], results=tmp_path, steps=3, **QUIET)
    assert again.labels == ("lstm",)


@pytest.mark.parametrize(
    ("problems", "candidates", "more", "kind", "said"),
    [
        ("quadrtic", ["sgd"], {}, RegistryError, "Did you mean 'quadratic'?"),
        ("quadratic/relu", ["sgd"], {}, RegistryError, "variant of problems quadratic: expected none, got 'relu'"),
        (f"{BOWLS}/stee", ["sgd"], {}, RegistryError, "Did you mean 'steep'?"),
        ("small_problems:NoVariants", ["sgd"], {}, RegistryError, "got one without name, version"),
        ("small_problems:SIZE", ["sgd"], {}, RegistryError, "a factory to call"),
        ([], ["sgd"], {}, ProtocolError, "problems: expected at least one, got none"),
        ("quadratic", [], {}, ProtocolError, "candidates: expected at least one, got none"),
        ("quadratic", ["adm"], {}, HarnessError, "Did you mean 'adam'?"),
        ("quadratic", ["top:0"], {}, ProtocolError, "candidates: expected a number from 1 after top:"),
        ("quadratic", ["top:3"], {}, LedgerError, "expected a ledger, got none"),
        (BOWLS, ["lstm"], {}, HarnessError, "candidate learned:bowls"),
        ("small_problems:Raising", ["sgd"], {}, DataError, "got ValueError in small_problems.py, line "),
        (
            "small_problems:Undrawn",
            ["sgd"],
            {},
            DataError,
            "problems small_problems:Undrawn: expected problems that can",
        ),
        (
            "small_problems:Narrow",
            ["sgd"],
            {},
            DataError,
            "Narrow: expected problems that can be drawn, started and",
        ),
        ("small_problems:Unborn", ["sgd"], {}, DataError, "problems small_problems:Unborn: expected"),
        ("quadratic", {"sgd": {}}, {}, HarnessError, "candidates: expected a list, got {'sgd': {}}"),
        ("quadratic", ["sgd"], {"count": 0}, ProtocolError, "count: expected 1 to 2000, got 0"),
        ("quadratic", ["sgd"], {"count": 2.5}, ProtocolError, "count: expected a whole number, got 2.5"),
        ("quadratic", 3, {}, HarnessError, "candidates: expected a list, got 3"),
        (3, ["sgd"], {}, ProtocolError, "problems: expected names, got 3. Name some, such as quadratic"),
        ([None], ["sgd"], {}, ProtocolError, "problems: expected names, got None"),
        ("quadratic", ["sgd"], {"data": 3}, DataError, "data: expected a name, or a data set"),
        ("quadratic", ["sgd"], {"data": {1: "auto"}}, ProtocolError, "data: a name: expected a text, got 1"),
        ("quadratic", ["sgd"], {"data_root": 3}, HarnessError, "data_root: expected the path of a file or folder"),
        ("quadratic", ["sgd"], {"data_root": {"mnist": 3}}, HarnessError, "data_root: expected the path of a file"),
        ("quadratic", ["sgd"], {"device": None}, HarnessError, "device: expected cpu, or cuda if there is a GPU"),
        ("quadratic", ["sgd"], {"steps": 0}, ProtocolError, "steps: expected 1 to 10000, got 0"),
        ("quadratic", ["sgd"], {"seed": -1}, ProtocolError, "seed: expected 0"),
        ("quadratic", ["sgd"], {"board": 0}, ProtocolError, "board: expected at least 1"),
        ("quadratic", ["sgd"], {"board": 3}, ProtocolError, "board: expected none without top:N, got 3. Leave it out"),
        (
            "quadratic",
            ["sgd"],
            {"data": {"mnist": "auto"}},
            ProtocolError,
            "data of problems: expected one of quadratic",
        ),
        ("small_problems:PicturedBowls", ["sgd"], {"data": "ptb"}, DataError, "expected images, got ptb, which holds"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_nothing(
    problems: Any, candidates: Any, more: dict[str, Any], kind: type[HarnessError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        harness.compare_learned(problems, candidates, results=tmp_path, **{**QUIET, **more})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_family_that_reads_data_gets_it_and_the_record_pins_it(tmp_path: Path) -> None:
    name = "small_problems:PicturedBowls"
    board = harness.compare_learned(name, ["sgd"], data={name: "synthetic"}, results=tmp_path, **QUIET)
    conditions = board.problems[0].conditions
    assert conditions.data == "synthetic"
    assert len(conditions.fingerprint) > 20


def test_data_that_nothing_reads_is_said_to_be_unused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    harness.compare_learned(BOWLS, ["sgd"], data="synthetic", results=tmp_path, count=2)
    assert f"data is not used: {BOWLS} reads no data" in capsys.readouterr().err
    harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, count=2)
    assert "not used" not in capsys.readouterr().err


def test_the_best_confirmed_rules_are_compared_by_their_formulas(tmp_path: Path) -> None:
    board = harness.race(["random"], protocol="toy-quadratic", children=6, seeds=1, results=tmp_path, progress=False)
    rules = harness.confirm(board, top=3, seeds=2, progress=False)
    found = [each for each in rules.rules if not each.known]
    best = min(found, key=lambda each: (-each.validation.mean, each.key))
    compared = harness.compare_learned(BOWLS, ["top:1", "sgd"], results=board, **QUIET)
    assert {each.candidate.key for each in compared.problems[0].results} >= {best.key}
    assert len(compared.labels) == 2


def test_a_damaged_file_is_one_line_and_stays(tmp_path: Path) -> None:
    harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    file(tmp_path).write_bytes(b"{")
    with pytest.raises(LedgerError, match="expected a file that harness learn compare wrote, got a damaged file"):
        harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    assert file(tmp_path).read_bytes() == b"{"


def test_a_file_with_other_conditions_is_refused(tmp_path: Path) -> None:
    harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    other = read(file(tmp_path))
    changed = other.conditions.model_copy(update={"seed": 5})
    file(tmp_path).write_bytes(bytes(Comparison(conditions=changed, candidates=other.candidates)))
    with pytest.raises(LedgerError, match="expected the conditions of small_problems:Bowls, got others"):
        harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)


def test_the_same_comparison_is_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    (lock,) = (tmp_path / LOCK_FOLDER).glob("learned-*.lock")
    with FileLock(lock), pytest.raises(LedgerError, match="another process running this already"):
        harness.compare_learned(BOWLS, ["adam"], results=tmp_path, **QUIET)
    harness.compare_learned(BOWLS, ["adam"], results=tmp_path, **QUIET)
    assert names(tmp_path) == ["sgd", "adam"]


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def watched() -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: told.append((done, total))

    asked = Asked(problems=[BOWLS, f"{BOWLS}/steep"], candidates=["sgd", "adam"], count=4)
    compared(tmp_path, asked, announce=lambda _: None, watched=watched)
    assert told[-1] == (2 * (11 * 5 + 4) * (4 + 5),) * 2
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_module_that_computes_is_there() -> None:
    assert sys.modules[MODULE] is comparing


def test_the_report_shows_comparisons_with_and_without_runs(tmp_path: Path) -> None:
    harness.compare_learned(BOWLS, ["sgd"], results=tmp_path, **QUIET)
    alone = harness.report(tmp_path)
    assert (alone.runs, 'id="l"' in alone.path.read_text(encoding="utf-8")) == (0, True)
    board = harness.run("random", protocol="toy-quadratic", children=2, seeds=1, results=tmp_path, progress=False)
    both = harness.report(board)
    page = both.path.read_text(encoding="utf-8")
    assert both.runs == 1
    assert 'id="l"' in page
    assert 'id="b1"' in page
    only = harness.report(board, board=1)
    assert 'id="l"' not in only.path.read_text(encoding="utf-8")
    file(tmp_path).write_bytes(b"")
    with pytest.raises(LedgerError, match="comparison in"):
        harness.report(tmp_path)


def test_values_below_zero_are_refused_since_logarithms_are_compared(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected none below 0, got -[0-9.]+ by sgd\. Add a constant to f"):
        harness.compare_learned("small_problems:Negative", ["sgd"], results=tmp_path, **QUIET)
    assert not (tmp_path / FOLDER).exists()
