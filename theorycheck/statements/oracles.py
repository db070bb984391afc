"""Oracles: ways to obtain the derivative of a network, so that no check rests on one alone.

An oracle takes a network, its parameters, the inputs of one batch (``N`` rows) and the number of a
parameter. It returns the derivative of each output at each sample along that parameter,
``(C, *shape)``, or None for a sample at which it has no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from theorycheck.arithmetic import reverse_mode
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.quotients import derivative_by_quotients
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network
from theorycheck.statements.numbers import Open


class Missing(Open):
    """An oracle has no answer, whatever the precision: a partial derivative does not exist."""


@dataclass(frozen=True)
class Oracle:
    """One way to differentiate.

    Attributes:
        name: as reports list it after the arithmetic.
        derivative: see the module's docstring.
    """

    name: str
    derivative: Callable[[Network, Sequence[Array], Array, int], Sequence[Array | None]]


def _by_forward_mode(
    network: Network, parameters: Sequence[Array], inputs: Array, k: int
) -> Sequence[Array | None]:
    return list(jacobian(network, parameters, inputs, k))


def _by_quotients(
    network: Network, parameters: Sequence[Array], inputs: Array, k: int
) -> Sequence[Array | None]:
    if network.normalised_by_batch:
        return [None] * len(inputs)
    found: list[Array | None] = []
    for sample in inputs[:, None]:
        try:
            derivative = derivative_by_quotients(network, parameters, sample, k)
        except InputError:  # Balls: their width would be divided by the step.
            derivative = None
        found.append(None if derivative is None else derivative[0])
    return found


FORWARD_MODE = Oracle("forward mode", _by_forward_mode)
"""Exact, entry by entry; at a kink the slope on negative arguments, which is autograd's choice."""

REVERSE_MODE = Oracle("reverse mode", lambda *at: list(reverse_mode.jacobian(*at)))
"""Exact, for all entries of a weight at once, by the chain rule from the outputs back."""

QUOTIENTS = Oracle("difference quotients", _by_quotients)
"""Proved without any rule of differentiation; no answer where a partial derivative is missing."""


def selecting(slope: float) -> Oracle:
    """Forward mode, the derivative of every activation that bends being ``slope`` at its kink."""

    def derivative(
        network: Network, parameters: Sequence[Array], inputs: Array, k: int
    ) -> Sequence[Array | None]:
        return list(jacobian(network, parameters, inputs, k, at_kink=slope))

    return Oracle(f"slope {slope:g} at kinks", derivative)


def oracles(selections: Iterable[float]) -> list[Oracle]:
    """Those that a single network is checked with besides forward mode.

    Args:
        selections: slopes at kinks for which a statement is made beside autograd's.
    """
    return [QUOTIENTS, *map(selecting, selections)]
