"""The ``rl`` searcher: ask the controller for rules, and let it learn from what they earn ([NOS] §3.2, protocol §4)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import numpy as np

from harness.contracts import Origin, Rule, Trial
from harness.searchers.one_thread import one_thread
from harness.searchers.rl.presets import PAPER, Corpus, Objective, Preset, numbers
from harness.settings import Range, Value
from harness.space.draws import Draws
from harness.space.grammar import Space

if TYPE_CHECKING:  # torch takes seconds to load, and reading the settings does not need it
    from torch import Tensor

DRAW = 16  # rules sampled at a time: a step of the LSTM costs the same for one rule as for a few


class ReinforcementLearning:
    """An LSTM policy trained by policy gradients.

    It learns whenever ``batch`` results have arrived, from the probabilities that their rules had when they were
    proposed, so results may come in any order and in parts. It also learns from rules that it did not propose. Unless
    ``repeats`` is set, it avoids proposing a function twice (**D**): it samples again, then draws at random, and only
    then repeats itself. With ``repeats``, as in [NOS], every sample is a proposal; a function that the run has already
    trained is not trained again, but the controller learns from it again.

    If a setting has several defaults, the preset decides which one holds.

    Args:
        space: the space to search.
        seed: decides the first weights and every sample.
        preset: ``short`` for searches of 100 to 1,000 children; ``icml2017`` or ``arxiv2`` for the numbers of protocol
            §4, from the first or the later edition of [NOS]; ``paper`` is ``arxiv2`` without repeats.
        objective: the training objective; short pqt, icml2017 trpo, the others ppo.
        learning_rate: Adam's step, not used by trpo; short 0.005, the others 1e-5.
        epochs: steps of Adam per batch, for ppo, risk_seeking and pqt; short 2, the others 4.
        entropy: coefficient of the entropy bonus; short 0.05, the others 0.0015.
        normalize: whether advantages are divided by the rewards' running standard deviation; short true, the others
            false.
        hidden: units of the LSTM; short 64, the others 150.
        kl_bound: how far an update of trpo may move the policy, in nats per rule; short 0.5, the others 0.01.
        elite_fraction: share of recent rewards that risk_seeking learns from; short 0.2, the others 0.05.
        imitation: weight of pqt's imitation; short 0.5, the others 1.0.
        resolution: scores that differ by less count as one behaviour in pqt's queue; short 0.002, the others 0.
        plain: probability, beyond the share of ``id``, that a unary function is left out, in random draws and by the
            untrained controller; short 0.85, the others 0.
        initial: random draws to begin with, which it learns from too, if not set a quarter of the children of a run at
            most; short 10, the others 0.
        critic: weight of the loss of a critic, which learns what a rule's beginning says of its reward and corrects the
            moving average by it; 0 for none, and not used by risk_seeking; short 0, the others 0.
        pretraining: steps of Adam, of 64 rules each, in which the controller learns to imitate draws from the space
            before its first proposal, without a child; short 0, the others 0.
        corpus: what pretraining imitates, random draws as ``plain`` makes them (strings) or each function among them
            once (functions); short strings, the others strings.
        repeats: whether a function may be proposed again; icml2017 true, arxiv2 true, the others false.
        batch: how many results it waits for before it learns.
        init: weights start uniformly distributed between minus this number and this number.
        baseline_decay: weight of the past in the moving average of rewards.
        clip: how far from 1 a probability ratio is still rewarded, for ppo, risk_seeking and pqt.
        damping: added to the diagonal of trpo's Fisher matrix.
        window: number of recent rewards from which risk_seeking takes its quantile.
        queue: number of rules that pqt imitates.
        tries: samples of the controller for one proposal before a random draw replaces it.
    """

    version = 3  # rises when its proposals change, the presets' numbers included

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        preset: Preset = "short",
        objective: Objective | None = None,
        learning_rate: Annotated[float | None, Range(0.0, 1.0)] = None,
        epochs: Annotated[int | None, Range(1, 100)] = None,
        entropy: Annotated[float | None, Range(0.0, 10.0)] = None,
        normalize: bool | None = None,
        hidden: Annotated[int | None, Range(1, 2000)] = None,
        kl_bound: Annotated[float | None, Range(1e-9, 100.0)] = None,
        elite_fraction: Annotated[float | None, Range(0.001, 1.0)] = None,
        imitation: Annotated[float | None, Range(0.0, 1000.0)] = None,
        resolution: Annotated[float | None, Range(0.0, 1.0)] = None,
        plain: Annotated[float | None, Range(0.0, 0.99)] = None,
        initial: Annotated[int | None, Range(0, 100_000)] = None,
        critic: Annotated[float | None, Range(0.0, 1000.0)] = None,
        pretraining: Annotated[int | None, Range(0, 10_000)] = None,
        corpus: Corpus | None = None,
        repeats: bool | None = None,
        batch: Annotated[int, Range(1, 1000)] = 5,
        init: Annotated[float, Range(0.0, 10.0)] = PAPER.init,
        baseline_decay: Annotated[float, Range(0.0, 1.0)] = PAPER.baseline_decay,
        clip: Annotated[float, Range(0.0, 1.0)] = PAPER.clip,
        damping: Annotated[float, Range(0.0, 1000.0)] = PAPER.damping,
        window: Annotated[int, Range(1, 100_000)] = PAPER.window,
        queue: Annotated[int, Range(1, 10_000)] = PAPER.queue,
        tries: Annotated[int, Range(1, 10_000)] = 50,
    ) -> None:
        self.numbers = numbers(
            preset,
            objective=objective,
            learning_rate=learning_rate,
            epochs=epochs,
            entropy=entropy,
            normalize=normalize,
            hidden=hidden,
            kl_bound=kl_bound,
            elite_fraction=elite_fraction,
            imitation=imitation,
            resolution=resolution,
            plain=plain,
            initial=initial,
            critic=critic,
            pretraining=pretraining,
            corpus=corpus,
            repeats=repeats,
            init=init,
            baseline_decay=baseline_decay,
            clip=clip,
            damping=damping,
            window=window,
            queue=queue,
        )
        self.batch = batch
        self._space = space
        self._tries = tries
        self._draws = Draws(space, seed=seed, plain=self.numbers.plain)
        self._initial_left = self.numbers.initial
        self._asked: set[str] = set()  # functions that were proposed, or told by someone else
        self._sampled_picks: set[bytes] = set()  # to recognise a repeated sample without decoding it
        self._origins: dict[Rule, Origin] = {}
        self._pending: dict[Rule, deque[Tensor]] = {}  # rules not told yet → log-probability of each proposal
        self._gathered: list[tuple[Rule, Tensor, float]] = []
        from harness.searchers.rl.controller import Controller
        from harness.searchers.rl.objectives import Learner
        from harness.searchers.rl.pretraining import pretrain

        with one_thread():
            self.controller = Controller(
                space, seed=seed, hidden=self.numbers.hidden, scale=self.numbers.init, plain=self.numbers.plain
            )
            pretrain(self.controller, space, self.numbers, seed=seed)
            self.learner = Learner(self.controller, self.numbers)

    @staticmethod
    def startup(settings: Mapping[str, Value]) -> dict[str, int]:
        """Return how many random draws start the search, as set or by the preset."""
        preset = cast(Preset, settings["preset"])
        return {"initial": int(settings.get("initial", numbers(preset).initial))}

    def ask(self, count: int) -> Sequence[Rule]:
        """Propose ``count`` rules: random draws, then samples; new functions if possible, unless it may repeat."""
        drawn = min(count, self._initial_left)
        self._initial_left -= drawn
        with one_thread():
            proposals = self._drawn(drawn)
            sampled = self._sampled(count - drawn)
            proposals += sampled
            proposals += self._drawn(count - len(proposals))
        self._await(proposals)
        written = {rule for rule, _ in sampled}
        for rule, log in proposals:
            how = "written by the controller" if rule in written else "drawn at random"
            self._origins[rule] = Origin(how=how, log_probability=float(log))
        return [rule for rule, _ in proposals]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Collect results, and learn from each ``batch`` of them."""
        import torch

        from harness.searchers.rl.controller import DTYPE
        from harness.searchers.rl.objectives import Batch

        with one_thread():
            strangers = self._strangers(trial.rule for trial in trials)
            self._await(zip(strangers, self._log_probability(strangers), strict=True))
            self._asked.update(rule.key for rule in strangers)
            for trial in trials:
                self._gathered.append((trial.rule, self._pending[trial.rule].popleft(), trial.outcome.score))
                if not self._pending[trial.rule]:
                    del self._pending[trial.rule]
            while len(self._gathered) >= self.batch:
                ready, self._gathered = self._gathered[: self.batch], self._gathered[self.batch :]
                rules, old, scores = zip(*ready, strict=True)
                keys = tuple(rule.key for rule in rules)
                scored = torch.tensor(scores, dtype=DTYPE)
                self.learner.learn(Batch(self._picks(rules), torch.stack(old), scored, keys))

    def origin(self, rule: Rule) -> Origin | None:
        """Return whether the controller wrote the rule, and the probability it gave the rule when it was proposed."""
        return self._origins.get(rule)

    def _await(self, proposals: Iterable[tuple[Rule, Tensor]]) -> None:
        for rule, log in proposals:
            self._pending.setdefault(rule, deque()).append(log)

    def _strangers(self, told: Iterable[Rule]) -> list[Rule]:
        """Return the rules that are told more often than they were proposed, each for every excess time."""
        return [rule for rule, count in Counter(told).items() for _ in range(count - len(self._pending.get(rule, ())))]

    def _sampled(self, count: int) -> list[tuple[Rule, Tensor]]:
        """Sample up to ``count`` rules with their log-probabilities, new functions unless it may repeat."""
        if self.numbers.repeats:
            picks, logs = self.controller.sample(count)
            rules = [self._space.decode(row) for row in picks.numpy()]
            self._asked.update(rule.key for rule in rules)
            return list(zip(rules, logs, strict=True))
        found: list[tuple[Rule, Tensor]] = []
        left = count * self._tries
        while left > 0 and len(found) < count:
            picks, log_probability = self.controller.sample(min(left, max(DRAW, count)))
            left -= len(picks)
            for row, log in zip(picks.numpy(), log_probability, strict=True):
                if len(found) == count:
                    break
                if row.tobytes() in self._sampled_picks:
                    continue
                self._sampled_picks.add(row.tobytes())
                rule = self._space.decode(row)
                if rule.key not in self._asked:
                    self._asked.add(rule.key)
                    found.append((rule, log))
        return found

    def _drawn(self, count: int) -> list[tuple[Rule, Tensor]]:
        """Return random draws, new functions if possible, with the controller's log-probabilities."""
        rules = []
        for _ in range(count):
            rules.append(self._draws.draw_new(self._asked))
            self._asked.add(rules[-1].key)
        return list(zip(rules, self._log_probability(rules), strict=True))

    def _picks(self, rules: Sequence[Rule]) -> Tensor:
        import torch

        encoded = [self._space.encode(rule).reshape(-1) for rule in rules]
        return torch.from_numpy(np.array(encoded, dtype=np.int64).reshape(len(rules), self._space.positions))

    def _log_probability(self, rules: Sequence[Rule]) -> Tensor:
        import torch

        from harness.searchers.rl.controller import DTYPE

        with torch.no_grad():
            return self.controller.read(self._picks(rules)).log_probability if rules else torch.zeros(0, dtype=DTYPE)
