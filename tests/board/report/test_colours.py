"""Whose colour is whose."""

from __future__ import annotations

from dataclasses import replace

from harness.board.report.charts import charts
from harness.board.report.colours import COLOURS, NAMED, colour, marks, variables
from harness.board.report.document import report
from harness.race.runs import RunState
from harness.registry import BUILT_IN, Kind


def drawn(*records) -> dict[str, tuple[int, str]]:
    """The colour and the dashes of each curve of a report, by label."""
    series = charts(report(records))["b1-curves"]["series"]
    return {each["label"]: (each["colour"], each["dashes"]) for each in series}


def test_a_searcher_keeps_its_colour_whatever_its_place_and_whoever_else_runs(run) -> None:
    alone = drawn(run(0.3, searcher="gp"))["gp"]
    last = drawn(run(0.3, searcher="gp"), *(run(0.9, searcher=name) for name in ("rl", "tpe", "my.own:Search")))
    assert list(last)[-1] == "gp"
    assert last["gp"] == alone
    first = drawn(run(0.99, searcher="gp"), run(0.9), run(0.8, searcher="evolution"))
    assert next(iter(first)) == "gp"
    assert first["gp"] == alone


def test_every_searcher_of_the_package_has_a_colour_that_no_other_takes() -> None:
    own = [colour(name) for name in BUILT_IN[Kind.SEARCHER]]
    assert set(NAMED) == set(BUILT_IN[Kind.SEARCHER])
    assert len(set(own)) == len(own)
    assert len({each.light for each in COLOURS}) == len({each.dark for each in COLOURS}) == len(COLOURS)
    outside = {colour(f"package.module:Search{number}") for number in range(200)}
    assert outside == set(range(len(NAMED), len(COLOURS))), "all the colours of others, and none of ours"


def test_namesakes_share_a_colour_and_differ_in_their_dashes(run) -> None:
    shown = drawn(*(run(0.3, searcher="gp", settings={"population": size}) for size in (10, 50, 100)), run(0.2))
    colours = {label: mark[0] for label, mark in shown.items() if label != "random"}
    assert set(colours.values()) == {colour("gp")}
    assert len({dashes for label, (_, dashes) in shown.items() if label != "random"}) == 3


def test_entrants_of_the_package_are_unlike_lines() -> None:
    found = marks({name: name for name in NAMED})
    assert len(set(found.values())) == len(found) == 13


def test_a_searcher_that_has_not_finished_has_its_colour_too(run) -> None:
    stopped = replace(run(0.4, searcher="tpe"), state=RunState.STOPPED)
    rewards = charts(report([run(0.3), stopped]))["b1-rewards"]["series"]
    assert {each["label"]: each["colour"] for each in rewards}["tpe"] == colour("tpe")


def test_the_page_knows_every_colour_in_the_light_and_in_the_dark() -> None:
    light, dark = variables().split("@media (prefers-color-scheme: dark)")
    for place, each in enumerate(COLOURS):
        assert f"--s{place}: {each.light};" in light
        assert f"--s{place}: {each.dark};" in dark
