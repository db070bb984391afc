"""Corners: the special networks and data among the examples that a claim was checked on."""

from __future__ import annotations

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import has_kink
from theorycheck.arithmetic.numbers import rationals

CORNERS = (
    "depth 1", "width 1", "one sample", "equal samples", "zero sample", "zero weight matrix",
    "unit without weights", "equal rows of weights", "kink",
)  # fmt: skip
"""Names of the corners, in the order in which reports list them.

Of cohorts it is not known whether a unit is at its kink; that is found of single networks.
"""


def corners(case: Case) -> dict[str, np.ndarray]:
    """Which members of a case are which corner, ``(K,)`` bool, for every name of `CORNERS`."""
    network = case.network
    everywhere = np.ones(case.members, dtype=bool)
    weights = [
        case.parameters[k].astype(np.float64).reshape(case.members, *network.parameters[k].shape)
        for k in network.weights
    ]
    inputs = case.inputs.astype(np.float64)
    hidden = [layer.width for layer in network.layers[:-1]]
    found = {
        "depth 1": everywhere & (network.depth == 1),
        "width 1": everywhere & (1 in hidden),
        "one sample": everywhere & (case.samples == 1),
        "equal samples": _equal_rows(inputs),
        "zero sample": (inputs == 0).all(axis=2).any(axis=1),
        "zero weight matrix": _any([(w == 0).all(axis=(1, 2)) for w in weights], everywhere),
        "unit without weights": _any(
            [(w == 0).all(axis=2).any(axis=1) for w in weights], everywhere
        ),
        "equal rows of weights": _any([_equal_rows(w) for w in weights], everywhere),
        "kink": everywhere & (case.members == 1 and _at_kink(case)),
    }
    return {name: found[name] for name in CORNERS}


def _any(truths: list[np.ndarray], everywhere: np.ndarray) -> np.ndarray:
    return np.asarray(np.any([~everywhere, *truths], axis=0))


def _equal_rows(matrices: np.ndarray) -> np.ndarray:
    """Whether a matrix, of ``(K, n, d)``, has two equal rows."""
    pairs = (matrices[:, :, None] == matrices[:, None, :]).all(axis=3)
    found: np.ndarray = pairs.sum(axis=(1, 2)) > matrices.shape[1]
    return found


def _at_kink(case: Case) -> bool:
    if case.network.normalised_by_batch:
        return False
    parameters = [rationals(parameter[0]) for parameter in case.parameters]
    return has_kink(case.network, parameters, rationals(case.inputs[0]))
