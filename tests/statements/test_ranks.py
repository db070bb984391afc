"""Ranks as values of formulas: known, or within bounds."""

from __future__ import annotations

import pytest

from theorycheck.statements.numbers import Open, compare
from theorycheck.statements.ranks import Rank, RankBounds


def test_a_rank_is_a_number_that_knows_the_highest_of_its_shape() -> None:
    found = Rank.of(2, (3, 5))
    assert (found + 1, found.largest) == (3, 3)
    assert RankBounds(1, 4).largest == 4


@pytest.mark.parametrize("relation", ["==", "!=", "<=", ">=", "<", ">"])
def test_comparisons_of_ranks_within_bounds(relation: str) -> None:
    for bound in range(5):
        truths = {compare(r, relation, bound) for r in (1, 2, 3)}
        if len(truths) == 1:
            assert {compare(RankBounds(1, 3), relation, bound)} == truths
        else:
            with pytest.raises(Open):
                compare(RankBounds(1, 3), relation, bound)
