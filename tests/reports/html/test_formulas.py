"""Formulas become MathML; what is no LaTeX stays text, and no formula brings markup of its own."""

from __future__ import annotations

import re
from pathlib import Path
from unicodedata import normalize
from xml.etree import ElementTree

import pytest

from theorycheck.pytest_plugin.collecting import collect_claims
from theorycheck.reports.html.formulas import ELEMENTS, formula

PROPERTIES = Path(__file__).parents[3] / "properties"


def tree(text: str) -> ElementTree.Element:
    """The element that a formula becomes, which therefore is well-formed."""
    return ElementTree.fromstring(text)


def words(text: str) -> str:
    return "".join(tree(text).itertext())


def test_every_printed_formula_of_every_claim_is_rendered() -> None:
    claims = collect_claims([str(PROPERTIES)]).values()
    assert claims
    raw = {claim.id for claim in claims if "<code>" in formula(claim.statement)}
    assert raw == set()
    left = {claim.id: words(formula(claim.statement)) for claim in claims}
    assert {claim for claim, text in left.items() if re.search(r"\\|[\^_]\w|\$", text)} == set()


def test_no_number_of_a_printed_formula_is_lost() -> None:
    """As those were that a converter took for a comment, which begins with a per cent sign."""

    def digits(text: str) -> list[str]:
        return sorted(re.findall(r"\d", normalize("NFKC", text)))

    claims = collect_claims([str(PROPERTIES)]).values()
    told = {claim.statement: words(formula(claim.statement)) for claim in claims}
    assert [latex for latex, shown in told.items() if digits(latex) != digits(shown)] == []


def test_a_formula_is_mathml() -> None:
    root = tree(formula(r"\frac{a}{b} \le \sum_{i=1}^n x_i^2"))
    assert root.get("class") == "formula"
    assert {part.tag for part in root.iter()} - ELEMENTS == {"span", "wbr"}
    assert [part.tag for part in root.iter("mfrac")] == ["mfrac"]
    assert words(str(formula(r"\frac{a}{b} \le 1"))) == "ab≤1"


def test_a_formula_can_end_a_line_before_operators_but_not_within_brackets() -> None:
    parts = [p for p in formula(r"a = (b + c) - d").split("<wbr/>") if p]
    assert [words(part) for part in (f"<p>{re.sub('</?span.*?>', '', p)}</p>" for p in parts)] == [
        "a", "=(b+c)", "−d",
    ]  # fmt: skip


@pytest.mark.parametrize("brackets", [r"\big({}\big)_n^2", r"({})^\top"])
def test_a_bracket_with_a_script_ends_what_it_encloses(brackets: str) -> None:
    assert formula(brackets.format("a + b") + " = c").count("<wbr/>") == 1


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\mathcal L", "ℒ"),
        (r"\mathcal X", "𝒳"),
        (r"\mathcal{X}", "𝒳"),
        (r"\mathbb E", "𝔼"),
        (r"\mathbb R", "ℝ"),
        (r"\mathbb{1}", "𝟙"),
        (r"\mathbf{1}", "𝟏"),
        (r"\mathfrak C", "ℭ"),
        (r"\boldsymbol{\rho}", "𝝆"),
    ],
)
def test_letters_of_other_kinds_are_characters_of_their_own(latex: str, shown: str) -> None:
    """Chromium would not see them in the attribute, as Firefox does."""
    assert words(formula(latex)) == shown
    assert "mathvariant" not in formula(latex)


@pytest.mark.parametrize("latex", [r"a \| b \|", r"a |b|", r"1, \dots, n", r"a \cdots b"])
def test_bars_and_dots_have_no_space_of_their_own(latex: str) -> None:
    """Where one stands within a row, browsers differ in what they take it for."""
    found = [m for m in tree(formula(latex)).iter("mo") if (m.text or "") in "|‖…⋯"]
    assert found
    assert {(m.get("lspace"), m.get("rspace")) for m in found} == {("0", "0")}


@pytest.mark.parametrize("accent", ["bar", "overline", "hat", "tilde", "widetilde", "dot", "vec"])
def test_an_accent_is_named_as_one(accent: str) -> None:
    """Firefox takes it for one by what it is, and will not for long; Chromium does not."""
    [over] = tree(formula(rf"\{accent}{{x}}")).iter("mover")
    assert over.get("accent") == "true"
    assert "true" not in over[1].attrib.values()


def test_a_bar_is_as_wide_as_what_it_is_over_or_under() -> None:
    assert words(formula(r"\overline{a + b}")) == "a+b¯"
    assert words(formula(r"\underline{a + b}")) == "a+b_"


def test_a_sign_after_a_relation_is_no_operator() -> None:
    signs = [m for m in tree(formula("a = -b")).iter("mo") if m.text == "−"]
    assert [sign.get("form") for sign in signs] == ["prefix"]


