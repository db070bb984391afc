"""The language of statements: what formulas mean, and what is not part of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.kernel.examples import DOCUMENT, certificate, evaluator
from theorycheck import kernel
from theorycheck.kernel import Rejected

F = Fraction


def value_of(formula: str, *where: str) -> Any:
    return evaluator(DOCUMENT, where).evaluate(kernel.parse(formula), {})


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", F(13, 2)),
        ("-rho ** 3", F(-1, 8)),
        ("0 ** 0", 1),
        ("[1, 2] + [3, 4]", [4, 6]),
        ("[[1, 2], [3, 4]] - [[1, 1], [1, 1]]", [[0, 1], [2, 3]]),
        ("2 * [1, [2]]", [2, [4]]),
        ("[1, 2] / 2", [F(1, 2), 1]),
        ("-[1, 2]", [-1, -2]),
        ("[i * j for i in range(3) for j in range(i) if i + j > 1]", [0, 2]),
        ("[1 if i == 0 else 2 for i in (0, 1)]", [1, 2]),
        ("1 < 2 <= 2 != 3 > 2 >= 2 == 2", True),
        ("1 < 2 and not 2 < 1 or 1 == 0", True),
        ("1 == 0 and 2 == 2", False),
        ("[5, 6, 7][1]", 6),
        ("beta", [3, -1]),
        ("beta_4", 9),
        ("samples", (0, 1, 2)),
        ("outputs", (0,)),
        ("depth", 2),
        ("weights", [0, 2]),
        ("filters", []),
        ("biases", [1]),
        ("shifts", []),
        ("W[2]", [[3, -2]]),
        ("x[1][0]", 2),
        ("y[2]", [F(1, 2)]),
        ("[f(n, 0) for n in samples]", [7, 1, -8]),
        ("h(0)", [3, 1]),
        ("h(1)", [0, F(-1, 2)]),
        ("df(0, 0, 0)", [[3, 3], [-2, -2]]),
        ("df(1, 0, 0)", [[F(3, 2), F(-3, 4)], [-1, F(1, 2)]]),
        ("df(2, 0, 1)", [F(3, 4), -2]),
        ("df(2, 0, 2)", [[0, 4]]),
        ("grad(f(1, 0), 0)", [[F(3, 2), F(-3, 4)], [-1, F(1, 2)]]),
        ("grad(squared(W[2]) / 2 + 1 / 3, 2)", [[3, -2]]),
        ("grad(rho * beta[0], 1)", [0, 0]),
        ("grad(1 / W[2][0][0], 2)", [[F(-1, 9), 0]]),
        ("grad(root(W[2][0][0] + 1), 2)", [[F(1, 4), 0]]),
        ("grad(abs(W[2][0][1]) + largest(W[0]) + max([1, W[2][0][0]]), 2)", [[1, -1]]),
        ("grad(inner(W[2], df(0, 0, 2)), 0)", [[3, 3], [-2, -2]]),
        ("grad(inner([2, 1], grad(W[2][0][0] ** 2 * W[2][0][1], 2)[0]), 2)", [[-2, 12]]),
        ("grad(W[2][0][0] * grad(W[2][0][0] + W[0][0][0], 0)[0][0], 2)", [[1, 0]]),
        ("sum([grad(n * f(n, 0) + w, 2) for n in (0, 1) for w in W[2][0]])", [[0, -1]]),
        ("grad(f(0, 0) if f(0, 0) > 0 else 0, 2)", [[3, 1]]),
        ("grad(f(0, 0) if f(0, 0) < 0 else 0, 2)", [[0, 0]]),
        ("grad(network(replaced(W, 0, 2 * W[0]), [x[0]])[0][0], 0)", [[6, 6], [-4, -4]]),
        ("network(W, x)", [[7], [1], [-8]]),
        ("network(W, [3 * x[0]])", [[25]]),
        ("network([W[0], W[1], [[1, 1]]], (x[0], x[1]))", [[4], [F(-1, 2)]]),
        ("features(W, [x[1]])", [[0, F(-1, 2)]]),
        ("replaced(W, 1, [7, 8])[1]", [7, 8]),
        ("replaced([1, 2], 0, [3])", [[3], 2]),
        ("layer(2)", 2),
        ("source(2)", 1),
        ("slope(1)", F(1, 4)),
        ("slope(2)", 1),
        ("patches(0)", 1),
        ("chain()", True),
        ("smooth()", False),
        ("detached() or differentiated() or normalised() or normalised_layer(1)", False),
        ("inner([1, 2], [3, 4])", 11),
        ("squared([[1, 2], [3, 4]])", 30),
        ("outer([1, 2], [3, 4])", [[3, 4], [6, 8]]),
        ("outside([[1, 1]], [[1, 0]])", [[0, 1]]),
        ("[[1, 2], [3, 4]] @ [[0, 1], [2, 0]]", [[4, 1], [8, 3]]),
        ("[[1, 2], [3, 4]] @ [1, -1]", [-1, -1]),
        ("[1, -1] @ [[1, 2, 3], [3, 4, 5]]", [-2, -2, -2]),
        ("[1, 2] @ [3, 4]", 11),
        ("T([[1, 2, 3]])", [[1], [2], [3]]),
        ("trace([[1, 2], [3, 4]])", 5),
        ("solve([[0, 2], [3, 4]], [2, 10])", [2, 1]),
        ("solve([[1, 2], [3, 4]], [[1, 0], [0, 1]])", [[-2, 1], [F(3, 2), F(-1, 2)]]),
        ("grad(solve(W[0], [1, 0])[0], 0)", [[F(-1, 9), F(-1, 9)], [F(2, 9), F(2, 9)]]),
        ("zero([[0, 0]])", True),
        ("zero([0, 1])", False),
        ("largest([[1, -5], [2, 3]])", 5),
        ("root(9 / 4)", F(3, 2)),
        ("exp(1 - 1)", 1),
        ("log(rho * 2)", 0),
        ("log(2) < 25 / 36 < exp(-1) * 2 < 3 / 4", True),
        ("grad(exp(W[2][0][0] - 3) + log(W[2][0][0]), 2)", [[F(4, 3), 0]]),
        ("abs(-3)", 3),
        ("len([1, 2])", 2),
        ("range(1, 3)", (1, 2)),
        ("sum([])", 0),
        ("sum([[1, 2], [3, 4]])", [4, 6]),
        ("product([2, 3, rho])", 3),
        ("product([])", 1),
        ("max([1, 3, 2])", 3),
        ("min([2, 3, 1, 4])", 1),
        ("all([])", True),
        ("any([])", False),
        ("all([1 == 1, 1 == 0])", False),
        ("any([1 == 1, 1 == 0])", True),
        ("batches(2)", [(0, 1), (0, 2), (1, 2)]),
        ("batches(0)", [()]),
    ],
)  # fmt: skip
def test_formulas_have_the_values_that_one_expects(formula: str, expected: Any) -> None:
    found = value_of(formula)
    assert found == expected
    assert isinstance(found, bool) is isinstance(expected, bool)


def test_definitions_see_their_arguments_and_earlier_definitions() -> None:
    where = ["two = 2", "g(a) = a * two", "both(a, b) = g(a) + [g(b) for c in samples][0]"]
    assert value_of("both(1, 10)", *where) == 22
    assert value_of("[g(a) for a in [1, rho]]", *where) == [2, 1]


@pytest.mark.parametrize(
    "where",
    [
        ["g(a) = g(a)"],
        ["g(a) = 1 if a == 0 else g(a - 1)"],
        ["g(a) = later(a)", "later(a) = a"],
        ["g(a) = b", "v = [g(0) for b in samples]"],
        ["g = 1", "g = 2"],
        ["g(a) = 1", "g = 2"],
        ["f = 1"],
        ["f(n) = 1"],
        ["rank(a) = 0"],
        ["samples = 1"],
        ["W(k) = 1"],
        ["rho = 3"],
        ["beta(k) = 3"],
        ["g(a, a) = a"],
        ["g(W) = W", "v = g(1)"],
        ["g(rank) = 1", "v = g(1)"],
        ["g(a) = 1", "v = g(1, 2)"],
        ["g(a) = 1", "v = g()"],
        ["g(a) = 1", "v = g"],
        ["v = self"],
        ["v = memory"],
        ["trace(n) = 1", "v = trace"],
        ["1 = 1"],
        ["g() = 1"],
        ["g(a)=1"],
        ["g(a) = "],
        ["g(a) = a = a"],
        [3],
        [None],
    ],
)
def test_definitions_that_are_not_sound_are_rejected(where: list[Any]) -> None:
    with pytest.raises(Rejected):
        kernel.check(certificate(where=where))


def test_derivatives_follow_definitions_and_leave_no_trace() -> None:
    where = ["norm = squared(W[2])", "g(n) = f(n, 0) * norm", "twice = grad(norm, 2)"]
    found = evaluator(DOCUMENT, [*where, "other(k) = grad(norm + f(0, 0), k)"])
    for formula, expected in (
        ("grad(g(0), 2)", [[3 * 13 + 42, 13 - 28]]),
        ("g(0)", 7 * 13),
        ("twice", [[6, -4]]),
        ("grad(inner(twice, twice), 2)", [[24, -16]]),
        ("other(2)", [[9, -3]]),
        ("[other(2), grad(norm, 2)]", [[[9, -3]], [[6, -4]]]),
        ("norm + f(0, 0)", 20),
    ):
        assert found.evaluate(kernel.parse(formula), {}) == expected
    with pytest.raises(Rejected, match="division by zero"):
        found.evaluate(kernel.parse("grad(1 / (norm - 13), 2)"), {})
    assert found.evaluate(kernel.parse("W[2]"), {}) == [[3, -2]]


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("grad(abs(W[1][0]), 1)", "absolute value at 0"),
        ("grad(abs(0 * W[2][0][0]), 2)", "absolute value at 0"),
        ("grad(root(W[1][0]), 1)", "a root at 0"),
        ("grad(frobenius(0 * W[2]), 2)", "a root at 0"),
        ("grad(max([W[2][0][0], 3]), 2)", "greatest or least number that two are"),
        ("grad(min([3, W[2][0][0], 7]), 2)", "greatest or least number that two are"),
        ("grad(largest([3, W[2][0][0]]), 2)", "greatest or least number that two are"),
        ("grad(solve(0 * W[0], [1, 0])[0], 0)", "singular"),
        ("[[1, 2]] @ [[1, 2]]", "cannot be evaluated"),
        ("[1, 2] @ [1]", "cannot be evaluated"),
        ("2 @ [1]", "neither a vector nor a matrix"),
        ("[] @ []", "neither a vector nor a matrix"),
        ("[[[1]]] @ [[1]]", "is none"),
        ("samples @ samples", "neither a vector nor a matrix"),
        ("T([1, 2])", "cannot be evaluated"),
        ("T([[1, 2], [3]])", "not a matrix"),
        ("trace([[1, 2]])", "not square"),
        ("solve([[1, 2]], [1])", "not square"),
        ("solve([[1, 2], [2, 4]], [1, 1])", "singular"),
        ("solve([[1, 2], [3, 4]], [1])", "cannot be evaluated"),
        ("solve([[1]], [])", "cannot be evaluated"),
        ("grad(rank(W[0]), 0)", "a rank or of singular values"),
        ("grad(spectral(W[0]), 0)", "a rank or of singular values"),
        ("grad(nuclear_beyond(W[0], 1), 0)", "a rank or of singular values"),
        ("grad(squared(outside(W[0], [0 * W[2][0]])), 2)", "a division by zero"),
        ("grad(W[2], 2)", "is none"),
        ("grad(f(0, 0) > 1, 2)", "is none"),
        ("grad(x[W[1][0]][0], 1)", "not whole"),
        ("grad(W[2][0][0] ** W[1][1], 1)", "not part of the language"),
        ("grad(f(0, 0), 3)", "out of range"),
        ("grad(f(0, 0))", "cannot be evaluated"),
        ("network(W, [])", "no inputs"),
        ("network(W, [[1]])", "not the shape"),
        ("network(W, [1, 2])", "not the shape"),
        ("network(replaced(W, 0, W[2]), x)", "not the shape"),
        ("network(replaced(W, 0, [[1, 2], [3]]), x)", "not the shape"),
        ("network([W[0]], x)", "another number of parameters"),
        ("network(W[0], x)", "another number of parameters"),
        ("network(0, x)", "cannot be evaluated"),
        ("replaced(W, 3, 1)", "out of range"),
        ("replaced(1, 0, 1)", "no entry of a list"),
    ],
)
def test_what_cannot_be_differentiated_or_does_not_fit_says_so(formula: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        kernel.check(certificate(where=[f"v = {formula}"]))


def test_memory_is_not_poisoned_by_names_or_by_equal_values() -> None:
    """Definitions named like the kernel's own memory, and True, 1 and a ratio that is 1."""
    where = ["moved(n) = 5", "squares(n) = 6", "df_(n) = 7", "g(a) = 1 if a == 1 else 2"]
    found = evaluator(DOCUMENT, [*where, "r(a) = [moved(0), squares(0), df_(0), f(a, 0)]"])
    assert found.evaluate(kernel.parse("r(0) + r(0)"), {}) == [10, 12, 14, 14]
    assert found.evaluate(kernel.parse("df(0, 0, 2)"), {}) == [[3, 1]]
    assert found.evaluate(kernel.parse("nuclear([[2]]) + squares(1)"), {}) == 8
    assert found.evaluate(kernel.parse("g(1) + g(2 / 2) + g(2)"), {}) == 4
    with pytest.raises(Rejected, match="is none"):
        found.evaluate(kernel.parse("g(1 == 1)"), {})


