"""``harness.export_rule``: one rule as another program takes it."""

from __future__ import annotations

from harness.errors import SettingError, check_choice, message
from harness.library import arguments
from harness.library.arguments import RuleLike
from harness.space.notation import diagram
from harness.space.notation import rules as notation
from harness.space.torch_source.optimizer import optimizer_source

FORMATS = ("torch", "latex", "dot", "svg")


def export_rule(rule: RuleLike, format: str = "torch", *, name: str = "") -> str:
    """Write a rule for use without this program.

    Args:
        rule: a ``Rule``, infix, tokens, or a name from ``harness ls rules``.
        format: ``torch`` for the source of an optimizer that needs torch alone, ``latex`` for a formula, ``dot`` or
            ``svg`` for the tree, for Graphviz or as a drawing.
        name: of the optimizer's class, for torch.

    Raises:
        RuleSyntaxError: the rule is none.
        SettingError: there is no such format, or the name is no name of a class.

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
