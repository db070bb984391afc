"""Hypotheses, taken apart."""

from __future__ import annotations

import pytest

from tests.claims.stated_claims import lemma
from theorycheck import Assumption, Convention
from theorycheck.claims.conditions import conditions_of

SIGNS = "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"


@pytest.mark.parametrize(
    ("hypothesis", "conditions"),
    [
        ("depth > 1", {"depth > 1": "not (depth > 1)"}),
        ("not normalised()", {"not normalised()": "normalised()"}),
        ("not (depth > 1 or chain())", {"not (depth > 1 or chain())": "(depth > 1 or chain())"}),
        ("chain() and len(biases) == 0", {
            "chain()": "not (chain()) and len(biases) == 0",
            "len(biases) == 0": "chain() and not (len(biases) == 0)"}),
        ("(chain() or depth == 1) and depth < 3", {
            "chain() or depth == 1": "not (chain() or depth == 1) and depth < 3",
            "depth < 3": "(chain() or depth == 1) and not (depth < 3)"}),
        (SIGNS, {
            "len(outputs) == 1":
                "not (len(outputs) == 1) and all([y[n][0] ** 2 == 1 for n in samples])",
            "all([y[n][0] ** 2 == 1 for n in samples])":
                "len(outputs) == 1 and not (all([y[n][0] ** 2 == 1 for n in samples]))"}),
        ("all([depth > 1 for k in weights])", {
            "all([depth > 1 for k in weights])": "not (all([depth > 1 for k in weights]))"}),
        ("all([depth > 1 for n in samples if n > 0])", {
            "all([depth > 1 for n in samples if n > 0])":
                "not (all([depth > 1 for n in samples if n > 0]))"}),
        ("any([depth == n and chain() for n in samples])", {
            "any([depth == n and chain() for n in samples])":
                "not (any([depth == n and chain() for n in samples]))"}),
    ],
)  # fmt: skip
def test_a_hypothesis_is_taken_apart_and_denied(
    hypothesis: str, conditions: dict[str, str]
) -> None:
    claim = lemma(given=[Assumption("in words", hypothesis)])
    found = conditions_of(claim)
    assert {one.formula: dict(one.changes) for one in found} == {
        formula: {hypothesis: denied} for formula, denied in conditions.items()
    }
    for one in found:
        assert one.denied_in(claim).given == (conditions[one.formula],)


def test_a_condition_has_words_and_a_name() -> None:
    claim = lemma(
        given=[
            Assumption("no biases at all", "len(biases) == 0"),
            Assumption("narrow", "len(x[0]) == 1 and len(x) < 3"),
            Convention("as autograd does"),
            Assumption("rho > 0!", "depth > 1"),
            Assumption("rho, 0", "depth > 2"),
        ]
    )
    found = {one.words: one.name for one in conditions_of(claim)}
    assert found == {
        "no biases": "toy-lemma-needs-no-biases",
        "`len(x[0]) == 1`": "toy-lemma-needs-len-x-0-1",
        "`len(x) < 3`": "toy-lemma-needs-len-x-3",
        "rho > 0!": "toy-lemma-needs-rho-0",
        "rho, 0": "toy-lemma-needs-rho-0-5",
    }


def test_what_two_hypotheses_say_is_one_condition() -> None:
    """It is denied in both: an example that one of them still asks of says nothing."""
    given = [
        Assumption("deep", "depth > 1 and chain()"),
        Assumption("a chain", "chain()"),
        Assumption("narrow", "len(x) < 3"),
        Assumption("of all samples", "all([chain() and y[n][0] == x[n][0] for n in samples])"),
    ]
    claim = lemma(given=given)
    found = {one.formula: one for one in conditions_of(claim)}
    assert list(found) == [
        "depth > 1", "chain()", "len(x) < 3", "all([y[n][0] == x[n][0] for n in samples])"
    ]  # fmt: skip
    assert found["chain()"].denied_in(claim).given == (
        "depth > 1 and not (chain())",
        "not (chain())",
        "len(x) < 3",
        "not (chain()) and all([y[n][0] == x[n][0] for n in samples])",
    )