@pytest.mark.parametrize(
    "formula",
    [
        "True + 1", "1 + (1 == 1)", "not 1", "1 and 1 == 1", "1 if 1 else 2", "all([1])",
        "any([0])",
        "[1 for i in samples if 1]", "W[1 == 0]", "f(0 == 1, 0)", "range(1 == 1)", "root(1 == 1)",
        "rank([[1 == 1]])", "inner([1 == 1], [1])", "2 ** (1 == 1)", "slope(1 == 1)", "True == 1",
        "zero([1 == 0])", "abs(1 == 0)", "sum([1 == 1, 1])", "outer([1 == 1], [1])",
    ],
)  # fmt: skip
def test_truth_is_no_number_and_a_number_is_no_truth(formula: str) -> None:
    with pytest.raises(Rejected, match=r"is none|neither true nor false"):
        value_of(formula)


WITHOUT_VALUE = [
    "f(-1, 0)", "f(3, 0)", "f(0, -1)", "f(0, 1)", "f(0, 0, [])", "f(0, 0, [1])",
    "f(0, 0, [0, 3])",
    "h(-1)", "df(0, 0, -1)", "df(0, 0, 3)", "df(0, 1, 0)", "slope(0)", "slope(-1)", "slope(3)",
    "layer(-1)", "source(1)", "patches(1)", "normalised_layer(0)", "W[-1]", "x[3]", "x[1 / 2]",
    "batches(-1)", "batches(4)", "nuclear_beyond(W[0], -1)", "smooth([])", "max([])", "1 / 0",
    "root(-1)", "2 ** -1", "2 ** 5", "2 ** rho", "2 ** (4 / 2)", "[1] + [1, 2]", "[1] * [2]",
    "log(0)", "log(-1)", "log([1])", "exp(10001)", "exp(1 == 1)",
    "[1] + 1", "[1] == [1]", "(1,) + (2,)", "samples * 2", "sum(3)", "len(3)", "range(0, 9, 0)",
    "inner([1], [1, 2])", "inner((1,), 1000000000)", "outer([(1, 2)], [1000000000])",
    "y[0][0][0]", "unknown", "unknown(1)", "f", "f(0)", "root(root)", "gamma_1",
]  # fmt: skip


