"""Outcomes: what is written is read again, and nothing is read that could not be written."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec import ValidationError

from tests.claims.documents import (
    EXAMPLES,
    NOT_FINITE,
    NOTHING,
    OUTCOME,
    OUTCOMES,
    Document,
    changed,
    documents,
    paths,
    text,
    without,
)
from theorycheck.claims.courses import MOST_POPULATIONS, Course, Line, Settings
from theorycheck.claims.outcomes import (
    Answer,
    Example,
    Examples,
    KernelWord,
    Miss,
    Outcome,
    Reader,
    Stratum,
    added,
    is_finite,
)
from theorycheck.claims.sequential import interval

FOUND = Outcome(
    examples=Examples(
        tried=9,
        met=6,
        fraction=0.666667,
        degenerate=2,
        open=1,
        counted=4,
        agreed=2,
        corners={"depth 1": 3},
        trivially=("zero weights",),
        rejected={"diverged": 1, "kink": 2},
        strata={
            "images": Stratum(
                successes=3,
                failures=2,
                ties=1,
                effects={"-0.5": 1, "0.25": 4},
                measured=("rank", "width"),
            )
        },
        slack={"0": 1, "0.3": 2},
    ),
    tightest=Example(
        holds=True,
        left="1/2",
        relation="≤",
        right="1",
        tightness=0.5,
        arithmetic="rationals",
        reader=Reader.RATIONALS,
        kernel=KernelWord(answer=Answer.CONFIRMED, reason=None),
        degenerate="zero weights",
        note="a note",
        case=None,
    ),
    counterexample=Example(
        holds=False,
        left="7",
        relation="≤",
        right="6",
        tightness=1.16667,
        arithmetic="rationals",
        reader=None,
        kernel=KernelWord(answer=Answer.OPEN, reason="not decided"),
        degenerate=None,
        note=None,
        case={"numbers": {"weight": "7"}, "inputs": [[["1/3"]]]},
    ),
    nearest=Miss(distance=0.125, note="gradient norm"),
    arithmetic=("balls", "rationals"),
    fingerprints=("0123456789abcdef",),
    courses={
        "images": Course(
            recipes=(
                Settings(
                    batch_size=4,
                    epochs=25,
                    learning_rate=0.1,
                    weight_decay=0.02,
                    momentum=0.9,
                    milestones=(10, 20),
                    order=0,
                ),
            ),
            epochs=(0, 25),
            threshold=0.5,
            pairs=3,
            lines=(Line(words="rank", stages=("4:3", "2.3:1 3:2")),),
        )
    },
)
"""`OUTCOME` as an object."""


def read(document: Any) -> Outcome:
    """As both readers read it."""
    outcome = msgspec.convert(document, Outcome)
    assert msgspec.json.decode(text(document), type=Outcome) == outcome
    return outcome


def refusal(document: Any) -> str:
    """What both readers say of a document that they refuse; NaN is not even JSON."""
    with pytest.raises(ValidationError) as error:
        msgspec.convert(document, Outcome)
    with pytest.raises(msgspec.DecodeError) as other:
        msgspec.json.decode(text(document), type=Outcome)
    unspeakable = re.search("NaN|Infinity", text(document))
    assert ("JSON is malformed" if unspeakable else str(error.value)) in str(other.value)
    return str(error.value)


def test_a_document_and_its_object() -> None:
    assert read(OUTCOME) == FOUND
    assert text(msgspec.to_builtins(FOUND)) == text(OUTCOME)
    assert json.loads(msgspec.json.encode(FOUND)) == OUTCOME


@given(documents(OUTCOMES))
def test_every_document_is_written_as_it_was_read(document: Document) -> None:
    """With the keys in their order: Python's json is the judge."""
    outcome = read(document)
    assert text(msgspec.to_builtins(outcome)) == text(document)
    written = json.loads(msgspec.json.encode(outcome), object_pairs_hook=list)
    assert written == json.loads(text(document), object_pairs_hook=list)


PLACES = [path for path in paths(OUTCOME) if path and path[-1] not in ("weight", "inputs")]
LATER = {"slack", "courses"}
"""What reports of earlier versions do not say."""


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in PLACES
        if not {"rejected", "case", "corners", "effects", "strata"} & {*p[:-1]} | LATER & {*p}
    ],
    ids="/".join,
)
def test_no_field_may_be_missing(path: tuple[str, ...]) -> None:
    assert f"missing required field `{path[-1]}`" in refusal(without(OUTCOME, path))


COUNTED: list[tuple[str, ...]] = [
    ("examples", name) for name, value in EXAMPLES.items() if type(value) is int
]
COUNTED += [("examples", "rejected", "kink"), ("examples", "strata", "images", "ties")]


