"""The sequential test of tendencies, checked by exact enumeration of all outcomes.

Every probability and expectation below is a Fraction, so each comparison is exact. The oracle of
the e-values lets the gamblers bet pair by pair, in the order of the outcomes, and counts nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck.claims.sequential import (
    CONTRADICTED,
    INTERVAL_ERROR,
    TENDENCY,
    Decision,
    Tendency,
    decide,
    e_value,
    interval,
    pairs_in_proportion,
    pairs_needed,
)
from theorycheck.errors import InputError

HALF = Fraction(1, 2)
LENIENT = Tendency(alpha=Fraction(1, 20), beta=Fraction(1, 10))
each_tendency = pytest.mark.parametrize("tendency", [TENDENCY, LENIENT], ids=str)

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


def mean_capital(outcomes: Iterable[bool]) -> Fraction:
    """Of sixteen gamblers who stake 1/16, ..., 16/16 of what they have on each success."""
    capitals = [Fraction(1)] * 16
    for success in outcomes:
        stakes = [capital * Fraction(j, 16) for j, capital in enumerate(capitals, start=1)]
        pairs = zip(capitals, stakes, strict=True)
        capitals = [capital + stake if success else capital - stake for capital, stake in pairs]
    return sum(capitals, Fraction(0)) / 16


def test_values_worked_by_hand() -> None:
    # Means of 1 + j/16 and of 1 - j/16 over j = 1, ..., 16, whose mean is 17/2.
    assert e_value(0, 0) == 1
    assert e_value(1, 0) == 1 + Fraction(17, 32)
    assert e_value(0, 1) == 1 - Fraction(17, 32)
    # The mean of 1 - (j/16)^2; 1 + 4 + ... + 256 = 1496.
    assert e_value(1, 1) == 1 - Fraction(1496, 16 * 256)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.booleans(), max_size=12), max_size=4),
    st.randoms(use_true_random=False),
)
def test_merged_counts_carry_all_evidence_of_the_runs_in_any_order(
    runs: list[list[bool]], shuffler: random.Random
) -> None:
    successes = sum(run.count(True) for run in runs)
    failures = sum(run.count(False) for run in runs)
    outcomes = [outcome for run in runs for outcome in run]
    shuffler.shuffle(outcomes)
    assert e_value(successes, failures) == mean_capital(outcomes)
    assert e_value(failures, successes) == mean_capital(not outcome for outcome in outcomes)


def test_numpy_says_the_same() -> None:
    """Derivation: NumPy's powers err by less than 2^-50, as 1 + j/16 is exact and so is 1 - j/16;
    the product and the mean of 16 add at most 17 roundings of 2^-53 each. 20 times 2^-50 is more.
    """
    stakes = np.arange(1, 17) / 16
    for s, f in ((17, 0), (23, 1), (178, 89), (0, 40)):
        expected = float(np.mean(np.power(1 + stakes, s) * np.power(1 - stakes, f)))
        assert abs(float(e_value(s, f)) / expected - 1) < 20 * 2.0**-50


def test_supermartingale_under_the_whole_composite_hypothesis() -> None:
    def drift(s: int, f: int, p: Fraction) -> Fraction:
        """Expected change by one more pair."""
        return p * e_value(s + 1, f) + (1 - p) * e_value(s, f + 1) - e_value(s, f)

    for s in range(13):
        for f in range(13):
            assert drift(s, f, HALF) == 0
            assert all(drift(s, f, HALF * k / 10) < 0 for k in range(10))
            # Control: beyond one half the evidence grows, so the check can fail.
            assert drift(s, f, HALF + Fraction(1, 1000)) > 0


@each_tendency
def test_looking_after_every_pair_keeps_the_error_rates(tendency: Tendency) -> None:
    """All paths of 60 pairs, for three probabilities on the wrong side."""

    def confirmed(s: int, f: int) -> bool:
        return decide(tendency, s, f) is Decision.CONFIRMED

    def contradicted(s: int, f: int) -> bool:
        return decide(tendency, s, f) is Decision.CONTRADICTED

    for share in (Fraction(1), Fraction(9, 10), HALF):
        p = HALF * share
        assert 0 < crossing_probability(p, 60, confirmed) <= tendency.alpha
        assert 0 < crossing_probability(1 - p, 60, contradicted) <= tendency.beta


def test_control_repeated_fixed_sample_tests_break_the_error_rate() -> None:
    alpha = Fraction(1, 20)

    def binomial_p_value_is_small(s: int, f: int) -> bool:
        return Fraction(sum(comb(s + f, k) for k in range(s, s + f + 1)), 2 ** (s + f)) <= alpha

    assert crossing_probability(HALF, 60, binomial_p_value_is_small) > 2 * alpha


def test_merged_runs_that_stopped_on_their_own_data_stay_e_values() -> None:
    """At one half the expectation is exactly 1, whatever rule stopped each run."""
    first, second = (
        {**stopped, **going}
        for stopped, going in (
            stopped_counts(HALF, 9, lambda s, f: e_value(s, f) >= 2),
            stopped_counts(HALF, 7, lambda s, f: e_value(s, f) <= HALF),
        )
    )
    expectation = sum(
        (
            w * v * e_value(s + t, f + g)
            for (s, f), w in first.items()
            for (t, g), v in second.items()
        ),
        Fraction(0),
    )
    assert expectation == 1


def test_the_two_hypotheses_are_never_rejected_together() -> None:
    for s in range(50):
        for f in range(50):
            assert min(e_value(s, f), e_value(f, s)) <= 1


@pytest.mark.parametrize(
    ("p", "horizon", "decision", "at_least"),
    [
        (Fraction(99, 100), 30, Decision.CONFIRMED, 1 - Fraction(2, 10_000)),
        (Fraction(9, 10), 100, Decision.CONFIRMED, 1 - Fraction(2, 10_000)),
        (Fraction(1, 10), 100, Decision.CONTRADICTED, 1 - Fraction(2, 10_000)),
        (Fraction(2, 3), 400, Decision.CONFIRMED, Fraction(97, 100)),
    ],
)
def test_power(p: Fraction, horizon: int, decision: Decision, at_least: Fraction) -> None:
    """A run that stops at its first decision reaches the right one, almost surely and soon."""
    chances = {(0, 0): 1.0}
    right = 0.0
    for _ in range(horizon):
        reached: dict[tuple[int, int], float] = {}
        for (s, f), weight in chances.items():
            for counts, chance in (((s + 1, f), p), ((s, f + 1), 1 - p)):
                reached[counts] = reached.get(counts, 0.0) + weight * float(chance)
        found = {counts: decide(TENDENCY, *counts) for counts in reached}
        right += sum(w for counts, w in reached.items() if found[counts] is decision)
        chances = {c: w for c, w in reached.items() if found[c] is Decision.OPEN}
    assert right >= at_least


@each_tendency
def test_no_pairs_decide_nothing(tendency: Tendency) -> None:
    assert decide(tendency, 0, 0) is Decision.OPEN


@each_tendency
def test_pairs_needed_is_the_first_success_that_confirms(tendency: Tendency) -> None:
    needed = pairs_needed(tendency)
    assert decide(tendency, needed - 1, 0) is Decision.OPEN
    assert decide(tendency, needed, 0) is Decision.CONFIRMED


@each_tendency
def test_pairs_in_proportion_are_the_fewest_that_confirm(tendency: Tendency) -> None:
    """By trial, for every number of pairs in turn, and no more than there are."""
    for successes, failures in [(24, 0), (168, 84), (73, 23), (46, 2), (600, 400)]:
        needed = pairs_in_proportion(tendency, successes, failures)
        share = Fraction(successes, successes + failures)
        decisions = [
            decide(tendency, math.floor(n * share), n - math.floor(n * share))
            for n in range(needed + 1)
        ]
        assert decisions[-1] is Decision.CONFIRMED
        assert Decision.CONFIRMED not in decisions[:-1]
        assert needed <= successes + failures
    needed = pairs_needed(tendency)
    assert pairs_in_proportion(tendency, 300, 0) == needed
    assert pairs_in_proportion(tendency, needed, 0) == needed


@pytest.mark.parametrize("counts", [(0, 0), (5, 5), (3, 40), (16, 0)])
def test_pairs_that_do_not_confirm_have_no_fewest(counts: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="do not confirm"):
        pairs_in_proportion(TENDENCY, *counts)


def test_pairs_needed_by_default() -> None:
    # E(16, 0) = 9928.1… and E(17, 0) = 19021.0…: 1/alpha = 10000.
    assert pairs_needed(TENDENCY) == 17
    assert e_value(16, 0) < 10_000 < e_value(17, 0)
    # E(1, 0) = 49/32: one success is enough where the error may be above 32/49.
    assert pairs_in_proportion(Tendency(alpha=Fraction(33, 49)), 2, 0) == 1


def test_a_threshold_has_to_be_exceeded() -> None:
    """E(1, 0) = 49/32 decides nothing at the error rate 32/49, and does at any larger one."""
    rate, more = Fraction(32, 49), 1 + Fraction(1, 10**30)
    assert decide(Tendency(alpha=rate), 1, 0) is Decision.OPEN
    assert decide(Tendency(alpha=rate * more), 1, 0) is Decision.CONFIRMED
    assert decide(Tendency(beta=rate), 0, 1) is Decision.OPEN
    assert decide(Tendency(beta=rate * more), 0, 1) is Decision.CONTRADICTED


def not_rejected(values: list[float], m: float) -> bool:
    """Definition: m may be the median when neither of the two tests rejects it."""
    above, below = sum(v > m for v in values), sum(v < m for v in values)
    limit = 2 / INTERVAL_ERROR
    total = len(values)
    return e_value(above, total - above) <= limit and e_value(below, total - below) <= limit


@given(st.lists(st.integers(-6, 6).map(float), max_size=60))
def test_the_interval_holds_the_medians_that_are_not_rejected(values: list[float]) -> None:
    low, high = interval(values)
    for doubled in range(-14, 15):
        m = doubled / 2
        assert (low <= m <= high) is not_rejected(values, m)


def test_the_interval_of_few_values_is_the_line() -> None:
    assert interval([1.0] * 5) == (-math.inf, math.inf)
    assert interval([1.0] * 24) == (1.0, 1.0)
    assert interval(range(24)) == (3, 20)


def test_the_interval_spends_one_in_a_hundred() -> None:
    """Half of it on each side: E(40, 14) = 201.77 is beyond doubt, E(39, 15) is not."""
    assert e_value(39, 15) < 200 < e_value(40, 14) < 202
    assert interval(range(54)) == (14, 39)


def test_the_interval_holds_the_median_at_all_times_of_random_paths() -> None:
    """Of 200 paths of 150 uniform numbers, looked at 30 times: at most 1 in 100 ever misses 1/2."""
    paths = np.random.default_rng(5).random((200, 150))
    missed = 0
    for path in paths:
        ends = [interval(path[:n].tolist()) for n in range(5, 151, 5)]
        missed += any(not low <= 0.5 <= high for low, high in ends)
    assert missed <= 2


def test_the_formal_statement_names_the_numbers_of_a_certificate() -> None:
    assert CONTRADICTED.numbers == tuple(sorted(CONTRADICTED.numbers))
    assert "range(1, 17)" in CONTRADICTED.where[1]


def test_the_formal_statement_is_about_strata_that_could_be_seen_to_succeed() -> None:
    """Without them all evidence against a tendency would refute it."""
    hypotheses = " and ".join(CONTRADICTED.given)
    assert "evidence(shown[i], missed[i]) > 10000" in hypotheses
    for counts in CONTRADICTED.numbers:
        assert f"{counts}[i] >= 0" in hypotheses


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 0.5}, "alpha is 0.5; give a Fraction"),
        ({"beta": 1}, "beta is 1; give a Fraction"),
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
        decide(TENDENCY, successes, failures)
