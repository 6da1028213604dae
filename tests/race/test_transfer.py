"""A transfer is a run like any other, on seeds of its own; the rungs of a funnel share them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from doubles import CountingEngine, rules
from racing import PROTOCOL, dump, fake_outcome, header, run

from harness.board.rules.known import InTurn
from harness.board.searches.judging import boards
from harness.candidates import NamedOptimizer
from harness.contracts import Candidate, Outcome, Status, TaskProtocol
from harness.errors import LedgerError, SpaceError
from harness.race.header import Confirmation, Funnel, RunHeader, Transfer, TransferHeader
from harness.race.protocols import Budget, StoredProtocol, child_seed, stored, whole
from harness.race.runs import RunState
from harness.race.store.archive import encode
from harness.race.store.archive_reading import decode
from harness.race.store.ledger import Ledger

SEED = child_seed(0, PROTOCOL, transfer=True)
FEW = tuple(each for each in rules(12) if fake_outcome(each.key, SEED).status is Status.OK)[:4]
SGD = NamedOptimizer("torch", "SGD", (("momentum", 0.9),), (("dampening", 0),))
MIXED: tuple[Candidate, ...] = (*FEW[:2], SGD)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Far(TaskProtocol):
    """A protocol with a horizon."""

    horizon: int = 0


FAR = Far(name="far", version=1, task="far", learning_rates=(0.1,), epochs=9, chance=0.0)


def transferring(
    chosen: tuple[Candidate, ...] = MIXED, *, seed: int = 0, funnel: Funnel | None = None, **changes: object
) -> RunHeader:
    return header(
        searcher="transfer",
        settings={},
        seed=seed,
        budget=Budget(len(chosen), len(chosen)),
        transfer=Transfer(tuple(map(str, chosen)), funnel=funnel),
        **changes,
    )


FUNNEL = Funnel(rungs=(3, 9), share=3, rule="the better third", seeds=(0, 1), entrants=tuple(map(str, MIXED)))


def transfer(folder: Path, made: RunHeader, chosen: tuple[Candidate, ...] = MIXED, **options: object):
    return run(folder, made, searcher=InTurn(chosen), **options)  # type: ignore[arg-type]


def test_child_seeds_are_those_of_no_other_run() -> None:
    ours = {transferring(seed=seed).child_seed for seed in range(20)}
    others = {child_seed(seed, PROTOCOL, fresh=fresh) for seed in range(1_000) for fresh in (False, True)}
    assert len(ours) == 20
    assert not ours & others
    assert transferring(MIXED[:1], seed=3).child_seed == transferring(seed=3).child_seed, "paired across lists"


def test_all_rungs_of_a_funnel_share_a_child_seed_with_the_whole_training() -> None:
    rungs = [dataclasses.replace(FAR, epochs=epochs, horizon=9) for epochs in (1, 3)]
    rungs += [stored(json.loads(json.dumps(each.spec()))) for each in rungs]
    assert {type(each) for each in rungs} == {Far, StoredProtocol}
    seeds = {transferring(protocol=each).child_seed for each in (*rungs, FAR)}
    assert len(seeds) == 1
    assert {whole(each) for each in rungs} == {FAR.hash}
    assert whole(PROTOCOL) == PROTOCOL.hash, "without a horizon, a protocol is whole"
    other = dataclasses.replace(FAR, epochs=3, horizon=10)
    assert transferring(protocol=other).child_seed not in seeds


@pytest.mark.parametrize("funnel", [None, FUNNEL])
def test_a_header_is_read_back_and_is_of_one_kind_alone(funnel: Funnel | None) -> None:
    made = transferring(funnel=funnel)
    assert RunHeader.from_json(made.to_json()) == made
    assert (type(made), made.kind, made.searches) == (TransferHeader, "transfer", False)
    both = json.loads(made.to_json()) | {"table": "T"}
    with pytest.raises(LedgerError, match="run header"):
        RunHeader.from_json(json.dumps(both))


@pytest.mark.parametrize("broken", [{}, {"candidates": 3}, {"candidates": ["g"], "chosen": "", "funnel": {"share": 3}}])
def test_a_header_that_is_not_whole_is_refused(broken: dict) -> None:
    fields = json.loads(transferring().to_json()) | {"transfer": broken}
    with pytest.raises(LedgerError, match="run header"):
        RunHeader.from_json(json.dumps(fields))


def test_candidates_and_funnel_say_which_run_it_is() -> None:
    made = transferring()
    others = [
        transferring(MIXED[::-1]),
        transferring(seed=1),
        transferring(funnel=FUNNEL),
        transferring(funnel=dataclasses.replace(FUNNEL, share=2)),
    ]
    assert len({each.identity for each in (made, *others)}) == 5


def test_only_the_listed_candidates_are_trained(tmp_path: Path) -> None:
    summary = transfer(tmp_path, transferring())
    assert [trial.rule for trial in summary.trials] == list(MIXED)
    with pytest.raises(SpaceError, match="one of the transfer's candidates"):
        transfer(tmp_path, transferring(FEW[:2]), FEW[2:])


def test_a_list_that_grew_trains_what_is_new_alone_and_nothing_serves_a_confirmation(tmp_path: Path) -> None:
    first, second, third = CountingEngine(), CountingEngine(), CountingEngine()
    transfer(tmp_path, transferring(FEW[:2]), FEW[:2], engine=first)
    transfer(tmp_path, transferring(FEW), FEW, engine=second)
    confirmation = Confirmation(tuple(map(str, FEW)))
    made = header(searcher="confirm", settings={}, budget=Budget(4, 4), confirmation=confirmation)
    transfer(tmp_path, made, FEW, engine=third)
    assert (first.trained, second.trained, third.trained) == (2, 2, 4)


class TestingEngine(CountingEngine):
    """Gives all that a workload's child has."""

    __test__ = False

    def next(self, *, timeout_seconds: float) -> tuple[int, Outcome] | None:
        delivery = super().next(timeout_seconds=timeout_seconds)
        if delivery is None:
            return None
        ticket, outcome = delivery
        given = {"test": 0.25, "test_at_best": 0.5, "figures": (("bleu", 27.25),)}
        return ticket, dataclasses.replace(outcome, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("funnel", [None, FUNNEL])
def test_a_transfer_survives_its_file_and_needs_schema_3(tmp_path: Path, funnel: Funnel | None) -> None:
    made = transferring(funnel=funnel, protocol=PROTOCOL)
    transfer(tmp_path / "a", made, engine=TestingEngine())
    archive = Ledger.read(tmp_path / "a").archive(made.identity)
    (tmp_path / "run.jsonl").write_bytes(encode(archive))
    assert json.loads(encode(archive).splitlines()[0])["schema"] == 3
    assert decode(tmp_path / "run.jsonl") == archive
    with Ledger.open(tmp_path / "b") as ledger:
        assert ledger.adopt(archive)
    assert dump(tmp_path / "b", made) == dump(tmp_path / "a", made)
    (record,) = Ledger.read(tmp_path / "b").transfers()
    assert record.state is RunState.FINISHED
    assert [trial.outcome.test_at_best for trial in record.trials] == [0.5] * 3


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("candidates",), [], "at least one in header.transfer.candidates"),
        (("candidates",), ["x" * 10_001], "10000"),
        (("chosen",), 3, "string in header.transfer.chosen"),
        (("chosen",), "a\nb", "one short line of text in header.transfer.chosen"),
        (("funnel", "rungs"), [3], "at least 2"),
        (("funnel", "rungs"), [0, 3], "greater than or equal to 1"),
        (("funnel", "share"), 1, "greater than or equal to 2"),
        (("funnel", "rule"), "a\nb", "one short line"),
        (("funnel", "seeds"), [-1], "greater than or equal to 0"),
        (("funnel", "entrants"), None, "array"),
        (("funnel", "more"), 1, "no field"),
    ],
)
def test_a_file_with_a_transfer_that_no_run_can_have_is_refused(
    tmp_path: Path, place: tuple[str, ...], value: object, said: str
) -> None:
    transfer(tmp_path / "a", transferring(funnel=FUNNEL))
    archive = Ledger.read(tmp_path / "a").archive(transferring(funnel=FUNNEL).identity)
    head, rest = encode(archive).split(b"\n", 1)
    fields = json.loads(head)
    held = fields["header"]["transfer"]
    for name in place[:-1]:
        held = held[name]
    held[place[-1]] = value
    (tmp_path / "run.jsonl").write_bytes(json.dumps(fields).encode() + b"\n" + rest)
    with pytest.raises(LedgerError, match="line 1: ") as refusal:
        decode(tmp_path / "run.jsonl")
    assert said in str(refusal.value)


def test_boards_of_searches_ignore_transfers(tmp_path: Path) -> None:
    run(tmp_path, header())
    before = boards(Ledger.read(tmp_path).results())
    transfer(tmp_path, transferring())
    ledger = Ledger.read(tmp_path)
    assert boards(ledger.results()) == before
    assert ledger.confirmations() == []
