"""Powers of checks: strong and weak strategies, and mutants that are true."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.claims.toy_claims import toy
from theorycheck import Assumption, Claim, altered, cases, mlps, stated
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import power
from theorycheck.claims.declaration import Paper
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Answer, Fate, KernelWord
from theorycheck.claims.power import (
    SOME,
    Bench,
    Neighbour,
    examples,
    formal_of,
    neighbours,
    some_neighbours,
)
from theorycheck.networks.specification import mlp
from theorycheck.statements.mutants import Mutant, mutants
from theorycheck.statements.syntax import Statement

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)


def weight(*values: float, samples: int = 1) -> Case:
    """Networks that multiply by a weight, at the inputs 1, 2, ..."""
    inputs = np.arange(1.0, samples + 1)[None, :, None].repeat(len(values), axis=0)
    return Case(mlp([1, 1]), (np.array(values)[:, None, None],), inputs)


def bound(**changes: Any) -> Claim:
    """Of weights up to 4 the outputs are at most 4 times the input."""
    fields: dict[str, Any] = {
        "title": "Outputs are bounded",
        "kind": "inequality",
        "sources": [PAPER.at("Eq. 1")],
        "printed": r"f_W(x_n) \le 4 x_n",
        "given": [Assumption("the weight is at most 4", "W[0][0][0] <= 4")],
        "states": "f(n, 0) <= 4 * x[n][0]",
        "control": altered("three times the input", "f(n, 0) <= 3 * x[n][0]"),
        "forall": ["n in samples"],
        "on": st.builds(weight, st.sampled_from([-4.0, 1.0, 4.0])),
        "why": "The weight is the output at 1.",
        "enough": 2,
        **changes,
    }
    return stated("bounded-outputs", **fields)


def fates(claim: Claim) -> dict[str, Neighbour]:
    assert claim.formal is not None
    found = neighbours(claim, mutants(claim.formal.statement), 0)
    return {f"{one.mutant.change}: {one.mutant.words}": one for one in found}


def lemma(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "title": "A lemma", "kind": "identity", "sources": [PAPER.at("Lemma 1")], "printed": "1=1",
        "given": [Assumption("no biases", "len(biases) == 0")], "control": altered("2", "1 == 2"),
        "forall": ["k in weights", "n in samples"], "on": cases(mlps()), "why": "Because.",
        "states": "inner(W[k], df(n, 0, k)) == f(n, 0)",
        **changes,
    }  # fmt: skip
    return stated("toy-lemma", **fields)


def test_a_strategy_that_comes_near_equality_refutes_the_tightened_constant() -> None:
    found = fates(bound())
    tight = found["constant: `63 / 64 * (4 * x[n][0])` for `4 * x[n][0]`"]
    assert tight.fate is Fate.REFUTED


def test_a_weak_strategy_is_told_by_what_survives() -> None:
    found = fates(bound(on=st.builds(weight, st.sampled_from([-4.0, 1.0, 2.0]))))
    tight = found["constant: `63 / 64 * (4 * x[n][0])` for `4 * x[n][0]`"]
    assert tight.fate is Fate.SURVIVED
    assert tight.reason == "true at 3 examples, at 3 of them with other numbers"


def test_all_false_neighbours_of_a_lemma_are_refuted_or_true() -> None:
    claim = lemma()
    found = fates(claim)
    assert Counter(one.fate for one in found.values())[Fate.SURVIVED] == 0
    assert found["factor: `2 * inner(W[k], df(n, 0, k))` for `inner(W[k], df(n, 0, k))`"].fate is (
        Fate.REFUTED
    )
    assert fates(claim) == found


def test_what_algebra_the_field_and_the_examples_know_to_be_true() -> None:
    claim = lemma(states="rank(df(n, 0, k)) <= 1", kind="rank")
    found = fates(claim)
    doubled = found["factor: `2 * df(n, 0, k)` for `df(n, 0, k)`"]
    assert (doubled.fate, doubled.reason) == (Fate.TRUE, "algebra: it says nothing else")
    weaker = found["rank: `1 + 1` for `1`"]
    assert (weaker.fate, weaker.reason) == (Fate.TRUE, "algebra: it follows from the claim")
    following = found["index: `df(n + 1, 0, k)` for `df(n, 0, k)`"]
    assert following.fate is Fate.TRUE
    squares = bound(states="f(n, 0) ** 2 <= 16 * x[n][0] ** 2")
    lower = fates(squares)["dropped exponent: `f(n, 0)` for `f(n, 0) ** 2`"]
    assert lower.fate is Fate.TRUE


def test_the_field_reader_is_asked() -> None:
    same = "f(n, 0) * f(n, 0) - depth == f(n, 0) ** 2 - depth"
    claim = lemma(states="f(n, 0) == inner(W[k], df(n, 0, k))")
    mutant = Mutant("other", "words", Statement.of(
        same, forall=("k in weights", "n in samples"), given=("len(biases) == 0",)
    ))  # fmt: skip
    known = Bench(claim, examples(claim, 0)).left(mutant)
    assert known is not None
    assert (known.fate, known.reason) == (Fate.TRUE, "field reader: true for 40 architectures")


def test_what_has_no_value_anywhere_does_not_count() -> None:
    """There is no second sample."""
    assert not any("n + 1" in words for words in fates(bound()))


def test_what_is_the_claim_where_it_has_a_value_does_not_count_either() -> None:
    """Of one sample, `x[0][n]` is `x[n][0]`; of two it has no value, as there is one input."""
    claim = bound(on=st.builds(weight, st.sampled_from([-4.0, 4.0]), samples=st.integers(1, 2)))
    mutant = Mutant("transposition", "words", Statement.of(
        "f(n, 0) <= 4 * x[0][n]", forall=("n in samples",), given=("W[0][0][0] <= 4",)
    ))  # fmt: skip
    assert Bench(claim, examples(claim, 0)).fate(mutant) is None
    one = bound(on=st.builds(weight, st.sampled_from([-4.0, 4.0])))
    found = Bench(one, examples(one, 0)).fate(mutant)
    assert found is not None
    assert found.fate is Fate.SURVIVED


def test_a_violation_that_the_kernel_does_not_confirm_refutes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    word = KernelWord(answer=Answer.OPEN, reason="too much work")
    monkeypatch.setattr(power, "word_against", lambda *_: word)
    found = fates(bound())
    tight = found["constant: `63 / 64 * (4 * x[n][0])` for `4 * x[n][0]`"]
    assert tight.fate is Fate.SURVIVED
    assert tight.reason == "violated, but not to the kernel: too much work"


def test_examples_are_single_small_networks_and_the_same_for_one_seed() -> None:
    cohorts = st.builds(weight, st.just(1.0), st.just(2.0), st.just(3.0), st.just(4.0))
    found = examples(bound(on=cohorts), 0)
    assert {case.members for case in found} == {1}
    assert [case.parameters[0].item() for case in found[:3]] == [1.0, 2.0, 3.0]
    large = Case(
        mlp([20, 20]), (np.zeros((1, 20, 20)),), np.zeros((1, 1, 20)),
        numbers={"rho": Fraction(1)},
    )  # fmt: skip
    assert examples(bound(on=st.just(large)), 0) == []
    first, second = (examples(lemma(), 0) for _ in range(2))
    assert [case.content() for case in first] == [case.content() for case in second]


def test_mutants_are_read_at_what_training_reaches() -> None:
    def trained(setting: Any, case: Case) -> Any:
        yield weight(4.0)

    found = examples(bound(along=trained, on=st.just(weight(1.0))), 0)
    assert {case.parameters[0].item() for case in found} == {4.0}


def test_formulas_come_back_from_a_statement() -> None:
    claim = lemma(where=["g(n) = f(n, 0)"], numbers=["rho"])
    assert claim.formal is not None
    assert formal_of(claim.formal.statement) == claim.formal


def searched(*values: float) -> Evidence:
    found = Evidence()
    for value in values:
        shown = partial(weight, value)
        found.add(
            Observation(True, str(value), "≤", "4", "rationals", value / 4, case=shown)
        )  # fmt: skip
    return found


def test_a_few_are_tried_at_the_examples_of_a_search() -> None:
    found = some_neighbours(bound(), searched(-4.0, 1.0, 4.0), 0)
    assert 0 < len(found) <= SOME
    assert found == some_neighbours(bound(), searched(-4.0, 1.0, 4.0), 0)
    others = some_neighbours(bound(), searched(-4.0, 1.0, 4.0), 1)
    assert others.keys() != found.keys()
    assert Fate.REFUTED in {*found.values(), *others.values()}
    assert set(some_neighbours(bound(), searched(), 0).values()) <= {Fate.TRUE}


def test_claims_without_a_formula_that_is_checked_have_none() -> None:
    assert some_neighbours(toy(None), searched(1.0), 0) == {}
    assert some_neighbours(toy("f(0, 0) <= 6"), searched(1.0), 0) == {}
