"""``harness rule``: show one rule, score it, or export it."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.cli.terminal.output import announce, console, document, hanging
from harness.contracts import CPU

if TYPE_CHECKING:
    from harness.contracts import Outcome, Rule

app = typer.Typer(
    help="Show one rule, score it, or export it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

RuleText = Annotated[
    str, typer.Argument(metavar="RULE", help="Infix, a token string, or a name from `harness ls rules`.")
]


class ShowFormat(StrEnum):
    """The output formats of ``rule show``."""

    TEXT = "text"
    JSON = "json"
    LATEX = "latex"
    TOKENS = "tokens"


class ScoreFormat(StrEnum):
    """The output formats of ``rule score``."""

    TEXT = "text"
    JSON = "json"


class ExportFormat(StrEnum):
    """The formats that ``rule export`` writes."""

    TORCH = "torch"
    LATEX = "latex"
    DOT = "dot"
    SVG = "svg"


@app.command()
def show(
    rule: RuleText,
    format: Annotated[ShowFormat, typer.Option(help="What to print.")] = ShowFormat.TEXT,
) -> None:
    """Print a rule in every notation, and the running means and decays that it needs."""
    from harness.space.notation import rules as notation

    parsed = _resolved(rule)
    facts = _facts(parsed)
    match format:
        case ShowFormat.JSON:
            document(json.dumps(facts, indent=2) + "\n")
        case ShowFormat.LATEX:
            document(facts["latex"] + "\n")
        case ShowFormat.TOKENS:
            document(facts["tokens"] + "\n")
        case ShowFormat.TEXT:
            out = console()
            for name in ("infix", "tokens", "latex", "key"):
                out.print(f"{name:<8}{facts[name]}", soft_wrap=True)
            out.print(f"{'blocks':<8}{len(facts['blocks'])}")
            out.print(f"{'state':<8}{', '.join(facts['state']) or 'none'}")
            if facts["decays"]:
                needed = f"{', '.join(facts['decays'])}: an optimizer of this rule needs total_steps"
                out.print(f"{'decays':<8}{needed}", soft_wrap=True)
            out.print()
            out.print(notation.tree(parsed), soft_wrap=True)


@app.command()
def score(
    rule: RuleText,
    protocol: options.ProtocolName = "quick",
    data: options.DataName = "auto",
    data_root: options.DataRoot = None,
    seed: Annotated[
        int, typer.Option(help="The run's seed: a run with this seed trains exactly this child.", min=0)
    ] = 0,
    device: options.Device = CPU,
    format: Annotated[ScoreFormat, typer.Option(help="What to print.")] = ScoreFormat.TEXT,
) -> None:
    """Train one child, and print its reward, the sweep and the curve."""
    from harness.library.live import counting
    from harness.library.scoring import Scorer
    from harness.race.protocols import named
    from harness.space.notation import rules as notation

    parsed, chosen = _resolved(rule), named(protocol)
    formula = notation.readable(parsed)
    options.check_device(device)
    options.tell_unread(chosen, data, data_root)
    scorer = Scorer(chosen, data=data, data_root=data_root, device=device, announce=announce)
    with counting(f"training {formula}, examples") as watch:
        outcome = scorer(parsed, seed=seed, watch=watch)
    examples = scorer.data
    if format is ScoreFormat.JSON:
        scored = _scored(parsed, outcome) | _context(chosen.name, chosen.hash, examples, seed)
        document(json.dumps(scored, indent=2) + "\n")
        return
    out = console()
    out.print(f"rule           {formula}", soft_wrap=True)
    out.print(f"protocol       {chosen.name} v{chosen.version} ({chosen.hash})")
    out.print(f"data           {examples.name} ({examples.fingerprint[:16]}), seed {seed}", soft_wrap=True)
    hanging(out, "status         ", f"{outcome.status}{f': {outcome.message}' if outcome.message else ''}".split())
    out.print(f"reward         {outcome.score:.4f}")
    out.print(f"learning rate  {'none survived' if outcome.learning_rate is None else f'{outcome.learning_rate:g}'}")
    out.print(f"examples       {outcome.examples:,} in {outcome.seconds:.1f} s")
    hanging(out, "sweep          ", (f"{rate:g}: {value:.3f}" for rate, value in outcome.sweep), gap="  ")
    hanging(out, "curve          ", (f"{value:.3f}" for value in outcome.curve), gap="  ")


@app.command()
def export(
    rule: RuleText,
    format: Annotated[
        ExportFormat,
        typer.Option(help="An optimizer that needs only torch, a formula, or the tree for Graphviz or as a drawing."),
    ] = ExportFormat.TORCH,
    to: Annotated[Path | None, typer.Option(help="File to write or overwrite; by default standard output.")] = None,
    name: Annotated[str, typer.Option(help="Name of the optimizer's class, for torch.")] = "",
) -> None:
    """Write a rule for use without this program: PyTorch source, LaTeX, Graphviz, or SVG."""
    from harness.files import write_whole
    from harness.library.exporting import export_rule

    text = export_rule(rule, format.value, name=name)
    if to is None:
        document(text)
    else:
        write_whole(to, text.encode())


def _resolved(text: str) -> Rule:
    from harness.space.zoo import resolve

    return resolve(text)


def _facts(rule: Rule) -> dict[str, Any]:
    from harness.space.equivalence import canonical
    from harness.space.expression import decays, state
    from harness.space.notation import rules as notation

    node = canonical(rule)
    return {
        "tokens": str(rule),
        "infix": notation.readable(rule),
        "latex": notation.latex(rule),
        "key": rule.key,
        "blocks": [asdict(block) for block in rule.blocks],
        "state": list(state(node)),
        "decays": list(decays(node)),
    }


def _scored(rule: Rule, outcome: Outcome) -> dict[str, Any]:
    from harness.space.notation import rules as notation

    return {
        "rule": notation.readable(rule),
        "tokens": str(rule),
        "status": outcome.status.value,
        "score": outcome.score,
        "learning_rate": outcome.learning_rate,
        "sweep": [{"learning_rate": rate, "score": value} for rate, value in outcome.sweep],
        "curve": list(outcome.curve),
        "examples": outcome.examples,
        "seconds": outcome.seconds,
        "message": outcome.message,
    }


def _context(name: str, digest: str, data: Any, seed: int) -> dict[str, Any]:
    return {"protocol": name, "protocol_hash": digest, "data": data.name, "fingerprint": data.fingerprint, "seed": seed}
