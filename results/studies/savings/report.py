"""Put the study's tables into README.md: ``python results/studies/savings/report.py``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rules import chosen
from scipy.stats import spearmanr

from harness.race.protocols import named
from harness.seeds import derive_seed

HERE = Path(__file__).parent
MARK = "<!-- below: written by report.py -->"
UNIFORM = {"quick": 200, "paper": 20}  # how many of the uniform draws are counted
VARIANTS = ("quick-halving", "quick-bf16")
LEARNS = 0.2  # a rule that earned this much anywhere did learn: chance is 0.1, its noise under 0.02
RESAMPLES = 10_000

Row = Mapping[str, str]
Line = Mapping[str, Any]


def main() -> None:
    """Write everything below the mark anew."""
    with (HERE / "children.csv").open() as file:
        children = list(csv.DictReader(file))
    readme = HERE / "README.md"
    text, mark, _ = readme.read_text().partition(MARK)
    parts = ["", "", *exact(children), "", *paths(), "", *variants(), ""]
    readme.write_text(text + mark + "\n".join(parts))


def exact(children: list[Row]) -> list[str]:
    """The table of what costs no reward."""
    lines = ["| protocol | proposals | nothing saved | stops at once | first epoch once | equal rules once | shared |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, count in UNIFORM.items():
        drawn = [row for row in children if row["protocol"] == name and row["searcher"] == "random"]
        rows = sorted(drawn, key=lambda row: (int(row["number"]), int(row["seed"])))[:count]
        if rows:
            lines.append(f"| `{name}`, uniform draws | {len(rows)} | {costs(rows)} |")
    raced = [row for row in children if row["protocol"] == "quick"]
    searchers = sorted({row["searcher"] for row in raced})
    if len(searchers) > 1:
        lines.append(f"| `quick`, a race of {len(searchers)} | {len(raced):,} | {costs(raced)} |")
    return lines


def costs(rows: Iterable[Row]) -> str:
    """Training examples a proposal with no saving, and after each one added to those before."""
    steps = np.zeros(5)
    count = 0
    for row in rows:
        protocol = named(row["protocol"])
        epoch, survived, examples = protocol.train_examples, int(row["survived"]), int(row["examples"])
        whole = (len(protocol.learning_rates) + protocol.epochs) * epoch
        once = examples if row["source"] != "duplicate" else 0
        steps += (whole, examples + survived * epoch, examples, once, once if row["source"] == "trained" else 0)
        count += 1
    means = steps / max(count, 1)
    return " | ".join([f"{means[0]:,.0f}", *(f"{mean:,.0f} ({mean / means[0]:.0%})" for mean in means[1:])])


def paths() -> list[str]:
    """The table of the two ways to compute a child's step."""
    pairs = latest([json.loads(line) for line in (HERE / "paths.jsonl").read_text().splitlines()])
    lines = ["| rule | seeds | fused | plain | standard error of these | difference | its standard error |"]
    lines.append("|---|---|---|---|---|---|---|")
    for rule in dict.fromkeys(pair["rule"] for pair in pairs):
        own = [pair for pair in pairs if pair["rule"] == rule]
        fused, plain = (np.array([pair[path]["score"] for pair in own]) for path in ("fused", "plain"))
        differences = fused - plain
        errors = [scores.std(ddof=1) / np.sqrt(len(own)) for scores in (fused, plain, differences)]
        means = f"{fused.mean():.4f} | {plain.mean():.4f} | {errors[0]:.4f}, {errors[1]:.4f}"
        means += f" | {differences.mean():+.4f} | {errors[2]:.4f}"
        lines.append(f"| {rule} | {len(own)} | {means} |")
    return lines


def variants() -> list[str]:
    """The table of what costs rewards, and the rewards."""
    lines_of: dict[str, list[Line]] = {}
    for line in map(json.loads, (HERE / "rewards.jsonl").read_text().splitlines()):
        lines_of.setdefault(line["part"], []).append(line)
    parts = {part: latest(own) for part, own in lines_of.items()}
    check_alike({part: own[0]["about"] for part, own in parts.items()})
    outcomes = {part: {line["name"]: line["outcome"] for line in own} for part, own in parts.items()}
    full = outcomes["quick"]
    lines = ["| against `quick` | rules | Spearman | 95% interval | among those that learn | examples |"]
    lines.append("|---|---|---|---|---|---|")
    for name in VARIANTS:
        both = [rule for rule in chosen() if rule in full and rule in outcomes.get(name, {})]
        pairs = np.array([(full[rule]["score"], outcomes[name][rule]["score"]) for rule in both])
        learners = pairs[pairs.max(axis=1) > LEARNS]
        low, high = interval(pairs)
        share = sum(outcomes[name][rule]["examples"] for rule in both) / sum(full[rule]["examples"] for rule in both)
        within = f"{spearman(learners):.2f} ({len(learners)} rules)"
        figures = f"{spearman(pairs):.3f} | {low:.3f} to {high:.3f} | {within} | {share:.0%}"
        lines.append(f"| `{name}` | {len(both)} | {figures} |")
    lines += ["", "Reward, and the λ that the sweep chose:", ""]
    lines += ["| rule | formula | " + " | ".join(f"`{name}`" for name in ("quick", *VARIANTS)) + " |"]
    lines += ["|---|---|" + "---|" * (1 + len(VARIANTS))]
    for name, rule in chosen().items():
        cells = [show(outcomes.get(part, {}).get(name)) for part in ("quick", *VARIANTS)]
        lines.append(f"| {name} | `{rule.infix}` | " + " | ".join(cells) + " |")
    return lines


def latest(lines: Sequence[Line]) -> list[Line]:
    """The lines of the latest conditions: whoever measures anew under others appends to what was there."""
    return [line for line in lines if line["about"] == lines[-1]["about"]]


def check_alike(abouts: Mapping[str, Mapping[str, object]]) -> None:
    """Leave unless all parts were measured alike, but for the protocol and what a part alone adds to the record."""
    for part, about in abouts.items():
        for name in sorted(abouts["quick"].keys() - {"protocol"}):
            before, now = abouts["quick"][name], about.get(name, "none")
            if now != before:
                raise SystemExit(f"{name} of {part}: expected {before}, as of quick, got {now}. Run one of them again.")


def show(outcome: Mapping[str, float] | None) -> str:
    """One cell: reward and λ."""
    if outcome is None:
        return ""
    rate = outcome["learning_rate"]
    return f"{outcome['score']:.3f} ({'diverged' if rate is None else format(rate, 'g')})"


def spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two columns, ties at their mean rank."""
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def interval(pairs: np.ndarray) -> tuple[float, float]:
    """Percentile bootstrap over rules, 95%."""
    rng = np.random.default_rng(derive_seed(0, "savings", "bootstrap"))
    draws = [spearman(pairs[rng.integers(0, len(pairs), len(pairs))]) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
