"""Versions: every part that a reader relies on changes its own digest, and nothing else does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.claims.toy_claims import scalar, toy
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Assumption, Claim, Formal, Paper
from theorycheck.claims.families import Altered, stated
from theorycheck.claims.versions import version_of

PARTS = [
    "title", "kind", "sources", "printed statement", "hypotheses", "formula", "control", "enough",
    "corrects",
]  # fmt: skip
FORMAL = Formal("f(n, 0) <= b", forall=("n in samples",), given=("b > 0",), where=("b = 6",))
ALTERED = replace(FORMAL, conclusion="f(n, 0) <= 5")


def about(**changes: Any) -> Claim:
    """Its control has another conclusion, and else the formulas of the claim."""
    formal = changes.pop("formal", FORMAL)
    altered = formal and replace(formal, conclusion=ALTERED.conclusion)
    return toy(None, **{"formal": formal, "altered": altered, **changes})


def changed(one: Claim, other: Claim) -> list[str]:
    versions = version_of(one), version_of(other)
    assert list(versions[0]) == list(versions[1]) == PARTS
    return [name for name in PARTS if versions[0][name] != versions[1][name]]


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("title", {"title": "Another"}),
    ("kind", {"kind": "rank"}),
    ("sources", {"sources": ()}),
    ("sources", {"sources": (Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 2"),)}),
    ("sources", {"sources": (Paper("toy2020", "A toy", "N. N.", 2021).at("Eq. 1"),)}),
    ("printed statement", {"statement": "1 = 2"}),
    ("hypotheses", {"hypotheses": ("some",)}),
    ("hypotheses", {"hypotheses": ()}),
    ("hypotheses", {"formal": replace(FORMAL, given=("b > 1",))}),
    ("hypotheses", {"formal": replace(FORMAL, given=())}),
    ("formula", {"formal": replace(FORMAL, forall=("n in range(1)",))}),
    ("formula", {"formal": replace(FORMAL, where=("b = 7",))}),
    ("formula", {"formal": replace(FORMAL, conclusion="f(n, 0) <= b + 0")}),
    ("formula", {"formal": replace(FORMAL, numbers=("weight_decay",))}),
    ("control", {"control": "two less"}),
    ("control", {"altered": replace(ALTERED, conclusion="f(n, 0) <= 4")}),
    ("control", {"altered": None}),
    ("enough", {"enough": 7}),
    ("corrects", {"corrects": "printed-claim"}),
]


@pytest.mark.parametrize(("part", "fields"), CHANGES, ids=str)
def test_each_part_has_a_digest_of_its_own(part: str, fields: dict[str, Any]) -> None:
    assert changed(about(), about(**fields)) == [part]


def test_every_part_is_changed_by_something() -> None:
    assert {part for part, _ in CHANGES} == set(PARTS)


def test_how_a_claim_is_explained_proved_checked_and_searched_is_no_part() -> None:
    def check(setting: Any) -> Any:
        """Other words."""

    other = about(check=check, examples=7, on={"case": st.just(scalar(1))}, rests_on=("a-lemma",))
    assert changed(about(), other) == []


def test_the_same_words_about_another_claim_are_another_version() -> None:
    assert changed(about(), about(id="other-claim")) == PARTS


@pytest.mark.parametrize("kind", ["trajectory", "tendency", "symbolic"])
def test_claims_without_formula_have_versions(kind: str) -> None:
    bare = {"formal": None, "altered": None, "kind": kind}
    for part, fields in (("title", {"title": "Another"}), ("control", {"control": "two less"})):
        assert changed(about(**bare), about(**bare, **fields)) == [part]


def test_versions_cover_what_the_versions_of_formal_statements_cover() -> None:
    for _, fields in CHANGES:
        if statement_version(about(**fields)) != statement_version(about()):
            assert changed(about(), about(**fields))


def test_the_control_of_a_stated_claim_is_part_of_it() -> None:
    def lemma(control: str) -> Claim:
        return stated(
            "toy-lemma", title="T", kind="identity", sources=[], printed="1 = 1",
            given=[Assumption("a chain", "chain()")], states="1 == 1",
            control=Altered("one less", control), on=st.just(scalar(1)), why="So.",
        )  # fmt: skip

    assert changed(lemma("1 == 2"), lemma("1 == 3")) == ["control"]
    assert changed(lemma("1 == 2"), lemma("1 == 2")) == []


PROGRAM = """
from tests.claims.test_versions import about
from theorycheck.claims.versions import version_of
print(version_of(about()))
"""


def test_versions_are_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert found == {f"{version_of(about())}\n"}
