"""Where the rules of a report came from: each searcher that found one replays its history and is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from harness.board.report.document import Sighting
from harness.contracts import Origin
from harness.errors import HarnessError
from harness.race.origins import origins
from harness.race.store.ledger import Ledger
from harness.registry import Kind, entries, load
from harness.settings import check


def lineage(
    ledger: Ledger, seen: Sequence[Sighting], *, trusted: bool, watch: Callable[[int, int], None]
) -> tuple[dict[tuple[str, int], Origin], list[str]]:
    """Return where the proposals of interest came from, and a note for each run that could not be asked.

    Args:
        ledger: the store.
        seen: the proposals.
        trusted: whether to import searchers that are not registered, too: a store may name any module.
        watch: called with how many proposals have been replayed, and how many there are.
    """
    runs: dict[str, list[Sighting]] = defaultdict(list)
    for each in seen:
        runs[each.header.identity].append(each)
    found: dict[tuple[str, int], Origin] = {}
    notes = []
    lengths = {identity: 1 + max(each.index for each in own) for identity, own in runs.items()}
    done, total = 0, sum(lengths.values())
    for identity, own in runs.items():

        def replayed(made: int, before: int = done, most: int = lengths[identity]) -> None:
            watch(before + min(made, most), total)  # the last batch may go beyond the proposals of interest

        told, note = _told(ledger, own, trusted=trusted, watch=replayed)
        found |= {(identity, index): origin for index, origin in told.items()}
        notes += [note] * bool(note)
        done += lengths[identity]
        watch(done, total)
    return found, notes


def _told(
    ledger: Ledger, own: Sequence[Sighting], *, trusted: bool, watch: Callable[[int], None]
) -> tuple[dict[int, Origin], str]:
    """Return where one run's proposals of interest came from, by index, and why it could not be asked, or ''."""
    header, indexes = own[0].header, {each.index for each in own}
    if not trusted and header.searcher not in entries(Kind.SEARCHER):
        return {}, f"{header.name} was not replayed: {header.searcher} is not registered. --replay imports it."
    try:
        factory = load(Kind.SEARCHER, header.searcher)
        version = getattr(factory, "version", 1)
        if version != header.searcher_version:
            return {}, f"{header.name} was not replayed: version {header.searcher_version} made it, here is {version}."
        searcher = factory(header.space, seed=header.seed, **check(factory, header.settings))
        history = ledger.archive(header.identity).entries
        return origins(header, history, searcher, indexes=indexes, watch=watch), ""
    except (Exception, SystemExit) as error:  # whatever a searcher of somebody raises must not fail the report
        kind = "" if isinstance(error, HarnessError) else f"{type(error).__name__}: "
        return {}, f"{header.name} could not be replayed: {kind}{error}"
