"""Residues against polynomials that are expanded: values, degrees and coefficients."""

from __future__ import annotations

import hashlib
import operator
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from flint import Ordering, fmpq, fmpq_mat, fmpz_mpoly, fmpz_mpoly_ctx
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.arithmetic.evaluation import vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.residues import (
    PRIMES,
    Bounds,
    Field,
    Residue,
    Unreadable,
    minors,
    rank,
)
from theorycheck.networks.specification import LINEAR, mlp

NAMES = ("a", "b", "c")
POLYNOMIALS = fmpz_mpoly_ctx.get(NAMES, Ordering.lex)


def size(polynomial: fmpz_mpoly) -> int:
    return sum(abs(int(c)) for c in polynomial.coeffs())


def at(polynomial: fmpz_mpoly, point: list[int], prime: int) -> int:
    """The value modulo a prime, term by term."""
    total = 0
    for powers, coefficient in polynomial.terms():
        term = int(coefficient)
        for value, power in zip(point, powers, strict=True):
            term = term * pow(value, int(power), prime) % prime
        total += term
    return total % prime


Pair = tuple[Residue, fmpz_mpoly, fmpz_mpoly]
"""A residue, and the numerator and the denominator of what it stands for."""


@st.composite
def expressions(draw: st.DrawFn) -> tuple[Pair, list[int]]:
    """Of sums, products, quotients and rational numbers, in three indeterminates."""
    field = Field(draw(st.sampled_from(PRIMES)), draw(st.text(max_size=4)))
    values = field.indeterminates("point", (3,))
    one = POLYNOMIALS.constant(1)
    pool: list[Pair] = [(v, g, one) for v, g in zip(values, POLYNOMIALS.gens(), strict=True)]
    for _ in range(draw(st.integers(1, 6))):
        (r, p, q), (s, u, v) = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        number = draw(st.fractions(-3, 3, max_denominator=4))
        match draw(st.sampled_from("+-*/ns")):
            case "+":
                pool.append((r + s, p * v + u * q, q * v))
            case "-":
                pool.append((r - s, p * v - u * q, q * v))
            case "*":
                pool.append((r * s, p * u, q * v))
            case "/" if len(u):
                pool.append((r / s, p * v, q * u))
            case "n":
                n, d = number.numerator, number.denominator
                pool.append((r + number, p * d + n * q, q * d))
            case "s":
                n, d = number.numerator, number.denominator
                pool.append((number * r, n * p, d * q))
    return pool[-1], [v.value for v in values]


@given(expressions())
def test_a_residue_is_the_value_of_what_its_bounds_are_about(drawn: tuple[Pair, list[int]]) -> None:
    """Of a fraction that may be reduced: the bounds are about the reduced one too."""
    (residue, above, below), point = drawn
    prime = residue.field.prime
    value = at(above, point, prime) * pow(at(below, point, prime), -1, prime) % prime
    assert residue.value == value
    bounds = residue.bounds
    if len(above):
        common = above.gcd(below)
        assert bounds.degree >= (above / common).total_degree()
        assert bounds.below >= (below / common).total_degree()


@given(expressions())
def test_coefficients_stay_within_their_bounds(drawn: tuple[Pair, list[int]]) -> None:
    """A numerator over a bound's denominator: some multiple of the reduced one by a number."""
    (residue, above, below), _ = drawn
    bounds = residue.bounds
    if bounds.below == 0 and len(above):
        # The bound's denominator is the number `size_below`: the function times it is integral.
        scaled = above * bounds.size_below
        quotient, rest = divmod(scaled, below)
        assert not len(rest)
        assert size(quotient) <= bounds.size
        assert quotient.total_degree() <= bounds.degree


def test_bounds_by_hand() -> None:
    field = Field(PRIMES[0], "")
    a, b = field.indeterminates("a", (2,))
    assert (a + 2 * b * b).bounds == Bounds(2, 3)
    assert (a / 3 + b / 6).bounds == Bounds(1, 3, 0, 6)
    assert (1 / (a + b)).bounds == Bounds(0, 1, 1, 2)
    assert (a / b + b / a).bounds == Bounds(2, 2, 2, 1)
    assert (a / (b + 2) + b / (a + 4)).bounds == Bounds(2, 5 + 3, 2, 15)
    assert (a * 0).bounds.size == 0
    assert (a**3).bounds == Bounds(3, 1)


