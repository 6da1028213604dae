"""Any run survives its file, and no changed byte of a file goes unseen."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contracts import ChildProtocol, Outcome, Rule, Status
from harness.errors import LedgerError
from harness.race.entry import Entry, Source
from harness.race.header import SearchHeader
from harness.race.protocols import Budget
from harness.race.runs import RunState
from harness.race.store.archive import Archive, encode
from harness.race.store.archive_reading import decode
from harness.space.grammar import Space

SPACE = Space.of("arxiv2", blocks=1, operands=("g", "m", "v"), unary=("id", "exp"), binary=("mul", "left"))
PROTOCOL = ChildProtocol(
    name="fake",
    version=1,
    task="fake",
    inputs="none",
    train_examples=1,
    validation_examples=1,
    batch_size=1,
    epochs=1,
    learning_rates=(1.0,),
    chance=0.125,
)
floats = st.floats(allow_nan=False, allow_infinity=False)
scores = st.floats(0, 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
labels = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
rules = st.builds(
    lambda op1, op2, u1, u2, binary: Rule.parse(f"{op1} {op2} {u1} {u2} {binary}"),
    st.sampled_from("gmv"),
    st.sampled_from("gmv"),
    st.sampled_from(["id", "exp"]),
    st.sampled_from(["id", "exp"]),
    st.sampled_from(["mul", "left"]),
).filter(SPACE.contains)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    status = draw(st.sampled_from(Status))
    return Outcome(
        status=status,
        score=draw(scores) if status is Status.OK else PROTOCOL.chance,
        learning_rate=draw(st.sampled_from(PROTOCOL.learning_rates) if status is Status.OK else st.none() | floats),
        examples=draw(st.integers(0, 2**53)),
        seconds=draw(floats),
        sweep=tuple(draw(st.lists(st.tuples(floats, scores), max_size=3))),
        curve=tuple(draw(st.lists(scores, max_size=3))),
        message=draw(texts),
        test=draw(st.none() | (scores if status is Status.OK else st.just(PROTOCOL.chance))),
        test_at_best=draw(st.none() | (scores if status is Status.OK else st.just(PROTOCOL.chance))),
        figures=tuple(draw(st.dictionaries(labels, floats, max_size=2)).items()),
    )


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Runs as a search could have left them."""
    entries: list[Entry] = []
    first: dict[str, Entry] = {}
    asked = 0
    state, asynchronous = draw(st.sampled_from(RunState)), draw(st.booleans())
    for index, rule in enumerate(draw(st.lists(rules, max_size=8))):
        asked += draw(st.integers(0, 5)) if asynchronous else 2 * draw(st.integers(0, min(index, 1)))
        pending = state is not RunState.FINISHED and draw(st.booleans())
        outcome = first[rule.key].outcome if rule.key in first else None if pending else draw(outcomes())
        told = None if outcome is None else asked + (draw(st.integers(1, 9)) if asynchronous else 1)
        fresh = draw(st.sampled_from([Source.TRAINED, Source.SHARED]))
        source = Source.DUPLICATE if rule.key in first else fresh
        entry = Entry(index=index, rule=rule, key=rule.key, source=source, asked=asked, told=told, outcome=outcome)
        entries.append(entry)
        first.setdefault(rule.key, entry)
    header = SearchHeader(
        searcher=draw(labels),
        searcher_version=draw(st.integers(1, 99)),
        settings=draw(
            st.dictionaries(texts, texts | st.booleans() | st.integers(-(2**60), 2**60) | floats, max_size=3)
        ),
        space=SPACE,
        protocol=PROTOCOL,
        data=draw(labels),
        data_fingerprint=draw(labels),
        budget=Budget.of(8),
        seed=draw(st.integers(0, 2**62)),
        asynchronous=asynchronous,
        environment=draw(st.dictionaries(texts.filter(lambda name: name != "language"), texts, max_size=3)),
        provenance=draw(st.dictionaries(texts, texts, max_size=3)),
    )
    return Archive(
        header=header,
        state=state,
        started=draw(st.floats(0, 2.5e11)),
        seconds=draw(st.floats(0, 1e12)),
        exhausted=draw(st.none() | st.integers(0, 2**40)),
        serves=draw(st.booleans()),
        entries=tuple(entries),
    )


def read(content: bytes) -> Archive:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        path.write_bytes(content)
        return decode(path)


@settings(max_examples=40, deadline=None)
@given(archives())
def test_a_run_survives_its_file(archive: Archive) -> None:
    content = encode(archive)
    again = read(content)
    assert dataclasses.replace(again, header=archive.header) == archive
    assert again.header.to_json() == archive.header.to_json()
    assert encode(again) == content


@settings(max_examples=100, deadline=None)
@given(archives(), st.data())
def test_a_changed_byte_is_refused(archive: Archive, data: st.DataObject) -> None:
    content = bytearray(encode(archive))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    with pytest.raises(LedgerError, match="line "):
        read(bytes(content))


@settings(max_examples=60, deadline=None)
@given(archives(), st.data())
def test_a_cut_file_is_refused(archive: Archive, data: st.DataObject) -> None:
    content = encode(archive)
    kept = content[: data.draw(st.integers(0, len(content) - 1))]
    with pytest.raises(LedgerError, match="line "):
        read(kept)
