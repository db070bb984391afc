"""Findings of one example: what they may say, and whom the verdict believes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from theorycheck.claims.findings import Observation, Unmet
from theorycheck.claims.outcomes import Answer, KernelWord, Reader
from theorycheck.errors import InputError


def observation(holds: bool | None = True, **changes: Any) -> Observation:
    fields: dict[str, Any] = {"left": "1", "relation": "≤", "right": "2", "arithmetic": "integers"}
    return Observation(holds, **{**fields, **changes})


@pytest.mark.parametrize("distance", [math.nan, math.inf])
def test_a_distance_that_is_not_finite_says_nothing(distance: float) -> None:
    with pytest.raises(InputError, match="finite"):
        Unmet(distance, "gradient norm")


@pytest.mark.parametrize("distance", [0.0, -0.0, -0.5])
def test_a_search_that_met_the_hypotheses_is_no_miss(distance: float) -> None:
    with pytest.raises(InputError, match="which meets the hypotheses: yield an observation"):
        Unmet(distance, "gradient norm")


def test_the_kernel_is_believed_where_it_was_asked() -> None:
    assert not observation(False).confirmed
    assert observation(False, reader=Reader.BALLS).confirmed
    for answer in Answer:
        reason = None if answer is Answer.CONFIRMED else "it says so"
        word = KernelWord(answer=answer, reason=reason)
        asked = observation(False, reader=Reader.RATIONALS, kernel=word)
        assert asked.confirmed is (answer is Answer.CONFIRMED)
        assert asked.contradicted is (answer is Answer.CONTRADICTED)
        assert (asked.objection is None) is asked.confirmed
