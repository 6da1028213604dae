"""Runs as files: everything survives, an interrupted run goes on from its import, and nonsense is refused by line."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doubles import CountingEngine
from racing import PINNED, completed, dump, entry, header, run

from harness.board.rules.known import CONFIRMER
from harness.board.searches.judging import boards
from harness.contracts import YOUNGER, Metric, Outcome, TaskProtocol
from harness.errors import LedgerError
from harness.race.entry import Entry
from harness.race.header import Confirmation, RunHeader
from harness.race.protocols import Budget, StoredProtocol
from harness.race.runs import RunState
from harness.race.store import archive_reading
from harness.race.store.archive import LATER, SCHEMA, Archive, encode, line
from harness.race.store.archive_reading import MOST_LINE_BYTES, decode
from harness.race.store.ledger import Ledger
from harness.race.store.rows import rule_from
from harness.space.expression import FIRST_LANGUAGE, LANGUAGE_VERSION
from harness.space.grammar import Space

STORED_V1 = Path(__file__).parent.parent / "data" / "ledger_v1.sqlite"


def archived(folder: Path, made: RunHeader) -> Archive:
    return Ledger.read(folder).archive(made.identity)


def carried(archive: Archive, into: Path) -> Archive:
    """The archive by way of a file into a store, and out of it again."""
    file = into.parent / f"{into.name}-{archive.file_name}"
    file.write_bytes(encode(archive))
    with Ledger.open(into) as ledger:
        assert ledger.adopt(decode(file))
    return archived(into, archive.header)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_finished_run_survives_to_the_byte(tmp_path: Path, asynchronous: bool) -> None:
    made = header(20, asynchronous=asynchronous, provenance={"command": "harness run --é \n"})
    run(tmp_path / "a", made, engine=CountingEngine(slots=3))
    ours = archived(tmp_path / "a", made)
    assert {each.source for each in ours.entries} == {"trained", "duplicate"}
    theirs = carried(ours, tmp_path / "b")
    assert theirs == ours
    assert dict(theirs.header.provenance) == {"command": "harness run --é \n"}
    assert encode(theirs) == encode(ours) == encode(archived(tmp_path / "a", made))
    assert dump(tmp_path / "b", made) == dump(tmp_path / "a", made)
    (one,), (other,) = Ledger.read(tmp_path / "a").results(), Ledger.read(tmp_path / "b").results()
    assert one == other


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_interrupted_run_goes_on_from_its_import(tmp_path: Path, asynchronous: bool) -> None:
    made = header(15, asynchronous=asynchronous)
    run(tmp_path / "whole", made, engine=CountingEngine(slots=2))
    engine = CountingEngine(slots=2, stop_after=7)
    run(tmp_path / "stopped", made, engine=engine, stop=engine.stop)
    stopped = archived(tmp_path / "stopped", made)
    assert stopped.state is RunState.STOPPED
    assert any(each.outcome is None for each in stopped.entries)
    assert carried(stopped, tmp_path / "else") == stopped
    rest = CountingEngine(slots=2)
    run(tmp_path / "else", made, engine=rest)
    whole = archived(tmp_path / "whole", made)
    assert rest.trained == sum(each.charged for each in whole.entries) - 7
    run(tmp_path / "stopped", made, engine=CountingEngine(slots=2))
    assert dump(tmp_path / "else", made) == dump(tmp_path / "stopped", made)
    if not asynchronous:
        assert dump(tmp_path / "else", made) == dump(tmp_path / "whole", made)


def test_a_run_being_worked_on_is_archived_as_it_stands(tmp_path: Path) -> None:
    made = header()
    with Ledger.open(tmp_path / "a") as ledger, ledger.begin(made) as handle:
        first, second = entry(0, asked=0), entry(1, asked=0)
        handle.propose([first, second])
        handle.complete([completed(first)])
        ours = archived(tmp_path / "a", made)
    assert ours.state is RunState.RUNNING
    assert [each.outcome is None for each in ours.entries] == [False, True]
    assert carried(ours, tmp_path / "b") == ours


def test_outcomes_serve_equal_environments_and_no_others(tmp_path: Path) -> None:
    made = header(8)
    run(tmp_path / "a", made)
    carried(archived(tmp_path / "a", made), tmp_path / "b")
    store = Ledger.read(tmp_path / "b")
    trained = [each for each in store.archive(made.identity).entries if each.charged]
    for each in trained:
        shared = store.evaluation(made, each.key)
        assert shared == (each.outcome if each.outcome and each.outcome.status != "error" else None)
        assert store.evaluation(header(8, environment={"fake": "2"}), each.key) is None
        assert store.evaluation(header(8, seed=1), each.key) is None


def test_what_an_old_store_does_not_know_the_environment_of_serves_nobody(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    shutil.copy(STORED_V1, tmp_path / "old" / "ledger.sqlite")
    old = Ledger.read(tmp_path / "old")
    archives = [old.archive(row.identity) for row in old.rows()]
    assert not all(archive.serves for archive in archives)
    for archive in archives:
        if not archive.serves:
            again = carried(archive, tmp_path / "new")
            assert again == archive
            store = Ledger.read(tmp_path / "new")
            assert all(store.evaluation(archive.header, each.key) is None for each in archive.entries)


def test_a_run_that_is_there_is_never_changed(tmp_path: Path) -> None:
    made = header(6)
    run(tmp_path / "a", made)
    ours = archived(tmp_path / "a", made)
    with Ledger.open(tmp_path / "a") as ledger:
        assert not ledger.adopt(ours)
        shorter = replace(ours, entries=ours.entries[:-1], state=RunState.STOPPED)
        with pytest.raises(LedgerError, match="with other content"):
            ledger.adopt(shorter)
    assert archived(tmp_path / "a", made) == ours


def test_a_file_is_the_very_same_even_once_other_runs_make_its_outcomes_serve(tmp_path: Path) -> None:
    made = header(6)
    run(tmp_path / "a", made)
    ours = archived(tmp_path / "a", made)
    unsure, equal = replace(ours, serves=False), replace(ours, header=header(6, settings={"batch": 4}))
    with Ledger.open(tmp_path / "b") as ledger:
        assert ledger.adopt(unsure)
        assert not ledger.adopt(unsure)
        assert ledger.adopt(equal)
        assert not ledger.adopt(unsure)


OWN = StoredProtocol(
    name="own",
    version=1,
    task="nowhere:Own",
    learning_rates=(0.1, 1),
    chance=0.1,
    metric=Metric("loss", score="1 / (1 + x)"),
    numbers={"steps": 7, "ends": [1, 2.5, None], "deep": {"a": True}},
)


def test_a_run_by_a_protocol_with_numbers_of_its_own_is_taken_elsewhere_whole(tmp_path: Path) -> None:
    made = header(6, protocol=OWN)
    run(tmp_path / "a", made)
    ours = archived(tmp_path / "a", made)
    theirs = carried(ours, tmp_path / "b")
    assert theirs == ours
    assert encode(theirs) == encode(ours)
    assert b'"learning_rates": [0.1, 1]' in encode(theirs)  # numbers as they were written
    assert theirs.header.protocol == OWN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"steps": 8}, r"line 1: expected name"),
        ({"steps": [1, float("nan")]}, r"line 1: expected finite numbers in header.protocol.steps, got \[1, nan\]"),
        ({"more": 1}, r"line 1: expected name"),
        ({"metric": {"name": "loss", "unit": "", "score": "x\n"}}, r"line 1: .*metric.score"),
        ({"train_examples": -1}, r"line 1: .*protocol.train_examples"),
    ],
)
def test_numbers_of_its_own_that_were_changed_are_refused(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    made = header(3, protocol=OWN)
    run(tmp_path / "a", made)
    lines = [json.loads(each) for each in encode(archived(tmp_path / "a", made)).splitlines()]
    lines[0]["header"]["protocol"] |= change
    body = b"".join(json.dumps(each).encode("ascii") + b"\n" for each in lines[:-1])
    foot = line(lines[-1] | {"sha256": hashlib.sha256(body).hexdigest()})
    (tmp_path / "run.jsonl").write_bytes(body + foot)
    with pytest.raises(LedgerError, match=expected):
        decode(tmp_path / "run.jsonl")


def test_a_hostile_searcher_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    run(tmp_path / "a", header(3))
    ours = archived(tmp_path / "a", header(3))
    for name in ("../../etc/cron", "..", "a/b", "a\\b", ".hidden", "x" * 500):
        file = replace(ours, header=header(3, searcher=name)).file_name
        assert Path(file).name == file
        assert not file.startswith(".")
        assert len(file) < 255


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder, made = tmp_path_factory.mktemp("sound"), header(20, environment=PINNED)
    run(folder, made)
    return encode(archived(folder, made))


@pytest.fixture
def lines(sound: bytes) -> list[dict]:
    """A sound file's lines, for spoiling."""
    return [json.loads(each) for each in sound.splitlines()]


