"""The trusted kernel against independent oracles: rationals, balls, torch, flint, and by hand.

The random networks have weights in quarters up to 1, slopes in quarters and integer inputs up to 3.
Every value and derivative in networks as small as these is then a multiple of 2**-14 below 2**8, so
float64 computes them without rounding and ``==`` is legitimate against torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb, fmpq, fmpq_mat, fmpq_poly, fmpq_series
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import arithmetic, kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.kernel import Dual, Enclosure, Evaluator, Example, Number, Rejected, Undecided
from theorycheck.networks.evaluation import sample_gradients
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)

torch.set_num_threads(1)

CERTIFICATES = sorted((Path(__file__).parents[1] / "reports/certificates").glob("*.json"))
KERNEL = Path(kernel.__file__)
BITS = 64
F = Fraction

OVERLAPPING = Convolution(channels=2, height=2, width=3, filters=2, kernel=(2, 2))
STRIDED = Convolution(channels=1, height=1, width=4, filters=2, kernel=(1, 2), stride=2)
PLAIN = [
    mlp([3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 2], output_slope=0.0),
    mlp([2, 2, 2, 1], LINEAR),
    mlp([2, 3, 1], -0.5),
    Network(
        2,
        (
            Layer(3, (Edge(0),)),
            Layer(3, (Edge(0), Edge(1, Identity()), Edge(1)), bias=True),
            Layer(2, (Edge(2), Edge(0)), LINEAR),
        ),
    ),
    Network(12, (Layer(4, (Edge(0, OVERLAPPING),)), Layer(2, (Edge(1),), LINEAR))),
    Network(4, (Layer(4, (Edge(0, STRIDED), Edge(0, Identity())), 0.5), Layer(1, (Edge(1),)))),
]
NORMALISED = [
    mlp([2, 2, 1], normalisation="batch"),
    mlp([2, 2, 1], normalisation="batch-detached"),
    mlp([2, 2, 2, 1], 0.25, normalisation="batch", bias=True),
    Network(
        2,
        (
            Layer(2, (Edge(0),), normalisation="batch-detached"),
            Layer(2, (Edge(1), Edge(0)), normalisation="batch"),
            Layer(1, (Edge(2), Edge(1)), LINEAR),
        ),
    ),
]


def draw(network: Network, samples: int, seed: int) -> Case:
    generator = np.random.default_rng(seed)
    parameters = [generator.integers(-4, 5, (1, *p.shape)) / 4.0 for p in network.parameters]
    inputs = generator.integers(-3, 4, (1, samples, network.input_width)) * 1.0
    return Case(network, tuple(parameters), inputs)


def evaluator(document: dict[str, Any], where: Sequence[str] = (), bits: int = BITS) -> Evaluator:
    return Evaluator(Example(document), where, bits)


def fractions(array: Any) -> Any:
    return arithmetic.to_fractions(array).tolist()


# --- Networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("network", PLAIN, ids=str)
def test_values_and_derivatives_are_those_of_exact_rationals_and_of_torch(
    network: Network, seed: int
) -> None:
    case = draw(network, 3, seed)
    if seed == 0:
        # Every unit whose bias, if any, is 0 is at its kink.
        case = Case(network, case.parameters, 0 * case.inputs)
    found = evaluator(case.to_dict())
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    values = [fractions(v) for v in arithmetic.vertices(network, parameters, inputs)]
    autograd = sample_gradients(network, *case.tensors())
    for n in range(3):
        assert found.feature(n) == values[-2][n]
        for c in range(network.output_width):
            assert found.output(n, c) == values[-1][n][c]
            for k in range(len(parameters)):
                expected = arithmetic.jacobian(network, parameters, inputs, k)[n, c]
                derivative = found.derivative(n, c, k)
                assert derivative == fractions(expected)
                assert (
                    derivative
                    == arithmetic.to_fractions(arithmetic.rationals(autograd[k][0, n, c])).tolist()
                )
    assert found.is_smooth() is not arithmetic.has_kink(network, parameters, inputs)


def encloses(found: Number, ball: arb) -> bool:
    """Whether a number of the kernel may be what a much smaller ball encloses."""
    low, high = (arb(fmpq(end.numerator, end.denominator)) for end in kernel.ends(found))
    return not (ball < low or ball > high)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("network", NORMALISED, ids=str)
def test_normalised_networks_are_enclosed(network: Network, seed: int) -> None:
    case = draw(network, 5, seed + 100)
    found = evaluator(case.to_dict())
    with arithmetic.precision(300):
        parameters = [arithmetic.balls(p[0]) for p in case.parameters]
        for batch in ((0, 1, 2, 3, 4), (0, 2, 4), (3, 1, 0)):
            inputs = arithmetic.balls(case.inputs[0][list(batch)])
            try:
                values = arithmetic.vertices(network, parameters, inputs)[-1]
            except InputError:
                with pytest.raises((Rejected, Undecided)):
                    found.output(batch[0], 0, batch)
                continue
            for position, n in enumerate(batch):
                assert encloses(found.output(n, 0, batch), values[position, 0])
                for k in range(len(parameters)):
                    expected = arithmetic.jacobian(network, parameters, inputs, k)[position, 0]
                    derivative = found.flat(found.derivative(n, 0, k, batch))
                    for mine, its in zip(derivative, np.ravel(expected), strict=True):
                        assert encloses(mine, its)


def test_some_normalised_network_is_irrational_and_differentiable() -> None:
    """Otherwise the test above would show nothing about enclosures."""
    irrational = 0
    for network in NORMALISED:
        found = evaluator(draw(network, 5, 101).to_dict())
        for k in range(len(network.parameters)):
            numbers = found.flat(found.derivative(0, 0, k))
            irrational += sum(isinstance(number, Enclosure) for number in numbers)
    assert irrational > 10


def test_batch_of_a_network_without_normalisation_does_not_matter() -> None:
    found = evaluator(draw(mlp([2, 3, 1]), 4, 1).to_dict())
    assert found.output(2, 0, (2,)) == found.output(2, 0) == found.output(2, 0, [1, 2])


# --- Matrices ------------------------------------------------------------------------------------

small = st.integers(-3, 3)
rationals = st.builds(F, small, st.sampled_from([1, 1, 2, 3]))


def matrices(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    def of(shape: tuple[int, int]) -> st.SearchStrategy[list[list[Any]]]:
        row = st.lists(entries, min_size=shape[1], max_size=shape[1])
        return st.lists(row, min_size=shape[0], max_size=shape[0])

    # Copies of rows, so that ranks are not always full and eigenvalues repeat.
    plain = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(of)
    return plain | plain.map(lambda rows: [*rows, *rows[:1]])


def flint_matrix(rows: list[list[Any]]) -> fmpq_mat:
    return fmpq_mat([[fmpq(F(e).numerator, F(e).denominator) for e in row] for row in rows])


def budget() -> Example:
    return Example(draw(mlp([1, 1]), 1, 0).to_dict())


@given(matrices(rationals))
def test_rank_is_that_of_flint(rows: list[list[Fraction]]) -> None:
    assert kernel.rank(rows, budget()) == flint_matrix(rows).rank()


def changes_of_sign(polynomial: fmpq_poly) -> int:
    signs = [c > 0 for c in polynomial.coeffs() if c != 0]
    return sum(a != b for a, b in pairwise(signs))


def roots_above(polynomial: fmpq_poly, bound: Fraction) -> int:
    """With multiplicity, for a polynomial all of whose roots are real (Descartes' rule)."""
    return changes_of_sign(polynomial(fmpq_poly([fmpq(bound.numerator, bound.denominator), 1])))


@given(matrices(small))
def test_signature_counts_the_signs_of_the_roots_of_the_characteristic_polynomial(
    rows: list[list[int]],
) -> None:
    size = min(len(rows), len(rows[0]))
    symmetric = [[rows[i][j] + rows[j][i] for j in range(size)] for i in range(size)]
    polynomial = flint_matrix(symmetric).charpoly()
    above = roots_above(polynomial, F(0))
    zeros = next(i for i, c in enumerate(polynomial.coeffs()) if c != 0)
    assert kernel.signature(symmetric, budget()) == (above, size - zeros - above)


@given(matrices(rationals))
@settings(max_examples=60)
def test_squared_singular_values_are_the_roots_of_the_characteristic_polynomial(
    rows: list[list[Fraction]],
) -> None:
    document = draw(mlp([1, 1]), 1, 0).to_dict()
    found = evaluator(document).squares(rows)
    matrix = flint_matrix(rows)
    gram = matrix * matrix.transpose()
    if len(rows) > len(rows[0]):
        gram = matrix.transpose() * matrix
    polynomial = gram.charpoly()
    assert len(found) == polynomial.degree()
    for index, square in enumerate(found):
        low, high = kernel.ends(square)
        # Bisection leaves 2**-BITS, and rounding moves each end by at most 2**(1 - BITS).
        assert high - low <= 5 * high / 2**BITS
        assert roots_above(polynomial, high) <= index
        if low == high:
            below = low - F(1, 10**9)
            assert polynomial(fmpq(low.numerator, low.denominator)) == 0
            assert roots_above(polynomial, below) > index
        else:
            assert roots_above(polynomial, low) > index
            assert all(p == 0 or not _is_root(polynomial, p) for p in (low, high))


def _is_root(polynomial: fmpq_poly, point: Fraction) -> bool:
    return bool(polynomial(fmpq(point.numerator, point.denominator)) == 0)


TURN = [[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]]
OTHER = [[F(5, 13), F(12, 13)], [F(-12, 13), F(5, 13)]]


def turned(first: Any, second: Any) -> list[list[Fraction]]:
    """A matrix with two known singular values."""
    middle = [[first * e for e in OTHER[0]], [second * e for e in OTHER[1]]]
    return [
        [sum((a * middle[k][j] for k, a in enumerate(row)), F(0)) for j in (0, 1)] for row in TURN
    ]


@pytest.mark.parametrize(("first", "second"), [(5, 2), (F(7, 2), F(1, 3)), (3, 3), (4, 0), (0, 0)])
def test_norms_and_distances_of_known_singular_values(first: Any, second: Any) -> None:
    functions = evaluator(draw(mlp([1, 1]), 1, 0).to_dict()).functions
    matrix = turned(first, second)
    assert functions["rank"](matrix) == (first != 0) + (second != 0)
    assert functions["spectral"](matrix) == first
    assert functions["nuclear"](matrix) == first + second
    assert kernel.squared(functions["frobenius"](matrix)) == first**2 + second**2
    assert functions["largest"](matrix) == max(abs(e) for row in matrix for e in row)
    for name in ("frobenius_beyond", "spectral_beyond", "nuclear_beyond"):
        assert functions[name](matrix, 1) == second
        assert functions[name](matrix, 2) == functions[name](matrix, 7) == 0
    assert functions["nuclear_beyond"](matrix, 0) == first + second
    assert functions["spectral_beyond"](matrix, 0) == first


def test_irrational_singular_values_are_enclosed() -> None:
    """The golden ratio and its inverse; a row; a row of zeros."""
    for bits in kernel.PRECISIONS:
        functions = evaluator(draw(mlp([1, 1]), 1, 0).to_dict(), bits=bits).functions
        with arithmetic.precision(2 * bits + 100):
            root = arb(5).sqrt()
            assert encloses(functions["spectral"]([[1, 1], [0, 1]]), (1 + root) / 2)
            assert encloses(functions["spectral_beyond"]([[1, 1], [0, 1]], 1), (root - 1) / 2)
            assert encloses(functions["nuclear"]([[1, 1], [0, 1]]), root)
            low, high = kernel.ends(functions["spectral"]([[1, 1], [0, 1]]))
            # In units of 2**-bits: 5 for the square, half of that for its root, 2 at each end.
            assert 0 < high - low <= 8 * high / 2**bits
            for name in ("spectral", "nuclear", "frobenius"):
                assert encloses(functions[name]([[1, 2, 1]]), arb(6).sqrt())
                assert functions[name]([[0, 0, 0]]) == 0


@pytest.mark.parametrize("matrix", ["[]", "[[]]", "[[1, 2], [3]]", "[1, 2]", "3", "[[[1]]]"])
@pytest.mark.parametrize("name", ["rank", "nuclear", "spectral"])
def test_what_is_no_matrix_is_rejected(matrix: str, name: str) -> None:
    with pytest.raises(Rejected):
        kernel.check(certificate(f"{name}({matrix}) <= 1"))


@given(matrices(rationals), matrices(rationals))
def test_rows_outside_of_a_span_are_orthogonal_to_it(
    rows: list[list[Fraction]], basis: list[list[Fraction]]
) -> None:
    width = min(len(rows[0]), len(basis[0]))
    rows, basis = ([row[:width] for row in matrix] for matrix in (rows, basis))
    rest = evaluator(draw(mlp([1, 1]), 1, 0).to_dict()).outside(rows, basis)
    span = flint_matrix(basis).rank()
    for row, outside in zip(rows, rest, strict=True):
        assert all(sum(a * b for a, b in zip(outside, v, strict=True)) == 0 for v in basis)
        moved = [a - b for a, b in zip(row, outside, strict=True)]
        assert flint_matrix([*basis, moved]).rank() == span


# --- Numbers -------------------------------------------------------------------------------------

Pair = tuple[Number, arb]
ORACLE_BITS = 600


@st.composite
def expressions(draw_: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Steps that each combine two of the numbers that were computed before."""
    starts = st.builds(F, st.integers(-5, 5), st.integers(1, 4))
    steps: list[tuple[str, Any, Any]] = [("start", draw_(starts), None) for _ in range(3)]
    for _ in range(draw_(st.integers(1, 7))):
        kinds = st.sampled_from(["+", "-", "*", "/", "root", "root", "negate"])
        places = st.integers(0, len(steps) - 1)
        steps.append((draw_(kinds), draw_(places), draw_(places)))
    return steps


def computed(steps: list[tuple[str, Any, Any]]) -> list[Pair]:
    """The numbers of the kernel beside balls of many more bits; impossible steps are left out."""
    pairs: list[Pair] = []
    for kind, first, second in steps:
        if kind == "start":
            pairs.append((first, arb(fmpq(first.numerator, first.denominator))))
            continue
        (a, x), (b, y) = pairs[first % len(pairs)], pairs[second % len(pairs)]
        try:
            match kind:
                case "+":
                    pairs.append((a + b, x + y))
                case "-":
                    pairs.append((a - b, x - y))
                case "*":
                    pairs.append((a * b, x * y))
                case "/":
                    pairs.append((a / b, x / y))
                case "negate":
                    pairs.append((-a, -x))
                case "root":
                    pairs.append((kernel.root(a, BITS), x.sqrt()))
        except (Undecided, Rejected, ZeroDivisionError):
            continue
    return pairs


@given(expressions())
@settings(max_examples=300)
def test_arithmetic_encloses_the_true_value(steps: list[tuple[str, Any, Any]]) -> None:
    with arithmetic.precision(ORACLE_BITS):
        for mine, ball in computed(steps):
            if ball.is_finite():
                assert encloses(mine, ball)
                square = kernel.squared(mine)
                if square is not None:
                    assert ball.overlaps(arb(fmpq(square.numerator, square.denominator)).sqrt())


RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@given(expressions(), st.sampled_from(list(RELATIONS)))
@settings(max_examples=300)
def test_comparisons_are_never_wrong(steps: list[tuple[str, Any, Any]], relation: str) -> None:
    with arithmetic.precision(ORACLE_BITS):
        pairs = [pair for pair in computed(steps) if pair[1].is_finite()]
        for a, x in pairs:
            for b, y in pairs:
                try:
                    truth = kernel.compare(a, relation, b)
                except Undecided:
                    assert isinstance(a, Enclosure) or isinstance(b, Enclosure)
                    continue
                # A ball comparison is true only when it is proved.
                assert not RELATIONS[OPPOSITE[relation] if truth else relation](x, y)
                assert kernel.compare(a, OPPOSITE[relation], b) is not truth


@given(st.fractions(0, 50, max_denominator=30), st.fractions(0, 9, max_denominator=9))
def test_multiples_of_roots_are_compared_through_exact_squares(a: Fraction, b: Fraction) -> None:
    left, right = b * kernel.root(a, 2), kernel.root(a * b * b, 2)
    assert kernel.compare(left, "==", right)
    assert kernel.compare(left, "<=", right)
    assert not kernel.compare(left, "<", right)
    assert kernel.compare(left, "<", kernel.root(a * b * b + F(1, 10**40), 2))


def test_overlapping_enclosures_are_never_called_equal() -> None:
    two = kernel.root(F(2), 8)
    for relation in RELATIONS:
        with pytest.raises(Undecided):
            kernel.compare(two + two, relation, two * two * two)


def test_division_by_an_enclosure_of_zero_is_undecided() -> None:
    two = kernel.root(F(2), BITS)
    with pytest.raises(Undecided):
        F(1) / (two - two)
    with pytest.raises(Undecided):
        kernel.root(two - two, BITS)
    with pytest.raises(Rejected, match="root of a negative number"):
        kernel.root(F(-1), BITS)


@given(expressions())
def test_dual_numbers_are_power_series_of_length_two(steps: list[tuple[str, Any, Any]]) -> None:
    mine: list[Any] = []
    its: list[Any] = []
    for place, (kind, first, second) in enumerate(steps):
        if kind == "start":
            motion = F(place, 3)
            mine.append(Dual(first, motion))
            its.append(
                fmpq_series([fmpq(first.numerator, first.denominator), fmpq(place, 3)], prec=2)
            )
            continue
        i, j = first % len(mine), second % len(mine)
        match kind:
            case "+":
                pair = mine[i] + mine[j], its[i] + its[j]
            case "-":
                pair = mine[i] - mine[j], its[i] - its[j]
            case "*":
                pair = mine[i] * mine[j], its[i] * its[j]
            case "negate":
                pair = -mine[i], -its[i]
            case "/" if mine[j].value != 0:
                pair = mine[i] / mine[j], its[i] / its[j]
            case "root" if mine[i].value > 0:
                # The root of a square, which series can take.
                square = mine[i] * mine[i]
                pair = square.root(BITS), its[i]
            case _:
                continue
        mine.append(pair[0])
        its.append(pair[1])
    for dual, series in zip(mine, its, strict=True):
        for part, coefficient in ((dual.value, series[0]), (dual.motion, series[1])):
            assert part == F(int(coefficient.p), int(coefficient.q))


# --- Formulas ------------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = {
    "network": {
        "input_width": 2,
        "layers": [
            {
                "width": 2, "edges": [{"source": 0, "map": "dense"}],
                "slope": "1/4", "normalisation": "none", "bias": True,
            },
            {
                "width": 1, "edges": [{"source": 1, "map": "dense"}],
                "slope": "1", "normalisation": "none", "bias": False,
            },
        ],
    },
    "parameters": [[[["1", "2"], ["-1", "1"]]], [["0", "1"]], [[["3", "-2"]]]],
    "inputs": [[["1", "1"], ["2", "-1"], ["-2", "1"]]],
    "targets": [[["1"], ["-1"], ["1/2"]]],
    "numbers": {"rho": "1/2", "beta_1": "3", "beta_2": "-1", "beta_4": "9"},
}  # fmt: skip
"""Pre-activations (3, 1), (0, -2), (0, 4); outputs 7, 1, -8."""


def certificate(
    conclusion: str = "0 <= 1", *, given: Any = (), where: Any = (), forall: Any = (),
    at: Any = None, shows: str = "tight", left: Any = "0", right: Any = "1", case: Any = None,
    claim: str = "a-claim", latex: str = "0 \\le 1", hypotheses: Any = (),
) -> dict[str, Any]:  # fmt: skip
    """A sealed certificate; what is wrong with it is not the seal."""
    statement = {
        "latex": latex, "hypotheses": list(hypotheses), "given": list(given), "where": list(where),
        "forall": list(forall), "conclusion": conclusion,
    }  # fmt: skip
    return sealed({
        "schema_version": kernel.SCHEMA_VERSION, "claim": claim, "version": "", "shows": shows,
        "statement": statement, "case": DOCUMENT if case is None else case, "at": at or {},
        "left": left, "right": right,
    })  # fmt: skip


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    version = kernel.digest([document["claim"], document["statement"]])[:16]
    content = {key: value for key, value in document.items() if key != "digest"}
    content["version"] = version
    return {**content, "digest": kernel.digest(content)}


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
        ("layer(2)", 2),
        ("source(2)", 1),
        ("slope(1)", F(1, 4)),
        ("slope(2)", 1),
        ("patches(0)", 1),
        ("chain()", True),
        ("smooth()", False),
        ("detached() or normalised() or normalised_layer(1)", False),
        ("inner([1, 2], [3, 4])", 11),
        ("squared([[1, 2], [3, 4]])", 30),
        ("outer([1, 2], [3, 4])", [[3, 4], [6, 8]]),
        ("outside([[1, 1]], [[1, 0]])", [[0, 1]]),
        ("zero([[0, 0]])", True),
        ("zero([0, 1])", False),
        ("largest([[1, -5], [2, 3]])", 5),
        ("root(9 / 4)", F(3, 2)),
        ("abs(-3)", 3),
        ("len([1, 2])", 2),
        ("range(1, 3)", (1, 2)),
        ("sum([])", 0),
        ("sum([[1, 2], [3, 4]])", [4, 6]),
        ("product([2, 3, rho])", 3),
        ("product([])", 1),
        ("max([1, 3, 2])", 3),
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


def test_memory_is_not_poisoned_by_names_or_by_equal_values() -> None:
    """Definitions named like the kernel's own memory, and True, 1 and a ratio that is 1."""
    where = ["trace(n) = 5", "squares(n) = 6", "df_(n) = 7", "g(a) = 1 if a == 1 else 2"]
    found = evaluator(DOCUMENT, [*where, "r(a) = [trace(0), squares(0), df_(0), f(a, 0)]"])
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


@pytest.mark.parametrize(
    "formula",
    [
        "f(-1, 0)", "f(3, 0)", "f(0, -1)", "f(0, 1)", "f(0, 0, [])", "f(0, 0, [1])",
        "f(0, 0, [0, 3])",
        "h(-1)", "df(0, 0, -1)", "df(0, 0, 3)", "df(0, 1, 0)", "slope(0)", "slope(-1)", "slope(3)",
        "layer(-1)", "source(1)", "patches(1)", "normalised_layer(0)", "W[-1]", "x[3]", "x[1 / 2]",
        "batches(-1)", "batches(4)", "nuclear_beyond(W[0], -1)", "smooth([])", "max([])", "1 / 0",
        "root(-1)", "2 ** -1", "2 ** 5", "2 ** rho", "2 ** (4 / 2)", "[1] + [1, 2]", "[1] * [2]",
        "[1] + 1", "[1] == [1]", "(1,) + (2,)", "samples * 2", "sum(3)", "len(3)", "range(0, 9, 0)",
        "inner([1], [1, 2])", "inner((1,), 1000000000)", "outer([(1, 2)], [1000000000])",
        "y[0][0][0]", "unknown", "unknown(1)", "f", "f(0)", "root(root)", "gamma_1",
    ],
)  # fmt: skip
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


# --- Statements ----------------------------------------------------------------------------------


def test_a_true_certificate_is_accepted() -> None:
    document = certificate(
        "inner(W[k], df(n, 0, k)) == f(n, 0)", forall=["k in weights", "n in samples"],
        given=["len(biases) > 0"], at={"k": 0, "n": 0}, shows="refuted", left="9", right="7",
    )  # fmt: skip
    outcome = kernel.check(document)
    assert str(outcome) == "a-claim: verified, 9 = 7 is false at k = 0, n = 0"
    irrational = certificate("root(2) <= root(3)", left=["1414213562373/1000000000000"] * 2)
    with pytest.raises(Rejected, match=r"the left side is 1.41421356237, not the one recorded"):
        kernel.check(irrational)
    sides = [kernel.recorded_form(kernel.root(F(n), BITS)) for n in (2, 3)]
    assert kernel.check(certificate("root(2) <= root(3)", left=sides[0], right=sides[1]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shows": "refuted"}, "the conclusion holds here"),
        ({"conclusion": "1 <= 0", "left": "1", "right": "0"}, "the conclusion is false here"),
        ({"conclusion": "0 < 1"}, "not an equation or inequality"),
        ({"conclusion": "0 <= 1 <= 2"}, "not one comparison"),
        ({"conclusion": "0 <= 1 and 0 <= 1"}, "not one comparison"),
        ({"conclusion": "[0] == [0]"}, "is none"),
        ({"left": "1"}, "the left side is 0"),
        ({"right": ["0", "1"]}, "the right side is 1"),
        ({"right": ["1"]}, "not a rational"),
        ({"right": 1}, "not a rational"),
        ({"right": True}, "not a rational"),
        ({"right": "2/2"}, "lowest terms"),
        ({"given": ["1 == 0"]}, "a hypothesis is not met: 1 == 0"),
        ({"given": ["1 == 1", "f(0, 0) == 8"]}, r"not met: f\(0, 0\) == 8"),
        ({"given": ["1"]}, "neither true nor false"),
        ({"given": ["root(2) * root(2) + root(3) == 2 + root(3)"]}, "not decided by enclosures"),
        ({"given": ["n == 0"]}, "unknown: n"),
        ({"given": [["0 == 0"]]}, "not a formula"),
        ({"forall": ["n in samples"]}, "not those of the statement"),
        ({"at": {"n": 0}}, "not those of the statement"),
        ({"forall": ["n in samples"], "at": {"n": 3}}, "do not take the values"),
        ({"forall": ["n in samples"], "at": {"n": True}}, "not whole numbers"),
        ({"forall": ["n in samples"], "at": {"n": "0"}}, "not whole numbers"),
        ({"forall": ["n in []"], "at": {"n": 0}}, "do not take the values"),
        ({"forall": ["n in range(f(0, 0), 7)"], "at": {"n": 7}}, "do not take the values"),
        ({"forall": ["n in [1 == 1]"], "at": {"n": 1}, "given": ["n == 1"]}, "is none"),
        ({"forall": ["n in samples", "n in samples"], "at": {"n": 0}}, "one name twice"),
        ({"forall": ["rho in samples"], "at": {"rho": 0}}, "another meaning"),
        ({"forall": ["W in samples"], "at": {"W": 0}}, "another meaning"),
        ({"forall": ["f in samples"], "at": {"f": 0}}, "another meaning"),
        ({"forall": ["n in 3"], "at": {"n": 0}}, "cannot be evaluated"),
        ({"forall": ["n of samples"], "at": {"n": 0}}, "name in set"),
        ({"forall": [0], "at": {"n": 0}}, "name in set"),
        ({"forall": ["S in batches(2)"], "at": {"S": [1, 0]}}, "do not take the values"),
        ({"forall": ["S in batches(2)"], "at": {"S": [0, [1]]}}, "not whole numbers"),
        ({"given": ["0 == 0"] * 41}, "more than 40"),
        ({"latex": "0 \n conclusion 1 <= 0"}, "not printable"),
        ({"latex": "\x1b[2J"}, "not printable"),
        ({"hypotheses": ["\u202e1 = 0"]}, "not printable"),
        ({"hypotheses": [["deep"]]}, "not printable"),
        ({"claim": "A claim"}, "no proper name"),
        ({"claim": "a\u2028b"}, "no proper name"),
        ({"shows": "proved"}, "neither refuted nor tight"),
    ],
)
def test_a_false_certificate_is_rejected_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        kernel.check(certificate(**changes))


def test_hypotheses_are_evaluated_at_the_values_that_are_named() -> None:
    for n, met in ((0, True), (1, True), (2, False)):
        document = certificate(
            given=["f(n, 0) > 0", "all([x[m][0] > -3 for m in samples])"],
            forall=["n in samples"], at={"n": n},
        )  # fmt: skip
        if met:
            assert str(kernel.check(document)).endswith(f" at n = {n}")
        else:
            with pytest.raises(Rejected, match=r"not met: f\(n, 0\) > 0"):
                kernel.check(document)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("f", "another meaning"), ("W", "another meaning"), ("samples", "another meaning"),
        ("n", "another meaning"), ("g", "another meaning"), ("m", "another meaning"),
        ("a", "another meaning"), ("rank", "another meaning"), ("a b", "cannot be used"),
        ("", "cannot be used"), ("\uff46", "cannot be used"), ("_1", "cannot be used"),
        ("W_1", "another meaning"), ("beta", "another meaning"), ("n\n", "cannot be used"),
    ],
)  # fmt: skip
def test_a_number_cannot_take_the_name_of_anything_else(name: str, reason: str) -> None:
    case = {**DOCUMENT, "numbers": {**DOCUMENT["numbers"], name: "1"}}
    with pytest.raises(Rejected, match=reason):
        kernel.check(
            certificate(
                case=case, where=["g(a) = a", "v = g(1)"], forall=["n in samples"], at={"n": 0},
                given=["all([m < 3 for m in samples])"],
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["numbers"].pop("rho"),
        lambda case: case["numbers"].update(rho=1),
        lambda case: case["numbers"].update(rho=None),
        lambda case: case["numbers"].update(rho="1e999999999"),
        lambda case: case["numbers"].update(rho="NaN"),
        lambda case: case["numbers"].update(rho="-Infinity"),
        lambda case: case["numbers"].update(rho="1/0"),
        lambda case: case["numbers"].update(rho="-0"),
        lambda case: case["numbers"].update(rho="0/2"),
        lambda case: case["numbers"].update(rho="+1"),
        lambda case: case["numbers"].update(rho=" 1"),
        lambda case: case["numbers"].update(rho="1\n"),
        lambda case: case["numbers"].update(rho="1_0"),
        lambda case: case["numbers"].update(rho="\u0661"),
        lambda case: case["numbers"].update(rho="1" * 1501),
        lambda case: case["numbers"].update({f"z{i}": "1" for i in range(1000)}),
        lambda case: case.update(targets=[[["1"], ["-1"]]]),
        lambda case: case.update(inputs=[]),
        lambda case: case.update(inputs=[[]]),
        lambda case: case.update(inputs=case["inputs"] * 2),
        lambda case: case["inputs"][0].append(["1"]),
        lambda case: case["parameters"].pop(),
        lambda case: case["parameters"].reverse(),
        lambda case: case.pop("targets"),
        lambda case: case.update(extra=1),
        lambda case: case["network"].update(input_width=3),
        lambda case: case["network"].update(input_width=True),
        lambda case: case["network"].update(input_width="2"),
        lambda case: case["network"].update(layers=[]),
        lambda case: case["network"].update(layers=case["network"]["layers"] * 21),
        lambda case: case["network"]["layers"].reverse(),
        lambda case: case["network"]["layers"][0].update(width=0),
        lambda case: case["network"]["layers"][0].update(width=1001),
        lambda case: case["network"]["layers"][0].update(slope="1/4 "),
        lambda case: case["network"]["layers"][0].update(normalisation="layer"),
        lambda case: case["network"]["layers"][0].update(bias=1),
        lambda case: case["network"]["layers"][0].update(edges=[]),
        lambda case: case["network"]["layers"][0].update(edges=[{}]),
        lambda case: case["network"]["layers"][0].update(edges=[None]),
        lambda case: case["network"]["layers"][0]["edges"][0].update(source=1),
        lambda case: case["network"]["layers"][0]["edges"][0].update(source=-1),
        lambda case: case["network"]["layers"][0]["edges"][0].update(map="identities"),
        lambda case: case["network"]["layers"][0]["edges"][0].update(kernel=[1, 1]),
    ],
)
def test_a_malformed_example_is_rejected(change: Callable[[Any], Any]) -> None:
    case = json.loads(json.dumps(DOCUMENT))
    change(case)
    with pytest.raises(Rejected):
        kernel.check(certificate(case=case, given=["rho > 0"]))
    assert kernel.check(certificate(given=["rho > 0"]))


