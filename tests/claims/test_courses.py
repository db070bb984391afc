"""Courses of trainings: fixed bins that add up, and bounds on what a report holds."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from statistics import median
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.claims.courses import (
    LEAST,
    MOST,
    STAGES,
    Course,
    Line,
    Settings,
    added,
    binned,
    counts,
    quantiles,
    stages,
)
from theorycheck.errors import InputError

RECIPE = Settings(
    batch_size=4, epochs=25, learning_rate=0.1, weight_decay=0.0, momentum=0.9, milestones=(),
    order=0,
)  # fmt: skip


def course(*bins: str, **changes: Any) -> Course:
    fields: dict[str, Any] = {
        "recipes": (RECIPE,), "epochs": tuple(range(len(bins))), "threshold": 1.0, "pairs": 2,
        "lines": (Line(words="rank", stages=bins),) if bins else (), **changes,
    }  # fmt: skip
    return Course(**fields)


def test_stages_are_the_start_and_the_ends_of_equal_parts() -> None:
    assert stages(16) == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert stages(25) == [0, 3, 6, 9, 12, 15, 18, 21, 25]
    assert stages(1) == [0] * STAGES + [1]


def test_bins_by_hand() -> None:
    values = [math.pi, 3.149, -0.01234, 1e-16, -0.0, math.nan, math.inf, -math.inf, 99.7]
    assert binned(values) == "-0.0125:1 0:2 3.15:2 99.5:1"
    assert counts("-0.012:1 0:2 3.1:2") == {-0.012: 1, 0.0: 2, 3.1: 2}
    assert binned([1e300, -1e300]) == f"-{MOST:.3g}:1 {MOST:.3g}:1"
    assert binned([]) == ""


NUMBERS = st.floats(-1e12, 1e12) | st.floats(-2, 2)


@given(st.lists(NUMBERS, max_size=30), st.lists(NUMBERS, max_size=30))
def test_bins_of_parts_add_up_to_those_of_the_whole(one: list[float], other: list[float]) -> None:
    parts = course(binned(one)), course(binned(other))
    for total in (parts[0] + parts[1], parts[1] + parts[0]):
        assert total.lines[0].stages == (binned([*one, *other]),)
        assert total.pairs == 4


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_a_bin_is_within_a_fortieth_of_its_values(values: list[float]) -> None:
    """At worst 1.025 is 1.00 or 1.05."""
    for value in values:
        [found] = counts(binned([value]))
        if LEAST <= abs(value) <= MOST:
            assert abs(found - value) <= abs(value) / 40 * (1 + 2**-50)


@given(st.lists(st.integers(10, 99), min_size=1, max_size=40))
def test_quantiles_are_those_of_the_values(values: list[int]) -> None:
    found = quantiles(binned(values), (0, 0.5, 1))
    assert found == [min(values), median(values), max(values)]
    assert quantiles("", (0.5,)) is None


def test_quantiles_by_hand() -> None:
    """Of 24 ranks of which the middle two differ, the median is between them."""
    assert quantiles("4:6 5:6 6:2 7:6 8:1 9:1 10:1 12:1", (0.5,)) == [5.5]
    assert quantiles("0:1 4:1", (0, 0.25, 0.5, 0.75, 1)) == [0, 1, 2, 3, 4]
    assert quantiles("-1:1 0:1 8:1", (0.25, 0.5, 0.75)) == [-0.5, 0, 4]


def test_courses_add_up_population_by_population() -> None:
    one, other = {"a": course("1:2"), "b": course("2:2")}, {"b": course("2:1 3:1")}
    assert added(one, other) == {"a": course("1:2"), "b": course("2:3 3:1", pairs=4)}
    assert added(one, {}) == added({}, one) == one


@pytest.mark.parametrize(
    "changes",
    [
        {"recipes": (replace(RECIPE, epochs=24),)},
        {"epochs": (1,)},
        {"threshold": 2.0},
        {"lines": (Line(words="loss", stages=("1:2",)),)},
    ],
)
def test_trainings_that_differ_do_not_add_up(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="trained or measured in different ways"):
        course("1:2") + course("1:2", **changes)


LONGEST = " ".join(f"{value}:{10**5}" for value in range(24000))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("lines", 0, "stages", 0), "1:2 oops"),
        (("lines", 0, "stages", 0), "1:-2"),
        (("lines", 0, "stages", 0), "nan:2"),
        (("lines", 0, "stages", 0), LONGEST),
        (("lines", 0, "stages"), ["1:2"] * 10),
        (("lines", 0, "stages"), ["1:2", "1:2"]),
        (("lines",), [{"words": "rank", "stages": ["1:2"]}] * 5),
        (("epochs",), list(range(10))),
        (("epochs", 0), -1),
        (("recipes",), []),
        (("recipes",), [msgspec.to_builtins(RECIPE)] * 5),
        (("recipes", 0, "milestones"), [1] * 17),
        (("pairs",), 1.5),
    ],
)
def test_what_the_schema_does_not_admit_is_refused(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(json.dumps(msgspec.to_builtins(course("1:2"))))
    msgspec.convert(document, Course)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, Course)


def test_all_bins_there_are_fit_into_a_stage() -> None:
    """Every bin of either sign within the bounds, with the largest counts."""
    digits = [float(f"{d}e{p - 1}") for p in range(-16, 8) for d in range(100, 1000, 5)]
    found = Counter({0.0, *digits, *(-value for value in digits)})
    assert len(found) == 2 * 24 * 180 + 1
    longest = binned(found).replace(":1", f":{10**5}")
    msgspec.convert(msgspec.to_builtins(course(longest)), Course)
