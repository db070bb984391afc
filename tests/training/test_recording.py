"""What a run records: distances, steps and norms of gradients, exactly where nothing rounds."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.cohorts import random_cohort
from tests.training.dyadic_cohorts import dyadic_cohort, unit_start
from tests.training.velocities import UNIT, exact, exact_descent, same
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network, mlp
from theorycheck.training import memory, vector_field
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, Parametrisation, State
from theorycheck.training.recording import GradientNorm, Run
from theorycheck.training.trainers import gradient_descent, sgd
from theorycheck.training.vector_field import Field, velocity

pytestmark = pytest.mark.usefixtures("engine")


def test_distance_and_step_are_recorded() -> None:
    """One weight per matrix: norms are moduli, so that both are exact."""
    cohort, seeds = dyadic_cohort(mlp((1, 1, 1)), members=2, seed=1), torch.tensor([3, 4])
    run = sgd(
        cohort,
        Objective(),
        batch_size=2,
        epochs=1,
        learning_rate=0.125,
        batch_seeds=seeds,
        measures={"weights": lambda network, state, x, y: state.parameters[0]},
    )
    order = Batches(seeds, 4, 2).orders(0, 1)[:, 0].tolist()
    assert run.trace["distance"][0].isnan().all()
    assert run.trace["step"][0].isnan().all()
    for k in range(2):
        path = [[exact(p[k]) for p in cohort.state.parameters]]
        for count in (1, 2):
            path.append(exact_descent(cohort, k, [order[k][:count]], [Fraction(1, 8)], Fraction(0)))
        change = [abs(b - a)[0, 0] for a, b in zip(path[0], path[2], strict=True)]
        assert same(run.trace["distance"][1, k], sum(change) / 2)
        lengths = [
            math.hypot(*(float((b - a)[0, 0]) for a, b in zip(*pair, strict=True)))
            for pair in pairwise(path)
        ]
        mean = sum(lengths) / 2
        # Derivation: a hypotenuse, its product with the rate, and the mean of two: squares are
        # exact or rounded once, then sum, root, and at most 4 roundings more: 7 of each term.
        off = 2 * 7 * UNIT
        assert abs(float(run.trace["step"][1, k]) - mean) <= off * mean
        # The measure returns a view of the state; training has left the first one as it was.
        assert same(run.trace["weights"][0, k], path[0][0])
        assert same(run.trace["weights"][1, k], path[2][0])


def test_distance_is_between_the_normalised_weights() -> None:
    """Recomputed from the recorded ``v / |v|``: the same differences, then a norm of two numbers.

    Derivation: squares, sum and root are at most 4 roundings, here and there (Higham, Lemma 3.1).
    """
    cohort = unit_start(dyadic_cohort(mlp((2, 1))), "weight-norm")
    doubled = replace(cohort.state, parameters=(2 * cohort.state.parameters[0],))
    run = gradient_descent(
        replace(cohort, state=doubled),
        Objective(penalty="rho"),
        learning_rate=0.125,
        steps=2,
        measures={"unit": lambda network, state, x, y: state.effective(network)[0][:, 0]},
    )
    expected = np.sqrt((run.trace["unit"].diff(dim=0).numpy() ** 2).sum(axis=-1))
    assert (expected > 0).all()
    assert (abs(run.trace["distance"][1:].numpy() - expected) <= 2 * 4 * UNIT * expected).all()


def test_distances_span_the_records() -> None:
    cohort = dyadic_cohort(mlp((1, 1)))
    weights = {"w": lambda network, state, x, y: state.parameters[0].flatten()}
    settings: dict[str, Any] = {"learning_rate": 0.125, "steps": 5, "measures": weights}
    run = gradient_descent(cohort, Objective(), record_every=2, **settings)
    every = gradient_descent(cohort, Objective(), record_every=1, **settings)
    assert run.times.tolist() == [0, 2, 4, 5]
    assert torch.equal(run.trace["w"], every.trace["w"][[0, 2, 4, 5]])
    assert torch.equal(run.trace["distance"][1:], run.trace["w"].diff(dim=0).abs())
    moduli = every.trace["w"].diff(dim=0).abs()
    assert torch.equal(every.trace["step"][1:], moduli)
    expected = torch.stack([moduli[:2].mean(dim=0), moduli[2:4].mean(dim=0), moduli[4]])
    assert torch.equal(run.trace["step"][1:], expected)


def test_the_gradient_norm_is_the_length_of_a_step_by_its_rate() -> None:
    """A single weight, full batches: both are exact. The penalty is part of it."""
    cohort = dyadic_cohort(mlp((1, 1)))
    gradient = {"gradient": GradientNorm(Objective())}
    options: dict[str, Any] = {"learning_rate": 0.125, "steps": 3, "record_every": 1}
    run = gradient_descent(cohort, Objective(), measures=gradient, **options)
    assert cohort.weight_decay.any()
    assert torch.equal(run.trace["gradient"][:-1] * 0.125, run.trace["step"][1:])


def test_the_gradient_of_a_fitted_cross_entropy_is_no_zero() -> None:
    """Outputs 50 and 0, of which the first is asked for: it moves as far as the other one.

    Derivation: a probability is right to 16 u, an exponential (3 u at most), a sum and a quotient;
    so are its products with powers of two, and norms of two such numbers with 4 roundings more.
    The sum of 50 and its change is below 128 and rounds once.
    """
    matrix = torch.tensor([[[50.0], [0.0]]], dtype=torch.float64)
    data = torch.ones(1, 1, dtype=torch.float64), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    cohort = Cohort.broadcast(mlp((1, 2)), State((matrix,)), *data)
    objective, rate = Objective("cross_entropy", penalty="none"), 2.0**76
    measured = {"gradient": GradientNorm(objective)}
    run = gradient_descent(cohort, objective, learning_rate=rate, steps=1, measures=measured)
    with mpmath.workprec(200):
        probability = 1 / (1 + mpmath.exp(50))
        length = mpmath.sqrt(2) * probability
    assert abs(float(run.trace["gradient"][0]) - length) <= 20 * UNIT * length
    right, wrong = run.state.parameters[0].flatten().tolist()
    assert abs(wrong + rate * probability) <= 16 * UNIT * rate * probability
    assert abs(right - 50 - rate * probability) <= 16 * UNIT * rate * probability + 64 * UNIT


@pytest.mark.parametrize("parametrisation", ["plain", "weight-norm"])
def test_the_gradient_norm_is_that_of_the_velocity(
    parametrisation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In room that is allocated once for all records."""
    cohort, objective = dyadic_cohort(mlp((2, 3, 1))), Objective()
    if parametrisation == "weight-norm":
        cohort, objective = unit_start(cohort, parametrisation), Objective(penalty="rho")
    run = gradient_descent(cohort, objective, learning_rate=2.0**-6, steps=4)
    states = [cohort.state, run.state]
    moved = [velocity(replace(cohort, state=state), objective) for state in states]
    rows = [Field(cohort, objective).pack(state) for state in moved]
    norm, original, allocated = GradientNorm(objective).of(cohort), vector_field.Evaluation, []

    def allocate(*options: Any) -> vector_field.Evaluation:
        allocated.append(options)
        return original(*options)

    monkeypatch.setattr(vector_field, "Evaluation", allocate)
    for state, row in zip(states, rows, strict=True):
        found = norm(cohort.network, state, cohort.inputs, cohort.targets)
        assert torch.equal(found, torch.linalg.vector_norm(row, dim=1))
    assert len(allocated) == 1


