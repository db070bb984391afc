"""Whole statements: what the exact reader finds at every assignment, against the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from theorycheck import kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.certificates import formal_statement
from theorycheck.claims.declaration import Claim
from theorycheck.networks.specification import mlp
from theorycheck.pytest_plugin.collecting import collect_claims
from theorycheck.statements.assignments import Answer, answers
from theorycheck.statements.syntax import Statement
from theorycheck.statements.trials import NO_VALUE

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "reports/certificates"
CERTIFICATES = sorted({*FOLDER.glob("*.json")} - {*FOLDER.glob("*.proof.json")})
MOST = 12
"""Assignments that are compared of each statement at each example."""


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    found = collect_claims([str(ROOT / "properties")]).values()
    return {claim.id: claim for claim in found if claim.formal is not None}


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_certificates_show_to_the_reader_what_they_show_to_the_kernel(
    path: Path, claims: dict[str, Claim]
) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["claim"] not in claims:
        assert document["case"]["network"] is None  # Of a tendency: its pairs are the example.
        return
    formal = claims[document["claim"]].formal
    assert formal is not None
    found = [
        a
        for a in answers(formal.statement, Case.from_dict(document["case"]))
        if at(a) == document["at"]
    ]
    [answer] = found
    assert answer.unmet is None
    assert answer.holds is (document["shows"] == "tight")


def at(answer: Answer) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in answer.at.items()}


def by_kernel(claim: Claim, case: Case) -> Iterator[tuple[dict[str, Any], str | bool]]:
    """What the kernel finds at each assignment: the hypothesis that is not met, or the truth."""
    statement = formal_statement(claim)
    assert statement is not None
    for bits in kernel.PRECISIONS:
        example = kernel.Example(case.to_dict())
        example.work *= 10
        found: list[tuple[dict[str, Any], str | bool]] = []
        try:
            evaluator = kernel.Evaluator(example, statement.parsed.where, bits)
            for scope in islice(statement.parsed.assignments(evaluator, {}), MOST):
                unmet = statement.parsed.unmet(evaluator, scope)
                found.append((scope, unmet or statement.parsed.decided(evaluator, scope).holds))
        except kernel.Undecided:
            continue
        yield from found
        return


@pytest.mark.parametrize("path", CERTIFICATES[::9], ids=lambda path: path.stem)
def test_statements_are_true_where_the_kernel_says_so(path: Path, claims: dict[str, Claim]) -> None:
    """Also at examples of other claims, which meet some of their hypotheses and not others."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["case"]["network"] is None:
        return
    case = Case.from_dict(document["case"])
    compared = 0
    for claim in claims.values():
        assert claim.formal is not None
        if any(each.name in case.numbers for each in claim.formal.statement.where):
            continue  # An abbreviation has the name of a number here, which the kernel refuses.
        try:
            found = answers(claim.formal.statement, case)
        except NO_VALUE:  # Of shapes that the formula is not about.
            continue
        try:
            expected = list(by_kernel(claim, case))
        except (kernel.Rejected, *kernel.MISUSE):
            assert [answer.unmet is not None for answer in found] == [True] * len(found)
            continue
        for scope, truth in expected:
            [answer] = [a for a in found if a.at.items() <= scope.items()]
            assert (
                answer.unmet is not None
                if isinstance(truth, str)
                else answer.holds in (truth, None)
            )
            compared += 1
    assert compared


# by hand

LINE = Case.single(mlp([1, 1]), [[[2]]], [[1], [-1], [3]], [[1], [1], [-1]], {"mu": Fraction(1, 2)})
"""The outputs 2, -2 and 6."""


def test_answers_stand_in_the_order_of_the_variables() -> None:
    statement = Statement.of("f(n, 0) >= m", forall=["n in samples", "m in range(n)"])
    found = [(answer.at, answer.holds) for answer in answers(statement, LINE)]
    assert found == [
        ({"n": 1, "m": 0}, False),
        ({"n": 2, "m": 0}, True),
        ({"n": 2, "m": 1}, True),
    ]


def test_hypotheses_are_met_or_named_as_soon_as_they_can_be() -> None:
    statement = Statement.of(
        "f(n, 0) >= m",
        forall=["n in samples", "m in range(2)"],
        given=["depth == 1", "y[n][0] == 1", "m > 0"],
    )
    found = [(answer.at, answer.unmet) for answer in answers(statement, LINE)]
    assert found == [
        ({"n": 0, "m": 0}, "m > 0"),
        ({"n": 0, "m": 1}, None),
        ({"n": 1, "m": 0}, "m > 0"),
        ({"n": 1, "m": 1}, None),
        ({"n": 2}, "y[n][0] == 1"),
    ]
    [nowhere] = answers(Statement.of("1 == 1", given=["depth == 2"]), LINE)
    assert nowhere == Answer({}, unmet="depth == 2")


def test_both_sides_are_handed_on() -> None:
    [answer] = answers(Statement.of("f(0, 0) * mu <= 2", numbers=["mu"]), LINE)
    assert (answer.holds, answer.left, answer.right) == (True, 1, 2)


def test_what_a_precision_leaves_open_is_tried_with_more_bits() -> None:
    """The sides differ by about 2**-100: 64 bits do not tell."""
    statement = Statement.of(
        "root(2) + root(3) <= root(2) + root(3 + tiny)",
        where=["small = 1 / (4 ** 4) ** 4", "tiny = small ** 3"],
    )
    [answer] = answers(statement, LINE)
    assert answer.holds is True
    [equal] = answers(Statement.of("root(2) + root(3) == root(5 + 2 * root(6))"), LINE)
    assert (equal.holds, equal.unmet) == (None, None)


def test_a_formula_without_a_value_meets_nothing() -> None:
    without = {"1 / (f(0, 0) - 2)": "a division by zero", "mu + nu": "the case has no nu"}
    for text, reason in without.items():
        [answer] = answers(Statement.of(f"{text} == 1", numbers=["mu", "nu"]), LINE)
        assert answer == Answer({}, unmet=f"a formula has no value: {reason}")


def test_a_unit_that_is_constant_over_the_batch_has_no_value() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    case = Case.single(network, [[[1]], 1, 0, [[1]]], [[2], [2]], [[1], [1]])
    [answer] = answers(Statement.of("f(0, 0) == 0"), case)
    assert answer.unmet is not None
    assert "a normalised unit is constant" in answer.unmet