@pytest.mark.parametrize("path", COUNTED, ids="/".join)
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (-1, "`int` >= 0"),
        (True, "`int`, got `bool`"),
        (False, "`int`, got `bool`"),
        (1.0, "`int`, got `float`"),
        ("1", "`int`, got `str`"),
        (None, "`int`, got `null`"),
        ([1], "`int`, got `array`"),
    ],
    ids=str,
)
def test_a_count_is_an_integer_of_at_least_0(
    path: tuple[str, ...], value: Any, complaint: str
) -> None:
    said = refusal(changed(OUTCOME, path, value))
    assert said.startswith(f"Expected {complaint}")
    place = ".".join(path).replace("rejected.kink", "rejected[...]")
    place = place.replace("strata.images", "strata[...]")
    assert said.endswith(f"at `$.{place}`")


@pytest.mark.parametrize(
    "path",
    [
        ("nearest", "distance"),
        ("tightest", "tightness"),
        ("counterexample", "tightness"),
        ("examples", "fraction"),
    ],
    ids="/".join,
)
@pytest.mark.parametrize("value", [*NOT_FINITE, True, "1", 10**400, {}], ids=lambda v: str(v)[:9])
def test_a_number_is_a_finite_number(path: tuple[str, ...], value: Any) -> None:
    said = refusal(changed(OUTCOME, path, value))
    assert re.search(f"a {path[1]} of|Expected `float|out of range", said)
    assert f"at `$.{path[0]}" in said
    assert read(changed(OUTCOME, path, 1)) == read(changed(OUTCOME, path, 1.0))


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
def test_no_object_holds_a_number_that_is_not_finite(value: float) -> None:
    assert FOUND.tightest is not None
    with pytest.raises(ValueError, match=f"^a distance of {value}$"):
        Miss(distance=value, note="gradient norm")
    with pytest.raises(ValueError, match=f"^a tightness of {value}$"):
        replace(FOUND.tightest, tightness=value)
    with pytest.raises(ValueError, match=f"^a fraction of {value}$"):
        replace(FOUND.examples, fraction=value)


@pytest.mark.parametrize("holds", [0, 1, "false", 0.0])
def test_holding_is_yes_or_no_or_open(holds: Any) -> None:
    assert "Expected `bool | null`" in refusal(changed(OUTCOME, ("tightest", "holds"), holds))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ((), [], "Expected `object`, got `array`"),
        ((), None, "Expected `object`, got `null`"),
        (("examples",), None, "Expected `object`, got `null`"),
        (("examples", "rejected"), [], "Expected `object`, got `array`"),
        (("examples", "strata"), [], "Expected `object`, got `array`"),
        (("examples", "strata", "images", "measured"), "rank", "Expected `array`, got `str`"),
        (("examples", "strata", "images", "measured"), [1], "Expected `str`, got `int`"),
        (("examples", "strata", "images", "effects"), [], "Expected `object`, got `array`"),
        (("tightest", "left"), 7, "Expected `str`, got `int`"),
        (("tightest", "left"), None, "Expected `str`, got `null`"),
        (("tightest", "note"), 7, "Expected `str | null`, got `int`"),
        (("tightest", "case"), [], "Expected `object | null`, got `array`"),
        (("nearest",), 0.5, "Expected `object | null`, got `float`"),
        (("arithmetic",), {"balls": 1}, "Expected `array`, got `object`"),
    ],
)
def test_other_types_are_refused(path: tuple[str, ...], value: Any, complaint: str) -> None:
    assert complaint in refusal(changed(OUTCOME, path, value))


def strata(successes: int, failures: int) -> Document:
    """So many pairs of one population, and a success of another."""
    counts = {"successes": successes, "failures": failures, "ties": 0, "effects": {}}
    other = {**counts, "successes": 1, "failures": 0}
    return {name: {**c, "measured": []} for name, c in (("one", counts), ("other", other))}


@pytest.mark.parametrize("part", ["degenerate", "open", "counted"])
def test_no_part_is_more_than_what_was_met(part: str) -> None:
    counts = {**NOTHING["examples"], "tried": 5, "met": 3, "fraction": 0.6, part: 3}
    assert getattr(read({**NOTHING, "examples": counts}).examples, part) == 3
    shown = {"degenerate": "(4, 0, 0, 0)", "open": "(0, 4, 0, 0)", "counted": "(0, 0, 4, 0)"}[part]
    said = refusal({**NOTHING, "examples": {**counts, part: 4}})
    assert said == f"{shown} of 3 of 5 examples - at `$.examples`"


def test_parts_may_overlap_but_no_pair_is_a_success_and_a_failure_or_of_two_strata() -> None:
    counts = {**NOTHING["examples"], "tried": 4, "met": 4, "fraction": 1.0}
    counts = {**counts, "degenerate": 4, "open": 4}
    read({**NOTHING, "examples": {**counts, "strata": strata(1, 2)}})
    said = refusal({**NOTHING, "examples": {**counts, "strata": strata(2, 2)}})
    assert "(4, 4, 0, 5) of 4 of 4 examples" in said


