"""Drawn batches for batch normalisation: rational deviations, and gains that are not zero."""

from __future__ import annotations

from hypothesis import given

from tests.drawing.families import FAMILIES, few
from theorycheck import arithmetic, drawing
from theorycheck.arithmetic.cases import Case


@given(
    drawing.rational_batches(
        drawing.mlps(depths=(2, 3), outputs=(1, 2)), "batch", coefficient="beta"
    )
)
@few
def test_rational_batches_have_rational_deviations(case: Case) -> None:
    """Rational arithmetic refuses irrational deviations and constant units."""
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    _, normalised, *_ = arithmetic.vertices(
        case.network, parameters, arithmetic.rationals(case.inputs[0])
    )
    assert normalised.shape == (4, case.network.width(1))
    assert set(case.numbers) == {"beta_1", "beta_2", "beta_3", "beta_4"}


@given(drawing.batches(FAMILIES["normalised"], samples=(2, 3), coefficient="beta"))
@few
def test_batches_have_gains_that_are_not_zero(case: Case) -> None:
    assert case.members == 1
    assert case.samples in (2, 3)
    assert len(case.numbers) == case.samples
    for parameter, array in zip(case.network.parameters, case.parameters, strict=True):
        if parameter.role == "gain":
            assert array.item() != 0.0
