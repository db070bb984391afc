"""Kinds of values: what no case gives a value is told where it is written.

Random formulas, right and wrong, are the oracle: what is refused has no value in the kernel, and
what is not refused has the same value in the kernel and in the exact reader, or in neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import hypothesis
import numpy as np
import pytest
from flint import fmpq
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import precision
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.kinds import KINDS, NAMED, require_kinds
from theorycheck.statements.numbers import Open
from theorycheck.statements.syntax import Formula, Statement
from theorycheck.statements.trials import NO_VALUE
from theorycheck.statements.vocabulary import FUNCTIONS, NAMES

WRONG = {
    "x[0] == x[1]": "column 1: what is compared is a number, and this is a list of numbers",
    "y[0][0] == W": "column 12: what is compared is a number, and this is a list of arrays",
    "smooth() == 1": "column 1: what is compared is a number, and this is true or false",
    "h(0) <= 1": "column 1: what is compared is a number, and this is a list of numbers",
    "x[0] * x[1] == 0": "column 1: this combines a list of numbers and a list of numbers; use"
    " `inner(a, b)` or `a @ b`",
    "inner(x[0] + 1, x[1]) == 0": "column 7: this combines a list of numbers and a number",
    "trace(1 / x) == 0": "column 7: this combines a number and a list of lists",
    "f(0, 0) @ 2 == 1": "column 1: this combines a number and a number",
    "samples + outputs == 1": "column 1: what is calculated with is a number, vector or matrix, and"
    " this is a range or batch",
    "f(0, 0)[1] == 1": "column 1: what has a subscript is a list, and this is a number",
    "x[samples][0] == 1": "column 3: a subscript is a number, and this is a range or batch",
    "sum([n for n in depth]) == 1": "column 17: what is looped over is a list, and this is a"
    " number",
    "sum(depth) == 1": "column 5: argument 1 of sum is a list, and this is a number",
    "root(x[0]) == 1": "column 6: argument 1 of root is a number, and this is a list of numbers",
    "rank(x[0]) == 1": "column 6: argument 1 of rank is a list of lists, and this is a list of"
    " numbers",
    "len([n for n in samples if depth]) == 1": "column 28: a condition is true or false, and this"
    " is a number",
    "(1 if depth else 2) == 1": "column 7: a condition is true or false, and this is a number",
    "sum([1 for n in samples if all(x[0])]) == 1": "column 32: argument 1 of all is a list of"
    " truths, and this is a list of numbers",
    "f(0, 0, 1) == 1": "column 9: argument 3 of f is a list of numbers, and this is a number",
    "f(0, smooth()) == 1": "column 6: argument 2 of f is a number, and this is true or false",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_of_the_wrong_kind_is_said_where_it_stands(text: str) -> None:
    with pytest.raises(InputError) as caught:
        require_kinds(Statement.of(text))
    assert f"in `{text}`, {WRONG[text]}" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"given": ["depth"]}, "in `depth`, column 1: a condition is true or false"),
        ({"forall": ["n in depth"]}, "in `depth`, column 1: a range is a list"),
        (
            {"forall": ["n in samples"], "given": ["n[0] == 1"]},
            "in `n[0] == 1`, column 1: what",
        ),
        ({"where": ["a = x[0] > 1"]}, "in `x[0] > 1`, column 1: what is compared is a number"),
        ({"where": ["a(n) = x[n]", "b = a(0) == 1"]}, "in `a(0) == 1`, column 1: what"),
        # Of what is called the kind depends on what it is called with.
        ({"where": ["a(v) = v == 1", "b = a(x)"]}, "in `v == 1`, column 1: what is compared"),
    ],
)
def test_so_it_is_in_hypotheses_ranges_and_definitions(changes: Any, wrong: str) -> None:
    with pytest.raises(InputError) as caught:
        require_kinds(Statement.of("1 == 1", **changes))
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "W[0] == 1",  # A network may have a parameter that is a number.
        "W[0][0] == df(0, 0, 1)",
        "sum(W)[0][0] == sum(x)[0]",
        "(x[0] if smooth() else 2 * x[1])[0] == solve(W[0], x[0])[0] + solve(W[0], W[1])[0][0]",
        "replaced(x, 0, y[0])[0][0] == replaced(W, 0, 2 * W[0])[0][0][0]",
        "beta[0] == beta",  # Of a number of the case it is not known whether there are several.
        "rank([x[0], x[1]]) <= len(batches(2)) + max(range(3)) + len([])",
    ],
)
def test_what_may_have_a_value_is_let_pass(text: str) -> None:
    require_kinds(Statement.of(text, numbers=("beta",)))


def test_a_claim_is_refused_when_it_is_declared() -> None:
    with pytest.raises(InputError, match="what is compared is a number, and this is a list"):
        tc.Formal("x[0] == x[1]")


def test_every_word_and_name_has_kinds() -> None:
    assert set(NAMED) == set(NAMES)
    for word in FUNCTIONS.values():
        assert {*word.takes} <= {*KINDS}
        assert word.gives in {*KINDS, "first", "second", "entry"}


CASE = Case.single(
    mlp([2, 2, 1]),
    [[[1, 2], [3, 1]], [[1, -1]]],
    [[1, 0], [2, 1], [0, 1]],
    [[1], [2], [-1]],
    numbers={"rho": Fraction(1, 2)},
)
ATOMS = (
    *("0", "1", "2", "depth", "rho", "f(0, 0)", "y[0][0]", "W[0][1][1]"),
    *("x[0]", "y[0]", "weights", "W[0]", "W[1]", "x", "df(0, 0, 1)", "W", "samples", "outputs"),
)
"""Numbers, then lists, of which none is empty: what stands in a loop is read."""
LOOSE = {"max", "min", "product"}
"""Of one list alone the kernel gives that list: it compares and multiplies nothing."""
OTHERS = {"grad", "range", "batches", "exp", "log"}
"""Those that random arguments hardly suit, and those whose values are not rational."""


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3, names: tuple[str, ...] = ()) -> str:
    """Formulas that make sense or not. None is read in part only, as what `and` joins is."""

    def inner(*more: str) -> str:
        return draw(formulas(depth - 1, (*names, *more)))

    form = draw(st.integers(0, 8)) if depth else 0
    match form:
        case 0:
            return draw(st.sampled_from((*ATOMS, *names, *names)))
        case 1:
            return f"({inner()} {draw(st.sampled_from(['+', '-', '*', '/', '@']))} {inner()})"
        case 2:
            return f"({inner()} {draw(st.sampled_from(['==', '!=', '<=', '<']))} {inner()})"
        case 3:
            return f"({inner()} ** {draw(st.integers(0, 3))})"
        case 4:
            return draw(st.sampled_from(["(-{})", "(not {})"])).format(inner())
        case 5:
            return f"{inner()}[{draw(st.sampled_from(['0', '1', *names]))}]"
        case 6:
            return f"[{inner()}, {inner()}]"
        case 7:
            new = draw(st.sampled_from([name for name in "nmijk" if name not in names]))
            return f"[{inner(new)} for {new} in {inner()}]"
    word = draw(st.sampled_from(sorted({*FUNCTIONS} - LOOSE - OTHERS)))
    count = draw(st.integers(FUNCTIONS[word].least, FUNCTIONS[word].most))
    return f"{word}({', '.join(inner() for _ in range(count))})"


def value_of(read: Callable[[], Any], without: tuple[type[Exception], ...]) -> Any:
    """A value as nested tuples of numbers and truths; None where there is none."""
    try:
        return plain(read())
    except without:
        return None


def plain(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(map(plain, value))
    if isinstance(value, int | bool | Fraction):
        return value
    return Fraction(int(value.p), int(value.q)) if isinstance(value, fmpq) else "irrational"


def by_kernel(text: str) -> Any:
    evaluator = kernel.Evaluator(kernel.Example(CASE.to_dict()), [], 256)
    found = evaluator.evaluate(kernel.parse(text), {})
    return [*found] if isinstance(found, zip) else found


def by_reader(text: str) -> Any:
    with precision(256):
        return Evaluator(CASE, 0, []).value(Formula.of(text).tree, {})


def test_what_is_refused_has_no_value_and_what_is_not_has_one_meaning() -> None:
    seen: Counter[tuple[bool, bool]] = Counter()

    @hypothesis.settings(max_examples=1500, derandomize=True, database=None, deadline=None)
    @hypothesis.given(formulas())
    def check(text: str) -> None:
        try:
            require_kinds(Statement.of("1 == 1", where=[f"q = {text}"], numbers=("rho",)))
            refused = False
        except InputError:
            refused = True
        its = value_of(lambda: by_kernel(text), (kernel.Rejected, kernel.Undecided, *kernel.MISUSE))
        seen[refused, its is None] += 1
        if refused:
            assert its is None
        else:
            ours = value_of(lambda: by_reader(text), (Open, *NO_VALUE))
            assert (ours is None) == (its is None)
            assert ours == its or "irrational" in repr((ours, its))

    check()
    # Not idle: formulas that are refused, that have a value, and that only this case gives none.
    assert not seen[True, False]
    assert min(seen[True, True], seen[False, False], seen[False, True]) > 50
