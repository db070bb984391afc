"""Experiments in words: recipes by their differences, exclusions, and the numbers to take away."""

from __future__ import annotations

import bz2
import json
from base64 import b64decode
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import convert

from tests.claims.findings import RECIPE, traced
from tests.reports.entries import ENTRIES, claim, entry, evidence
from theorycheck.claims.courses import Course, Settings
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Pair, Rejection, Traced
from theorycheck.claims.outcomes import Stratum
from theorycheck.reports.html.experiments import Recipes, decided, excluded, numbers_of, recipes
from theorycheck.reports.html.figures import curves, effects

FULL = (
    "batches of 4, 25 epochs, learning rate 0.1, weight decay 0.02, momentum 0.9, a tenth of the"
    " learning rate after 10 and 20 epochs"
)


def trained(population: str, *used: Settings) -> Traced:
    found = traced(population, 2.0)
    return replace(found, course=replace(found.course, recipes=used))


def tendency(claimed: list[Any], control: list[Any], **changes: Any) -> Entry:
    return entry(
        claim("tendency-claim", "tendency", **changes), evidence(*claimed), evidence(*control)
    )


def test_second_recipes_and_those_of_controls_are_told_by_their_differences() -> None:
    other, placebo = replace(RECIPE, batch_size=16, momentum=0.0), replace(RECIPE, order=1)
    plain = replace(RECIPE, milestones=(), weight_decay=0.0)
    found = recipes(
        tendency(
            [trained("all", RECIPE, other, plain)], [trained("all", RECIPE, placebo)]
        )
    )  # fmt: skip
    assert found == [
        Recipes("", (
            FULL, "the same but for batches of 16, no momentum",
            "the same but for weight decay 0, a constant learning rate",
        )),
        Recipes("Control", ("the same", "the same but for another order of the batches")),
    ]  # fmt: skip


def test_populations_that_are_trained_alike_are_told_together() -> None:
    longer = replace(RECIPE, epochs=50)
    found = recipes(
        tendency([trained("a", RECIPE), trained("b", RECIPE), trained("c", longer)], [])
    )
    assert found == [
        Recipes("a, b", (FULL,)), Recipes("c", (FULL.replace("25 epochs", "50 epochs"),)),
    ]  # fmt: skip
    assert recipes(tendency([], [])) == []


def test_what_was_excluded_is_told_with_the_rule_and_the_number() -> None:
    pairs = [Pair(True, "rank", effect=0.5)] * 3
    assert excluded(tendency(pairs, [])) == "none of 3 pairs"
    lost = [Rejection("training diverged")] * 2
    assert excluded(tendency([*pairs, *lost], [])) == "2 of 5 pairs: 2, as training diverged"


def test_what_was_decided_is_told_apart_from_the_rest() -> None:
    found = replace(
        ENTRIES["tendency"], description="Decided: in more than half, less.\n\nWhy.\n\nAnd how."
    )
    assert decided(found) == ("In more than half, less.", "Why.\n\nAnd how.")
    assert decided(replace(found, kind="rank"))[0] == ""
    assert decided(replace(found, description="Other words."))[1] == "Other words."


def unpacked(address: str) -> Any:
    kind, _, data = address.partition(",")
    assert kind == "data:application/x-bzip2;base64"
    return json.loads(bz2.decompress(b64decode(data)))


def test_the_numbers_of_all_figures_can_be_taken_away() -> None:
    found = unpacked(numbers_of(ENTRIES.values()))
    one, other = ENTRIES["tendency"], ENTRIES["holds"]
    parts = {"claim": one, "control": one.control}
    for name, part in parts.items():
        shown = {"strata": part.examples.strata, "courses": part.courses}
        assert found[one.id][name] == json.loads(msgspec.json.encode(shown))
    assert found[one.id].keys() == parts.keys()
    assert found[other.id] == {"slack": other.examples.slack} != {"slack": {}}
    assert ENTRIES["vacuous"].id not in found
    assert numbers_of([ENTRIES["vacuous"]]) == ""


def test_figures_are_drawn_from_these_numbers_alone() -> None:
    """Put into an entry that knows nothing else, they give the same figures."""
    one = ENTRIES["tendency"]
    found = unpacked(numbers_of([one]))[one.id]
    parts = {
        name: (convert(p["strata"], dict[str, Stratum]), convert(p["courses"], dict[str, Course]))
        for name, p in found.items()
    }

    def again(part: Any, strata: Any, courses: Any) -> Any:
        nothing = Evidence().outcome()
        examples = replace(part.examples, strata=strata)
        return replace(part, **{**vars(nothing), "examples": examples, "courses": courses})

    bare = replace(again(one, *parts["claim"]), control=again(one.control, *parts["control"]))
    assert effects(one) is not None
    assert effects(bare) == effects(one)
    assert recipes(bare) == recipes(one) != []
    assert [curves(c) for c in bare.courses.values()] == [curves(c) for c in one.courses.values()]
