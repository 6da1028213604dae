"""What the evaluations in a store were made on, to search there without training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.contracts import ChildProtocol
from harness.errors import LedgerError, message
from harness.race.records import Judged, RunHeader


@dataclass(frozen=True, slots=True)
class Grounds:
    """What scores depend on besides the protocol and the seed.

    Attributes:
        data: the data set's registry name.
        fingerprint: hash of its decoded arrays.
        environment: the task's version, library versions, device.
    """

    data: str
    fingerprint: str
    environment: Mapping[str, str]


def grounds_held(
    records: Sequence[Judged], protocol: ChildProtocol, *, seeds: Sequence[int], data: str = "auto"
) -> list[Grounds]:
    """What the store's evaluations by a protocol were made on: one data set, in one or more environments.

    Args:
        records: all runs of the store.
        protocol: how children are scored.
        seeds: of the runs to replay; the child's seed follows from the run's, so no other run's evaluations will do.
        data: name of the data set, or the first digits of its fingerprint; ``auto`` takes the only one there is.

    Returns:
        At least one, that with the most evaluations first; they differ in environment alone.

    Raises:
        LedgerError: nothing is held for this protocol, these seeds and this data, or several data sets are.
    """
    what = f"replay by protocol {protocol.name} v{protocol.version}"
    alike = [
        record
        for record in records
        if record.header.protocol.hash == protocol.hash and len(record.results) and record.header.searches
    ]
    of_data = [record for record in alike if data == "auto" or protocol.inputs == "none" or _named(record, data)]
    useful = [record for record in of_data if record.header.seed in set(seeds)]
    if not useful:
        expected = f"evaluations in the store of seed {_listed(seeds)}"
        if not alike:
            got = "none by this protocol"
        elif not of_data:
            got = f"only those on data {_listed(sorted({record.header.data_label for record in alike}))}"
        else:
            got = f"only those of seed {_listed(sorted({record.header.seed for record in of_data}))}"
        hint = "Train some with --evaluator train, or name another --results, --seeds or --data"
        raise LedgerError(message(what, expected=expected, got=got, hint=hint))
    if len({record.header.data_fingerprint for record in useful}) > 1:
        got = _listed(sorted({record.header.data_label for record in useful}))
        hint = "Choose one with --data, by its name or the first digits of its fingerprint"
        raise LedgerError(message(what, expected="evaluations on one data set", got=got, hint=hint))
    counts: Counter[str] = Counter()
    headers: dict[str, RunHeader] = {}
    for record in useful:
        counts[record.header.environment_hash] += sum(record.results.charged)
        headers.setdefault(record.header.environment_hash, record.header)
    return [
        Grounds(headers[name].data, headers[name].data_fingerprint, dict(headers[name].environment))
        for name, _ in counts.most_common()
    ]


def _named(record: Judged, data: str) -> bool:
    return record.header.data == data or (len(data) >= 4 and record.header.data_fingerprint.startswith(data))


def _listed(parts: Iterable[object]) -> str:
    return ", ".join(map(str, parts))
