"""Every word of the language, one record each (protocol §1, [NOS] §4.1): the only place that spells out a word.

``word.Word`` describes a record. The order is that in which the choices of a space are numbered, so new words always go
after the others of their kind.
"""

from __future__ import annotations

import math

from harness.space.elements import COMMA, DOT, MINUS, PLUS_EPSILON, applied, hat, identifier, modulus, raised, row, ten
from harness.space.node import Node, constant
from harness.space.word import ATOM, NEGATION, POWER, PRODUCT, SUM, Form, Word, X, Y

ARXIV2, DECAYS = "arxiv2", "decays"  # editions after the first
INFINITY = math.inf

G = Node("g")
SQUARE = Node("mul", (G, G))
CUBE = Node("mul", (SQUARE, G))
MEAN_M, MEAN_V, MEAN_GAMMA = Node("mean_m", (G,)), Node("mean_v", (G, G)), Node("mean_gamma", (SQUARE, G))
M_HAT, RMS = Node("unbias_m", (MEAN_M,)), Node("rms", (MEAN_V,))


def _weight(digit: int) -> Word:
    """Return the word for the weight times 10⁻ᵈⁱᵍⁱᵗ."""
    scale = float(f"1e-{digit}")
    return Word(
        name=f"1e-{digit}w",
        kind="operand",
        arithmetic=Node("mul", (Node("w"), constant(scale))),
        group="weights",
        latex=Form(rf"10^{{-{digit}}} w"),
        mathml=Form(ten(-digit) + identifier("w"), PRODUCT),
        pseudocode=Form(f"{scale:g} w".replace("0.0001", "1e-4")),
        legend="1e-3w is 0.001 times w, and so on",
        zero_where=("1e-1w",),
    )


def _clip(digit: int) -> Word:
    """Return the word that limits values to ±10⁻ᵈⁱᵍⁱᵗ."""
    limit = float(f"1e-{digit}")
    return Word(
        name=f"clip{digit}",
        kind="unary",
        arithmetic=Node("clamp", (X,), limit),
        group="clips",
        latex=Form(rf"\operatorname{{clip}}\left($x, 10^{{-{digit}}}\right)"),
        mathml=Form(applied("clip", f"$x{COMMA}{ten(-digit)}")),
        pseudocode=Form(f"limit $x to ±{limit:g}"),
        family="clip",
        level=f"1e-{digit}",
        legend="clip(x, l) limits x to [-l, l]",
        zero_where=("x",),
        parity="odd",
        finite=True,
        defined=True,
    )


def _drop(tenths: int) -> Word:
    """Return the word that sets so many tenths of the entries to 0 at random."""
    rate = tenths / 10
    return Word(
        name=f"drop{tenths}",
        kind="unary",
        arithmetic=Node("drop", (X,), rate),
        group="drops",
        latex=Form(rf"\operatorname{{drop}}\left($x, {rate}\right)"),
        mathml=Form(applied("drop", f"$x{COMMA}<mn>{rate}</mn>")),
        pseudocode=Form(f"$x with each entry set to 0 with probability {rate}"),
        family="drop",
        level=f"{rate}",
        legend="drop(x, p) sets an entry to 0 with probability p",
        zero_where=("x",),
        parity="odd",
        finite=True,
        defined=True,
    )


def _decay(name: str, written: str, legend: str) -> Word:
    """Return the word for a factor that falls while training goes on (protocol §6)."""
    return Word(
        name=name,
        kind="operand",
        arithmetic=Node(name),
        edition=DECAYS,
        latex=Form(rf"\mathrm{{{name}}}"),
        pseudocode=Form(written, SUM),
        legend=f"{name} is {legend}, with t steps taken of T, at most T",
        bounds=(0.0, 1.0),
    )


