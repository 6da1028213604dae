"""What rounding can have done to the probe's values: a bound for every entry, carried through the same arithmetic.

``g2 − (g2 − m)`` is m, but where m is much smaller than g2, float64 has lost its last digits or all of it. Such entries
say nothing about whether two functions are one; ``doubtful`` finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.space import probe
from harness.space.probe import TOLERANCE, Values
from harness.space.vocabulary import CLIP_LIMITS, DROP_RATES, EPSILON

UNIT = 4 * 2.0**-53  # relative error of one function, rounded up
ALIKE = TOLERANCE / 10  # relative difference of entries that counts as none
LEAST_SURE = 24  # entries, finite and not 0, by which a function is recognised
LOOKS = 8  # at single entries, before whole functions are compared


@dataclass(slots=True)
class Measured:
    """Values with bounds of their errors.

    Attributes:
        values: as ``probe`` computes them, shape ``(…, entries)``.
        errors: at least |computed − true|, infinite where nothing is known, same shape.
    """

    values: Values
    errors: Values

    def __iter__(self) -> Iterator[Measured]:
        for value, error in zip(self.values, self.errors, strict=True):
            yield Measured(value, error)

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Where the error may show."""
        return self.errors > ALIKE / 10 * np.abs(self.values)


def measured_operands(operands: Mapping[str, Values]) -> dict[str, Measured]:
    """The probe's operands, taken for exact: wherever one is met again it is the same number."""
    return {name: Measured(value, np.zeros_like(value)) for name, value in operands.items()}


def apply_unary(token: str, x: Measured) -> Measured:
    """A unary function, as ``probe`` has it; of what is exact it is the same number wherever it is met again."""
    value = probe.apply_unary(token, x.values)
    size, error = np.abs(x.values), x.errors
    match token:
        case "exp":
            error = value * (np.expm1(error) + UNIT)
        case "log":
            share = (error + _jump(size, error)) / (size + EPSILON)  # towards 0 the logarithm moves further
            error = np.where(share < 1, -np.log1p(-np.minimum(share, 1.0)), np.inf) + UNIT * (
                np.abs(value) + (size < 1)
            )
        case "sqrt":
            error = np.where(error < size, error / np.where(value > 0, value, 1.0), np.sqrt(error)) + UNIT * value
        case "sign":
            error = np.where((error < size) | (error == 0), 0.0, 2.0)
        case _ if token in CLIP_LIMITS:
            error = np.minimum(error, 2 * CLIP_LIMITS[token])
        case _ if token in DROP_RATES:
            masked = np.any(error > 1e-8 * size)  # another digit, another mask
            error = np.full_like(value, np.inf) if masked else np.where(value == 0, 0.0, error)
    return _sound(value, np.where(x.errors == 0, 0.0, error))


def apply_binary(token: str, x: Measured, y: Measured) -> Measured:
    """A binary function, as ``probe`` has it."""
    value = probe.apply_binary(token, x.values, y.values)
    left, right, rounding = np.abs(x.values), np.abs(y.values), UNIT * np.abs(value)
    match token:
        case "add" | "sub":
            error = x.errors + y.errors + rounding
        case "mul":
            error = left * y.errors + right * x.errors + x.errors * y.errors + rounding
        case "div":
            divisor = np.abs(y.values + EPSILON)
            shift = y.errors + _jump(right, y.errors) + np.where(np.isinf(right), 0.0, UNIT * (right + EPSILON))
            error = (x.errors + np.abs(value) * shift) / np.maximum(divisor - shift, 0.0) + rounding
        case "pow":
            share = np.minimum(x.errors / left, 1.0)  # towards 0 a power moves further, if the exponent is negative
            moved = -np.log1p(-share)
            exponents = right * moved + (np.abs(np.log(left)) + moved) * y.errors
            error = np.abs(value) * np.expm1(exponents) + rounding * (1 + right)
            error = np.where((x.errors == 0) & (left == 0), 0.0, error)
            error = np.where((x.errors > 0) & (x.errors >= left), np.inf, error)
        case _:
            error = np.broadcast_to(x.errors, value.shape)
    return _sound(value, error)


def stacked(parts: Sequence[Measured]) -> Measured:
    """Several values as rows of one."""
    return Measured(np.array([each.values for each in parts]), np.array([each.errors for each in parts]))


def unlike(doubtful: Sequence[Measured], others: Values) -> list[Measured]:
    """Those among doubtful functions that equal none of some others at all entries where they are not in doubt.

    A function that is left too little of is equal to none.

    Args:
        doubtful: their values have shape ``(entries,)``.
        others: functions that are nowhere in doubt, shape ``(functions, entries)``.
    """
    codes = probe.coded(others)
    ranked: dict[int, NDArray[np.int64]] = {}  # entry → others by their code there
    found = []
    for each in doubtful:
        own, sure = probe.coded(each.values), ~each.doubtful
        telling = np.flatnonzero(sure & np.isfinite(each.values) & (each.values != 0))
        if len(telling) >= LEAST_SURE:
            entry = int(telling[len(telling) // 2])
            if entry not in ranked:
                ranked[entry] = np.argsort(codes[:, entry])
            order = ranked[entry]
            ends = np.searchsorted(codes[order, entry], (own[entry] - ALIKE, own[entry] + ALIKE))
            near = order[slice(*ends)]
            for look in telling[:: max(1, len(telling) // LOOKS)]:
                near = near[np.abs(codes[near, look] - own[look]) <= ALIKE]
            if np.any(np.all(np.abs(codes[near] - own)[:, sure] <= ALIKE, axis=1)):
                continue
        found.append(each)
    return found


def distinct(doubtful: Sequence[Measured]) -> int:
    """How many functions some doubtful ones are, each compared with those before it where neither is in doubt."""
    if not doubtful:
        return 0
    every = stacked(doubtful)
    codes, sure = probe.coded(every.values), ~every.doubtful
    tells = sure & np.isfinite(every.values) & (every.values != 0)
    kept = np.zeros(len(doubtful), dtype=bool)
    for place, (own, telling) in enumerate(zip(codes, tells, strict=True)):
        earlier = np.flatnonzero(kept)
        for entry in np.flatnonzero(telling)[:: max(1, telling.sum() // LOOKS)]:
            earlier = earlier[(np.abs(codes[earlier, entry] - own[entry]) <= ALIKE) | ~sure[earlier, entry]]
        common = sure[earlier] & sure[place]
        equal = np.all((np.abs(codes[earlier] - own) <= ALIKE) | ~common, axis=1)
        kept[place] = not np.any(equal & ((common & telling).sum(axis=1) >= LEAST_SURE))
    return int(kept.sum())


def _jump(size: Values, error: Values) -> Values:
    """What it makes if rounding decides whether ε is added."""
    return np.where((np.abs(size - 1.0) <= error) & (error > 0), EPSILON, 0.0)


def _sound(value: Values, error: Values) -> Measured:
    return Measured(value, np.where(np.isfinite(value), np.where(np.isnan(error), np.inf, error), 0.0))
