"""Truths: of one network, or of each member of a cohort."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Truth = bool | npt.NDArray[np.bool_]
"""Whether a condition is true: one answer, or one for each member of a cohort."""


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all conditions are true; those after one that is true nowhere are not evaluated."""
    found: Truth = True
    for truth in truths:
        found = truth if found is True else found & truth
        if found is False or (found is not True and not np.any(found)):
            break
    return found


def some(truths: Iterable[Truth]) -> Truth:
    """Whether any condition is true; those after one that is true everywhere are not evaluated."""
    found: Truth = False
    for truth in truths:
        found = truth if found is False else found | truth
        if found is True or (found is not False and np.all(found)):
            break
    return found


def opposite(truth: Truth) -> Truth:
    """Whether a condition is false."""
    return ~truth if isinstance(truth, np.ndarray) else not truth
