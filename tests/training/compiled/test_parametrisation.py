"""What pulls parameters towards 0, for every penalty and parametrisation."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.training.compiled.programs import cohort_of
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Objective, Parametrisation, Penalty
from theorycheck.training.compiled.parametrisation import Directions, pulls
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Section


@pytest.mark.parametrize("penalty", ["none", "weights", "rho"])
@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
def test_pulls_cover_a_row(penalty: Penalty, parametrisation: Parametrisation) -> None:
    """Matrices by the penalty on weights, ``rho`` by its own; the multiplier adds to the first."""
    if (parametrisation, penalty) == ("plain", "rho"):
        return
    cohort = cohort_of(mlp((3, 4, 2), bias=True), 2, 5, parametrisation=parametrisation)
    objective, tape = Objective(penalty=penalty), Section("tape")
    places = Places(cohort, objective, 5, "members")
    found = pulls(tape, places, cohort.state, objective)
    assert found[0].first == 0
    assert found[-1].last == places.row.count
    assert all(one.last == other.first for one, other in pairwise(found))
    of = {first: coefficient for first, _, coefficient in found}
    assert of[places.row.matrices] == places.zero
    decay = places.decay if penalty == "weights" else places.zero
    if parametrisation == "lagrange":
        [record] = tape.records
        assert record.operation == "multiplier"
        assert record.operands == (of[0], decay, places.rho, places.gradient_of_rho)
    else:
        assert tape.records == []
        assert of[0] == decay
    if parametrisation != "plain":
        assert of[places.row.rho] == (places.decay if penalty == "rho" else places.zero)


def test_directions_are_those_of_the_matrices() -> None:
    """Biases have none."""
    cohort = cohort_of(mlp((3, 4, 2), bias=True), 2, 5, parametrisation="weight-norm")
    places, tape = Places(cohort, Objective(), 5, "members"), Section("tape")
    directions = Directions(tape, places)
    assert tuple(directions.places) == cohort.network.weights
    directions.back(tape)
    operations = [record.operation for record in tape.records]
    assert operations == ["unit", "unit", "unit_back", "unit_back"]
    for index, there, back in zip(cohort.network.weights, *_halves(tape), strict=True):
        out, norm, weights, count = there
        assert weights == places.parameter(index)
        assert back == (places.gradient_of(index), out, norm, count)


def _halves(tape: Section) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    operands: list[tuple[object, ...]] = [record.operands for record in tape.records]
    return operands[:2], operands[2:]
