"""Families of stated claims: parts said once, and what follows from the formula."""

from __future__ import annotations

from typing import Any

import pytest

from tests.claims.stated_claims import NO_BIASES, ONE_OUTPUT
from theorycheck.claims.declaration import Assumption, Claim
from theorycheck.claims.families import Family, altered, kind_of, stated
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import mlps
from theorycheck.errors import InputError
from theorycheck.statements.syntax import Statement

CONTROL = altered("one is two", "1 == 2")
SHARED: dict[str, Any] = {"printed": "1 = 1", "on": cases(mlps()), "why": "Because."}


def lemma(family: Family, **parts: Any) -> Claim:
    whole = {"title": "A lemma", "states": "1 == 1", "control": CONTROL, **SHARED, **parts}
    return family.stated("toy-lemma", **whole)


@pytest.mark.parametrize(
    ("conclusion", "kind"),
    [
        ("f(0, 0) == 1", "identity"),
        ("f(0, 0) != 1", "identity"),
        ("f(0, 0) == 1 and f(0, 0) != 2", "identity"),
        ("f(0, 0) <= 1", "inequality"),
        ("f(0, 0) == 1 or f(0, 0) > 2", "inequality"),
        ("rank(W[0]) <= 1", "rank"),
        ("1 == 2 * rank(x)", "rank"),
        ("rank(x) == 1 and f(0, 0) > 0", "rank"),
    ],
)
def test_the_kind_follows_from_the_conclusion(conclusion: str, kind: str) -> None:
    assert kind_of(Statement.of(conclusion)) == kind
    assert lemma(Family(), states=conclusion).kind == kind


def test_a_statement_on_trained_networks_is_a_trajectory() -> None:
    assert lemma(Family(), along=lambda setting, case: [case]).kind == "trajectory"


def test_a_kind_that_is_said_is_kept() -> None:
    assert lemma(Family(), kind="consistency").kind == "consistency"


def test_common_numbers_are_found_in_all_formulas_and_follow_those_declared() -> None:
    control = altered("with weight decay", "f(0, 0) == size + weight_decay")
    where = ["scaled(n) = rho * f(n, 0)"]
    claim = lemma(
        Family(numbers=["size"]), states="scaled(0) == size", where=where, control=control
    )
    assert claim.formal is not None
    assert claim.altered is not None
    assert claim.formal.numbers == claim.altered.numbers == ("size", "rho", "weight_decay")


def test_what_a_claim_defines_is_no_number_of_the_case() -> None:
    claim = lemma(Family(), states="sum([rho for rho in samples]) == 1", where=["batch_size = 1"])
    assert claim.formal is not None
    assert claim.formal.numbers == ()


def test_hypotheses_and_abbreviations_follow_those_of_the_family() -> None:
    family = Family(given=[NO_BIASES], where=["a = 1"], examples=7, forall=["n in samples"])
    claim = lemma(family, given=[ONE_OUTPUT], where=["b = a + 1"], forall=["c in outputs"])
    assert claim.given == (NO_BIASES, ONE_OUTPUT)
    assert claim.formal is not None
    assert claim.formal.where == ("a = 1", "b = a + 1")
    assert claim.formal.forall == ("c in outputs",)
    assert (claim.examples, claim.enough) == (7, 20)
    assert lemma(family, examples=8).examples == 8


def test_hypotheses_without_a_name_follow_those_that_have_one() -> None:
    family = Family(given=[NO_BIASES], assuming={"some sample": "len(samples) > 0"})
    claim = lemma(family, given=[ONE_OUTPUT], assuming={"x is not 0": "not zero(x)"})
    assert claim.hypotheses == (NO_BIASES.prose, "some sample", ONE_OUTPUT.prose, "x is not 0")
    assert claim.formal is not None
    assert claim.formal.given[3] == "not zero(x)"
    assert claim.given[3] == Assumption("x is not 0", "not zero(x)")


def test_a_claim_of_a_family_is_written_where_it_is_stated() -> None:
    family = Family(states="1 == 1", control=CONTROL, **SHARED)
    first = family.stated("toy-lemma", title="A lemma")
    second = family.stated("toy-lemma-again", title="A lemma")
    assert first.place.path == second.place.path == __file__
    assert second.place.line == first.place.line + 1


@pytest.mark.parametrize("part", ["printed", "states", "control", "on", "why"])
def test_a_part_that_neither_says_is_asked_for(part: str) -> None:
    parts = {"states": "1 == 1", "control": CONTROL, **SHARED}
    del parts[part]
    with pytest.raises(InputError, match=f"claim toy-lemma: give `{part}`"):
        stated("toy-lemma", title="A lemma", **parts)


def test_a_control_may_say_what_replaces_which_parts_of_the_conclusion() -> None:
    control = altered("exchanged", {"2 * rho": "rho", "rho ** 2": "2 * rho"})
    claim = lemma(Family(), states="2 * rho * f(0, 0) <= rho ** 2", control=control)
    assert claim.altered is not None
    assert claim.altered.conclusion == "rho * f(0, 0) <= 2 * rho"


@pytest.mark.parametrize(("part", "count"), [("rho", 2), ("size", 0)])
def test_what_is_replaced_is_there_once(part: str, count: int) -> None:
    reason = f"control 'another': '{part}' is {count} times in `rho <= rho`"
    with pytest.raises(InputError, match=f"^{reason}$"):
        lemma(Family(), states="rho <= rho", control=altered("another", {part: "1"}))


def test_what_is_replaced_does_not_overlap() -> None:
    control = altered("another", {"2 * rho": "rho", "rho <": "1 <"})
    with pytest.raises(InputError, match="control 'another': the parts to be replaced overlap"):
        lemma(Family(), states="2 * rho <= 1", control=control)


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_a_control_alters_something(nothing: Any) -> None:
    with pytest.raises(InputError, match="give another conclusion, or hypotheses to leave out"):
        altered("nothing", nothing)


def test_a_misspelt_part_is_not_left_out() -> None:
    wrong: dict[str, Any] = {"givn": []}
    with pytest.raises(InputError, match="claim toy-lemma: `givn` is no part of a claim; do you"):
        lemma(Family(), **wrong)
    with pytest.raises(InputError, match=r"a family: `zzz` is no part of a claim$"):
        Family(**{"zzz": 1, **wrong})
