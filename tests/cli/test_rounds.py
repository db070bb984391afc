"""Single rounds, and what they say of searches, on claims whose probabilities are known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import strategies as st

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Findings, Observation, Unmet
from theorycheck.claims.search import ROUNDS, search, search_round
from theorycheck.claims.setting import Setting
from theorycheck.cli.rounds import NEVER, OTHER, SHARES, Needs, control_need, need, upper_limit

ROUND = Observation(True, "1", "=", "1", "integers")
TRIVIAL = replace(ROUND, degenerate="zero")
FALSE = replace(ROUND, holds=False)


PART = Fraction(1, 2**36)
"""Definition: figures are right to this part of themselves, and shown with far fewer digits."""


def few(seen: int, trials: int, p: Fraction) -> Fraction:
    """The probability of at most ``seen`` successes in ``trials`` trials."""
    return sum(
        (math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(seen + 1)),
        Fraction(0),
    )


def agree(found: float, expected: float | Fraction) -> bool:
    """Whether two figures are the same, to `PART` of the second.

    Derivation: both come from SciPy's special functions, which document errors of some hundred
    units in the last place, 2**-45 of a number; reports show six digits.
    """
    exact = Fraction(expected)
    return exact * (1 - PART) <= Fraction(found) <= exact * (1 + PART)


@pytest.mark.parametrize(("seen", "trials"), [(0, 1), (0, 100), (1, 20), (7, 30), (19, 20)])
@pytest.mark.parametrize("error", [0.05, 1e-4])
def test_above_the_limit_so_few_are_seen_with_the_probability_of_an_error(
    seen: int, trials: int, error: float
) -> None:
    """In fractions: a little above the limit with less, a little below it with more."""
    limit = Fraction(upper_limit(seen, trials, error))
    above, below = (few(seen, trials, limit * (1 + sign * PART)) for sign in (1, -1))
    ordered = [above, Fraction(error), below]
    assert sorted(ordered) == ordered


def test_an_event_that_is_always_seen_has_no_limit() -> None:
    assert upper_limit(3, 3, 0.05) == upper_limit(0, 0, 0.05) == 1.0


def toy(p: float = 1.0, control_p: float = 1.0) -> Claim:
    """In a share ``p`` of the seeds a round meets the hypotheses, and its control is refuted."""

    def check(setting: Setting, number: int) -> Findings:
        chance = random.Random(setting.seed).random()
        if setting.altered:
            yield replace(ROUND, holds=chance >= control_p)
        elif chance < p:
            yield ROUND

    given = {"number": st.integers(0, 50)}
    return Claim("toy-claim", "", "identity", (), "", (), "", check, given, examples=4, enough=4)


def evidence(*found: Observation | Unmet) -> Evidence:
    made = Evidence()
    for finding in found:
        made.add(finding)
    return made


MISS = Unmet(0.5, "")


@pytest.mark.parametrize(
    ("recorded", "found", "expected"),
    [
        ("holds", [ROUND] * 4, 1),
        ("holds", [ROUND] * 3, 2),
        ("holds", [ROUND] * 2, 2),
        ("holds", [ROUND], 4),
        ("holds", [], NEVER),
        ("holds", [ROUND] * 3 + [FALSE], OTHER),
        # The rounds that follow may come to others.
        ("holds", [TRIVIAL] * 9, NEVER),
        ("holds", [ROUND, *[TRIVIAL] * 9], 4),
        ("holds", [MISS], OTHER),
        ("vacuous", [TRIVIAL] * 4, 1),
        ("vacuous", [TRIVIAL] * 3, 2),
        ("vacuous", [], NEVER),
        ("vacuous", [MISS], 1),
        ("vacuous", [ROUND, TRIVIAL], OTHER),
        ("refuted", [], 1),
        ("refuted", [ROUND] * 9, 1),
    ],
)
def test_need_of_a_round(
    recorded: str, found: Sequence[Observation | Unmet], expected: int
) -> None:
    assert need(toy(), recorded, evidence(*found)) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([ROUND] * 2, ROUNDS),
        ([ROUND], NEVER),
        ([ROUND, TRIVIAL], NEVER),
        ([replace(ROUND, holds=None)], NEVER),
        ([TRIVIAL], NEVER),
        ([MISS], OTHER),
    ],
)
def test_need_of_a_round_that_says_little(
    found: Sequence[Observation | Unmet], expected: int
) -> None:
    """Two examples for each of all rounds are needed, or what is there agrees with the record."""
    claim = replace(toy(), enough=2 * ROUNDS)
    assert need(claim, "holds", evidence(*found)) == expected


@pytest.mark.parametrize(
    ("recorded", "found", "expected"),
    [
        ("holds", [FALSE], 1),
        ("holds", [ROUND] * 9, NEVER),
        ("holds", [MISS], OTHER),
        ("vacuous", [], NEVER),
        ("refuted", [], 1),
    ],
)
def test_need_of_a_round_for_the_control(
    recorded: str, found: Sequence[Observation | Unmet], expected: int
) -> None:
    assert control_need(toy(), recorded, evidence(*found)) == expected


@pytest.mark.parametrize(
    ("made", "error"), [([1] * 20, 0.01), ([1] * 12 + [2] * 8, 0.01), ([2, 3, 4, 4] * 9, 0.03)]
)
def test_limits_by_hand(made: list[int], error: float) -> None:
    """In fractions: of R rounds fewer than j have a need of at most j."""
    found = Needs.of(made, error)
    count = len(made)
    probabilities = []
    for j in SHARES:
        p = Fraction(upper_limit(sum(need > j for need in made), count, error / len(SHARES)))
        probabilities.append(few(j - 1, ROUNDS, 1 - p))
    assert agree(found.limit, min(probabilities))
    assert sum(found.needed.values()) == count
    assert not found.flips


def test_needs_that_say_that_a_verdict_changes() -> None:
    assert Needs.of([1, 1, OTHER], 0.01).flips
    assert Needs.of([NEVER, NEVER], 0.01).flips
    assert not Needs.of([NEVER, 1], 0.01).flips
    assert Needs.of([max(SHARES) + 1] * 2, 0.01).flips
    assert not Needs.of([max(SHARES)] * 2, 0.01).flips
    assert Needs.of([NEVER, NEVER], 0.01).limit == 1
    shown = str(Needs.of([NEVER, 1, 1, 2, 3, OTHER], 0.01))
    assert shown == "2 alone suffice, 1 are other, 2 need others, 1 say too little"


def test_the_limit_is_above_the_truth_and_searches_fail_as_often_as_that() -> None:
    """A round says nothing for 9 of 10 seeds, its control survives for 7 of 8."""
    claim = toy(0.1, 0.125)
    made: list[list[Evidence]] = [[], []]
    for seed in range(100):
        for altered in (False, True):
            evidence = Evidence()
            search_round(claim, Setting(altered=altered, seed=seed), 0, evidence)
            made[altered].append(evidence)
    own = Needs.of([need(claim, "holds", evidence) for evidence in made[0]], 0.01)
    control = Needs.of([control_need(claim, "holds", evidence) for evidence in made[1]], 0.01)
    assert own.other == control.other == 0
    assert 0.9**ROUNDS < own.limit < 0.99**ROUNDS
    assert 0.875**ROUNDS < control.limit < 0.98**ROUNDS
    searches = [search(claim, Setting(seed=10_000 + 100 * number)) for number in range(150)]
    failed = sum(each.counted < claim.enough for each in searches)
    assert failed > 0
    assert 1 - upper_limit(150 - failed, 150, 0.01) < 0.9**ROUNDS < upper_limit(failed, 150, 0.01)
