"""What a person reads: at 80 columns, in a pipe, without colour, without Unicode, with hostile names."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from harness.board import wording
from harness.board.page import Column, Page, TableText
from harness.board.searches import pages as search_pages
from harness.board.searches.judging import boards
from harness.board.terminal import show, show_page
from harness.contracts import Block, Rule
from harness.race.runs import RunState
from harness.tasks.child.protocols import PAPER


def printed(found, *, width: int = 80, encoding: str = "utf-8", colour: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    console = Console(
        file=file, width=width, markup=True, force_terminal=colour, color_system="truecolor" if colour else None
    )
    show(found, console)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.fixture
def found(run):
    return boards(
        [
            *(run(0.2, 0.4, 0.5 + seed / 100, seed=seed) for seed in range(6)),
            *(run(0.205, 0.4, 0.5 + (seed ^ 1) / 100, seed=seed, searcher="evolution") for seed in range(6)),
            run(0.1, seed=8, state=RunState.STOPPED),
            run(0.6, protocol=PAPER, started=2.0),
        ]
    )


def test_it_says_what_matters(found, rules) -> None:
    text = printed(found)
    for wanted in (
        "Leaderboard 1",
        "quick v1",
        "synthetic (ffffffffffff)",
        "4 children, at most 8 proposals",
        "icml2017, 2 blocks",
        "seeds     0-5",
        "commit    unknown",
        "hardware  unknown",
        "0-5",
        "1–2",
        "[0.40",
        "reached 0.35",
        "6 of 6, 2",
        "Against random search, by seed",
        "+0.001 [",
        "biased upward: confirm before believing",
        "Not a strict ranking",
        "Unfinished, so not ranked",
        "Not ranked with board 1: different protocol.",
        rules[2].infix,
    ):
        assert wanted in text
    words = " ".join(text.split())
    assert "exact two-sided sign-flip test of the differences in area over 6 pairs of equal seed, at 5%." in words
    assert "with six it holds the true mean at most 87% of the time" in words
    assert re.search(r"A difference of 0\.\d{3} would be found with 80% power \(minimum detectable effect\)", words)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(found, width) -> None:
    text = printed(found, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_numbers_too_wide_for_a_line_are_folded_and_not_cut() -> None:
    columns = (Column("", right=True), *(Column(f"figure {number}", right=True) for number in range(6)), Column("rule"))
    cells = ("1", *(f"{number}.0001 of 10" for number in range(6)), "g * exp(sign(g) * sign(m))")
    page = Page("Figures", (), (TableText("wide", columns, (cells,)),), ())
    for width, whole in ((80, False), (130, True)):
        file = io.StringIO()
        show_page(page, Console(file=file, width=width))
        lines = file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert file.getvalue().count("10") == 6
        assert any("0.0001 of 10   1.0001 of 10" in line for line in lines) == whole


def test_a_long_rule_is_folded_whole(run, trial) -> None:
    blocks = [Block("rmsprop", "sign(m)", "clip5", "drop5", "add")]
    blocks += [Block(f"#{number}", "rmsprop", "clip4", "drop3", "mul") for number in (1, 2, 3)]
    rule = Rule(tuple(blocks))
    text = printed(boards([run(trials=(trial(0.5, rule=rule),))]))
    assert rule.infix.replace(" ", "") in "".join(text.split())


def test_a_pipe_gets_no_escapes(found) -> None:
    assert "\x1b" not in printed(found)


def test_hostile_names_are_neither_markup_nor_escapes(run) -> None:
    name = "[bold red]x[/] :smile: \x1b[31m\nnext"
    text = printed(boards([run(0.5, searcher=name, data="[blink]d")]), width=200)
    assert "[bold red]x[/] :smile: \ufffd[31m next" in text
    assert "[blink]d" in text
    assert "\x1b" not in text


def test_a_terminal_without_unicode_is_served(found, run) -> None:
    text = printed([*found, *boards([run(0.5, searcher="größe")])], encoding="ascii")
    assert "1-2" in text
    assert "gr??e" in text


def test_an_empty_store_says_what_to_do() -> None:
    assert "harness run --searcher random" in printed(())


def test_colour_is_used_where_it_can_be_seen(found) -> None:
    assert "\x1b[1m" in printed(found, colour=True)


def test_a_rule_of_another_language_is_shown_as_its_tokens(run, trial) -> None:
    rule = Rule((Block("#7", "wavelet", "id", "id", "mul"),))
    assert "#7 wavelet id id mul" in printed(boards([run(trials=(trial(0.5, rule=rule),))]))


@pytest.mark.parametrize(("seeds", "text"), [((), ""), ((3,), "3"), ((0, 1, 2), "0-2"), ((0, 2, 3, 9), "0,2-3,9")])
def test_seeds_read_as_the_command_takes_them(seeds, text) -> None:
    assert wording.seed_list(seeds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (45.2, "45 s"), (99.6, "2 min"), (3600, "60 min"), (12240, "3.4 h")]
)
def test_durations(seconds, text) -> None:
    assert wording.duration(seconds) == text


def test_sparkline_spans_its_scale() -> None:
    assert wording.sparkline([0.0, 0.5, 1.0], low=0.0, high=1.0) == "▁▅█"
    assert wording.sparkline([0.3] * 100, low=0.3, high=0.3) == "▁" * 12
    assert wording.sparkline([*([0.0] * 99), 1.0], low=0.0, high=1.0)[-2:] == "▁█"


def test_columns_that_only_repeat_themselves_are_left_out(found, run) -> None:
    def columns(board) -> list[str]:
        (table,) = [each for each in search_pages.tables(board) if each.title.startswith("Best distinct")]
        return [column.title for column in table.columns]

    assert columns(found[0]) == ["", "score", "seed", "found", "λ", "mean", "by", "rule"]
    assert columns(boards([run(0.3)])[0]) == ["", "score", "seed", "found", "λ", "rule"]


def test_a_lone_searchers_best_rule_is_not_printed_twice(found, run) -> None:
    def titles(board) -> list[str]:
        return [table.title.partition(" (")[0] for table in search_pages.tables(board)]

    assert "Best of each searcher" in titles(found[0])
    assert "Best of each searcher" not in titles(boards([run(0.3)])[0])
    assert "Best of each searcher" in titles(boards([run(0.3)], top=0)[0])


def test_rules_no_better_than_guessing_are_not_listed_and_it_says_so(run) -> None:
    """A child that guesses scores up to three standard errors above chance: 0.128 of 1,000 examples."""
    (board,) = boards([run(0.101, 0.128, 0.129)])
    assert [each.score for each in board.rules] == [0.129, 0.128, 0.101]
    (table,) = [each for each in search_pages.tables(board) if each.title.startswith("Best distinct")]
    assert [row[1] for row in table.rows] == ["0.129"]
    told = " ".join(printed([board]).split())
    assert "Rules no better than guessing, which explains scores up to 0.128, are not listed." in told
    assert "not listed" not in printed(boards([run(0.2, 0.3)]))


def test_a_searcher_that_found_nothing_says_so(run) -> None:
    found = boards([run(0.3, searcher="rl"), run(0.11, searcher="gp")])
    (table,) = [each for each in search_pages.tables(found[0]) if each.title.startswith("Best of each")]
    assert [(row[0], row[-1] == "none better than guessing") for row in table.rows] == [("rl", False), ("gp", True)]
    lone = printed(boards([run(0.11)]))
    assert "none better than guessing" in lone
    assert "Best distinct rules" not in lone


def test_a_child_without_a_surviving_rate_is_shown(run, trial) -> None:
    odd = trial(0.5)
    text = printed(boards([run(trials=(replace(odd, outcome=replace(odd.outcome, learning_rate=None)),))]))
    assert "none" in text
