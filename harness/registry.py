"""Names of lazily loaded ``module:attribute``: the only place where the harness knows of searchers and tasks.

Outside packages add their own by entry points in the groups ``harness.searchers``, ``harness.tasks``, ``harness.data``,
``harness.protocols`` and ``harness.candidates``. Anything importable except a family of candidates can be named as
``module:attribute`` without registration. ``register`` gives an object a name within the current process.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from typing import Any

from harness.contracts import NamedProtocol, TaskProtocol
from harness.errors import RegistryError, check_choice, message, raised
from harness.former import FORMER, current


class Kind(StrEnum):
    """What can be registered; the value is the entry-point group's last part."""

    SEARCHER = "searchers"
    TASK = "tasks"
    DATA = "data"
    PROTOCOL = "protocols"
    CANDIDATE = "candidates"


CALLS = {
    Kind.SEARCHER: "factory(space, *, seed, **settings)",
    Kind.TASK: "factory(protocol, data)",
    Kind.DATA: "factory(root, announce)",
    Kind.CANDIDATE: "factory(text)",
}


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registered name stands for.

    Attributes:
        target: ``module:attribute`` to load.
        summary: one line for listings; empty for outside packages.
        source: where the method comes from.
        inputs: of a data set: the kind of inputs that it holds, as protocols name it; empty for outside packages.
    """

    target: str
    summary: str = ""
    source: str = ""
    inputs: str = ""


BUILT_IN: dict[Kind, dict[str, Registered]] = {
    Kind.SEARCHER: {
        "random": Registered(
            "harness.searchers.random_search:RandomSearch",
            "uniform random search, the baseline every other searcher is measured against",
            "Bergstra and Bengio 2012",
        ),
        "random-plain": Registered(
            "harness.searchers.random_plain:RandomPlain",
            "random search that leaves out half of the unary functions, a preference that the learners have too",
            "ours",
        ),
        "exhaustive": Registered(
            "harness.searchers.exhaustive:Exhaustive",
            "every distinct function of a small space once, in a stable order",
            "ours, protocol §5",
        ),
        "rl": Registered(
            "harness.searchers.rl.agent:ReinforcementLearning",
            "an LSTM controller trained by policy gradients, the method of Neural Optimizer Search",
            "[NOS] §3.2, protocol §4",
        ),
        "gp": Registered(
            "harness.searchers.gp:GeneticProgramming",
            "typed expression trees under crossover and mutation",
            "Koza 1992; DEAP, Fortin et al. 2012",
        ),
        "evolution": Registered(
            "harness.searchers.evolution:RegularizedEvolution",
            "regularized evolution: mutates and crosses tournament winners; the oldest die first",
            "Real et al. 2019",
        ),
        "hill-climbing": Registered(
            "harness.searchers.hill_climbing:HillClimbing",
            "changes of one token of the best rule, with a fresh start where nothing improves it",
            "Mitchell et al. 1993",
        ),
        "tpe": Registered(
            "harness.searchers.tpe:TreeParzen",
            "tree-structured Parzen estimator over conditional categorical choices",
            "Bergstra et al. 2011; Optuna, Akiba et al. 2019",
        ),
        "rl+gp": Registered(
            "harness.searchers.rl_gp:ControllerSeededGP",
            "genetic programming seeded by the controller, which learns from its elites",
            "Mundhenk et al. 2021",
        ),
    },
    Kind.TASK: {
        "child": Registered(
            "harness.tasks.child.scoring:ChildTask", "the two-convolution child on images", "[NOS] §4.2, protocol §2"
        ),
        "toy-quadratic": Registered(
            "harness.tasks.toy:QuadraticTask", "noisy quadratics of mixed conditioning", "[L2L] §3.1"
        ),
        "toy-rosenbrock": Registered(
            "harness.tasks.toy:RosenbrockTask", "noisy Rosenbrock functions of two to ten dimensions", "protocol §5"
        ),
        "toy-classifier": Registered(
            "harness.tasks.toy:ClassifierTask", "a one-hidden-layer network on a generated data set", "this project"
        ),
        "table": Registered(
            "harness.tasks.table.lookup:TableTask",
            "outcomes of every function of a small space, trained beforehand and looked up",
            "protocol §5; Ying et al. 2019 did it for architectures",
        ),
        "rosenbrock": Registered(
            "harness.tasks.transfer.functions.rosenbrock:RosenbrockTask",
            "Rosenbrock's function of two variables, without noise",
            "[NOS] §5, protocol §7; Rosenbrock 1960",
        ),
        "convnet": Registered(
            "harness.tasks.transfer.images.convnet:ConvnetTask",
            "the child's network, trained for longer and on more images",
            "[NOS] §5, protocol §7",
        ),
        "wrn": Registered(
            "harness.tasks.transfer.images.wide_resnet:WideResnetTask",
            "a Wide ResNet on images, with flips and crops",
            "[NOS] §5, protocol §7; Zagoruyko and Komodakis 2016",
        ),
        "imagenet": Registered(
            "harness.tasks.transfer.images.nasnet:NasnetTask",
            "NASNet-A on pictures, cropped and mirrored at random",
            "[NOS] §5, protocol §7; Zoph et al. 2018",
        ),
        "lm": Registered(
            "harness.tasks.transfer.text.lm:LanguageTask",
            "a word-level language model: LSTM layers with tied weights and variational dropout",
            "protocol §7; Zaremba et al. 2014",
        ),
        "nmt": Registered(
            "harness.tasks.transfer.text.nmt:TranslationTask",
            "translation by GNMT, an LSTM encoder and decoder with attention",
            "[NOS] §5, protocol §7; Wu et al. 2016",
        ),
    },
    Kind.DATA: {
        "auto": Registered(
            "harness.tasks.data.auto:load",
            "the real data that the protocol's task reads, if it is found or can be downloaded, else the stand-in",
            "",
            "images",
        ),
        "cifar10": Registered(
            "harness.tasks.data.cifar10:load",
            "CIFAR-10, from torchvision or an image folder",
            "Krizhevsky 2009",
            "images",
        ),
        "synthetic": Registered(
            "harness.tasks.data.synthetic:load",
            "the generated stand-in with CIFAR-10's shapes: no download",
            "this project",
            "images",
        ),
        "synthetic-50k": Registered(
            "harness.tasks.data.synthetic:load_large",
            "the same stand-in with as many images as CIFAR-10, for workloads at the paper's size",
            "this project",
            "images",
        ),
        "imagenet": Registered(
            "harness.tasks.data.pictures.imagenet:load",
            "ImageNet, or pictures like it, from folders train/<class>/* and val/<class>/*",
            "Deng et al. 2009",
            "pictures",
        ),
        "synthetic-pictures": Registered(
            "harness.tasks.data.pictures.generated:load",
            "the stand-in for ImageNet: generated pictures of 96×96 pixels in ten classes",
            "this project",
            "pictures",
        ),
        "ptb": Registered(
            "harness.tasks.data.text.ptb:load",
            "Penn Treebank's text with 10,000 words, from ptb.{train,valid,test}.txt",
            "Marcus et al. 1993; Mikolov et al. 2010",
            "tokens",
        ),
        "synthetic-tokens": Registered(
            "harness.tasks.data.text.grammar:load",
            "the stand-in for Penn Treebank: text that a grammar generates",
            "this project",
            "tokens",
        ),
        "multi30k": Registered(
            "harness.tasks.data.text.parallel:multi30k",
            "Multi30k: captions of pictures in two languages, from two text files for each part",
            "Elliott et al. 2016",
            "pairs",
        ),
        "wmt14": Registered(
            "harness.tasks.data.text.parallel:wmt14",
            "WMT14: news in two languages, from two text files for each part",
            "Bojar et al. 2014",
            "pairs",
        ),
        "parallel": Registered(
            "harness.tasks.data.text.parallel:parallel",
            "any parallel text: train.<language>, val.<language> and test.<language> in two languages",
            "",
            "pairs",
        ),
        "synthetic-pairs": Registered(
            "harness.tasks.data.text.language_pair:load",
            "the stand-in for parallel text: two made-up languages",
            "this project",
            "pairs",
        ),
    },
    Kind.PROTOCOL: {
        "paper": Registered("harness.tasks.child.protocols:NAMED_PAPER"),
        "quick": Registered("harness.tasks.child.protocols:NAMED_QUICK"),
        "quick-halving": Registered("harness.tasks.child.protocols:NAMED_QUICK_HALVING"),
        "quick-bf16": Registered("harness.tasks.child.protocols:NAMED_QUICK_BF16"),
        "paper-bf16": Registered("harness.tasks.child.protocols:NAMED_PAPER_BF16"),
        "toy-quadratic": Registered("harness.tasks.toy.protocols:NAMED_TOY_QUADRATIC"),
        "toy-rosenbrock": Registered("harness.tasks.toy.protocols:NAMED_TOY_ROSENBROCK"),
        "toy-classifier": Registered("harness.tasks.toy.protocols:NAMED_TOY_CLASSIFIER"),
        "table-broad": Registered("harness.tasks.table.protocols:NAMED_TABLE_BROAD"),
        "table-signs": Registered("harness.tasks.table.protocols:NAMED_TABLE_SIGNS"),
        "table-adaptive": Registered("harness.tasks.table.protocols:NAMED_TABLE_ADAPTIVE"),
        "rosenbrock": Registered("harness.tasks.transfer.functions.protocols:NAMED_ROSENBROCK"),
        "convnet-300": Registered("harness.tasks.transfer.images.protocols:NAMED_CONVNET_300"),
        "convnet-300-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_CONVNET_300_MINI"),
        "wrn": Registered("harness.tasks.transfer.images.protocols:NAMED_WRN"),
        "wrn-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_WRN_MINI"),
        "imagenet": Registered("harness.tasks.transfer.images.protocols:NAMED_IMAGENET"),
        "imagenet-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_IMAGENET_MINI"),
        "lm": Registered("harness.tasks.transfer.text.protocols:NAMED_LM"),
        "lm-mini": Registered("harness.tasks.transfer.text.protocols:NAMED_LM_MINI"),
        "nmt": Registered("harness.tasks.transfer.text.protocols:NAMED_NMT"),
        "nmt-mini": Registered("harness.tasks.transfer.text.protocols:NAMED_NMT_MINI"),
    },
    Kind.CANDIDATE: {
        "torch": Registered(
            "harness.tasks.optimizer.torch_optimizers:torch_optimizer",
            "an optimizer of torch.optim, such as torch:AdamW(weight_decay=0.01), with the sweep's lr",
            "PyTorch",
        ),
        "nos": Registered(
            "harness.tasks.optimizer.signs:sign_optimizer",
            "PowerSign and AddSign with any constants and decays, such as nos:PowerSign(base=1.5, decay='rd', n=10)",
            "[NOS] §4.4, protocol §6",
        ),
    },
}

AUTO = "auto"  # the name for the real data if there is some, else the stand-in, of the kind that a task reads
AUTOMATIC = {
    "images": "harness.tasks.data.auto:load",
    "pictures": "harness.tasks.data.pictures.auto:load",
    "tokens": "harness.tasks.data.text.auto:tokens",
    "pairs": "harness.tasks.data.text.auto:pairs",
}
"""For each kind of inputs, what ``AUTO`` loads."""

STAND_INS = {
    "images": "synthetic",
    "pictures": "synthetic-pictures",
    "tokens": "synthetic-tokens",
    "pairs": "synthetic-pairs",
}
"""For each kind of inputs, the generated data set."""

_HERE: dict[Kind, dict[str, object]] = {kind: {} for kind in Kind}  # what ``register`` was given


def register(kind: str, name: str, found: object) -> None:
    """Give a name to a searcher, task, data set or protocol; within this process it works like any registered name.

    A package that others install uses entry points instead. Worker processes do not know the name: they import what it
    stands for, so with more than one worker a task or data set has to be defined in a module.

    Args:
        kind: ``searcher``, ``task``, ``data`` or ``protocol``.
        name: a name that is not taken; a name that was given here before may be given again, as in notebooks.
        found: a factory, as ``harness.contracts`` describes; or a protocol or data set itself.

    Raises:
        RegistryError: there is no such kind, the name is taken or malformed, or the object cannot be called.

    Example:
        >>> import harness
        >>> from harness.searchers.random_search import RandomSearch
        >>> class Doubtful(RandomSearch):
        ...     "Draws at random, two at a time."
        ...     batch = 2
        >>> harness.register("searcher", "doubtful", Doubtful)
        >>> board = harness.run("doubtful", protocol="toy-quadratic", children=3, seeds=1, progress=False)
        >>> board.rows[0].label
        'doubtful'
    """
    kinds = {each.value.removesuffix("s"): each for each in Kind}
    chosen = kinds[check_choice("kind", kind, kinds, error=RegistryError)]
    what = f"{kind} {name!r}"
    if not re.fullmatch(r"[\w.+-]+", name):
        hint = "Choose another name"
        raise RegistryError(message(what, expected="letters, digits, and - + . _", got=repr(name), hint=hint))
    if name not in _HERE[chosen] and name in entries(chosen):
        taken = entries(chosen)[name].target
        raise RegistryError(message(what, expected="a name that is free", got=taken, hint="Choose another name"))
    if chosen is Kind.DATA and hasattr(found, "fingerprint"):
        _HERE[chosen][name] = lambda _root, _announce: found
        return
    if chosen is Kind.PROTOCOL:
        as_protocol(name, found)
    elif not callable(found):
        got = type(found).__name__
        raise RegistryError(
            message(what, expected=f"{CALLS[chosen]} to call", got=got, hint="Name a class or function")
        )
    _HERE[chosen][name] = found


def entries(kind: Kind) -> dict[str, Registered]:
    """Return every registered name of a kind: ours, outside packages' in alphabetical order, then this process's.

    An outside package cannot replace a built-in name: a run recorded under ``random`` must mean ours.
    """
    found = dict(BUILT_IN[kind])
    outside = sorted(metadata.entry_points(group=f"harness.{kind.value}"), key=lambda point: point.name)
    for point in outside:
        found.setdefault(point.name, Registered(point.value, source=point.dist.name if point.dist else ""))
    for name, each in _HERE[kind].items():
        found.setdefault(name, Registered(_path(each), _first_line(each), "this process"))
    return found


def summary(kind: Kind, name: str) -> str:
    """Return the line that listings show: of an outside package's, the first line of the docstring, which loads it."""
    entry = entries(kind)[name]
    if entry.summary:
        return entry.summary
    try:
        return _first_line(load(kind, name)).rstrip(".")
    except RegistryError:  # a broken entry must not hide the others
        return f"cannot be loaded from {entry.target}"