CONVOLUTION = {
    "source": 0, "map": "convolution", "channels": 1, "height": 1, "width": 4, "filters": 2,
    "kernel": [1, 2], "stride": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True), ({"kernel": [2, 1]}, False), ({"kernel": [1]}, False), ({"kernel": []}, False),
        ({"kernel": [1, "2"]}, False), ({"kernel": [1, True]}, False), ({"kernel": [1, 0]}, False),
        ({"stride": 0}, False), ({"stride": -1}, False), ({"stride": 3}, False),
        ({"channels": 2}, False), ({"filters": 1}, False), ({"width": 10**9}, False),
    ],
)  # fmt: skip
def test_convolutions_must_fit(changes: dict[str, Any], accepted: bool) -> None:
    layer = {
        "width": 4, "edges": [{**CONVOLUTION, **changes}], "slope": "0", "normalisation": "none",
        "bias": False,
    }  # fmt: skip
    case = {
        "network": {"input_width": 4, "layers": [layer]},
        "parameters": [[[["1", "2"], ["0", "1"]]]],
        "inputs": [[["1", "2", "3", "4"]]], "targets": None, "numbers": {},
    }  # fmt: skip
    if accepted:
        right = certificate("f(0, 0) * f(0, 3) <= 20", case=case, left="20", right="20")
        assert kernel.check(right)
    else:
        with pytest.raises(Rejected):
            kernel.check(certificate(case=case))


