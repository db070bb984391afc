"""Losses of compiled programs: the operations between outputs and slopes, by hand."""

from __future__ import annotations

import pytest

from tests.training.compiled.programs import cohort_of
from theorycheck.networks.specification import mlp
from theorycheck.training import cohorts
from theorycheck.training.cohorts import Objective, Parametrisation
from theorycheck.training.compiled.losses import Loss
from theorycheck.training.compiled.places import Places, Vertex
from theorycheck.training.compiled.records import Record, Section

OUTPUTS = 3


def emitted(name: cohorts.Loss, *, rho: bool) -> tuple[Loss, list[Record]]:
    parametrisation: Parametrisation = "lagrange" if rho else "plain"
    cohort = cohort_of(mlp((2, OUTPUTS)), 2, 5, parametrisation=parametrisation)
    places = Places(cohort, Objective(name), 5, "members")
    value, slopes = places.arena.units(OUTPUTS), places.arena.units(OUTPUTS)
    loss, tape = Loss(name, places, Vertex(OUTPUTS, value, value, slopes), rho), Section("tape")
    loss.emit(tape)
    return loss, tape.records


@pytest.mark.parametrize("name", ["square", "exponential", "cross_entropy"])
def test_slopes_are_those_of_the_outputs_and_targets(name: cohorts.Loss) -> None:
    loss, [record] = emitted(name, rho=False)
    assert record.operation == f"{name}_slopes"
    assert loss.scaled == loss.output.value
    places = {loss.output.slopes, loss.output.value, loss.targets, loss.places.portion}
    assert places <= set(record.operands)


@pytest.mark.parametrize("name", ["square", "exponential"])
def test_the_factor_rho_scales_outputs_before_and_slopes_after(name: cohorts.Loss) -> None:
    """By the chain rule; in between its own slope is the sum of outputs times slopes."""
    loss, records = emitted(name, rho=True)
    before, slopes, inner, after = records
    assert [r.operation for r in records] == ["scale", f"{name}_slopes", "inner", "scale"]
    assert loss.scaled != loss.output.value
    assert {loss.scaled, loss.output.value, loss.places.rho} <= set(before.operands)
    assert loss.scaled in slopes.operands
    assert loss.output.value not in slopes.operands
    assert {loss.places.gradient_of_rho, loss.output.value} <= set(inner.operands)
    assert loss.scaled not in inner.operands
    assert after.operands.count(loss.output.slopes) == 2


def test_counts_are_of_all_outputs_of_all_cells() -> None:
    """Members as lanes: a cell for each of the 5 samples."""
    _, [record] = emitted("square", rho=False)
    assert OUTPUTS * 5 in record.operands
    _, [record] = emitted("cross_entropy", rho=False)
    assert {OUTPUTS, 5} <= set(record.operands)
