"""``harness.transfer``: what rules and other optimizers are worth on other workloads (protocol §7)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import plain
from harness.board.rules.plan import whole_language
from harness.board.transfer.plan import Plan, Workload, best_confirmed, distinct, sized, way
from harness.board.transfer.promotion import at_rung, funnel
from harness.board.transfer.training import Machines, train
from harness.contracts import CPU, Candidate, Dataset
from harness.errors import ProtocolError, RuleSyntaxError, check_choice, message
from harness.library import TRANSFER_SEEDS, arguments
from harness.library.arguments import CandidateLike, ResultsLike, SeedsLike
from harness.library.boards import TransferBoard, transfer_boards
from harness.library.racing import ProgressLike, heard, stopped
from harness.race.active_run import Stopped
from harness.race.conditions import Announce
from harness.race.header import TransferHeader
from harness.race.racing import Follow
from harness.race.store.ledger import Ledger

DataLike = str | Dataset
PathLike = str | os.PathLike[str]


def transfer(
    rules: CandidateLike | Iterable[CandidateLike],
    workloads: str | Iterable[str],
    *,
    seeds: SeedsLike = TRANSFER_SEEDS,
    mini: bool = True,
    funnel: Iterable[int] = (),
    board: int | None = None,
    data: DataLike | Mapping[str, DataLike] = "auto",
    data_root: PathLike | Mapping[str, PathLike] | None = None,
    workers: int | str = 1,
    cluster: str | None = None,
    device: str = CPU,
    results: ResultsLike | None = None,
    progress: ProgressLike = True,
) -> TransferBoard:
    """Train rules and other optimizers on other workloads, and return the board of what each is worth there.

    Every completed child is kept, and an interrupted child resumes from its last completed epoch. After Ctrl-C or a
    kill, the same call with the same ``results`` resumes.

    Args:
        rules: what to train: rules (infix, tokens, a name from ``harness ls rules``, or a ``Rule``), torch optimizers
            such as ``torch:AdamW(weight_decay=0.01)``, or ``top:5`` for the five best of the rules confirmed in
            ``results``, by their mean validation score on fresh seeds.
        workloads: their names without ``-mini``, or ``all``; any other protocol that trains can be named, too.
        seeds: a number of seeds from 0, or the seeds themselves; one run each, for every workload.
        mini: whether to take the size that fits one core, instead of the paper's; a workload without one has one size.
        funnel: rungs in epochs, such as ``(10, 30, 100, 300)``: after each, the better third of the candidates goes on
            to the next, and the last rung ends the training. Empty to train all to the end.
        board: number of the rules' board from which ``top:`` takes them; not needed if there is one.
        data: name of the data set, or the data set itself; a mapping for different data, by the workload's name.
        data_root: the folder that holds it; None for ``$HARNESS_DATA_ROOT`` or the user's cache. A mapping likewise.
        workers: how many children train at once, or ``"auto"`` for one per core.
        cluster: address of a Dask scheduler to train on.
        device: where a child trains: ``cpu``, or ``cuda`` for a GPU.
        results: the results folder, or a board from it; None for a temporary folder, which is removed when Python
            exits.
        progress: True to show progress, a function that is called with it, or False to show nothing.

    Returns:
        The board of all candidates in ``results`` that were chosen in this way, on all workloads that they trained on.

    Raises:
        HarnessError: an argument is wrong, data is missing, or children cannot train.
        KeyboardInterrupt: after Ctrl-C, once the children that train here have ended; nothing is lost.

    Example:
        >>> import harness
        >>> board = harness.transfer(["adam", "powersign"], "toy-quadratic", seeds=2, progress=False)
        >>> [(workload.label, len(workload.results)) for workload in board.workloads]
        [('toy-quadratic', 2)]
    """
    tell, follow = heard(progress)
    place = arguments.place(results)
    asked = Asked(
        rules=arguments.listed(rules),
        workloads=plain.texts("workloads", workloads, hint="`harness ls workloads` lists them"),
        seeds=arguments.seeds(seeds),
        mini=plain.flag("mini", mini),
        funnel=plain.integers("funnel", funnel, "Write epochs, such as (10, 30)"),
        board=board,
        data=plain.by_name("data", data),
        data_root={} if data_root is None else plain.by_name("data_root", data_root),
    )
    machines = Machines(arguments.workers(workers, device=device), cluster, device)
    try:
        headers = transferred(place, asked, machines=machines, announce=tell, follow=follow)
    except Stopped:
        raise stopped(place) from None
    (found,) = transfer_boards(place, only=headers[0].transfer.chosen)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of ``transfer`` that say what to train on what.

    Attributes:
        data: by the workload's name; that of ``""`` is for all others.
        data_root: likewise.
    """

    rules: Sequence[CandidateLike]
    workloads: Sequence[str]
    seeds: tuple[int, ...]
    mini: bool = True
    funnel: tuple[int, ...] = ()
    board: int | None = None
    data: Mapping[str, DataLike] = field(default_factory=dict)
    data_root: Mapping[str, PathLike] = field(default_factory=dict)


