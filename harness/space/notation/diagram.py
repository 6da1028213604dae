"""A rule's expression tree as a picture: Graphviz source, and a self-contained SVG drawing.

Both show the literal expression, as ``printer.drawing`` does, and what keep-left discards, too, with dashed edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from harness.contracts import Rule
from harness.space.expression import expression
from harness.space.node import Node
from harness.space.notation import printer
from harness.space.vocabulary import word_of

# Lengths in the drawing's own unit, a pixel at its natural size.
LETTER = 8.4  # width of a monospace letter of 14
BOX = 28  # height of a box
PADDING = 10  # between a box's text and its sides
LEVEL = 62  # from one generation to the next
GAP = 14  # between neighbours
MARGIN = 12

SVG = "http://www.w3.org/2000/svg"
STYLE = """
.rule-tree { color-scheme: light dark; }
.rule-tree text { font: 14px ui-monospace, monospace; text-anchor: middle; dominant-baseline: central; fill: #1b1f24; }
.rule-tree rect { fill: #ffffff; stroke: #57606a; }
.rule-tree .operand rect { fill: #ddf4ff; }
.rule-tree path { stroke: #57606a; fill: none; }
.rule-tree .unused path { stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  .rule-tree text { fill: #e6edf3; }
  .rule-tree rect { fill: #161b22; stroke: #8b949e; }
  .rule-tree .operand rect { fill: #0c2d6b; }
  .rule-tree path { stroke: #8b949e; }
}
"""


def dot(rule: Rule) -> str:
    """Return the tree in Graphviz's language; ``dot -Tsvg FILE`` draws it."""
    lines = ["digraph rule {"]
    lines += [f"  graph [label={_quoted(rule.infix)}, ordering=out];", '  node [shape=box, fontname="monospace"];']
    numbers = 0

    def visit(node: Node) -> int:
        nonlocal numbers
        own, numbers = numbers, numbers + 1
        shape = "" if node.args else ", style=rounded"
        lines.append(f"  n{own} [label={_quoted(printer.label(node))}{shape}];")
        for place, arg in enumerate(node.args):
            lines.append(f"  n{own} -> n{visit(arg)}{' [style=dashed]' if _unused(node, place) else ''};")
        return own

    visit(expression(rule))
    return "\n".join([*lines, "}"]) + "\n"


def svg(rule: Rule) -> str:
    """Return the tree as an SVG drawing for light and dark pages; its title and description give the formula."""
    tree = _Placed.of(expression(rule))
    width, height = tree.width + 2 * MARGIN, (tree.depth - 1) * LEVEL + BOX + 2 * MARGIN
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": SVG,
            "viewBox": f"0 0 {width:.1f} {height:.1f}",
            "width": f"{width:.1f}",
            "height": f"{height:.1f}",
            "class": "rule-tree",
            "role": "img",
            "aria-labelledby": "rule-title rule-description",
        },
    )
    ElementTree.SubElement(root, "title", {"id": "rule-title"}).text = f"Update rule {rule.infix}"
    described = f"Expression tree of {rule.infix}; an operation stands above its arguments."
    ElementTree.SubElement(root, "desc", {"id": "rule-description"}).text = described
    ElementTree.SubElement(root, "style").text = STYLE
    _draw(root, tree, MARGIN, MARGIN)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A subtree with its size.

    Attributes:
        node: its root.
        parts: the arguments' subtrees.
        width: width of all its boxes side by side.
        depth: how many generations it has.
    """

    node: Node
    parts: tuple[_Placed, ...]
    width: float
    depth: int

    @classmethod
    def of(cls, node: Node) -> _Placed:
        parts = tuple(map(cls.of, node.args))
        below = sum(part.width for part in parts) + GAP * max(0, len(parts) - 1)
        return cls(node, parts, max(_box(node), below), 1 + max((part.depth for part in parts), default=0))


def _draw(parent: ElementTree.Element, tree: _Placed, left: float, top: float) -> None:
    """Draw a subtree with its upper left corner at a place, edges first, so that boxes lie over their ends."""
    middle = left + tree.width / 2
    below = sum(part.width for part in tree.parts) + GAP * max(0, len(tree.parts) - 1)
    start = left + (tree.width - below) / 2
    for place, part in enumerate(tree.parts):
        into = ElementTree.SubElement(parent, "g", {"class": "unused"} if _unused(tree.node, place) else {})
        line = f"M {middle:.1f} {top + BOX:.1f} L {start + part.width / 2:.1f} {top + LEVEL:.1f}"
        ElementTree.SubElement(into, "path", {"d": line})
        _draw(into, part, start, top + LEVEL)
        start += part.width + GAP
    box = ElementTree.SubElement(parent, "g", {} if tree.node.args else {"class": "operand"})
    place_of = {"x": f"{middle - _box(tree.node) / 2:.1f}", "y": f"{top:.1f}"}
    size = {"width": f"{_box(tree.node):.1f}", "height": f"{BOX:.1f}", "rx": "6" if tree.node.args else "14"}
    ElementTree.SubElement(box, "rect", place_of | size)
    text = ElementTree.SubElement(box, "text", {"x": f"{middle:.1f}", "y": f"{top + BOX / 2:.1f}"})
    text.text = printer.label(tree.node)


def _box(node: Node) -> float:
    return max(BOX, LETTER * len(printer.label(node)) + 2 * PADDING)


def _unused(node: Node, place: int) -> bool:
    return not word_of(node.token, len(node.args)).reads(place)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
