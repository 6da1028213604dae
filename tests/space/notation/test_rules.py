import pytest

from harness.contracts import Block, Rule
from harness.errors import RuleSyntaxError
from harness.space.notation import rules as notation

SIGNS = r"e^{\operatorname{sign}(g) \cdot \operatorname{sign}(\hat{m})}"
SIGN_BLOCK = "sign(g) sign(m) id id mul"

# [NOS] Table 1 in its order: formula, token string, LaTeX.
TABLE_1 = [
    ("g", "g 1 id id left", "g"),
    ("m", "m 1 id id left", r"\hat{m}"),
    ("adam", "adam 1 id id left", r"\mathrm{ADAM}"),
    ("rmsprop", "rmsprop 1 id id left", r"\mathrm{RMSProp}"),
    (
        "(exp(sign(g) * sign(m)) + clip(g, 1e-4)) * g",
        f"{SIGN_BLOCK} #1 g exp clip4 add #2 g id id mul",
        rf"\left({SIGNS} + \operatorname{{clip}}\left(g, 10^{{-4}}\right)\right) \cdot g",
    ),
    (
        "clip(m, 1e-4) * exp(v)",
        "m v clip4 exp mul",
        r"\operatorname{clip}\left(\hat{m}, 10^{-4}\right) \cdot e^{\hat{v}}",
    ),
    ("m * exp(v)", "m v id exp mul", r"\hat{m} \cdot e^{\hat{v}}"),
    ("g * exp(sign(g) * sign(m))", f"{SIGN_BLOCK} g #1 id exp mul", rf"g \cdot {SIGNS}"),
    (
        "drop(g, 0.3) * exp(sign(g) * sign(m))",
        f"{SIGN_BLOCK} g #1 drop3 exp mul",
        rf"\operatorname{{drop}}\left(g, 0.3\right) \cdot {SIGNS}",
    ),
    ("m * exp(g2)", "m g2 id exp mul", r"\hat{m} \cdot e^{g^{2}}"),
    (
        "drop(m, 0.1) / exp(g2)",
        "m g2 drop1 exp div",
        r"\frac{\operatorname{drop}\left(\hat{m}, 0.1\right)}{e^{g^{2}} + \epsilon}",
    ),
    (
        "drop(g, 0.1) * exp(sign(g) * sign(m))",
        f"{SIGN_BLOCK} g #1 drop1 exp mul",
        rf"\operatorname{{drop}}\left(g, 0.1\right) \cdot {SIGNS}",
    ),
    (
        "clip(rmsprop, 1e-5) + drop(m, 0.3)",
        "rmsprop m clip5 drop3 add",
        r"\operatorname{clip}\left(\mathrm{RMSProp}, 10^{-5}\right) + \operatorname{drop}\left(\hat{m}, 0.3\right)",
    ),
    ("adam * exp(sign(g) * sign(m))", f"{SIGN_BLOCK} adam #1 id exp mul", rf"\mathrm{{ADAM}} \cdot {SIGNS}"),
    ("adam * exp(-m)", "m 1 neg id left adam #1 id exp mul", r"\mathrm{ADAM} \cdot e^{-\hat{m}}"),
    ("g + drop(m, 0.3)", "g m id drop3 add", r"g + \operatorname{drop}\left(\hat{m}, 0.3\right)"),
    ("drop(m, 0.1) * exp(g3)", "m g3 drop1 exp mul", r"\operatorname{drop}\left(\hat{m}, 0.1\right) \cdot e^{g^{3}}"),
    ("g * clip(g2, 1e-4)", "g g2 id clip4 mul", r"g \cdot \operatorname{clip}\left(g^{2}, 10^{-4}\right)"),
    ("exp(g) - exp(-m)", "m 1 neg id left g #1 exp exp sub", r"e^{g} - e^{-\hat{m}}"),
    (
        "drop(m, 0.3) * exp(1e-3w)",
        "m 1e-3w drop3 exp mul",
        r"\operatorname{drop}\left(\hat{m}, 0.3\right) \cdot e^{10^{-3} w}",
    ),
]


@pytest.mark.parametrize(("formula", "tokens", "latex"), TABLE_1)
def test_table_1_in_every_notation(formula: str, tokens: str, latex: str) -> None:
    rule = notation.parse(formula)
    assert notation.tokens(rule) == str(rule) == tokens
    assert notation.infix(rule) == formula
    assert notation.latex(rule) == latex
    assert notation.parse(tokens) == rule
    assert notation.parse(rule.infix) == rule


