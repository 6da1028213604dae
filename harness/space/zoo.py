"""The known rules by name: the twenty of [NOS] Table 1, PowerSign and AddSign with their decays, two sign methods.

Wherever a rule is expected, one of these names works, too::

    resolve("powersign")  # the same rule as Rule.parse("g * exp(sign(g) * sign(m))")
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from harness.contracts import Rule
from harness.errors import RuleSyntaxError, message

TABLE_1, LATER = "[NOS] Table 1", "arXiv 1709.07417v2 §4.4"


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One known rule.

    Attributes:
        rule_text: the rule in infix.
        source: where it comes from.
        wide_resnet_accuracy: final test accuracy on Wide ResNet after 300 epochs in percent, from [NOS] Table 1; None
            for a rule that is not in the table.
    """

    rule_text: str
    source: str
    wide_resnet_accuracy: float | None = None


ZOO: dict[str, ZooEntry] = {
    "sgd": ZooEntry("g", TABLE_1, 91.8),
    "momentum": ZooEntry("m", TABLE_1, 92.1),
    "adam": ZooEntry("adam", f"{TABLE_1}; Kingma and Ba 2015", 90.1),
    "rmsprop": ZooEntry("rmsprop", f"{TABLE_1}; Tieleman and Hinton 2012", 90.3),
    "powersign-clip": ZooEntry("(exp(sign(g) * sign(m)) + clip(g, 1e-4)) * g", TABLE_1, 92.4),
    "clip-momentum-exp-v": ZooEntry("clip(m, 1e-4) * exp(v)", TABLE_1, 92.5),
    "momentum-exp-v": ZooEntry("m * exp(v)", TABLE_1, 92.4),
    "powersign": ZooEntry("g * exp(sign(g) * sign(m))", f"{TABLE_1}; α = e, no decay", 92.8),
    "powersign-drop3": ZooEntry("drop(g, 0.3) * exp(sign(g) * sign(m))", TABLE_1, 92.2),
    "momentum-exp-g2": ZooEntry("m * exp(g2)", TABLE_1, 92.5),
    "drop-momentum-over-exp-g2": ZooEntry("drop(m, 0.1) / exp(g2)", TABLE_1, 92.4),
    "powersign-drop1": ZooEntry("drop(g, 0.1) * exp(sign(g) * sign(m))", TABLE_1, 92.4),
    "clip-rmsprop-plus-drop-momentum": ZooEntry("clip(rmsprop, 1e-5) + drop(m, 0.3)", TABLE_1, 90.8),
    "adam-powersign": ZooEntry("adam * exp(sign(g) * sign(m))", TABLE_1, 92.0),
    "adam-exp-minus-m": ZooEntry("adam * exp(-m)", TABLE_1, 92.8),
    "sgd-plus-drop-momentum": ZooEntry("g + drop(m, 0.3)", TABLE_1, 92.9),
    "drop-momentum-exp-g3": ZooEntry("drop(m, 0.1) * exp(g3)", TABLE_1, 92.7),
    "sgd-clip-g2": ZooEntry("g * clip(g2, 1e-4)", TABLE_1, 92.8),
    "exp-g-minus-exp-minus-m": ZooEntry("exp(g) - exp(-m)", TABLE_1, 92.5),
    "drop-momentum-exp-w": ZooEntry("drop(m, 0.3) * exp(1e-3w)", TABLE_1, 93.0),
    "addsign": ZooEntry("(1 + sign(g) * sign(m)) * g", f"{LATER}; α = 1, no decay"),
    "sign-sgd": ZooEntry("sign(g)", "Bernstein et al. 2018"),
    "sign-momentum": ZooEntry("sign(m)", "Bernstein et al. 2018, Signum"),
    "powersign-ld": ZooEntry("g * exp(ld * sign(g) * sign(m))", f"{LATER}; α = e, linear decay"),
    "powersign-cd": ZooEntry("g * exp(cd * sign(g) * sign(m))", f"{LATER}; α = e, cosine decay"),
    "powersign-rd": ZooEntry("g * exp(rd * sign(g) * sign(m))", f"{LATER}; α = e, restart decay"),
    "addsign-ld": ZooEntry("(1 + ld * sign(g) * sign(m)) * g", f"{LATER}; α = 1, linear decay"),
    "addsign-cd": ZooEntry("(1 + cd * sign(g) * sign(m)) * g", f"{LATER}; α = 1, cosine decay"),
    "addsign-rd": ZooEntry("(1 + rd * sign(g) * sign(m)) * g", f"{LATER}; α = 1, restart decay"),
}

BARE_NAME = re.compile(r"[A-Za-z][\w-]*")


def named(name: str) -> Rule:
    """Return the known rule of that name, in any case.

    Raises:
        RuleSyntaxError: no known rule has that name; the message suggests the nearest.
    """
    entry = ZOO.get(name.strip().lower())
    if entry is None:
        near = difflib.get_close_matches(name.strip().lower(), ZOO, n=1, cutoff=0.6)
        advice = f"Did you mean {near[0]!r}" if near else "`harness ls rules` lists them"
        raise RuleSyntaxError(message("rule", expected="the name of a known rule", got=repr(name), hint=advice))
    return Rule.parse(entry.rule_text)


def resolve(text: str) -> Rule:
    """Read and return a rule: the name of a known rule, infix, or tokens.

    ``adam`` and ``rmsprop`` are both names and operands, with the same meaning.

    Raises:
        RuleSyntaxError: it is none of these; for a text that looks like a name, the message suggests the nearest.
    """
    text = text.strip()
    if text.lower() in ZOO:
        return named(text)
    try:
        return Rule.parse(text)
    except RuleSyntaxError:
        if BARE_NAME.fullmatch(text) and difflib.get_close_matches(text.lower(), ZOO, n=1, cutoff=0.6):
            return named(text)
        raise