@pytest.mark.parametrize(
    ("latex", "before"),
    [
        (r"\frac{1}{2} \min_x y", "0.17em"),
        (r"\lambda \log x", "0.17em"),
        (r"\min_x y", "0"),
        (r"a = \max_x y", "0"),
        (r"(\log x)", "0"),
    ],
)
def test_a_function_keeps_its_distance_from_a_factor(latex: str, before: str) -> None:
    [function] = [m for m in tree(formula(latex)).iter("mo") if (m.text or "").isalpha()]
    assert (function.get("lspace"), function.get("rspace")) == (before, "0.17em")


def test_an_operator_between_words_keeps_its_space() -> None:
    [found] = tree(formula(r"\text{this} \implies \text{that}")).iter("math")
    assert [(m.tag, m.get("form")) for m in found] == [("mo", "infix"), ("mspace", None)]


def test_quotes_of_tex_are_quotes() -> None:
    assert words(formula(r"\text{``short'' intervals}")) == "“short” intervals"


def test_text_is_set_as_text() -> None:
    assert formula(r"\text{we expect -- at } \lambda").startswith(
        '<span class="formula">we expect – at <wbr/><math'
    )


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\Big\langle a \Big\rangle", "⟨a⟩"),
        (r"\arg\min_c x", "argmincx"),
        (r"x \implies y", "x⟹y"),
        (r"x := y", "x≔y"),
        (r"20\%, 40\% \text{ and 80\%}", "20%,40% and 80%"),
        (r"\#S \text{ is \#1}", "#S is #1"),
    ],
)
def test_commands_that_the_converter_lacks(latex: str, shown: str) -> None:
    assert words(formula(latex)) == shown


@pytest.mark.parametrize(
    "latex", ["", r"\frac{1", r"x \nosuch y", r"\left( x", "x_1_2", r"\frac{a}", "^", "}{", "&"]
)
def test_what_is_no_latex_is_shown_as_it_was_written(latex: str) -> None:
    text = formula(latex)
    assert text.startswith(("<code>", "<span"))
    if text.startswith("<code>"):
        assert tree(text).text == (latex or None)
    tree(text)


def test_the_usual_mistakes_are_shown_as_they_were_written() -> None:
    for latex in ("", r"\frac{1", r"x \nosuch y", r"\left( x"):
        assert formula(latex).startswith("<code>"), latex


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{</math><img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(http://x)}{x}",
        r"\class{a\"onclick=\"b}{x}",
        r"\mathrm{<b>}",
        r"<script>",
        r"\color{red\"><script>}{x}",
        r"\hspace{1em\" onclick=\"x}",
    ],
)
def test_no_formula_brings_markup(latex: str) -> None:
    for part in tree(formula(latex)).iter():
        assert part.tag in {*ELEMENTS, "span", "wbr", "code"}
        assert not set(part.attrib) & {"href", "style", "src"}
        assert not any(name.startswith("on") for name in part.attrib)
        assert part.tag == "span" or part.get("class") is None


@pytest.mark.parametrize("bar", ["|", r"\|"])
def test_a_large_bar_grows(bar: str) -> None:
    """Within a row, browsers take one for what does not."""
    bars = tree(formula(rf"a \Big{bar} b \Big{bar}")).iter("mo")
    assert [(m.get("stretchy"), m.get("minsize")) for m in bars] == [("true", "1.7em")] * 2


def test_a_large_bracket_with_a_script_is_no_operator_of_its_own() -> None:
    """So that Chromium sets it in its size, and the script beside it."""
    found = formula(r"\Big(\frac{a}{b}\Big)^2 + (c)^2")
    large = 'maxsize="1.7em" form="postfix">)</mo><mspace width="0"></mspace></mrow><mn>2</mn>'
    assert large in found
    assert found.count("<mspace") == 1


def test_a_large_brace_is_large() -> None:
    large = [m for m in tree(formula(r"\Big\{ a \Big\}_{i=1}^m")).iter("mo") if m.get("minsize")]
    assert [m.text for m in large] == ["{", "}"]


@pytest.mark.parametrize("latex", [r"\log(2)", r"\max\Big(a\Big)", r"\frac{\log(2)}{\Pr[x]}"])
def test_nothing_is_between_a_function_and_its_bracket(latex: str) -> None:
    functions = [m for m in tree(formula(latex)).iter("mo") if (m.text or "").isalpha()]
    assert functions
    assert {m.get("rspace") for m in functions} == {"0"}


def test_a_colon_is_followed_by_space() -> None:
    [colon] = [m for m in tree(formula(r"\forall n : x_n")).iter("mo") if m.text == ":"]
    assert (colon.get("lspace"), colon.get("rspace")) == ("0", "0.28em")


@pytest.mark.parametrize("sign", [":", ","])
def test_a_sign_after_words_stays_with_them(sign: str) -> None:
    assert formula(rf"\text{{as printed}}{sign} x").startswith(
        f'<span class="formula">as printed{sign} <wbr/><math>'
    )
