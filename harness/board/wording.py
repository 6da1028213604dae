"""How boards, pages and messages write a number, a rule, seeds or a name from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from harness.board.comparison import Comparison
from harness.board.statistics import Estimate
from harness.contracts import Candidate, TaskProtocol
from harness.errors import HarnessError
from harness.space.notation import rules as notation

SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 12  # characters
LEAST_SHOWN = 0.0001  # smaller p values are shown as "< 0.0001"


def plain(text: str) -> str:
    """Return one line of printable characters: line breaks become blanks, other control codes a replacement mark."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def listed(names: Sequence[str]) -> str:
    """Join names from outside for a sentence: ``a, b and c``."""
    shown = [plain(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def formula(rule: Candidate) -> str:
    """Write a rule in infix without double minus, or an optimizer's name; a rule that cannot be read, as tokens."""
    try:
        return plain(notation.readable(rule))
    except HarnessError:
        return plain(str(rule))


def measured(protocol: TaskProtocol) -> tuple[tuple[str, str], ...]:
    """Return what scores measure, as a fact of a board; empty if the protocol states no metric beyond the score."""
    return () if protocol.metric is None else (("metric", plain(protocol.metric.described)),)


def translated(protocol: TaskProtocol) -> Mapping[str, Callable[[float], str]]:
    """Return a function that writes a score as the metric's figure, by the metric's title; empty if they are equal."""
    metric = protocol.measured
    if metric.score == "x" or metric.figure(1.0) is None:
        return {}
    return {plain(metric.titled): lambda score: _figure(metric.figure(score))}


def _figure(figure: float | None) -> str:
    return "" if figure is None else "∞" if figure == math.inf else f"{figure:.4g}"


def seed_list(seeds: Sequence[int]) -> str:
    """Write ascending seeds as ``--seeds`` takes them: ``0-4,7``."""
    spans: list[list[int]] = []
    for seed in seeds:
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def duration(seconds: float) -> str:
    """Write a span of time to two or three digits: ``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def sparkline(curve: Sequence[float], *, low: float, high: float) -> str:
    """Draw a curve in a dozen characters; ``low`` is the lowest bar and ``high`` the full one."""
    width = min(SPARK_WIDTH, len(curve))
    ends = [(index + 1) * len(curve) // width - 1 for index in range(width)]
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[min(len(SPARKS) - 1, max(0, round((curve[end] - low) * scale)))] for end in ends)


def estimated(figure: Estimate, *, sign: str = "") -> str:
    """Write a mean with the ends of its interval; without an interval, with the number of seeds."""
    ends = [f"{end:{sign}z.3f}" for end in (figure.low, figure.high) if end is not None]
    return f"{figure.mean:{sign}z.3f} " + (f"[{', '.join(ends)}]" if ends else f"(n = {figure.count})")


def chance(p: float) -> str:
    """Write a p value to two digits; a very small one as an upper bound."""
    return f"{p:.2g}" if p >= LEAST_SHOWN else f"< {LEAST_SHOWN:g}"


def adjusted_chance(each: Comparison) -> str:
    """Write the p value of a comparison after Holm's correction, or why it has none."""
    return each.verdict if each.adjusted is None else chance(each.adjusted)
