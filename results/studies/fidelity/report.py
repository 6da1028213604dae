"""Put the study's correlations and its table into README.md: ``python results/studies/fidelity/report.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rules import chosen
from scipy.stats import spearmanr

from harness.seeds import derive_seed

HERE = Path(__file__).parent
PARTS = ("quick-cifar10", "quick-synthetic", "paper-cifar10")
MARK = "<!-- below: written by report.py -->"
RESAMPLES = 10_000
LEARNS = 0.2  # a rule that earned this much anywhere did learn: chance is 0.1, its noise under 0.02


def main() -> None:
    """Write everything below the mark anew."""
    parts = read(HERE / "rewards.jsonl")
    first = read(HERE / "first-quick.jsonl")["quick-cifar10"]
    quick, paper = parts["quick-cifar10"], parts["paper-cifar10"]
    names = list(chosen())
    comparisons = [
        ("`quick`: CIFAR-10 and the stand-in", quick, parts["quick-synthetic"], names),
        ("CIFAR-10: `quick` and `paper`, every second rule", quick, paper, names[::2]),
        ("CIFAR-10: `quick` and `paper`, the others", quick, paper, names[1::2]),
        ("CIFAR-10: `quick` and `paper`, all", quick, paper, names),
        ("CIFAR-10: the first `quick` and `paper`, every second rule", first, paper, names[::2]),
    ]
    lines = ["| compared | rules | Spearman | 95% interval | among those that learn |", "|---|---|---|---|---|"]
    for what, one, other, wanted in comparisons:
        if all(name in one and name in other for name in wanted):
            pairs = np.array([(one[name][0], other[name][0]) for name in wanted])
            learners = pairs[pairs.max(axis=1) > LEARNS]
            low, high = interval(pairs)
            within = f"{spearman(learners):.2f} ({len(learners)} rules)"
            lines.append(f"| {what} | {len(pairs)} | {spearman(pairs):.2f} | {low:.2f} to {high:.2f} | {within} |")
    lines += ["", "Reward, and the λ that the sweep chose:", ""]
    lines += ["| rule | formula | `quick`, CIFAR-10 | `quick`, stand-in | `paper`, CIFAR-10 |", "|---|---|---|---|---|"]
    for name, rule in chosen().items():
        cells = [show(*parts[part][name]) if name in parts[part] else "" for part in PARTS]
        formula = rule.infix.replace("|", "\\|")
        lines.append(f"| {name} | `{formula}` | " + " | ".join(cells) + " |")
    readme = HERE / "README.md"
    text, mark, _ = readme.read_text().partition(MARK)
    readme.write_text(text + mark + "\n".join(["", "", *lines, ""]))


def read(path: Path) -> dict[str, dict[str, tuple[float, float | None]]]:
    """Read reward and λ by part and rule."""
    parts: dict[str, dict[str, tuple[float, float | None]]] = {part: {} for part in PARTS}
    for line in map(json.loads, path.read_text().splitlines()):
        outcome: Mapping[str, float] = line["outcome"]
        parts[line["part"]][line["name"]] = (outcome["score"], outcome["learning_rate"])
    return parts


def show(reward: float, learning_rate: float | None) -> str:
    """One cell: reward and λ."""
    return f"{reward:.3f} (diverged)" if learning_rate is None else f"{reward:.3f} ({learning_rate:g})"


def spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two columns, ties at their mean rank."""
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def interval(pairs: np.ndarray) -> Sequence[float]:
    """Percentile bootstrap over rules, 95%."""
    rng = np.random.default_rng(derive_seed(0, "fidelity", "bootstrap"))
    draws = [spearman(pairs[rng.integers(0, len(pairs), len(pairs))]) for _ in range(RESAMPLES)]
    return [float(bound) for bound in np.quantile(draws, [0.025, 0.975])]


if __name__ == "__main__":
    main()
