"""Architectures: what of a case they keep, and which hypotheses are met by construction."""

from __future__ import annotations

from fractions import Fraction

import pytest

from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import mlp
from theorycheck.statements.architectures import (
    NO_SHIFTS,
    SIGN_LABELS,
    UNIT_WEIGHTS,
    Architecture,
    PassedOver,
    assumes,
    signs_of,
    spheres_of,
)
from theorycheck.statements.syntax import Statement

SIGNS = "all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])"
UNIT = "all([squared(W[k]) == 1 for k in weights])"
CASE = Case.single(
    mlp([1, 1, 2]),
    [[[1]], [[1], [2]]],
    [[1], [2]],
    [[1, 0], [0, 1]],
    {"batch_size": Fraction(1), "rho": Fraction(2), "unused": Fraction(3), "v_1": Fraction(4)},
)


def given(*hypotheses: str) -> Statement:
    return Statement.of("f(0, 0) == 0", given=hypotheses)


def test_an_architecture_keeps_what_loops_depend_on() -> None:
    numbers = ["batch_size", "rho", "v"]
    plain = Statement.of("rho * f(0, 0) == y[0][0] + v[0]", numbers=numbers)
    made = Architecture.of(plain, CASE)
    assert (made.network, made.samples, made.outputs, made.targets) == (CASE.network, 2, 2, None)
    assert made.numbers == {"batch_size": None, "rho": None, "v_1": None}
    looped = Statement.of(
        "sum([f(n, 0) for S in batches(batch_size) for n in S if y[n][0] == 1]) == rho",
        numbers=numbers,
    )
    made = Architecture.of(looped, CASE)
    assert made.numbers == {"batch_size": 1, "rho": None, "v_1": None}
    assert made.targets == ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))
    assert Architecture.of(looped, Case.single(mlp([1, 1]), [[[1]]], [[1]], [[1]])).numbers == {}


def test_documents_tell_architectures_apart() -> None:
    statement = given()
    first = Architecture.of(statement, CASE)
    assert first.document() == Architecture.of(statement, CASE).document()
    others = [
        Case.single(mlp([1, 2, 2]), [[[1], [1]], [[1, 1], [2, 1]]], [[1], [2]], [[1, 0], [0, 1]]),
        Case.single(mlp([1, 1, 2]), [[[1]], [[1], [2]]], [[1]], [[1, 0]]),
    ]
    documents = [Architecture.of(statement, case).document() for case in others]
    assert first.document() not in documents


@pytest.mark.parametrize(
    ("hypotheses", "said"),
    [
        ([SIGNS], True),
        (["all([y[n][0] ** 2 == 1 for n in samples])"], True),
        ([f"depth > 1 and {SIGNS}"], True),
        (["depth > 1", SIGNS], True),
        ([], False),
        ([f"depth > 1 or {SIGNS}"], False),
        ([f"not {SIGNS}"], False),
        (["any([y[n][0] ** 2 == 1 for n in samples])"], False),
        (["all([y[n][0] ** 2 == 1 for n in outputs])"], False),
        (["all([y[n][0] ** 2 == 1 for n in samples if n > 0])"], False),
        (["all([y[n][0] ** 2 == 1 or n > 0 for n in samples])"], False),
        (["all([all([y[n][0] ** 2 == 1 for n in samples]) for k in weights])"], False),
        (["all([y[m][0] ** 2 == 1 for n in samples for m in samples])"], False),
    ],
)
def test_what_hypotheses_say_of_all_labels(hypotheses: list[str], said: bool) -> None:
    assert assumes(given(*hypotheses), *SIGN_LABELS) is said


def test_other_hypotheses_by_construction() -> None:
    assert assumes(given(UNIT), *UNIT_WEIGHTS)
    assert assumes(given("all([W[b] == 0 for b in shifts])"), *NO_SHIFTS)
    assert not assumes(given(UNIT), *NO_SHIFTS)


def test_weights_on_spheres_have_two_entries_or_more() -> None:
    assert spheres_of(given(UNIT), mlp([2, 3, 1])) == {0: 6, 1: 3}
    assert spheres_of(given(UNIT), mlp([1, 1, 2])) == {1: 2}
    assert spheres_of(given(), mlp([2, 3, 1])) == {}


def test_all_signs_of_labels_and_of_single_weights() -> None:
    made = Architecture.of(given(), CASE)
    assert list(signs_of(given(), made)) == [((), [()])]
    both = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    assert list(signs_of(given(SIGNS), made)) == [((), both)]
    assert list(signs_of(given(UNIT), made)) == [((1,), [()]), ((-1,), [()])]
    assert list(signs_of(given(UNIT, SIGNS), made)) == [((1,), both), ((-1,), both)]
    many = Case.single(mlp([1, 1]), [[[1]]], [[1]] * 7, [[1]] * 7)
    with pytest.raises(PassedOver, match="more than 6 signs"):
        list(signs_of(given(SIGNS), Architecture.of(given(SIGNS), many)))
