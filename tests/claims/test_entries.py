"""Entries: the file on record to the byte, random documents, and what no entry may say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError

from tests.claims.documents import (
    ENTRY,
    NOT_FINITE,
    NOTHING,
    Document,
    changed,
    entry_documents,
    text,
    without,
)
from tests.claims.toy_claims import toy
from theorycheck.claims.declaration import Paper
from theorycheck.claims.entries import Control, Description, Entry, Reference
from theorycheck.claims.outcomes import Outcome
from theorycheck.claims.verdicts import Verdict

RECORD = Path(__file__).parents[2] / "reports/claims.json"


def read(document: Any) -> Entry:
    """As both readers read it."""
    entry = msgspec.convert(document, Entry)
    assert msgspec.json.decode(text(document), type=Entry) == entry
    return entry


def refusal(document: Any) -> str:
    """What both readers say of a document that they refuse; NaN is not even JSON."""
    with pytest.raises(ValidationError) as error:
        msgspec.convert(document, Entry)
    with pytest.raises(msgspec.DecodeError) as other:
        msgspec.json.decode(text(document), type=Entry)
    unspeakable = re.search("NaN|Infinity", text(document))
    assert ("JSON is malformed" if unspeakable else str(error.value)) in str(other.value)
    return str(error.value)


def test_the_report_on_record_is_written_as_it_was_read() -> None:
    claims = json.loads(RECORD.read_text(encoding="utf-8"))["claims"]
    assert len(claims) > 100
    assert [text(read(entry).document()) for entry in claims] == [text(entry) for entry in claims]


@given(entry_documents())
def test_every_document_is_written_as_it_was_read(document: Document) -> None:
    """With the keys in their order: Python's json is the judge."""
    entry = read(document)
    assert text(entry.document()) == text(document)
    written = json.loads(msgspec.json.encode(entry), object_pairs_hook=list)
    assert written == json.loads(text(document), object_pairs_hook=list)


@given(entry_documents(), st.randoms(use_true_random=False))
def test_the_order_of_keys_is_always_the_same(document: Document, shuffler: Any) -> None:
    shuffled = list(document.items())
    shuffler.shuffle(shuffled)
    assert text(read(dict(shuffled)).document()) == text(document)


def test_an_entry_worked_by_hand() -> None:
    entry = read(ENTRY)
    assert entry.sources == (
        Reference(paper="toy2020", title="A toy", authors="N. N.", year=2020, place="Eq. 1"),
    )
    assert (entry.id, entry.kind, entry.enough) == ("toy-claim", "inequality", 20)
    assert entry.hypotheses == ("first", "second")
    assert entry.verdict is Verdict.REFUTED
    assert entry.counterexample is not None
    assert (entry.counterexample.left, entry.counterexample.right) == ("7", "6")
    assert (entry.examples.tried, entry.control.examples.tried) == (9, 0)
    assert entry.control.statement == "one less"
    assert entry.seeds == (0, 7)
    assert text(entry.document()) == text(ENTRY)


@pytest.mark.parametrize(
    "name", [n for n in ENTRY if n not in ("module", "neighbours", "rests_on", "courses")]
)
def test_no_field_may_be_missing(name: str) -> None:
    """But for what older reports do not say."""
    assert refusal(without(ENTRY, (name,))) == f"Object missing required field `{name}`"