def sealed(lines: list[dict]) -> bytes:
    """The lines as a file with a right checksum, so that only what they say can be wrong."""
    body = b"".join(map(line, lines[:-1]))
    return body + line(lines[-1] | {"sha256": hashlib.sha256(body).hexdigest()})


def duplicate(lines: list[dict]) -> int:
    return next(place for place, each in enumerate(lines) if each.get("source") == "duplicate")


def failed(lines: list[dict]) -> int:
    return next(place for place, each in enumerate(lines) if (each.get("outcome") or {}).get("status") == "diverged")


def good(lines: list[dict]) -> int:
    return next(place for place, each in enumerate(lines) if (each.get("outcome") or {}).get("status") == "ok")


SPOILED: dict[str, tuple[Callable[[list[dict]], object], str]] = {
    "newer schema": (lambda lines: lines[0].update(schema=SCHEMA + 1), r"line 1: .*newer harness"),
    "another format": (lambda lines: lines[0].update(format="recipe"), r"line 1: .*harness export"),
    "identity": (lambda lines: lines[0].update(identity="0" * 16), r"line 1: expected identity"),
    "protocol hash": (lambda lines: lines[0].update(protocol_hash="0" * 16), r"line 1: expected protocol_hash"),
    "protocol": (lambda lines: lines[0]["header"]["protocol"].update(epochs=9), r"line 1: expected name"),
    "environment": (lambda lines: lines[0]["header"]["environment"].update(fake="2"), r"line 1: .*environment_hash"),
    "seed": (lambda lines: lines[0]["header"].update(seed=1.5), r"line 1: .*seed"),
    "searcher": (lambda lines: lines[0]["header"].update(searcher="a\x1b[2J"), r"line 1: .*searcher"),
    "space": (lambda lines: lines[0]["header"]["space"]["operands"].append("q"), r"line 1: .*operand"),
    "budget": (lambda lines: lines[0]["header"]["budget"].update(children=0), r"line 1: .*header"),
    "a budget beyond counting": (
        lambda lines: lines[0]["header"]["budget"].update(children=2**62, proposals=2**62),
        r"line 1: .*children: expected 1 to 10000000",
    ),
    "a date beyond calendars": (
        lambda lines: lines[0].update(started=1e20),
        r"line 1: .*less than or equal to 253370764799",
    ),
    "no learning rate": (lambda lines: lines[0]["header"]["protocol"].update(learning_rates=[]), r"line 1: .*_rates"),
    "no epoch": (lambda lines: lines[0]["header"]["protocol"].update(epochs=0), r"line 1: .*protocol.epochs"),
    "no batch": (lambda lines: lines[0]["header"]["protocol"].update(batch_size=0), r"line 1: .*protocol.batch_size"),
    "unknown field": (lambda lines: lines[2].update(note="x"), r"line 3: expected no field note"),
    "unknown header field": (lambda lines: lines[0]["header"].update(x=1), r"line 1: expected no field header.x"),
    "missing field": (lambda lines: lines[2].pop("key"), r"line 3: expected a field key"),
    "index twice": (lambda lines: lines[3].update(index=1), r"line 4: expected index 2, got 1"),
    "lines swapped": (lambda lines: lines.insert(1, lines.pop(2)), r"line 2: expected index 0"),
    "a line lost": (lambda lines: lines.pop(4), r"line 5: expected index 3, got 4"),
    "no such rule": (lambda lines: lines[2].update(rule="g q id id mul"), r"line 3: .*a rule that the run may train"),
    "too long a rule": (lambda lines: lines[2].update(rule=" ".join(["g m id id mul"] * 2)), r"line 3: .*space"),
    "forged key": (lambda lines: lines[2].update(key="adam"), r"line 3: expected key"),
    "score above 1": (lambda lines: lines[2]["outcome"].update(score=1.01), r"line 3: .*less than or equal to 1"),
    "score text": (lambda lines: lines[2]["outcome"].update(score="0.5"), r"line 3: .*number in outcome.score"),
    "curve": (lambda lines: lines[2]["outcome"].update(curve=[2.0]), r"line 3: .*outcome.curve.0"),
    "examples": (lambda lines: lines[2]["outcome"].update(examples=-1), r"line 3: .*outcome.examples"),
    "huge number": (lambda lines: lines[2]["outcome"].update(examples=2**63), r"line 3: .*outcome.examples"),
    "reward of a failure": (lambda lines: lines[failed(lines)]["outcome"].update(score=0.9), r"expected score 0.1"),
    "uncharged": (lambda lines: lines[1].update(source="duplicate"), r"line 2: expected an earlier proposal"),
    "charged twice": (lambda lines: lines[duplicate(lines)].update(source="trained"), r"expected source duplicate"),
    "another outcome": (lambda lines: lines[duplicate(lines)]["outcome"].update(seconds=9.0), r"the same function"),
    "asked out of step": (lambda lines: lines[-2].update(asked=99, told=100), r"step \d+ or \d+ in asked"),
    "asked late": (lambda lines: lines[1].update(asked=2, told=3), r"line 2: expected step 0 in asked"),
    "told out of step": (lambda lines: lines[2].update(told=3), r"line 3: expected step 1 in told"),
    "ok without a rate": (lambda lines: lines[good(lines)]["outcome"].update(learning_rate=None), r"no learning rate"),
    "a rate of its own": (lambda lines: lines[good(lines)]["outcome"].update(learning_rate=0.5), r"learning rate of 0"),
    "told before asked": (lambda lines: lines[2].update(told=0), r"line 3: expected step 1 in told"),
    "asked backwards": (lambda lines: lines[-2].update(asked=0), r"expected a step from"),
    "unfinished": (lambda lines: lines[-2].update(outcome=None, told=None), r"expected .*outcome"),
    "a count": (lambda lines: lines[-1].update(charged=0), r"expected the checksum and the counts"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_nonsense_is_refused_with_its_line(tmp_path: Path, lines: list[dict], spoil: str) -> None:
    (tmp_path / "sound.jsonl").write_bytes(sealed(lines))
    decode(tmp_path / "sound.jsonl")
    change, expected = SPOILED[spoil]
    change(lines)
    (tmp_path / "run.jsonl").write_bytes(sealed(lines))
    with pytest.raises(LedgerError, match=expected):
        decode(tmp_path / "run.jsonl")


HOSTILE_RULES = {
    "a control code": "\x01 g id id mul",
    "nested without end": "sign(" * 1500 + "g" + ")" * 1500 + " g id id mul",
    "a formula of five words": "g + m - v",
    "another kind of word": "g g pow id mul",
    "a later result": "#7 g id id mul",
    "doubled without end": " ".join(["g g id id mul", *(f"#{number} #{number} id id mul" for number in range(1, 31))]),
}


@pytest.mark.parametrize("language", [LANGUAGE_VERSION, LANGUAGE_VERSION + 1], ids=["ours", "later"])
@pytest.mark.parametrize("text", HOSTILE_RULES.values(), ids=HOSTILE_RULES)
def test_a_confirmation_of_what_is_no_rule_is_refused(tmp_path: Path, text: str, language: int) -> None:
    made = header(
        1,
        proposals=1,
        searcher=CONFIRMER,
        settings={},
        environment={"language": str(language)},
        confirmation=Confirmation((text,)),
    )
    alone = replace(entry(0, asked=0), rule=rule_from(text), key=text)
    (tmp_path / "run.jsonl").write_bytes(encode(replace(_empty(made), entries=(completed(alone),))))
    if language != LANGUAGE_VERSION and text in (HOSTILE_RULES["a control code"], HOSTILE_RULES["nested without end"]):
        assert decode(tmp_path / "run.jsonl").entries[0].key == text, "words of another version are read"
    else:
        with pytest.raises(LedgerError, match=r"line 2: .*a rule that the run may train"):
            decode(tmp_path / "run.jsonl")


def test_a_run_of_an_earlier_language_keeps_the_keys_it_was_recorded_with(tmp_path: Path) -> None:
    """Two functions of then may be one now: the run's budget paid for both, and its board shows both."""
    made = header(2, environment={"fake": "1", "language": FIRST_LANGUAGE})
    recorded = {"g 1 id id div": "0.99999999 * g", "g m id id left": "g"}
    entries = [
        completed(replace(entry(number, asked=2 * number), rule=rule_from(text), key=key))
        for number, (text, key) in enumerate(recorded.items())
    ]
    (rule, *_), keys = [each.rule for each in entries], list(recorded.values())
    assert rule.key == "g", "it has another key now"
    (tmp_path / "run.jsonl").write_bytes(encode(replace(_empty(made), entries=tuple(entries))))
    assert [each.key for each in carried(decode(tmp_path / "run.jsonl"), tmp_path / "store").entries] == keys
    store = Ledger.read(tmp_path / "store")
    for (read,) in (store.runs(), store.results()):
        assert list(read.results.keys) == keys
    assert boards(store.runs())[0].rows == boards(store.results())[0].rows


def _empty(made: RunHeader) -> Archive:
    return Archive(
        header=made, state=RunState.STOPPED, started=1.0, seconds=1.0, exhausted=None, serves=True, entries=()
    )


def test_a_tell_before_its_ask_is_refused_of_a_run_that_tells_as_they_finish(tmp_path: Path) -> None:
    run(tmp_path / "a", header(asynchronous=True))
    lines = [json.loads(each) for each in encode(archived(tmp_path / "a", header(asynchronous=True))).splitlines()]
    lines[2].update(told=lines[2]["asked"])
    (tmp_path / "run.jsonl").write_bytes(sealed(lines))
    with pytest.raises(LedgerError, match="line 3: expected a step after"):
        decode(tmp_path / "run.jsonl")


def test_more_than_the_budget_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", header(20))
    ours = archived(tmp_path / "a", header(20))
    (tmp_path / "run.jsonl").write_bytes(encode(replace(ours, header=header(5))))
    with pytest.raises(LedgerError, match="at most 5 charged children"):
        decode(tmp_path / "run.jsonl")
    (tmp_path / "run.jsonl").write_bytes(encode(replace(ours, header=header(20, proposals=20))))
    with pytest.raises(LedgerError, match="at most 20 proposals"):
        decode(tmp_path / "run.jsonl")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda _: b"", "line 1: .*empty file"),
        (lambda _: b"\n", "line 1: "),
        (lambda _: bytes(range(256)) * 50, "line 1: "),
        (lambda _: b"[" * 50_000 + b"\n", "line 1: "),
        (lambda _: b'{"format": "harness run", "schema": ' + b"9" * 9000 + b"}\n", "line 1: "),
        (lambda text: b"x" * (MOST_LINE_BYTES + 1) + text, "line 1: expected a line of at most"),
        (lambda text: text[:-1], "expected a complete line"),
        (lambda text: text[: text.rindex(b'{"proposals"')], "expected the line with the checksum"),
        (lambda text: text + b"\n", "expected nothing after"),
        (lambda text: text + text, "expected nothing after"),
        (lambda text: text.replace(b"\n", b"\r\r\n"), "line 1: "),
        (lambda text: text.replace(b", ", b",\r", 1), "line 1: .*written differently"),
        (lambda text: b"\xef\xbb\xbf" + text, "line 1: "),
        (lambda text: text.replace(b'"index": 1,', b'"index": 1, "index": 1,'), "line 3: .*written differently"),
        (lambda text: text.replace(b'"examples": 300', b'"examples": NaN', 1), "line .*: "),
        (lambda text: text.replace(b'"score": 0', b'"score": -Infinity, "x": 0', 1), "line .*: "),
        (lambda text: text.replace(b'"key": "', b'"key": "\xff\xfe', 1), "line 2: "),
        (lambda text: text.replace(b'"key": "', b'"key": "\\ud800', 1), "line 2: "),
    ],
)
def test_a_file_that_is_no_export_or_not_whole_is_refused(
    tmp_path: Path, lines: list[dict], spoil: Callable[[bytes], bytes], expected: str
) -> None:
    (tmp_path / "run.jsonl").write_bytes(spoil(sealed(lines)))
    with pytest.raises(LedgerError, match=expected) as refusal:
        decode(tmp_path / "run.jsonl")
    assert "\n" not in str(refusal.value)