def name_of(kind: Kind, found: object) -> str:
    """Return the name of an object: its registered name, else its ``module:attribute``.

    Raises:
        RegistryError: it has neither.
    """
    for name, each in _HERE[kind].items():
        if each is found:
            return name
    path = _path(found)
    for name, entry in entries(kind).items():
        if entry.target == path:
            return name
    if _importable(path, found):
        return path
    what = kind.value.removesuffix("s")
    hint = f'Name it first: harness.register("{what}", "my-name", …)'
    raise RegistryError(message(what, expected="a name, or an object defined in a module", got=repr(found), hint=hint))


def portable(kind: Kind, name: str) -> str:
    """Return a name that other processes know, too, for what a name stands for here.

    Raises:
        RegistryError: there is none.
    """
    if name not in _HERE[kind] and (":" in name or name in entries(kind)):
        return name
    found = _HERE[kind].get(name)
    path = _path(found)
    if path.startswith("__main__:") or not _importable(path, found):
        what, hint = f"{kind.value.removesuffix('s')} {name!r}", "Put it into a module, or train with one worker"
        got = "one that only this process knows"
        raise RegistryError(message(what, expected="one that worker processes can import", got=got, hint=hint))
    return path


def _path(found: object) -> str:
    """Return where an object says that it is defined."""
    named = found if hasattr(found, "__qualname__") else type(found)
    return f"{getattr(named, '__module__', '')}:{getattr(named, '__qualname__', '')}"


