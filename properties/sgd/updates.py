"""One epoch of the trainer on numbers for which float64 does not round, and in rationals."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck import arithmetic
from theorycheck.arithmetic import Array, rationals
from theorycheck.training import Batches, Sampling

EXACT = "float64 without rounding against rationals"


def batch_orders(case: tc.Case, sampling: Sampling = "reshuffle") -> list[list[int]]:
    """The samples of every update of one epoch, as the trainer draws them."""
    size = int(case.numbers["batch_size"])
    seeds = torch.tensor([int(case.numbers["batch_seed"])])
    drawn = Batches(seeds, case.samples, size, sampling).orders(0, 1)[0, 0]
    return [[int(i) for i in row] for row in drawn]


def after_one_epoch(case: tc.Case, rho: bool, sampling: Sampling = "reshuffle") -> tc.State:
    """One epoch of the real trainer, in float64."""
    parameters, inputs = case.tensors()
    assert case.targets is not None
    factor = torch.tensor([float(case.numbers["rho"])], dtype=torch.float64) if rho else None
    state = tc.State(parameters, factor, "lagrange" if rho else "plain")
    cohort = tc.Cohort.broadcast(
        case.network, state, inputs, torch.tensor(case.targets), float(case.numbers["weight_decay"])
    )
    run = tc.sgd(
        cohort,
        tc.Objective("square", "mean", "rho" if rho else "weights"),
        batch_size=int(case.numbers["batch_size"]),
        epochs=1,
        learning_rate=float(case.numbers["learning_rate"]),
        momentum=float(case.numbers["momentum"]),
        batch_seeds=torch.tensor([int(case.numbers["batch_seed"])]),
        sampling=sampling,
    )
    return run.state


NUMBERS = {
    "learning_rate": st.sampled_from([Fraction(1, 2), Fraction(1, 4)]),
    "weight_decay": st.sampled_from([Fraction(1), Fraction(1, 2)]),
    "momentum": st.sampled_from([Fraction(0), Fraction(1, 2)]),
    "batch_size": st.just(Fraction(1)),
    "batch_seed": st.integers(0, 9).map(Fraction),
    "rho": st.integers(1, 3).map(Fraction),
}
SMALL_NETWORKS = tc.mlps(depths=(1, 2), widths=(1, 2), slopes=(tc.RELU, tc.LINEAR))
PAIRS = {**NUMBERS, "batch_size": st.just(Fraction(2))}
EXACT_UPDATES = st.one_of(
    tc.cases(SMALL_NETWORKS, samples=(1, 2), targets="signs", cohort=1, numbers=NUMBERS),
    tc.cases(SMALL_NETWORKS, samples=(2, 2), targets="signs", cohort=1, numbers=PAIRS),
    tc.cases(SMALL_NETWORKS, samples=(4, 4), targets="signs", cohort=1, numbers=PAIRS),
)
TWO_OF_THREE = tc.cases(
    SMALL_NETWORKS,
    samples=(3, 3),
    targets="signs",
    cohort=1,
    numbers={**PAIRS, "momentum": st.just(Fraction(0))},
)
"""Drawn uniformly, one batch of two is an epoch of three samples: a single update."""

Weights = list[Array]


def descent_in_rationals(
    case: tc.Case, network: tc.Network, data: Sequence[Array], decay: Fraction
) -> Weights:
    """W <- W - eta b with b <- m b + grad L on each batch in turn, in rationals."""
    *start, inputs, targets = data
    weights = list(start)
    buffers = [w * 0 for w in weights]
    rate, momentum = (rationals(case.numbers[n]).item() for n in ("learning_rate", "momentum"))
    for batch in batch_orders(case):
        gradients = [
            arithmetic.batch_gradient(
                network, weights, inputs[batch], targets[batch], k, rationals(decay).item()
            )
            for k in range(len(weights))
        ]
        buffers = [momentum * b + g for b, g in zip(buffers, gradients, strict=True)]
        weights = [w - rate * b for w, b in zip(weights, buffers, strict=True)]
    return weights


def bits_of_descent(case: tc.Case, data: Sequence[Array]) -> int:
    """Bits that hold every number met in the updates, for integer weights and data.

    The same updates with all weights, data and signs positive bound every partial sum, once the
    last learning rate is divided out again. The quantum is followed through the updates: a batch
    gradient is a polynomial of degree 2L - 1 in the weights, divided by the batch size.
    """
    network = replace(
        case.network, layers=tuple(replace(y, slope=tc.LINEAR) for y in case.network.layers)
    )
    # Minus the absolute labels and a negative learning rate make every term positive.
    numbers = {**case.numbers, "learning_rate": -case.numbers["learning_rate"]}
    *weights, inputs, targets = (np.abs(array) for array in data)
    positive = descent_in_rationals(
        replace(case, numbers=numbers),
        network,
        [*weights, inputs, -targets],
        case.numbers["weight_decay"],
    )
    reached = (
        Fraction(w) for array in positive for w in arithmetic.to_fractions(array).ravel().tolist()
    )
    largest = max(Fraction(1), *reached) / case.numbers["learning_rate"] ** 2
    exponent = buffered = 0
    for _ in batch_orders(case):
        gradient = (
            (2 * case.network.depth - 1) * exponent
            + _bits(case.numbers["weight_decay"])
            + math.ceil(math.log2(case.numbers["batch_size"]))
        )
        buffered = max(gradient, buffered + _bits(case.numbers["momentum"]))
        exponent = max(exponent, buffered + _bits(case.numbers["learning_rate"]))
    return math.ceil(math.log2(largest)) + exponent + 1


def _bits(fraction: Fraction) -> int:
    return fraction.denominator.bit_length() - 1
