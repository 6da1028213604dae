"""A rule as the source code of an optimizer: a readable file that needs only PyTorch.

Its optimizer takes the same steps as ``harness.RuleOptimizer``, including random values: it draws them for all
parameters of a group at once, from streams that it seeds in the same way. On a processor the weights are the same bit
for bit in single and double precision. In half precision they differ in rounding, since torch's in-place
``_foreach_mul_`` rounds its number first, which no other product does. A random rule's weights may also differ if
tensors are not contiguous.
"""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from collections.abc import Sequence
from functools import cache

from harness.contracts import Rule
from harness.errors import SettingError, message
from harness.space.equivalence import canonical
from harness.space.expression import expression, live
from harness.space.notation import printer
from harness.space.torch_source.expression import Draw, TensorCode, tensor_code
from harness.space.words import WORDS
from harness.space.zoo import ZOO, named

FALLBACK_NAME = "FoundRule"  # for a rule that is not a known one
TAKEN = frozenset({"Optimizer", "hashlib", "math", "torch", "_fit", "_number", *dir(builtins)})
WIDTH = 108  # of a line of the docstring, without its indentation

MEANS = {"m": "the gradient", "v": "the squared gradient", "gamma": "the cubed gradient"}  # in the order of betas
BETAS = "0.9, 0.999, 0.999"
SETTINGS = {  # settings of every rule, after its own
    "weight_decay": ("0.0", "decoupled, as AdamW's: a step first multiplies the weights by 1 - lr * weight_decay."),
    "maximize": ("False", "climb instead of descend."),
}
UPDATES = {
    "m": ".add_(g, alpha=1.0 - beta_m)",
    "v": ".addcmul_(g, g, value=1.0 - beta_v)",
    "gamma": ".addcmul_(g * g, g, value=1.0 - beta_gamma)",
}

STEP = '''
@torch.no_grad()
def step(self, closure=None):
    """Take one step, and return the closure's loss if there is a closure."""
    loss = None
    if closure is not None:
        with torch.enable_grad():
            loss = closure()
    for group in self.param_groups:
        lr = float(group["lr"])
'''
DECAYS = {
    "ld": "ld = 1.0 - t / total",
    "cd": "cd = 0.5 * (1.0 + math.cos(math.pi * t / total))",
    "rd": 'rd = 0.5 * (1.0 + math.cos(math.pi * math.fmod(group["rd_periods"] * t, total) / total))',
}
PLAIN_LOOP = """
        for w in group["params"]:
            if w.grad is not None:
"""
RANDOM_LOOP = """
        alike = {{}}  # parameters of one device and type draw their random values together
        for w in group["params"]:
            if w.grad is not None:
                alike.setdefault((w.device, w.dtype{count}), []).append(w)
        for params in alike.values():
            for w, *draws in zip(params, *self._draw(params, group)):
"""
DECAY = """
                if group["weight_decay"]:
                    w.mul_(1.0 - lr * group["weight_decay"])
"""
UPDATE = """
                g = -w.grad if group["maximize"] else w.grad
                delta = self._delta(w, g, group{draws})
                if lr:
                    {add}
"""
CONSTANT_UPDATE = """
                if lr:
                    w.add_(-lr * {delta})
"""
RETURN = """
    return loss
"""
DRAW = '''
def _draw(self, params, group):
    """Random tensors for parameters of one device and type: vectors with an entry for each weight, cut up."""
    device = params[0].device
    sizes = [w.numel() for w in params]
    total = sum(sizes)
    generator = torch.Generator(device)
    streams = {w.device: state["stream"] for w, state in self.state.items() if "stream" in state}
    if device in streams and streams[device].shape == generator.get_state().shape:
        generator.set_state(streams[device].to("cpu", torch.uint8))  # where the random stream of the device stands
    else:
        place = sum(other.type == device.type for other in streams)  # in the order of first use
        stream = device.type if device.index is None else f"{device.type}:{place}"
        name = repr((int(group["seed"]), "rule", stream))
        generator.manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1)
'''
NOISE = (
    "noise = torch.empty(total, dtype=params[0].dtype, device=device)",
    'noise.normal_(0.0, group["noise_sigma"], generator=generator)',
)
ANNEAL = (
    't = min(self.state[params[0]].get("step", 0), group["total_steps"])  # steps taken before this one',
    "anneal = torch.empty(total, dtype=params[0].dtype, device=device)",
    "anneal.normal_(0.0, math.sqrt(1.0 / (1.0 + t) ** 0.55), generator=generator)",
)
MASK = (
    "{name} = torch.empty(total, dtype=torch.int32, device=device).random_(generator=generator) < {threshold}",
    "# drops an entry with probability {probability}",
)
KEEP = (
    "stream = generator.get_state().to(device)",
    "states = [self.state[w] for w in params]",
    "for state in [*states, *(state for w, state in self.state.items() if w.device == device)]:",
    '    state["stream"] = stream',
)
SHAPE = "[part.view(w.shape) for w, part in zip(params, {name}.split(sizes))],"
FIT = '''
def _fit(number, dtype):
    """The number as tensors of a type see it: infinite when too large, where torch would refuse it."""
    return number if abs(number) <= torch.finfo(dtype).max else math.copysign(math.inf, number)
'''
NUMBER = '''
def _number(function, *numbers):
    """A function of numbers in double precision, infinite or no number where Python would raise an error."""
    return function(*(torch.tensor(number, dtype=torch.float64, device="cpu") for number in numbers)).item()
'''


