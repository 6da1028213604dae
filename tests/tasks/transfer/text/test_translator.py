"""The network of translation: its shapes, both directions, residual connections, attention, and what decoding sees."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from harness.tasks.transfer.text.bleu import LONGER, MORE, greedy
from harness.tasks.transfer.text.protocols import NMT, NMT_MINI
from harness.tasks.transfer.text.translator import Attention, Translator

WORDS, WIDTH = 11, 6


def translator(layers: int = 3, dropout: float = 0.0) -> Translator:
    torch.manual_seed(0)
    return Translator(words=WORDS, width=WIDTH, layers=layers, dropout=dropout)


def ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(4, WORDS, shape, generator=Generator().manual_seed(seed))


def lstm(inputs: int, units: int) -> int:
    return 4 * units * (inputs + units + 2)


@pytest.mark.parametrize(("words", "width", "layers"), [(2_000, 256, 2), (50, 8, 5)])
def test_the_network_has_the_weights_of_its_layers(words: int, width: int, layers: int) -> None:
    model = Translator(words=words, width=width, layers=layers, dropout=0.0)
    encoder = 2 * lstm(width, width) + lstm(2 * width, width) + (layers - 2) * lstm(width, width)
    decoder = lstm(width, width) + (layers - 1) * lstm(2 * width, width)
    attention = width * width + (width * width + width) + width
    output = words * width + words
    assert sum(each.numel() for each in model.parameters()) == words * width + encoder + decoder + attention + output


def test_the_sizes_are_those_of_the_protocols() -> None:
    """GNMT's 8+8 layers of 1,024; 2+2 of 256 in mini."""
    assert (NMT.layers, NMT.width, NMT.vocabulary) == (8, 1_024, 32_000)
    with torch.device("meta"):
        large = Translator(words=32_000, width=1_024, layers=8, dropout=0.2)
        small = Translator(words=NMT_MINI.vocabulary, width=NMT_MINI.width, layers=NMT_MINI.layers, dropout=0.1)
    assert len(large.encoder) == len(large.decoder) == 7
    assert sum(each.numel() for each in large.parameters()) == 243_967_232
    assert sum(each.numel() for each in small.parameters()) == 4_313_552


def test_shapes_are_words_by_batch() -> None:
    model = translator()
    memory, keys = model.encode(ids(7, 5))
    assert memory.shape == keys.shape == (7, 5, WIDTH)
    logits, state = model.decode(ids(4, 5), (memory, keys))
    assert logits.shape == (4, 5, WORDS)
    assert len(state) == 3


def test_the_first_layer_reads_both_ways() -> None:
    """So with two layers, what is known of the first word depends on the last one, and only through that layer."""
    model, source = translator(layers=2), ids(5, 1)
    other = source.clone()
    other[-1] = 4 if source[-1] != 4 else 5
    assert not torch.equal(model.encode(source)[0][0], model.encode(other)[0][0])
    for name, parameter in model.both_ways.named_parameters():
        if name.endswith("_reverse"):
            parameter.detach().zero_()
    assert_close(model.encode(source)[0][:-1], model.encode(other)[0][:-1], rtol=0, atol=0)


def still(module: torch.nn.Module) -> None:
    """Set all weights to zero, so that the layer's outputs are zero."""
    for parameter in module.parameters():
        parameter.detach().zero_()


def test_residual_connections_surround_the_encoder_from_its_third_layer_on() -> None:
    """A layer that adds nothing changes nothing; without a connection it would end everything."""
    model, source = translator(layers=4), ids(5, 2)
    before = model.both_ways(model.embedding(source))[0]
    second = model.encoder[0](before)[0]
    still(model.encoder[1])
    still(model.encoder[2])
    assert_close(model.encode(source)[0], second, rtol=0, atol=0)
    still(model.encoder[0])
    assert not model.encode(source)[0].any(), "the second layer, which halves the width, has none"


def test_residual_connections_surround_the_decoder_from_its_second_layer_on() -> None:
    model, source, target = translator(), ids(5, 2), ids(4, 2, seed=1)
    for layer in model.decoder:
        still(layer)
    logits, _ = model.decode(target, model.encode(source))
    assert_close(logits, model.output(model.first(model.embedding(target))[0]), rtol=0, atol=0)


def test_a_context_is_a_mean_of_the_memory_weighted_by_the_query() -> None:
    """Against the equations, one query and one word at a time (Bahdanau et al. 2015, eq. 5 and 6)."""
    torch.manual_seed(0)
    attention = Attention(WIDTH)
    queries, memory = torch.randn(3, 2, WIDTH), torch.randn(5, 2, WIDTH)
    found = attention(queries, memory, attention.of_memory(memory))
    for word in range(3):
        for pair in range(2):
            scores = torch.stack(
                [
                    attention.weight(torch.tanh(attention.of_query(queries[word, pair]) + attention.of_memory(each)))
                    for each in memory[:, pair]
                ]
            ).squeeze(-1)
            assert_close(found[word, pair], scores.softmax(0) @ memory[:, pair])
    still(attention)
    assert_close(attention(queries, memory, memory)[0, 0], memory[:, 0].mean(0))


def test_no_word_of_a_translation_sees_a_later_one() -> None:
    model, source, target = translator(), ids(5, 2), ids(6, 2, seed=1)
    other = target.clone()
    other[3:] = 4
    encoded = model.encode(source)
    assert_close(model.decode(target, encoded)[0][:3], model.decode(other, encoded)[0][:3], rtol=0, atol=0)
    assert not torch.equal(model.decode(target, encoded)[0][3:], model.decode(other, encoded)[0][3:])


def test_dropout_is_drawn_from_the_given_generator_alone() -> None:
    model, source = translator(dropout=0.5), ids(5, 2)
    before = torch.get_rng_state()
    drawn = [model.encode(source, Generator().manual_seed(seed))[0] for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(model.encode(source)[0], model.encode(source)[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_greedy_translations_are_the_likeliest_words_of_decoding_at_once() -> None:
    """Word by word with a state, as in one pass over the words that came out."""
    model, source = translator(), ids(4, 6)
    model.output.weight.detach().mul_(20)
    rows = greedy(model, source)
    assert len({len(row) for row in rows}) > 1 or len(set(map(tuple, rows))) > 1
    for column, row in enumerate(rows):
        given = torch.tensor([1, *row])[:, None]
        logits, _ = model.decode(given, model.encode(source[:, column : column + 1]))
        likeliest = logits.argmax(-1)[:, 0].tolist()
        assert likeliest[: len(row)] == row
        assert likeliest[len(row)] == 2 or len(row) == LONGER * 4 + MORE


def test_a_translation_ends_at_its_end_or_at_a_limit() -> None:
    model = translator()
    still(model.output)
    model.output.bias.detach()[2] = 1.0
    assert greedy(model, ids(4, 3)) == [[], [], []]
    model.output.bias.detach()[7] = 2.0
    assert greedy(model, ids(4, 2)) == [[7] * (LONGER * 4 + MORE)] * 2
