"""``harness.powersign`` and ``harness.addsign``: rules with any constants, as far as the language can write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from harness.board.rules.known import candidate
from harness.candidates import NamedOptimizer
from harness.contracts import Rule


def powersign(base: float = math.e, *, decay: str | None = None, n: float | None = None) -> Rule | NamedOptimizer:
    """Return PowerSign, Δ = base^(f·sign(g)·sign(m))·g, for ``harness.confirm`` and ``RuleOptimizer``.

    Args:
        base: above 0. With e and 2 it is a rule; a rule can have no other base, so it is then the candidate
            ``nos:PowerSign(…)``, whose ``build_for(parameters, learning_rate=…, total_steps=…)`` returns an optimizer.
        decay: f: ``ld``, ``cd`` or ``rd`` (protocol §6); None for 1.
        n: the periods of ``cd`` or ``rd`` in the whole training; None for ½ and 1. With others it is a candidate, too.

    Raises:
        SettingError: an argument is out of range.

    Example:
        >>> import harness
        >>> harness.powersign(decay="ld").infix, harness.powersign(1.5, decay="rd", n=10).text
        ('g * exp(ld * sign(g) * sign(m))', "nos:PowerSign(base=1.5, decay='rd', n=10.0)")
    """
    powers = {math.e: "g * exp({})", 2.0: "g * 2 ^ ({})"}
    return _signs("PowerSign", "base", base, powers, decay=decay, n=n)


def addsign(alpha: float = 1.0, *, decay: str | None = None, n: float | None = None) -> Rule | NamedOptimizer:
    """Return AddSign, Δ = (alpha + f·sign(g)·sign(m))·g, for ``harness.confirm`` and ``RuleOptimizer``.

    Args:
        alpha: any number. With 1 and 2 it is a rule, with others the candidate ``nos:AddSign(…)``.
        decay: f, as for ``powersign``.
        n: as for ``powersign``.

    Raises:
        SettingError: an argument is out of range.

    Example:
        >>> import harness
        >>> harness.addsign(decay="cd").infix, harness.addsign(0.5).text
        ('(1 + cd * sign(g) * sign(m)) * g', 'nos:AddSign(alpha=0.5)')
    """
    return _signs("AddSign", "alpha", alpha, {1.0: "(1 + {}) * g", 2.0: "(2 + {}) * g"}, decay=decay, n=n)


def _signs(
    name: str, constant: str, value: float, written: Mapping[float, str], *, decay: str | None, n: float | None
) -> Rule | NamedOptimizer:
    """Return a rule if one can be written, else a candidate; arguments are checked by the candidate's family."""
    options = {constant: _plain(value), "decay": decay, "n": _plain(n)}
    usual = {constant: math.nan, "decay": None, "n": None}
    given = ", ".join(f"{option}={chosen!r}" for option, chosen in options.items() if chosen != usual[option])
    found = candidate(f"nos:{name}({given})")
    assert isinstance(found, NamedOptimizer), "the text names a family"
    if options[constant] in written and found.options["n"] in (None, {"cd": 0.5, "rd": 1.0}.get(str(decay))):
        return Rule.parse(written[value].format(f"{decay} * sign(g) * sign(m)" if decay else "sign(g) * sign(m)"))
    return found


def _plain(number: object) -> object:
    """Return a number of any library as Python's, whose text can be read."""
    return float(number) if isinstance(number, Real) and not isinstance(number, bool) else number
