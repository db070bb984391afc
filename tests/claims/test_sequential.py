"""The sequential test of tendencies, checked by exact enumeration of all outcomes.

Every probability and expectation below is a Fraction, so each comparison is exact. The oracle of
the e-values multiplies polynomials pair by pair and integrates them, and never counts anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck.claims.sequential import Decision, Tendency, decide, e_values, pairs_needed
from theorycheck.errors import InputError

HALF = Fraction(1, 2)
TENDENCIES = [
    Tendency(),
    Tendency(alpha=Fraction(1, 20), beta=Fraction(1, 20)),
    Tendency(Fraction(1, 3), Fraction(2, 5), alpha=Fraction(1, 20), beta=Fraction(1, 10)),
    Tendency(Fraction(4, 5), Fraction(19, 20), alpha=Fraction(1, 100), beta=Fraction(1, 50)),
]
each_tendency = pytest.mark.parametrize("tendency", TENDENCIES, ids=str)

Distribution = dict[tuple[int, int], Fraction]
"""The probability of each (successes, failures)."""


def stopped_counts(
    p: Fraction, horizon: int, stops: Callable[[int, int], bool]
) -> tuple[Distribution, Distribution]:
    """Counts on which a run stops within the horizon, and counts of the runs still going."""
    stopped: Distribution = {}
    going: Distribution = {(0, 0): Fraction(1)}
    for _ in range(horizon):
        reached: Distribution = {}
        for (s, f), weight in going.items():
            for counts, chance in (((s + 1, f), p), ((s, f + 1), 1 - p)):
                reached[counts] = reached.get(counts, Fraction(0)) + weight * chance
        going = {}
        for counts, weight in reached.items():
            if stops(*counts):
                stopped[counts] = stopped.get(counts, Fraction(0)) + weight
            else:
                going[counts] = weight
    return stopped, going


def crossing_probability(
    p: Fraction, horizon: int, crosses: Callable[[int, int], bool]
) -> Fraction:
    """Exact probability that a look after every pair ever sees a crossing."""
    return sum(stopped_counts(p, horizon, crosses)[0].values(), Fraction(0))


def integrate(outcomes: Iterable[bool], boundary: Fraction, a: Fraction, b: Fraction) -> Fraction:
    """Mean over q in [a, b] of the likelihood ratio of q to the boundary, pair by pair."""
    polynomial = [Fraction(1)]
    for success in outcomes:
        shifted = [Fraction(0), *polynomial]
        if success:
            polynomial = [c / boundary for c in shifted]
        else:
            padded = [*polynomial, Fraction(0)]
            polynomial = [(c - d) / (1 - boundary) for c, d in zip(padded, shifted, strict=True)]
    antiderivative = [c / (k + 1) for k, c in enumerate(polynomial)]
    return sum(
        (c * (b ** (k + 1) - a ** (k + 1)) for k, c in enumerate(antiderivative)), Fraction(0)
    ) / (b - a)


def drift(tendency: Tendency, which: int, s: int, f: int, p: Fraction) -> Fraction:
    """Expected change of E0 (which = 0) or E1 (which = 1) by one more pair."""
    after_success = e_values(tendency, s + 1, f)[which]
    after_failure = e_values(tendency, s, f + 1)[which]
    return p * after_success + (1 - p) * after_failure - e_values(tendency, s, f)[which]


@st.composite
def tendencies(draw: st.DrawFn) -> Tendency:
    null = draw(st.integers(1, 18))
    alternative = draw(st.integers(null + 1, 19))
    return Tendency(Fraction(null, 20), Fraction(alternative, 20))


def test_values_worked_by_hand() -> None:
    assert e_values(Tendency(), 0, 0) == (Fraction(1), Fraction(1))
    # Means of q/(1/2) over [9/10, 1] and of r/(9/10) over [0, 1/2]; then of 1-q and 1-r.
    assert e_values(Tendency(), 1, 0) == (Fraction(19, 10), Fraction(5, 18))
    assert e_values(Tendency(), 0, 1) == (Fraction(1, 10), Fraction(15, 2))


@settings(deadline=None, derandomize=True)
@given(
    tendencies(),
    st.lists(st.lists(st.booleans(), max_size=12), max_size=4),
    st.randoms(use_true_random=False),
)
def test_merged_counts_carry_all_evidence_of_the_runs_in_any_order(
    tendency: Tendency, runs: list[list[bool]], shuffler: random.Random
) -> None:
    successes = sum(run.count(True) for run in runs)
    failures = sum(run.count(False) for run in runs)
    outcomes = [outcome for run in runs for outcome in run]
    shuffler.shuffle(outcomes)
    assert e_values(tendency, successes, failures) == (
        integrate(outcomes, tendency.null, tendency.alternative, Fraction(1)),
        integrate(outcomes, tendency.alternative, Fraction(0), tendency.null),
    )


@each_tendency
def test_supermartingale_under_the_whole_composite_hypothesis(tendency: Tendency) -> None:
    for s in range(13):
        for f in range(13):
            null, alternative = tendency.null, tendency.alternative
            assert drift(tendency, 0, s, f, null) == drift(tendency, 1, s, f, alternative) == 0
            for k in range(10):
                assert drift(tendency, 0, s, f, null * k / 10) < 0
                assert drift(tendency, 1, s, f, 1 - (1 - alternative) * k / 10) < 0
            # Control: beyond the boundary the evidence grows, so the check can fail.
            assert drift(tendency, 0, s, f, null + Fraction(1, 1000)) > 0
            assert drift(tendency, 1, s, f, alternative - Fraction(1, 1000)) > 0


@each_tendency
def test_looking_after_every_pair_keeps_the_error_rates(tendency: Tendency) -> None:
    def confirmed(s: int, f: int) -> bool:
        return decide(tendency, s, f) is Decision.CONFIRMED

    def contradicted(s: int, f: int) -> bool:
        return decide(tendency, s, f) is Decision.CONTRADICTED

    for share in (Fraction(1), Fraction(9, 10), HALF):
        p_below = tendency.null * share
        p_above = 1 - (1 - tendency.alternative) * share
        assert 0 < crossing_probability(p_below, 60, confirmed) <= tendency.alpha
        assert 0 < crossing_probability(p_above, 60, contradicted) <= tendency.beta


def test_control_repeated_fixed_sample_tests_break_the_error_rate() -> None:
    alpha = Fraction(1, 20)

    def binomial_p_value_is_small(s: int, f: int) -> bool:
        return Fraction(sum(comb(s + f, k) for k in range(s, s + f + 1)), 2 ** (s + f)) <= alpha

    assert crossing_probability(HALF, 60, binomial_p_value_is_small) > 2 * alpha


@each_tendency
def test_merged_runs_that_stopped_on_their_own_data_stay_e_values(tendency: Tendency) -> None:
    """At the boundary the expectation is exactly 1, whatever rule stopped each run."""
    for which, p in enumerate((tendency.null, tendency.alternative)):

        def looks_promising(s: int, f: int, which: int = which) -> bool:
            return e_values(tendency, s, f)[which] >= 2

        def looks_hopeless(s: int, f: int, which: int = which) -> bool:
            return e_values(tendency, s, f)[which] <= HALF

        first, second = (
            {**stopped, **going}
            for stopped, going in (
                stopped_counts(p, 9, looks_promising),
                stopped_counts(p, 7, looks_hopeless),
            )
        )
        expectation = sum(
            (
                w * v * e_values(tendency, s + t, f + g)[which]
                for (s, f), w in first.items()
                for (t, g), v in second.items()
            ),
            Fraction(0),
        )
        assert expectation == 1


@each_tendency
def test_the_two_hypotheses_are_never_rejected_together(tendency: Tendency) -> None:
    for s in range(50):
        for f in range(50):
            assert min(e_values(tendency, s, f)) <= 1


@pytest.mark.parametrize(
    ("p", "horizon", "decision", "at_least"),
    [
        (Fraction(99, 100), 30, Decision.CONFIRMED, 1 - Fraction(2, 10_000)),
        (Fraction(99, 100), 200, Decision.CONFIRMED, 1 - Fraction(2, 10**10)),
        (Fraction(9, 10), 100, Decision.CONFIRMED, 1 - Fraction(2, 10_000)),
        (HALF, 100, Decision.CONTRADICTED, 1 - Fraction(2, 10_000)),
        (Fraction(1, 10), 20, Decision.CONTRADICTED, 1 - Fraction(2, 10_000)),
    ],
)
def test_power(p: Fraction, horizon: int, decision: Decision, at_least: Fraction) -> None:
    """A run that stops at its first decision reaches the right one, almost surely and soon."""
    tendency = Tendency()
    stopped, _ = stopped_counts(
        p, horizon, lambda s, f: decide(tendency, s, f) is not Decision.OPEN
    )
    right = sum((w for c, w in stopped.items() if decide(tendency, *c) is decision), Fraction(0))
    assert right >= at_least


@each_tendency
def test_no_pairs_decide_nothing(tendency: Tendency) -> None:
    assert decide(tendency, 0, 0) is Decision.OPEN


@each_tendency
def test_pairs_needed_is_the_first_success_that_confirms(tendency: Tendency) -> None:
    needed = pairs_needed(tendency)
    assert decide(tendency, needed - 1, 0) is Decision.OPEN
    assert decide(tendency, needed, 0) is Decision.CONFIRMED


def test_pairs_needed_by_default() -> None:
    # Means of (2q)^n over [9/10, 1]: 8673.6… for n = 14 and 16684.8… for n = 15; 1/alpha = 10000.
    assert pairs_needed(Tendency()) == 15


def test_a_threshold_that_is_met_exactly_decides() -> None:
    """E0(1, 0) = 19/10 and E1(0, 1) = 15/2 decide at these rates, and not at any smaller ones."""
    alpha, beta, less = Fraction(10, 19), Fraction(2, 15), 1 - Fraction(1, 10**30)
    assert decide(Tendency(alpha=alpha), 1, 0) is Decision.CONFIRMED
    assert decide(Tendency(alpha=alpha * less), 1, 0) is Decision.OPEN
    assert decide(Tendency(beta=beta), 0, 1) is Decision.CONTRADICTED
    assert decide(Tendency(beta=beta * less), 0, 1) is Decision.OPEN


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"null": 0.5}, "null is 0.5; give a Fraction"),
        ({"alpha": 1}, "alpha is 1; give a Fraction"),
        ({"null": Fraction(0)}, "0 < null < alternative < 1"),
        ({"alternative": Fraction(1)}, "0 < null < alternative < 1"),
        ({"null": Fraction(9, 10)}, "0 < null < alternative < 1"),
        ({"alpha": Fraction(0)}, "alpha is 0; choose an error rate"),
        ({"beta": Fraction(1)}, "beta is 1; choose an error rate"),
    ],
)
def test_tendencies_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tendency(**fields)


@pytest.mark.parametrize(("successes", "failures"), [(-1, 0), (0, -1), (1.0, 0), (0, "3")])
def test_counts_that_are_no_counts_are_refused(successes: Any, failures: Any) -> None:
    with pytest.raises(InputError, match="give a count, an integer that is 0 or more"):
        decide(Tendency(), successes, failures)