def test_the_drawing_of_a_rule() -> None:
    assert notation.tree(notation.parse("(exp(sign(g) * sign(m)) + clip(g, 1e-4)) * drop(-v, 0.3)")).splitlines() == [
        "*",
        "├── +",
        "│   ├── exp",
        "│   │   └── *",
        "│   │       ├── sign(g)",
        "│   │       └── sign(m)",
        "│   └── clip 1e-4",
        "│       └── g",
        "└── drop 0.3",
        "    └── left (keep the first)",
        "        ├── -",
        "        │   └── v",
        "        └── +",
        "            ├── exp",
        "            │   └── *",
        "            │       ├── sign(g)",
        "            │       └── sign(m)",
        "            └── clip 1e-4",
        "                └── g",
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("g*m+v", "(g * m) + v"),
        ("g-m-v", "(g - m) - v"),
        ("g/m/v", "(g / m) / v"),
        ("g-m*v/gamma", "g - ((m * v) / gamma)"),
        ("-g^m", "-(g^m)"),
        ("-g*m", "(-g) * m"),
        ("g^m^v", "g^(m^v)"),
        ("g^-m^v", "g^(-(m^v))"),
        ("g - -m", "g - (-m)"),
        ("g*-m", "g * (-m)"),
        ("--g", "-(-g)"),
        ("log|g| * sqrt|m|", "log(g) * sqrt(m)"),
        ("log|log|g||", "log(log(g))"),
        ("1e-3 * w", "1e-3w"),
        ("0.001w", "1e-3w"),
        ("1E-3w", "1e-3w"),
        (".1*w", "1e-1w"),
        ("1.0 * g", "1 * g"),
        ("e^(g*m)", "exp(g*m)"),
        ("e^-g", "exp(-g)"),
        ("clip(g, 0.0001)", "clip(g, 1e-4)"),
        ("clip5(g) + drop3(m)", "clip(g, 1e-5) + drop(m, 0.3)"),
        ("neg(g)", "-g"),
        ("sign( m )", "sign(m)"),
        ("g² · m̂ − γ̂ × v̂ ÷ g³", "g2 * m - gamma * v / g3"),
        ("g**m", "g^m"),
        ("((g))", "g"),
        ("g\n*\tm", "g * m"),
    ],
)
def test_precedence_and_other_spellings(written: str, read: str) -> None:
    assert notation.parse(written) == notation.parse(read)


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("(g + m) + v", "g + m + v"),
        ("g + (m + v)", "g + (m + v)"),
        ("g - (m - v)", "g - (m - v)"),
        ("(g * m) / v", "g * m / v"),
        ("g * (m / v)", "g * (m / v)"),
        ("(-g) * m", "-g * m"),
        ("-(g * m)", "-(g * m)"),
        ("(-g) ^ m", "(-g) ^ m"),
        ("-(g ^ m)", "-g ^ m"),
        ("(g ^ m) ^ v", "(g ^ m) ^ v"),
        ("g ^ (m ^ v)", "g ^ m ^ v"),
        ("g ^ (-m)", "g ^ -m"),
        ("g ^ (m * v)", "g ^ (m * v)"),
        ("exp((g + m))", "exp(g + m)"),
    ],
)
def test_no_more_parentheses_than_it_takes(formula: str, shown: str) -> None:
    rule = notation.parse(formula)
    assert notation.infix(rule) == shown
    assert notation.parse(shown) == rule


def test_an_infix_formula_leaves_out_what_keep_left_drops() -> None:
    rule = Rule.parse("g m exp sign left #1 v id neg mul")
    assert rule.infix == "exp(g) * -v"
    assert Rule.parse(rule.infix).key == rule.key
    assert notation.parse("left(exp(g), m)").infix == "exp(g)"


def test_a_sub_expression_is_one_block_however_often_it_is_written() -> None:
    assert len(notation.parse("g * m + exp(g * m) + sign(g * m)").blocks) == 3


