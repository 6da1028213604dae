"""Rules as numbers: a literal interpreter of token strings, and a numeric probe that distinguishes functions.

It checks ``equivalence`` independently and shares nothing with it but what each word computes: no rewriting, only
float64 arithmetic on the tokens as written (protocol §1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Rule
from harness.seeds import derive_seed
from harness.space.vocabulary import ALL_OPERANDS, BY_NAME, EPSILON, computed
from harness.space.word import X, Y

Values = NDArray[np.float64]

TOLERANCE = 1e-9  # between projections of logarithms: about the relative difference that makes two functions differ
PROJECTIONS = 6
STEPS = 8  # gradients in an entry's history


@dataclass(slots=True)
class RunningMeans:
    """m̂, v̂ and γ̂ of a stream of gradients, with β₁ = 0.9 and β₂ = β₃ = 0.999 (protocol §1).

    Attributes:
        steps: how many gradients were seen.
        sums: the uncorrected means by name.
    """

    steps: int = 0
    sums: dict[str, Values] = field(default_factory=dict)

    def see(self, gradient: Values) -> None:
        """Take in one more gradient; all gradients have the same shape."""
        self.steps += 1
        for name, decay, power in (("m", 0.9, 1), ("v", 0.999, 2), ("gamma", 0.999, 3)):
            old = self.sums.get(name, np.zeros_like(gradient))
            self.sums[name] = decay * old + (1 - decay) * gradient**power

    def corrected(self) -> dict[str, Values]:
        """Return the bias-corrected means by operand name."""
        decays = {"m": 0.9, "v": 0.999, "gamma": 0.999}
        return {name: self.sums[name] / (1 - decay**self.steps) for name, decay in decays.items()}


def operand_values(
    gradient: Values, means: RunningMeans, weights: Values, noise: Values, timed: Mapping[str, Values]
) -> dict[str, Values]:
    """Return every operand's value, by name, all of one shape.

    Args:
        gradient: the last gradient.
        means: the running means, which have seen it.
        weights: the weights.
        noise: a draw of the noise.
        timed: what depends on the step: ``ld``, ``cd``, ``rd``, and a draw of ``anneal``.
    """
    corrected = means.corrected()
    given: dict[str, Values] = {"g": gradient, "w": weights, "noise": noise, **timed}
    given |= {f"mean_{name}": value for name, value in means.sums.items()}
    given |= {f"unbias_{name}": value for name, value in corrected.items()}
    given["rms"] = _with_epsilon(np.sqrt(corrected["v"]))
    functions = FUNCTIONS | {name: _given(value) for name, value in given.items()}
    values = {name: computed(BY_NAME[name].arithmetic, functions, {}) for name in ALL_OPERANDS}
    return {name: np.broadcast_to(value, gradient.shape).copy() for name, value in values.items()}


def _given(value: Values) -> Callable[..., Values]:
    return lambda *_: value


def apply_unary(token: str, x: Values) -> Values:
    """Apply a unary function entry by entry. A drop's mask depends on its rate and on all of ±x."""
    return computed(BY_NAME[token].arithmetic, FUNCTIONS, {X: x})


def apply_binary(token: str, x: Values, y: Values) -> Values:
    """Apply a binary function entry by entry; the shapes may broadcast."""
    value = computed(BY_NAME[token].arithmetic, FUNCTIONS, {X: x, Y: y})
    shape = np.broadcast_shapes(x.shape, y.shape)
    return value if value.shape == shape else np.broadcast_to(value, shape)


def _sign(x: Values) -> Values:
    """Return −1, 0 or 1; 0 for NaN, as everywhere in the language (**D**, after torch)."""
    return np.where(np.isnan(x), 0.0, np.sign(x))


def _with_epsilon(x: Values) -> Values:
    return np.where(np.abs(x) >= 1.0, x, x + EPSILON)


def _dropped(x: Values, rate: float) -> Values:
    return np.where(_draws(x, f"drop{10 * rate:g}") < rate, 0.0, x)


FUNCTIONS: dict[str, Callable[..., Values]] = {
    "const": np.asarray,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "over": np.divide,
    "plus_eps": _with_epsilon,
    "abs": np.abs,
    "sign": _sign,
    "exp": np.exp,
    "ln": np.log,
    "root": np.sqrt,
    "raised": np.power,
    "clamp": lambda x, limit: np.clip(x, -limit, limit),
    "drop": _dropped,
}
"""What each primitive computes from arrays, except those whose values are given."""


def evaluate(rule: Rule, operands: Mapping[str, Values]) -> Values:
    """Compute Δ of a rule, block by block as written.

    Args:
        rule: any rule that refers only to earlier blocks.
        operands: values by operand name (``operand_values``).

    Returns:
        One value for each entry, possibly infinite or NaN.
    """
    bank = dict(operands)
    with np.errstate(all="ignore"):
        for number, block in enumerate(rule.blocks, start=1):
            left, right = apply_unary(block.u1, bank[block.op1]), apply_unary(block.u2, bank[block.op2])
            bank[f"#{number}"] = apply_binary(block.binary, left, right)
    return bank[f"#{len(rule.blocks)}"]