def test_kept_states_are_those_of_shorter_runs_and_keeping_changes_nothing() -> None:
    """At the start, at epochs without a record, across milestones, and at the end."""
    cohort, seeds = dyadic_cohort(mlp((2, 3, 1)), members=2, seed=1), torch.tensor([3, 4])

    def run(epochs: int, keep: tuple[int, ...] = ()) -> Run:
        return sgd(
            cohort, Objective(), batch_size=2, epochs=epochs, learning_rate=2**-8,
            batch_seeds=seeds, momentum=0.5, milestones=(3,), record_every=5, keep=keep,
        )  # fmt: skip

    whole = run(5, (0, 1, 4, 5))
    assert list(whole.kept) == [0, 1, 4, 5]
    expected = {0: cohort.state, **{epoch: run(epoch).state for epoch in (1, 4, 5)}}
    for epoch, state in whole.kept.items():
        for one, other in zip(state.parameters, expected[epoch].parameters, strict=True):
            assert torch.equal(one, other)
    assert not bool(whole.diverged.any())
    assert torch.equal(whole.trace["distance"][1:], run(5).trace["distance"][1:])
    assert whole.times.tolist() == [0, 5]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda state: 3, "first axis is that of the 2 members, not int"),
        (lambda state: np.ones(2), "first axis is that of the 2 members, not ndarray"),
        (lambda state: torch.tensor(1.0), r"not one of shape \(\)"),
        (lambda state: torch.ones(3), r"not one of shape \(3,\)"),
        (
            lambda state: torch.ones(2, int(state.parameters[0].sum().item() * 1000) % 97),
            "before, and now",
        ),
    ],
)
def test_what_a_measure_gives_is_checked(given: Any, said: str) -> None:
    cohort = dyadic_cohort(mlp((1, 1, 1)), members=2, seed=1)
    with pytest.raises(InputError, match=rf"the measure 'mine' .*{said}"):
        gradient_descent(
            cohort,
            Objective(),
            steps=1,
            learning_rate=0.125,
            measures={"mine": lambda network, state, x, y: given(state)},
        )


@pytest.mark.parametrize("parametrisation", ["plain", "weight-norm"])
def test_what_is_kept_of_a_cohort_in_parts_is_that_of_the_whole(
    parametrisation: Parametrisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tensor of every member, the states that are kept along the way among them."""
    cohort = random_cohort(mlp((3, 4, 2)), 40, 8, parametrisation=parametrisation)

    def part(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return torch.full_like(inputs[:, 0, 0], len(inputs))

    def trained() -> Run:
        return sgd(
            cohort,
            Objective(penalty="weights" if parametrisation == "plain" else "rho"),
            batch_size=4,
            epochs=4,
            learning_rate=0.01,
            batch_seeds=torch.arange(40),
            keep=[0, 2, 3],
            measures={"part": part},
        )

    whole = trained()
    monkeypatch.setattr(memory, "free_memory", lambda device: 4000)
    parts = trained()
    assert (whole.trace["part"] == 40).all()
    assert (parts.trace["part"] < 40).all()
    assert sorted(parts.kept) == [0, 2, 3]
    for epoch, state in whole.kept.items():
        kept = parts.kept[epoch]
        assert all(map(torch.equal, kept.parameters, state.parameters))
        if state.rho is not None and kept.rho is not None:
            assert torch.equal(kept.rho, state.rho)
