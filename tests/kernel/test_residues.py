"""Residues of the kernel, against polynomials that are expanded and against those of the engine."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import factorial
from typing import Any

import numpy as np
import pytest
from flint import Ordering, fmpz_mat, fmpz_mpoly, fmpz_mpoly_ctx
from hypothesis import given
from hypothesis import strategies as st

from tests.arithmetic.test_residues import POLYNOMIALS, at, size
from tests.kernel.examples import budget
from tests.kernel.test_proofs import architecture, statement
from theorycheck import kernel
from theorycheck.kernel import Architecture, Evaluator, Field, Residue, Unreadable
from theorycheck.networks.specification import LINEAR, Network, mlp

Pair = tuple[Residue, fmpz_mpoly, fmpz_mpoly]
"""A residue, and the numerator and the denominator of what it stands for."""


@st.composite
def expressions(draw: st.DrawFn) -> tuple[Pair, list[int]]:
    """Of sums, products, quotients and rational numbers, in three coordinates."""
    made = Field(draw(st.sampled_from(kernel.EXPONENTS)), draw(st.text(max_size=4)))
    values = [made.coordinate(name) for name in "abc"]
    one = POLYNOMIALS.constant(1)
    pool: list[Pair] = [(v, g, one) for v, g in zip(values, POLYNOMIALS.gens(), strict=True)]
    for _ in range(draw(st.integers(1, 6))):
        (r, p, q), (s, u, v) = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        number = draw(st.fractions(-3, 3, max_denominator=4).filter(bool))
        n, d = number.numerator, number.denominator
        match draw(st.sampled_from("+-*/nsrd")):
            case "+":
                pool.append((r + s, p * v + u * q, q * v))
            case "-":
                pool.append((r - s, p * v - u * q, q * v))
            case "*":
                pool.append((r * s, p * u, q * v))
            case "/" if len(u):
                pool.append((r / s, p * v, q * u))
            case "n":
                pool.append((number + r, p * d + n * q, q * d))
            case "r":
                pool.append((number - r, n * q - p * d, q * d))
            case "s":
                pool.append((number * r, n * p, d * q))
            case "d" if len(p):
                pool.append((number / r, n * q, d * p))
    return pool[-1], [v.value for v in values]


@given(expressions())
def test_a_residue_is_the_value_of_what_its_bounds_are_about(drawn: tuple[Pair, list[int]]) -> None:
    (residue, above, below), point = drawn
    prime = residue.field.prime
    assert residue.value * at(below, point, prime) % prime == at(above, point, prime)
    degree, largest, degree_below, largest_below = residue.bounds
    if len(above):
        common = above.gcd(below)
        assert degree >= (above / common).total_degree()
        assert degree_below >= (below / common).total_degree()
    if degree_below == 0 and len(above):
        # The denominator of the bounds is a number: the function times it is a polynomial.
        quotient, rest = divmod(above * largest_below, below)
        assert not len(rest)
        assert size(quotient) <= largest
        assert quotient.total_degree() <= degree


def test_a_residue_has_neither_order_nor_truth() -> None:
    residue = Field(127, "").coordinate("a")
    for ask in (
        lambda: residue < residue, lambda: residue >= 0, lambda: residue == residue,
        lambda: residue != 0, lambda: bool(residue), lambda: max(residue, residue),
    ):  # fmt: skip
        with pytest.raises(Unreadable):
            ask()
    with pytest.raises(TypeError, match="unhashable"):
        hash(residue)


@pytest.mark.parametrize("exponent", kernel.EXPONENTS)
def test_points_of_spheres(exponent: int) -> None:
    made = Field(exponent, "seed")
    prime = made.prime
    assert pow(3, prime - 1, prime) == 1
    assert prime % 4 == 3
    for entries in (2, 3, 7):
        values = [entry.value for entry in made.sphere(f"W{entries}", entries)]
        assert sum(v * v for v in values) % prime == 1
        assert len(set(values)) == entries


def test_one_in_two_points_has_a_first_entry() -> None:
    """Of the two entries of a circle: for half of the second ones there is a first."""
    attempts = []
    for i in range(60):
        made = Field(127, str(i))
        found = made.sphere("W", 2)[1].value
        names = (f"W {attempt} 1" for attempt in range(100))
        attempts.append(next(a for a, n in enumerate(names) if made.coordinate(n).value == found))
    assert 0.3 < attempts.count(0) / 60 < 0.7


@given(st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_rank_modulo_a_prime(rows: list[list[int]]) -> None:
    prime = 2**127 - 1
    values = [[entry % prime for entry in row] for row in rows]
    assert kernel.rank_modulo(values, prime, budget()) == fmpz_mat(rows).rank()


# --- Networks as polynomials ---------------------------------------------------------------------


class Expanded:
    """A network whose weights, inputs and slopes are generators of a ring of polynomials."""

    def __init__(self, network: Network, samples: int) -> None:
        shapes = [p.shape for p in network.parameters]
        names = [f"w{k}_{i}" for k, s in enumerate(shapes) for i in range(int(np.prod(s)))]
        names += [f"x{i}" for i in range(samples * network.input_width)]
        names += [f"g{i}" for i in range(samples * sum(layer.width for layer in network.layers))]
        self.names, context = names, fmpz_mpoly_ctx.get(names, Ordering.lex)
        generators = iter(context.gens())
        self.zero = context.constant(0)

        def filled(shape: tuple[int, ...]) -> Any:
            found = np.empty(shape, dtype=object)
            for i in range(found.size):
                found.flat[i] = next(generators)
            return found

        self.W = [filled(shape) for shape in shapes]
        self.x = filled((samples, network.input_width))
        self.slopes: dict[tuple[float, str], Any] = {}
        self.arguments: list[tuple[str, float, Any]] = []
        values, k = [self.x], 0
        for layer in network.layers:
            total: Any = 0
            for edge in layer.edges:
                source = values[edge.source]
                if type(edge.map).__name__ == "Dense":
                    source, k = source @ self.W[k].T, k + 1
                total = total + source
            if layer.bias:
                total, k = total + self.W[k], k + 1
            if layer.slope != LINEAR:
                for place in np.ndindex(total.shape):
                    key = (layer.slope, str(total[place]))
                    if key not in self.slopes:
                        self.slopes[key] = next(generators)
                        self.arguments.append((str(self.slopes[key]), layer.slope, total[place]))
                    total[place] = total[place] * self.slopes[key]
            values.append(total)
        self.f = values[-1]

    def point(self, example: Architecture) -> list[int]:
        """The kernel's values of all generators."""
        arrays = [np.ravel(np.array(part, dtype=object)) for part in (*example.W, example.x)]
        point = [entry.value for part in arrays for entry in part]
        point += [0] * (len(self.names) - len(point))
        for name, slope, argument in self.arguments:
            value = at(argument, point, example.field.prime)
            made = example.field.slopes[Fraction(slope), value]
            point[self.names.index(name)] = made[0].value
        return point