def test_a_control_is_an_outcome_with_a_statement() -> None:
    said = refusal(without(ENTRY, ("control", "statement")))
    assert said == "Object missing required field `statement` - at `$.control`"
    said = refusal(changed(ENTRY, ("control", "examples", "met"), 1))
    assert said == "(0, 0, 0, 0) of 1 of 0 examples - at `$.control.examples`"
    violation = {**ENTRY["tightest"], "holds": None}
    said = refusal(changed(ENTRY, ("control", "counterexample"), violation))
    assert said == "a counterexample that violates nothing - at `$.control`"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("id",), 7, "Expected `str`, got `int` - at `$.id`"),
        (("kind",), "equality", "Invalid enum value 'equality' - at `$.kind`"),
        (("verdict",), "true", "Invalid enum value 'true' - at `$.verdict`"),
        (("verdict",), "Holds", "Invalid enum value 'Holds' - at `$.verdict`"),
        (("verdict",), None, "got `null` - at `$.verdict`"),
        (("reason",), None, "Expected `str`, got `null` - at `$.reason`"),
        (("sources",), [{"paper": "toy2020"}], "missing required field `title` - at `$.sources"),
        (("hypotheses",), "none", "Expected `array`, got `str` - at `$.hypotheses`"),
        (("corrects",), 0, "Expected `str | null`, got `int` - at `$.corrects`"),
        (("enough",), -1, "Expected `int` >= 0 - at `$.enough`"),
        (("enough",), True, "Expected `int`, got `bool` - at `$.enough`"),
        (("version",), 1, "Expected `object`, got `int` - at `$.version`"),
        (("version",), None, "Expected `object`, got `null` - at `$.version`"),
        (("version", "title"), 1, "Expected `str`, got `int` - at `$.version[...]`"),
        (("formal_version",), 1, "Expected `str | null`, got `int` - at `$.formal_version`"),
        (("seeds",), [True], "Expected `int`, got `bool` - at `$.seeds"),
        (("seeds",), [0.5], "Expected `int`, got `float` - at `$.seeds"),
        (("seeds",), 0, "Expected `array`, got `int` - at `$.seeds`"),
        (("examples", "tried"), -1, "Expected `int` >= 0 - at `$.examples.tried`"),
        (("control",), None, "Expected `object`, got `null` - at `$.control`"),
    ],
)
def test_other_types_are_refused(path: tuple[str, ...], value: Any, complaint: str) -> None:
    assert complaint in refusal(changed(ENTRY, path, value))


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
def test_no_number_of_an_entry_is_not_finite(value: float) -> None:
    assert f"a distance of {value}" in refusal(changed(ENTRY, ("nearest", "distance"), value))
    assert f"a tightness of {value}" in refusal(changed(ENTRY, ("tightest", "tightness"), value))


@pytest.mark.parametrize(
    "id", ["", "claim", "Toy-Claim", "toy claim", "../toy-claim", "toy-claim\n"]
)
def test_an_id_is_that_of_a_claim(id: str) -> None:
    """A certificate is written under a name made of it."""
    assert refusal({**ENTRY, "id": id, "certificate": None}) == f"no claim has the id {id!r}"


@pytest.mark.parametrize(
    "name",
    ["certificates/other-claim.json", "toy-claim.json", "", "../certificates/toy-claim.json"],
)
def test_a_certificate_is_named_after_its_claim(name: str) -> None:
    said = refusal({**ENTRY, "certificate": name})
    assert said == f"the certificate of toy-claim is named {name!r}"


def test_a_certificate_is_about_an_example() -> None:
    tight = {**ENTRY, "counterexample": None}
    assert read(tight).certificate == "certificates/toy-claim.json"
    bare = {**tight, "tightest": None}
    assert refusal(bare) == "toy-claim has a certificate without an example"
    assert read({**bare, "certificate": None}).shown is None
    assert read({**bare, "kind": "tendency"}).shown is not None


def test_evidence_has_a_seed() -> None:
    """Also evidence on the control alone; where nothing was tried, none is needed."""
    seedless = {**ENTRY, **NOTHING, "certificate": None, "seeds": []}
    assert read(seedless).seeds == ()
    counts = {**NOTHING["examples"], "tried": 1, "fraction": 0.0}
    said = "toy-claim has evidence without a seed"
    assert refusal({**seedless, "examples": counts}) == said
    assert refusal(changed(seedless, ("control", "examples"), counts)) == said
    assert read({**seedless, "examples": counts, "seeds": [0]}).examples.tried == 1


def test_a_counterexample_violates_something() -> None:
    said = refusal(changed(ENTRY, ("counterexample", "holds"), True))
    assert said == "a counterexample that violates nothing"


