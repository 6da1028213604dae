"""``--data auto`` where a workload reads text: the real text if it is on this machine, else the generated stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.tasks.data.roots import ROOT_VARIABLE, named_root
from harness.tasks.data.text import grammar, language_pair, parallel, ptb
from harness.tasks.data.text.corpora import PairData, TokenData


def tokens(root: Path | None, announce: Callable[[str], None]) -> TokenData:
    """Return Penn Treebank's text if it is on this machine, else the generated stand-in, and say so.

    Args:
        root: as for ``harness.tasks.data.text.ptb.load``; it may hold other data sets alone.
        announce: called with one line for the user.

    Raises:
        DataError: files are damaged, some are missing, or the folder that the user named does not exist.
    """
    if ptb.find(root) is not None:
        return ptb.load(root, announce)
    announce(_told("Penn Treebank", root))
    return grammar.load(None, announce)


def pairs(root: Path | None, announce: Callable[[str], None]) -> PairData:
    """Return Multi30k, WMT14 or the parallel files of the root if they are there, else the generated stand-in.

    Args:
        root: as for ``harness.tasks.data.text.parallel.multi30k``; it may hold other data sets alone.
        announce: called with one line for the user.

    Raises:
        DataError: files are damaged, some are missing, or the folder that the user named does not exist.
    """
    found = parallel.first(root)
    if found is not None:
        return found(root, announce)
    announce(_told("Parallel text such as Multi30k", root))
    return language_pair.load(None, announce)


def _told(title: str, root: Path | None) -> str:
    named, _ = named_root(root)
    where = f"in {named}" if named is not None else f"in the cache, and neither --data-root nor {ROOT_VARIABLE} is set"
    return f"{title} is not {where}: using the generated stand-in. Its results are never ranked with real text's."