def transferred(
    results: Path, asked: Asked, *, machines: Machines, announce: Announce, follow: Follow
) -> list[TransferHeader]:
    """Train candidates on workloads as ``transfer`` does, resuming what the store holds.

    Returns:
        The headers of the runs, all finished.

    Raises:
        HarnessError: an argument is wrong, data is missing, or children cannot train.
        Stopped: the follower asked to stop; completed children are kept.
    """
    places = _workloads(asked, announce)
    board = plain.whole_or_none("board", asked.board, least=1)
    top, own = _read(asked.rules, board)
    if top:
        Ledger.read(results).close()  # raises if there is no store, so that none is created
    with Ledger.open(results) as ledger:
        best = best_confirmed(ledger, top=top, board=board) if top else []
        candidates = distinct([*own, *best])
        _tell_repeated([*own, *best], announce)
        found = funnel(asked.funnel, candidates, asked.seeds) if asked.funnel else None
        if found is not None:
            for each in places:
                at_rung(each.protocol, found, found.rungs[0])  # raises if a protocol has no horizon
        plan = Plan(
            candidates=candidates,
            space=whole_language(candidates),
            workloads=places,
            seeds=asked.seeds,
            chosen=way(top=top, by_hand=len(own)),
            funnel=found,
        )
        return train(plan, ledger, machines=machines, announce=announce, follow=follow)


def _workloads(asked: Asked, announce: Announce) -> tuple[Workload, ...]:
    """Return the workloads with their data.

    Raises:
        HarnessError: a workload is unknown, or data is given for one that is not trained on.
    """
    protocols = sized(asked.workloads, mini=asked.mini)
    for option, given in (("data", asked.data), ("data_root", asked.data_root)):
        for name in given:
            if name:
                check_choice(f"{option} of workload", name, protocols, error=ProtocolError)
                if protocols[name].inputs == "none":
                    announce(f"{option} of {name} is not used: protocol {protocols[name].name} reads no data")
    found = []
    for name, protocol in protocols.items():
        root = asked.data_root.get(name, asked.data_root.get(""))
        chosen = arguments.data(asked.data.get(name, asked.data.get("", "auto")))
        place = plain.path_or_none("data_root", root)
        found.append(Workload(name=name, protocol=protocol, data=chosen, root=place))
    return tuple(found)


def _read(rules: Sequence[CandidateLike], board: int | None) -> tuple[int, list[Candidate]]:
    """Return how many of the best confirmed rules are asked for, and the other candidates.

    Raises:
        HarnessError: a text is neither, or there is none, or a board is named that nothing is taken from.
    """
    top, others = arguments.top_of(rules, "rules", board=board)
    own = [arguments.candidate(each) for each in others]
    if not own and not top:
        hint = f"Name some, such as adam, torch:AdamW, or {arguments.TOP}5 for the best confirmed ones"
        raise RuleSyntaxError(message("rules", expected="at least one", got="none", hint=hint))
    return top, own


def _tell_repeated(candidates: Sequence[Candidate], announce: Announce) -> None:
    """Say which candidates are the same function as another: every function is trained once."""
    first: dict[str, Candidate] = {}
    for each in candidates:
        if each.key in first:
            announce(f"{each.infix!r} is the same function as {first[each.key].infix!r}; it is trained once")
        first.setdefault(each.key, each)
