"""``harness.export_rule``: one rule in a form for other programs."""

from __future__ import annotations

from harness.errors import SettingError, check_choice, message
from harness.library import arguments
from harness.library.arguments import RuleLike
from harness.space.notation import diagram
from harness.space.notation import rules as notation
from harness.space.torch_source.optimizer import optimizer_source

FORMATS = ("torch", "latex", "dot", "svg")


def export_rule(rule: RuleLike, format: str = "torch", *, name: str = "") -> str:
    """Return the text of a rule for use without this program.

    Args:
        rule: a ``Rule``, infix, tokens, or a name from ``harness ls rules``.
        format: ``torch`` for the source of an optimizer that needs only torch, ``latex`` for a formula, ``dot`` for the
            tree in Graphviz's language, or ``svg`` for a drawing of it.
        name: name of the optimizer's class, for ``torch``.

    Raises:
        RuleSyntaxError: the text is not a rule.
        SettingError: there is no such format, or the name cannot be the name of a class.

    Example:
        >>> import harness
        >>> "class Mine(Optimizer):" in harness.export_rule("g * exp(v)", name="Mine")
        True
    """
    check_choice("format", format, FORMATS, error=SettingError)
    parsed = arguments.rule(rule)
    if name and format != "torch":
        raise SettingError(message("--name", expected="--format torch with it", got=format, hint="Leave it out"))
    match format:
        case "torch":
            return optimizer_source(parsed, name=name)
        case "latex":
            return notation.equation(parsed)
        case "dot":
            return diagram.dot(parsed)
    return diagram.svg(parsed)
