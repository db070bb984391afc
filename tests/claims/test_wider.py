"""Claims are read at cases that their strategies never draw: a hypothesis unsaid is missing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.claims.stated_claims import LEMMA, NO_BIASES, ONE_OUTPUT, lemma
from theorycheck import Claim, altered, cases, kernel, mlp, mlps, positive_dyadics
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.entries import Examination
from theorycheck.claims.examination import examine
from theorycheck.claims.findings import Observation
from theorycheck.claims.search import search
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.wider import (
    LARGEST,
    UNSAID,
    counterexample,
    is_read_anywhere,
    of_other_claims,
    wider,
)

LARGE = (np.ones((1, 16, 16)), np.ones((1, 1, 16)))
NEAR = altered("twice the output", LEMMA.replace("== ", "== 2 * "))


def known_to_the_strategy(**changes: Any) -> Claim:
    """The lemma without the hypothesis that there are no biases: `mlps()` draws none."""
    return lemma(**{"given": [ONE_OUTPUT], "control": NEAR, "enough": 5, **changes})


def examined(claim: Claim, profile: str = "default", seed: int = 0) -> Examination:
    return examine(claim, profile=PROFILES[profile], run_seed=seed, device="cpu")


def found_for(claim: Claim, **changes: Any) -> Observation | None:
    """What is found near the simplest examples that a search draws."""
    setting = Setting(**changes)
    return counterexample(claim, setting, search(claim, setting).drawn)


@pytest.mark.parametrize("seed", range(3))
def test_a_hypothesis_that_the_strategy_alone_keeps_is_missing(seed: int) -> None:
    found = examined(known_to_the_strategy(), seed=seed)
    assert found.entry.verdict == "refuted"
    assert found.notes == (UNSAID,)
    assert found.certificate is not None
    assert kernel.check(found.certificate).document["shows"] == "refuted"
    network = found.certificate["case"]["network"]
    layers = network["layers"]
    assert any(layer["bias"] or len(layer["edges"]) > 1 or layer["normalisation"] != "none"
               or layer["edges"][0].get("kind") != "dense" for layer in layers)  # fmt: skip


def test_one_that_is_said_is_not() -> None:
    claim = known_to_the_strategy(given=[NO_BIASES, ONE_OUTPUT])
    found = examined(claim)
    assert found.entry.verdict == "holds"
    assert found_for(claim, effort=3) is None


def test_the_quick_profile_looks_at_what_the_strategy_draws() -> None:
    assert examined(known_to_the_strategy(), "quick").entry.verdict == "holds"


def test_a_number_that_the_strategy_bounds_is_found() -> None:
    """|a| <= a where a is positive, as the strategy has it; numbers of either sign are tried."""
    claim = lemma(
        "abs(a) <= a", kind="inequality", given=[], forall=[], numbers=["a"], enough=1,
        control=altered("twice", "2 * abs(a) <= a"),
        on=cases(mlps(), numbers={"a": positive_dyadics()}),
    )  # fmt: skip
    observed = found_for(claim)
    assert observed is not None
    assert (observed.left, observed.relation, observed.right) == ("1", "≤", "-1")


def test_the_same_seed_finds_the_same() -> None:
    claim = known_to_the_strategy()
    first, again = (found_for(claim, seed=3) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.case is not None
    assert again.case is not None
    assert first.case().to_dict() == again.case().to_dict()


def test_none_is_too_large() -> None:
    own = [Case(mlp([16, 16, 1]), LARGE, np.ones((1, 1, 16)))]
    found = [case.size for case in wider(own, 0, 200)]
    assert 90 < len(found) < 200
    assert max(found) <= LARGEST


def test_examples_of_others_have_the_numbers_of_a_claim_alone() -> None:
    """What they lack is 0 in one of them, and 1 in another."""

    def case(width: int = 1, **numbers: int) -> Case:
        given = {name: Fraction(number) for name, number in numbers.items()}
        return Case.single(mlp([width, 1]), [[[1] * width]], [[2] * width], [[3]], given)

    own = case(rho=1, weight_decay=2)
    others = [case(rho=5, eta=7), case(weight_decay=3, rho=4), case(width=LARGEST, rho=6)]
    found = [dict(one.numbers) for one in of_other_claims(own, others)]
    assert found == [
        {"rho": 5, "weight_decay": 0}, {"rho": 5, "weight_decay": 1}, {"rho": 4, "weight_decay": 3}
    ]  # fmt: skip


def test_trainings_are_not_read_at_other_weights() -> None:
    assert is_read_anywhere(lemma())
    assert not is_read_anywhere(lemma(kind="trajectory"))


def test_a_claim_without_small_proposals_is_left_alone() -> None:
    large = Case(mlp([16, 16, 1]), LARGE, np.ones((1, 2, 16)))
    assert large.size > LARGEST
    assert found_for(known_to_the_strategy(on=st.just(large))) is None
