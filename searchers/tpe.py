"""Tree-structured Parzen estimation, and other samplers of Optuna, through its ask-and-tell interface.

Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization" (NeurIPS 2011), §4, as implemented by
Optuna: good and bad results each get a joint density over all choices, and the proposal is the candidate with the
highest ratio of the good density to the bad one. Our part (**D**) is how a rule becomes choices, ``Encoding``.

Optuna's samplers for numbers (CMA-ES, quasi-Monte Carlo) draw categorical choices at random, and its Gaussian process
needs torch, so they are not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from harness.contracts import Block, Origin, Rule, Trial
from harness.searchers.quiet import quiet
from harness.seeds import derive_seed
from harness.settings import Range, Value
from harness.space.draws import IDENTITY, Draws
from harness.space.grammar import Space

if TYPE_CHECKING:  # Optuna takes a second to load, and reading the settings does not need it
    import optuna
    from optuna.samplers import BaseSampler, TPESampler

ASKS = 20  # how often Optuna is asked for one proposal before a random draw replaces it
PLAIN = 0.5  # for the first draws; Optuna's own random draws are plain as often, since it is one of two choices
Choose = Callable[[str, Sequence[str]], str]


class TreeParzen:
    """Let Optuna choose (Bergstra et al. 2011); each rule is a series of conditional categorical choices.

    A function that was proposed before is not proposed again while others can be found. Instead, Optuna is told that
    its trial failed, which it ignores, and is asked again. Telling it the known score would count one child twice and
    draw the search back to it; reporting the trial as pruned would count a good rule among the bad ones. The best of
    many candidates would often be the same one again, so from the second time on tpe proposes the first candidate that
    it draws.

    Args:
        space: the space to search.
        seed: decides every draw.
        sampler: Optuna's sampler: tpe, random, or nsgaii, a genetic algorithm.
        startup: how many random draws start the search, for every sampler; until they have results, tpe chooses at
            random. If not set, at most a quarter of the children of a run.
        candidates: how many candidates tpe draws from the density of good results, to propose the best of them.
        joint: whether tpe models choices that occur together jointly, rather than each on its own.
        population: size of nsgaii's generations; if not set, at most a quarter of the children of a run.
        batch: how many proposals are scored before the searcher learns from them; pending ones count as bad for tpe.
    """

    version = 2

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        sampler: Literal["tpe", "random", "nsgaii"] = "tpe",
        startup: Annotated[int, Range(0, 100_000)] = 25,
        candidates: Annotated[int, Range(1, 100_000)] = 24,
        joint: bool = True,
        population: Annotated[int, Range(2, 100_000)] = 20,
        batch: Annotated[int, Range(1, 100_000)] = 5,
    ) -> None:
        import optuna
        from optuna.samplers import NSGAIISampler, RandomSampler

        self.batch = batch
        self._encoding = Encoding(space, np.random.default_rng(derive_seed(seed, "tpe", "unused choices")))
        self._draws = Draws(space, seed=seed, plain=PLAIN)
        self._startup_left = startup
        self._proposed: set[str] = set()
        self._pending: dict[Rule, list[optuna.Trial]] = {}
        self._origins: dict[Rule, Origin] = {}
        state = derive_seed(seed, "tpe", "optuna") % 2**32  # the range of numpy.random.RandomState
        with quiet():
            self._samplers: tuple[BaseSampler, BaseSampler]  # for the first ask of a proposal, and for later ones
            if sampler == "tpe":
                again = derive_seed(seed, "tpe", "optuna again") % 2**32
                self._samplers = (
                    _parzen(state, startup=startup, candidates=candidates, joint=joint),
                    _parzen(again, startup=startup, candidates=1, joint=joint),
                )
            elif sampler == "nsgaii":
                self._samplers = (NSGAIISampler(population_size=population, seed=state),) * 2
            else:
                self._samplers = (RandomSampler(seed=state),) * 2
            storage, first = optuna.storages.InMemoryStorage(), self._samplers[0]
            self._study = optuna.create_study(storage=storage, sampler=first, study_name="tpe", direction="maximize")

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return how many draws start the search; nsgaii draws its whole first generation, which includes these."""
        if settings["sampler"] == "random":  # it never learns
            return {}
        numbers = {"startup": int(settings["startup"])}
        return numbers | ({"population": int(settings["population"])} if settings["sampler"] == "nsgaii" else {})

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules, each with a trial of Optuna that waits for its result."""
        return [self._proposal() for _ in range(count)]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Tell Optuna every score, including chance for failed children, since Optuna ignores failed trials."""
        for trial in trials:
            pending = self._pending.get(trial.rule)
            self._study.tell(pending.pop(0) if pending else self._trial_of(trial.rule), trial.outcome.score)

    def origin(self, rule: Rule) -> Origin | None:
        """Return whether Optuna's sampler chose the rule."""
        return self._origins.get(rule)

    def _proposal(self) -> Rule:
        rule, trial = self._drawn() if self._startup_left > 0 else self._asked()
        self._startup_left -= 1
        self._proposed.add(rule.key)
        self._pending.setdefault(rule, []).append(trial)
        return rule

    def _asked(self) -> tuple[Rule, optuna.Trial]:
        """Return what Optuna proposes, a new function if it finds one."""
        from optuna.trial import TrialState

        for attempt in range(ASKS):
            self._study.sampler = self._samplers[min(attempt, 1)]
            trial = self._study.ask()
            rule = self._encoding.rule(trial.suggest_categorical)
            if rule.key not in self._proposed:
                self._origins[rule] = Origin(how="chosen by Optuna's sampler")
                return rule, trial
            self._study.tell(trial, state=TrialState.FAIL)
        return self._drawn()

    def _drawn(self) -> tuple[Rule, optuna.Trial]:
        rule = self._draws.draw_new(self._proposed)
        self._origins[rule] = Origin(how="drawn at random")
        return rule, self._trial_of(rule)

    def _trial_of(self, rule: Rule) -> optuna.Trial:
        """Return a trial of Optuna that makes the choices of a given rule."""
        self._study.enqueue_trial(self._encoding.choices(rule))
        trial = self._study.ask()
        self._encoding.rule(trial.suggest_categorical)
        return trial


