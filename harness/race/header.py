"""The header of a run: everything that its scores depend on, and what it may be ranked with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

from harness.candidates import NamedOptimizer, names_optimizer
from harness.contracts import Candidate, Rule, TaskProtocol
from harness.errors import LedgerError, RuleSyntaxError, SpaceError, message
from harness.limits import Count, Label, Length, Line, Positive, Range
from harness.race.protocols import Budget, child_seed, stored
from harness.settings import Value
from harness.space.expression import FIRST_LANGUAGE, LANGUAGE_VERSION
from harness.space.grammar import Space
from harness.space.notation.rules import check_shape

_LABEL_DIGITS = 8  # of a fingerprint


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a run retrains if it does not search (protocol §3).

    Attributes:
        rules: their token strings, or the records of other candidates, in the order of training, all different
            functions.
        searched: ``comparable`` of the searches that nominated them; empty if they were named by hand.
        nominated: how they were chosen among those found, ``nominating.way``, fixed before any is retrained; empty if
            they were named by hand, and in old records from when there was only one way.
    """

    rules: tuple[str, ...]
    searched: str = ""
    nominated: Label = ""

    @property
    def noun(self) -> str:
        """What messages call them: ``rules`` or ``candidates``."""
        return "candidates" if any(map(names_optimizer, self.rules)) else "rules"