def optimizer_source(rule: Rule, *, name: str = "") -> str:
    """Return the text of a Python file with one class, a ``torch.optim.Optimizer`` that takes a rule's steps.

    Args:
        rule: the rule.
        name: name of the class; if empty, that of the known rule, or ``FoundRule``.

    Raises:
        SettingError: the name cannot be the name of a class.
    """
    name = _checked(name) if name else zoo_name(rule)
    node = canonical(rule)
    code = tensor_code(node)
    methods = [_constructor(code), _step(code)]
    if not code.constant:
        methods.append(_delta(code))
    if code.draws:
        methods.append(_draw(code.draws))
    lines = [f'"""{name}: an update rule as a PyTorch optimizer. It needs torch alone."""', "", *_imports(code), "", ""]
    if code.fitted:
        lines += [*FIT.strip().splitlines(), "", ""]
    if code.computed:
        lines += [*NUMBER.strip().splitlines(), "", ""]
    lines += [f"class {name}(Optimizer):", *_indented(_docstring(rule, code))]
    for method in methods:
        lines += ["", *_indented(method)]
    return "\n".join(lines) + "\n"


def zoo_name(rule: Rule) -> str:
    """Return the class name of a rule: ``PowersignClip`` for ``powersign-clip``; ``FoundRule`` for an unknown rule."""
    return _zoo_names().get(rule.key, FALLBACK_NAME)


@cache
def _zoo_names() -> dict[str, str]:
    """Return the class names of the known rules, by key."""
    return {named(entry).key: "".join(part.capitalize() for part in entry.split("-")) for entry in ZOO}


def _checked(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,79}", name) and not keyword.iskeyword(name) and name not in TAKEN:
        return name
    expected = "a Python name of letters, digits and _ that the file does not need itself"
    raise SettingError(message("class name", expected=expected, got=ascii(name), hint="Choose another --name"))


def _imports(code: TensorCode) -> list[str]:
    text = " ".join((*code.statements, code.delta))
    modules = ["hashlib"] if code.draws else []
    modules += ["math"] if code.fitted or "math." in text or {"cd", "rd", "anneal"} & {*code.timed} else []
    standard = [*(f"import {module}" for module in modules), ""] if modules else []
    return [*standard, "import torch", "from torch.optim import Optimizer"]


def _docstring(rule: Rule, code: TensorCode) -> list[str]:
    lines = ['r"""Step w ← w − lr · Δ for every parameter w, with Δ =', ""]
    lines += _indented(_wrapped(rule.infix))
    simplified = printer.formula(canonical(rule))
    if simplified != rule.infix:
        lines += ["", "which is computed in simplified form,", "", *_indented(_wrapped(simplified))]
    lines += ["", "In LaTeX:", "", *_indented(_wrapped(printer.latex(expression(rule))))]
    lines += ["", *_wrapped(_legend(code, rule)), "", "Args:"]
    arguments = {"params": "tensors or groups, as for every torch optimizer; a group may have its own settings."}
    arguments["lr"] = "the learning rate; at 0 a step leaves the weights as they are."
    if code.timed:
        arguments["total_steps"] = "T, the steps of the whole training."
    if "rd" in code.timed:
        arguments["rd_periods"] = "n, how many times rd falls from 1 to 0 in them."
    arguments["betas"] = _betas(code)
    if code.epsilon:
        arguments["eps"] = "added where a divisor or the argument of a logarithm could be 0."
    if any(draw.name == "noise" for draw in code.draws):
        arguments["noise_sigma"] = "standard deviation of the noise."
    if code.draws:
        arguments["seed"] = "root of the random stream, which torch's global generator has no part in."
    arguments |= {name: text for name, (_, text) in SETTINGS.items()}
    return [*lines, *(line for name, text in arguments.items() for line in _argument(name, text)), '"""']


