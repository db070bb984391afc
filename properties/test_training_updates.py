"""Claims that tie the trainers to the updates that the papers print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from flint import fmpq
from hypothesis import strategies as st

from properties.papers import GALANTI2022, XU2022
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import SIGNIFICAND_BITS
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import claim
from theorycheck.claims.evidence import Findings, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import mlps
from theorycheck.networks.specification import LINEAR, RELU, Network
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.trainers import sgd

EXACT = "float64 without rounding against rationals"
Weights = list[arithmetic.Array]


def number(case: Case, name: str) -> Fraction:
    return case.numbers[name]


def rational(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def batches(case: Case) -> list[list[int]]:
    """The samples of every update of one epoch, as the trainer draws them."""
    size = int(number(case, "batch_size"))
    seeds = torch.tensor([int(number(case, "batch_seed"))])
    return [
        [int(i) for i in row] for row in Batches(seeds, case.samples, size).orders(0, 1)[:, 0][0]
    ]


def trained(case: Case, rho: bool) -> State:
    """One epoch of the real trainer, in float64."""
    parameters, inputs = case.tensors()
    assert case.targets is not None
    factor = torch.tensor([float(number(case, "rho"))], dtype=torch.float64) if rho else None
    state = State(parameters, factor, "lagrange" if rho else "plain")
    cohort = Cohort.broadcast(
        case.network,
        state,
        inputs,
        torch.tensor(case.targets),
        float(number(case, "weight_decay")),
    )
    run = sgd(
        cohort,
        Objective("square", "mean", "rho" if rho else "weights"),
        batch_size=int(number(case, "batch_size")),
        epochs=1,
        learning_rate=float(number(case, "learning_rate")),
        momentum=float(number(case, "momentum")),
        batch_seeds=torch.tensor([int(number(case, "batch_seed"))]),
    )
    return run.state


def descend(
    case: Case, network: Network, data: Sequence[arithmetic.Array], decay: Fraction
) -> Weights:
    """W <- W - eta b with b <- m b + grad L on each batch in turn, in rationals."""
    *start, inputs, targets = data
    weights = list(start)
    buffers = [w * 0 for w in weights]
    rate, momentum = (rational(number(case, n)) for n in ("learning_rate", "momentum"))
    for batch in batches(case):
        gradients = [
            arithmetic.batch_gradient(
                network, weights, inputs[batch], targets[batch], k, rational(decay)
            )
            for k in range(len(weights))
        ]
        buffers = [momentum * b + g for b, g in zip(buffers, gradients, strict=True)]
        weights = [w - rate * b for w, b in zip(weights, buffers, strict=True)]
    return weights


def bits_of_descent(case: Case, data: Sequence[arithmetic.Array]) -> int:
    """Bits that hold every number met in the updates, for integer weights and data.

    The same updates with all weights, data and signs positive bound every partial sum, once the
    last learning rate is divided out again. The quantum is followed through the updates: a batch
    gradient is a polynomial of degree 2L - 1 in the weights, divided by the batch size.
    """
    network = replace(
        case.network, layers=tuple(replace(y, slope=LINEAR) for y in case.network.layers)
    )
    # Minus the absolute labels and a negative learning rate make every term positive.
    numbers = {**case.numbers, "learning_rate": -number(case, "learning_rate")}
    *weights, inputs, targets = (np.abs(array) for array in data)
    positive = descend(
        replace(case, numbers=numbers),
        network,
        [*weights, inputs, -targets],
        number(case, "weight_decay"),
    )
    reached = (
        Fraction(w) for array in positive for w in arithmetic.to_fractions(array).ravel().tolist()
    )
    largest = max(Fraction(1), *reached) / number(case, "learning_rate") ** 2
    exponent = buffered = 0
    for _ in batches(case):
        gradient = (
            (2 * case.network.depth - 1) * exponent
            + _bits(number(case, "weight_decay"))
            + math.ceil(math.log2(number(case, "batch_size")))
        )
        buffered = max(gradient, buffered + _bits(number(case, "momentum")))
        exponent = max(exponent, buffered + _bits(number(case, "learning_rate")))
    return math.ceil(math.log2(largest)) + exponent + 1


def _bits(fraction: Fraction) -> int:
    return fraction.denominator.bit_length() - 1


UPDATES = cases(
    mlps(depths=(1, 2), widths=(1, 2), slopes=(RELU, LINEAR)),
    samples=(1, 2),
    targets="signs",
    cohort=1,
    numbers={
        "learning_rate": st.sampled_from([Fraction(1, 2), Fraction(1, 4)]),
        "weight_decay": st.sampled_from([Fraction(1), Fraction(1, 2)]),
        "momentum": st.sampled_from([Fraction(0), Fraction(1, 2)]),
        "batch_size": st.just(Fraction(1)),
        "batch_seed": st.integers(0, 9).map(Fraction),
        "rho": st.integers(1, 3).map(Fraction),
    },
)


@claim(
    "trained-sgd-update",
    title="Trained steps of SGD with weight decay and momentum are the printed ones",
    kind="identity",
    sources=[
        GALANTI2022.at("Section 2.1, Optimization, with Eq. 2"),
        GALANTI2022.at("Section 4.1"),
    ],
    statement=r"W_{t+1} = W_t - \eta\, b_t,\quad b_t = m\, b_{t-1} + \nabla_W\Big[\frac{1}{B}"
    r"\sum_{(x,y) \in \tilde S} (f_W(x) - y)^2 + \lambda \|W\|_2^2\Big],\quad b_{-1} = 0",
    hypotheses=[
        "square loss, bias-free networks of depth 1 or 2",
        "mini-batches of one sample, drawn without replacement",
        "integer weights and data, dyadic hyperparameters",
    ],
    control="the gradient of the weight decay is lambda W instead of 2 lambda W",
    on={"case": UPDATES},
    examples=60,
    enough=10,
)
def trained_sgd_update(setting: Setting, case: Case) -> Findings:
    """The trainer that the other claims rely on makes exactly the update of the paper: after an
    epoch the weights equal those of the same recursion carried out in rational arithmetic, with
    derivatives by forward mode instead of backpropagation.

    The papers say "momentum 0.9" and no more; it is read as the heavy ball of the usual libraries.
    The numbers are chosen so that float64 does not round, and the comparison is exact.
    """
    assert case.targets is not None
    data = [arithmetic.rationals(a[0]) for a in (*case.parameters, case.inputs, case.targets)]
    if bits_of_descent(case, data) > SIGNIFICAND_BITS:
        yield Rejection("float64 would round")
        return
    decay = number(case, "weight_decay") / (2 if setting.altered else 1)
    expected = descend(case, case.network, data, decay)
    found = [arithmetic.rationals(p[0]) for p in trained(case, rho=False).parameters]
    yield equality(flat(found), flat(expected), EXACT, case.member)


@claim(
    "trained-normalised-update",
    title="Trained steps of Lagrange-normalised SGD are those of the printed Lagrangian",
    kind="identity",
    sources=[XU2022.at("Eq. 1, 2, 4 (first form) and the first equalities of Eq. 46")],
    statement=r"\rho' = \rho - \eta \frac{\partial \mathcal L_{S'}}{\partial \rho},\quad"
    r" V_k' = V_k - \eta \frac{\partial \mathcal L_{S'}}{\partial V_k},\quad"
    r" \nu_k = \frac1B \sum_{n \in S'} (\rho \bar f_n - \rho^2 f_n^2)",
    hypotheses=[
        "square loss with weight decay lambda rho^2, scalar output",
        "a batch of all samples; rho and V_k integers, V_k not necessarily of norm 1",
    ],
    control="the multiplier nu_k is forgotten",
    on={"case": UPDATES},
    examples=60,
    enough=10,
)
def trained_normalised_update(setting: Setting, case: Case) -> Findings:
    """One update of the trainer in the normalised parametrisation equals the gradient step on the
    Lagrangian of Eq. 1 with the multipliers of Eq. 4, computed in rational arithmetic.

    The equations are used as printed also where V_k does not have norm 1: that is where forgetting
    the multiplier, or replacing it by a projection, would show.
    """
    case = replace(
        case,
        numbers={**case.numbers, "batch_size": Fraction(case.samples), "momentum": Fraction(0)},
    )
    assert case.targets is not None
    *weights, inputs, targets = (
        arithmetic.rationals(a[0]) for a in (*case.parameters, case.inputs, case.targets)
    )
    rate, decay, rho = (rational(number(case, n)) for n in ("learning_rate", "weight_decay", "rho"))
    count = case.samples
    values = arithmetic.vertices(case.network, weights, inputs)[-1]
    residuals = rho * values - targets
    multiplier = 0 if setting.altered else -(rho * values * residuals).sum() / count
    expected = [rho - rate * ((2 * residuals * values).sum() / count + 2 * decay * rho)]
    for k, weight in enumerate(weights):
        jacobian = arithmetic.jacobian(case.network, weights, inputs, k)
        slopes = (2 * rho * residuals[:, :, None, None] * jacobian).sum(axis=(0, 1)) / count
        expected.extend((weight - rate * (slopes + 2 * multiplier * weight)).flat)
    state = trained(case, rho=True)
    assert state.rho is not None
    found = [arithmetic.rationals(state.rho)] + [
        arithmetic.rationals(p[0]) for p in state.parameters
    ]
    yield equality(flat(found), np.array([expected], dtype=object), EXACT, case.member)


def flat(arrays: Sequence[arithmetic.Array]) -> arithmetic.Array:
    """All numbers of one member in a row."""
    return np.concatenate([array.ravel() for array in arrays])[None]
