"""How rounding may have changed the probe's values: a bound for every entry, carried through the same arithmetic.

``g2 − (g2 − m)`` is m, but where m is much smaller than g2, float64 has lost some or all of its digits. Such entries do
not show whether two functions are the same; ``doubtful`` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.space.counting import probe
from harness.space.counting.probe import TOLERANCE, Values
from harness.space.vocabulary import BY_NAME, EPSILON, computed
from harness.space.word import X, Y

UNIT = 4 * 2.0**-53  # relative error of one function, rounded up
ALIKE = TOLERANCE / 10  # relative difference below which entries count as equal
LEAST_SURE = 24  # finite nonzero entries needed to recognise a function
LOOKS = 8  # comparisons of single entries before whole functions are compared


@dataclass(slots=True)
class Measured:
    """Values with bounds of their errors.

    Attributes:
        values: as ``probe`` computes them, shape ``(…, entries)``.
        errors: upper bounds of |computed − true|, infinite where nothing is known, same shape.
    """

    values: Values
    errors: Values

    def __iter__(self) -> Iterator[Measured]:
        for value, error in zip(self.values, self.errors, strict=True):
            yield Measured(value, error)

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Where the error may matter."""
        return self.errors > ALIKE / 10 * np.abs(self.values)


def measured_operands(operands: Mapping[str, Values]) -> dict[str, Measured]:
    """Return the probe's operands, which count as exact: every use of one has the same number."""
    return {name: Measured(value, np.zeros_like(value)) for name, value in operands.items()}


def apply_unary(token: str, x: Measured) -> Measured:
    """Apply a unary function as ``probe`` does; for an exact argument the result counts as exact, too."""
    found = computed(BY_NAME[token].arithmetic, FUNCTIONS, {X: x})
    return Measured(found.values, np.where(x.errors == 0, 0.0, found.errors))


def apply_binary(token: str, x: Measured, y: Measured) -> Measured:
    """Apply a binary function as ``probe`` does."""
    found = computed(BY_NAME[token].arithmetic, FUNCTIONS, {X: x, Y: y})
    shape = np.broadcast_shapes(x.values.shape, y.values.shape)
    return Measured(np.broadcast_to(found.values, shape), np.broadcast_to(found.errors, shape))


def _with_bound(name: str, bound: Callable[..., Values]) -> Callable[..., Measured]:
    """Return a primitive of the probe that also bounds its error.

    Args:
        name: name of the primitive.
        bound: computes the bound of a finite value from the value, its arguments and its level, if any.
    """
    function = probe.FUNCTIONS[name]

    def measured(*args: Measured | float) -> Measured:
        value = function(*(each.values if isinstance(each, Measured) else each for each in args))
        return _sound(value, bound(value, *args))

    return measured


def _of_sum(value: Values, x: Measured, y: Measured) -> Values:
    return x.errors + y.errors + UNIT * np.abs(value)


def _of_product(value: Values, x: Measured, y: Measured) -> Values:
    moved = np.abs(x.values) * y.errors + np.abs(y.values) * x.errors + x.errors * y.errors
    return moved + UNIT * np.abs(value)


def _of_quotient(value: Values, x: Measured, y: Measured) -> Values:
    left = np.maximum(np.abs(y.values) - y.errors, 0.0)
    return (x.errors + np.abs(value) * y.errors) / left + UNIT * np.abs(value)


def _of_epsilon(value: Values, x: Measured) -> Values:
    small = np.abs(x.values) < 1
    jump = (np.abs(np.abs(x.values) - 1.0) <= x.errors) & (x.errors > 0)  # rounding decides whether ε is added
    return x.errors + np.where(jump, EPSILON, 0.0) + np.where(small, UNIT * np.abs(value), 0.0)


def _of_sign(_value: Values, x: Measured) -> Values:
    return np.where((x.errors < np.abs(x.values)) | (x.errors == 0), 0.0, 2.0)


def _of_exponential(value: Values, x: Measured) -> Values:
    return np.asarray(value * (np.expm1(x.errors) + UNIT))


def _of_logarithm(value: Values, x: Measured) -> Values:
    share = x.errors / np.abs(x.values)  # the logarithm changes more towards 0
    return np.where(share < 1, -np.log1p(-np.minimum(share, 1.0)), np.inf) + UNIT * np.abs(value)


def _of_root(value: Values, x: Measured) -> Values:
    moved = np.where(x.errors < np.abs(x.values), x.errors / np.where(value > 0, value, 1.0), np.sqrt(x.errors))
    return moved + UNIT * value


def _of_power(value: Values, x: Measured, y: Measured) -> Values:
    base, exponent = np.abs(x.values), np.abs(y.values)
    moved = -np.log1p(-np.minimum(x.errors / base, 1.0))  # a power with a negative exponent changes more towards 0
    exponents = exponent * moved + (np.abs(np.log(base)) + moved) * y.errors
    error = np.abs(value) * np.expm1(exponents) + UNIT * np.abs(value) * (1 + exponent)
    error = np.where((x.errors == 0) & (base == 0), 0.0, error)
    return np.where((x.errors > 0) & (x.errors >= base), np.inf, error)


def _of_drop(value: Values, x: Measured, _rate: float) -> Values:
    masked = np.any(x.errors > 1e-8 * np.abs(x.values))  # another digit, another mask
    return np.full_like(value, np.inf) if masked else np.where(value == 0, 0.0, x.errors)


FUNCTIONS: dict[str, Callable[..., Measured]] = {
    "const": lambda number: Measured(np.asarray(number), np.zeros(())),
    "add": _with_bound("add", _of_sum),
    "sub": _with_bound("sub", _of_sum),
    "mul": _with_bound("mul", _of_product),
    "neg": _with_bound("neg", lambda _value, x: x.errors),
    "over": _with_bound("over", _of_quotient),
    "plus_eps": _with_bound("plus_eps", _of_epsilon),
    "abs": _with_bound("abs", lambda _value, x: x.errors),
    "sign": _with_bound("sign", _of_sign),
    "exp": _with_bound("exp", _of_exponential),
    "ln": _with_bound("ln", _of_logarithm),
    "root": _with_bound("root", _of_root),
    "raised": _with_bound("raised", _of_power),
    "clamp": _with_bound("clamp", lambda _value, x, limit: np.minimum(x.errors, 2 * limit)),
    "drop": _with_bound("drop", _of_drop),
}
"""What each primitive computes from values whose errors are bounded."""


def stacked(parts: Sequence[Measured]) -> Measured:
    """Stack several values as rows of one."""
    return Measured(np.array([each.values for each in parts]), np.array([each.errors for each in parts]))


def unlike(doubtful: Sequence[Measured], others: Values) -> list[Measured]:
    """Return the doubtful functions that equal none of the others at all entries that are not in doubt.

    A function with too few entries left equals none.

    Args:
        doubtful: functions with some entries in doubt, each of shape ``(entries,)``.
        others: functions with no entry in doubt, shape ``(functions, entries)``.
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
    """Count the distinct functions among doubtful ones, compared with earlier ones where neither is in doubt."""
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


def _sound(value: Values, error: Values) -> Measured:
    return Measured(value, np.where(np.isfinite(value), np.where(np.isnan(error), np.inf, error), 0.0))
