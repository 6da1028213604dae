"""``harness.confirm``, ``score``, ``export`` and ``report``, by what callers have at hand."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest

import harness
from harness.contracts import Status
from harness.errors import HarnessError, LedgerError, ProtocolError, RegistryError, RuleSyntaxError, SettingError
from harness.race.progress import Progress
from harness.tasks.toy.protocols import TOY_QUADRATIC

SMALL = {"blocks": 1, "operands": ["g", "m", "v"], "unary": ["id", "neg", "exp"]}
TOY: dict[str, Any] = {"protocol": "toy-quadratic", "progress": False}


def test_the_board_of_a_race_says_whose_rules_are_meant(tmp_path: Path) -> None:
    first, second = (harness.run("random", space=SMALL, children=n, seeds=1, results=tmp_path, **TOY) for n in (3, 4))
    with pytest.raises(LedgerError, match="expected a single board, got 2 boards"):
        harness.confirm(tmp_path, top=1, seeds=1, progress=False)
    for searched in (second, first):
        found = harness.confirm(searched, top=1, seeds=1, progress=False)
        assert found.searched is not None
        assert found.searched.comparable == searched.comparable
    assert len(harness.load(tmp_path).rules_boards) == 2


def test_rules_are_texts_or_rules_and_need_no_search() -> None:
    for rules in ("exp(g)", harness.Rule.parse("exp(g)"), ["exp(g)", "adam"]):
        board = harness.confirm(rules=rules, seeds=[5], **TOY)
        assert board.seeds == (5,)
        assert "exp(g)" in {each.infix for each in board.rules}
        assert board.searched is None


def test_a_confirmation_that_was_stopped_goes_on(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.children == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="nothing is lost"):
        harness.confirm(tmp_path, "exp(g)", seeds=2, protocol="toy-quadratic", progress=press)
    assert harness.load(tmp_path).runs["state"].tolist() == ["finished", "stopped"]  # a whole run was in training
    board = harness.confirm(tmp_path, "exp(g)", seeds=2, **TOY)
    assert not board.unfinished
    assert harness.load(tmp_path).runs.rows == 2


def test_a_board_says_how_rules_named_by_hand_are_retrained(tmp_path: Path) -> None:
    searched = harness.run("random", protocol="toy-rosenbrock", children=2, seeds=1, results=tmp_path, progress=False)
    for given in ({"results": searched}, {"results": tmp_path, "board": 1}):
        board = harness.confirm(rules=["m * exp(v)"], seeds=1, progress=False, **given)  # type: ignore[arg-type]
        assert board.protocol == searched.protocol
        assert board.searched is None, "the board nominated nothing"
    with pytest.raises(LedgerError, match="searches to confirm on board 2"):
        harness.confirm(tmp_path, ["m * exp(v)"], board=2, progress=False)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"rules": "torch.optim.AdamW", "protocol": "quick"}, SettingError, "Write torch:AdamW."),
        ({}, LedgerError, "results: expected searches or rules to confirm, got none"),
        ({"results": "no/such/folder"}, LedgerError, "expected a ledger, got none"),
        ({"rules": "powersin"}, RuleSyntaxError, "Did you mean 'powersign'?"),
        ({"rules": [3]}, RuleSyntaxError, "rule: expected a Rule or a text, got 3"),
        ({"rules": 3}, SettingError, "rules: expected a list, got 3"),
        ({"rules": "g2", "seeds": 21}, ProtocolError, "seeds: how many: expected 1 to 20, got 21"),
        ({"rules": "g2", "top": -1}, ProtocolError, "top: expected at least 0"),
        ({"rules": "g2", "protocol": "papr"}, RegistryError, "Did you mean 'paper'?"),
    ],
)
def test_a_mistake_is_one_line(given: dict[str, Any], error: type[HarnessError], said: str) -> None:
    with pytest.raises(error) as refused:
        harness.confirm(**({"progress": False} | given))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_board_whose_runs_are_gone_is_one_line(tmp_path: Path) -> None:
    searched = harness.run("random", space=SMALL, children=3, seeds=1, results=tmp_path / "a", **TOY)
    harness.run("random", space=SMALL, children=4, seeds=1, results=tmp_path / "b", **TOY)
    moved = dataclasses.replace(searched, results=tmp_path / "b")
    with pytest.raises(LedgerError, match="expected the runs of the board, got other runs"):
        harness.confirm(moved, top=1, seeds=1, progress=False)


def test_a_score_is_what_a_run_with_that_seed_earns(tmp_path: Path) -> None:
    harness.run("random", space=SMALL, children=3, seeds=[4], results=tmp_path, **TOY)
    scorer = harness.Scorer("toy-quadratic")
    trials = harness.load(tmp_path).trials
    for tokens, score in zip(trials["tokens"], trials["score"], strict=True):
        assert scorer(tokens, seed=4).score == score
        assert harness.score(harness.Rule.parse(tokens), "toy-quadratic", seed=4).score == score
    assert scorer.environment["language"]
    assert harness.score("exp(exp(exp(g)))", "toy-quadratic").status in (Status.OK, Status.DIVERGED)


def test_a_scorer_hears_how_far_a_child_is_and_takes_its_own_seed() -> None:
    told: list[tuple[int, int]] = []

    class Telling:
        environment: ClassVar[dict[str, str]] = {}

        def __init__(self, protocol: Any, data: Any, *, watch: Any, half: bool = False) -> None:
            del protocol, data
            self.watch, self.half = watch, half

        def evaluate(self, rules: Any, *, seed: int) -> Any:
            self.watch(1, 2)
            score = 0.5 if self.half else 1.0
            return [
                harness.Outcome(status=Status.OK, score=score, learning_rate=None, examples=seed, seconds=0.0)
                for _ in rules
            ]

    harness.register("task", "telling", Telling)
    scorer = harness.Scorer(dataclasses.replace(TOY_QUADRATIC, name="told", task="telling"), half=True)
    outcome = scorer("g", child_seed=77, watch=lambda done, total: told.append((done, total)))
    assert (outcome.score, outcome.examples, told) == (0.5, 77, [(1, 2)])
    scorer("g")
    assert told == [(1, 2)], "nobody hears of another child"
    with pytest.raises(SettingError, match="Did you mean 'half'"):
        harness.Scorer(scorer.protocol, hlf=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda board: harness.export(board, runs=["random-s0-toy"]), "Did you mean 'random-s0-"),
        (lambda board: harness.export(board, format="xml"), "format: expected one of bundle, csv, jsonl, got 'xml'"),
        (lambda board: harness.report(board, board=9), "board 9: expected a number up to"),
        (lambda _: harness.export_rule("g", "png"), "format: expected one of dot, latex, svg, torch, got 'png'"),
        (lambda _: harness.export_rule("g", "svg", name="A"), "Leave it out"),
        (lambda _: harness.score("g", "toy-quadratic", seed=-1), "seeds: a seed"),
        (lambda _: harness.load(3), "results: expected a folder, got 3"),
    ],
)
def test_other_mistakes_are_one_line(raced: harness.Board, call: Any, said: str) -> None:
    with pytest.raises(HarnessError) as refused:
        call(raced)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_report_and_tables_are_written_where_they_are_asked_for(raced: harness.Board, tmp_path: Path) -> None:
    written = harness.report(raced, tmp_path / "new" / "one.html")
    assert written.runs == harness.load(raced).runs.rows
    assert Path(written).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    files = harness.export(raced, tmp_path / "tables", format="csv")
    assert [path.name for path in files] == ["runs.csv", "trials.csv", "sweeps.csv", "curves.csv"]
