"""Stationary points: the kernel, which shares no code with the strategies, finds them so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.drawing import stationary
from theorycheck.networks.specification import RELU, Network, mlp

torch.set_num_threads(1)

few = hypothesis.settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

GRADIENT = (
    "gradient(S, k) = sum([2 * (f(n, 0) - y[n][0]) * df(n, 0, k) for n in S]) / len(S)"
    " + 2 * weight_decay * W[k]"
)
NORMALISED = (
    "gap(n) = 1 - rho * y[n][0] * f(n, 0)",
    "nu(S) = sum([rho * y[n][0] * f(n, 0) * gap(n) for n in S]) / len(S)",
)
ON_EVERY_BATCH = "all([zero(gradient(S, k)) for S in batches(batch_size) for k in weights])"
ON_ALL_SAMPLES = "all([zero(gradient(samples, k)) for k in weights])"
RHO_AT_REST = (
    "all([sum([gap(n) * y[n][0] * f(n, 0) for n in S]) == len(S) * weight_decay * rho"
    " for S in batches(batch_size)])"
)
WEIGHTS_AT_REST = (
    "all([zero(sum([gap(n) * rho * y[n][0] * df(n, 0, k) for n in S]) / len(S) - nu(S) * W[k])"
    " for S in batches(batch_size) for k in weights])"
)
UNIT_NORMS = "all([squared(W[k]) == 1 for k in weights])"


def meets(case: Case, *given: str) -> bool:
    """Whether the kernel finds the conditions true at a case."""
    statement = kernel.Statement.read(
        {
            "latex": "",
            "hypotheses": [],
            "given": list(given),
            "where": [GRADIENT, *(NORMALISED if "rho" in case.numbers else ())],
            "forall": [],
            "conclusion": "0 == 0",
        }
    )
    evaluator = kernel.Evaluator(
        kernel.Example(case.to_dict()), statement.where, kernel.PRECISIONS[0]
    )
    return statement.unmet(evaluator, {}) is None


def reached(strategy: st.SearchStrategy[Case], *given: str, but: str | None = None) -> Case:
    """A drawn case that meets conditions and, if told so, not another."""
    settings = hypothesis.settings(max_examples=300, phases=[Phase.generate], database=None)
    return hypothesis.find(
        strategy,
        lambda case: meets(case, *given) and (but is None or not meets(case, but)),
        settings=settings,
        random=Random(0),
    )


STATIONARY = {
    "sign-labelled chains": stationary.sign_labelled_chains(),
    "chains": stationary.stationary_chains(),
    "residual networks": stationary.stationary_residual_networks(),
    "constant first layers": stationary.constant_first_layers(),
}


@pytest.mark.parametrize("name", STATIONARY)
def test_every_batch_of_that_size_has_gradient_zero(name: str) -> None:
    @few
    @given(STATIONARY[name])
    def check(case: Case) -> None:
        assert meets(case, ON_EVERY_BATCH, "weight_decay > 0", "batch_size < len(samples)")

    check()


@pytest.mark.parametrize("name", STATIONARY)
def test_functions_need_not_be_zero(name: str) -> None:
    reached(STATIONARY[name], "any([f(n, 0) != 0 for n in samples])")


def test_labels_of_sign_labelled_chains() -> None:
    reached(stationary.sign_labelled_chains(), "all([y[n][0] == 1 for n in samples])")


@few
@given(stationary.stationary_chains(full_batch=True))
def test_full_batch_chains_are_stationary_on_all_samples_alone(case: Case) -> None:
    assert meets(case, "batch_size == len(samples)", ON_EVERY_BATCH)
    one = replace(case, numbers={**case.numbers, "batch_size": Fraction(1)})
    assert not meets(one, ON_EVERY_BATCH)


@few
@given(stationary.constant_first_layers())
def test_constant_first_layers_have_no_weights_there(case: Case) -> None:
    assert len(case.parameters) == 1
    assert case.network.parameters[0].source == 1


@few
@given(stationary.plain_cases())
def test_plain_cases_have_weight_decay_and_a_mini_batch(case: Case) -> None:
    assert case.members == 1
    assert case.numbers["weight_decay"] > 0
    assert 1 <= case.numbers["batch_size"] < case.samples


def test_plain_cases_are_near_no_stationary_point() -> None:
    reached(stationary.plain_cases(), but=ON_EVERY_BATCH)


@few
@given(stationary.spread_cases())
def test_spread_cases_have_inputs_that_are_neither_zero_nor_collinear(case: Case) -> None:
    assert meets(case, "rank(x) > 1", "all([not zero(x[n]) for n in samples])")


def test_fitted_cases_are_stationary_without_decay_or_one_label_is_off() -> None:
    fitted = stationary.fitted_cases()
    others = "any([n > 0 and f(n, 0) != 0 and f(n, 0) == y[n][0] for n in samples])"

    @few
    @given(fitted)
    def check(case: Case) -> None:
        assert meets(case, "weight_decay == 0", "f(0, 0) == 0", "y[0][0] ** 2 == 1")

    check()
    reached(fitted, ON_EVERY_BATCH, others)
    reached(fitted, but=ON_EVERY_BATCH)


@few
@given(stationary.dead_cases())
def test_dead_cases_have_no_output_and_no_gradient(case: Case) -> None:
    nothing = "all([f(n, 0) == 0 for n in samples])"
    assert meets(case, "weight_decay == 0", ON_EVERY_BATCH, nothing)


@few
@given(stationary.unit_arrays((2, 2)), stationary.unit_arrays((3,), positive=True))
def test_unit_arrays(matrix: np.ndarray, positive: np.ndarray) -> None:
    for array in (matrix, positive):
        assert sum(entry * entry for entry in array.flat) == 1
    assert all(entry >= 0 for entry in positive)


def test_normalised_points_are_at_rest_with_decay() -> None:
    """Lemma 8's equations, both of them, with unequal margins among the examples."""
    equilibria = stationary.normalised_equilibria()

    @few
    @given(equilibria)
    def check(case: Case) -> None:
        assert meets(case, UNIT_NORMS, "weight_decay > 0", RHO_AT_REST, WEIGHTS_AT_REST)

    check()
    reached(equilibria, "any([f(n, 0) != f(0, 0) for n in samples])")


