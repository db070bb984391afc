"""How far verdicts of stated claims reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.claims.stated_claims import NO_BIASES
from tests.claims.toy_claims import toy
from theorycheck import Assumption, Claim, altered, cases, mlps, stated
from theorycheck.claims.declaration import Paper
from theorycheck.claims.settling import ENOUGH, LARGEST, settlement_of
from theorycheck.claims.strengths import SAMPLED, Strength

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)
LEMMA = "inner(W[k], df(n, 0, k)) == f(n, 0)"


def lemma(states: str = LEMMA, **changes: Any) -> Claim:
    parts: dict[str, Any] = {
        "title": "A lemma", "kind": "identity", "sources": [PAPER.at("Lemma 1")], "printed": "1=1",
        "given": [NO_BIASES], "control": altered("2", "1 == 2"),
        "forall": ["k in weights", "n in samples"], "on": cases(mlps()), "why": "Because.",
        **changes,
    }  # fmt: skip
    return stated("toy-lemma", states=states, **parts)


def strength_of(claim: Claim) -> Strength:
    found = settlement_of(claim)
    assert (found.proof is not None) is (found.strength.level == "architectures")
    return found.strength


def test_a_lemma_is_settled_for_enough_architectures() -> None:
    found = strength_of(lemma())
    assert (found.level, found.architectures, found.reason) == ("architectures", ENOUGH, None)
    assert 0 < found.largest <= LARGEST
    assert strength_of(lemma()) == found


def test_what_is_false_of_some_architecture_is_sampled() -> None:
    for states in (f"2 * {LEMMA}", f"{LEMMA} and depth == 2"):
        found = strength_of(lemma(states))
        assert found.level == "sampled"
        assert "not true in a field" in str(found.reason)


def test_what_cannot_be_read_says_why() -> None:
    found = strength_of(lemma("exp(f(n, 0)) == 1"))
    assert found == Strength(level="sampled", reason="not read in a field: the word exp")


@pytest.mark.parametrize(
    "states",
    ["rank(df(n, 0, k)) - 1 == 0", "rank(W[k][0]) <= 0"],
    ids=["a difference", "of a row"],
)
def test_a_rank_where_the_field_has_none_is_not_settled(states: str) -> None:
    assert str(strength_of(lemma(states)).reason).startswith("not read in a field: ")


@pytest.mark.parametrize(
    ("depths", "level"), [((3, 3), "architectures"), ((2, 2), "sampled")], ids=["false", "true"]
)
def test_a_control_that_leaves_out_hypotheses_is_false_of_its_own_cases(
    depths: tuple[int, int], level: str
) -> None:
    """Where it is true of those as well, it is no false neighbour."""
    two = Assumption("two layers", "depth == 2")
    found = strength_of(
        lemma(
            f"{LEMMA} and depth == 2",
            given=[NO_BIASES, two],
            control=altered("any depth", without=[two], on=cases(mlps(depths=depths))),
            on=cases(mlps(depths=(2, 2))),
        )
    )
    assert found.level == level


def test_few_architectures_are_not_enough() -> None:
    found = strength_of(lemma(on=cases(mlps(depths=(1, 1), widths=(1, 2)), samples=(1, 1))))
    assert found.level == "sampled"
    assert str(found.reason).startswith("settled for 2 of 40 architectures")


@pytest.mark.parametrize(
    "claim",
    [
        lemma(given=[Assumption("very deep", "depth > 40")]),
        lemma(on=cases(mlps(depths=(2, 3), widths=(30, 40)), samples=(1, 1))),
    ],
    ids=["nothing to check", "too large"],
)
def test_what_is_passed_over_is_not_settled(claim: Claim) -> None:
    assert str(strength_of(claim).reason).startswith("settled for 0 of 40 architectures")


def test_claims_of_other_kinds() -> None:
    assert strength_of(toy(None, kind="symbolic")).level == "general"
    assert strength_of(toy(None)) == strength_of(toy(None, kind="tendency")) == SAMPLED
    bare = replace(lemma(), formal=None, on={"case": st.none()})
    assert strength_of(bare).reason == "not stated as a formula"
