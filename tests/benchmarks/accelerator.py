"""Children on a GPU, measured on the machine at hand: ``python tests/benchmarks/accelerator.py --data cifar10``.

Prints, and with ``--write FOLDER`` keeps as ``accelerator.json``: rewards of known optimizers side by side and one by
one, on the GPU and, with ``--processor``, beside it; seconds a child alone and in a stack, their ratio, in one process
on one card; and where the time of a stack goes, kernel by kernel. There is no bound: no two cards are alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from harness.contracts import ChildProtocol, Outcome, Rule
from harness.errors import EngineError, HarnessError, message
from harness.files import write_whole
from harness.race.conditions import dataset
from harness.race.protocols import named
from harness.race.store.tables import TABLES
from harness.space import zoo
from harness.tasks.child.device import named as device_name
from harness.tasks.child.scoring import ChildTask

KNOWN = ("sgd", "momentum", "adam", "rmsprop", "powersign")
ALONE = ("sgd", "adam", "powersign")  # by PyTorch's own operations, one by one
SEEDS = range(5)
STACKED = 64  # rules side by side, from the middle of a table


def main(arguments: Sequence[str]) -> int:
    """Run the command; exit code 2 where there is no GPU or no data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", help="registry name of the data set")
    parser.add_argument("--protocols", default="quick,paper", help="which protocols, a comma between")
    parser.add_argument("--processor", action="store_true", help="train the same children on the processor, too")
    parser.add_argument("--write", type=Path, help="folder for accelerator.json")
    options = parser.parse_args(arguments)
    try:
        if not torch.cuda.is_available():
            what, hint = "accelerator", "Run this where torch finds one"
            raise EngineError(message(what, expected="a CUDA GPU", got="none", hint=hint))
        found = [
            measured(named(name), options.data, processor=options.processor) for name in options.protocols.split(",")
        ]
    except HarnessError as cause:
        print(cause, file=sys.stderr)
        return 2
    for each in found:
        show(each)
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        write_whole(options.write / "accelerator.json", (json.dumps(found, indent=1) + "\n").encode())
    return 0


def measured(protocol: ChildProtocol, data_name: str, *, processor: bool) -> dict[str, Any]:
    """All figures of one protocol, ready for JSON."""
    data = dataset(data_name, None, protocol)
    stacked, plain = (ChildTask(protocol, data, device="cuda", plain=plain) for plain in (False, True))
    rules = {name: zoo.named(name) for name in KNOWN}
    many = list(TABLES["signs"].rules_of(20))[:STACKED]
    stacked.evaluate([*rules.values()], seed=99)  # what is compiled, and the examples laid out, is not timed
    plain.evaluate([rules["sgd"]], seed=99)
    rewards = {"stacked": [scores(stacked, rules, seed) for seed in SEEDS]}
    alone = {name: timed(lambda rule=rules[name]: plain.evaluate([rule], seed=0)) for name in ALONE}
    rewards["plain, seed 0"] = [{name: outcomes[0].score for name, (outcomes, _) in alone.items()}]
    if processor:
        beside = ChildTask(protocol, data)
        rewards["processor"] = [scores(beside, rules, seed) for seed in SEEDS]
    outcomes, seconds = timed(lambda: stacked.evaluate(many, seed=0))
    one = statistics.fmean(each for _, each in alone.values())
    return {
        "card": device_name(torch.device("cuda")),
        "torch": torch.__version__,
        "environment": dict(stacked.environment),
        "protocol": protocol.name,
        "data": data.fingerprint,
        "rewards": rewards,
        "differences": differences(rewards),
        "rules in a stack": len(many),
        "seconds a child alone, PyTorch's operations": one,
        "seconds a child in the stack": seconds / len(many),
        "times as fast": one / (seconds / len(many)),
        "examples a second in the stack": sum(outcome.examples for outcome in outcomes) / seconds,
        "milliseconds by kernel": kernels(stacked, many[:STACKED]),
    }


def scores(task: ChildTask, rules: dict[str, Rule], seed: int) -> dict[str, float]:
    """What each rule earns from one seed."""
    return dict(zip(rules, (outcome.score for outcome in task.evaluate([*rules.values()], seed=seed)), strict=True))


def differences(rewards: dict[str, list[dict[str, float]]]) -> dict[str, tuple[float, float]]:
    """By rule, the mean difference of the stack to the processor over the seeds, and its standard error."""
    found = {}
    for name in KNOWN if "processor" in rewards else ():
        pairs = zip(rewards["stacked"], rewards["processor"], strict=True)
        each = [ours[name] - theirs[name] for ours, theirs in pairs]
        found[name] = (statistics.fmean(each), statistics.stdev(each) / len(each) ** 0.5)
    return found


def timed(work: Callable[[], Sequence[Outcome]]) -> tuple[Sequence[Outcome], float]:
    """What some work gives, and the seconds it takes on the card."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return result, time.perf_counter() - began


def kernels(task: ChildTask, rules: Sequence[Rule]) -> dict[str, float]:
    """Where the time of a whole evaluation goes: milliseconds on the card by kernel, the longest first."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        task.evaluate(rules, seed=0)
    spent = {event.key: event.self_device_time_total / 1000 for event in profile.key_averages()}
    return dict(sorted(spent.items(), key=lambda item: -item[1])[:20])


def show(found: dict[str, Any]) -> None:
    """Print the figures of one protocol."""
    table = Table(title=f"{found['protocol']} on {found['card']}, torch {found['torch']}", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name in (
        "seconds a child alone, PyTorch's operations",
        "seconds a child in the stack",
        "times as fast",
        "examples a second in the stack",
    ):
        table.add_row(name, f"{found[name]:,.4g}" if found[name] < 1000 else f"{found[name]:,.0f}")
    for name, milliseconds in list(found["milliseconds by kernel"].items())[:10]:
        table.add_row(f"  {name[:60]}, ms", f"{milliseconds:,.1f}")
    for name, (mean, error) in found["differences"].items():
        table.add_row(f"{name}: stack less processor", f"{mean:+.4f} ± {error:.4f}")
    for seed, rewards in enumerate(found["rewards"]["stacked"]):
        table.add_row(f"seed {seed}", ", ".join(f"{name} {score:.4f}" for name, score in rewards.items()))
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