def _importable(path: str, found: object) -> bool:
    module, _, attribute = path.partition(":")
    return found is not None and getattr(sys.modules.get(module), attribute, None) is found


def _first_line(found: object) -> str:
    lines = (getattr(found, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""


def target(kind: Kind, name: str) -> str:
    """Return the ``module:attribute`` that a name stands for; such a text stands for itself, or is a former name.

    Raises:
        RegistryError: the name is not registered, and the message suggests the nearest; or it has two meanings.
    """
    if name in FORMER:
        return current(kind.value.removesuffix("s"), name)
    if ":" in name:
        return name
    known = entries(kind)
    check_choice(
        kind.value.removesuffix("s"),
        name,
        known,
        error=RegistryError,
        hint="Choose one of these, name your own as module:attribute, or install the package that registers it",
    )
    return known[name].target


def load(kind: Kind, name: str) -> Any:
    """Import what a registered name or a ``module:attribute`` stands for: a factory, or for a protocol the protocol.

    Raises:
        RegistryError: the name is unknown, its module or attribute cannot be loaded, or what it names cannot be called.
    """
    if name in _HERE[kind]:
        return _HERE[kind][name]
    path = target(kind, name)
    module_name, _, attribute = path.partition(":")
    what = f"{kind.value.removesuffix('s')} {name!r}"
    try:
        loaded = getattr(importlib.import_module(module_name), attribute)
    except Exception as cause:  # a module of other people may raise anything
        if not isinstance(cause, ImportError | AttributeError | ValueError | TypeError) and path.startswith("harness."):
            raise
        told, hint = raised(cause), "Check the spelling and that the package is installed"
        if "/" in module_name or module_name.endswith(".py"):
            hint = "Go to the file's folder and leave folder and .py out, as in hill:HillClimbing"
        elif " in " in told.partition(":")[0] or isinstance(cause, SyntaxError):
            hint = "Fix the module"
        got = told if path == name else f"{path} ({told})"
        raise RegistryError(message(what, expected="an importable module:attribute", got=got, hint=hint)) from cause
    if kind is not Kind.PROTOCOL and not callable(loaded):
        got = f"{path}, of type {type(loaded).__name__}"
        raise RegistryError(message(what, expected="a factory to call", got=got, hint="Name a class or function"))
    return loaded


def as_protocol(name: str, found: object) -> NamedProtocol:
    """Return the protocol that a name stands for, with what no score depends on.

    Raises:
        RegistryError: it is not a protocol, or has another name.
    """
    whole = NamedProtocol(found) if isinstance(found, TaskProtocol) else found
    what, hint = f"protocol {name!r}", "Name a TaskProtocol, or a NamedProtocol with one"
    if not isinstance(whole, NamedProtocol):
        raise RegistryError(message(what, expected="a protocol", got=type(found).__name__, hint=hint))
    if ":" not in name and whole.protocol.name != name:
        hint = "Register it under the name that it has"
        raise RegistryError(message(what, expected="its own name", got=repr(whole.protocol.name), hint=hint))
    return whole


def check_call(kind: Kind, name: str, factory: Callable[..., object], *arguments: object, **named: object) -> None:
    """Raise unless a loaded factory takes the arguments that the harness passes to its kind; nothing is called.

    Raises:
        RegistryError: it takes others, or has no readable signature.
    """
    try:
        inspect.signature(factory).bind(*arguments, **named)
    except (TypeError, ValueError) as cause:
        what = f"{kind.value.removesuffix('s')} {name!r}"
        hint = "Name a factory, or fix its signature"
        got = str(cause).removeprefix("got ")
        raise RegistryError(message(what, expected=f"{CALLS[kind]} to call", got=got, hint=hint)) from cause
