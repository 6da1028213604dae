"""The language model: its perplexity, its state from step to step, its dropout, its vocabulary."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_text import SMALL_LM, small_pairs, small_text

from harness.errors import ProtocolError
from harness.tasks.data.text.corpora import TokenData
from harness.tasks.transfer.text.language_model import LanguageModel, masks
from harness.tasks.transfer.text.lm import Corpus, LanguageNetwork, LanguageTask, Vocabulary
from harness.tasks.transfer.text.protocols import LM, LM_MINI, LanguageProtocol

CPU = torch.device("cpu")
CALM = replace(SMALL_LM, dropout=0.0)


def corpus(protocol: LanguageProtocol = SMALL_LM) -> Corpus:
    return Corpus(protocol, small_text(), device=CPU)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(model: LanguageModel, rows: np.ndarray) -> float:
    """Return the perplexity of rows of ids, (words, rows), by the equations of the LSTM, in float64."""
    weights = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    width = weights["embedding.weight"].shape[1]
    outputs = {layer: np.zeros((rows.shape[1], width)) for layer in range(len(model.layers))}
    cells = {layer: np.zeros((rows.shape[1], width)) for layer in range(len(model.layers))}
    nats = []
    for before, after in itertools.pairwise(rows):
        hidden = weights["embedding.weight"][before]
        for layer in outputs:
            gates = hidden @ weights[f"layers.{layer}.weight_ih_l0"].T + weights[f"layers.{layer}.bias_ih_l0"]
            gates += outputs[layer] @ weights[f"layers.{layer}.weight_hh_l0"].T + weights[f"layers.{layer}.bias_hh_l0"]
            entering, kept, new, shown = np.split(gates, 4, axis=1)
            cells[layer] = sigmoid(kept) * cells[layer] + sigmoid(entering) * np.tanh(new)
            hidden = outputs[layer] = sigmoid(shown) * np.tanh(cells[layer])
        logits = hidden @ weights["embedding.weight"].T + weights["bias"]
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        nats += list(-np.log(chances[np.arange(len(after)), after]))
    return math.exp(np.mean(nats))


def test_perplexity_is_that_of_a_computation_by_hand() -> None:
    """By the equations of the LSTM, word by word, across the ends of windows; the last window is a part of one."""
    text = corpus()
    network = text.start(7)
    for part, score in ((text.validation, network.score()), (text.test, network.test())):
        assert (len(part) - 1) % SMALL_LM.window
        assert 1 / score == pytest.approx(by_hand(network.model, part.numpy()), rel=1e-5)


def test_a_model_that_expects_all_words_alike_has_the_perplexity_of_their_number() -> None:
    text = corpus()
    network = text.start(0)
    for parameter in network.parameters:
        parameter.detach().zero_()
    assert 1 / network.score() == pytest.approx(text.words)


def test_embedding_and_output_are_one_matrix() -> None:
    """So there are V·w weights for both, a bias for each word, and 8w² + 8w weights in each layer."""
    for words, width, layers in ((8, 6, 2), (30, 5, 3)):
        model = LanguageModel(words=words, width=width, layers=layers)
        count = sum(parameter.numel() for parameter in model.parameters())
        assert count == words * width + words + layers * (8 * width**2 + 8 * width)
    network = corpus(CALM).start(0)
    next(network.losses(0))
    gradient = network.model.embedding.weight.grad
    assert gradient is not None
    assert bool((gradient != 0).any(1).all()), "a word that a window lacks has a gradient as an output"


def test_the_paper_size_has_the_weights_of_its_network() -> None:
    model = LanguageModel(words=10_000, width=LM.width, layers=LM.layers)
    assert sum(parameter.numel() for parameter in model.parameters()) == 13_280_400


def test_the_state_is_carried_from_window_to_window_and_reset_for_each_epoch() -> None:
    """Without steps, the losses of an epoch are those of one long window; the next epoch's are the same."""
    text = corpus(CALM)
    network = text.start(3)
    losses = list(network.losses(0))
    assert len(losses) == text.steps > 2
    assert list(network.losses(1)) == losses
    (whole,) = corpus(replace(CALM, window=CALM.window * text.steps)).start(3).losses(0)
    assert sum(losses) == pytest.approx(whole, rel=1e-5)


def test_gradients_end_at_the_start_of_a_window() -> None:
    """The gradient of a window is that of its own words, from a state that is a constant."""
    text = corpus(CALM)
    network, window = text.start(3), CALM.window
    losses = network.losses(0)
    next(losses)
    next(losses)
    second = [parameter.grad.clone() for parameter in network.parameters]
    _, state = network.model(text.train[:window], None)
    fixed = [(output.detach(), cell.detach()) for output, cell in state]
    logits, _ = network.model(text.train[window : 2 * window], fixed)
    targets = text.train[window + 1 : 2 * window + 1].flatten()
    network.descend(torch.nn.functional.cross_entropy(logits, targets, reduction="sum") / CALM.batch_size)
    for found, parameter in zip(second, network.parameters, strict=True):
        torch.testing.assert_close(found, parameter.grad)


