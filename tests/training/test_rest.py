"""Proved points of rest: ridge regression and one unit in closed form; minima on kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from flint import arb, fmpq, fmpq_mat

from theorycheck.arithmetic.numbers import precision, rationals
from theorycheck.arithmetic.zeros import BITS
from theorycheck.errors import InputError
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, RELU, mlp
from theorycheck.training.cohorts import Cohort, State, parametrise
from theorycheck.training.rest import points_of_rest

DECAY = Fraction(1, 16)
INPUTS = [[0.5, 0.25, 0.0], [-0.25, 0.5, 0.125], [0.125, -0.5, 0.75]]
SIGNS = [1, -1, 1]


def cohort(network_widths: list[int], slope: float, members: int, seed: int = 0) -> Cohort:
    network = mlp(network_widths, slope)
    state = parametrise(network, initialise(network, members, seed=seed), "weight-norm")
    inputs, targets = torch.tensor(INPUTS).double(), torch.tensor(SIGNS).double()[:, None]
    return Cohort.broadcast(network, state, inputs[:, : network.input_width], targets, float(DECAY))


def ridge() -> fmpq_mat:
    """The least of ``mean (<w, x_n> - y_n)^2 + lambda |w|^2``, in rationals."""
    x = rationals(INPUTS)
    count, decay = len(x), fmpq(DECAY.numerator, DECAY.denominator)
    gram = x.T @ x / fmpq(count) + decay * rationals(np.eye(3, dtype=np.int64))
    right = x.T @ rationals(SIGNS) / fmpq(count)
    return fmpq_mat(3, 3, gram.ravel().tolist()).solve(fmpq_mat(3, 1, right.tolist()))


def test_a_linear_classifier_rests_at_ridge_regression() -> None:
    rests = points_of_rest(cohort([3, 1], LINEAR, 3))
    for rest in rests:
        assert rest is not None
        assert rest.attracts
        with precision(2 * BITS):
            exact = [arb(entry) for entry in ridge().entries()]
            assert (rest.rho * rest.rho).overlaps(sum(e * e for e in exact))
            for ball, entry in zip(rest.weights[0][0], exact, strict=True):
                assert (ball * rest.rho).overlaps(entry)


def test_all_matrices_at_rest_have_norm_one() -> None:
    found = [rest for rest in points_of_rest(cohort([3, 1, 1], LINEAR, 4)) if rest is not None]
    assert len(found) > 0
    for rest in found:
        with precision(BITS):
            assert all((w * w).sum().contains(1) for w in rest.weights)


@pytest.mark.parametrize("sample", [0, 1])
def test_a_unit_rests_on_the_one_sample_that_it_sees(sample: int) -> None:
    """There V has its direction, and ``rho = (c / N) / (c^2 / N + lambda)``; c is its length."""
    rows = [[0.375, 0.5], [-0.75, 0.0], [0.25, -0.75]]
    network, labels = mlp([2, 1, 1], RELU), [[1.0], [1.0], [-1.0]]
    start = State(
        (torch.tensor([[rows[sample]]]).double() + 2.0**-6, torch.ones(1, 1, 1).double()),
        torch.ones(1).double(),
        "weight-norm",
    )
    inputs, targets = torch.tensor(rows).double(), torch.tensor(labels).double()
    (rest,) = points_of_rest(Cohort.broadcast(network, start, inputs, targets, float(DECAY)))
    assert rest is not None
    assert rest.attracts
    length = Fraction((5, 6)[sample], 8)
    rho = (length / 3) / (length**2 / 3 + DECAY)
    with precision(2 * BITS):
        assert rest.rho.contains(arb(fmpq(rho.numerator, rho.denominator)))
        for ball, entry in zip(rest.weights[0][0], rows[sample], strict=True):
            share = Fraction(entry) / length
            assert ball.contains(arb(fmpq(share.numerator, share.denominator)))


def test_a_sample_across_the_unit_forbids_the_proof() -> None:
    """The point of the test above, with a sample at which the unit's argument is 0."""
    rows, network = [[-0.75, 0.0], [0.0, -0.75]], mlp([2, 1, 1], RELU)
    start = State(
        (torch.tensor([[[-1.0, 0.0]]]).double(), torch.ones(1, 1, 1).double()),
        torch.ones(1).double(),
        "weight-norm",
    )
    inputs, targets = torch.tensor(rows).double(), torch.tensor([[1.0], [-1.0]]).double()
    assert points_of_rest(Cohort.broadcast(network, start, inputs, targets, 1 / 16)) == (None,)


def test_a_minimum_on_a_kink_is_not_proved() -> None:
    """Of ``(relu(w) + 1)^2`` and decay, all ``w <= 0`` are minima: a dead unit moves nowhere."""
    network = mlp([1, 1, 1], RELU)
    start = State(
        (-torch.ones(1, 1, 1).double(), torch.ones(1, 1, 1).double()),
        torch.ones(1).double(),
        "weight-norm",
    )
    one = torch.ones(1, 1).double()
    assert points_of_rest(Cohort.broadcast(network, start, one, -one, 1 / 16)) == (None,)


def test_other_networks_are_refused() -> None:
    plain = cohort([3, 1], LINEAR, 1)
    with pytest.raises(InputError, match="weight-norm"):
        points_of_rest(
            Cohort.broadcast(
                plain.network, State(plain.state.parameters), plain.inputs, plain.targets, 0.0
            )
        )
    biased = mlp([3, 2, 1], bias=True)
    state = parametrise(biased, initialise(biased, 1, seed=0), "weight-norm")
    with pytest.raises(InputError, match="without biases"):
        points_of_rest(Cohort.broadcast(biased, state, plain.inputs, plain.targets, 0.0))


def on_another_device(given: Cohort) -> Cohort:
    """As on a GPU, for which the device meta stands in: no cohort can be made there."""
    other = replace(given)
    object.__setattr__(other, "inputs", given.inputs.to("meta"))
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given.to(dtype=torch.float32), "float64 on the CPU"),
        (lambda given: given.to(dtype=torch.bfloat16), "float64 on the CPU"),
        (on_another_device, "float64 on the CPU"),
        (lambda given: replace(given, targets=given.targets / 2), "labels"),
        (lambda given: replace(given, targets=0 * given.targets), "labels"),
    ],
)
def test_other_cohorts_are_refused(change: Callable[[Cohort], Cohort], message: str) -> None:
    for layers in ([3, 1], [3, 1, 1]):
        given = cohort(layers, LINEAR, 2)
        with pytest.raises(InputError, match=message):
            points_of_rest(change(given))