def _argument(name: str, text: str) -> list[str]:
    first, *rest = textwrap.wrap(f"{name}: {text}", WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return [f"    {first}", *(f"        {line}" for line in rest)]


def _betas(code: TensorCode) -> str:
    read = [place for place, mean in zip(("first", "second", "third"), MEANS, strict=True) if mean in code.means]
    which = f"the {' and the '.join(read)}" if read else "none, but schedulers that cycle momentum look for them"
    return f"decays of the running means of the gradient, its square and its cube; this rule reads {which}."


def _legend(code: TensorCode, rule: Rule) -> str:
    words = ["g is the gradient"]
    words += [f"{mean} the running mean of {MEANS[mean]}, bias-corrected" for mean in code.means]
    used = {node.token for node in live(expression(rule)).walk()}
    words += dict.fromkeys(word.legend for word in WORDS if word.name in used and word.legend)
    return "; ".join(words) + "."


def _constructor(code: TensorCode) -> list[str]:
    settings = {"rd_periods": "1.0"} if "rd" in code.timed else {}
    settings["betas"] = f"({BETAS})"
    if code.epsilon:
        settings["eps"] = "1e-8"
    if any(draw.name == "noise" for draw in code.draws):
        settings["noise_sigma"] = "0.01"
    checks = {name: (f"{name} >= 0.0", "at least 0") for name in ("lr", *settings, "weight_decay") if name != "betas"}
    checks["betas"] = ("len(betas) == 3 and all(0.0 <= beta < 1.0 for beta in betas)", "three numbers in [0, 1)")
    if "rd" in code.timed:
        checks["rd_periods"] = ("rd_periods > 0.0", "a number above 0")
    if code.timed:
        checks["total_steps"] = ("total_steps >= 1", "at least 1")
    if code.draws:
        settings["seed"] = "0"
    settings |= {name: default for name, (default, _) in SETTINGS.items()}
    kept = ["total_steps", *settings] if code.timed else [*settings]
    lines = ["def __init__(", "    self,", "    params,", "    lr=1e-3,", "    *,"]
    lines += ["    total_steps,"] if code.timed else []
    lines += [*(f"    {name}={default}," for name, default in settings.items()), "):"]
    for name, (check, expected) in checks.items():
        test = f"({check})" if " and " in check else check
        lines += [f"    if not {test}:", f'        raise ValueError(f"{name}: expected {expected}, got {{{name}}}")']
    lines += ["    defaults = {", *(f'        "{name}": {name},' for name in ("lr", *kept)), "    }"]
    return [*lines, "    super().__init__(params, defaults)"]


def _step(code: TensorCode) -> list[str]:
    count = ', self.state[w].get("step", 0)' if code.timed else ""
    loop = RANDOM_LOOP.format(count=count) if code.draws else PLAIN_LOOP
    update = CONSTANT_UPDATE.format(delta=code.delta)
    if not code.constant:
        add = "w.add_(_fit(-lr * delta, w.dtype))" if code.moving else "w.add_(delta, alpha=-lr)"
        update = UPDATE.format(draws=", *draws" if code.draws else "", add=add)
    return [line for part in (STEP, loop, DECAY, update, RETURN) for line in part.strip("\n").splitlines()]


def _delta(code: TensorCode) -> list[str]:
    parameters = "".join(f", {draw.name}" for draw in code.draws)
    lines = [
        f"def _delta(self, w, g, group{parameters}):",
        '    """Δ for one parameter w with the gradient g."""',
        "    if g.is_sparse or g.is_complex():",
        '        raise RuntimeError("gradients: expected dense real tensors, got others")',
    ]
    body: list[str] = []
    counted = bool(code.corrected or code.timed)
    if code.means or counted:
        body += ["state = self.state[w]", f'if "{(*code.means, "step")[0]}" not in state:']
        body += ['    state["step"] = 0'] if counted else []
        body += [f'    state["{mean}"] = torch.zeros_like(w)' for mean in code.means]
        body += ['state["step"] += 1'] if counted else []
        body += ['step = state["step"]'] if code.corrected else []
    if set(DECAYS) & set(code.timed):
        body += ['total = group["total_steps"]', 't = min(state["step"] - 1, total)  # steps taken before this one']
        body += [DECAYS[name] for name in code.timed if name in DECAYS]
    body += [f'beta_{mean} = group["betas"][{place}]' for place, mean in enumerate(MEANS) if mean in code.means]
    body += ['eps = group["eps"]'] if code.epsilon else []
    body += [f'{mean} = state["{mean}"].mul_(beta_{mean}){UPDATES[mean]}' for mean in code.means]
    return [*lines, *_indented([*body, *code.statements, f"return {code.delta}"])]


def _draw(draws: Sequence[Draw]) -> list[str]:
    lines: list[str] = []
    for draw in draws:
        if draw.probability is None:
            lines += NOISE if draw.name == "noise" else ANNEAL
            continue
        threshold = round(draw.probability * 2**31)
        lines += [MASK[1].format(probability=draw.probability), MASK[0].format(name=draw.name, threshold=threshold)]
    lines += [*KEEP, "return ("]
    lines += [f"    {SHAPE.format(name=draw.name)}" for draw in draws]
    return [*DRAW.strip("\n").splitlines(), *_indented([*lines, ")"])]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
