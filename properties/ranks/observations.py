"""Observations of ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theorycheck import Case, Network, Observation, rank_at_most


def ranked(case: Case, ranks: np.ndarray, bound: int, how: str, widest: int) -> Observation:
    """``rank <= bound``, degenerate where no matrix is large enough to have a higher rank."""
    found = rank_at_most(ranks, bound, how, case.member)
    if widest > bound:
        return found
    reason = "the matrices are too small for a higher rank"
    return replace(found, degenerate=reason, tightness=None)


def widest(network: Network, weights: tuple[int, ...]) -> int:
    """The highest rank that the shapes of some weights allow."""
    return max(min(network.parameters[k].shape) for k in weights)
