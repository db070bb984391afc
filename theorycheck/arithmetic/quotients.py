"""Derivatives that are proved from difference quotients, without any rule of differentiation.

Shapes are those of `theorycheck.arithmetic.evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.evaluation import (
    Trace,
    check_index,
    evaluate,
    parameter_tangent,
    per_sample,
)
from theorycheck.arithmetic.numbers import Array
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Network

FIRST_STEP = fmpq(1, 2**20)

REFINEMENT = fmpq(1, 2**20)
"""First step of `one_sided_derivatives` and the factor between one step and the next."""


def difference_quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, step: fmpq
) -> tuple[Array, Array]:
    """``(f(W + hE) - f(W)) / h`` and ``(f(W) - f(W - hE)) / h``, each entry ``E`` of a parameter.

    Exact, and independent of any rule of differentiation. Each result is ``(N, C, *shape)``.

    Args:
        step: ``h > 0``; the other arguments as in `jacobian`.

    Raises:
        InputError: as `jacobian`; for a network with batch normalisation, for balls (their width
            would be divided by ``h``), and for a step that is not positive.
    """
    right, left, _ = _quotients(network, parameters, inputs, index, step)
    return right, left


def one_sided_derivatives(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, *, attempts: int = 8
) -> tuple[Array, Array] | None:
    """Right and left derivatives along every entry of a parameter, proved from quotients.

    Along one entry, on ``[0, h]``: when the argument of an activation is affine there and does not
    change sign strictly between the two ends, the activation is affine there too. By induction over
    the layers, a step without strict sign changes is one on which ``f`` is affine, and its
    difference quotient is the derivative. The pieces of ``f`` being finitely many, every
    sufficiently small step is of that kind; steps ``FIRST_STEP * REFINEMENT**i`` are tried.

    Args:
        attempts: how many steps to try; the other arguments as in `difference_quotients`.

    Returns:
        Two arrays ``(N, C, *shape)``; the partial derivative along an entry exists exactly where
        they agree. ``None`` when a kink lies nearer than the last step: not known, never "no".

    Raises:
        InputError: as `difference_quotients`.
    """
    step = FIRST_STEP
    for _ in range(attempts):
        right, left, affine = _quotients(network, parameters, inputs, index, step)
        if affine:
            return right, left
        step *= REFINEMENT
    return None


def derivative_by_quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, *, attempts: int = 8
) -> Array | None:
    """Partial derivatives ``(N, C, *shape)`` proved by `one_sided_derivatives` that agree.

    ``None`` when some entry has no partial derivative, or when that stayed unknown. At a kink all
    partial derivatives may exist though ``f`` is not differentiable: see `has_kink`.
    """
    sides = one_sided_derivatives(network, parameters, inputs, index, attempts=attempts)
    if sides is None or (sides[0] != sides[1]).any():
        return None
    return sides[0]


def directional_derivative(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    index: int,
    direction: Array,
    *,
    attempts: int = 8,
) -> Array | None:
    """Derivative along one direction of one parameter, proved as in `one_sided_derivatives`.

    Two evaluations of the network for each step, whatever the number of entries.

    Args:
        direction: an array of rationals of the parameter's shape; the others as there.

    Returns:
        ``(N, C)``; ``None`` where the two sides differ, or when a kink lies nearer than the last
        step.

    Raises:
        InputError: as `difference_quotients`.
    """
    check_index(network, index)
    if network.normalised_by_batch:
        raise InputError("difference quotients are exact only without batch normalisation")
    base = evaluate(network, parameters, inputs)
    if base.number is not fmpq:
        raise InputError("difference quotients need rationals, not balls")
    step = FIRST_STEP
    for _ in range(attempts):
        sides = []
        for signed in (step, -step):
            moved = list(parameters)
            moved[index] = parameters[index] + signed * direction
            there = evaluate(network, moved, inputs)
            if not _affine_between(network, base, there):
                break
            sides.append((there.values[-1] - base.values[-1]) / signed)
        if len(sides) == 2:
            right, left = sides
            return right if (right == left).all() else None
        step *= REFINEMENT
    return None


def _quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, index: int, step: fmpq
) -> tuple[Array, Array, bool]:
    """Right and left quotients, and whether ``f`` is proved affine over each of the steps."""
    check_index(network, index)
    if network.normalised_by_batch:
        raise InputError("difference quotients are exact only without batch normalisation")
    if not step > 0:
        raise InputError(f"a step of {step} is not positive")
    base = evaluate(network, parameters, inputs)
    if base.number is not fmpq:
        raise InputError("difference quotients need rationals, not balls")
    parameter = network.parameters[index]
    move = parameter_tangent(network, base, index) * step
    moved = evaluate(network, parameters, inputs, (parameter.layer, np.concatenate([move, -move])))
    affine = _affine_between(network, base, moved)
    here = base.values[-1]
    there = np.broadcast_to(moved.values[-1], (2 * len(move), *here.shape))
    right = (there[: len(move)] - here) / step
    left = (here - there[len(move) :]) / step
    return per_sample(right, parameter.shape), per_sample(left, parameter.shape), affine


def _affine_between(network: Network, base: Trace, moved: Trace) -> bool:
    """Whether no argument of an activation changes its sign strictly from one to the other."""
    return not any(
        (layer.slope != LINEAR) and (((here > 0) & (there < 0)) | ((here < 0) & (there > 0))).any()
        for layer, here, there in zip(
            network.layers, base.preactivations, moved.preactivations, strict=True
        )
    )