@dataclass(frozen=True, slots=True)
class Funnel:
    """How a transfer gives candidates up on the way (protocol §7), fixed before the first of them trains.

    Attributes:
        rungs: after how many epochs they are compared, ascending; the last rung ends the training.
        share: one in so many goes on to the next rung, rounded up.
        rule: how those that go on are chosen, in words.
        seeds: all seeds of the transfer, over which scores are averaged.
        entrants: records of all candidates that train to the first rung.
    """

    rungs: Annotated[tuple[Positive, ...], Length(2)]
    share: Annotated[int, Range(2)]
    rule: Label
    seeds: Annotated[tuple[Count, ...], Length(1)]
    entrants: Annotated[tuple[str, ...], Length(1)]


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a run trains to find out what candidates are worth on a workload (protocol §7).

    Attributes:
        candidates: their records, in the order of training, all different functions.
        chosen: how they were chosen among confirmed rules, fixed before any is trained; empty if they were named by
            hand.
        funnel: the funnel of which the run is a rung, whose epochs are those of its protocol; None if there is none.
    """

    candidates: Annotated[tuple[str, ...], Length(1)]
    chosen: Annotated[str, Line(200, least=0)] = ""
    funnel: Funnel | None = None


@dataclass(frozen=True, kw_only=True)  # no slots: they would prevent caching the hashes
class RunHeader(ABC):
    """Everything that a run's scores depend on (law 5): what the headers of all kinds of run pin.

    ``identity`` says which run it is: the same command gives the same identity and so resumes the same run.
    ``comparable`` says what it may be ranked with. ``environment`` is pinned beside them: a run is not resumed in
    another environment. ``provenance`` is only for readers.

    Attributes:
        kind: what the run is for; of a kind with a field of its own, the field's name.
        searcher: registry name, or ``module:attribute``.
        searcher_version: the factory's version.
        settings: the searcher's settings, by name.
        space: what was searched.
        protocol: how children are scored.
        data: registry name of the data set.
        data_fingerprint: hash of its decoded arrays.
        budget: what the run may use.
        seed: decides the searcher's randomness and, with the protocol, the child's.
        asynchronous: whether results are told as they finish instead of in the order asked.
        environment: task version, library versions, device, threads.
        provenance: versions of harness, Python and libraries, commit, hardware, command line.
    """

    kind: ClassVar[str]
    searcher: Label
    searcher_version: int
    settings: Mapping[str, Value]
    space: Space
    protocol: TaskProtocol
    data: Label
    data_fingerprint: Label
    budget: Budget
    seed: Count
    asynchronous: bool
    environment: Mapping[str, str]
    provenance: Mapping[str, str]

    @cached_property
    def comparable(self) -> str:
        """Hash of space, protocol, data and budget: only equals are ranked together."""
        return _digest(
            {
                "space": self.space.spec(),
                "protocol": self.protocol.hash,
                "data": self.data_fingerprint,
                "budget": dataclasses.asdict(self.budget),
            }
        )

    @cached_property
    def identity(self) -> str:
        """Hash of ``comparable``, the searcher, its settings, the seed, the order of telling, and rules to confirm."""
        return _digest(
            {
                "comparable": self.comparable,
                "searcher": self.searcher,
                "settings": dict(self.settings),
                "seed": self.seed,
                "async": self.asynchronous,
            }
            | self._own
        )

    @cached_property
    def child_seed(self) -> int:
        """The seed from which every child of the run trains."""
        return child_seed(self.seed, self.protocol)

    @cached_property
    def environment_hash(self) -> str:
        """Hash of ``environment``: an evaluation serves only runs that share it."""
        return _digest(self.environment)

    @property
    def searches(self) -> bool:
        """Whether it is a search; boards rank only searches."""
        return isinstance(self, SearchHeader)

    @property
    @abstractmethod
    def _own(self) -> dict[str, object]:
        """What its record has beyond the pins."""

    def check(self, rule: Candidate) -> None:
        """Raise unless the run may train a candidate: a rule of its space, or one of those that it confirms.

        Raises:
            SpaceError: it may not train the candidate.
            RuleSyntaxError: the candidate is to be confirmed, but is not even shaped like a rule of another language
                version.
        """
        if not isinstance(rule, Rule):
            hint = "Confirm other optimizers with `harness confirm --candidate`"
            raise SpaceError(message("proposal", expected="a rule of the space", got=rule, hint=hint))
        self.space.check(rule)

    def _check_record(self, rule: Candidate) -> None:
        """Raise unless a listed candidate is written as our runs write it."""
        if not isinstance(rule, Rule):
            NamedOptimizer.read(str(rule))
        elif not self.in_our_language:
            check_shape(rule)
        elif Rule.parse(str(rule)) != rule:
            hint = "Write op1 op2 u1 u2 binary for each block"
            raise RuleSyntaxError(message("rule", expected="a token string", got=str(rule), hint=hint))

    @property
    def in_our_language(self) -> bool:
        """Whether its rules are from this version of the language."""
        return self.environment.get("language", FIRST_LANGUAGE) == str(LANGUAGE_VERSION)

    @property
    def name(self) -> str:
        """A short readable name, unique by its last part: ``random-s0-quick-1a2b3c4d``."""
        searcher = self.searcher.rpartition(":")[2] or self.searcher
        return f"{searcher}-s{self.seed}-{self.protocol.name}-{self.identity[:8]}"

    @property
    def data_label(self) -> str:
        """The data set's label in messages: its name and the first digits of its fingerprint."""
        return f"{self.data} ({self.data_fingerprint[:_LABEL_DIGITS]})"

    def to_json(self) -> str:
        """Return the header as canonical JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(RunHeader)}
        fields |= {
            "settings": dict(self.settings),
            "space": self.space.spec(),
            "protocol": self.protocol.spec(),
            "budget": dataclasses.asdict(self.budget),
            "environment": dict(self.environment),
            "provenance": dict(self.provenance),
        }
        return json.dumps(fields | self._own, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> RunHeader:
        """Return the header that ``to_json`` wrote.

        Raises:
            LedgerError: the text is not a header.
        """
        try:
            fields = json.loads(text)
            fields |= {
                "space": Space.from_spec(fields["space"]),
                "protocol": stored(fields["protocol"]),
                "budget": Budget(**fields["budget"]),
            }
            if "confirmation" in fields:
                confirmed = fields["confirmation"]
                fields["confirmation"] = Confirmation(
                    tuple(confirmed["rules"]), confirmed["searched"], confirmed.get("nominated", "")
                )
            if "transfer" in fields:
                fields["transfer"] = _transfer(fields["transfer"])
            return kind_of(fields)(**fields)
        except (ValueError, KeyError, TypeError) as cause:
            raise LedgerError(
                message("run header", expected="the JSON that a run wrote", got=text, hint="The ledger may be damaged")
            ) from cause


class SearchHeader(RunHeader):
    """The header of a search; boards rank only searches."""

    kind = "search"

    @property
    def _own(self) -> dict[str, object]:
        return {}  # a search's record stays as it was before other kinds of run existed


@dataclass(frozen=True, kw_only=True)
class ConfirmationHeader(RunHeader):
    """The header of a confirmation.

    Attributes:
        confirmation: the rules to retrain.
    """

    kind = "confirmation"
    confirmation: Confirmation

    @cached_property
    def child_seed(self) -> int:
        """The seed from which every child of the run trains; no search has seen it."""
        return child_seed(self.seed, self.protocol, fresh=True)

    @property
    def _own(self) -> dict[str, object]:
        fields = dataclasses.asdict(self.confirmation)
        if not self.confirmation.nominated:
            del fields["nominated"]  # a confirmation's record stays as it was before there were several ways
        return {"confirmation": fields}

    def check(self, rule: Candidate) -> None:
        """Raise unless a candidate is one of those that the run confirms, as ``RunHeader.check`` says."""
        if str(rule) not in self.confirmation.rules:
            hint = "Propose only these"
            raise SpaceError(message("rule", expected="one of the rules to confirm", got=str(rule), hint=hint))
        self._check_record(rule)


@dataclass(frozen=True, kw_only=True)
class TransferHeader(RunHeader):
    """The header of a run that trains candidates on a workload, the protocol's.

    Attributes:
        transfer: the candidates.
    """

    kind = "transfer"
    transfer: Transfer

    @cached_property
    def child_seed(self) -> int:
        """The seed from which every child of the run trains: of a stream of its own, and one for all rungs."""
        return child_seed(self.seed, self.protocol, transfer=True)

    @property
    def _own(self) -> dict[str, object]:
        return {"transfer": dataclasses.asdict(self.transfer)}

    def check(self, rule: Candidate) -> None:
        """Raise unless a candidate is one of those that the run trains, as ``RunHeader.check`` says."""
        if str(rule) not in self.transfer.candidates:
            hint = "Propose only these"
            raise SpaceError(message("rule", expected="one of the transfer's candidates", got=str(rule), hint=hint))
        self._check_record(rule)


@dataclass(frozen=True, kw_only=True)
class TableHeader(RunHeader):
    """The header of a run that fills a table of outcomes, with its seed as the replicate.

    Attributes:
        table: the table's name.
    """

    kind = "table"
    table: Label

    @cached_property
    def child_seed(self) -> int:
        """The seed from which every child of the run trains, of the table's replicate."""
        return child_seed(self.seed, self.protocol, table=self.table)

    @property
    def _own(self) -> dict[str, object]:
        return {"table": self.table}


def kind_of(fields: Mapping[str, object]) -> type[RunHeader]:
    """Which kind of run a header's record pins, by the field that this kind alone has."""
    kinds = (ConfirmationHeader, TableHeader, TransferHeader)
    return next((kind for kind in kinds if kind.kind in fields), SearchHeader)


def _transfer(fields: Mapping[str, Any]) -> Transfer:
    funnel = fields["funnel"]
    if funnel is not None:
        listed = {name: tuple(funnel[name]) for name in ("rungs", "seeds", "entrants")}
        funnel = Funnel(share=funnel["share"], rule=funnel["rule"], **listed)
    return Transfer(tuple(fields["candidates"]), fields["chosen"], funnel)


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()[:16]
