"""The page without a browser: what it holds, what it must not hold, and that nothing on it can act."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from confirming import confirmed
from plotly.offline import get_plotlyjs

from harness.board import wording
from harness.board.markdown import Format
from harness.board.report.charts import charts
from harness.board.report.document import report
from harness.board.report.page import _odds, render
from harness.board.rules import pages as rules_pages
from harness.board.searches import formats
from harness.board.searches import pages as search_pages
from harness.board.searches.judging import boards
from harness.contracts import Block, Rule, Status
from harness.race.runs import RunState
from harness.space.notation.mathml import mathml


class Reader(HTMLParser):
    """The elements of a page with their attributes, the scripts' texts, and the text of each table's rows."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._inside:
            self.scripts[-1] += data
        elif "style" not in self._inside:
            self.text.append(data)
            if "td" in self._inside or "th" in self._inside:
                self.rows[-1][-1] += data


@pytest.fixture
def read(page) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_a_hostile_name_rule_or_message_is_text_and_nothing_else(read, page) -> None:
    assert len(read.scripts) == 3
    assert not [name for _, attrs in read.elements for name in attrs if name.startswith("on")]
    assert {tag for tag, _ in read.elements}.isdisjoint({"img", "iframe", "object", "embed", "base", "form"})
    told = " ".join(read.text)
    assert "<img/src=x/onerror=document.title='taken'>" in told
    assert "</script><script>document.title='taken'</script>" in told
    assert page.count("document.title='taken'</script>") == 0


def test_nothing_is_fetched_and_only_the_two_scripts_may_run(read, page) -> None:
    links = [attrs[name] or "" for _, attrs in read.elements for name in ("href", "src") if name in attrs]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"https?://|@import|url\(", page.replace(read.scripts[1], "").replace("http-equiv", ""))
    policy = next(attrs["content"] for tag, attrs in read.elements if "http-equiv" in attrs)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    for script in read.scripts[1:]:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "unsafe-eval" not in policy
    assert read.scripts[1] == get_plotlyjs()


def test_the_embedded_data_is_that_of_the_boards(read, records) -> None:
    link = next(attrs["href"] for tag, attrs in read.elements if tag == "a" and "download" in attrs)
    assert link is not None
    held = json.loads(gzip.decompress(base64.b64decode(link.partition("base64,")[2])))
    assert held["schema"] == 1
    assert held["boards"] == json.loads(formats.render(boards(records), Format.JSON))["boards"]
    assert len(held["runs"]) == len(records)
    first = records[0]
    run = next(each for each in held["runs"] if each["identity"] == first.header.identity)
    assert [trial[1] for trial in run["trials"]] == [str(trial.rule) for trial in first.trials]
    assert [trial[3] for trial in run["trials"]] == [trial.outcome.score for trial in first.trials]
    assert [each["rules"][0]["tokens"] for each in held["rules_boards"]]


def test_every_table_says_what_the_board_says(read, records) -> None:
    (board,) = boards(records)
    told = {row[1].strip(): row for row in read.rows if len(row) == 13}
    for row in board.rows:
        shown = [cell.strip() for cell in told[wording.plain(row.label)]]
        assert shown[2] == f"{row.area.mean:.3f}"
        assert shown[5] == f"{row.final.mean:.3f}"
        assert shown[6] == wording.seed_list(row.seeds)
        assert shown[7:9] == [str(row.children), row.begun]


def test_the_facts_and_the_shares_are_those_of_the_terminal(read, made) -> None:
    (section,), (rules,) = made.searches, made.rules
    text = " ".join(" ".join(read.text).split())
    for name, told in (*search_pages.facts(section.board), *rules_pages.facts(rules.board)):
        assert name.capitalize() in read.text
        assert " ".join(told.split()) in text
    for row in section.board.rows:
        (shown,) = [cells for cells in read.rows if len(cells) == 13 and cells[1].strip() == wording.plain(row.label)]
        assert shown[10:12] == [search_pages.share(row.diverged, row), search_pages.share(row.errors, row)]


def test_each_searcher_is_marked_in_its_colour_with_an_axis_under_the_marks(read, made) -> None:
    (section,) = made.searches
    every = [attrs["style"] for _, attrs in read.elements if attrs.get("class") == "swatch"]
    swatches = every[: len(section.board.rows)]  # the others are those of the candidates of transfers
    assert swatches == [f"--own: var(--s{section.marks[row.label].colour})" for row in section.board.rows]
    assert len([attrs for _, attrs in read.elements if attrs.get("class") == "axis"]) == 1


def test_the_notes_are_those_of_the_terminal(read, made) -> None:
    (section,), (rules,) = made.searches, made.rules
    notes = [*search_pages.notes(section.board), *rules_pages.notes(rules.board)]
    assert len(notes) > 6
    assert set(notes) <= set(read.text)
    assert "narrow for few seeds" in " ".join(read.text)
    assert "Drop: the best search score" in " ".join(read.text)
    assert "Exact" not in " ".join(read.text), "beyond 20 pairs it is sampled, and the notes say which"


def test_rules_that_no_search_found_are_not_said_to_be_found(read) -> None:
    assert "found by a search" not in read.scripts[2]


