"""A report as one HTML file: style, script, Plotly and data are inside. It loads nothing and runs no foreign code.

A content security policy in the page names the hashes of its two scripts and lets nothing else run, load or connect.
Even a rule or a name that slipped through the escaping could only look odd.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from xml.etree import ElementTree

import harness
from harness.board import wording
from harness.board.blackbox import formats as blackbox_formats
from harness.board.learned import formats as learned_formats
from harness.board.markdown import Format
from harness.board.page import BIASED
from harness.board.report import blackbox, colours, learned, scales, transfers
from harness.board.report.charts import charts
from harness.board.report.document import Report
from harness.board.rules import formats as rules_formats
from harness.board.rules import pages as rules_pages
from harness.board.searches import formats as search_formats
from harness.board.searches import pages as search_pages
from harness.board.searches import regret_pages
from harness.board.statistics import Estimate
from harness.board.transfer import formats as transfer_formats
from harness.contracts import Rule
from harness.errors import HarnessError
from harness.race.runs import Judged
from harness.space.notation.diagram import svg
from harness.space.notation.mathml import mathml
from harness.space.notation.pseudocode import pseudocode
from harness.space.notation.rules import latex

SCHEMA = 1  # of the data for download
OVERWHELMING = 20.7  # ln 10⁹
DATA_NAME = "harness-report-data.json.gz"


def render(report: Report) -> str:
    """Return the page as HTML."""
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": wording.plain,
        "formula": wording.formula,
        "seeds": wording.seed_list,
        "duration": wording.duration,
        "chance": wording.chance,
        "score": _score,
        "placed": search_pages.placed,
        "spanned": search_pages.spanned,
        "share": search_pages.share,
        "facts": search_pages.facts,
        "rules_facts": rules_pages.facts,
        "drops": search_pages.drops,
        "reach": regret_pages.reach,
        "paired_chance": rules_pages.paired_chance,
        "signed": lambda value: _score(value, signed=True),
        "interval": _interval,
        "notes": search_pages.notes,
        "finds": search_pages.finds,
        "rules_notes": rules_pages.notes,
        "odds": _odds,
        "mathml": lambda rule: Markup(_drawn(mathml, rule)),
        "tree": lambda rule, name: Markup(_drawn(functools.partial(_tree, name=name), rule)),
        "pseudocode": lambda rule: _drawn(pseudocode, rule),
        "latex": lambda rule: _drawn(latex, rule),
        "areas": scales.of_areas,
        "shares": scales.of_shares,
        "whisker": lambda estimate, scale: Markup(scales.whisker(estimate, scale)),
        "axis": lambda scale: Markup(scales.axis(scale)),
        **transfers.FILTERS,
        **learned.FILTERS,
        **blackbox.FILTERS,
    }
    script, plotly = _part("script.js"), _inline(get_plotlyjs())
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (plotly, script))
    return environment.get_template("page.html").render(
        report=report,
        charts=charts(report),
        version=harness.__version__,
        biased=BIASED,
        data_name=DATA_NAME,
        data=_packed(_data(report)),
        style=Markup(colours.variables() + _part("style.css")),
        script=Markup(script),
        plotly=Markup(plotly),
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:",
    )


def data(report: Report) -> str:
    """Return everything that the page was made from, as JSON.

    ::

        {"schema": 1, "harness": version,
         "boards": [...], "rules_boards": [...], "transfer_boards": [...],      # as `harness leaderboard` prints them
         "learned_boards": [...],       # as `harness learn compare` prints them; only if there is a comparison
         "blackbox_boards": [...],      # as `harness blackbox` prints them; only if there is a contest
         "runs": [{"name", "identity", "state", "seconds", "header": {...},
                   "trials": [[index, tokens, status, score, learning rate or null, charged]]}]}
    """
    return "".join(_data(report))


def _data(report: Report) -> Iterator[str]:
    """Yield ``data`` in pieces, one per run: for a store of a million trials it is some 100 MB."""
    rules = rules_formats.render([each.board for each in report.rules], Format.JSON)
    moved = transfer_formats.render([each.board for each in report.transfers], Format.JSON)
    head = {
        "schema": SCHEMA,
        "harness": harness.__version__,
        "boards": json.loads(search_formats.render([each.board for each in report.searches], Format.JSON))["boards"],
        "rules_boards": json.loads(rules)["rules_boards"],
        "transfer_boards": json.loads(moved)["transfer_boards"],
        **_learned(report),
        **_blackbox(report),
        "runs": [],
    }
    yield json.dumps(head, allow_nan=False).removesuffix("]}")
    for place, record in enumerate(report.records):
        yield (", " if place else "") + json.dumps(_run(record), allow_nan=False)
    yield "]}"


def _learned(report: Report) -> dict[str, object]:
    if report.learned is None:
        return {}
    return {"learned_boards": json.loads(learned_formats.render([report.learned.board], Format.JSON))["learned_boards"]}


def _blackbox(report: Report) -> dict[str, object]:
    if report.blackbox is None:
        return {}
    text = blackbox_formats.render([report.blackbox.board], Format.JSON)
    return {"blackbox_boards": json.loads(text)["blackbox_boards"]}


def _run(record: Judged) -> dict[str, object]:
    each = record.results
    statuses = (status.value for status in each.statuses)
    columns = (each.numbers, each.rules, statuses, each.scores, each.learning_rates, each.charged)
    return {
        "name": record.header.name,
        "identity": record.header.identity,
        "state": record.standing,
        "seconds": record.seconds,
        "header": json.loads(record.header.to_json()),
        "trials": list(zip(*columns, strict=True)),
    }


def _packed(pieces: Iterable[str]) -> str:
    """Compress text, and encode it as letters that a URL can hold."""
    squeezer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=zlib.MAX_WBITS | 16)  # of gzip
    packed = b"".join([*(squeezer.compress(piece.encode()) for piece in pieces), squeezer.flush()])
    return base64.b64encode(packed).decode()


def _part(name: str) -> str:
    return resources.files("harness.board.report").joinpath(name).read_text(encoding="utf-8")


def _inline(script: str) -> str:
    """Return a script as an element can hold it: exactly the bytes that the browser hashes."""
    return script.replace("\r\n", "\n").replace("</script", r"<\/script")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _score(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "none"
    rounded = round(value, 3) + 0.0  # no −0
    return (f"{rounded:+.3f}" if signed else f"{rounded:.3f}").replace("-", "−")


def _interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return "no interval"
    return f"{_score(estimate.low)} to {_score(estimate.high)}"


def _odds(log_probability: float) -> str:
    """Write the probability e^x to two digits, such as ``1 in 130,000``; beyond a billion as a power of ten."""
    if log_probability < -OVERWHELMING:
        return f"1 in 10^{-log_probability / math.log(10):.0f}"
    against = math.exp(-log_probability)
    digits = max(0, math.floor(math.log10(max(1.0, against))) - 1)
    return f"1 in {round(against, -digits):,.0f}" if against >= 9.5 else f"{1 / against:.2f}"


def _drawn(draw: Callable[[Rule], str], rule: Rule) -> str:
    """Return the drawing of a rule; empty for a string that this version of the language or a page cannot show."""
    try:
        return draw(rule)
    except (HarnessError, ElementTree.ParseError, RecursionError):
        return ""


def _tree(rule: Rule, *, name: str) -> str:
    """Return the drawing of a rule's tree, with ``id`` values of its own and in the page's colours."""
    root = ElementTree.fromstring(svg(rule))
    space = "{http://www.w3.org/2000/svg}"
    for style in root.findall(f"{space}style"):
        root.remove(style)
    for each in root.iter():
        each.tag = each.tag.removeprefix(space)
        if "id" in each.attrib:
            each.set("id", f"{name}-{each.get('id')}")
    root.set("aria-labelledby", " ".join(f"{name}-{part}" for part in (root.get("aria-labelledby") or "").split()))
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))
