"""Conditions that are needed, that are not, and that cannot be left out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.claims.stated_claims import NO_BIASES, lemma
from theorycheck import Assumption, altered, cases, mlps
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import necessity
from theorycheck.claims.necessity import needs_of
from theorycheck.claims.needs import Need
from theorycheck.kernel import check


def asked(**changes: Any) -> dict[str, Need]:
    needs, _ = needs_of(lemma(**changes), 0)
    return {need.words: need for need in needs}


def test_the_lemma_needs_a_chain_without_biases() -> None:
    """The smallest counterexamples by hand: w, x and b of one unit, whose bias adds to the output;
    and two layers of which the output does not read the first, or not the first alone.
    """
    needs, certificates = needs_of(lemma(), 0)
    found = {need.words: need for need in needs}
    assert {words: need.outcome for words, need in found.items()} == {
        "a chain of layers": "needed", "no biases": "needed",
        "no batch normalisation": "needed", "one output": "not seen",
    }  # fmt: skip
    bias = found["no biases"].counterexample
    chain = found["a chain of layers"].counterexample
    assert bias is not None
    assert chain is not None
    assert bias.numbers <= 5  # Weight, bias, input, and up to two targets that play no part.
    assert "bias" in bias.network
    assert chain.numbers <= 5
    assert found["one output"].examples > 0
    assert found["one output"].strength is not None
    assert found["one output"].strength.level == "architectures"
    assert [one["claim"] for one in certificates][:2] == [chain.name, bias.name]
    for certificate in certificates:
        outcome = check(certificate)
        assert outcome.document["shows"] == "refuted"
    assert certificates[1]["statement"]["given"] == [
        "chain() and not (len(biases) == 0) and not normalised()", "len(outputs) == 1",
    ]  # fmt: skip


def test_the_same_seed_finds_the_same() -> None:
    assert needs_of(lemma(), 3) == needs_of(lemma(), 3)


def test_an_example_that_was_found_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at where a search finds none, and by no other condition than it denies."""
    found, certificates = needs_of(lemma(), 0)
    known = [Case.from_dict(one["case"]) for one in certificates]
    monkeypatch.setattr(necessity, "EXAMPLES", 0)
    again, certified = needs_of(lemma(), 0, known)
    needed = [need.words for need in found if need.outcome == "needed"]
    assert [need.words for need in again if need.outcome == "needed"] == needed
    assert [one["case"] for one in certified] == [one["case"] for one in certificates]
    nothing, _ = needs_of(lemma(), 0)
    assert {need.outcome for need in nothing} == {"not tried"}


def test_examples_of_other_claims_show_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other numbers they have, and whatever is wrong with some of them."""
    found, certificates = needs_of(lemma(), 0)
    cases = [Case.from_dict(one["case"]) for one in certificates]
    others = [replace(case, numbers={"rho": Fraction(2)}) for case in cases]
    monkeypatch.setattr(necessity, "EXAMPLES", 0)
    again, certified = needs_of(lemma(), 0, (), [replace(cases[0], targets=None), *others])
    needed = [need.words for need in found if need.outcome == "needed"]
    assert [need.words for need in again if need.outcome == "needed"] == needed
    assert all(not one["case"]["numbers"] for one in certified)


@pytest.mark.parametrize(
    ("given", "words", "outcome"),
    [
        # Nothing meets the one and not the other.
        ([Assumption("one", "len(outputs) == 1"), Assumption("few", "len(outputs) < 2")], "few",
         "not tried"),
        # Both sides are 0 where the weight is.
        ([NO_BIASES, Assumption("W[0] is not 0", "not zero(W[0])"),
          Assumption("shallow", "depth == 1")], "W[0] is not 0", "not tried"),
    ],
)  # fmt: skip
def test_what_no_example_can_tell_is_not_tried(
    given: list[Assumption], words: str, outcome: str
) -> None:
    found = asked(given=given)[words]
    assert (found.outcome, found.examples, found.strength) == (outcome, 0, None)


def test_a_quotient_has_no_value_without_a_divisor() -> None:
    """And the inverse is not needed for anything else."""
    found = asked(
        states="f(n, c) * (1 / x[0][0]) == f(n, c) / x[0][0]",
        given=[Assumption("x is not 0", "x[0][0] != 0")],
    )["x is not 0"]
    assert (found.outcome, found.examples) == ("no meaning", 0)


def test_a_targeted_strategy_is_altered_where_random_cases_do_not_get() -> None:
    """Only the claim's own cases meet the other condition: twelve samples."""
    found = asked(
        given=[Assumption("many", "len(samples) > 9"), NO_BIASES],
        on=cases(mlps(depths=(1, 2), widths=(1, 2)), samples=(12, 12), cohort=1),
    )["no biases"]
    assert found.outcome == "needed"


def test_the_control_proposes_cases_too() -> None:
    control = altered("2", "1 == 2", on=cases(mlps(depths=(2, 2)), samples=(12, 12), cohort=1))
    found = asked(given=[Assumption("few", "len(samples) < 9"), NO_BIASES], control=control)
    assert found["few"].outcome == "not seen"
    assert found["few"].examples > 0


def test_a_claim_that_is_settled_only_where_it_is_an_identity() -> None:
    found = asked(states="f(n, c) ** 2 <= f(n, c) ** 2 + 1", kind="inequality", given=[NO_BIASES])[
        "no biases"
    ]
    assert (found.outcome, found.strength) == ("not seen", None)
