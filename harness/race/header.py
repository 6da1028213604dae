"""The header of a run: all that its scores depend on, and what it may be ranked with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from harness.candidates import NamedOptimizer, names_optimizer
from harness.contracts import Candidate, Rule, TaskProtocol
from harness.errors import LedgerError, RuleSyntaxError, SpaceError, message
from harness.limits import Count, Label
from harness.race.protocols import Budget, child_seed, stored
from harness.settings import Value
from harness.space.expression import FIRST_LANGUAGE, LANGUAGE_VERSION
from harness.space.grammar import Space
from harness.space.notation.rules import check_shape

_LABEL_DIGITS = 8  # of a fingerprint


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a run retrains that does not search (protocol §3).

    Attributes:
        rules: their token strings, or the records of other candidates, in the order of training, each another function.
        searched: ``comparable`` of the searches that nominated them; empty where they were named by hand.
        nominated: how they were chosen among those found, ``nominating.way``, settled before any is retrained; empty
            where they were named by hand, and in records of before there were several ways.
    """

    rules: tuple[str, ...]
    searched: str = ""
    nominated: Label = ""

    @property
    def noun(self) -> str:
        """What people are told that they are."""
        return "candidates" if any(map(names_optimizer, self.rules)) else "rules"


@dataclass(frozen=True, kw_only=True)  # no slots: they would keep the hashes from being cached
class RunHeader(ABC):
    """Everything that a run's scores depend on (law 5): what the headers of all kinds of run pin.

    ``identity`` says which run it is: the same command gives the same identity and so goes on with the same run.
    ``comparable`` says what it may be ranked with. ``environment`` is pinned beside them: a run is not resumed under
    another one. ``provenance`` is written down for the reader alone.

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
        asynchronous: results told as they finish, not as asked.
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
        """Hash of ``comparable``, the searcher with its settings, seed, order of telling, and rules to confirm."""
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
        """The seed that every child of the run trains from."""
        return child_seed(self.seed, self.protocol)

    @cached_property
    def environment_hash(self) -> str:
        """Hash of ``environment``: an evaluation serves only runs that share it."""
        return _digest(self.environment)

    @property
    def searches(self) -> bool:
        """Whether it is a search: boards rank nothing else."""
        return isinstance(self, SearchHeader)

    @property
    @abstractmethod
    def _own(self) -> dict[str, object]:
        """What its record has beyond the pins."""

    def check(self, rule: Candidate) -> None:
        """Raise unless the run may train a candidate: a rule of its space, or one of those that it confirms.

        Raises:
            SpaceError: it may not.
            RuleSyntaxError: it is to be confirmed and no rule: of another version of the language, not even in shape.
        """
        if not isinstance(rule, Rule):
            hint = "Confirm other optimizers with `harness confirm --candidate`"
            raise SpaceError(message("proposal", expected="a rule of the space", got=rule, hint=hint))
        self.space.check(rule)

    @property
    def in_our_language(self) -> bool:
        """Whether its rules are of this version of the language."""
        return self.environment.get("language", FIRST_LANGUAGE) == str(LANGUAGE_VERSION)

    @property
    def name(self) -> str:
        """A short readable name, unique by its last part: ``random-s0-quick-1a2b3c4d``."""
        searcher = self.searcher.rpartition(":")[2] or self.searcher
        return f"{searcher}-s{self.seed}-{self.protocol.name}-{self.identity[:8]}"

    @property
    def data_label(self) -> str:
        """The data set as people are told of it: its name and the first digits of its fingerprint."""
        return f"{self.data} ({self.data_fingerprint[:_LABEL_DIGITS]})"

    def to_json(self) -> str:
        """The header as canonical JSON."""
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
        """Read what ``to_json`` wrote.

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
            return kind_of(fields)(**fields)
        except (ValueError, KeyError, TypeError) as cause:
            raise LedgerError(
                message("run header", expected="the JSON that a run wrote", got=text, hint="The ledger may be damaged")
            ) from cause


class SearchHeader(RunHeader):
    """What pins a search: boards rank nothing else."""

    kind = "search"

    @property
    def _own(self) -> dict[str, object]:
        return {}  # a search's record stays what it was before there were other kinds of run


@dataclass(frozen=True, kw_only=True)
class ConfirmationHeader(RunHeader):
    """What pins a confirmation.

    Attributes:
        confirmation: the rules to retrain.
    """

    kind = "confirmation"
    confirmation: Confirmation

    @cached_property
    def child_seed(self) -> int:
        """The seed that every child of the run trains from, which no search has seen."""
        return child_seed(self.seed, self.protocol, fresh=True)

    @property
    def _own(self) -> dict[str, object]:
        fields = dataclasses.asdict(self.confirmation)
        if not self.confirmation.nominated:
            del fields["nominated"]  # a confirmation's record stays what it was before there were several ways
        return {"confirmation": fields}

    def check(self, rule: Candidate) -> None:
        """Raise unless a candidate is one of those that the run confirms, as ``RunHeader.check`` says."""
        if str(rule) not in self.confirmation.rules:
            hint = "Propose these alone"
            raise SpaceError(message("rule", expected="one of the rules to confirm", got=str(rule), hint=hint))
        if not isinstance(rule, Rule):
            NamedOptimizer.read(str(rule))
        elif not self.in_our_language:
            check_shape(rule)
        elif Rule.parse(str(rule)) != rule:
            hint = "Write op1 op2 u1 u2 binary for each block"
            raise RuleSyntaxError(message("rule", expected="a token string", got=str(rule), hint=hint))


@dataclass(frozen=True, kw_only=True)
class TableHeader(RunHeader):
    """What pins a run that fills a table of outcomes, its seed being the replicate.

    Attributes:
        table: the table's name.
    """

    kind = "table"
    table: Label

    @cached_property
    def child_seed(self) -> int:
        """The seed that every child of the run trains from, of the table's replicate."""
        return child_seed(self.seed, self.protocol, table=self.table)

    @property
    def _own(self) -> dict[str, object]:
        return {"table": self.table}


def kind_of(fields: Mapping[str, object]) -> type[RunHeader]:
    """Which kind of run a header's record pins, by the field that this kind alone has."""
    return next((kind for kind in (ConfirmationHeader, TableHeader) if kind.kind in fields), SearchHeader)


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()[:16]
