"""Which examples evidence keeps, and how it tells searches apart."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import pytest

from tests.claims.findings import CASES, gathered, observation, word
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Finding, Rejection, Unmet
from theorycheck.claims.outcomes import Answer, Reader


def test_the_kernel_is_asked_about_the_twenty_simplest_examples_that_hold() -> None:
    """Trivial ones last, then those that need enclosures, then large ones."""
    small, large = (lambda: CASES[0]), (lambda: CASES[2])
    ordered = [
        observation(case=small, left="3"),
        observation(case=large),
        observation(case=small, arithmetic="rationals; balls"),
        observation(case=large, arithmetic="balls"),
        observation(case=small, degenerate="zero"),
        observation(case=small, degenerate="zero", arithmetic="balls"),
    ]
    others = [
        observation(False, case=small), observation(None, case=small), observation(),
    ]  # fmt: skip
    assert gathered(*reversed(ordered), *others).drawn == ordered
    simple = [observation(case=small, left=str(number)) for number in range(15)]
    assert gathered(*ordered, *simple).drawn == [ordered[0], *simple, *ordered[1:5]]


def fingerprint(*findings: Finding, seed: int = 0) -> str:
    evidence = Evidence.started(seed)
    for finding in findings:
        evidence.add(finding)
    (found,) = evidence.fingerprints
    return found


def test_a_fingerprint_is_the_sum_of_the_seed_and_of_all_digests() -> None:
    """Of 64 bits, in hexadecimal digits; by hand."""
    digests = [
        int(hashlib.sha256(repr(told).encode()).hexdigest(), 16) >> 192
        for told in (
            {"reason": "kink", "count": 3, "stratum": None},
            {"distance": 0.5, "note": "gradient norm"},
        )
    ]
    found = fingerprint(Rejection("kink", 3), Unmet(0.5, "gradient norm"), seed=-7)
    assert found == f"{(sum(digests) - 7) % 2**64:016x}"
    assert fingerprint(seed=-1) == "f" * 16
    assert fingerprint(seed=2**64 + 5) == f"{5:016x}"


def test_a_fingerprint_tells_examples_and_their_numbers_apart() -> None:
    """But not whether the kernel was asked, nor by what function a case is given."""
    same = observation(case=lambda: CASES[0])
    assert fingerprint(same) == fingerprint(observation(case=lambda: CASES[1]))
    assert fingerprint(same) == fingerprint(replace(same, kernel=word(Answer.CONFIRMED)))
    different = [
        same,
        observation(),
        observation(case=lambda: CASES[2]),
        replace(same, left="3"),
        replace(same, left="\ud800"),
        replace(same, count=2),
    ]
    assert len(set(map(fingerprint, different))) == len(different)


def test_of_two_counterexamples_the_more_readable_one_is_kept() -> None:
    """Worked by hand: exact numbers first, then few of them, then the shorter text."""
    small, large = CASES[0], CASES[2]
    ordered = [
        observation(False, left="7", case=lambda: small),
        observation(False, left="8", case=lambda: small),
        observation(False, left="70", case=lambda: small),
        observation(False, left="7", case=lambda: large),
        observation(False, left="7"),
    ]
    for better, worse in itertools.combinations(ordered, 2):
        for pair in itertools.permutations((better, worse)):
            assert (gathered(pair[0]) + gathered(pair[1])).counterexample is better


def test_of_two_tightest_examples_the_tighter_one_is_kept() -> None:
    loose = observation(tightness=0.25, case=lambda: CASES[0])
    tight = observation(tightness=0.5)
    for pair in itertools.permutations((loose, tight)):
        assert (gathered(pair[0]) + gathered(pair[1])).tightest is tight


def test_of_equally_tight_examples_the_more_readable_one_is_kept() -> None:
    """As in a sum: first one with numbers, then few of them, then the shorter text."""
    ordered = [
        observation(tightness=0.5, case=lambda: CASES[0]),
        observation(tightness=0.5, case=lambda: CASES[0], left="10"),
        observation(tightness=0.5, case=lambda: CASES[2]),
        observation(tightness=0.5),
        observation(tightness=0.5, left="10"),
    ]
    for better, worse in itertools.combinations(ordered, 2):
        for pair in itertools.permutations((better, worse)):
            assert gathered(*pair).tightest is better
            assert (gathered(pair[0]) + gathered(pair[1])).tightest is better


@pytest.mark.parametrize("slot", ["counterexample", "tightest"])
def test_an_example_that_the_kernel_contradicts_survives_every_sum(slot: str) -> None:
    """Else a disagreement would be lost when runs are merged."""
    holds = slot == "tightest"
    contradicted = observation(
        holds, left="a long side", tightness=0.25, kernel=word(Answer.CONTRADICTED)
    )
    better = observation(holds, tightness=0.5, case=lambda: CASES[0], kernel=word(Answer.CONFIRMED))
    for pair in itertools.permutations((contradicted, better)):
        assert getattr(gathered(pair[0]) + gathered(pair[1]), slot) is contradicted


def test_a_counterexample_that_somebody_confirms_is_kept_before_others() -> None:
    small, large = CASES[0], CASES[2]
    readable = [
        observation(False, case=lambda: small),
        observation(False, case=lambda: small, kernel=word(Answer.OPEN)),
    ]
    confirmed = [
        observation(False, case=lambda: large, reader=Reader.RATIONALS),
        observation(False, case=lambda: large, kernel=word(Answer.CONFIRMED)),
    ]
    for one, other in itertools.product(readable, confirmed):
        assert (gathered(one) + gathered(other)).counterexample is other
        assert (gathered(other) + gathered(one)).counterexample is other
