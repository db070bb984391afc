"""Strategies for numbers: dyadics and hyperparameters, small ones first.

What is drawn from within other draws is one strategy for all of them, because Hypothesis looks into
each new one before it draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from hypothesis import strategies as st

from theorycheck.drawing.networks import LARGEST_INTEGER, SMALL_INTEGERS


def dyadics(
    *, largest: int = LARGEST_INTEGER, exponents: Sequence[int] = (0, 1, 2)
) -> st.SearchStrategy[Fraction]:
    """Numbers ``k / 2**e`` with ``|k| <= largest``; shrinks towards 0 and integers."""
    return _quotients(-largest, largest, tuple(exponents))


def positive_dyadics(
    *, largest: int = 4, exponents: Sequence[int] = (0, 1, 2, 3)
) -> st.SearchStrategy[Fraction]:
    """Positive numbers ``k / 2**e``: weight decays, learning rates, scales."""
    return _quotients(1, largest, tuple(exponents))


@cache
def _quotients(least: int, largest: int, exponents: tuple[int, ...]) -> st.SearchStrategy[Fraction]:
    return st.builds(
        lambda k, e: Fraction(k, 2**e), st.integers(least, largest), st.sampled_from(exponents)
    )


def powers_of_two(lowest: int, highest: int) -> st.SearchStrategy[Fraction]:
    """``2**lowest`` to ``2**highest``; shrinks towards the one nearest to 1."""
    exponents = sorted(range(lowest, highest + 1), key=abs)
    return st.sampled_from([Fraction(2) ** exponent for exponent in exponents])


def weight_decays() -> st.SearchStrategy[Fraction]:
    """Up to 1 over several orders of magnitude; and none."""
    return st.sampled_from([*(Fraction(1, 2**e) for e in range(13)), Fraction(0)])


def learning_rates() -> st.SearchStrategy[Fraction]:
    """At most 1/2 over three orders of magnitude."""
    return powers_of_two(-10, -1)


def initial_scales() -> st.SearchStrategy[Fraction]:
    """Factors on initial weights: small, medium and large."""
    return powers_of_two(-6, 3)


def batch_sizes(samples: int) -> st.SearchStrategy[int]:
    """Divisors of the number of samples, as sampling without replacement needs: from 1 to all."""
    return st.sampled_from([size for size in range(1, samples + 1) if samples % size == 0])


def integer_array(
    draw: st.DrawFn, shape: tuple[int, ...], among: Sequence[int] = SMALL_INTEGERS
) -> np.ndarray:
    """An array of small integers, drawn one by one, as float64."""
    values = draw(_integers(int(np.prod(shape)), tuple(among)))
    return np.array(values, dtype=np.float64).reshape(shape)


@cache
def _integers(size: int, among: tuple[int, ...]) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from(among), min_size=size, max_size=size)
