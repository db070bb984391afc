"""The operations of a gradient in order, for networks whose tape is written down by hand."""

from __future__ import annotations

import pytest

from tests.training.compiled.programs import IDLE, cohort_of, descent_of
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)
from theorycheck.training.cohorts import Objective, Parametrisation
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories
from theorycheck.training.compiled.tape import Tape

FILTERS = Convolution(1, 2, 2, 2, (1, 2))
TAPES = [
    (
        mlp((3, 4, 2), bias=True),
        "dense bias relu dense square_slopes "
        "dense_back dense_gradient relu_back bias_gradient dense_gradient",
    ),
    (
        mlp((3, 4, 2), 0.5, normalisation="batch"),
        "dense largest_value dense_noise batch_norm leaky dense square_slopes "
        "dense_back dense_gradient leaky_back batch_norm_back dense_gradient",
    ),
    (
        Network(2, (Layer(2, (Edge(0),)), Layer(2, (Edge(1), Edge(1, Identity())), LINEAR))),
        "dense relu dense identity square_slopes "
        "dense_back dense_gradient identity relu_back dense_gradient",
    ),
    (
        Network(4, (Layer(4, (Edge(0, FILTERS),)), Layer(4, (Edge(1, FILTERS),), LINEAR))),
        "convolution relu convolution square_slopes clear convolution_back convolution_gradient "
        "relu_back convolution_gradient",
    ),
    (
        # The second layer leads nowhere: no slopes come back to it, and it passes none on.
        IDLE,
        "dense relu dense bias relu dense relu square_slopes relu_back dense_back dense_gradient "
        "clear relu_back bias_gradient dense_back dense_gradient relu_back dense_gradient",
    ),
]


def tape_of(network: Network, parametrisation: Parametrisation = "plain") -> list[str]:
    cohort, objective = cohort_of(network, 2, 5, parametrisation=parametrisation), Objective()
    places = Places(cohort, objective, 5, "members")
    tape = Tape(cohort, objective, places, Memories())
    return [record.operation for record in tape.section.records]


@pytest.mark.parametrize(("network", "expected"), TAPES, ids=lambda value: str(value)[:40])
def test_tapes(network: Network, expected: str) -> None:
    assert tape_of(network) == expected.split()


@pytest.mark.parametrize("parametrisation", ["lagrange", "weight-norm"])
def test_a_factor_rho(parametrisation: Parametrisation) -> None:
    """Outputs are multiplied by it before the loss, slopes after it."""
    plain, loss = tape_of(mlp((3, 2))), "square_slopes"
    assert plain == ["dense", loss, "dense_gradient"]
    scaled = ["dense", "scale", loss, "inner", "scale"]
    if parametrisation == "lagrange":
        expected = [*scaled, "multiplier", "dense_gradient"]
    else:
        expected = ["unit", *scaled, "dense_gradient", "unit_back"]
    assert tape_of(mlp((3, 2)), parametrisation) == expected


def test_matrices_move_on_the_tape_of_descent() -> None:
    """Last of all that is done with them; where lanes are samples, after their gradient."""
    cohort = cohort_of(mlp((3, 4, 2)), 2, 5)
    found = {}
    for layout in ("members", "samples"):
        program = descent_of(cohort, layout)
        found[layout] = [record.operation for record in program.during.records]
    assert found["members"][-5:] == [
        "dense_back",
        "dense_step",
        "relu_back",
        "dense_step",
        "lengthen",
    ]
    gradients = ["dense_gradient", "matrix_step"]
    assert found["samples"][-7:] == ["dense_back", *gradients, "relu_back", *gradients, "lengthen"]
