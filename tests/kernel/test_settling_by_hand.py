"""What an architecture leaves open, and the error of a proof, reckoned by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.kernel.examples import Json, budget
from tests.kernel.test_proofs import SIGNS, UNIT, architecture, settled, statement
from theorycheck import kernel
from theorycheck.kernel import Architecture, Field, Rejected, Residue, settle
from theorycheck.networks.specification import mlp

NO_SHIFTS = "all([W[b] == 0 for b in shifts])"


def normalised(**changes: Any) -> Json:
    """Layers 2 -> 2 -> 1 with biases; the first is normalised over the batch."""
    about = architecture(mlp([2, 2, 1]), **changes)
    first, second = about["network"]["layers"]
    first["normalisation"], second["bias"] = "batch", True
    return about


def test_shifts_are_0_where_a_hypothesis_says_so_and_nothing_else_is() -> None:
    for given in ([], [NO_SHIFTS]):
        example = Architecture(statement("rho == rho", given=given), "v", normalised(), 127)
        for parameter, value in zip(example.network.parameters, example.W, strict=True):
            if given and parameter.role == "shift":
                assert value == 0
                assert not isinstance(value, Residue)
            else:
                while isinstance(value, list):
                    value = value[0]
                assert isinstance(value, Residue)


def test_only_weights_lie_on_spheres() -> None:
    example = Architecture(statement("rho == rho", given=[UNIT]), "v", normalised(), 127)
    roles = [p.role for p in example.network.parameters]
    assert {"gain", "shift", "bias"} <= set(roles)
    assert (example.spheres, example.signs) == ([4, 2], [])
    single = Architecture(
        statement("rho == rho", given=[UNIT]), "v", architecture(mlp([1, 1, 1])), 127
    )
    assert (single.spheres, len(single.signs)) == ([], 2)


def test_labels_may_be_absent_though_a_hypothesis_is_about_them() -> None:
    formal = statement("f(0, 0) == f(0, 0)", given=[SIGNS])
    assert Architecture(formal, "v", architecture(outputs=None), 127).signs == []


def test_normalised_units_have_mean_0_and_variance_1() -> None:
    """So that they add up to the shift and their squares to the gain, each as often as samples."""
    about = architecture(mlp([2, 1]), samples=3)
    about["network"]["layers"][0] |= {"normalisation": "batch", "slope": "1"}
    total = "sum([f(n, 0) for n in samples])"
    assert settled(f"{total} == {total} + 0 * f(0, 0)", about).certainty >= 100
    shift = "W[b] for b in shifts"
    assert settled(f"{total} == 3 * sum([{shift}])", about).certainty >= 100
    for wrong in (f"{total} == 0", f"{total} == 2 * sum([{shift}])", "f(0, 0) == f(1, 0)"):
        with pytest.raises(Rejected, match="not true"):
            settled(wrong, about)


@pytest.mark.parametrize(("power", "certainty"), [(15, 122), (16, 121)])
def test_the_error_counts_each_pair_of_arguments_once(power: int, certainty: int) -> None:
    """Three arguments of degree 2 make 3 pairs of 4; with the 4 + power of the equation: 31, 32."""
    side = f"f(0, 0) * product([x[0][0] for i in range({power})])"
    found = settled(f"{side} == {side}", architecture(mlp([1, 1, 1]), samples=3))
    assert found.degree == 4 + power
    # The prime is one less than a power of 2.
    assert found.certainty == certainty


@pytest.mark.parametrize(("bits", "trusted"), [(25, True), (26, False)])
def test_denominators_of_arguments_count(bits: int, trusted: bool) -> None:
    """A difference has coefficients of 2 * 2**100 * 2**bits in all: below 2**127 - 1, or not."""
    formal = statement("rho == rho")
    example = Architecture(formal, "v", architecture(), 127)
    slope = example.field.coordinate("slope")
    example.field.slopes["given", 1] = slope, (1, 2**100, 0, 2**bits)
    if trusted:
        assert settle(formal, example).certainty >= 100
    else:
        with pytest.raises(Rejected, match="multiples of the prime"):
            settle(formal, example)


def test_a_multiple_of_the_prime_is_not_taken_for_0() -> None:
    prime = 2**127 - 1
    with pytest.raises(Rejected, match="multiples of the prime"):
        settled(f"{prime} * x[0][0] == 0")
    with pytest.raises(Rejected, match="not true"):
        settled(f"{prime - 1} * x[0][0] == 0")


def test_powers_of_unit_weights_are_refused_before_they_are_reckoned() -> None:
    powers = [f"q{i} = q{i - 1} ** 4" for i in range(1, 36)]
    where = ["q0 = W[0][0][0]", *powers]
    with pytest.raises(Rejected, match="multiples of the prime"):
        settled("q35 == q35", architecture(mlp([2, 1])), where=where, given=[UNIT])


@pytest.mark.parametrize(("squarings", "trusted"), [(26, True), (27, False)])
def test_an_error_of_exactly_the_least_certainty_is_small_enough(
    squarings: int, trusted: bool
) -> None:
    """A degree of 2**26 beside a prime of 2**127 - 1."""
    powers = [f"q{i} = q{i - 1} ** 2" for i in range(1, squarings + 1)]
    said, where = f"q{squarings} == q{squarings}", ["q0 = x[0][0]", *powers]
    if trusted:
        assert settled(said, where=where).certainty == kernel.LEAST_CERTAINTY
    else:
        with pytest.raises(Rejected, match=r"above 2\^-100"):
            settled(said, where=where)


def test_what_depends_on_nothing_has_degree_0() -> None:
    for said in ("rank([[1, 2], [2, 4]]) <= 1", "2 + 2 == 4"):
        assert (settled(said).degree, settled(said).certainty) == (0, 126)


def test_minors_of_quotients_have_a_common_denominator() -> None:
    """3! products of three entries, and six more denominators: 6 * 2**3 * 3**6, degree 3 + 6."""
    made = Field(127, "seed")
    rows = [[Residue(1, made, (1, 2, 1, 3)) for _ in range(3)] for _ in range(3)]
    assert kernel._rank_at_most(rows, 2, budget()) == (True, (9, 6 * 2**3 * 3**6))


@pytest.mark.parametrize(("bits", "few"), [(2_700, True), (2_800, False)])
def test_minors_of_order_three_may_have_coefficients_nine_times_as_long(
    bits: int, few: bool
) -> None:
    """Those of an entry are as long as its two parts together; 50,000 bits are the most."""
    made = Field(127, "seed")
    rows = [[Residue(1, made, (1, 2**bits, 0, 2**bits)) for _ in range(3)] for _ in range(3)]
    if few:
        assert kernel._rank_at_most(rows, 2, budget())[0]
    else:
        with pytest.raises(Rejected, match="multiples of the prime"):
            kernel._rank_at_most(rows, 2, budget())


def test_a_rank_that_numbers_have_needs_no_luck() -> None:
    assert kernel._rank_at_most([[Fraction(1), Fraction(2)]], 1, budget()) == (True, (0, 0))