def test_a_network_as_its_polynomial() -> None:
    """``v (g_1 w_11 + ...)``: each path is one monomial of weights, slopes and an input."""
    network, field = mlp([3, 2, 1]), Field(PRIMES[0], "seed")
    weights = [field.indeterminates(f"W{k}", p.shape) for k, p in enumerate(network.parameters)]
    x = field.indeterminates("x", (1, 3))
    output = vertices(network, weights, x)[-1][0, 0]
    assert output.bounds == Bounds(degree=4, size=6)
    hidden = [sum(w * v for w, v in zip(row, x[0], strict=True)) for row in weights[0]]
    slopes = [field.gate(z, 0.0) for z in hidden]
    expected = sum(v * g * z for v, g, z in zip(weights[1][0], slopes, hidden, strict=True))
    assert output == expected
    gradient = jacobian(network, weights, x, 0)[0, 0]
    for j, i in np.ndindex(2, 3):
        assert gradient[j, i] == weights[1][0, j] * slopes[j] * x[0, i]


def test_slopes_are_functions_of_the_argument() -> None:
    field = Field(PRIMES[0], "seed")
    z, other = field.indeterminates("z", (2,))
    assert field.gate(z, 0.0) == field.gate(z + 0, 0.0)
    assert field.gate(z, 0.0) != field.gate(other, 0.0)
    assert field.gate(z, 0.0) != field.gate(z, 0.5)
    linear = vertices(mlp([1, 1, 1], LINEAR), *_ones(field))[-1][0, 0]
    assert linear.bounds == Bounds(degree=3, size=1)


def _ones(field: Field) -> tuple[list[np.ndarray], np.ndarray]:
    arrays = [field.indeterminates(name, (1, 1)) for name in "Vwx"]
    return arrays[:2], arrays[2]


def test_points_follow_from_the_seed_and_the_name_alone() -> None:
    one, again, other = (Field(PRIMES[0], seed) for seed in ("1", "1", "2"))
    assert one.indeterminates("x", (2,)).tolist() == again.indeterminates("x", (2,)).tolist()
    values = [*one.indeterminates("x", (2,)), *one.indeterminates("y", (1,))]
    values += [*other.indeterminates("x", (2,))]
    assert len({v.value for v in values}) == 5


@pytest.mark.parametrize("shape", [(1, 2), (2, 3)])
@pytest.mark.parametrize("prime", PRIMES)
def test_points_of_spheres(prime: int, shape: tuple[int, int]) -> None:
    values = Field(prime, "seed").on_sphere("W", shape)
    assert values.shape == shape
    assert sum(v.value**2 for v in values.flat) % prime == 1


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.randoms())
def test_ranks_are_those_of_flint(rows: int, columns: int, inner: int, random: object) -> None:
    """Products of integer matrices of low rank, small enough that no minor exceeds the prime."""
    field = Field(PRIMES[0], "")
    draw = np.random.default_rng(random.randint(0, 2**32)).integers  # type: ignore[attr-defined]
    matrix = draw(-3, 4, (rows, inner)) @ draw(-3, 4, (inner, columns))
    numbers = [[fmpq(int(entry)) for entry in row] for row in matrix]
    residues = np.array([[field.constant(int(e)) for e in row] for row in matrix], dtype=object)
    assert rank(residues) == fmpq_mat(numbers).rank()


def test_minors_of_a_matrix_of_indeterminates() -> None:
    """``ad - bc``: degree 2, two terms; over denominators e, f, g, h each, with three of them."""
    field = Field(PRIMES[0], "")
    matrix = field.indeterminates("M", (2, 2))
    assert minors(matrix, 2) == Bounds(2, factorial(2), 0, 1)
    assert minors(matrix / field.indeterminates("N", (2, 2)), 2) == Bounds(4, 2, 4, 1)


def test_minors_of_a_matrix_take_the_worst_of_its_entries() -> None:
    """Of three rows: a product of three entries, over the denominators of the six others."""
    field = Field(PRIMES[0], "")
    matrix = field.indeterminates("M", (3, 3))
    assert minors(matrix / field.indeterminates("N", (3, 3)), 3) == Bounds(3 + 6, 6, 9, 1)
    matrix = matrix / 5
    matrix[2, 1] = 7 * matrix[2, 1] ** 2
    assert matrix[2, 1].bounds == Bounds(2, 7, 0, 25)
    assert minors(matrix, 2) == Bounds(4, 2 * 7**2 * 25**2, 0, 25**4)


def test_numbers_are_fixed_and_nothing_else() -> None:
    field = Field(PRIMES[0], "")
    a = field.indeterminates("a", ()).item()
    assert field.constant(Fraction(1, 3)).fixed
    assert not a.fixed
    assert not (1 / a).fixed


