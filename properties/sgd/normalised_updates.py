"""The update of normalised SGD (xu2022, Eq. 46) at points where it is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flint import fmpq
from hypothesis import strategies as st

from properties.dynamics.normalised import NormalisedPoint
from properties.notation import NEAR_KINK, RATIONALS
from theorycheck import (
    RELU,
    Case,
    Findings,
    Network,
    Rejection,
    arithmetic,
    equality,
    mlps,
    positive_dyadics,
)
from theorycheck.arithmetic import Array, flat, in_rows, quotient_gradient, squared
from theorycheck.drawing import unit_arrays


@st.composite
def normalised_sgd_cases(
    draw: st.DrawFn, networks: st.SearchStrategy[Network], samples: tuple[int, int]
) -> Case:
    """Weight matrices of Frobenius norm one, integer inputs, labels +-1, and a factor rho."""
    network = draw(networks)
    count = draw(st.integers(*samples))
    weights = [draw(unit_arrays(p.shape)) for p in network.parameters]
    integers, signs = st.integers(-2, 3), st.sampled_from([1, -1])
    width = network.input_width
    rows = draw(
        st.lists(st.lists(integers, min_size=width, max_size=width), min_size=count, max_size=count)
    )
    labels = draw(st.lists(signs, min_size=count, max_size=count))
    return Case.single(
        network,
        weights,
        rows,
        [[y] for y in labels],
        {
            "rho": draw(positive_dyadics()),
            "weight_decay": draw(positive_dyadics()),
            "learning_rate": draw(positive_dyadics()),
        },
    )


def lagrangian(point: NormalisedPoint) -> Callable[[Sequence[Array]], fmpq]:
    """xu2022, Eq. 1, up to its constant, with the multipliers of Eq. 4, the same for all layers."""

    def value(weights: Sequence[Array]) -> fmpq:
        values = arithmetic.vertices(point.network, weights, point.inputs)[-1][:, 0]
        norms = sum((squared(weight) for weight in weights), fmpq(0))
        fit: fmpq = squared(point.rho * values - point.labels) / point.samples
        return fit + point.multiplier * norms + point.decay * point.rho * point.rho

    return value


def data_terms(point: NormalisedPoint) -> Array:
    """``2 (1 - rho fbar_n) rho dfbar_n/dV`` of each sample, all matrices in a row, ``(N, P)``."""
    factors = 2 * (1 - point.rho * point.margins) * point.rho * point.labels
    terms: Array = factors[:, None] * in_rows(point.jacobians)
    return terms


def update_of_rho(case: Case, sign: int, decay_share: int) -> Findings:
    """Both sides of the first line of Eq. 46, the whole case being the batch."""
    point = NormalisedPoint.of(case)
    rho, rate, margins = point.rho, point.numbers["learning_rate"], point.margins
    left = rho - rate * point.slope(rho)
    term = 2 * point.reduce((1 - rho * margins) * margins)
    right = rho + sign * rate * term - decay_share * rate * point.decay * rho
    yield equality([left], [right], RATIONALS, case.member)


def update_of_weights(case: Case, sign: int, *, rate_on_left: bool, share: int) -> Findings:
    """Both sides of the second line of Eq. 46, the whole case being the batch."""
    point = NormalisedPoint.of(case)
    rate, weights = point.numbers["learning_rate"], flat(point.weights)
    gradient = quotient_gradient(point, lagrangian(point))
    if gradient is None:
        yield Rejection(NEAR_KINK)
        return
    left = weights - (rate if rate_on_left else 1) * gradient
    term = point.reduce(data_terms(point))
    right = weights + sign * rate * term - share * rate * point.multiplier * weights
    yield equality(left[None], right[None], RATIONALS, case.member)


UPDATED = normalised_sgd_cases(mlps(depths=(1, 3), widths=(1, 2), slopes=(RELU,)), (1, 3))
