"""Slack: every tightness is in the bin that its distance from equality says."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.claims.slack import BINS, histogram, ordered


@pytest.mark.parametrize(
    ("tightness", "name"),
    [
        (1.0, "0"),
        (1.0000001, "0"),
        (1 - 2.0**-40, "1e-06"),
        (1 - 2.0**-19, "3e-06"),
        (1 - 2.0**-4, "0.1"),
        (0.75, "0.3"),
        (0.5, "1"),
        (0.0, "1"),
        (-0.5, "more"),
    ],
)
def test_bins_by_hand(tightness: float, name: str) -> None:
    """2^-19 is 1.9e-6, 2^-4 is 0.0625; at the bound, and beyond it by rounding, is equality."""
    assert histogram([tightness]) == {name: 1}


@given(st.floats(-10, 1))
def test_an_example_is_in_the_first_bin_that_reaches_as_far(tightness: float) -> None:
    [name] = histogram([tightness])
    reach = [0.0, *map(float, BINS[1:-1]), math.inf]
    assert BINS.index(name) == next(i for i, end in enumerate(reach) if 1 - tightness <= end)


def test_what_has_no_slack_is_not_counted_and_empty_bins_are_left_out() -> None:
    found = histogram([None, math.nan, math.inf, -math.inf, 0.5, 1.0, 0.25])
    assert list(ordered(found).items()) == [("0", 1), ("1", 2)]
    assert ordered(Counter()) == {}
