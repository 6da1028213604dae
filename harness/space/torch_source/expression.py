"""A rule's value as lines of PyTorch: short statements that compute Δ for one parameter.

Every operation is the one that ``tasks.optimizer.kernels`` runs, on the same operands in the same order, so that both
round alike. A value that is read twice, or that would make a line too long, gets a name; the rest is nested.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.space.counting.probe import FUNCTIONS
from harness.space.node import CONSTANT, Node
from harness.space.primitives import operations
from harness.space.word import ATOM, DECAYS, LEVELLED, NEGATION, POWER, PRODUCT, SUM
from harness.space.words import OPERANDS

LONGEST = 48  # characters of a nested expression
LARGEST_HALF = 65504.0  # the largest float16; a larger number may be too large for the tensors
MEANS = ("m", "v", "gamma")
TORCH_NAMES = {"abs": "abs", "sign": "sign", "exp": "exp", "ln": "log", "root": "sqrt"}
TIMES = ("ld", "cd", "rd", "anneal")
SCALAR_NAMES = TORCH_NAMES | {"over": "div", "plus_eps": "add", "raised": "pow"}
NAMES = {operations(Node(word.name))[-1]: word.name for word in OPERANDS if word.name.isidentifier()}


@dataclass(frozen=True, slots=True)
class Draw:
    """One random tensor that a step needs.

    Attributes:
        name: the variable that holds it.
        probability: with which an entry is dropped; None for noise and anneal.
    """

    name: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class TensorCode:
    """The code that computes Δ for the parameter ``w`` with the gradient ``g``.

    Attributes:
        statements: lines of Python, in order.
        delta: the expression for Δ after these statements.
        constant: whether Δ is a plain number that never changes.
        moving: whether Δ is a plain number that depends on a decay.
        means: the running means among ``m``, ``v``, ``gamma`` that are read from variables ``m``, ``v``, ``gamma``.
        corrected: those of the means whose bias is corrected, which needs the count of steps.
        timed: the decays that are read from variables, and ``anneal``; they need the count of steps, too.
        draws: random tensors, in the order in which a step draws them; ``dropped*`` are masks.
        epsilon: whether it reads ``eps``.
        fitted: whether it calls ``_fit``, for a number that may be too large for the tensors.
        computed: whether it calls ``_number``, for a number that is computed from decays.
    """

    statements: tuple[str, ...]
    delta: str
    constant: bool
    moving: bool
    means: tuple[str, ...]
    corrected: tuple[str, ...]
    timed: tuple[str, ...]
    draws: tuple[Draw, ...]
    epsilon: bool
    fitted: bool
    computed: bool


def tensor_code(node: Node) -> TensorCode:
    """Return the code for a canonical expression."""
    return _Writer(operations(node)).written()


class _Writer:
    def __init__(self, order: Sequence[Node]) -> None:
        self._order = order
        self._reads = Counter(arg for part in order for arg in part.args)
        self._texts: dict[Node, tuple[str, int]] = {}  # the expression for a value, and how tightly it binds
        self._numbers: dict[Node, float] = {}  # values that are plain numbers
        self._moving: dict[Node, str] = {}  # numbers that depend on decays, and their expressions
        self._statements: list[str] = []
        self._draws: list[Draw] = []
        self._parts = self._parts_computed = 0
        self._tokens = {part.token for part in order}
        self._fitted = False

    def written(self) -> TensorCode:
        for part in self._order:
            number = self._number(part)
            if number is not None:
                self._numbers[part] = number
                self._texts[part] = self._literal(number)
            elif self._moves(part):
                self._texts[part] = self._computed(part), ATOM
            else:
                self._texts[part] = self._named(part, *self._expression(part))
        unbiased = {"m": {"unbias_m"}, "v": {"unbias_v", "rms"}, "gamma": {"unbias_gamma"}}
        return TensorCode(
            statements=tuple(self._statements),
            delta=self._moving.get(self._order[-1]) or self._texts[self._order[-1]][0],
            constant=self._order[-1] in self._numbers,
            moving=self._order[-1] in self._moving,
            means=tuple(name for name in MEANS if f"mean_{name}" in self._tokens),
            corrected=tuple(name for name in MEANS if unbiased[name] & self._tokens),
            timed=tuple(name for name in TIMES if name in self._tokens),
            draws=tuple(self._draws),
            epsilon=bool({"plus_eps", "rms"} & self._tokens),
            fitted=self._fitted or self._order[-1] in self._moving,
            computed=self._parts_computed > 0,
        )

    def _number(self, part: Node) -> float | None:
        """Return the value of a part that needs no tensor: a constant, or the result of an overflow of constants."""
        if part.token == CONSTANT:
            return part.value
        if not part.args or part.token == "drop" or not all(arg in self._numbers for arg in part.args):
            return None
        args = [np.array([self._numbers[arg]]) for arg in part.args]
        with np.errstate(all="ignore"):
            function = FUNCTIONS[part.token]
            value = function(*args, part.value) if part.token in LEVELLED else function(*args)
        return float(value[0])

    def _moves(self, part: Node) -> bool:
        """Whether a part is a plain number that depends on a decay."""
        known = all(arg in self._numbers or arg in self._moving for arg in part.args)
        return part.token in DECAYS or (bool(part.args) and part.token != "drop" and known)

    def _computed(self, part: Node) -> str:
        """Give such a number a name, and return it as tensors can hold it."""
        if part.token in DECAYS:  # 1 at most
            self._moving[part] = part.token
            return part.token
        args = [self._moving.get(arg) or _exact(self._numbers[arg]) for arg in part.args]
        args += {"clamp": [f"{-part.value}", f"{part.value}"], "plus_eps": ["eps"]}.get(part.token, [])
        self._parts_computed += 1
        name = f"number_{self._parts_computed}"
        self._statements.append(
            f"{name} = _number(torch.{SCALAR_NAMES.get(part.token, part.token)}, {', '.join(args)})"
        )
        self._moving[part], self._fitted = name, True
        return f"_fit({name}, w.dtype)"

    def _literal(self, number: float) -> tuple[str, int]:
        if math.isfinite(number) and abs(number) > LARGEST_HALF:
            self._fitted = True
            return f"_fit({number!r}, w.dtype)", ATOM
        return _exact(number), NEGATION if number < 0 else ATOM

    def _named(self, part: Node, text: str, binding: int) -> tuple[str, int]:
        """Give a value a name if it is worth one."""
        name = _name(part)
        worth = self._reads[part] > 1 or len(text) > LONGEST or part.token.startswith("unbias_") or part.token == "rms"
        if not worth or text.isidentifier() or part is self._order[-1]:
            return text, binding
        if not name:
            self._parts += 1
            name = f"part_{self._parts}"
        self._statements.append(f"{name} = {text}")
        return name, ATOM

    def _expression(self, part: Node) -> tuple[str, int]:
        token, args = part.token, part.args
        match token:
            case "g" | "w":
                return token, ATOM
            case "noise" | "anneal":
                self._draws.append(Draw(token, None))
                return token, ATOM
            case "mean_m" | "mean_v" | "mean_gamma":
                return token.removeprefix("mean_"), ATOM
            case "unbias_m" | "unbias_v" | "unbias_gamma":
                name = token.removeprefix("unbias_")
                return f"{name} / (1.0 - beta_{name}**step)", PRODUCT
            case "rms":
                return "torch.sqrt(v) / math.sqrt(1.0 - beta_v**step) + eps", SUM
            case "neg":
                return f"-{self._wrapped(args[0], NEGATION)}", NEGATION
            case "add":
                return self._sum(*args), SUM
            case "sub":
                return f"{self._wrapped(args[0], SUM)} - {self._wrapped(args[1], PRODUCT)}", SUM
            case "mul":
                return self._product(*args)
            case "over":
                return f"{self._wrapped(args[0], PRODUCT)} / {self._wrapped(args[1], NEGATION)}", PRODUCT
            case "plus_eps":
                return f"{self._wrapped(args[0], SUM)} + eps", SUM
            case "raised" if args[0] in self._numbers or args[0] in self._moving:
                return f"torch.pow({self._texts[args[0]][0]}, {self._texts[args[1]][0]})", ATOM
            case "raised":
                return f"{self._wrapped(args[0], ATOM)} ** {self._wrapped(args[1], POWER)}", POWER
        return self._function(part, args[0]), ATOM

    def _function(self, part: Node, arg: Node) -> str:
        inner, _ = self._texts[arg]
        match part.token:
            case "drop":
                count = 1 + sum(each.probability is not None for each in self._draws)
                draw = Draw(f"dropped_{count}", part.value)
                self._draws.append(draw)
                constant = arg in self._numbers or arg in self._moving
                value = f"torch.full_like(g, {inner})" if constant else self._wrapped(arg, ATOM)
                return f"{value}.masked_fill({draw.name}, 0.0)"
            case "clamp":
                return f"torch.clamp({inner}, {-part.value}, {part.value})"
        return f"torch.{TORCH_NAMES[part.token]}({inner})"

    def _sum(self, left: Node, right: Node) -> str:
        first, later = self._wrapped(left, SUM), self._wrapped(right, PRODUCT)
        return f"{first} - {later[1:]}" if later.startswith("-") else f"{first} + {later}"

    def _product(self, left: Node, right: Node) -> tuple[str, int]:
        if self._numbers.get(left) == 1.0:  # the sign of a numeric base
            return self._texts[right]
        return f"{self._wrapped(left, PRODUCT)} * {self._wrapped(right, NEGATION)}", PRODUCT

    def _wrapped(self, part: Node, least: int) -> str:
        text, binding = self._texts[part]
        return text if binding >= least else f"({text})"


def _exact(number: float) -> str:
    """Write a number as Python does, or by its name in ``math``."""
    if math.isnan(number):
        return "math.nan"
    return repr(number) if math.isfinite(number) else "math.inf" if number > 0 else "-math.inf"


def _name(part: Node) -> str:
    """Return the name of a value in the literature; empty if it has none."""
    name = NAMES.get(part, "")
    return f"{name}_hat" if name in MEANS else name or ("rms" if part.token == "rms" else "")
