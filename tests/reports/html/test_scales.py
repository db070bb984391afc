"""Scales: round ends and ticks, every number within them, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.reports.html.scales import MOST_TICKS, scale


def test_a_linear_scale_by_hand() -> None:
    found = scale([5.2, 17.0], 100, 0)
    assert (found.low, found.high, found.logarithmic) == (5.0, 20.0, False)
    assert found.marks == [(100, "5"), (67, "10"), (33, "15"), (0, "20")]
    assert found.at(12.5) == 50
    assert (found.at(-1), found.at(99)) == (100, 0)


def test_a_logarithmic_scale_by_hand() -> None:
    found = scale([0.002, 1.0, 3.0], 0, 400)
    assert (found.low, found.high, found.logarithmic) == (0.001, 10.0, True)
    assert found.marks == [(0, "0.001"), (100, "0.01"), (200, "0.1"), (300, "1"), (400, "10")]
    assert scale([-0.002, 3.0], 0, 400).logarithmic is False


@pytest.mark.parametrize(("number", "ends"), [(0.0, (-1.0, 1.0)), (4.0, (2.0, 6.0))])
def test_a_single_number_is_in_the_middle(number: float, ends: tuple[float, float]) -> None:
    found = scale([number], 0, 100)
    assert (found.low, found.high) == ends
    assert found.at(number) == 50


def test_nothing_has_no_scale() -> None:
    with pytest.raises(ValueError, match="no number to draw"):
        scale([], 0, 100)


NUMBERS = st.builds(
    lambda digits, power: float(f"{digits}e{power}"), st.integers(-999, 999), st.integers(-12, 9)
)


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_all_numbers_have_places_in_their_order(numbers: list[float]) -> None:
    found = scale(numbers, 0, 600)
    places = [found.at(number) for number in sorted(numbers)]
    assert places == sorted(places)
    assert found.low <= min(numbers) <= max(numbers) <= found.high
    assert 2 <= len(found.ticks) <= MOST_TICKS + 1
    ticks = [place for place, _ in found.marks]
    assert ticks == sorted(set(ticks))
    assert 0 <= ticks[0] < ticks[-1] <= 600
