"""Papers: counts, errata, and what comes first."""

from __future__ import annotations

from dataclasses import replace

from tests.reports.entries import ENTRIES, OTHER, PAPER, REFUTED_CONTROL, claim, entry, evidence
from tests.reports.entries import observed as seen
from theorycheck.claims.entries import Entry
from theorycheck.reports.html.papers import Sheet, corrections, sheets


def wrong(name: str, place: str) -> Entry:
    about = claim(name, sources=(PAPER.at(place),))
    return entry(about, evidence(seen(False)), REFUTED_CONTROL)


def sheet(*entries: Entry) -> Sheet:
    return sheets(entries)[0]


def test_a_sheet_for_each_paper_the_largest_first_and_ours_last() -> None:
    found = sheets(tuple(ENTRIES.values()))
    assert [one.key for one in found] == [PAPER.key, OTHER.key, ""]
    assert found[0].verdicts == {
        "proved": 1, "holds": 2, "undecided": 1, "vacuous": 1, "refuted": 2,
    }  # fmt: skip
    assert found[1].verdicts == {"holds": 1}
    assert [e.id for e, _ in found[2].entries] == ["sixth-claim", "seventh-claim"]


def test_a_claim_that_a_paper_prints_twice_counts_once() -> None:
    twice = entry(
        claim("some-claim", sources=(PAPER.at("Eq. 1"), PAPER.at("Eq. 2"))),
        evidence(seen(True)),
        REFUTED_CONTROL,
    )
    found = sheet(twice)
    assert found.verdicts == {"holds": 1}
    assert found.entries == ((twice, "Eq. 1; Eq. 2"),)


def test_errors_of_main_results_come_first_and_those_without_repair() -> None:
    entries = (
        wrong("an-equation", "Eq. 3, read for its theorem"),
        wrong("a-mended-lemma", "Lemma 1"),
        wrong("a-lemma", "Lemma 2"),
        wrong("the-theorem", "Section 2; Theorem 5, Eq. 30"),
        entry(
            claim("the-repair", sources=(), corrects="a-mended-lemma"),
            evidence(seen(True)),
            REFUTED_CONTROL,
        ),
    )
    order = [erratum.entry.id for erratum in sheet(*entries).errata]
    assert order == ["the-theorem", "a-lemma", "a-mended-lemma", "an-equation"]
    mended = [[form.id for form in erratum.corrected] for erratum in sheet(*entries).errata]
    assert mended == [[], [], ["the-repair"], []]


def test_all_corrected_forms_stand_with_what_they_correct() -> None:
    entries = [
        entry(claim(name, sources=(), corrects=of), evidence(seen(True)), REFUTED_CONTROL)
        for name, of in (
            ("one-repair", "a-lemma"),
            ("b-repair", "b-lemma"),
            ("c-repair", "a-lemma"),
        )
    ]
    found = {of: [form.id for form in forms] for of, forms in corrections(entries).items()}
    assert found == {"a-lemma": ["one-repair", "c-repair"], "b-lemma": ["b-repair"]}


def test_an_erratum_says_how_much_rests_on_it_and_survives() -> None:
    users = [
        replace(ENTRIES[name], id=f"{name}-user", rests_on=("a-lemma",))
        for name in ("holds", "proved", "vacuous")
    ]
    erratum = sheet(wrong("a-lemma", "Lemma 1"), *users).errata[0]
    assert (erratum.reach, erratum.surviving) == (3, 2)


def test_tendencies_that_did_not_show_are_no_errata() -> None:
    found = sheet(ENTRIES["refuted tendency"])
    assert found.errata == ()
    assert [one.id for one, _ in found.absent] == ["ninth-claim"]


def test_strengths_of_what_passes() -> None:
    assert sheet(ENTRIES["refuted"]).strengths == {}