def stratum(**changes: Any) -> Stratum:
    nothing: Document = {"successes": 0, "failures": 0, "ties": 0, "effects": {}, "measured": ()}
    return Stratum(**{**nothing, **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ties": 4}, "more ties or effects than the 3 pairs"),
        ({"effects": {"1": 2, "2": 2}}, "more ties or effects than the 3 pairs"),
        ({"effects": {"nan": 1}}, "an effect of 'nan'"),
        ({"effects": {"-inf": 1}}, "an effect of '-inf'"),
        ({"effects": {"much": 1}}, "an effect of 'much'"),
    ],
)
def test_strata_that_make_no_sense_are_refused(changes: Any, complaint: str) -> None:
    stratum(successes=2, failures=1, ties=3, effects={"1": 1, "-2e-9": 2})
    with pytest.raises(ValueError, match=complaint):
        stratum(successes=2, failures=1, **changes)


def test_strata_of_one_population_add_up_and_others_stay_apart() -> None:
    one = {"b": stratum(successes=1, effects={"0.5": 1}, measured=("rank",))}
    two = {
        "b": stratum(failures=2, ties=1, effects={"0.5": 1, "-1": 1}, measured=("norm", "rank")),
        "a": stratum(successes=1),
    }
    both = added(one, two)
    assert list(both) == ["a", "b"]
    assert both["a"] == two["a"]
    assert both["b"] == stratum(
        successes=1, failures=2, ties=1, effects={"-1": 1, "0.5": 2}, measured=("norm", "rank")
    )
    assert list(both["b"].effects) == ["-1", "0.5"]
    assert added(two, one) == both


def test_the_size_is_the_median_with_its_interval() -> None:
    assert stratum(successes=3).size() is None
    assert stratum(successes=5, effects={"10": 1, "9": 2}).size() == (9.0, -math.inf, math.inf)
    assert stratum(successes=5, effects={"10": 2, "9": 2}).size() == (9.5, -math.inf, math.inf)
    many = stratum(successes=40, effects={"1": 10, "2": 20, "30": 10})
    assert many.size() == (2.0, *interval([1.0] * 10 + [2.0] * 20 + [30.0] * 10))


@pytest.mark.parametrize("slack", [{"0": 3}, {"0": 1, "1": 2}, {"0.2": 1}, {"": 1}])
def test_slack_is_of_examples_that_met_the_hypotheses_in_bins_that_there_are(slack: Any) -> None:
    counts = {**NOTHING["examples"], "tried": 2, "met": 2, "fraction": 1.0}
    read({**NOTHING, "examples": {**counts, "slack": {"0": 1, "1": 1}}})
    said = refusal({**NOTHING, "examples": {**counts, "slack": slack}})
    assert said == f"slack of {slack} in 2 examples - at `$.examples`"


def test_courses_are_of_few_populations() -> None:
    [course] = OUTCOME["courses"].values()
    most = {str(n): course for n in range(MOST_POPULATIONS)}
    read({**OUTCOME, "courses": most})
    assert "length <= 16" in refusal({**OUTCOME, "courses": {**most, "more": course}})


def test_what_met_the_hypotheses_was_tried() -> None:
    counts = {**NOTHING["examples"], "tried": 2, "fraction": 1.0}
    read({**NOTHING, "examples": {**counts, "met": 2}})
    said = refusal({**NOTHING, "examples": {**counts, "met": 3}})
    assert "(0, 0, 0, 0) of 3 of 2 examples" in said


@pytest.mark.parametrize("holds", [True, None])
def test_a_counterexample_violates_something(holds: bool | None) -> None:
    said = refusal(changed(OUTCOME, ("counterexample", "holds"), holds))
    assert said == "a counterexample that violates nothing"
    assert FOUND.counterexample is not None
    with pytest.raises(ValueError, match="violates nothing"):
        replace(FOUND, counterexample=replace(FOUND.counterexample, holds=holds))
    assert read(changed(OUTCOME, ("counterexample",), None)).counterexample is None


def test_outcomes_do_not_change() -> None:
    for part, name in ((FOUND, "nearest"), (FOUND.examples, "met"), (FOUND.tightest, "left")):
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, None)


@pytest.mark.parametrize("side", ["nan", "inf", "-inf", "rank nan", "[+/- inf]", "1+nanj", "-infj"])
def test_nothing_is_decided_by_what_is_not_finite(side: str) -> None:
    assert not is_finite(side)
    for name in ("left", "right"):
        changed_to = changed(OUTCOME, ("tightest", name), side)
        assert "decides nothing - at `$.tightest`" in refusal(changed_to)
        read(changed(changed_to, ("tightest", "holds"), None))


@pytest.mark.parametrize("side", ["0", "-1/2", "1e+300", "rank 3", "finance", "information", "n"])
def test_sides_that_are_finite(side: str) -> None:
    assert is_finite(side)
    assert not any(is_finite(f"{side} {word}") for word in ("NaN", "Infinity", "INF"))


@pytest.mark.parametrize("distance", [0.0, -0.0, -1.0])
def test_a_miss_is_a_miss(distance: float) -> None:
    with pytest.raises(ValueError, match="meets the hypotheses"):
        Miss(distance=distance, note="gradient norm")