def test_gates_remember_the_bounds_of_their_arguments() -> None:
    field = Field(PRIMES[0], "")
    a, b = field.indeterminates("a", (2,))
    field.gate(a * b + 2, 0.0)
    assert [bounds for _, bounds in field.gates.values()] == [Bounds(2, 3)]


def test_what_has_no_meaning_is_refused() -> None:
    field = Field(PRIMES[0], "")
    a = field.indeterminates("a", ()).item()
    with pytest.raises(Unreadable, match="an order"):
        bool(a < 1)
    with pytest.raises(Unreadable, match="division by what is 0"):
        1 / (a - a)
    with pytest.raises(Unreadable, match="multiple of the prime"):
        field.constant(Fraction(1, 3 * PRIMES[0]))
    assert a + Fraction(1, 2) == fmpq(1, 2) + a
    assert field.constant(Fraction(2, 4)).bounds == Bounds(0, 1, 0, 2)


def test_bounds_of_sums_of_fractions_by_hand() -> None:
    """Of 2 a**3 / (5 b) and 3 a**2 / (7 b**4), and of 3 a**9 / (7 b**4), in both orders."""
    a, b = Field(PRIMES[1], "").indeterminates("a", (2,))
    first, second = 2 * a**3 / (5 * b), 3 * a**2 / (7 * b**4)
    assert (first.bounds, second.bounds) == (Bounds(3, 2, 1, 5), Bounds(2, 3, 4, 7))
    for one, other in ((first, second), (second, first)):
        assert (one + other).bounds == Bounds(3 + 4, 2 * 7 + 3 * 5, 1 + 4, 5 * 7)
        assert (one - other).bounds == (one + other).bounds
    for one, other in ((first, second * a**7), (second * a**7, first)):
        assert (one + other).bounds == Bounds(9 + 1, 2 * 7 + 3 * 5, 1 + 4, 5 * 7)
    for one, other in ((3 * a**5, first), (first, 3 * a**5)):
        assert (one + other).bounds == Bounds(5 + 1, 3 * 5 + 2, 1, 5)


def test_bounds_of_sums_with_numbers_below_by_hand() -> None:
    """a / 4 and b / 6 have 12 for a common denominator, which is a number itself."""
    a, b = Field(PRIMES[0], "").indeterminates("a", (2,))
    for one, other in ((a / 4, 5 * b / 6), (5 * b / 6, a / 4)):
        assert (one + other).bounds == Bounds(1, 3 + 10, 0, 12)
        assert (one + other) * 12 == 3 * a + 10 * b


def test_numbers_and_residues_in_any_order() -> None:
    field = Field(PRIMES[0], "")
    a, prime = field.indeterminates("a", ()).item(), PRIMES[0]
    for number in (fmpq(0), fmpq(1), fmpq(2), 3, Fraction(-1)):
        whole = int(number)
        assert (a + number).value == (number + a).value == (a.value + whole) % prime
        assert (a * number).value == (number * a).value == a.value * whole % prime
        assert (number - a).value == (whole - a.value) % prime
        assert (a - number).value == (a.value - whole) % prime
    for above, below in ((1, 3), (2, 3), (3, 1), (-5, 7)):
        found = field.constant(Fraction(above, below)).value
        assert found * below % prime == above % prime


def test_products_with_0_are_0_everywhere() -> None:
    field = Field(PRIMES[0], "")
    a = field.indeterminates("a", ()).item()
    for product in (field.zero * a, a * field.zero, field.zero * field.zero, a * 0):
        assert (product.value, product.bounds) == (0, Bounds())
    assert (a + field.zero).bounds == (field.zero + a).bounds == Bounds(1, 1)


def test_residues_are_unequal_where_their_values_are() -> None:
    a, b = Field(PRIMES[0], "").indeterminates("a", (2,))
    assert (operator.ne(a, b), operator.eq(a, b)) == (True, False)
    assert (operator.ne(a, a + 0), operator.eq(a, a + 0)) == (False, True)
    assert a != "a"
    assert a != 1


@pytest.mark.parametrize("prime", PRIMES)
def test_points_are_those_of_the_kernel(prime: int) -> None:
    """Which has its own code for them: of twice as many digits as the prime."""
    name = "weights 3"
    made = hashlib.shake_256(f"a seed {name}".encode()).digest(prime.bit_length() // 4)
    expected = int.from_bytes(made, "big") % prime
    assert Field(prime, "a seed").coordinate(name).value == expected
    assert Field(prime, "a seed").indeterminates("weights", (2, 2))[1, 1].value == expected