def test_rules_hold_for_objects_as_for_documents() -> None:
    entry = read(ENTRY)
    changes: dict[str, dict[str, Any]] = {
        "no claim has the id 'claim'": {"id": "claim"},
        "the certificate of toy-claim is named 'other'": {"certificate": "other"},
        "toy-claim has a certificate without": {"tightest": None, "counterexample": None},
        "toy-claim has evidence without a seed": {"seeds": ()},
        "a counterexample that violates nothing": {"counterexample": entry.tightest},
    }
    for complaint, fields in changes.items():
        with pytest.raises(ValueError, match=f"^{complaint}"):
            replace(entry, **fields)


def test_what_is_shown_is_the_counterexample_or_the_tightest_example() -> None:
    entry = read(ENTRY)
    assert entry.shown is entry.counterexample is not None
    holding = replace(entry, counterexample=None)
    assert holding.shown is entry.tightest is not None
    tendency = replace(entry, kind="tendency")
    assert tendency.shown == (entry.examples.strata, {})
    assert replace(tendency, positive=None).shown == (entry.examples.strata, None)


def test_what_is_described_is_what_is_claimed_and_nothing_that_was_found() -> None:
    described = read(ENTRY).described()
    assert list(described) == [
        "id", "title", "kind", "sources", "statement", "description", "hypotheses", "formula",
        "corrects", "enough", "version", "formal_version", "module",
        "rests_on",
    ]  # fmt: skip
    assert json.loads(text(msgspec.to_builtins(described))) == {
        name: ENTRY[name] for name in described
    }
    assert Description(**described).id == "toy-claim"


def test_a_report_that_names_neither_modules_nor_what_claims_rest_on_is_read() -> None:
    entry = read(without(without(ENTRY, ("module",)), ("rests_on",)))
    assert (entry.module, entry.rests_on) == ("", ())


@pytest.mark.parametrize(
    ("module", "subject"),
    [("properties.ranks.test_rank", "ranks"), ("properties.test_x", ""), ("test_x", ""), ("", "")],
)
def test_the_subject_is_the_folder_of_the_module(module: str, subject: str) -> None:
    assert replace(read(ENTRY), module=module).subject == subject


def test_the_description_of_a_claim() -> None:
    papers = Paper("toy2020", "A toy", "N. N.", 2020), Paper("toy2021", "Toys", "M. M.", 2021)
    about = toy(
        "1 == 1",
        sources=(papers[0].at("Eq. 1"), papers[1].at("Theorem 2")),
        hypotheses=("first", "second"),
        corrects="printed-claim",
        enough=7,
        rests_on=("used-claim",),
    )
    assert msgspec.to_builtins(Description.of(about, {"title": "01"}, "0123456789abcdef")) == {
        "id": "toy-claim",
        "title": "A title",
        "kind": "inequality",
        "sources": (
            {
                "paper": "toy2020", "title": "A toy", "authors": "N. N.", "year": 2020,
                "place": "Eq. 1",
            },
            {
                "paper": "toy2021", "title": "Toys", "authors": "M. M.", "year": 2021,
                "place": "Theorem 2",
            },
        ),
        "statement": "1 = 1",
        "description": "No weight exceeds 6.",
        "hypotheses": ("first", "second"),
        "formula": ("1 == 1",),
        "corrects": "printed-claim",
        "enough": 7,
        "version": {"title": "01"},
        "formal_version": "0123456789abcdef",
        "module": "tests.claims.toy_claims",
        "rests_on": ("used-claim",),
    }  # fmt: skip
    assert Description.of(about, {}, None).formal_version is None


def test_a_claim_whose_id_is_none_is_not_described() -> None:
    with pytest.raises(ValueError, match=r"^no claim has the id 'Toy'$"):
        Description.of(toy(None, id="Toy"), {}, None)


def test_entries_and_controls_are_outcomes() -> None:
    """So that evidence is read from either; keys of an outcome never name anything else."""
    entry = read(ENTRY)
    assert isinstance(entry, Outcome)
    assert isinstance(entry, Description)
    assert isinstance(entry.control, Control)
    assert isinstance(entry.control, Outcome)