def test_an_operand_alone_is_kept_left_of_another_one() -> None:
    assert notation.parse("1").blocks == (Block("1", "g", "id", "id", "left"),)
    assert notation.parse("exp(-g)").blocks == (
        Block("g", "1", "neg", "id", "left"),
        Block("#1", "1", "exp", "id", "left"),
    )


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("g - (m - v)", r"g - \left(\hat{m} - \hat{v}\right)"),
        ("g * (m + v)", r"g \cdot \left(\hat{m} + \hat{v}\right)"),
        ("g * -m", r"g \cdot \left(-\hat{m}\right)"),
        ("-(g + m)", r"-\left(g + \hat{m}\right)"),
        ("g / (m - v)", r"\frac{g}{\hat{m} - \hat{v} + \epsilon}"),
        ("log(g) * sqrt(m)", r"\log\left(\left|g\right| + \epsilon\right) \cdot \sqrt{\left|\hat{m}\right|}"),
        ("g ^ m", r"\operatorname{sign}\left(g\right) \left|g\right|^{\hat{m}}"),
        ("sign(v) * noise", r"\operatorname{sign}\left(\hat{v}\right) \cdot \mathrm{noise}"),
    ],
)
def test_latex_brackets_and_functions(formula: str, latex: str) -> None:
    assert notation.latex(notation.parse(formula)) == latex


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an empty text"),
        ("   ", "an empty text"),
        ("g *", "column 4: expected an operand or a function, got the end of the formula"),
        ("g * * m", r"column 5: expected an operand or a function, got '\*'"),
        ("g m", "column 4: expected five names per block, got 2 names"),
        ("(g", r"column 3: expected '\)', got the end of the formula"),
        ("g)", r"column 2: expected an operator or the end, got '\)'"),
        ("sing(g)", "column 1: .* Did you mean 'sign'"),
        ("adm * g", "column 1: .* Did you mean 'adam'"),
        ("3 * g", "column 1: expected an operand, got 3. The only numbers are 1 and 2"),
        ("w * g", "column 1: .* Write 1e-4w, 1e-3w, 1e-2w, 1e-1w"),
        ("0.5w", "column 1: expected one of 1e-4w"),
        ("clip(g, 1e-2)", "column 9: expected one of 1e-5, 1e-4, 1e-3, got '1e-2'"),
        ("clip(g)", "column 7: expected ',' and the level of clip"),
        ("drop(g, )", "column 9: expected one of 0.1, 0.3, 0.5"),
        ("exp g * m", r"column 5: expected '\(' after exp, got 'g'"),
        ("g / (m + eps)", "column 10: .* x / y already means x/"),
        ("#1 * g", "column 1: .* Only token strings have earlier results"),
        ("g & m", "column 3: expected an operand, a function, an operator or a parenthesis, got '&'"),
        ("g m id id mull", "column 11: expected the binary of block 1, got 'mull'. Did you mean 'mul'"),
        ("g #1 id id mul", "column 3: expected the operand of block 1, got '#1'"),
        ("g m id id mul g #2 id id mul", "column 17: expected the operand of block 2, got '#2'"),
        ("g m id id mul g", "column 16: expected five names per block, got 6 names"),
        ("g" * 10_001, "at most 10000 characters"),
        ("(" * 200 + "g" + ")" * 200, "at most 100 levels"),
        ("-" * 5_000 + "g", "at most 100 levels"),
        ("+".join(["g"] * 2_000), "at most 32 blocks"),
        ("+".join(["g", "m"] * 20), "at most 32 blocks"),
        ("exp(" * 40 + "g" + ")" * 40, "at most 32 blocks"),
        (" ".join(["g m id id mul"] * 33), "at most 32 blocks"),
        ("g m id id mul " + " ".join(f"#{n} #{n} id id mul" for n in range(1, 20)), "at most 2000 operations"),
    ],
)
def test_what_is_not_a_rule_is_one_line_that_says_where(text: str, problem: str) -> None:
    with pytest.raises(RuleSyntaxError, match=problem) as caught:
        notation.parse(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_only_a_text_can_be_parsed() -> None:
    with pytest.raises(RuleSyntaxError, match="expected a text, got int"):
        notation.parse(3)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("g - -m", "g - (-m)"),
        ("--g", "-(-g)"),
        ("--g * m", "-(-g) * m"),
        ("-(-g ^ m)", "-(-g ^ m)"),
        ("g - (-m) * v", "g - (-m * v)"),
        ("g - (-m) * (v - -v)", "g - (-m * (v - (-v)))"),
        ("g ^ -m - -(-v)", "g ^ -m - (-(-v))"),
        ("drop(g - -1e-3w, 0.3)", "drop(g - (-1e-3w), 0.3)"),
        ("exp(g - -m) + v", "exp(g - (-m)) + v"),
        ("g - m * -v", "g - m * -v"),
    ],
)
def test_a_minus_behind_a_minus_is_read_in_brackets(written: str, read: str) -> None:
    rule = Rule.parse(written)
    assert notation.readable(rule) == read
    assert Rule.parse(read) == Rule.parse(rule.infix)
