"""Evidence: sums over findings, and documents that hold all that addition needs."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, convert, to_builtins

from tests.claims.findings import CASES, gathered, observation, traced, word
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Finding, Pair, Rejection, Unmet
from theorycheck.claims.outcomes import Answer, Outcome, Reader
from theorycheck.claims.slack import BINS
from theorycheck.errors import InputError


def test_nothing_found() -> None:
    evidence = Evidence()
    assert (evidence.tried, evidence.met, evidence.open, evidence.degenerate) == (0, 0, 0, 0)
    assert (evidence.tightest, evidence.counterexample, evidence.nearest) == (None, None, None)


def test_observations_count_all_their_examples() -> None:
    evidence = gathered(
        observation(count=3),
        observation(None, count=2),
        observation(count=4, degenerate="zero", arithmetic="rationals"),
    )
    assert (evidence.tried, evidence.met) == (9, 9)
    assert (evidence.open, evidence.degenerate) == (2, 4)
    assert evidence.arithmetic == {"integers", "rationals"}
    assert evidence.counterexample is None


def test_rejections_are_counted_by_reason() -> None:
    evidence = gathered(Rejection("kink", 3), Rejection("diverged"), Rejection("kink"))
    assert (evidence.tried, evidence.met) == (5, 0)
    assert evidence.rejected == {"kink": 4, "diverged": 1}


def test_a_violation_is_the_counterexample_and_never_the_tightest() -> None:
    violation = observation(False, tightness=2.0)
    evidence = gathered(observation(tightness=0.5), violation, observation(tightness=0.25))
    assert evidence.counterexample is violation
    assert evidence.tightest is not None
    assert evidence.tightest.tightness == 0.5
    assert evidence.met == 3


def test_the_tightest_has_the_largest_ratio() -> None:
    ratios = (None, 0.0, 0.5, 0.875, 0.25)
    for order in itertools.permutations(ratios):
        evidence = gathered(*(observation(tightness=ratio) for ratio in order))
        assert evidence.tightest is not None
        assert evidence.tightest.tightness == 0.875


def test_equalities_have_no_tightest() -> None:
    assert gathered(observation(), observation()).tightest is None


def test_the_nearest_miss_has_the_smallest_distance() -> None:
    for order in itertools.permutations((0.5, 0.125, 3.0)):
        evidence = gathered(*(Unmet(distance, "gradient norm") for distance in order))
        assert (evidence.tried, evidence.met) == (3, 0)
        assert evidence.nearest == Unmet(0.125, "gradient norm")


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize(("left", "right"), [("nan", "1"), ("1", "-inf"), ("rank inf", "nan")])
def test_nan_and_infinity_decide_nothing(holds: bool, left: str, right: str) -> None:
    undecided = observation(holds, left=left, right=right, tightness=1.0)
    assert undecided.holds is None
    evidence = gathered(undecided)
    assert (evidence.open, evidence.counted) == (1, 0)
    assert evidence.counterexample is evidence.tightest is None


def test_what_counts_was_decided_and_not_trivial_and_no_more_than_was_drawn() -> None:
    evidence = Evidence()
    for networks, finding in (
        (8, observation(count=3)),
        (1, observation(count=1000)),
        (1000, observation(None, count=2)),
        (1000, observation(count=4, degenerate="zero")),
        (1000, observation(count=4, degenerate="collinear")),
    ):
        evidence.add(finding, networks=networks)
    assert evidence.counted == 3 + 1
    assert gathered(observation(count=1000)).counted == 1
    assert evidence.trivially == {"zero", "collinear"}
    assert evidence.outcome().examples.trivially == ("collinear", "zero")


def test_slack_is_that_of_examples_that_hold_and_not_only_trivially() -> None:
    evidence = gathered(
        observation(count=3, slack={"0": 1, "0.3": 2}),
        observation(tightness=0.5),
        observation(tightness=0.5, degenerate="zero"),
        observation(False, tightness=1.5),
        observation(None, tightness=0.5),
        observation(),
    )
    assert evidence.outcome().examples.slack == {"0": 1, "0.3": 2, "1": 1}


def test_courses_decide_nothing_and_add_up_by_population() -> None:
    one, other = traced("images", 2.0, 3.0), traced("images", 3.0)
    evidence = gathered(one, traced("mixtures", 5.0)) + gathered(other)
    assert (evidence.tried, evidence.met, evidence.strata) == (0, 0, {})
    assert evidence.courses["images"] == one.course + other.course
    assert evidence.courses["images"].lines[0].stages == ("1:3", "2:1 3:2")
    assert evidence.fingerprints != gathered(one).fingerprints


def test_pairs_are_successes_or_failures() -> None:
    evidence = gathered(Pair(True, "rank"), Pair(False, "rank", tie=True), Pair(True, "rank"))
    assert (evidence.tried, evidence.met) == (3, 3)
    (stratum,) = evidence.strata.values()
    assert (stratum.successes, stratum.failures, stratum.ties) == (2, 1, 1)
    assert stratum.measured == ("rank",)


def test_pairs_of_different_populations_are_never_pooled() -> None:
    evidence = gathered(
        Pair(True, "rank", "mixtures", 0.12345), Pair(False, "rank", "images", 2.0),
        Pair(True, "rank", "mixtures", 0.12345),
    )  # fmt: skip
    counts = {name: (s.successes, s.failures) for name, s in evidence.strata.items()}
    assert counts == {"images": (0, 1), "mixtures": (2, 0)}
    assert evidence.strata["mixtures"].effects == {"0.123": 2}


@pytest.mark.parametrize("effect", [math.nan, math.inf, -math.inf])
def test_a_pair_whose_effect_is_not_finite_counts_for_nothing(effect: float) -> None:
    evidence = gathered(Pair(True, "rank", effect=effect), Pair(True, "rank", effect=1.0))
    assert (evidence.tried, evidence.met) == (2, 1)
    assert evidence.rejected == {"the effect is not a finite number": 1}
    (stratum,) = evidence.strata.values()
    assert stratum.pairs == 1


def test_the_order_of_findings_does_not_matter() -> None:
    findings: list[Finding] = [
        observation(count=2, tightness=0.5),
        observation(None, arithmetic="balls"),
        observation(False, left="3"),
        Rejection("kink", 2),
        Unmet(0.5, "gradient norm"),
        Unmet(0.5, "distance of the weights"),
        Pair(True, "rank"),
        Pair(True, "rank", "images", 0.5),
        Pair(False, "norm", "images", 0.25, tie=True),
    ]
    expected, shuffler = gathered(*findings), random.Random(0)
    for _ in range(500):
        shuffler.shuffle(findings)
        assert gathered(*findings) == expected


def test_corners_are_those_of_examples_that_count() -> None:
    corners = {"at a kink": 2, "zero input": 1}
    evidence = gathered(
        observation(count=3, corners=corners),
        observation(count=3, corners={"at a kink": 1}),
        observation(None, corners=corners),
        observation(degenerate="zero", corners=corners),
    )
    assert evidence.corners == {"at a kink": 3, "zero input": 1}


def test_a_population_whose_effects_are_not_finite_is_asked_about() -> None:
    (named,) = gathered(Pair(True, "rank", "images", math.nan)).strata.items()
    assert named[0] == "images"
    assert named[1].pairs == 0


TEXTS = st.sampled_from(["1", "2", "rank 1"])
OBSERVATIONS = st.builds(
    observation,
    st.sampled_from([True, False, None]),
    left=TEXTS,
    count=st.integers(1, 3),
    arithmetic=TEXTS,
    tightness=st.sampled_from([None, 0.0, -0.0, 0.5, 0.5000001, math.inf, 1.0]),
    degenerate=st.none() | TEXTS,
    note=st.none() | TEXTS,
    case=st.sampled_from([None, *(lambda case=case: case for case in CASES)]),
    corners=st.dictionaries(TEXTS, st.integers(0, 2), max_size=2),
    slack=st.dictionaries(st.sampled_from(BINS), st.just(1), max_size=1),
    reader=st.none() | st.sampled_from(Reader),
    kernel=st.none() | st.sampled_from([word(answer) for answer in Answer]),
)
FINDINGS = st.one_of(
    OBSERVATIONS,
    st.builds(Rejection, TEXTS, st.integers(0, 2)),
    st.builds(Unmet, st.sampled_from([0.25, 0.5]), TEXTS),
    st.builds(
        Pair,
        st.booleans(),
        TEXTS,
        st.sampled_from(["images", "mixtures"]),
        st.sampled_from([None, 0.0, -1.5, 1e-7, math.nan]),
        st.booleans(),
    ),
    st.builds(traced, st.sampled_from(["images", "mixtures"]), st.sampled_from([1.5, -2, 1e-12])),
)
EVIDENCE = st.builds(
    lambda findings, agreed: replace(gathered(*findings), agreed=agreed),
    st.lists(FINDINGS, max_size=4),
    st.integers(0, 3),
)


def document(evidence: Evidence) -> Any:
    """As a report holds it."""
    return json.loads(json.dumps(to_builtins(evidence.outcome()), allow_nan=False))


def read(document: Any) -> Evidence:
    return Evidence.of(convert(document, Outcome))


@given(EVIDENCE, EVIDENCE, EVIDENCE)
def test_addition_is_associative_and_commutative_and_has_a_zero(
    a: Evidence, b: Evidence, c: Evidence
) -> None:
    assert document((a + b) + c) == document(a + (b + c))
    assert document(a + b) == document(b + a)
    assert document(a + Evidence()) == document(a) == document(Evidence() + a)


@given(EVIDENCE, EVIDENCE)
def test_documents_hold_all_that_addition_needs(a: Evidence, b: Evidence) -> None:
    """Evidence that was written and read again adds up to the same."""
    again = [read(document(evidence)) for evidence in (a, b)]
    assert document(again[0]) == document(a)
    assert document(again[0] + again[1]) == document(a + b)


@given(st.lists(FINDINGS, max_size=4), st.lists(FINDINGS, max_size=4))
def test_counts_of_a_sum_are_those_of_all_findings(one: list[Finding], two: list[Finding]) -> None:
    def counts(evidence: Evidence) -> Any:
        return document(evidence)["examples"], evidence.arithmetic

    assert counts(gathered(*one) + gathered(*two)) == counts(gathered(*one, *two))


def test_the_fraction_that_met_the_hypotheses() -> None:
    fractions = [
        gathered(*findings).outcome().examples.fraction
        for findings in ([], [Rejection("kink", 3)], [observation(count=2), Rejection("kink")])
    ]
    assert fractions == [None, 0.0, 0.666667]


DOCUMENT = document(
    gathered(
        observation(False, tightness=1.5, case=lambda: CASES[0]),
        observation(tightness=0.5, note="n"),
        Rejection("kink"),
        Unmet(0.5, "gradient norm"),
        Pair(True, "rank"),
        traced("images", 2.0),
    )
)
HOSTILE: list[Any] = [-1, True, 0.5, "1", 10**400, [], [[]], {}, {"a": {}}, None]


def changed(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return {**document, path[0]: changed(document[path[0]], path[1:], value)}


def paths(document: Any) -> list[tuple[str, ...]]:
    if not isinstance(document, dict):
        return [()]
    return [(), *((key, *rest) for key, value in document.items() for rest in paths(value))]


@pytest.mark.parametrize("path", paths(DOCUMENT)[1:], ids="/".join)
def test_documents_that_are_no_evidence(path: tuple[str, ...]) -> None:
    """Whatever is put in a place can be written again, or is refused."""
    for value in HOSTILE:
        with contextlib.suppress(InputError, ValidationError):
            document(read(changed(DOCUMENT, path, value)))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("examples", "met"), -1, r"`int` >= 0 - at `\$.examples.met`"),
        (("examples", "met"), True, r"`int`, got `bool` - at `\$.examples.met`"),
        (("examples", "met"), 6, "of 6 of 5 examples"),
        (("examples", "open"), 4, "4, 2, 1.* of 3 of 5 examples"),
        (
            ("examples", "strata", "all pairs", "ties"),
            0.5,
            r"`int`, got `float` - at `\$.examples.strata\[...\].ties`",
        ),
        (("examples", "rejected"), {"kink": "3"}, r"`int`, got `str` - at `\$.examples.rejected"),
        (("nearest", "distance"), 10**400, r"out of range - at `\$.nearest.distance`"),
        (("nearest", "distance"), math.nan, r"a distance of nan - at `\$.nearest`"),
        (
            ("tightest", "tightness"),
            "1",
            r"`float \| null`, got `str` - at `\$.tightest.tightness`",
        ),
        (("tightest", "holds"), 1, r"`bool \| null`, got `int` - at `\$.tightest.holds`"),
        (("counterexample", "left"), 7, r"`str`, got `int` - at `\$.counterexample.left`"),
        (("counterexample", "holds"), True, "violates nothing"),
        (("counterexample", "case"), {}, "not a case"),
    ],
)
def test_what_is_wrong_with_a_document_is_named(
    path: tuple[str, ...], value: Any, complaint: str
) -> None:
    with pytest.raises((InputError, ValidationError), match=complaint):
        read(changed(DOCUMENT, path, value))


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    """A check computes with NumPy, whose float64 JSON does not know."""
    found = gathered(
        Unmet(np.float64(0.5), "gradient norm"), observation(tightness=np.float64(0.25))
    ).outcome()
    assert found.nearest is not None
    assert found.tightest is not None
    assert type(found.nearest.distance) is type(found.tightest.tightness) is float
    assert (found.nearest.distance, found.tightest.tightness) == (0.5, 0.25)
