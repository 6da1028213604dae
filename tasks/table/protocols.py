"""How a rule is scored by a table: the named protocols of ``tasks.table`` (protocol §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.contracts import ACCURACY, NamedProtocol, TaskProtocol
from harness.space.counting.small_spaces import small_space
from harness.tasks.sweep import SWEEP

if TYPE_CHECKING:
    from harness.space.grammar import Space

TRAINED_BY = "7a43efbae69351ea"  # hash of `quick`, whose numbers these are


@dataclass(frozen=True, kw_only=True)
class TableProtocol(TaskProtocol):
    """How a table scores a rule: it looks up one of the outcomes that the rule earned on real children.

    Attributes:
        table: name of the table.
        fingerprint: of its content, its space included, so that another content is another protocol.
        trained_by: hash of the protocol by which its children were trained.
        validation_examples: that a score is a share of.
    """

    table: str
    fingerprint: str
    trained_by: str
    validation_examples: int

    @property
    def tabled(self) -> Space:
        """The space of the table.

        Raises:
            SpaceError: there is no such table.
        """
        return small_space(self.table)


def _named(table: str, fingerprint: str) -> NamedProtocol:
    protocol = TableProtocol(
        name=f"table-{table}",
        version=1,
        task="table",
        metric=ACCURACY,
        learning_rates=SWEEP,
        epochs=3,
        chance=0.1,
        table=table,
        fingerprint=fingerprint,
        trained_by=TRAINED_BY,
        validation_examples=1_000,
    )
    summary = f"table {table}: real outcomes under quick, looked up in microseconds; no data set, no torch"
    return NamedProtocol(protocol, summary, targets=(0.35, 0.4, 0.45))


NAMED_TABLE_BROAD = _named("broad", "133cee4305cd21508529d12b2ef83389")
NAMED_TABLE_SIGNS = _named("signs", "0156c43c98b69b3a98b9a3dd44ef8667")
NAMED_TABLE_ADAPTIVE = _named("adaptive", "062f5944ca35c6358142ae9f8942c083")
