"""The child task: a rule's reward is the validation accuracy of the small network that it trains (protocol §2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import torch

from harness.contracts import ARITHMETIC, Candidate, ChildProtocol, Outcome, Rule, Status
from harness.errors import ProtocolError, check_choice, message
from harness.space.expression import LANGUAGE_VERSION
from harness.tasks import machine
from harness.tasks.child.device import checked, named
from harness.tasks.child.examples import Choice, Examples
from harness.tasks.child.memory import keep_freed_memory
from harness.tasks.child.sample import Sample, arithmetic
from harness.tasks.child.stacked import opening
from harness.tasks.child.stacked.stack import Ground, trainable
from harness.tasks.child.step import BATCHED, FUSED, PLAIN, STACKED, TOGETHER, Start, path_for, stacked_path, starter
from harness.tasks.child.step import bfloat16_instructions as bfloat16_by
from harness.tasks.child.together import MOST, Together
from harness.tasks.child.training import Child, reproducible_arithmetic
from harness.tasks.data.images import ImageData
from harness.tasks.sweep import epochs_of, sweep_then_train

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}  # weights and sums
Watch = Callable[[int, int], None]


class ChildTask:
    """Train a small convolutional network with each rule, and score its validation accuracy.

    Version 2 is the same function as version 1, computed differently (``cpu.network``): rewards agree within their
    noise, not bit for bit.

    It holds only the raw examples of its protocol, so that sending it to a worker is cheap; each process normalises
    them once.

    Args:
        protocol: how to score rules.
        data: where the examples come from; its test images are read only if ``test`` is set.
        watch: called with (examples done, examples in all) after every epoch, or part of one, of the rule in training;
            diverged trainings count in full. It is not sent to other processes with the task.
        plain: whether to train with PyTorch's own operations even if the fast path could run.
        test: whether to score each child on the test images, too, once it has ended; only for confirmations.
        candidates: whether to train other candidates than rules, too. If rules train side by side, the others train one
            after another with PyTorch's own operations, and the environment says so.
        device: where to train, as torch names it. On a GPU many rules train side by side, see ``width``: by Triton's
            kernels if they can train such children, or else by PyTorch's operations.
        stacked: whether rules train side by side on a processor, too. That is slower there than one after another; it
            shows on any machine what a GPU does.

    Raises:
        ProtocolError: the protocol does not fit the data or the network.
        SettingError: there is no such device here.
    """

    version = 2
    check_device = staticmethod(checked)

    def __init__(
        self,
        protocol: ChildProtocol,
        data: ImageData,
        *,
        watch: Watch | None = None,
        plain: bool = False,
        test: bool = False,
        candidates: bool = False,
        device: str = "cpu",
        stacked: bool = False,
    ) -> None:
        self._device = checked(device)
        check_choice(f"dtype of protocol {protocol.name!r}", protocol.dtype, DTYPES, error=ProtocolError)
        if protocol.train_examples % protocol.batch_size:
            raise ProtocolError(
                message(
                    f"train_examples of protocol {protocol.name!r}",
                    expected=f"a multiple of its batch size, {protocol.batch_size}",
                    got=protocol.train_examples,
                    hint="Change one of them",
                )
            )
        if list(protocol.rungs) != sorted({share for share in protocol.rungs if 0 < share < 1}):
            raise ProtocolError(
                message(
                    f"rungs of protocol {protocol.name!r}",
                    expected="rising shares of an epoch, between 0 and 1",
                    got=protocol.rungs,
                    hint="Change them",
                )
            )
        height, width, channels = data.train_images.shape[1:]
        if height != width or height % 4:
            raise ProtocolError(
                message(
                    f"images of {data.name}",
                    expected="square ones whose side is a multiple of 4, for two poolings",
                    got=f"{width}×{height}",
                    hint="Choose another data set",
                )
            )
        self._protocol = protocol
        self._choice = Choice.of(protocol, data, test=test)
        self._test = self._choice.test_labels is not None
        self._alone = PLAIN if plain or stacked or self._device.type != "cpu" else path_for(channels)  # one by one
        self._path = self._alone
        if not plain and (stacked or self._device.type != "cpu"):
            shape = {"batch_size": protocol.batch_size, "channels": channels, "classes": self._choice.classes}
            self._path = stacked_path(self._device, dtype=protocol.dtype, **shape) or self._alone
        self._candidates = candidates
        self._start: Start | None = None
        self._together: Together | None = None
        self._watch = watch

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_start": None, "_together": None, "_watch": None}

    @property
    def environment(self) -> Mapping[str, str]:
        """What else a score depends on: names, and a digest of what they do not reveal, computed at the first call."""
        return {
            "task": f"child {self.version}",
            "language": str(LANGUAGE_VERSION),
            "torch": torch.__version__,
            "device": named(self._device),
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "threads": "1",
            "step": self._path,
            ARITHMETIC: arithmetic(self._sample(self._path)),
            **{name: version(name) for name in {FUSED: ("numba", "numpy"), STACKED: ("triton",)}.get(self._path, ())},
            **({"cells at once": str(opening.AT_ONCE)} if self._path == BATCHED else {}),
            **({"bfloat16 by": bfloat16_by()} if self._protocol.dtype == "bfloat16" else {}),
            **({} if self._choice.test_labels is None else {"test images": str(len(self._choice.test_labels))}),
            **({} if not self._candidates or self._alone == self._path else self._of_others),
        }

    @property
    def _of_others(self) -> Mapping[str, str]:
        """Return what the scores of candidates that are not rules depend on, if rules train on another path."""
        return {
            "step of other optimizers": self._alone,
            f"{ARITHMETIC} of other optimizers": arithmetic(self._sample(self._alone)),
        }

    def _sample(self, path: str) -> Sample:
        """Return the fixed child that computes like this task's children on a path."""
        protocol, (side, _, channels) = self._protocol, self._choice.pool_images.shape[1:]
        return Sample(
            path=path,
            dtype=DTYPES[protocol.dtype],
            reduced=protocol.dtype == "bfloat16",
            device=self._device,
            batch_size=protocol.batch_size,
            scored=protocol.validation_examples,
            side=side,
            channels=channels,
            classes=self._choice.classes,
        )

    @property
    def width(self) -> int:
        """How many rules it prefers to get at once, which then train side by side."""
        return self._side_by_side.width if self._path in TOGETHER else 1

    def evaluate(self, rules: Sequence[Candidate], *, seed: int) -> Sequence[Outcome]:
        """Score each candidate by the sweep and the epochs at the best λ, with the weights and batches of ``seed``.

        Returns:
            An outcome for each; ERROR, with the message, if training raised an error that the candidate may have
            caused.

        Raises:
            EngineError: the machine failed: it has no memory left, or its GPU is gone.
        """
        with machine.answerable():
            if self._path not in TOGETHER:
                return [self._score(rule, seed) for rule in rules]
            together = [rule for rule in rules if isinstance(rule, Rule)]
            outcomes = iter(self._score_together(together, seed))
            return [next(outcomes) if isinstance(rule, Rule) else self._score(rule, seed) for rule in rules]

    def _score(self, rule: Candidate, seed: int) -> Outcome:
        protocol = self._protocol
        total = round(epochs_of(protocol) * protocol.train_examples)
        consumed: list[int] = []
        planned: list[int] = []

        def report(examples: int, of: int) -> None:
            consumed.append(examples)
            planned.append(of)
            if self._watch is not None:
                self._watch(sum(planned), total)

        def child(learning_rate: float) -> Child:
            return Child(rule, learning_rate, protocol=protocol, start=start, seed=seed, report=report)

        start = self._prepared()
        began = time.perf_counter()
        try:
            with reproducible_arithmetic(self._device):
                return sweep_then_train(protocol, child, test=Child.test if self._test else None)
        except Exception as cause:  # a bad rule must not end a search, whatever it breaks
            if machine.failed(cause):
                raise
            return self._failed(cause, examples=sum(consumed), seconds=time.perf_counter() - began)

    def _failed(self, cause: Exception, *, examples: int = 0, seconds: float = 0.0) -> Outcome:
        """Return the outcome of a rule that raised an error."""
        return Outcome(
            status=Status.ERROR,
            score=self._protocol.chance,
            learning_rate=None,
            examples=examples,
            seconds=seconds,
            message=f"{type(cause).__name__}: {cause}",
            test=self._protocol.chance if self._test else None,
        )

    def _score_together(self, rules: Sequence[Rule], seed: int) -> list[Outcome]:
        """Return the outcomes of rules that train side by side; a rule that no stack can train is an error."""
        outcomes = {rule: self._failed(cause) for rule in rules if (cause := trainable(rule)) is not None}
        able = [rule for rule in dict.fromkeys(rules) if rule not in outcomes]
        if able:
            total = round(epochs_of(self._protocol) * self._protocol.train_examples * len(able))
            together = self._side_by_side
            if self._watch is not None:
                watch = self._watch
                together.watch = lambda share: watch(round(share * total), total)
            outcomes.update(zip(able, together.outcomes(able, seed=seed), strict=True))
        return [outcomes[rule] for rule in rules]

    @property
    def _side_by_side(self) -> Together:
        """What trains rules side by side, made at the first call in a process."""
        if self._together is None:
            self._together = Together(
                self._protocol, self._device, self._laid_out, test=self._test, width=self._widest()
            )
        return self._together

    def _widest(self) -> int:
        """Return how many rules fit into the device's free memory side by side, at most ``MOST``."""
        choice, protocol = self._choice, self._protocol
        return opening.fitting(
            MOST,
            path=self._path,
            device=self._device,
            images=choice.pool_images[:1].shape,
            count=len(choice.pool_labels) + len(choice.validation_labels),
            batch_size=protocol.batch_size,
            classes=choice.classes,
            rates=len(protocol.learning_rates),
        )

    def _laid_out(self) -> Ground:
        """Return the examples in the layout of stacks."""
        examples = Examples.of(self._choice, DTYPES[self._protocol.dtype]).on(self._device)
        return opening.ground(self._path, examples, batch_size=self._protocol.batch_size)

    def _prepared(self) -> Start:
        """What creates a network; the first call in a process normalises the examples."""
        if self._start is None:
            keep_freed_memory()
            with reproducible_arithmetic(self._device):
                examples = Examples.of(self._choice, DTYPES[self._protocol.dtype]).on(self._device)
                reduced = self._protocol.dtype == "bfloat16"
                self._start = starter(self._alone, examples, batch_size=self._protocol.batch_size, reduced=reduced)
        return self._start
