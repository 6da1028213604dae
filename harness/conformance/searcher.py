"""The promises of a searcher: contracts.Searcher and the laws, each with a check that can fail."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.conformance import driving
from harness.conformance.checks import Broken, Check, require, run_checks, same, titled
from harness.conformance.driving import History, Told, drive
from harness.conformance.elsewhere import find, importable, in_fresh_process
from harness.conformance.surroundings import left_alone, not_listened_to
from harness.contracts import Searcher
from harness.errors import HarnessError, SettingError
from harness.race.startup import stated
from harness.registry import Kind, check_call, load
from harness.seeds import derive_seed
from harness.settings import check, complete, declared
from harness.space.grammar import Space

BATCHES = 3  # of results, in a check that needs learning
LARGE = 50_000  # strings, from which a space is large
SECONDS_A_PROPOSAL = 1.0  # slower searchers, not the workers, would be the bottleneck


@dataclass(frozen=True)
class Subject:
    """The searcher under test: its factory, the seed and settings it is built with, and how long it may take."""

    factory: Callable[..., Searcher]
    settings: Mapping[str, object]
    seed: int
    blocks: Sequence[int]
    timeout_seconds: float
    ask_seconds: float

    def fresh(self, space: Space, *, seed: int | None = None) -> Searcher:
        """Build a new searcher."""
        return self.factory(space, seed=self.seed if seed is None else seed, **self.settings)

    @property
    def space(self) -> Space:
        """The space for checks that need no particular one."""
        whole = Space.of(blocks=max(self.blocks))
        return whole if self.takes(whole) else driving.small()

    def takes(self, space: Space) -> bool:
        """Whether the searcher says that a space is not too large for it."""
        return bool(space.size() <= getattr(self.factory, "most_strings", space.size()))

    def run(self, judge: driving.Judge | None = None, *, space: Space | None = None) -> History:
        """Race a fresh searcher over a few of its batches."""
        searcher = self.fresh(space or self.space)
        return drive(searcher, space or self.space, proposals=_enough(searcher), judge=judge)


def check_searcher(
    factory: str | Callable[..., Searcher],
    *,
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
    blocks: Sequence[int] = (1, 2, 3),
    timeout_seconds: float = 120.0,
    ask_seconds: float = SECONDS_A_PROPOSAL,
    report: Callable[[Check], None] | None = None,
) -> list[Check]:
    """Check every promise of a searcher.

    Args:
        factory: registry name, ``module:attribute``, or the factory itself.
        settings: settings to build it with, besides space and seed.
        seed: seed of the searchers built.
        blocks: sizes of rule to try it on.
        timeout_seconds: after which a search of an exhausted space counts as hanging.
        ask_seconds: the most that one proposal may take, on average.
        report: called with each check as it ends.

    Raises:
        RegistryError: the name is unknown, or what it names cannot be loaded or called as a searcher's factory.
    """
    loaded: Callable[..., Searcher] = load(Kind.SEARCHER, factory) if isinstance(factory, str) else factory
    check_call(Kind.SEARCHER, str(factory), loaded, None, seed=seed, **(settings or {}))
    subject = Subject(loaded, settings or {}, seed, tuple(blocks), timeout_seconds, ask_seconds)
    return run_checks(titled(PROMISES, subject), report)


def declaration(subject: Subject) -> str:
    """Declares its settings, and rejects an unknown one."""
    known = declared(subject.factory)
    for each in known.values():
        if each.default is not None:
            try:
                each.check(each.default)
            except SettingError as cause:
                raise Broken(f"the default of a setting is not allowed: {cause}") from cause
    version = getattr(subject.factory, "version", 1)
    require(isinstance(version, int) and version >= 1, f"version is {version!r}, where a whole number from 1 was due")
    stated(subject.factory, complete(subject.factory, check(subject.factory, subject.settings)))
    subject.fresh(subject.space)
    try:
        subject.factory(subject.space, seed=subject.seed, **subject.settings, no_such_setting=1)
    except (TypeError, HarnessError):
        return f"{len(known)} settings, version {version}"
    raise Broken("took no_such_setting=1 without complaint")


def batch(subject: Subject) -> str:
    """States a batch of one or more."""
    batch = subject.fresh(subject.space).batch
    require(type(batch) is int and batch >= 1, f"batch is {batch!r}, where a whole number from 1 was due")
    return f"batch {batch}"


def counts(subject: Subject) -> str:
    """Returns 1 to count rules, and none when asked for none."""
    searcher = subject.fresh(subject.space)
    history = History()
    for count in (1, 2, 7, searcher.batch, 4 * searcher.batch + 1):
        rules = driving.asked(searcher, subject.space, count, history)
        require(len(rules) >= 1, f"ask({count}) returned nothing in a space of {subject.space.size():,} rules")
        searcher.tell(driving.latest(history, rules, driving.pretended))
    try:
        none = searcher.ask(0)
    except (ValueError, HarnessError):
        return f"up to {4 * searcher.batch + 1} at once; ask(0) is refused"
    require(len(none) == 0, f"ask(0) returned {len(none)} rules")
    return f"up to {4 * searcher.batch + 1} at once"


def legal(subject: Subject) -> str:
    """Proposes only rules of the space, in every kind of space."""
    seen = 0
    every = [space for space in driving.spaces(subject.blocks) if subject.takes(space)]
    if len(every) < len(driving.spaces(subject.blocks)):  # it enumerates a whole space, which can take minutes
        every = [space for space in every if space.size() <= LARGE]
    for space in every:
        seen += len(subject.run(space=space).rules)
    require(seen > 0, "made no proposal in any of the spaces tried")
    return f"{seen} proposals in {len(every)} spaces"


def elsewhere(subject: Subject) -> str:
    """Proposes the same in another process."""
    here = subject.run().texts
    there = in_fresh_process(
        raced,
        importable(subject.factory),
        subject.space,
        subject.seed,
        dict(subject.settings),
        len(here),
        timeout_seconds=subject.timeout_seconds,
    )
    same(here, there, what="proposal")
    return f"{len(here)} proposals"


def replay(subject: Subject) -> str:
    """Resumes by replay: the same history, the same next proposals."""
    first, second, space = subject.fresh(subject.space), subject.fresh(subject.space), subject.space
    history = drive(first, space, proposals=_enough(first))
    for event in history.events:
        if isinstance(event, Told):
            second.tell(list(event.trials))
        else:
            same(event.rules, driving.asked(second, space, event.count, History()), what="replayed proposal")
    more = first.batch
    after = [driving.asked(searcher, space, more, History()) for searcher in (first, second)]
    same(*after, what="proposal after the replay,")
    return f"{len(history.rules)} proposals replayed, {len(after[0])} more agree"


def failures(subject: Subject) -> str:
    """Survives children that all fail."""
    return f"{len(subject.run(driving.failed).rules)} proposals"


def equal_scores(subject: Subject) -> str:
    """Survives scores that are all equal."""
    return f"{len(subject.run(driving.equal).rules)} proposals"


def order(subject: Subject) -> str:
    """Accepts outcomes in any order and in parts, as with --async."""
    space, searcher, history = subject.space, subject.fresh(subject.space), History()
    while len(history.rules) < _enough(searcher):
        rules = driving.asked(searcher, space, max(4, searcher.batch), history)
        if not rules:
            break
        waiting = driving.latest(history, rules, driving.pretended)[::-1]
        searcher.tell(waiting[:1])
        early = driving.asked(searcher, space, 1, history)
        searcher.tell(driving.latest(history, early, driving.pretended))
        searcher.tell(waiting[1:])
        searcher.tell([])
    return f"{len(history.rules)} proposals"


def duplicates(subject: Subject) -> str:
    """Survives being told of free duplicates only."""
    space, searcher, history = subject.space, subject.fresh(subject.space), History()
    while len(history.rules) < _enough(searcher):
        rules = driving.asked(searcher, space, searcher.batch, history)
        if not rules:
            break
        searcher.tell(driving.latest(history, rules, driving.equal, charged=False))
    return f"{len(history.rules)} proposals"


def exhaustion(subject: Subject) -> str:
    """Neither hangs nor fails in a space with nothing new left."""
    space, wanted = driving.tiny(), 50
    made = in_fresh_process(
        raced,
        importable(subject.factory),
        space,
        subject.seed,
        dict(subject.settings),
        wanted,
        timeout_seconds=subject.timeout_seconds,
    )
    return f"{len(made)} proposals in a space of {space.size()}"


def isolation(subject: Subject) -> str:
    """Keeps two instances apart."""
    space = subject.space
    alone = subject.run()
    one, other = subject.fresh(space), subject.fresh(space, seed=derive_seed(subject.seed, "conformance", "other"))
    together, beside = History(), History()
    for event in alone.events:
        if isinstance(event, Told):
            one.tell(list(event.trials))
        else:
            driving.asked(one, space, event.count, together)
            rules = driving.asked(other, space, other.batch, beside)
            other.tell(driving.latest(beside, rules, driving.failed))
    same(alone.texts, together.texts, what="proposal")
    return f"{len(together.rules)} proposals beside another's"


def arguments(subject: Subject) -> str:
    """Does not change what it is told, nor keep the list that it returned."""
    searcher, expected = subject.fresh(subject.space), subject.run()
    proposed: list[str] = []
    for event in expected.events:
        if isinstance(event, Told):
            told = list(event.trials)
            before = copy.deepcopy(told)
            searcher.tell(told)
            same(before, told, what="trial told")
        else:
            returned = searcher.ask(event.count)
            proposed += (str(rule) for rule in returned)
            if isinstance(returned, list):
                returned.clear()
    same(expected.texts, proposed, what="proposal")
    return f"in {len(expected.events)} asks and tells"


def surroundings(subject: Subject) -> str:
    """Leaves global state alone: generators, environment, working directory."""
    return left_alone(subject.run)


def independence(subject: Subject) -> str:
    """Does not listen to the global generators."""
    return not_listened_to(lambda: subject.run().texts, what="proposal")


def cost(subject: Subject) -> str:
    """Asks cheaply enough to keep workers busy."""
    searcher = subject.fresh(subject.space)
    began = time.perf_counter()
    made = len(drive(searcher, subject.space, proposals=_enough(searcher)).rules)
    each = (time.perf_counter() - began) / max(1, made)
    told = f"{1000 * each:.2f} ms a proposal"
    require(each <= subject.ask_seconds, f"{told}, above {1000 * subject.ask_seconds:g} ms")
    return told


def raced(target: str, space: Space, seed: int, settings: Mapping[str, object], proposals: int) -> list[str]:
    """Race a searcher found by its import path, in a fresh process."""
    return drive(find(target)(space, seed=seed, **settings), space, proposals=proposals).texts


def _enough(searcher: Searcher) -> int:
    return max(40, BATCHES * searcher.batch)  # beyond the random draws that ours begin with


PROMISES = (
    declaration,
    batch,
    counts,
    legal,
    elsewhere,
    replay,
    failures,
    equal_scores,
    order,
    duplicates,
    exhaustion,
    isolation,
    arguments,
    surroundings,
    independence,
    cost,
)