OPERANDS = (
    Word("g", "operand", G, group="gradients", zero_where=("g", "v")),
    Word(
        "g2",
        "operand",
        SQUARE,
        group="gradients",
        latex=Form("g^{2}"),
        mathml=Form(raised(identifier("g"), identifier("2"))),
        pseudocode=Form("g²"),
        spellings=("g²",),
        bounds=(0.0, INFINITY),
        zero_where=("g", "v"),
    ),
    Word(
        "g3",
        "operand",
        CUBE,
        group="gradients",
        latex=Form("g^{3}"),
        mathml=Form(raised(identifier("g"), identifier("3"))),
        pseudocode=Form("g³"),
        spellings=("g³",),
        zero_where=("g", "v"),
    ),
    Word(
        "m",
        "operand",
        M_HAT,
        group="means",
        latex=Form(r"\hat{m}"),
        mathml=Form(hat("m")),
        pseudocode=Form("m̂"),
        spellings=("m̂",),
        zero_where=("m", "v"),
    ),
    Word(
        "v",
        "operand",
        Node("unbias_v", (MEAN_V,)),
        group="means",
        latex=Form(r"\hat{v}"),
        mathml=Form(hat("v")),
        pseudocode=Form("v̂"),
        spellings=("v̂",),
        bounds=(0.0, INFINITY),
        zero_where=("v",),  # a mean of squares: where it is 0, every gradient so far was 0
    ),
    Word(
        "gamma",
        "operand",
        Node("unbias_gamma", (MEAN_GAMMA,)),
        group="means",
        latex=Form(r"\hat{\gamma}"),
        mathml=Form(hat("γ")),
        pseudocode=Form("γ̂"),
        spellings=("γ̂", "γ"),
        zero_where=("gamma", "v"),
    ),
    Word(
        "sign(g)",
        "operand",
        Node("sign", (G,)),
        group="signs",
        latex=Form(r"\operatorname{sign}(g)"),
        mathml=Form(applied("sign", identifier("g"))),
        bounds=(-1.0, 1.0),
        zero_where=("g", "v"),
        sign_of="g",
    ),
    Word(
        "sign(m)",
        "operand",
        Node("sign", (MEAN_M,)),
        group="signs",
        latex=Form(r"\operatorname{sign}(\hat{m})"),
        mathml=Form(applied("sign", hat("m"))),
        pseudocode=Form("sign(m̂)"),
        bounds=(-1.0, 1.0),
        zero_where=("m", "v"),
        sign_of="m",
    ),
    Word("1", "operand", constant(1.0), group="numbers"),
    Word("2", "operand", constant(2.0), edition=ARXIV2, group="numbers"),
    Word(
        "noise",
        "operand",
        Node("noise"),
        latex=Form(r"\mathrm{noise}"),
        pseudocode=Form("normal(0, 0.01)"),
        legend="noise is drawn afresh at every step",
    ),
    *(_weight(digit) for digit in (4, 3, 2, 1)),
    Word(
        "adam",
        "operand",
        Node("over", (M_HAT, RMS)),
        group="optimizers",
        latex=Form(r"\mathrm{ADAM}"),
        mathml=Form(identifier("ADAM")),
        pseudocode=Form("m̂ / (√v̂ + 1e-8)", PRODUCT),
        legend="adam is m / (sqrt(v) + eps)",
        zero_where=("m", "v"),
    ),
    Word(
        "rmsprop",
        "operand",
        Node("over", (G, RMS)),
        group="optimizers",
        latex=Form(r"\mathrm{RMSProp}"),
        mathml=Form(identifier("RMSProp")),
        pseudocode=Form("g / (√v̂ + 1e-8)", PRODUCT),
        legend="rmsprop is g / (sqrt(v) + eps)",
        zero_where=("g", "v"),
    ),
    _decay("ld", "1 − i/T", "1 - t/T"),
    _decay("cd", "(1 + cos(π · i/T)) / 2", "(1 + cos(pi * t/T)) / 2"),
    _decay("rd", "(1 + cos(π · (n·i mod T)/T)) / 2", "(1 + cos(pi * (n*t mod T)/T)) / 2"),
    Word(
        "anneal",
        "operand",
        Node("anneal"),
        edition=DECAYS,
        latex=Form(r"\mathrm{anneal}"),
        pseudocode=Form("normal with mean 0 and variance 1/(1 + i)^0.55"),
        legend="anneal is drawn afresh at every step, with the variance 1/(1 + t)^0.55 after t of T steps, at most T",
    ),
)