FIGURES = {"test": 0.5, "test_at_best": 0.75, "figures": (("bleu", 27.4), ("perplexity", 81.25))}


@pytest.mark.parametrize("used", [["test_at_best"], ["figures"], ["test_at_best", "figures"]])
def test_the_later_fields_of_an_outcome_are_written_where_they_are_used_and_take_schema_3(
    tmp_path: Path, used: list[str]
) -> None:
    made = header()
    with Ledger.open(tmp_path / "a") as ledger, ledger.begin(made) as handle:
        first, second = entry(0, asked=0), entry(1, asked=0)
        handle.propose([first, second])
        changes = {name: FIGURES[name] for name in used}
        handle.complete([completed(first), completed(second, **changes)])
    ours = archived(tmp_path / "a", made)
    head, plain, changed, _ = map(json.loads, encode(ours).splitlines())
    assert head["schema"] == 3
    assert not plain["outcome"].keys() & set(LATER)
    assert [name for name in changed["outcome"] if name in LATER] == used
    assert carried(ours, tmp_path / "b") == ours
    assert dump(tmp_path / "b", made) == dump(tmp_path / "a", made)
    assert Ledger.read(tmp_path / "a").evaluation(made, second.key) == ours.entries[1].outcome


@pytest.mark.parametrize(("schema", "least"), [(1, 3), (2, 3), (3, 1)])
def test_a_file_whose_schema_is_not_the_oldest_that_can_hold_it_is_refused(
    tmp_path: Path, lines: list[dict], schema: int, least: int
) -> None:
    lines[0]["schema"] = schema
    if least == 3:
        lines[2]["outcome"]["test_at_best"] = 0.5
    (tmp_path / "run.jsonl").write_bytes(sealed(lines))
    with pytest.raises(LedgerError, match=f"expected schema {least}, the oldest that can hold the run, got {schema}"):
        decode(tmp_path / "run.jsonl")