@pytest.mark.parametrize("formula", WITHOUT_VALUE)
def test_what_has_no_value_is_rejected(formula: str) -> None:
    with pytest.raises(Rejected):
        kernel.check(certificate(where=[f"v = {formula}"]))


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')", "().__class__", "f.__globals__", "W.pop()", "lambda: 0", "(a := 1)",
        "f'{1}'", "'a'", "b'a'", "1.5", "1e3", "1j", "None", "...", "{1: 2}", "{1}",
        "{i for i in W}",
        "sum(i for i in samples)", "[*samples]", "f(*samples)", "f(n=0, c=0)", "W[0:1]", "1 // 2",
        "3 % 2", "1 << 9", "1 in samples", "1 is 1", "+1", "~1", "1 @ 1", "1 # 2", "1\n", "1;2",
        "x\\\n", "[i async for i in samples]", "[1 for W in samples]", "[1 for f in samples]",
        "[1 for (i, j) in samples]", "[1 for i in 3]", "await 1", "yield", "exec(1)", "eval(1)",
        "open(1)", "getattr(1, 2)", "\u0066\u200b(0, 0)", "\uff46(0, 0)", "\u0441 + 1",
        "\u0661 + 1", "\ud800", "1 = 1", "import os", "", " ", "(",
        "-" * 500 + "1", "(" * 300 + "1" + ")" * 300,
        "[" * 60 + "]" * 60, "1" * 2001, "not " * 100 + "1 == 1", "()" * 100, "1if 1else 1",
    ],
)  # fmt: skip
def test_what_is_not_part_of_the_language_is_rejected(formula: str) -> None:
    for document in (
        certificate(where=[f"v = {formula}"]),
        certificate(given=[formula]),
        certificate(forall=[f"v in {formula}"], at={"v": 0}),
        certificate(f"{formula} <= 1"),
    ):
        with pytest.raises(Rejected) as caught:
            kernel.check(document)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("formula", ["1 +", "(", "1 1", "for"])
