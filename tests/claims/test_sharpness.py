"""Bounds that are reached, and bounds that are not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.claims.stated_claims import lemma, means
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import sharpness
from theorycheck.claims.sharpness import MEMBERS, is_bound, sharpness_of
from theorycheck.kernel import Comparison, check
from theorycheck.networks.specification import mlp


def test_equal_numbers_have_equal_means() -> None:
    """2 a b = a^2 + b^2 where a = b, by hand: the first example is a = b = 1."""
    found, certificate = sharpness_of(means(), 0)
    assert certificate is not None
    assert found.ratio == 1
    assert found.equality is not None
    assert found.equality.name == "toy-means-is-sharp"
    found_anew = check(certificate).found
    assert isinstance(found_anew, Comparison)
    assert found_anew.relation == "<"
    assert found_anew.left == found_anew.right != 0
    assert certificate["statement"]["hypotheses"][-1] == (
        "but in the place of `2 * a * b <= a ** 2 + b ** 2`: `2 * a * b < a ** 2 + b ** 2`"
    )


def test_a_slack_constant_is_seen() -> None:
    """3/2 a b is at most 3/4 of a^2 + b^2; both ways to write the comparison."""
    for states in ("3 / 2 * a * b <= a ** 2 + b ** 2", "a ** 2 + b ** 2 >= 3 / 2 * a * b"):
        found, certificate = sharpness_of(means(states), 0)
        assert (found.ratio, found.equality, certificate) == (0.75, None, None)
        assert found.network is not None


@pytest.mark.parametrize("tight", range(MEMBERS + 1))
def test_of_a_cohort_the_first_members_are_looked_at(
    tight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest to equality is kept, as a network by itself."""

    def answers(statement: object, case: Case, member: int) -> list[SimpleNamespace]:
        near = 1.0 if member == tight else member / 16
        return [SimpleNamespace(holds=True, trivial=False, tightness=near)]

    monkeypatch.setattr(sharpness, "answers", answers)
    weights = np.arange(6.0).reshape(6, 1, 1)
    case, best = Case(mlp([1, 1]), (weights,), np.ones((6, 1, 1))), sharpness._Best()
    seen = tight < MEMBERS
    expected = 1.0 if seen else (MEMBERS - 1) / 16
    assert best.look(means(), case) == best.ratio == expected
    assert best.case is not None
    assert best.case.parameters[0].tolist() == [[[tight if seen else MEMBERS - 1]]]


def test_two_sides_that_are_0_say_nothing() -> None:
    found, certificate = sharpness_of(means("0 * a <= b ** 2"), 0)
    assert (found.ratio, certificate) == (None, None)


def test_an_equality_that_needs_a_root_is_known_to_the_kernel() -> None:
    found, _ = sharpness_of(means("a <= root(a ** 2)"), 0)
    assert found.equality is not None


def test_a_bound_on_a_rank_that_the_shape_gives_is_not_reached() -> None:
    ranks = {"kind": "rank", "forall": ["k in weights", "n in samples", "c in outputs"]}
    found, _ = sharpness_of(means("rank(df(n, c, k)) <= 1", **ranks), 0)
    assert found.equality is not None
    assert "-> linear 1" in found.equality.network
    found, _ = sharpness_of(means("rank(df(n, c, k)) <= 12", **ranks), 0)
    assert (found.ratio, found.equality) == (None, None)


def test_what_has_a_bound() -> None:
    assert is_bound(means())
    assert not is_bound(lemma())
    assert not is_bound(means("a < b"))
    assert not is_bound(means("a <= b and b <= a"))
    assert not is_bound(means(kind="trajectory"))