class Encoding:
    """A rule as named categorical choices, and back.

    A block that combines an earlier result with an operand first chooses its ``shape``: which of them is on the left.
    Its other choices belong to the result and to the operand, not to a side, so that what is learnt about ``x·#1`` also
    holds for ``#1·x``. A block with two of one kind numbers them. If they must differ and the second repeats the first,
    one more choice, conditional on it, replaces the second.

    Whether a unary function is left out (``id``) is a separate choice, beside the choice among the others: for Optuna
    all choices are equally likely at first, and a preference for few functions helps a search.

    Args:
        space: the space of the rules.
        rng: makes the choices that a given rule leaves open, such as the function at a place where it has none.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._functions = tuple(word for word in space.unary if word != IDENTITY)
        self._shapes = [
            list(dict.fromkeys(_shape(*pair) for pair in space.pairs(number))) for number in range(space.blocks)
        ]

    def rule(self, choose: Choose) -> Rule:
        """Return the rule that some choices make.

        Args:
            choose: called with a choice's name and its options, two or more, which depend on earlier choices; returns
                one of them.
        """
        return Rule(tuple(self._block(number, choose) for number in range(self._space.blocks)))

    def choices(self, rule: Rule) -> dict[str, str]:
        """Return choices that make a rule of the space."""
        wanted: dict[str, str] = {}
        for number, block in enumerate(rule.blocks):
            left, right = _sides(_shape(block.op1, block.op2))
            named = {"shape": _shape(block.op1, block.op2), left: block.op1, right: block.op2, "binary": block.binary}
            for side, unary in ((left, block.u1), (right, block.u2)):
                named |= {f"{side} is plain": _plain(unary == IDENTITY), f"unary of {side}": unary}
            wanted |= {_name(number, name): value for name, value in named.items()}
        made: dict[str, str] = {}

        def record(name: str, options: Sequence[str]) -> str:
            unused = wanted[name] == IDENTITY and IDENTITY not in options
            made[name] = options[int(self._rng.integers(len(options)))] if unused else wanted[name]
            return made[name]

        self.rule(record)
        return made

    def _block(self, number: int, choose: Choose) -> Block:
        def pick(name: str, options: Sequence[str]) -> str:
            return choose(_name(number, name), options) if len(options) > 1 else options[0]

        bank = {"operand": self._space.operands, "result": tuple(f"#{earlier + 1}" for earlier in range(number))}
        shape = pick("shape", self._shapes[number])
        (left, right), (left_kind, right_kind) = _sides(shape), shape.split()
        op1, op2 = pick(left, bank[left_kind]), pick(right, bank[right_kind])
        if op1 == op2 and self._space.distinct_operands:
            op2 = pick(f"{right} beside {op1}", [other for other in bank[right_kind] if other != op1])
        u1, u2 = (self._unary(side, pick) for side in (left, right))
        return Block(op1, op2, u1, u2, pick("binary", self._space.binaries(number)))

    def _unary(self, side: str, pick: Choose) -> str:
        if not self._functions:
            return IDENTITY
        function = pick(f"unary of {side}", self._functions)
        if len(self._functions) == len(self._space.unary):
            return function
        return IDENTITY if pick(f"{side} is plain", (_plain(True), _plain(False))) == _plain(True) else function


def _name(number: int, choice: str) -> str:
    return f"block {number + 1}: {choice}"


def _plain(whether: bool) -> str:
    return "yes" if whether else "no"


def _shape(op1: str, op2: str) -> str:
    return " ".join("result" if op.startswith("#") else "operand" for op in (op1, op2))


def _sides(shape: str) -> tuple[str, str]:
    """Return the names for the choices on the left and right: by kind, and numbered if both are of one kind."""
    left, right = shape.split()
    return (left, right) if left != right else (f"{left} 1", f"{right} 2")


def _parzen(seed: int, *, startup: int, candidates: int, joint: bool) -> TPESampler:
    from optuna.samplers import TPESampler

    return TPESampler(
        n_startup_trials=startup,
        n_ei_candidates=candidates,
        multivariate=joint,
        group=joint,
        constant_liar=True,
        seed=seed,
    )
