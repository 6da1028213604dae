"""The constraints on rules, which can be switched on one by one (protocol §1), and what they require of a block.

Each constraint concerns a single block: op1 ≠ op2; one operand is an earlier result; the last binary is not addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Block
from harness.errors import SpaceError, message

Mask = NDArray[np.bool_]

SWITCHES = ("distinct_operands", "last_not_add", "connected")


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which constraints are switched on.

    Attributes:
        distinct_operands: op1 ≠ op2 in every block.
        last_not_add: the last block's binary is not addition.
        connected: from block 2 on, at least one operand is an earlier block's result.
    """

    distinct_operands: bool
    last_not_add: bool
    connected: bool

    def operand_pairs(self, operands: int, earlier: int) -> Mask:
        """Return which pairs (op1, op2) are legal in a block.

        Args:
            operands: how many operands there are.
            earlier: how many earlier results follow them in the bank.

        Returns:
            Truth values of shape ``(operands + earlier, operands + earlier)``.
        """
        legal = np.ones((operands + earlier, operands + earlier), dtype=np.bool_)
        if self.distinct_operands:
            np.fill_diagonal(legal, False)
        if self.connected and earlier:
            legal[:operands, :operands] = False
        return legal

    def binaries(self, names: Sequence[str], *, last: bool) -> tuple[str, ...]:
        """Return which binaries are legal in a block, the last one or another."""
        return tuple(name for name in names if not (self.last_not_add and last and name == "add"))

    def broken(self, block: Block, *, first: bool, last: bool) -> tuple[str, str, str] | None:
        """Return the constraint that a block breaks: its switch, what it requires and what it got; None if none."""
        operands = f"{block.op1} and {block.op2}"
        if self.distinct_operands and block.op1 == block.op2:
            return "distinct_operands", "two different operands", operands
        if self.connected and not first and not (block.op1.startswith("#") or block.op2.startswith("#")):
            return "connected", "an earlier block's result among its operands", operands
        if self.last_not_add and last and block.binary == "add":
            return "last_not_add", "a last binary that is not add", "add"
        return None

    def check_possible(self, operands: Sequence[str], binary: Sequence[str]) -> None:
        """Raise unless some rule satisfies the constraints; then no legal prefix is a dead end either.

        From block 2 on the bank holds an operand and an earlier result, which are different, so only block 1 can lack a
        pair, and only the last block a binary.

        Raises:
            SpaceError: no rule satisfies them.
        """
        if self.distinct_operands and len(operands) == 1:
            raise SpaceError(
                message(
                    "operand subset",
                    expected="at least two operands, since block 1 needs op1 ≠ op2",
                    got=f"only {operands[0]}",
                    hint="Add an operand, or switch off distinct_operands",
                )
            )
        if not self.binaries(binary, last=True):
            raise SpaceError(
                message(
                    "binary subset",
                    expected="something besides add, since the last block may not add",
                    got="only add",
                    hint="Add a binary function, or switch off last_not_add",
                )
            )