NETWORKS = {
    "deep": mlp([2, 2, 2, 1]), "linear": mlp([2, 2, 2], LINEAR), "leaky": mlp([1, 3, 1], 0.25),
    "thin": mlp([1, 1, 1, 1, 1]), "outputs": mlp([2, 2, 2]),
    "biases": mlp([2, 2, 1], bias=True),
}  # fmt: skip


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_and_their_derivatives_are_polynomials(kind: str) -> None:
    """Values at the point are exact, and the bounds hold; without cancellation they are exact."""
    network = NETWORKS[kind]
    outputs = network.output_width
    about = architecture(network, outputs=outputs)
    example = Architecture(statement("f(0, 0) == 0"), "v", about, 127)
    evaluator = Evaluator(example, (), 64)
    exact = Expanded(network, 2)
    found = {(n, c): evaluator.output(n, c) for n, c in product(range(2), range(outputs))}
    point = exact.point(example)
    prime = example.field.prime
    for place, residue in found.items():
        polynomial = exact.f[place]
        assert residue.value == at(polynomial, point, prime)
        assert residue.bounds == (polynomial.total_degree(), size(polynomial), 0, 1)
        for k, parameter in enumerate(network.parameters):
            gradient = np.array(evaluator.derivative(*place, k), dtype=object)
            for entry in np.ndindex(*parameter.shape):
                name = str(exact.W[k][entry])
                expected = polynomial.derivative(exact.names.index(name))
                residue = gradient[entry]
                if not isinstance(residue, Residue):
                    assert len(expected) == residue == 0
                    continue
                assert residue.value == at(expected, point, prime)
                assert residue.bounds[0] >= expected.total_degree()
                assert residue.bounds[1] >= size(expected)


