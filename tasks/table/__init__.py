"""Packed tables of outcomes: every function of a small space with what it earned (protocol §5)."""

from harness.tasks.table.outcome_table import OutcomeTable

__all__ = ["OutcomeTable"]