def test_an_unfinished_run_is_shown_and_never_ranked(read, made) -> None:
    (section,) = made.searches
    assert 7 not in [seed for row in section.board.rows for seed in row.seeds]
    assert [seed for each in section.usage.curves for seed, _ in each.seeds].count(7) == 0
    assert "Unfinished, so not ranked" in read.text
    assert "0.900" not in section.verdict.because


def test_every_picture_has_a_text(read) -> None:
    plots = [attrs for _, attrs in read.elements if attrs.get("class") == "plot"]
    assert len(plots) >= 4
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in plots)
    trees = [attrs for tag, attrs in read.elements if tag == "svg" and attrs.get("role") == "img"]
    ids = [attrs["id"] for _, attrs in read.elements if attrs.get("id")]
    assert len(ids) == len(set(ids))
    for attrs in trees:
        assert set((attrs["aria-labelledby"] or "").split()) <= set(ids)
    assert all(attrs.get("aria-label") for tag, attrs in read.elements if tag == "math")


def test_a_card_shows_formula_origin_and_drop(page, rules) -> None:
    assert mathml(rules[0]) in page
    card = page[page.index('<details class="card"') :]
    assert "bred: crossed" in card
    assert "probability 1 in 12 under the controller" in card
    assert "parents" in card
    assert "w ← w − λ ·" in card


@pytest.mark.parametrize(
    ("log_probability", "said"), [(-0.7, "0.50"), (-2.5, "1 in 12"), (-9.912, "1 in 20,000"), (-40.0, "1 in 10^17")]
)
def test_probabilities_as_people_say_them(log_probability: float, said: str) -> None:
    assert _odds(log_probability) == said


def test_a_p_that_is_small_is_said_to_be_so(run) -> None:
    searches = [
        run(score, score + seed / 1000 * (1 + (name == "gp")), seed=seed, searcher=name)
        for seed in range(16)
        for name, score in (("gp", 0.5), ("random", 0.2))
    ]
    scores = {"m": [0.6 + seed / 1000 for seed in range(16)], "g * v": [0.7 + seed / 500 for seed in range(16)]}
    text = render(report([*searches, *confirmed(searches[0].header, scores)]))
    assert text.count("p &lt; 0.0001") == 3, "both cells of the matrix, and the card"
    assert text.count(">&lt; 0.0001</td>") == 2, "the pairs in numbers, and the rules"


def test_children_that_diverged_are_told_though_no_word_of_theirs_is_frequent(run, trial) -> None:
    bad = trial(0.1, 9, rule=Rule.parse("m * v"), status=Status.DIVERGED)
    often = [trial(0.3, place, rule=Rule.parse("g")) for place in range(10)]
    for trials, told in (
        ([bad], "1 child diverged. None of their words"),
        ([*often[:9], bad], "1 child diverged. None of their words"),
        ([*often[:8], bad, replace(bad, index=10)], "2 children diverged. None of their words"),
        (often, "No child diverged."),
    ):
        assert told in render(report([run(trials=tuple(trials), state=RunState.STOPPED)]))


@pytest.mark.parametrize("word", ["\x01", "sign(" * 1500 + "g" + ")" * 1500])
def test_a_word_that_cannot_be_drawn_is_left_out(run, word: str) -> None:
    (record,) = confirmed(run(0.1).header, {"g * v": [0.5]})
    rule = Rule((Block(word, "g", "id", "id", "mul"),))
    strange = replace(record, trials=(replace(record.trials[0], rule=rule),))
    assert "Which rules hold up?" in render(report([strange]))


def test_too_few_seeds_are_called_underpowered(run) -> None:
    text = render(report([run(0.5, seed=s, searcher=name) for s in range(5) for name in ("gp", "random")]))
    assert "Underpowered: too few seeds to say which search works." in text


def test_an_empty_store_makes_a_page() -> None:
    assert "No runs yet." in render(report([]))


def test_final_bests_on_fresh_seeds_are_shown_where_they_were_retrained(run, rules) -> None:
    searches = [run(0.2, 0.4, 0.5, seed=seed) for seed in range(2)]
    assert "On fresh seeds" not in render(report(searches))
    made = confirmed(searches[0].header, {str(rules[2]): [0.43, 0.45]}, searched=searches[0].header.comparable)
    reader = Reader()
    reader.feed(render(report([*searches, *made])))
    assert ["1", "random", "0.440", "no interval", "+0.060", "2"] in reader.rows


def test_another_optimizer_has_a_card_with_its_options_and_no_formula(run) -> None:
    made = confirmed(run(0.1).header, {"m": [0.6] * 6, "torch:AdamW(weight_decay=0.1)": [0.7] * 6})
    page = render(report(made))
    card = page[page.index('id="r1-c1"') : page.index('id="r1-c2"')]
    assert "torch AdamW(weight_decay=0.1)" in card
    assert "betas=(0.9, 0.999)\n" in card
    for missing in ("Pseudocode", "Tree", "LaTeX", "Running means", "None of"):
        assert missing not in card, missing
    assert len(charts(report(made))["r1-size"]["points"]) == 1, "it has no size"