@pytest.mark.parametrize("unused", [{"test_at_best": None}, {"figures": []}])
def test_a_file_that_writes_a_later_field_without_using_it_is_refused(
    tmp_path: Path, lines: list[dict], unused: dict
) -> None:
    lines[2]["outcome"] |= unused
    (tmp_path / "run.jsonl").write_bytes(sealed(lines))
    with pytest.raises(LedgerError, match="line 3: expected the line as `harness export` writes it"):
        decode(tmp_path / "run.jsonl")


def test_other_ends_of_lines_are_the_same_content(tmp_path: Path) -> None:
    """As Git writes them with ``core.autocrlf``, or an editor does."""
    run(tmp_path / "a", header(20))
    ours = archived(tmp_path / "a", header(20))
    file = tmp_path / "run.jsonl"
    file.write_bytes(encode(ours).replace(b"\n", b"\r\n"))
    assert decode(file) == ours
    assert encode(decode(file)) == encode(ours)
    with Ledger.open(tmp_path / "a") as ledger:
        assert not ledger.adopt(decode(file))  # identical to what it holds
    file.write_bytes(encode(ours).replace(b"\n", b"\r\n").replace(b'"asked": 0', b'"asked": 1', 1))
    with pytest.raises(LedgerError, match="line 2: "):
        decode(file)


