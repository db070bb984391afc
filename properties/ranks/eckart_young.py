"""galanti2022, Eq. 10 as formulas: distances from low rank, and norms of gradients."""

from collections.abc import Sequence
from typing import Any

import theorycheck as tc
from properties.notation import BATCH_GRADIENT

SIZES = {
    "frobenius": "frobenius(gradient(S, k))",
    "spectral": "spectral(gradient(S, k))",
    "nuclear": "nuclear(gradient(S, k))",
    "max": "largest(gradient(S, k))",
}
DISTANCES = {
    "frobenius": "frobenius_beyond(W[k], r)",
    "spectral": "spectral_beyond(W[k], r)",
    "nuclear": "nuclear_beyond(W[k], r)",
    "max": "frobenius_beyond(W[k], r) / root(len(W[k]) * len(W[k][0]))",
}
"""From the matrices of rank at most r (Eckart, Young, Mirsky); in the entrywise maximum norm a
lower bound, since no closed form is known.
"""


def rank_bound(*norms: str, rank: str = "B") -> dict[str, Any]:
    """Eq. 10 in some norms: the smallest gradient among the batches is any of them.

    Args:
        rank: allowed to the approximation of W[k].
    """

    def chosen(formulas: Sequence[str]) -> str:
        *others, last = formulas
        return "".join(f"{text} if p == {p} else " for p, text in enumerate(others)) + last

    return {
        # Hypotheses on S are evaluated once for each batch.
        "forall": ["B in range(1, len(samples))", "S in batches(B)", "k in weights",
                   f"p in range({len(norms)})"],
        "states": f"distance(p, k, {rank}) <= size(p, k, S) / (2 * weight_decay)",
        "where": [
            BATCH_GRADIENT,
            f"size(p, k, S) = {chosen([SIZES[norm] for norm in norms])}",
            f"distance(p, k, r) = {chosen([DISTANCES[norm] for norm in norms])}",
        ],
    }  # fmt: skip


def strengthened(factor: str = "7/8") -> tc.Altered:
    """The false neighbour with a smaller constant."""
    return tc.altered(
        f"the constant 1/(2 lambda) is replaced by {factor} of it",
        {"<= size": f"<= {factor} * size"},
    )
