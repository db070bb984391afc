"""Slack: how far the examples of an inequality are from equality, in fixed bins.

The slack of an example is ``1 - smaller side / larger side``. Bins are fixed, so that counts of
several searches add up exactly.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

EDGES = (*(float(f"{m}e-{k}") for k in range(6, 0, -1) for m in (1, 3)), 1.0)
"""Upper ends of the bins between equality and a smaller side of 0."""

EQUAL, MORE = "0", "more"
BINS = (EQUAL, *(f"{edge:g}" for edge in EDGES), MORE)
"""Names of all bins in order: equality in double precision, those up to an edge, and those of a
smaller side that is negative."""


def histogram(tightnesses: Iterable[float | None]) -> Counter[str]:
    """How many examples are in which bin; those without a finite tightness in none."""
    known = (t for t in tightnesses if t is not None and math.isfinite(t))
    return Counter(EQUAL if t >= 1 else BINS[1 + bisect_left(EDGES, 1 - t)] for t in known)


def ordered(counts: Counter[str]) -> dict[str, int]:
    """The same counts with bins in their order, empty ones left out."""
    return {name: counts[name] for name in BINS if counts[name]}
