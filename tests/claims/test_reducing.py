"""Cases, made as small as can be."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.reducing import reduced
from theorycheck.drawing.alterations import any_case
from theorycheck.networks.specification import LINEAR, Convolution, Edge, Layer, Network


def has_bias(case: Case) -> bool:
    return any(layer.bias for layer in case.network.layers)


def skips(case: Case) -> bool:
    return any(len(layer.edges) > 1 for layer in case.network.layers)


def has_two_outputs(case: Case) -> bool:
    return case.network.output_width == 2


def sees_a_seven(case: Case) -> bool:
    return bool((case.inputs == 7).any())


@pytest.mark.parametrize(
    ("keeps", "size"),
    # Weight, bias, input, target, rho; two weights that are read, of three layers or two; ...
    [(has_bias, 5), (skips, 6), (has_two_outputs, 6), (sees_a_seven, 4)],
)
def test_only_what_matters_is_left(keeps: Callable[[Case], bool], size: int) -> None:
    rng, found = Random(1), list[Case]()
    while len(found) < 20:
        case = any_case(rng, ["rho"])
        if keeps is sees_a_seven:
            case.inputs[0, 0, 0] = Fraction(7)
        if keeps(case):
            found.append(reduced(case, keeps))
    assert all(map(keeps, found))
    assert min(case.size for case in found) <= size
    assert sorted(case.size for case in found)[len(found) // 2] <= size + 2
    for case in found:
        assert isinstance(case.network, Network)
        numbers = [n for array in (*case.parameters, case.inputs) for n in array.flat]
        assert {*numbers} <= {0, 1, 7}


def test_a_case_stays_as_it_is_where_everything_matters() -> None:
    case = any_case(Random(2), ["rho"])
    whole = case.to_dict()
    assert reduced(case, lambda one: one.to_dict() == whole).to_dict() == whole


def test_the_search_ends() -> None:
    looked = 0

    def keeps(case: Case) -> bool:
        nonlocal looked
        looked += 1
        return bool(np.any(case.inputs))

    reduced(any_case(Random(3), []), keeps)
    assert 0 < looked <= 600


def test_a_matrix_takes_the_place_of_filters() -> None:
    """Patches of a picture of 2 x 3 that overlap, by hand; the outputs are those of the kernel."""
    image = Convolution(1, 2, 3, 1, (2, 2))
    network = Network(6, (Layer(2, (Edge(0, image),), LINEAR),))
    case = Case.single(
        network, [[[1, 2, 3, 4]]], [[1, 0, 5, 0, 1, 7], [2, 3, 1, 1, 1, 0]], [[0, 0], [0, 0]]
    )
    outputs = [[5, 41], [15, 8]]

    def same(one: Case) -> bool:
        example = kernel.Example(one.to_dict())
        formula = kernel.parse("[[f(n, c) for c in outputs] for n in samples]")
        return bool(kernel.Evaluator(example, [], 64).evaluate(formula, {}) == outputs)

    assert same(case)
    found = reduced(case, lambda one: same(one) and one.network.input_width == 6)
    assert str(found.network) == "6 -> linear 2"


def test_filters_stay_where_they_matter() -> None:
    image = Convolution(1, 1, 3, 1, (1, 2))
    network = Network(3, (Layer(2, (Edge(0, image),), LINEAR),))
    case = Case.single(network, [[[1, 2]]], [[1, 0, 1]], [[0, 0]])
    found = reduced(case, lambda one: isinstance(one.network.layers[0].edges[0].map, Convolution))
    assert found.network == network
