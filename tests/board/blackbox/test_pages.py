"""A board as text: narrow, complete, and with what a reader needs to read it."""

from __future__ import annotations

import io

import pytest
from contests import BEST, MIDDLE, WORST, conditions, ran, record
from rich.console import Console

from harness.board.blackbox import pages
from harness.board.blackbox.judging import board
from harness.board.blackbox.summary import summary
from harness.board.comparison import pairs_needed
from harness.board.terminal import show_page

THREE = {"random": WORST, "cmaes": BEST, "rnn(cell='dnc')": MIDDLE}


def tables(*records) -> dict[str, list[tuple[str, ...]]]:
    return {table.title: [*table.rows] for table in pages.page(board(records)).tables}


def test_a_problem_has_its_figures_times_steps_signs_and_pairs() -> None:
    found = tables(record(THREE))
    assert list(found) == [
        "gp/2: minimum so far after 5 steps; less is better",
        "gp/2: time of a proposal",
        "gp/2: mean of the minimum so far by step",
        "gp/2: < lower than the entrant of that column, > higher, · not separated",
        "gp/2: pairs, by the first's minimum so far minus the second's",
    ]
    figures, times, steps, signs, pairs = found.values()
    assert figures[0] == ("1", "cmaes", "0.01025", "0.009089 to 0.01141", "0.01", "8")
    assert times == [
        ("cmaes", "10 ms", "10×", ""),
        ("rnn(cell='dnc')", "100 ms", "100×", ""),
        ("random", "1 ms", "1×", ""),
    ]
    assert steps[0] == ("cmaes", "2", "1.337", "0.01025")
    assert [row[2:] for row in signs] == [("", "<", "<"), (">", "", "<"), (">", ">", "")]
    assert pairs[0][:2] == ("cmaes", "random")
    assert pairs[0][-1] == "10× slower"
    assert pairs[1][-1] == "10× faster"
    assert pairs[0][2].startswith("−")


def test_regrets_are_named() -> None:
    assert "gp/2: regret after 5 steps; less is better" in tables(record(THREE, known=True))


def test_signs_need_three_entrants_and_pairs_may_be_too_many() -> None:
    two = tables(record({"a": BEST, "b": WORST}))
    assert not any("not separated" in title for title in two)
    assert any("pairs" in title for title in two)
    many = tables(record({f"entrant {place}": WORST for place in range(8)}))
    assert not any("pairs" in title for title in many)
    (signs,) = (rows for title, rows in many.items() if "not separated" in title)
    assert {sign for row in signs for sign in row[2:]} == {"", "·"}


def test_several_problems_have_an_overview_of_places() -> None:
    found = tables(
        *(record(THREE, variant=str(place)) for place in range(1, 6)), record({"a": BEST, "b": WORST}, seed=1)
    )
    assert next(iter(found)) == "Places by problem"
    page = pages.page(board([record(THREE, variant=str(place)) for place in range(1, 7)]))
    first, second, *_ = page.tables
    assert [len(table.columns) for table in (first, second)] == [5, 3]
    assert first.rows[0] == ("cmaes", "1", "1", "1", "1")


def test_the_facts_say_what_all_share() -> None:
    facts = dict(pages.facts(board([record(THREE, workers=5, fingerprint="f" * 64)])))
    assert facts["gp/2, 5 workers"] == "2 dimensions, 5 steps; seed 0; v1; data ffffffffffff; 5 simulated workers"
    assert facts["commit"] == "0123456789ab"
    assert facts["hardware"] == "a processor"


def test_notes_tell_of_workers_different_counts_and_too_few_functions() -> None:
    plain = " ".join(pages.notes(board([record(THREE)])))
    assert "Draws of a Gaussian process depend on the order of queries" in plain
    for words in ("Simulated workers", "different numbers of functions", "underpowered"):
        assert words not in plain
    uneven = summary(conditions(workers=5), [ran("a", BEST), ran("b", BEST[:5])])
    told = " ".join(pages.notes(board([uneven])))
    for words in ("Simulated workers", "different numbers of functions", "underpowered"):
        assert words in told
    assert pages.notes(board([])) == ()


def test_a_note_says_where_a_network_was_trained_for_another_number_of_workers() -> None:
    def told(workers: int, parallel: int) -> str:
        network = ran("rnn", BEST, settings={"parallel": parallel})
        return " ".join(pages.notes(board([summary(conditions(workers=workers), [network, ran("random", WORST)])])))

    assert all("was trained with" not in told(*same) for same in ((1, 0), (1, 1), (5, 5)))
    assert "rnn was trained with 5 out at once, and 1 are here" in told(1, 5)
    assert "rnn was trained with 1 out at once, and 5 are here" in told(5, 0)


def test_a_note_says_how_many_functions_so_many_pairs_take() -> None:
    """With seven functions p is at least 2/2⁷, ten times which is above 5%, however large the differences."""
    ends = {f"entrant {place}": [place / 4 + each for each in MIDDLE[:7]] for place in range(5)}
    few = board([record(ends)])
    assert not any(pair.different for pair in few.problems[0].pairs)
    assert pairs_needed(10) == 9
    assert pages.notes(few)[-1] == (
        "gp/2: few functions. With 5 entrants it takes 9 functions to compare every pair; with fewer a difference can "
        "go unseen, however large. Raise --count."
    )
    enough = board([record({name: [*values, values[0], values[1]] for name, values in ends.items()})])
    assert all(pair.different for pair in enough.problems[0].pairs)
    assert not any("to compare every pair" in note for note in pages.notes(enough))
    fewest = board([record({name: values[:5] for name, values in ends.items()})])
    assert pages.notes(fewest)[-1] == (
        "gp/2: underpowered. Fewer than 6 functions can show no difference, however large; with 5 entrants it takes 9 "
        "functions to compare every pair. Raise --count."
    )
    alone = board([record({"a": MIDDLE[:5]})])
    assert not any("to compare every pair" in note for note in pages.notes(alone)), "there is none"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (2.5, "2.5 s"),
        (120.0, "120 s"),
        (0.9981, "0.998 s"),
        (0.0994, "99.4 ms"),
        (0.00099, "990 µs"),
        (5.2e-6, "5.2 µs"),
    ],
)
def test_times_have_their_units(seconds: float, written: str) -> None:
    assert pages.seconds(seconds) == written


def test_a_time_of_zero_divides_nothing() -> None:
    assert pages.times(1.0, 0.0).endswith("×")


def test_moments_are_round_steps_up_to_the_last() -> None:
    assert pages.moments(100) == [2, 5, 10, 20, 50, 100]
    assert pages.moments(1) == [1]
    assert pages.moments(7) == [1, 2, 5, 7]


def test_it_fits_80_columns_and_needs_no_unicode() -> None:
    records = [
        record({f"rnn(cell='dnc', parallel={place})": WORST for place in range(15)}, variant=str(at)) for at in (1, 2)
    ]
    for encoding in ("utf-8", "ascii"):
        file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        console = Console(file=file, width=80, force_terminal=False)
        show_page(pages.page(board(records)), console)
        file.flush()
        shown = file.buffer.getvalue().decode(encoding)
        assert max(map(len, shown.splitlines())) <= 80
