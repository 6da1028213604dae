"""Flat tables: every proposal, rate and epoch is a row, and the numbers are exact."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from harness.board.csv_tables import tables
from harness.contracts import Outcome, Rule, Status
from harness.race.entry import Entry, Source
from harness.race.runs import RunState
from harness.race.store.archive import Archive


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_every_proposal_rate_and_epoch_is_a_row(run, rules) -> None:
    outcome = Outcome(
        status=Status.OK,
        score=0.1 + 0.2,
        learning_rate=1e-05,
        examples=7,
        seconds=0.5,
        sweep=((1e-05, 0.25), (0.1, 1 / 3)),
        curve=(0.125, 0.1 + 0.2),
        message="",
    )
    failed = Outcome(
        status=Status.ERROR, score=0.1, learning_rate=None, examples=0, seconds=0.0, message='no "λ",\nsorry\x1b[2J'
    )
    made = [
        Entry(index=0, rule=rules[0], key=rules[0].key, source=Source.TRAINED, asked=0, told=1, outcome=outcome),
        Entry(index=1, rule=rules[0], key=rules[0].key, source=Source.DUPLICATE, asked=0, told=1, outcome=outcome),
        Entry(index=2, rule=rules[1], key=rules[1].key, source=Source.TRAINED, asked=2, told=3, outcome=failed),
        Entry(index=3, rule=rules[2], key=rules[2].key, source=Source.TRAINED, asked=2),
    ]
    archive = Archive(
        header=run(0.5).header,
        state=RunState.STOPPED,
        started=0.0,
        seconds=2.5,
        exhausted=None,
        serves=True,
        entries=tuple(made),
    )
    other = replace(archive, header=run(0.5, seed=1).header, entries=())
    found = tables([archive, other])
    runs = rows(found["runs.csv"])
    assert [each["seed"] for each in runs] == ["0", "1"]
    assert runs[0]["run"] == archive.header.name
    assert runs[0]["started"] == "1970-01-01T00:00:00+00:00"
    assert [runs[0][name] for name in ("proposals", "charged", "completed", "async")] == ["4", "3", "3", "false"]
    trials = rows(found["trials.csv"])
    assert [each["charged"] for each in trials] == ["true", "false", "true", "true"]
    assert float(trials[0]["score"]) == 0.1 + 0.2
    assert Rule.parse(trials[0]["rule"]).key == rules[0].key
    assert Rule.parse(trials[0]["tokens"]) == rules[0]
    assert trials[2]["message"] == 'no "λ", sorry�[2J'
    assert trials[2]["learning_rate"] == ""
    assert [trials[3][name] for name in ("told", "status", "score")] == ["", "", ""]
    sweeps = [(each["index"], float(each["learning_rate"]), float(each["score"])) for each in rows(found["sweeps.csv"])]
    assert sweeps == [("0", 1e-05, 0.25), ("0", 0.1, 1 / 3), ("1", 1e-05, 0.25), ("1", 0.1, 1 / 3)]
    curves = [(each["index"], each["epoch"], float(each["score"])) for each in rows(found["curves.csv"])]
    assert curves == [(index, epoch, value) for index in "01" for epoch, value in (("1", 0.125), ("2", 0.1 + 0.2))]
