"""Translation: its perplexity, padding, the vocabulary, BLEU, and data that does not fit."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sacrebleu
import torch
from small_text import SMALL_NMT, small_pairs, small_text
from torch.testing import assert_close

from harness.errors import DataError, ProtocolError, RegistryError
from harness.tasks.data.text import subwords
from harness.tasks.data.text.corpora import PairData, Pairs
from harness.tasks.data.text.subwords import END, PAD, encoded
from harness.tasks.transfer.text import nmt
from harness.tasks.transfer.text.batches import Batch
from harness.tasks.transfer.text.bleu import bleu
from harness.tasks.transfer.text.nmt import Sentences, TranslationNetwork, TranslationTask
from harness.tasks.transfer.text.protocols import NMT_MINI, TranslationProtocol

CPU = torch.device("cpu")


def sentences(protocol: TranslationProtocol = SMALL_NMT) -> Sentences:
    return Sentences(protocol, small_pairs(), device=CPU)


def nats_alone(network: TranslationNetwork, source: list[int], target: list[int]) -> float:
    """Return the negative log-likelihood of one translation, word by word, without any padding."""
    memory = network.model.encode(torch.tensor(source)[:, None])
    logits, _ = network.model.decode(torch.tensor([1, *target[:-1]])[:, None], memory)
    chances = logits[:, 0].detach().double().log_softmax(-1)
    return -sum(float(chances[place, word]) for place, word in enumerate(target))


def test_perplexity_is_that_of_every_target_subword_alone() -> None:
    """One pair at a time, with the end of each sentence, against batches with padding."""
    data = sentences()
    network = data.start(5)
    for pairs, places, score in (
        (data.text.validation, data.validation, network.score()),
        (data.text.test, data.test, network.test()),
    ):
        nats = [nats_alone(network, pairs.source[each].tolist(), pairs.target[each].tolist()) for each in places]
        words = sum(len(pairs.target[each]) for each in places)
        assert all(pairs.target[each][-1] == END for each in places)
        assert 1 / score == pytest.approx(math.exp(sum(nats) / words), rel=1e-5)


def test_padding_moves_no_loss_and_no_gradient() -> None:
    """A batch with a short translation beside a long one costs what both cost alone, and so do its gradients."""
    data = sentences(replace(SMALL_NMT, dropout=0.0, clip=math.inf))
    pairs, network = data.text.train, data.start(1)
    lengths = pairs.source.lengths
    couples = [
        (one, other)
        for one in range(len(lengths))
        for other in range(one)
        if lengths[one] == lengths[other] and abs(len(pairs.target[one]) - len(pairs.target[other])) > 1
    ]

    def trained(places: tuple[int, ...]) -> tuple[float, list[torch.Tensor]]:
        batch = Batch.of(pairs, list(places), CPU)
        assert (len(places) == 1) == (not bool((batch.targets == PAD).any()))
        logits, _ = network.model.decode(batch.inputs, network.model.encode(batch.source))
        loss = network.descend(nmt._nats(logits, batch))
        return loss, [parameter.grad.clone() for parameter in network.parameters]

    together, alone = trained(couples[0]), [trained((each,)) for each in couples[0]]
    assert together[0] == pytest.approx(sum(loss for loss, _ in alone), rel=1e-5)
    for whole, *parts in zip(together[1], *(gradients for _, gradients in alone), strict=True):
        assert_close(whole, sum(parts), rtol=1e-4, atol=1e-6)


def test_a_network_that_expects_all_subwords_alike_has_the_perplexity_of_their_number() -> None:
    data = sentences()
    network = data.start(0)
    for parameter in network.parameters:
        parameter.detach().zero_()
    assert 1 / network.score() == pytest.approx(data.text.size)
    loss = next(iter(data.start(0).losses(0)))
    assert loss > math.log(data.text.size), "a loss is a sum over the subwords of a sentence"


def test_initial_weights_are_uniform_and_those_of_the_embedding_have_a_spread_of_their_own() -> None:
    model = sentences().start(0).model
    for name, parameter in model.named_parameters():
        spread = SMALL_NMT.embedding_spread if name == "embedding.weight" else SMALL_NMT.spread
        assert 0.5 * spread < float(parameter.detach().abs().max()) <= spread, name
    assert SMALL_NMT.embedding_spread > SMALL_NMT.spread
    assert not torch.equal(model.embedding.weight, sentences().start(1).model.embedding.weight)


def test_an_epoch_trains_the_pairs_of_the_protocol() -> None:
    data = sentences()
    assert (data.steps, data.examples) == (6, 24)
    assert len(list(data.start(0).losses(0))) == 6
    whole = sentences(replace(SMALL_NMT, train_examples=0, longest=0))
    assert 24 < whole.examples <= 80


def test_batches_and_dropout_follow_from_seed_and_epoch_alone() -> None:
    data = sentences()
    network, twin = data.start(1), data.start(1)
    first = list(network.losses(0))
    assert list(twin.losses(1)) != first
    assert list(twin.losses(0)) == first
    other = data.start(2)
    other.load(network.state())
    assert list(other.losses(0)) != first


def test_subwords_give_the_text_back_and_are_kept_in_the_cache(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_pairs()
    first = encoded(data, 60)
    decode = first.decoder()
    for place, (source, target) in enumerate(data.test):
        assert decode(first.test.source[place][:-1]) == source
        assert decode(first.test.target[place][:-1]) == target
    (kept,) = (own_cache / "decoded").iterdir()
    monkeypatch.setattr(subwords, "_learn", None)  # nothing may learn them again
    again = encoded(data, 60)
    assert (again.size, again.fingerprint, again.model) == (first.size, first.fingerprint, first.model)
    assert again.train.target.ids.tolist() == first.train.target.ids.tolist()
    monkeypatch.undo()
    monkeypatch.setenv("HARNESS_CACHE", str(own_cache))
    kept.write_bytes(kept.read_bytes()[:-10])
    told: list[str] = []
    assert encoded(data, 60, told.append).fingerprint == first.fingerprint
    assert len(told) == 1
    assert "is damaged; decoding it again" in told[0]


PRINT = """
import sys; sys.path[:0] = {paths!r}
from small_text import small_pairs
from harness.tasks.data.text.subwords import encoded
found = encoded(small_pairs(), 60)
print(found.fingerprint, hash(found.model) and found.model.hex())
"""


def test_the_same_text_gives_the_same_subwords_in_another_process(tmp_path: Path) -> None:
    support = Path(__file__).parents[3] / "support"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PRINT.format(paths=[str(support)])],
            env={**os.environ, "HARNESS_CACHE": str(tmp_path / name), "PYTHONHASHSEED": name},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].split()[0] == encoded(small_pairs(), 60).fingerprint


def test_the_environment_says_how_sentences_were_encoded() -> None:
    environment = TranslationTask(SMALL_NMT, small_pairs()).environment
    assert environment["subwords"] == f"{encoded(small_pairs(), 60).size}, {encoded(small_pairs(), 60).fingerprint}"
    assert environment["sentencepiece"]


def test_bleu_is_sacrebleus() -> None:
    """A pair that is scored by hand (11 of 13 words, 7 of 11 couples, …), and its extremes."""
    found = ["the cat sat on the mat today .", "he reads a book ."]
    wanted = ["the cat sat on a mat today .", "he reads the book ."]
    assert bleu(found, wanted) == sacrebleu.corpus_bleu(found, [wanted]).score
    shares = (11 / 13) * (7 / 11) * (3 / 9) * (1 / 7)
    assert bleu(found, wanted) == pytest.approx(100 * shares**0.25)
    assert bleu(wanted, wanted) == pytest.approx(100)
    assert bleu(["x y z", "x y z"], wanted) == 0


def test_bleu_is_of_the_first_test_sentences_and_changes_no_score() -> None:
    data = sentences()
    network = data.start(0)
    before = network.score()
    figures = network.figures()
    assert figures.keys() == {"BLEU"}
    assert 0 <= figures["BLEU"] <= 100
    assert network.score() == before


def test_references_are_the_translations_of_the_test_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a translator that knows every answer, BLEU is 100."""
    data = sentences()
    network, pairs = data.start(0), data.text.test

    def perfect(_: object, source: torch.Tensor) -> list[list[int]]:
        columns = [source[:, column].tolist() for column in range(source.shape[1])]
        found = {tuple(pairs.source[place].tolist()): pairs.target[place][:-1].tolist() for place in data.test}
        return [found[tuple(column)] for column in columns]

    monkeypatch.setattr(nmt, "greedy", perfect)
    monkeypatch.setattr(nmt, "bleu", lambda found, wanted: 100.0 if found == wanted else 0.0)
    assert network.figures() == {"BLEU": 100.0}


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        (NMT_MINI, "training pairs of small for protocol 'nmt-mini': expected at least 3,072 of at most 18 subwords"),
        (
            replace(SMALL_NMT, validation_examples=13),
            "validation pairs of small .*: expected at least 13 of at most 9 subwords, got 9",
        ),
        (
            replace(SMALL_NMT, longest_scored=2),
            "validation pairs of small .*: expected at least 8 of at most 2 subwords",
        ),
        (replace(SMALL_NMT, batch_size=90, train_examples=0), "training pairs .*: expected at least 90 .*, got 0"),
    ],
)
def test_pairs_that_are_too_few_are_one_line(protocol: TranslationProtocol, line: str) -> None:
    with pytest.raises(ProtocolError, match=line):
        _ = TranslationTask(protocol, small_pairs()).environment


def test_another_kind_of_data_is_one_line() -> None:
    with pytest.raises(ProtocolError, match=r"data 'small': expected parallel text, got TokenData. Choose another"):
        _ = TranslationTask(SMALL_NMT, small_text()).workload


def test_a_text_without_any_words_is_one_line() -> None:
    nothing = Pairs(b"\n", b"\n")
    data = PairData.of("blank", train=nothing, validation=nothing, test=nothing, source="")
    with pytest.raises(DataError, match=r"^subwords of blank: expected text for 60 of them, got .*\. Choose another"):
        encoded(data, 60)


@pytest.mark.parametrize("library", ["sentencepiece", "sacrebleu"])
def test_a_missing_library_is_one_line_before_any_training(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    line = rf"^task 'nmt': expected {library}, which .*, got none. Install it with pip install -e '\.\[transfer\]'"
    with pytest.raises(RegistryError, match=line):
        _ = TranslationTask(SMALL_NMT, small_pairs()).environment
