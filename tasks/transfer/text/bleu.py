"""Translations by a trained network, and their BLEU by sacrebleu (Papineni et al. 2002, Post 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.tasks.data.text.subwords import BEGIN, END
from harness.tasks.transfer.text.translator import Translator

LONGER, MORE = 2, 5  # a translation has at most LONGER times as many subwords as its source, and MORE (**D**)


def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """Return the BLEU of translations with one reference each, 0 … 100, as sacrebleu computes it by default."""
    import sacrebleu

    return sacrebleu.corpus_bleu(list(translations), [list(references)]).score


@torch.inference_mode()
def greedy(model: Translator, source: Tensor) -> list[list[int]]:
    """Translate sentences word by word, taking the likeliest subword each time (**D**: no beam).

    Args:
        model: the network.
        source: ids (source words, batch), without padding.

    Returns:
        The ids of each translation, without marks of beginning and end.
    """
    encoded = model.encode(source)
    words = torch.full((1, source.shape[1]), BEGIN, device=source.device)
    state, taken = None, []
    ended = torch.zeros(source.shape[1], dtype=torch.bool, device=source.device)
    for _ in range(LONGER * len(source) + MORE):
        logits, state = model.decode(words, encoded, state)
        words = logits.argmax(-1)
        taken.append(words[0])
        ended |= words[0] == END
        if bool(ended.all()):
            break
    rows = torch.stack(taken, 1).tolist()
    return [row[: row.index(END)] if END in row else row for row in rows]
