"""Running error bounds: they cover the exact numbers, and suspicion is decided in rationals."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.homogeneity import test_structural_lemma
from properties.ranks import test_gradient_rank
from theorycheck import arithmetic
from theorycheck.arithmetic import error_bounds
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import rounds
from theorycheck.arithmetic.enclosures import gamma
from theorycheck.arithmetic.error_bounds import (
    Computed,
    evaluate_with_error_bounds,
    rank_exceeds_one,
)
from theorycheck.claims.declaration import Claim
from theorycheck.claims.findings import Observation
from theorycheck.claims.setting import Setting
from theorycheck.drawing.data import large_cases
from theorycheck.drawing.networks import (
    convolutional_networks,
    directed_graphs,
    mlps,
    residual_networks,
)
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Layer,
    Network,
    mlp,
)
from theorycheck.statements.checking import WITHIN_BOUNDS

SLOPES = (RELU, LINEAR, 0.5, 0.1)
SMALL = large_cases(
    st.one_of(
        mlps(depths=(1, 5), widths=(1, 5), slopes=SLOPES),
        directed_graphs(slopes=SLOPES),
        residual_networks(slopes=SLOPES),
    )
)
few = hypothesis.settings(max_examples=60, derandomize=True, database=None, deadline=None)


def covers(computed: Computed, exactly: arithmetic.Array) -> bool:
    """Whether all exact numbers are within their bounds, decided in rationals."""
    distance = abs(arithmetic.rationals(computed.value) - exactly)
    return bool((distance <= arithmetic.rationals(computed.error)).all())


def member_in_rationals(case: Case, member: int) -> tuple[list[arithmetic.Array], arithmetic.Array]:
    return [arithmetic.rationals(p[member]) for p in case.parameters], arithmetic.rationals(
        case.inputs[member]
    )


def check_coverage(case: Case, at_kink: float | None = None) -> None:
    """Values, gradients and inner products, with derivatives in forward mode as oracle."""
    evaluation = evaluate_with_error_bounds(case)
    for member in range(case.members):
        parameters, inputs = member_in_rationals(case, member)
        values = arithmetic.vertices(case.network, parameters, inputs)
        for found, vertex in zip(evaluation.values, values, strict=True):
            assert covers(found[member], vertex)
        for k in case.network.weights:
            jacobian = arithmetic.jacobian(case.network, parameters, inputs, k, at_kink=at_kink)[
                :, 0
            ]
            assert covers(evaluation.gradient(k)[member], jacobian)
            inner = (jacobian * parameters[k]).sum(axis=(1, 2))
            assert covers(evaluation.product(k)[member], inner)


@given(SMALL)
@few
def test_bounds_cover_the_exact_numbers(case: Case) -> None:
    check_coverage(case)


def test_bounds_cover_the_exact_numbers_of_a_wide_network() -> None:
    network = mlp([40, 40, 1])
    rng = np.random.default_rng(0)
    parameters = tuple(rng.normal(size=(1, *p.shape)) for p in network.parameters)
    case = Case(network, parameters, rng.normal(size=(1, 1, 40)))
    evaluation = evaluate_with_error_bounds(case)
    exactly, inputs = member_in_rationals(case, 0)
    assert covers(evaluation.outputs[0], arithmetic.vertices(network, exactly, inputs)[-1][:, 0])
    jacobian = arithmetic.jacobian(network, exactly, inputs, 1)[:, 0]
    assert covers(evaluation.gradient(1)[0], jacobian)


@pytest.mark.parametrize("selected", [0.0, 0.25, 1.0])
def test_bounds_cover_every_selection_at_kinks(selected: float) -> None:
    """The first unit is at its kink, at a sample that is not zero."""
    first = np.array([[[0.1, -0.1], [0.3, 0.7]]])
    case = Case(mlp([2, 2, 1], 0.25), (first, np.array([[[0.9, 0.7]]])), np.full((1, 1, 2), 0.3))
    parameters, inputs = member_in_rationals(case, 0)
    assert arithmetic.has_kink(case.network, parameters, inputs)
    check_coverage(case, at_kink=selected)


@given(SMALL)
@few
def test_bounds_are_no_larger_than_those_made_beforehand(case: Case) -> None:
    """Higham, Section 3.5: ``gamma(n)`` times the output for absolute values of everything, where
    ``n`` roundings meet on a path: the terms of each inner product, and a slope.

    Derivation: twice as many are allowed for the rounding of the bounds themselves, and far more
    than all underflows can add up to on so few paths.
    """
    network = case.network
    positive = Case(
        Network(
            network.input_width,
            tuple(type(y)(y.width, y.edges, LINEAR) for y in network.layers),
        ),
        tuple(map(np.abs, case.parameters)),
        np.abs(case.inputs),
    )
    size = evaluate_with_error_bounds(positive).outputs.size
    widths = [network.width(v) for v in range(network.depth)]
    terms = sum((widths[e.source] + 1) for layer in network.layers for e in layer.edges)
    terms += sum(widths)
    underflow = 2.0**-1022
    assert (
        evaluate_with_error_bounds(case).outputs.error <= gamma(2 * terms) * size + underflow
    ).all()


# ranks


def certain(value: np.ndarray, error: float) -> bool:
    matrices = np.asarray(value, dtype=np.float64)[None]
    return bool(rank_exceeds_one(Computed(matrices, np.full_like(matrices, error))).item())


@pytest.mark.parametrize(
    ("matrix", "error", "rank_two"),
    [
        (np.eye(2), 0.0, True),
        (np.eye(3), 0.25, True),
        (np.eye(2), 0.5, False),
        (2.0**-500 * np.eye(2), 0.0, True),
        (2.0**-60 * np.eye(2), 2.0**-60, False),
        (np.zeros((3, 2)), 0.0, False),
        (np.outer([1.0, 2.0, 3.0], [5.0, 7.0]), 0.0, False),
        (np.outer([0.1, 0.2, 0.3], [0.5, 0.7]), 0.0, False),
        (np.array([[1.0, 2.0, 3.0]]), 0.0, False),
    ],
)
def test_minors_by_hand(matrix: np.ndarray, error: float, rank_two: bool) -> None:
    """With errors up to ``e``, that of the identity is at least ``(1 - e)**2 - e**2``."""
    assert certain(matrix, error) == rank_two


def test_each_matrix_has_its_own_answer() -> None:
    matrices = np.zeros((2, 4, 4))
    matrices[1, 1, 2], matrices[1, 3, 0] = 3.0, 2.0
    found = rank_exceeds_one(Computed(matrices, np.zeros_like(matrices)))
    assert found.tolist() == [False, True]


def cancelling_network() -> Case:
    """A network that vanishes identically, but for rounding: its units cancel in pairs."""
    rng = np.random.default_rng(0)
    half, last = rng.normal(size=(1, 20, 30)), rng.normal(size=(1, 1, 20))
    first = rng.normal(size=(1, 30, 30))
    order = rng.permutation(40)
    parameters = (
        first,
        np.concatenate([half, half], axis=1)[:, order],
        np.concatenate([last, -last], axis=2)[:, :, order],
    )
    return Case(mlp([30, 30, 40, 1]), parameters, rng.normal(size=(1, 10, 30)))


def test_a_gradient_of_the_size_of_rounding_errors_has_no_certain_rank() -> None:
    """Summed over the samples it has full rank to NumPy, whose threshold is relative."""
    case = cancelling_network()
    evaluation = evaluate_with_error_bounds(case)
    noise = evaluation.gradient(0).summed(1)
    assert noise.value.any()
    assert np.linalg.matrix_rank(noise.value[0]) > 5
    assert not rank_exceeds_one(noise).any()
    parameters, inputs = member_in_rationals(case, 0)
    assert not arithmetic.vertices(case.network, parameters, inputs)[-1].any()
    assert not evaluation.outputs.certainly_nonzero.any()
    assert not evaluation.product(0).certainly_nonzero.any()


# claims on large networks


CLAIMS = [test_structural_lemma.structural_lemma, test_gradient_rank.gradient_rank]


def large() -> Case:
    network = mlp([32, 40, 33, 1])
    rng = np.random.default_rng(1)
    parameters = tuple(rng.normal(size=(2, *p.shape)) for p in network.parameters)
    return Case(network, parameters, rng.normal(size=(2, 2, 32)))


def observed(claim: Claim, setting: Setting, case: Case) -> list[Observation]:
    found = list(claim.check(setting, case=case))
    assert all(isinstance(f, Observation) for f in found)
    return found


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_large_networks_are_read_within_bounds_and_controls_exceed_them(claim: Claim) -> None:
    case = large()
    assert rounds(case)
    for altered in (False, True):
        (found,) = observed(claim, Setting(altered=altered), case)
        assert (found.holds, found.arithmetic, found.count) == (not altered, WITHIN_BOUNDS, 2)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_without_the_bounds_rounding_looks_like_a_violation(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_bounds, "above", lambda computed, roundings: 0.0 * computed)
    (found,) = observed(claim, Setting(), large())
    assert (found.holds, found.arithmetic) == (False, WITHIN_BOUNDS)


# bad input


@pytest.mark.parametrize(
    "network",
    [
        mlp([2, 2, 2]),
        mlp([2, 2, 1], bias=True),
        mlp([2, 2, 1], normalisation="batch"),
        mlp([2, 2, 1], 2.0),
        mlp([2, 2, 1], -0.5),
        hypothesis.find(convolutional_networks(), lambda _: True),
    ],
    ids=str,
)
def test_unsupported_networks(network: Network) -> None:
    case = Case(
        network,
        tuple(np.ones((1, *p.shape)) for p in network.parameters),
        np.ones((1, 2, network.input_width)),
    )
    with pytest.raises(InputError, match="no running error bounds"):
        evaluate_with_error_bounds(case)


def test_a_convolution_beside_a_dense_edge_is_unsupported() -> None:
    edges = (Edge(0), Edge(0, Convolution(1, 1, 4, 1, (1, 4))))
    network = Network(4, (Layer(1, edges, 0.0),))
    weights = tuple(np.ones((1, *p.shape)) for p in network.parameters)
    with pytest.raises(InputError, match="no running error bounds"):
        evaluate_with_error_bounds(Case(network, weights, np.ones((1, 2, 4))))


def test_overflow() -> None:
    case = Case(mlp([1, 1, 1]), (np.full((1, 1, 1), 1e200),) * 2, np.ones((1, 1, 1)))
    with pytest.raises(InputError, match="overflows"):
        evaluate_with_error_bounds(case)


def test_overflow_of_one_member() -> None:
    weights = np.array([1.0, 1e200]).reshape(2, 1, 1)
    case = Case(mlp([1, 1, 1]), (weights, weights), np.ones((2, 1, 1)))
    with pytest.raises(InputError, match="overflows"):
        evaluate_with_error_bounds(case)