# --- Files and the command -----------------------------------------------------------------------


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_committed_certificates_are_verified_with_work_to_spare(path: Path) -> None:
    outcome = kernel.verify(str(path))
    document = outcome.document
    case = Example(document["case"])
    kernel.decide(kernel.Statement.read(document["statement"]), case, document["at"])
    assert kernel.MOST_WORK - case.work < kernel.MOST_WORK / 5


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=60)


def test_the_kernel_alone_verifies_and_explains(tmp_path: Path) -> None:
    copy = tmp_path / "copied.py"
    copy.write_bytes(KERNEL.read_bytes())
    path = next(path for path in CERTIFICATES if path.stem == "batch-step-bound")
    done = run(str(copy), "--explain", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("batch-step-bound: verified, ")
    document = json.loads(path.read_text())
    for entry in (*document["statement"]["given"], document["statement"]["conclusion"]):
        assert any(line.endswith(entry) for line in lines)
    assert any(line.startswith("  W[0]        [[") for line in lines)


def test_verifying_loads_the_standard_library_and_the_kernel_alone() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from theorycheck.cli.commands import main;"
        "code = main(['verify', *sys.argv[2:]]);"
        "names = {name.partition('.')[0] for name in sys.modules};"
        "print(code, sorted(names - set(sys.stdlib_module_names) - {'__main__'}),"
        "sorted(name for name in sys.modules if name.startswith('theorycheck.')))"
    )
    done = run("-S", "-c", program, str(KERNEL.parents[1]), *map(str, CERTIFICATES))
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ['theorycheck'] "), (last, done.stderr)
    assert "'theorycheck.kernel'" in last


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf{}")
    (tmp_path / "wide").write_text("{}", encoding="utf-16")
    (tmp_path / "long").write_bytes(b" " * (kernel.MOST_BYTES + 1))
    names = ["pipe", "dangling", "loop", "empty", "binary", "bom", "wide", "long", ".", "a\0b"]
    for name in [*names, "missing"]:
        with pytest.raises(Rejected) as caught:
            kernel.verify(f"{tmp_path}/{name}")
        assert str(caught.value).isprintable()
    with pytest.raises(Rejected):
        kernel.verify("/dev/zero")
    (tmp_path / "link.json").symlink_to(CERTIFICATES[0].resolve())
    assert kernel.verify(str(tmp_path / "link.json"))