def test_a_loss_is_the_sum_over_the_window_and_the_mean_over_the_rows() -> None:
    text = corpus(CALM)
    network = text.start(0)
    for parameter in network.parameters:
        parameter.detach().zero_()
    assert next(network.losses(0)) == pytest.approx(CALM.window * math.log(text.words))


def test_dropout_is_the_same_for_all_words_of_a_window() -> None:
    """One factor for each row and unit, of the embedding and of every layer: 0, or what keeps the mean."""
    drawn = masks(5, count=3, rows=200, width=30, dropout=0.2)
    assert [tuple(mask.shape) for mask in drawn] == [(1, 200, 30)] * 3
    values = torch.stack(drawn)
    assert set(values.unique().tolist()) == {0.0, 1.25}
    assert float((values == 0).float().mean()) == pytest.approx(0.2, abs=0.02)  # 6 standard errors
    assert not torch.equal(drawn[0], drawn[1])


def test_dropout_follows_from_seed_epoch_and_step_alone() -> None:
    network, twin = corpus().start(1), corpus().start(1)
    first = list(network.losses(0))
    assert list(twin.losses(1)) != first, "another epoch has other masks"
    assert list(twin.losses(0)) == first, "whatever came before"
    model = network.model
    state = {name: value.clone() for name, value in model.state_dict().items()}
    other = corpus().start(2)
    other.load(state)
    assert list(other.losses(0)) != first, "another seed has other masks"


def test_gradients_are_scaled_down_to_the_norm_of_the_protocol() -> None:
    for clip, exact in ((0.01, True), (1e6, False)):
        network = corpus(replace(CALM, clip=clip)).start(0)
        next(network.losses(0))
        norm = torch.stack([parameter.grad.norm() for parameter in network.parameters]).norm()
        assert (float(norm) == pytest.approx(clip, rel=1e-3)) == exact
        assert float(norm) < clip * 1.001


def test_initial_weights_are_uniform_and_follow_from_the_seed() -> None:
    network = corpus().start(0)
    weights = torch.cat([parameter.detach().flatten() for parameter in network.parameters])
    assert float(weights.abs().max()) <= SMALL_LM.spread
    assert float(weights.abs().mean()) == pytest.approx(SMALL_LM.spread / 2, rel=0.1)
    assert not torch.equal(network.parameters[0], corpus().start(1).parameters[0])


def test_the_most_frequent_words_are_kept_and_all_others_are_unknown() -> None:
    data = TokenData.of("few", [b"a b b c c c <unk> <unk> <unk> <unk>\n", b"d\n", b"a\n"], source="")
    kept = Vocabulary.of(data.words, data.train, 4)
    named = {word: int(kept.ids[place]) for place, word in enumerate(data.words)}
    assert named == {"c": 1, "b": 2, "a": 3, "<unk>": 0, "<eos>": 0, "d": 0}, "the earlier of equally frequent words"
    assert kept.size == 4
    whole = Vocabulary.of(data.words, data.train, 0)
    assert whole.size == 5
    assert whole.ids[data.words.index("d")] == 0, "a word that the training text lacks is unknown"


def test_the_whole_text_is_read_if_the_protocol_says_so() -> None:
    text = corpus(replace(SMALL_LM, train_examples=0, validation_examples=0, vocabulary=0))
    data = small_text()
    assert text.train.numel() == len(data.train) // 4 * 4
    assert text.test.numel() == len(data.test) // 4 * 4
    assert text.words == 12, "ten letters, the end of a line, and the unknown word"


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        (replace(SMALL_LM, train_examples=151), "train text of small .*: expected at least 151 words, got 150"),
        (replace(SMALL_LM, validation_examples=400), "validation text of small .*: expected at least 400 words"),
        (LM_MINI, "train text of small for protocol 'lm-mini': expected at least 100,000 words, got 150. Choose a"),
    ],
)
def test_a_text_that_is_too_short_is_one_line(protocol: LanguageProtocol, line: str) -> None:
    with pytest.raises(ProtocolError, match=line):
        _ = LanguageTask(protocol, small_text()).environment


def test_another_kind_of_data_is_one_line() -> None:
    with pytest.raises(ProtocolError, match=r"data 'small': expected running text, got PairData. Choose another"):
        _ = LanguageTask(SMALL_LM, small_pairs()).workload


def test_a_loss_that_is_not_finite_sets_no_gradient() -> None:
    network: LanguageNetwork = corpus().start(0)
    network.model.bias.detach().fill_(math.inf)
    assert not math.isfinite(next(network.losses(0)))
    assert all(parameter.grad is None for parameter in network.parameters)
    assert math.isnan(network.score())
