"""Proofs by hand: how certain they are, when coefficients grow too large, and what is said."""

from __future__ import annotations

import pytest

from tests.kernel.test_proofs import UNIT, architecture, proof, settled, statement
from theorycheck import kernel
from theorycheck.kernel import Architecture, Rejected, settle
from theorycheck.networks.specification import mlp


def test_the_certainty_of_a_proof_by_hand() -> None:
    """Of one comparison of degree 3, with the error 3 / p and no argument of an activation."""
    found = settled("W[0][0][0] ** 3 == W[0][0][0] ** 3", architecture(mlp([1, 1])))
    assert found.degree == 3
    prime = 2**127 - 1
    assert 3 * 2**found.certainty <= prime < 3 * 2 ** (found.certainty + 1)


@pytest.mark.parametrize(("power", "trusted"), [(125, True), (126, False)])
def test_squares_of_unit_weights_let_coefficients_grow(power: int, trusted: bool) -> None:
    """Twofold for each square; the two coefficients of a difference must stay below 2**127 - 1."""
    monomial = f"product([W[0][0][0] ** 2 for i in range({power})])"
    said, about = f"{monomial} == {monomial}", architecture(mlp([2, 1]))
    if trusted:
        assert settled(said, about, given=[UNIT]).degree == 2 * power
    else:
        with pytest.raises(Rejected, match="multiples of the prime"):
            settled(said, about, given=[UNIT])


def test_a_proof_names_what_is_fixed() -> None:
    about = architecture(numbers={"rho": "1/2"})
    document = proof("rho * f(n, c) == f(n, c) / 2", about)
    said = str(kernel.check(document))
    assert "of the layers 2 -> 3 -> 1 on 2 samples with rho = 1/2, but for an error" in said


def test_layers_are_explained_by_their_numbers() -> None:
    lines = list(kernel.explain(proof()))
    assert [line.split()[:2] for line in lines if "layer" in line] == [
        ["layer", "1"],
        ["layer", "2"],
    ]


def test_the_certainty_of_what_is_linear() -> None:
    """Its error is one in 2**127 - 1."""
    found = settled("W[0][0][0] * 2 == W[0][0][0] + W[0][0][0]", architecture(mlp([1, 1])))
    assert (found.degree, found.certainty) == (1, 126)


@pytest.mark.parametrize(("power", "trusted"), [(48, True), (49, False)])
def test_the_largest_weight_matrix_decides_how_coefficients_grow(power: int, trusted: bool) -> None:
    """Sixfold for each square beside one of three entries: 2 * 6**48 < 2**127 < 2 * 6**49."""
    monomial = f"product([W[1][0][0] ** 2 for i in range({power})])"
    said = f"{monomial} == {monomial}"
    if trusted:
        assert settled(said, architecture(), given=[UNIT]).degree == 2 * power
    else:
        with pytest.raises(Rejected, match="multiples of the prime"):
            settled(said, architecture(), given=[UNIT])


@pytest.mark.parametrize(("bits", "trusted"), [(125, True), (126, False)])
def test_arguments_of_activations_may_not_differ_by_multiples_of_the_prime(
    bits: int, trusted: bool
) -> None:
    """The two coefficients of a difference: 2 * 2**125 < 2**127 - 1 < 2 * 2**126."""
    formal, about = statement("rho == rho"), architecture()
    example = Architecture(formal, "v", about, 127)
    slope = example.field.coordinate("slope")
    example.field.slopes["given", 1] = slope, (1, 2**bits, 0, 1)
    if trusted:
        assert settle(formal, example).certainty >= 100
    else:
        with pytest.raises(Rejected, match="multiples of the prime"):
            settle(formal, example)


def test_an_architecture_has_at_most_a_thousand_numbers() -> None:
    formal = statement("rho == rho")
    for count in (1000, 1001):
        about = architecture(numbers={f"n{i}": None for i in range(count - 1)} | {"rho": None})
        if count == 1000:
            assert settle(formal, Architecture(formal, "v", about, 127)).certainty >= 100
        else:
            with pytest.raises(Rejected, match="more than 1000 numbers"):
                Architecture(formal, "v", about, 127)
