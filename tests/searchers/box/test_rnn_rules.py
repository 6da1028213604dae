"""The searcher of rules ``rnn``: it holds the contract, reaches every rule, learns from scores, and runs by command."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.conformance import check_searcher, failures
from harness.contracts import Outcome, Status, Trial
from harness.errors import SettingError
from harness.registry import Kind, load
from harness.searchers.box.learned.architecture import Architecture, Cell
from harness.searchers.box.learned.network import Network
from harness.searchers.box.learned.weights import Header, LearnedWeights, file_name, read, save
from harness.searchers.box.rnn_rules import BoxRnn
from harness.settings import declared
from harness.space.grammar import Space

SPACE = Space.of("icml2017", blocks=2)
TINY = Space.of(blocks=1, operands=("g", "m"), unary=("id", "neg"), binary=("mul", "add"))
TARGET = "harness.searchers.box.rnn_rules:BoxRnn"


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def outcome(score: float) -> Outcome:
    return Outcome(status=Status.OK, score=score, learning_rate=0.1, examples=1, seconds=0.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    for cell in ("lstm", "dnc"):
        for dimensions in (3, 6):
            architecture = Architecture(dimensions=dimensions, cell=cell, hidden=8, slots=4, width=4)
            network = Network(architecture, seed=1)
            for name, weight in network.named_parameters():
                if "weight" in name:
                    weight.data.mul_(4.0)
            weights = LearnedWeights(Header(architecture=architecture, loss="oi"), network)
            save(weights, folder / file_name(architecture, "oi"))
    return folder


def own(folder: Path, *, cell: Cell = "lstm", dimensions: int = 6) -> dict[str, str]:
    """The settings that name weights of a folder, with their hash."""
    return {"weights": str(folder), "hash": read(folder / f"{cell}-oi-{dimensions}.safetensors").hash}


def test_it_keeps_the_promises_of_searchers(trained: Path) -> None:
    file = trained / "dnc-oi-3.safetensors"  # which fits every space
    settings = {"weights": str(file), "hash": read(file).hash, "cell": "dnc"}
    patient = {"timeout_seconds": 600.0, "ask_seconds": 60.0}
    assert failures(check_searcher(TARGET, settings=settings, blocks=(2,), **patient)) == []


def test_it_moves_as_many_coordinates_as_the_largest_network_that_fits(trained: Path) -> None:
    search = BoxRnn(SPACE, seed=0, **own(trained), episode=10)
    points = search._optimizer.ask(10)
    assert (points.max(0) - points.min(0) > 1e-6).sum() == 6
    smaller = BoxRnn(TINY, seed=0, **own(trained, dimensions=3), episode=10)
    points = smaller._optimizer.ask(10)
    assert points.shape == (10, 5)
    assert (points.max(0) - points.min(0) > 1e-6).sum() == 3


def test_scores_decide_what_it_proposes_next_but_only_by_their_order(trained: Path) -> None:
    def proposed(cube: bool, flip: bool) -> list[str]:
        search = BoxRnn(SPACE, seed=0, **own(trained), batch=2)
        texts = []
        for number in range(8):
            rules = search.ask(2)
            texts += [str(rule) for rule in rules]
            scores = [((hash_of(str(rule)) % 1_000) + 1) / 1_001 for rule in rules]
            scores = [1 - score if flip else score for score in scores]
            scores = [score**3 if cube else score for score in scores]
            search.tell(
                [
                    Trial(2 * number + k, rule, outcome(score))
                    for k, (rule, score) in enumerate(zip(rules, scores, strict=True))
                ]
            )
        return texts

    plain = proposed(False, False)
    assert proposed(True, False) == plain
    assert proposed(False, True) != plain


def test_a_box_without_weights_says_which_are_missing(trained: Path) -> None:
    with pytest.raises(
        SettingError, match=r"weights in .*: expected lstm-ei-10\.safetensors or of fewer dimensions, got dnc-oi-3"
    ):
        BoxRnn(SPACE, seed=0, loss="ei", weights=str(trained))


@pytest.mark.parametrize("given", ["", "0123456789abcdef"])
def test_weights_of_ones_own_go_into_the_record_by_their_hash(trained: Path, given: str) -> None:
    expected = own(trained)["hash"]
    with pytest.raises(SettingError, match=f"got {given or 'none'}. Add hash={expected} to the settings"):
        BoxRnn(SPACE, seed=0, weights=str(trained), hash=given)


def test_a_hash_of_other_weights_than_those_that_ship_is_refused() -> None:
    with pytest.raises(SettingError, match=r"hash of weights: expected \w{16}, that of the weights that ship, got abc"):
        BoxRnn(SPACE, seed=0, hash="abc")


def test_its_settings_are_read_without_loading_torch() -> None:
    assert list(declared(load(Kind.SEARCHER, TARGET))) == [
        "batch",
        "episode",
        "cell",
        "loss",
        "parallel",
        "weights",
        "hash",
    ]
