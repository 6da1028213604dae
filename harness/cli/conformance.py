"""``harness conformance``: the suites for the authors of searchers, tasks and optimizers of the unit box."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.terminal.output import announce, console, hanging
from harness.errors import HarnessError

RULES = 24


def conformance(
    searcher: Annotated[str, typer.Argument(help="A searcher's name, or module:attribute.")] = "",
    task: Annotated[
        str, typer.Option("--task", help="Check the task of this protocol instead.", metavar="PROTOCOL")
    ] = "",
    box_optimizer: Annotated[
        str, typer.Option("--box-optimizer", help="Check this optimizer of the unit box instead.", metavar="NAME")
    ] = "",
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting, as name=value.")] = None,
    rules: Annotated[
        int, typer.Option(help="With --task: how many rules to try, each about eight times.", min=4)
    ] = RULES,
    data: Annotated[str | None, typer.Option(help=options.DATA_HELP, show_default="the generated stand-in")] = None,
    data_root: options.DataRoot = None,
) -> None:
    """Run the conformance suite on a searcher, a task or a box optimizer; exit status 1 if a check fails."""
    subjects = [each for each in (searcher, task, box_optimizer) if each]
    if len(subjects) != 1:
        raise HarnessError(
            "conformance: expected a searcher, --task PROTOCOL or --box-optimizer NAME, got "
            f"{len(subjects) or 'none'} of them. Name the one to check."
        )
    from harness.conformance import Check, check_box_optimizer, check_searcher, check_task, failures
    from harness.race.conditions import dataset
    from harness.race.protocols import named
    from harness.registry import AUTO, STAND_INS, Kind, load
    from harness.settings import parse

    given = {"--rules": rules != RULES, "--data": data is not None, "--data-root": data_root is not None}
    if not task:
        options.tell_unused(given, f"{'a searcher' if searcher else 'a box optimizer'} is checked without training")
    else:
        options.tell_unused({"--set": bool(settings)}, "a task has no settings")
    out, shown = console(), set[str]()

    def report(check: Check) -> None:
        verdict = "pass" if check.passed else "FAIL"
        told = f"{check.name.rstrip('.')}: {'the same' if check.detail in shown else check.detail}"
        if not check.passed:
            shown.add(check.detail)
        hanging(out, f"{verdict}  {check.seconds:5.1f} s  ", told.split())

    if not task:
        chosen_settings = parse(load(Kind.SEARCHER if searcher else Kind.BOX_OPTIMIZER, subjects[0]), settings or [])
        options.tell_overridden(settings or [])
        run = check_searcher if searcher else check_box_optimizer
        checks = run(subjects[0], settings=chosen_settings, report=report)
    else:
        protocol = named(task)
        options.tell_unread(protocol, data, data_root, default=None)
        chosen = data if data is not None else STAND_INS.get(protocol.inputs, AUTO)
        examples = dataset(chosen, data_root, protocol, announce=announce)
        checks = check_task(protocol.task, protocol=protocol, data=examples, rules=rules, report=report)
    failed = len(failures(checks))
    out.print(f"{len(checks) - failed} of {len(checks)} checks passed")
    if failed:
        raise typer.Exit(1)
