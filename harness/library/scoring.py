"""``harness.score``: train one child with one rule outside of any race; nothing is stored."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping

from harness import plain
from harness.contracts import CPU, Dataset, Outcome, Status, TaskProtocol
from harness.errors import SettingError, SpaceError, check_choice, message
from harness.library import arguments
from harness.library.arguments import ProtocolLike, RuleLike
from harness.machine import check_device
from harness.race import protocols
from harness.race.conditions import Announce, task_and_data
from harness.race.engines.engine import build_task, pinned, train

Watch = Callable[[int, int], None]


def _unwatched(_done: int, _total: int) -> None:
    """Ignore the progress."""


class Scorer:
    """Scores rules one after another with one protocol on one data set, which is loaded once.

    Args:
        protocol: how a rule is scored: a name from ``harness ls protocols``, or a ``TaskProtocol``.
        data: name of the data set, or the data set itself; toys read none.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache.
        device: where a child trains: ``cpu``, or ``cuda`` for a GPU.
        announce: called with one line about anything that takes long, such as a download.
        options: further arguments of the protocol's task, such as ``test=True``.

    Attributes:
        protocol: how rules are scored.
        data: what they are scored on.

    Raises:
        HarnessError: an argument is wrong, the data is missing, or the task cannot be built.

    Example:
        >>> from harness import Scorer
        >>> scorer = Scorer("toy-quadratic")
        >>> scorer("momentum").score > scorer("-g").score
        True
    """

    def __init__(
        self,
        protocol: ProtocolLike = "quick",
        *,
        data: str | Dataset = "auto",
        data_root: str | os.PathLike[str] | None = None,
        device: str = CPU,
        announce: Announce = lambda _: None,
        **options: object,
    ) -> None:
        check_device(device)
        self.protocol: TaskProtocol = arguments.protocol(protocol)
        root, announce = plain.path_or_none("data_root", data_root), plain.callback("announce", announce)
        factory, self.data = task_and_data(self.protocol, arguments.data(data), root, device=device, announce=announce)
        known = inspect.signature(factory).parameters
        for name in options:
            check_choice(f"option of task {self.protocol.task}", name, known, error=SettingError)
        self._watch: Watch = _unwatched
        if "watch" in known:
            options["watch"] = lambda done, total: self._watch(done, total)
        self._task = build_task(functools.partial(factory, **options), self.protocol, self.data, device=device)

    @property
    def environment(self) -> Mapping[str, str]:
        """What else a score depends on: library versions, device, threads."""
        return pinned(self._task)

    def __call__(
        self, rule: RuleLike, *, seed: int = 0, child_seed: int | None = None, watch: Watch = _unwatched
    ) -> Outcome:
        """Train one child, and return its outcome.

        Args:
            rule: a ``Rule``, infix, tokens, or a name from ``harness ls rules``.
            seed: seed of a run: a run with this seed trains exactly this child.
            child_seed: seed of the child itself, instead of ``seed``.
            watch: called with (examples, total examples) if the task reports its progress.

        Raises:
            SpaceError: the protocol looks outcomes up, and its table does not hold the rule.
        """
        parsed, (chosen,) = arguments.rule(rule), arguments.seeds([seed])
        start = protocols.child_seed(chosen, self.protocol) if child_seed is None else child_seed
        self._watch = watch
        (outcome,) = train(self._task, [parsed], seed=start)
        if (space := self.protocol.tabled) and outcome.status is Status.ERROR:
            what, hint = f"rule {parsed.infix}", "Choose a protocol that trains children, such as quick"
            raise SpaceError(
                message(what, expected=f"a function of {space.describe()}", got=outcome.message, hint=hint)
            )
        return outcome


def score(
    rule: RuleLike,
    protocol: ProtocolLike = "quick",
    *,
    data: str | Dataset = "auto",
    data_root: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str = CPU,
) -> Outcome:
    """Train one child, and return its outcome: reward, sweep and curve. Use ``Scorer`` for many rules.

    Args:
        rule: a ``Rule``, infix, tokens, or a name from ``harness ls rules``.
        protocol: how it is scored: a name from ``harness ls protocols``, or a ``TaskProtocol``.
        data: name of the data set, or the data set itself; toys read none.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache.
        seed: the run's seed: a run with this seed trains exactly this child.
        device: where the child trains: ``cpu``, or ``cuda`` for a GPU.

    Raises:
        HarnessError: an argument is wrong, the data is missing, or the task cannot be built. A rule that diverges does
            not raise; its outcome says so.

    Example:
        >>> import harness
        >>> outcome = harness.score("g * exp(sign(g) * sign(m))", "toy-quadratic")
        >>> outcome.status.value, len(outcome.sweep)
        ('ok', 7)
    """
    return Scorer(protocol, data=data, data_root=data_root, device=device)(rule, seed=seed)
