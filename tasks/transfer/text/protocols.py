"""How the workloads on text are scored: ``lm`` and ``nmt``, each at the paper's size and as ``-mini`` (protocol §7).

[NOS] names networks, not their settings, so everything else is decided here (**D**): a loss is the sum over the words
of a sequence, averaged over the sequences of a batch, as Zaremba et al. 2014 and Wu et al. 2016 have it, so that the
sweep of the child holds the best λ both of SGD (near 1) and of ADAM (near 10⁻³).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.contracts import Metric, NamedProtocol
from harness.limits import Count, Label, Positive
from harness.tasks.sweep import SWEEP
from harness.tasks.transfer.workload import WorkloadProtocol

PERPLEXITY = Metric("perplexity", score="1 / x")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProtocol(WorkloadProtocol):
    """What both workloads on text have; ``train_examples`` 0 stands for the whole training text.

    Attributes:
        layers: LSTM layers, of the encoder and of the decoder each where there are two.
        width: units of a layer, and entries of a word's embedding.
        vocabulary: words or subwords that are told apart, special ones included; 0 for all.
        dropout: the share of entries that dropout sets to zero.
        clip: the largest norm of all gradients together; larger ones are scaled down to it.
        spread: initial weights are uniform between −spread and spread.
    """

    layers: Positive
    width: Positive
    vocabulary: Count
    dropout: float
    clip: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProtocol(TextProtocol):
    """How the language model is scored; its examples are words, and ``batch_size`` is the rows that the text has.

    Attributes:
        window: words of each row that a step trains on, through which gradients flow.
    """

    inputs: Label = "tokens"
    window: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationProtocol(TextProtocol):
    """How translation is scored; its examples are pairs of sentences.

    Attributes:
        embedding_spread: the same as ``spread``, of the embedding. Within minutes, attention is only learned from
        embeddings
            ten times as large as GNMT's (measured).
        longest: subwords of the longest sentences to train on, their end included; 0 for no limit.
        longest_scored: the same of the sentences to score on.
        translated: test sentences that are translated for BLEU, at most.
    """

    inputs: Label = "pairs"
    embedding_spread: float
    longest: Count
    longest_scored: Count
    translated: Count


# The "medium" model of Zaremba et al. 2014, with the tied weights and the variational dropout that §7 asks for.
LM = LanguageProtocol(
    name="lm",
    version=1,
    task="lm",
    metric=PERPLEXITY,
    learning_rates=SWEEP,
    epochs=55,
    chance=1 / 10_000,
    train_examples=0,
    validation_examples=0,
    batch_size=20,
    layers=2,
    width=650,
    vocabulary=0,
    dropout=0.5,
    clip=5.0,
    spread=0.05,
    window=35,
)
LM_MINI = replace(
    LM,
    name="lm-mini",
    epochs=4,
    chance=1 / 2_000,
    train_examples=100_000,
    validation_examples=20_000,
    width=128,
    vocabulary=2_000,
    dropout=0.2,
    spread=0.2,
)
NMT = TranslationProtocol(
    name="nmt",
    version=1,
    task="nmt",
    metric=PERPLEXITY,
    learning_rates=SWEEP,
    epochs=6,
    chance=1 / 32_000,
    train_examples=0,
    validation_examples=0,
    batch_size=128,
    layers=8,
    width=1_024,
    vocabulary=32_000,
    dropout=0.2,
    clip=5.0,
    spread=0.1,
    embedding_spread=0.1,
    longest=50,
    longest_scored=0,
    translated=3_003,
)
NMT_MINI = replace(
    NMT,
    name="nmt-mini",
    epochs=3,
    chance=1 / 2_000,
    train_examples=3_072,
    validation_examples=300,
    batch_size=16,
    layers=2,
    width=256,
    vocabulary=2_000,
    dropout=0.1,
    embedding_spread=1.0,
    longest=18,
    longest_scored=18,
    translated=200,
)

NAMED_LM = NamedProtocol(LM, "a language model of 2×650 LSTM on Penn Treebank", targets=(1 / 200, 1 / 120, 1 / 90))
NAMED_LM_MINI = NamedProtocol(
    LM_MINI, "a language model of 2×128 LSTM on 100,000 words", targets=(1 / 140, 1 / 100, 1 / 80)
)
NAMED_NMT = NamedProtocol(NMT, "translation by 8+8 LSTM of 1,024 on WMT14", targets=(1 / 50, 1 / 15, 1 / 8))
NAMED_NMT_MINI = NamedProtocol(
    NMT_MINI, "translation by 2+2 LSTM of 256 on short pairs of Multi30k", targets=(1 / 70, 1 / 45, 1 / 35)
)
