"""Where recorded proposals came from: the searcher that made them replays its history and is asked.

The ledger does not hold parents or probabilities, because ``(space, seed, settings, history)`` determines them (law 4).
A fresh searcher repeats the recorded steps and must make the recorded proposals. It is asked for the origin of each
proposal of interest before it learns anything more. Nothing is trained and nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from harness.contracts import Explaining, Origin, Rule, Searcher
from harness.errors import ReplayError, message
from harness.race.entry import Entry
from harness.race.header import RunHeader


def origins(
    header: RunHeader,
    entries: Sequence[Entry],
    searcher: Searcher,
    *,
    indexes: Collection[int],
    watch: Callable[[int], None] = lambda _: None,
) -> dict[int, Origin]:
    """Return where some proposals of a run came from.

    Args:
        header: the run's header.
        entries: its proposals in order, as recorded.
        searcher: a fresh searcher, built with the header's space, seed and settings.
        indexes: the proposals of interest.
        watch: called with how many proposals have been replayed.

    Returns:
        The origins by index; empty for a searcher that does not explain its proposals.

    Raises:
        ReplayError: the searcher does not repeat its recorded proposals.
    """
    found: dict[int, Origin] = {}
    if not isinstance(searcher, Explaining) or not indexes:
        return found
    asked: dict[int, list[Entry]] = defaultdict(list)
    told: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        asked[entry.asked].append(entry)
        if entry.told is not None:
            told[entry.told].append(entry)
    last, made, trained = max(indexes), 0, 0
    for step in sorted({*asked, *told}):
        if step in told:
            searcher.tell([entry.trial for entry in told[step]])  # type: ignore[misc]  # a search's, of rules alone
            continue
        left = min(header.budget.children - trained, header.budget.proposals - made)
        rules = searcher.ask(1 if header.asynchronous else min(searcher.batch, left))
        if list(rules) != [entry.rule for entry in asked[step]]:
            raise _differs(header, asked[step][0].index)
        made, trained = made + len(rules), trained + sum(entry.charged for entry in asked[step])
        for entry in asked[step]:
            rule = entry.rule
            origin = searcher.origin(rule) if entry.index in indexes and isinstance(rule, Rule) else None
            if origin is not None:
                found[entry.index] = origin
        watch(made)
        if made > last:
            break
    return found


def _differs(header: RunHeader, index: int) -> ReplayError:
    what = f"replay of run {header.name}, proposal {index}"
    hint = "The searcher changed or is not deterministic: leave origins out with --no-replay"
    return ReplayError(message(what, expected="what is recorded", got="something else", hint=hint))