@pytest.mark.parametrize("kind", [Archive, RunHeader, Space, Budget, TaskProtocol, Entry, Outcome])
def test_a_line_without_a_field_that_a_dataclass_declares_is_refused_by_name(
    tmp_path: Path, lines: list[dict], kind: type
) -> None:
    """Fields of the dataclasses are the schema: a new one needs no second declaration."""
    places = {
        Archive: lines[0],
        RunHeader: lines[0]["header"],
        Space: lines[0]["header"]["space"],
        Budget: lines[0]["header"]["budget"],
        TaskProtocol: lines[0]["header"]["protocol"],
        Entry: lines[2],
        Outcome: lines[2]["outcome"],
    }
    held = places[kind]
    names = [field.name for field in dataclasses.fields(kind) if field.name in held]
    assert {field.name for field in dataclasses.fields(kind)} - set(names) <= {"entries", *YOUNGER, *LATER}
    for name in names:
        value = held.pop(name)
        (tmp_path / "run.jsonl").write_bytes(sealed(lines))
        with pytest.raises(LedgerError, match=rf"line \d: expected a field ([\w.]+\.)?{name}, got none"):
            decode(tmp_path / "run.jsonl")
        held[name] = value


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(LedgerError, match="expected a run's export"):
            decode(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch) -> None:
    packed = tmp_path / "run.jsonl.gz"
    packed.write_bytes(gzip.compress(b"x" * 999 + b"\n" + b"y" * 5000))
    monkeypatch.setattr(archive_reading, "MOST_BYTES", 500)
    with pytest.raises(LedgerError, match=r"line 1: expected at most 500 bytes, got more"):
        decode(packed)