def test_bounds_on_minors_hold_of_minors() -> None:
    """Of a matrix of quotients with numbers as denominators: minors as polynomials."""
    made = Field(127, "")
    a, b, c = (made.coordinate(name) for name in "abc")
    x, y, z = POLYNOMIALS.gens()
    rows = [[a / made.rational(Fraction(2)), b, c * a], [b * b, a + c, -a], [c, c - b, a]]
    exact = [
        [x, 2 * y, 2 * z * x],
        [2 * y * y, 2 * x + 2 * z, -2 * x],
        [2 * z, 2 * z - 2 * y, 2 * x],
    ]
    true, bounds = kernel._rank_at_most(rows, 1, budget())
    assert not true
    for i, j in combinations(range(3), 2):
        for k, m in combinations(range(3), 2):
            minor = exact[i][k] * exact[j][m] - exact[i][m] * exact[j][k]  # Times 4.
            assert minor.total_degree() <= bounds[0]
            assert 2 * size(minor) <= 4 * bounds[1]  # The common denominator is 2.
    assert bounds == (4, factorial(2) * 2**2 * 2**2)


# --- What is bounded, and what cannot be ----------------------------------------------------------


def test_bounds_of_quotients_by_hand() -> None:
    """Degrees 1 over 2 and 4 over 3; coefficients up to 3 over 5 and 7 over 11."""
    made = Field(127, "seed")
    first = Residue(2, made, (1, 3, 2, 5))
    second = Residue(3, made, (4, 7, 3, 11))
    assert (first + second).bounds == (6, 3 * 11 + 7 * 5, 5, 55)
    assert (first * second).bounds == (5, 21, 5, 55)
    assert (first / second).bounds == (1 + 3, 3 * 11, 2 + 4, 5 * 7)


def test_no_comparison_has_a_residue_on_one_side() -> None:
    residue: Any = Field(127, "").coordinate("a")
    for left, right in ((residue, Fraction(1)), (Fraction(1), residue)):
        with pytest.raises(Unreadable, match="a condition on weights or data"):
            kernel.compare(left, "<", right)


@pytest.mark.parametrize(("bits", "few"), [(12_499, True), (12_500, False)])
def test_minors_with_too_long_coefficients_are_not_bounded(bits: int, few: bool) -> None:
    """Four times as long as those of an entry, for minors of order 2, and at most 50,000 bits."""
    made = Field(127, "seed")
    row = [Residue(1, made, (1, 2**bits, 0, 1)), Residue(1, made, (1, 1, 0, 1))]
    if few:
        assert kernel._rank_at_most([row, row], 1, budget())[0]
    else:
        with pytest.raises(kernel.Rejected, match="multiples of the prime"):
            kernel._rank_at_most([row, row], 1, budget())


def test_a_rank_that_no_matrix_of_its_size_exceeds_has_no_minors() -> None:
    made = Field(127, "seed")
    row = [made.coordinate(str(i)) for i in range(3)]
    assert kernel._rank_at_most([row], 1, budget()) == (True, (0, 0))
