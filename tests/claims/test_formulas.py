"""Stated claims: one formula is what is printed, checked, altered and certified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Assumption, Claim, Paper
from theorycheck.claims.examination import examine
from theorycheck.claims.families import altered, stated
from theorycheck.claims.findings import Observation, Rejection
from theorycheck.claims.formulas import findings
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.statements.syntax import Statement

SMALL = Assumption("the output is at most 4", "f(0, 0) <= 4")

POSITIVE = Assumption("the output is positive", "f(0, 0) > 0")


def weight(*values: int, samples: int = 1) -> Case:
    """Networks that multiply by a weight, at the inputs 1, 2, ..."""
    inputs = np.arange(1.0, samples + 1)[None, :, None].repeat(len(values), axis=0)
    return Case(mlp([1, 1]), (np.array(values, dtype=float)[:, None, None],), inputs)


def bound(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "title": "Outputs are bounded",
        "kind": "inequality",
        "sources": [Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 1")],
        "printed": r"f_W(x_n) \le 5 x_n",
        "given": [SMALL],
        "states": "f(n, 0) <= 5 * x[n][0]",
        "control": altered("three times the input", "f(n, 0) <= 3 * x[n][0]"),
        "forall": ["n in samples"],
        "on": st.builds(weight, st.integers(-6, 6), samples=st.integers(1, 3)),
        "why": "The weight is the output at 1.",
        "enough": 3,
    }
    return stated("bounded-outputs", **{**fields, **changes})


def found(claim: Claim, case: Case, **setting: Any) -> list[Any]:
    return list(claim.check(Setting(**setting), case))


def test_all_parts_come_from_one_text() -> None:
    claim = bound()
    assert claim.formal is not None
    assert claim.formal.conclusion == "f(n, 0) <= 5 * x[n][0]"
    assert claim.formal.given == (SMALL.formula,)
    assert claim.hypotheses == (SMALL.prose,)
    assert claim.statement == r"f_W(x_n) \le 5 x_n"
    assert claim.control == "three times the input"
    assert claim.description == "The weight is the output at 1."
    assert claim.place.module == __name__
    assert claim.place.path == __file__


def test_members_are_examples_and_the_tightest_assignment_of_all_is_shown() -> None:
    [both] = found(bound(), weight(2, 4, samples=2))
    assert (both.count, both.holds, both.tightness, both.at) == (2, True, 0.8, {"n": 0})
    assert (both.left, both.relation, both.right) == ("4", "≤", "5")
    assert both.case().parameters[0].item() == 4


def test_members_that_differ_are_counted_apart_and_violations_come_last() -> None:
    rejected, holding, violated = found(bound(given=[POSITIVE]), weight(2, -1, 6, 7, 3))
    assert rejected == Rejection("not met: the output is positive")
    assert (holding.count, holding.holds, holding.left) == (2, True, "3")
    assert (violated.count, violated.holds, violated.left) == (2, False, "6")


def test_hypotheses_are_the_formulas_word() -> None:
    """Whatever strategy proposed the example."""
    [rejected] = found(bound(), weight(5))
    assert rejected == Rejection("not met: the output is at most 4")


def test_the_control_is_the_altered_formula() -> None:
    [violated] = found(bound(), weight(4), altered=True)
    assert (violated.holds, violated.left, violated.right) == (False, "4", "3")


def test_the_first_violation_is_shown() -> None:
    claim = bound(states="f(n, 0) <= n + 2", given=[])
    [violated] = found(claim, weight(2, samples=3))
    assert (violated.holds, violated.at, violated.left, violated.right) == (
        False,
        {"n": 1},
        "4",
        "3",
    )


def test_a_stated_claim_is_examined_and_certified() -> None:
    options: dict[str, Any] = {"profile": PROFILES["quick"], "run_seed": 0, "device": "cpu"}
    holding = examine(bound(), **options)
    assert holding.entry.verdict == "holds"
    assert holding.entry.examples.rejected.keys() == {"not met: the output is at most 4"}
    false = bound(states="f(n, 0) <= 3 * x[n][0]", control=altered("two", "f(n, 0) <= 2 * x[n][0]"))
    refuted = examine(false, **options)
    assert refuted.entry.verdict == "refuted"
    assert refuted.certificate is not None
    assert refuted.certificate["left"] == "4"
    assert certificates.statement_version(false) == refuted.certificate["version"]


@pytest.mark.parametrize(
    ("text", "case", "holds", "degenerate"),
    [
        ("f(0, 0) == 0 * x[0][0]", weight(0), True, "both sides are 0"),
        ("f(0, 0) == x[0][0]", weight(1), True, None),
        ("f(0, 0) <= 0", weight(0), True, None),
        ("f(0, 0) <= 2", weight(0), True, "the smaller side is 0"),
        ("2 * x[0][0] >= f(0, 0)", weight(0), True, "the smaller side is 0"),
        ("rank(W[0]) <= 1", weight(1), True, "the matrices are too small for a higher rank"),
        ("root(2) + root(3) == root(5 + 2 * root(6))", weight(1), None, None),
        ("root(2) <= f(0, 0)", weight(1), False, None),
    ],
)
def test_what_is_trivial_or_open_says_so(
    text: str, case: Case, holds: bool | None, degenerate: str | None
) -> None:
    [observation] = findings(Statement.of(text), case, {})
    assert isinstance(observation, Observation)
    assert (observation.holds, observation.degenerate) == (holds, degenerate)


def test_without_anything_to_check_nothing_is_met() -> None:
    statement = Statement.of("f(0, 0) == 1", forall=["k in biases"])
    assert list(findings(statement, weight(1), {})) == [Rejection("there is nothing to check")]
    missing = Statement.of("f(0, 0) == mu", numbers=["mu"])
    [rejected] = findings(missing, weight(1), {})
    assert rejected == Rejection("a formula has no value: the case has no mu")


def test_what_is_wrong_is_said_when_the_claim_is_stated() -> None:
    with pytest.raises(InputError, match="unknown word 'ff'; do you mean 'f'"):
        bound(states="ff(n, 0) <= 5")
    with pytest.raises(InputError, match="unknown name 'm'"):
        bound(control=altered("another sample", "f(m, 0) <= 5"))