def placed(folder: Path, document: dict[str, Any], record: bytes | None) -> str:
    (folder / "certificates").mkdir(exist_ok=True)
    if record is not None:
        (folder / "baseline.json").write_bytes(record)
    path = folder / "certificates" / "a.json"
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, None),
        (b'{"statements": {}}', None),
        (b'{"statements": {"a-claim": "0123456789abcdef"}}', "not the one on record"),
        (b'{"statements": {"a-claim": null}}', "not the one on record"),
        (b'{"statements": ', "not JSON"),
        (b"\xff", "cannot be read"),
    ],
)
def test_the_statement_must_be_the_one_on_record(
    tmp_path: Path, record: bytes | None, reason: str | None
) -> None:
    path = placed(tmp_path, certificate(), record)
    if reason is None:
        assert kernel.verify(path)
    else:
        with pytest.raises(Rejected, match=reason):
            kernel.verify(path)


def test_the_command_reports_one_line_for_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = placed(tmp_path, certificate(), None)
    odd = tmp_path / "a\nb: verified"
    odd.write_text("{}")
    assert kernel.main([good, str(odd), str(tmp_path / "missing")]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "a-claim: verified, 0 ≤ 1 holds", "1 of 3 certificates verified"
    ]  # fmt: skip
    assert [": REJECTED: " in line for line in captured.err.splitlines()] == [True, True]
    assert kernel.main([]) == 4
    assert kernel.main(["--", good]) == 0


def test_huge_and_tiny_sides_are_shown_briefly() -> None:
    assert kernel.shown(F(10) ** 4000) == "1.00000000000e+4000"
    assert kernel.shown(F(1, 3)) == "1/3"
    assert kernel.shown(F(-1, 10**5000)) == "-1e-5000"
    assert kernel.shown(kernel.root(F(2), BITS)) == "1.41421356237"
    huge = "product([rho ** 4 for i in range(5000)])"
    with pytest.raises(Rejected, match=r"the left side is \d\.\d+e-6021"):
        kernel.check(certificate(f"{huge} <= 1"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "0123456789abcdef"}, "not the one that its version names"),
        ({"schema_version": 1}, "schema version 1"),
        ({"schema_version": True}, "not of type int"),
        ({"note": ""}, "the keys are not"),
    ],
)
def test_a_new_digest_does_not_help(changes: dict[str, Any], reason: str) -> None:
    content = {key: value for key, value in certificate().items() if key != "digest"} | changes
    with pytest.raises(Rejected, match=reason):
        kernel.check({**content, "digest": kernel.digest(content)})
    with pytest.raises(Rejected, match="the digest differs"):
        kernel.check({**certificate(), "digest": kernel.digest({})})