class Probe:
    """Random inputs that distinguish functions.

    Every entry has a history of gradients, so that the running means can really occur. Magnitudes are spread over many
    decades, so that each clip affects some entries and not others, and exponentials overflow somewhere. The entries
    include some whose m̂ is much smaller than √v̂, some whose gradient is, some whose gradient is 0 after nonzero ones,
    some whose gradients were all 0, some where only m̂ is 0, and some whose weight is 0.

    Args:
        seed: decides the inputs.
        generic: whether to use eight gradients of size 1 instead. They distinguish far fewer functions: every clip
            saturates, so that clip(g, 1e-5) looks like a multiple of sign(g), and drops often drop nothing.

    Attributes:
        operands: values by operand name, shape ``(entries,)``.
    """

    def __init__(self, seed: int = 0, *, generic: bool = False) -> None:
        rng = np.random.default_rng(seed)
        steps = np.random.default_rng(derive_seed(seed, "decays"))  # its own, so that older operands keep their values
        self.operands = _generic_operands(rng, steps) if generic else _telling_operands(rng, steps)
        self._directions = rng.standard_normal((self.operands["g"].size, PROJECTIONS))

    def project(self, values: Values) -> Values:
        """Return the signatures, shape ``(functions, projections)``, of values of shape ``(functions, entries)``.

        Values enter by sign and logarithm, so a difference counts by how large it is relative to the entry.
        """
        return np.asarray(coded(values) @ self._directions)


def coded(values: Values) -> Values:
    """Encode values by sign and logarithm, with special numbers for 0, infinities and NaN; the shape stays."""
    with np.errstate(all="ignore"):
        codes = np.copysign(np.log(np.abs(values)) + 1_000.0, values)
    codes[values == 0] = 0.0
    codes[np.isinf(values)] = np.copysign(4_000.0, values[np.isinf(values)])
    codes[np.isnan(values)] = 9_000.0
    return codes


def classes(signatures: Values) -> NDArray[np.int64]:
    """Sort signatures into classes of equals, by single linkage along each projection in turn.

    Args:
        signatures: shape ``(functions, projections)``.

    Returns:
        A class number for each function, from 0, shape ``(functions,)``.
    """
    labels = np.zeros(len(signatures), dtype=np.int64)
    count = 0
    while len(signatures):
        for column in signatures.T:
            order = np.lexsort((column, labels))
            new = (np.diff(labels[order]) != 0) | (np.diff(column[order]) > TOLERANCE)
            labels[order] = np.concatenate(([0], np.cumsum(new)))
        found = int(labels.max()) + 1
        if found == count:
            break
        count = found
    return labels


def _generic_operands(rng: np.random.Generator, steps: np.random.Generator) -> dict[str, Values]:
    history = rng.standard_normal((STEPS, 8))
    weights, noise = rng.standard_normal(8), 0.01 * rng.standard_normal(8)
    return operand_values(history[-1], _means_of(history), weights, noise, _timed(steps, noise.size))


def _telling_operands(rng: np.random.Generator, steps: np.random.Generator) -> dict[str, Values]:
    entries = 240
    history = _magnitudes(rng, -5, 2, entries) * rng.standard_normal((STEPS, entries))
    history[-1, 96:128] *= 10 ** rng.uniform(-6, 0, 32)
    decays = 0.9 ** np.arange(STEPS - 1, 0, -1)
    # The last gradient cancels the others' share of m̂ except for a remainder.
    history[-1, 128:160] = history[-1, 128:160] * 10 ** rng.uniform(-6, 0, 32) - decays @ history[:-1, 128:160]
    history[-1, 160:184] = 0.0
    history[:, 184:200] = 0.0
    weights = _magnitudes(rng, -4, 2, entries) * rng.standard_normal(entries)
    weights[200:216] = 0.0
    noise = _magnitudes(rng, -6, 1, entries) * rng.standard_normal(entries)
    means = _means_of(history)
    means.sums["m"][216:] = 0.0  # as when it cancels, or fades away faster than the others after many zeros
    history[-1, 216:228] = 0.0
    timed = _timed(steps, entries)
    for place, decay in enumerate(("ld", "cd", "rd")):
        timed[decay][40 * place : 40 * place + 40] = 10 ** steps.uniform(-7, 0, 40)  # almost at the end
        timed[decay][40 * place : 40 * place + 10] = 0.0
        timed[decay][40 * place + 10 : 40 * place + 13] = 1.0
    return operand_values(history[-1], means, weights, noise, timed)


def _timed(rng: np.random.Generator, entries: int) -> dict[str, Values]:
    """Return decays and a draw of anneal; each entry is at another step of another training."""
    decays = {name: rng.random(entries) for name in ("ld", "cd", "rd")}
    return decays | {"anneal": _magnitudes(rng, -1, 0.5, entries) * rng.standard_normal(entries)}


def _means_of(history: Values) -> RunningMeans:
    means = RunningMeans()
    for gradient in history:
        means.see(gradient)
    return means


def _magnitudes(rng: np.random.Generator, least: float, most: float, entries: int) -> Values:
    return np.asarray(10 ** rng.uniform(least, most, entries))


def _draws(x: Values, name: str) -> Values:
    """Return uniform numbers that depend on ±x, to six digits, and on a name; keys round constants to twelve."""
    nonzero = x[(x != 0) & ~np.isnan(x)]
    oriented = -x if nonzero.size and nonzero[0] < 0 else x
    decimals = np.zeros_like(x)
    regular = np.isfinite(x) & (x != 0)
    decimals[regular] = 5 - np.floor(np.log10(np.abs(x[regular])))
    digits = np.where(np.isnan(x), 0.0, oriented)  # NaN has many bit patterns
    digits[regular] = np.rint(oriented[regular] * 10.0 ** decimals[regular])
    carried = np.abs(digits) == 10.0**6  # 0.9999999 and 1 are equal to six digits
    digits[carried] /= 10
    decimals[carried] -= 1
    content = (digits + 0.0).tobytes() + decimals.tobytes() + np.isnan(x).tobytes() + name.encode()
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
    return np.random.default_rng(seed).random(x.shape)