def test_interpolators_are_at_rest_without_decay_and_have_any_rank() -> None:
    interpolating = stationary.interpolators(weight_decays=st.just(Fraction(0)))

    @few
    @given(interpolating)
    def check(case: Case) -> None:
        assert meets(case, UNIT_NORMS, RHO_AT_REST, WEIGHTS_AT_REST)

    check()
    reached(interpolating, "rank(W[0]) == 3")


@few
@given(stationary.interpolators())
def test_interpolators_have_decay_by_default(case: Case) -> None:
    assert meets(case, "weight_decay > 0", WEIGHTS_AT_REST)
    assert not meets(case, RHO_AT_REST)


@few
@given(stationary.aligned_chains(depths=(2, 2)))
def test_aligned_chains_repeat_what_lies_along_the_direction(
    chain: tuple[Network, list[np.ndarray], np.ndarray],
) -> None:
    network, weights, direction = chain
    inputs = [[2 * entry for entry in direction]]
    case = Case.single(network, weights, inputs, [[2]])
    assert meets(case, "f(0, 0) == y[0][0]")


def test_the_search_ends_near_its_bound_and_not_at_a_stationary_point() -> None:
    """No two gradients of samples at right angles are both below sqrt(1/2) of ``2 lambda |W|``."""
    case = stationary.closest_approach(0)
    assert case.network == mlp(stationary.SEARCHED_WIDTHS[0], RELU)
    assert case is stationary.closest_approach(0)
    assert np.array_equal(case.inputs[0], np.eye(2))
    size = "squared(gradient((n,), 0))"
    bound = "weight_decay ** 2 * squared(W[0])"
    assert meets(case, f"any([2 * {bound} <= {size} for n in samples])")
    assert meets(case, f"all([{size} < 3 * {bound} for n in samples])")