UNARY = (
    Word("id", "unary", X, parity="odd", finite=True, defined=True, zero_where=("x",)),
    Word(
        "neg",
        "unary",
        Node("neg", (X,)),
        infix=Form("-$x", NEGATION, (NEGATION, None)),
        latex=Form("-$x", NEGATION, (PRODUCT, None)),
        mathml=Form(f"{MINUS}$x", NEGATION, (PRODUCT, None)),
        pseudocode=Form("−$x"),
        label="-",
        zero_where=("x",),
        parity="odd",
        finite=True,
        defined=True,
    ),
    Word(
        "exp",
        "unary",
        Node("exp", (X,)),
        latex=Form("e^{$x}", POWER),
        mathml=Form(raised(identifier("e"), row("$x")), POWER),
        defined=True,
    ),
    Word(
        "log",
        "unary",
        Node("ln", (Node("plus_eps", (Node("abs", (X,)),)),)),
        latex=Form(r"\log\left(\left|$x\right| + \epsilon\right)"),
        mathml=Form(applied("log", modulus("$x") + PLUS_EPSILON)),
        pseudocode=Form("log(|$x| + 1e-8)"),
        legend="log(x) is log(|x| + eps)",
        parity="even",
        finite=True,
        defined=True,
    ),
    *(_clip(digit) for digit in (5, 4, 3)),
    *(_drop(tenths) for tenths in (1, 3, 5)),
    Word(
        "sign",
        "unary",
        Node("sign", (X,)),
        zero_where=("x",),
        parity="odd",
        finite=True,
        defined=True,
    ),
    Word(
        "sqrt",
        "unary",
        Node("root", (Node("abs", (X,)),)),
        edition=ARXIV2,
        latex=Form(r"\sqrt{\left|$x\right|}"),
        mathml=Form(f"<msqrt>{modulus('$x')}</msqrt>"),
        pseudocode=Form("√|$x|"),
        legend="sqrt(x) is sqrt(|x|)",
        zero_where=("x",),
        parity="even",
        finite=True,
        defined=True,
    ),
)

BINARY = (
    Word(
        "add",
        "binary",
        Node("add", (X, Y)),
        group="arithmetic",
        infix=Form("$x + $y", SUM, (SUM, PRODUCT)),
        latex=Form("$x + $y", SUM, (SUM, SUM)),
        mathml=Form("$x<mo>+</mo>$y", SUM, (SUM, SUM)),
        pseudocode=Form("$x + $y"),
        finite=True,
    ),
    Word(
        "sub",
        "binary",
        Node("sub", (X, Y)),
        group="arithmetic",
        infix=Form("$x - $y", SUM, (SUM, PRODUCT)),
        latex=Form("$x - $y", SUM, (SUM, PRODUCT)),
        mathml=Form(f"$x{MINUS}$y", SUM, (SUM, PRODUCT)),
        pseudocode=Form("$x − $y"),
        spellings=("−", "–"),
        finite=True,
    ),
    Word(
        "mul",
        "binary",
        Node("mul", (X, Y)),
        group="arithmetic",
        infix=Form("$x * $y", PRODUCT, (PRODUCT, NEGATION)),
        latex=Form(r"$x \cdot $y", PRODUCT, (PRODUCT, PRODUCT)),
        mathml=Form(f"$x{DOT}$y", PRODUCT, (PRODUCT, PRODUCT)),
        pseudocode=Form("$x · $y"),
        spellings=("·", "×"),
        zero_where=("x", "y"),
        finite=True,
    ),
    Word(
        "div",
        "binary",
        Node("over", (X, Node("plus_eps", (Y,)))),
        group="arithmetic",
        infix=Form("$x / $y", PRODUCT, (PRODUCT, NEGATION)),
        latex=Form(r"\frac{$x}{$y + \epsilon}"),
        mathml=Form(f"<mfrac>{row('$x')}{row('$y' + PLUS_EPSILON)}</mfrac>"),
        pseudocode=Form("$x / ($y + 1e-8)"),
        spellings=("÷",),
        legend="x / y is x / (y + eps)",
        zero_where=("x",),
        finite=True,
    ),
    Word(
        "left",
        "binary",
        X,
        latex=Form("$x"),
        mathml=Form("$x"),
        pseudocode=Form("$x"),
        infix=Form("$x"),
        label="left (keep the first)",
        zero_where=("x",),
        finite=True,
    ),
    Word(
        "pow",
        "binary",
        Node("mul", (Node("sign", (X,)), Node("raised", (Node("abs", (X,)), Y)))),
        edition=ARXIV2,
        infix=Form("$x ^ $y", POWER, (ATOM, NEGATION)),
        latex=Form(r"\operatorname{sign}\left($x\right) \left|$x\right|^{$y}", PRODUCT),
        mathml=Form(applied("sign", "$x") + DOT + raised(modulus("$x"), row("$y")), PRODUCT),
        pseudocode=Form("sign($x) · |$x|^$y", PRODUCT, (None, ATOM)),
        spellings=("**",),
        legend="x ^ y is |x|^y with the sign of x",
    ),
)

WORDS = (*OPERANDS, *UNARY, *BINARY)
