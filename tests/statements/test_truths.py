"""Truths of members."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorycheck.statements.truths import every, opposite, some


def test_truths_of_members() -> None:
    one, other = np.array([True, True, False]), np.array([True, False, False])
    assert every([True, one, other]).tolist() == [True, False, False]  # type: ignore[union-attr]
    assert some([False, one, other]).tolist() == [True, True, False]  # type: ignore[union-attr]
    assert opposite(one).tolist() == [False, False, True]  # type: ignore[union-attr]
    assert (every([]), some([]), opposite(True)) == (True, False, False)


def test_what_decides_ends_the_evaluation() -> None:
    def endless() -> Any:
        yield False
        raise AssertionError

    assert every(endless()) is False
    assert some(not truth for truth in endless()) is True
