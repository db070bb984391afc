"""The float readers against the exact one, word by word and member by member."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from flint import fmpq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.statements.test_exact import NAMED, WORDS
from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.data import cases, large_cases
from theorycheck.drawing.networks import convolutional_networks, directed_graphs, mlps
from theorycheck.networks.specification import mlp
from theorycheck.statements.dyadics import Dyadic, Rounds
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.floats import (
    BoundedInterpreter,
    DyadicInterpreter,
    RankUpToTwo,
    Unread,
    lacks_words,
)
from theorycheck.statements.numbers import Undefined
from theorycheck.statements.syntax import Formula, Statement

COHORTS = cases(
    st.one_of(
        mlps(depths=(1, 3), outputs=(1, 2), bias=True),
        directed_graphs(outputs=(1, 2)),
        convolutional_networks(outputs=(1, 2)),
    ),
    samples=(2, 3),
    targets="dyadic",
    cohort=5,
    numbers={"factor": st.sampled_from([Fraction(1, 2), Fraction(-3)])},
)
MORE = {
    "gradient": "squared(sum([(f(n, c) - y[n][c]) * df(n, c, k)"
    " for n in samples for c in outputs for k in [0]]))",
    "halves": "sum([f(n, 0) for n in samples]) / 4 - factor * f(0, 0)",
    "loop": "sum([e * e for e in y[0]]) + len([e for e in x])",
    "power": "f(0, 0) ** 3 + 2 ** 3",
    "choice": "f(0, 0) if f(0, 0) > 0 else -2 * f(1, 0)",
    "truths": "f(0, 0) > 0 and (f(1, 0) <= 2 or not y[0][0] == 1)",
    "ranks": "rank(df(0, 0, 0)) <= 1 and rank(sum([df(n, 0, 0) for n in samples])) <= 1",
    "vectors": "inner([f(0, 0), f(1, 0)], [y[0][0], 1])",
}
UNREAD = {
    "h", "smooth", "varies", "outside", "frobenius", "spectral", "nuclear", "frobenius_beyond",
    "spectral_beyond", "nuclear_beyond", "largest", "root", "max", "batches", "y",
    "features", "grad", "T", "trace", "solve", "exp", "log", "min",
}  # fmt: skip
"""Words that floats leave to the exact reader; the formula for ``y`` divides by 7."""


def exactly(text: str, case: Case, member: int) -> Any:
    value = Evaluator(case, member, []).value(Formula.of(text).tree, {})
    return fmpq(value) if isinstance(value, int) and not isinstance(value, bool) else value


def shared(value: Any, members: int) -> list[Any]:
    """The value at each member."""
    if isinstance(value, Dyadic):
        numbers = np.broadcast_to(value.value, members)
        return [fmpq(*float(number).as_integer_ratio()) for number in numbers]
    if isinstance(value, np.ndarray):
        return [bool(truth) for truth in np.broadcast_to(value, members)]
    if isinstance(value, RankUpToTwo):
        raise Unread
    if isinstance(value, bool):
        return [value] * members
    return [fmpq(Fraction(value).numerator, Fraction(value).denominator)] * members


@pytest.mark.parametrize("name", [*WORDS, *NAMED, *MORE])
def test_each_word_means_what_it_means_to_the_exact_reader(name: str) -> None:
    text = {**WORDS, **NAMED, **MORE}[name]
    read = 0

    @given(COHORTS, st.sampled_from([torch.float32, torch.float64]))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def compare(case: Case, dtype: torch.dtype) -> None:
        nonlocal read
        try:
            interpreter = DyadicInterpreter(case, [], dtype)
            value = interpreter.value(Formula.of(text).tree, {})
            found = shared(value, case.members)
        except (Unread, Rounds, Undefined):
            return
        read += 1
        assert found == [exactly(text, case, member) for member in range(case.members)]

    compare()
    assert (read == 0) == (name in UNREAD or name in NOT_NUMBERS), read


NOT_NUMBERS = {"outer", "rank"}
"""Ranks above 1 are for the exact reader."""


@given(large_cases(mlps(depths=(2, 3), widths=(3, 12)), samples=(2, 2)))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_bounds_contain_what_the_exact_reader_finds(case: Case) -> None:
    interpreter = BoundedInterpreter(case, [])
    for text in ("f(1, 0)", "inner(W[0], df(0, 0, 0))", "f(0, 0) - sum([f(1, 0), x[0][0]]) / 2"):
        found = interpreter.value(Formula.of(text).tree, {}).computed
        for member in range(case.members):
            exact = exactly(text, case, member)
            middle, error = (
                fmpq(*part[member].item().as_integer_ratio()) for part in (found.value, found.error)
            )
            assert abs(middle - exact) <= error


def linear(*weights: float) -> Case:
    return Case(mlp([1, 1]), (np.array(weights)[:, None, None],), np.ones((len(weights), 1, 1)))


def test_members_on_which_floats_may_round_are_named() -> None:
    case = linear(1.0, 2.0**40 + 1, 3.0)
    with pytest.raises(Rounds) as raised:
        DyadicInterpreter(case, [], torch.float64).value(Formula.of("f(0, 0) ** 2").tree, {})
    assert raised.value.members.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("1 / f(0, 0)", linear(2.0)),
        ("f(0, 0) / 3", linear(2.0)),
        ("root(4)", linear(2.0)),
        ("rank(W[0]) <= 2", linear(2.0)),
        ("x == x", linear(2.0)),
        ("[i for i in samples if f(0, 0) > 1][0]", linear(2.0, 1.0)),
        ("f(0, 0)", replace(linear(1.0), inputs=np.array([[[Fraction(1, 3)]]], dtype=object))),
    ],
)
def test_what_floats_have_no_means_for(text: str, case: Case) -> None:
    with pytest.raises(Unread):
        DyadicInterpreter(case, [], torch.float64).value(Formula.of(text).tree, {})


@pytest.mark.parametrize("name", WORDS)
def test_words_that_are_lacking_are_known_without_a_case(name: str) -> None:
    """Those of which no formula is read; a word of the statement's own is none of them."""
    where = ["own(n) = n + 1", f"seen(n) = {WORDS[name]}"]
    statement = Statement.of("own(0) == 1", where=where)
    assert lacks_words(statement) is (name in UNREAD)


def test_normalised_networks_are_for_the_exact_reader() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    case = Case.single(network, [[[1]], 1, 0, [[1]]], [[2], [3]], [[1], [1]])
    with pytest.raises(Unread, match="normalisation"):
        DyadicInterpreter(case, [], torch.float64)
    with pytest.raises(Unread):
        BoundedInterpreter(linear(0.1), []).value(Formula.of("f(0, 0) / 3").tree, {})
