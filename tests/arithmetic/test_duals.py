"""Dual numbers: against polynomials and their derivatives, and derivatives within derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_poly
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.arithmetic.duals import Dual, base, constant, split
from theorycheck.arithmetic.evaluation import vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.networks.specification import Normalisation, mlp

rational = st.fractions(-3, 3, max_denominator=5).map(lambda q: fmpq(q.numerator, q.denominator))
polynomials = st.lists(rational, min_size=1, max_size=4).map(fmpq_poly)
X = fmpq_poly([0, 1])


def derivative(function: Callable[[Any], Any], at: Any, level: int = 1) -> Any:
    """The derivative of a function of one number."""
    _, motion = split(function(Dual(at, rationals([1]), level)), level)
    return motion[0] if isinstance(motion, np.ndarray) else motion


def applied(polynomial: fmpq_poly, x: Any) -> Any:
    """Horner's rule, in whatever arithmetic x has."""
    value = Dual(0)
    for coefficient in reversed(list(polynomial)):
        value = value * x + coefficient
    return value


@given(polynomials, polynomials, rational)
def test_derivatives_are_those_of_polynomials(p: fmpq_poly, q: fmpq_poly, x: fmpq) -> None:
    assert derivative(lambda t: applied(p, t) * applied(q, t), x) == (p * q).derivative()(x)
    assert derivative(lambda t: 2 - applied(p, t) - t**3, x) == (-p - X**3).derivative()(x)
    if q(x) != 0:
        wanted = (p.derivative() * q - p * q.derivative())(x) / q(x) ** 2
        assert derivative(lambda t: applied(p, t) / applied(q, t), x) == wanted


@given(polynomials, rational)
def test_derivatives_of_derivatives(p: fmpq_poly, x: fmpq) -> None:
    second = derivative(lambda t: derivative(lambda s: applied(p, s), t, level=2), x)
    assert second == p.derivative().derivative()(x)
    mixed = derivative(lambda t: derivative(lambda s: applied(p, s * t) * t, fmpq(2), level=2), x)
    outer = (p.derivative()(2 * X) * X * X).derivative()
    assert mixed == outer(x)


def test_derivations_do_not_mix() -> None:
    """d/dx (x d/dy (x + y)) is 1; without levels it would be 2."""
    found = derivative(lambda x: x * derivative(lambda y: x + y, fmpq(1), level=2), fmpq(1))
    assert found == 1


def test_comparisons_look_at_values() -> None:
    two = Dual(fmpq(2), rationals([5]), 1)
    assert two > 1
    assert two >= 2
    assert two == 2
    assert two != 3
    assert two < fmpq(5, 2)
    assert two <= Dual(two, rationals([1]), 2)
    assert base(Dual(two, rationals([1]), 2)) == 2
    assert split(constant(two), 1)[1] == 0
    assert constant(fmpq(3)) == 3


@given(rational.filter(lambda q: q > 0))
def test_roots(q: fmpq) -> None:
    assert derivative(lambda t: (t * t).sqrt(), q) == 1
    assert (1 / Dual(q, rationals([1]), 1)).motion[0] == -1 / q**2


def test_the_hull_holds_both_numbers_and_both_derivatives() -> None:
    one = Dual(arb(1), np.array([arb(2), Dual(arb(1), rationals([4]), 1)], dtype=object), 2)
    found = one.union(Dual(0))
    assert all(found.value.contains(value) for value in (0, 1))
    assert all(found.motion[0].contains(value) for value in (0, 2))
    assert all(found.motion[1].motion[0].contains(value) for value in (0, 4))


def duals(array: Array) -> Array:
    """Entries that all move, each along itself."""
    units = rationals(np.eye(array.size, dtype=int))
    found = np.empty(array.shape, dtype=object)
    found.flat[:] = [Dual(x, unit, 1) for x, unit in zip(array.flat, units, strict=True)]
    return found


@pytest.mark.parametrize("normalisation", ["none", "batch", "batch-detached"])
def test_they_run_through_networks(normalisation: Normalisation) -> None:
    """Derivatives are those of `jacobian`; deviations are rational: units take the values a, -a."""
    network = mlp([1, 2, 1], normalisation=normalisation)
    generator = np.random.default_rng(3)
    weights = [rationals(generator.integers(1, 7, p.shape) / 2.0) for p in network.parameters]
    x = rationals([[2], [-1]])
    for k, parameter in enumerate(network.parameters):
        lifted = [duals(w) if i == k else _lifted(w) for i, w in enumerate(weights)]
        outputs = vertices(network, lifted, _lifted(x))[-1]
        wanted = jacobian(network, weights, x, k)
        for n in range(2):
            found = np.zeros(parameter.shape, dtype=object)
            found.flat[:] = split(outputs[n, 0], 1)[1]
            assert (found == wanted[n, 0]).all()


def _lifted(array: Array) -> Array:
    lifted: Array = np.asarray(np.frompyfunc(Dual, 1, 1)(array), dtype=object)
    return lifted