def test_what_is_no_expression_is_no_formula(formula: str) -> None:
    with pytest.raises(Rejected, match="not a formula"):
        kernel.parse(formula)


@pytest.mark.parametrize("definition", ["f", "f(1) = 2", "1 = 2", "= 2", None, ["f = 1"]])
def test_what_is_no_definition_says_so(definition: Any) -> None:
    with pytest.raises(Rejected, match="not a definition"):
        evaluator(DOCUMENT).define(definition)


@pytest.mark.parametrize("values", ["3", "rho", "1 < 2"])
def test_loops_are_over_lists(values: str) -> None:
    with pytest.raises(Rejected, match="a loop that is not over a list"):
        value_of(f"[i for i in {values}]")


@pytest.mark.parametrize("formula", ["rho[0]", "3[0]", "(1 < 2)[0]"])
def test_only_lists_have_entries(formula: str) -> None:
    with pytest.raises(Rejected, match="a subscript of what is not a list"):
        value_of(formula)


def test_there_are_not_too_many_batches() -> None:
    """Of 9 of 18 samples there are 48,620, which are lists of 9: too many; of 4 there are 3,060."""
    case = {**DOCUMENT, "inputs": [DOCUMENT["inputs"][0] * 6], "targets": None}
    assert len(evaluator(case).evaluate(kernel.parse("batches(4)"), {})) == 3060
    with pytest.raises(Rejected, match="too many batches"):
        evaluator(case).evaluate(kernel.parse("batches(9)"), {})


@pytest.mark.parametrize(("loops", "allowed"), [(20, True), (45, False)])
def test_loops_stand_within_one_another(loops: int, allowed: bool) -> None:
    """As deeply as everything may, which is 40."""
    formula = f"[1 {' '.join(f'for i{k} in [0]' for k in range(loops))}]"
    if allowed:
        assert value_of(formula) == [1]
    else:
        with pytest.raises(Rejected, match="deep"):
            value_of(formula)
