"""Equivalents keep what a network makes of its data."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from tests.drawing.test_alterations import cases
from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.equivalents import (
    EQUIVALENTS,
    exchanged_lengths,
    exchanged_scale,
    idle_skip,
    normalised_unit,
    second_patch,
    without_first_layer,
)
from theorycheck.errors import InputError
from theorycheck.networks.specification import Convolution, Edge, mlp
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.syntax import Formula

Equivalent = Callable[[Random, Case], Case]


def value(case: Case, formula: str) -> object:
    return Evaluator(case, 0, []).value(Formula.of(formula).tree, {})


def made(equivalent: Equivalent) -> list[tuple[Case, Case]]:
    """Cases, and what becomes of them."""
    found, rng = [], Random(3)
    for case in cases(150):
        try:
            found.append((case, equivalent(rng, case)))
        except InputError:
            continue
    return found


OUTPUTS = "[[f(n, c) for c in outputs] for n in samples]"
MARGINS = "[f(n, 0) * y[n][0] for n in samples]"
KEPT: dict[Equivalent, str] = {
    exchanged_lengths: MARGINS,
    exchanged_scale: f"[rho * o for row in {OUTPUTS} for o in row]",
}
EVERYWHERE = [idle_skip, second_patch, normalised_unit, without_first_layer]
"""What keeps the outputs of any network; the others do so of chains that are homogeneous."""


def homogeneous(case: Case) -> bool:
    unbiased = not any(layer.bias for layer in case.network.layers)
    return bool(value(case, "chain()")) and unbiased and not case.network.normalised_by_batch


@pytest.mark.parametrize("equivalent", EQUIVALENTS)
def test_outputs_or_margins_stay_and_the_case_is_another(equivalent: Equivalent) -> None:
    compared, kept = 0, KEPT.get(equivalent, OUTPUTS)
    for before, after in made(equivalent):
        changed = after.to_dict() != before.to_dict()
        assert Case.from_dict(after.to_dict()).to_dict() == after.to_dict()
        if before.network.normalised_by_batch:
            continue
        if equivalent in EVERYWHERE or homogeneous(before):
            assert value(after, kept) == value(before, kept)
            compared += changed
    assert compared >= 15


def test_a_skip_that_reads_a_zero_alone() -> None:
    """By hand: W_2 relu(W_1 x) with a third input, 0, that the last layer reads."""
    weights = np.array([[[3.0, 4.0]]]), np.array([[[5.0]]])
    case = Case(mlp([2, 1, 1]), weights, np.array([[[1.0, 2.0]]]))
    rng, orders = Random(0), set()
    for _ in range(20):
        found = idle_skip(rng, case)
        orders.add(tuple(edge.source for edge in found.network.layers[1].edges))
        named = dict(zip(found.network.parameters, found.parameters, strict=True))
        arrays = {parameter.name: array[0].tolist() for parameter, array in named.items()}
        assert arrays == {"W[1,0]": [[3, 4, 0]], "W[2,1]": [[5]], "W[2,0]": [[0, 0, 1]]}
        assert found.inputs.tolist() == [[[1, 2, 0]]]
        assert value(found, "chain()") is False
        assert value(found, "[squared(W[k]) for k in weights if squared(W[k]) == 1]") == [1]
    assert orders == {(0, 1), (1, 0)}


def test_filters_of_which_one_patch_reads_zeros() -> None:
    """By hand: units of both patches, filter by filter, of which the next layer reads the first."""
    weights = np.array([[[3.0, 4.0], [6.0, 7.0]]]), np.array([[[5.0, 8.0]]])
    case = Case(mlp([2, 2, 1]), weights, np.array([[[1.0, 2.0]]]))
    found = second_patch(Random(0), case)
    (edge,) = found.network.layers[0].edges
    assert isinstance(edge.map, Convolution)
    assert edge.map.positions == 2
    assert found.parameters[0].tolist() == [[[3, 4], [6, 7]]]
    assert found.parameters[1].tolist() == [[[5, 0, 8, 0]]]
    assert found.inputs.tolist() == [[[1, 2, 0, 0]]]
    assert value(found, "len(filters)") == 1


@pytest.mark.parametrize(
    "equivalent", [each for each in EQUIVALENTS if each is not exchanged_lengths]
)
def test_what_does_not_fit_is_refused(equivalent: Equivalent) -> None:
    one = np.ones((1, 1, 1))
    shallow = Case(mlp([1, 1]), (one,), one)
    for seed in range(5):
        with pytest.raises(InputError):
            equivalent(Random(seed), shallow)


def test_the_scale_goes_from_a_matrix_or_the_inputs_to_rho() -> None:
    before = Case.single(mlp([1, 1]), [[[3.0]]], [[5.0]], [[1.0]], {"rho": Fraction(1)})
    found = {
        (c.parameters[0].item(), c.inputs.item(), c.numbers["rho"])
        for c in (exchanged_scale(Random(seed), before) for seed in range(40))
    }
    halves = {(Fraction(3, 2), 5, 2), (3, Fraction(5, 2), 2)}
    thirds = {(9, 5, Fraction(1, 3)), (3, 15, Fraction(1, 3))}
    assert found == {(6, 5, Fraction(1, 2)), (3, 10, Fraction(1, 2))} | halves | thirds


def test_labels_are_needed_where_they_change() -> None:
    one = np.ones((1, 1, 1))
    with pytest.raises(InputError, match="no labels"):
        exchanged_lengths(Random(0), Case(mlp([1, 1]), (one,), one))


def test_a_normalised_unit_by_hand() -> None:
    """Arguments 1 and 5 have the mean 3 and the deviation 2; 1, 2 and 6 an irrational one."""
    one = np.ones((1, 1, 1))
    case = Case(mlp([1, 1]), (one,), np.array([[[1.0], [5.0]]]))
    found = normalised_unit(Random(0), case)
    assert [array.tolist() for array in found.parameters[1:]] == [[2], [3]]
    assert value(found, "normalised()") is True
    with pytest.raises(InputError, match="irrational"):
        normalised_unit(Random(0), Case(mlp([1, 1]), (one,), np.array([[[1.0], [2.0], [6.0]]])))


def test_a_skip_beside_another_one_or_filters_is_refused() -> None:
    one = np.ones((1, 1, 1))
    case = Case(mlp([1, 1, 1]), (one, one), one)
    for equivalent in (idle_skip, second_patch):
        refused, seeds = 0, range(8)
        for seed in seeds:
            found = second_patch(Random(seed), case)
            try:
                equivalent(Random(seed), found)
            except InputError:
                refused += 1
        assert refused == len(seeds)
    assert Edge(0) not in case.network.layers[1].edges
