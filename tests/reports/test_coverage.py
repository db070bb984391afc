"""Coverage: which items of a paper have claims, and one line for each thing that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.entries import ENTRIES, OTHER, PAPER
from theorycheck import reports
from theorycheck.errors import InputError
from theorycheck.reports.coverage import (
    Placed,
    coverage_section,
    covered,
    load_items,
    named,
    unlisted,
)
from theorycheck.reports.markdown.elements import within

LIST = """
paper = "toy2020"
[[items]]
label = "Lemma 1"
words = "one two three"
says = "a|b is small"
[[items]]
label = "Eq. 1"
words = "and"
says = "the first"
[[items]]
label = "Eq. 2"
words = "or"
says = "the second"
[[items]]
label = "Remark"
words = "note"
says = "an aside"
unchecked = "an opinion"
"""
FIRST = Placed("first-claim", "holds", (("toy2020", "Lemma 1, Eq. 1-2"), ("other", "Eq. 9")))
AGAIN = Placed("another-claim", "refuted", (("toy2020", "Eq. 2"), ("toy2020", "Eq. 2")))


def folder(path: Path, text: str = LIST, name: str = "toy2020") -> Path:
    (path / "items").mkdir(parents=True, exist_ok=True)
    (path / "items" / f"{name}.toml").write_text(text, encoding="utf-8")
    return path


def test_a_place_names_labels_between_commas_and_ranges_of_numbers() -> None:
    assert named("Theorem 1, Eq. 9-11", ()) == ["Theorem 1", "Eq. 9", "Eq. 10", "Eq. 11"]
    assert named("Fig. 3", ()) == ["Fig. 3"]
    assert named("Eq. 3-1", ()) == []
    # A label with a hyphen is itself.
    assert named("Eq. 1-2, Eq. 1-3", ["Eq. 1-2"]) == ["Eq. 1-2", "Eq. 1", "Eq. 2", "Eq. 3"]


def test_items_have_the_claims_whose_places_name_them(tmp_path: Path) -> None:
    [found] = covered(load_items([folder(tmp_path)]), [FIRST, AGAIN])
    rows = {item.label: [claim.id for claim in claims] for item, claims in found.rows}
    assert rows == {
        "Lemma 1": ["first-claim"],
        "Eq. 1": ["first-claim"],
        "Eq. 2": ["another-claim", "first-claim"],
        "Remark": [],
    }
    assert found.counts == (4, 3, 1, 0)
    assert found.is_complete


def test_what_is_neither_claimed_nor_excused_is_open(tmp_path: Path) -> None:
    [found] = covered(load_items([folder(tmp_path)]), [AGAIN])
    assert found.open == ["Lemma 1", "Eq. 1"]
    assert not found.is_complete
    assert list(found.lines())[:5] == [
        "toy2020: 4 items, 1 with claims, 1 not to be checked, 2 open",
        "  Lemma 1  a|b is small",
        "           OPEN",
        "  Eq. 1    the first",
        "           OPEN",
    ]
    assert list(found.lines())[6:] == [
        "           refuted    another-claim",
        "  Remark   an aside",
        "           not checked: an opinion",
    ]


def test_what_does_not_fit_is_one_line_each(tmp_path: Path) -> None:
    stray = Placed("stray-claim", "holds", (("toy2020", "Lemma 1, Eq. 7, Remark"),))
    [found] = covered(load_items([folder(tmp_path)]), [FIRST, stray])
    assert found.faults == (
        "stray-claim: no item of toy2020 is labelled 'Eq. 7'",
        "toy2020, Remark: said not to be checked, but stray-claim is about it",
    )
    assert not found.is_complete


def test_claims_that_pass_and_contradict_an_item_are_told_from_those_that_confirm_it(
    tmp_path: Path,
) -> None:
    said = LIST.replace('says = "the first"', 'says = "the first"\nagainst = ["first-claim"]')
    [found] = covered(load_items([folder(tmp_path, said)]), [FIRST, AGAIN])
    assert found.is_complete
    lines = list(found.lines())
    assert lines[3:5] == ["  Eq. 1    the first", "           holds      first-claim  (against it)"]
    assert "           holds      first-claim" in lines  # Of the other items.
    rows = list(found.table(lambda name, text: text))
    assert "| Eq. 1 | the first | first-claim holds, against it |" in rows
    assert "| Eq. 2 | the second | another-claim refuted; first-claim holds |" in rows


def test_a_claim_that_is_not_about_an_item_says_nothing_against_it(tmp_path: Path) -> None:
    said = LIST.replace('says = "the first"', 'says = "the first"\nagainst = ["another-claim"]')
    [found] = covered(load_items([folder(tmp_path, said)]), [FIRST, AGAIN])
    assert found.faults == (
        "toy2020, Eq. 1: another-claim is said to be against it, but is not about it",
    )


def test_a_claim_about_a_part_of_an_item_says_which(tmp_path: Path) -> None:
    said = LIST.replace(
        'says = "the second"', 'says = "the second"\nonly = { first-claim = "with bias" }'
    )
    [found] = covered(load_items([folder(tmp_path, said)]), [FIRST, AGAIN])
    assert found.is_complete
    assert "           holds      first-claim  (only with bias)" in list(found.lines())
    rows = list(found.table(lambda name, text: text))
    assert "| Eq. 1 | the first | first-claim holds |" in rows
    assert (
        "| Eq. 2 | the second | another-claim refuted; first-claim holds, only with bias |" in rows
    )
    [bare] = covered(load_items([folder(tmp_path, said)]), [AGAIN])
    assert bare.faults == (
        "toy2020, Eq. 2: first-claim is said to be about a part of it, but is not about it",
    )


ITEM = 'paper = "p"\n[[items]]\nlabel = "{}"\nwords = "{}"\nsays = "s"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LIST + 'page = "7"', "unknown field `page`"),
        (LIST + '[[items]]\nlabel = "Eq. 1"\nwords = "a"\nsays = "b"', "'Eq. 1' occurs twice"),
        (ITEM.format("Eq. 1", "a b c d e f g h i j k"), "Eq. 1 quotes more than 10 words"),
        (ITEM.format("Eq. 1, Eq. 2", "a"), "use a text without commas"),
        (ITEM.format(" ", "a"), "use a text without commas"),
        ("paper = ", "cannot be read"),
        ('paper = "p"', "missing required field `items`"),
    ],
)
def test_a_list_that_is_wrong_is_refused_in_one_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(InputError, match=r"items/toy2020\.toml") as error:
        load_items([folder(tmp_path, text)])
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_paper_has_one_list(tmp_path: Path) -> None:
    folder(tmp_path)
    with pytest.raises(InputError, match="toy2020 has another list"):
        load_items([folder(tmp_path, name="zoo")])


def test_folders_may_be_named_twice_and_lack_lists(tmp_path: Path) -> None:
    one = folder(tmp_path / "a")
    assert len(load_items([one, tmp_path / "b", one])) == 1


def test_the_section_of_the_report_counts_links_and_names_papers_without_a_list(
    tmp_path: Path,
) -> None:
    text = LIST.replace("toy2020", PAPER.key)
    lists = load_items([folder(tmp_path, text)])
    placed = [Placed.reported(entry) for entry in ENTRIES.values()]
    found = covered(lists, placed)
    lines = [
        *coverage_section(found, unlisted(lists, placed)),
        *(line for one in found for line in one.table(within)),
    ]
    assert lines[0] == "## Coverage"
    assert any(line.startswith(f"| {PAPER.key} | 4 | ") for line in lines)
    assert r"| Lemma 1 | a\|b is small | **open** |" in lines
    assert "| Remark | an aside | not checked: an opinion |" in lines
    first = next(line for line in lines if line.startswith("| Eq. 1 |"))
    assert "[third-claim](#third-claim) refuted" in first
    assert "second-claim" not in first
    assert f"| {OTHER.key} | no list | | | |" in lines
    assert coverage_section((), unlisted((), placed)) == []


def test_papers_without_a_list_are_named(tmp_path: Path) -> None:
    assert reports.unlisted(load_items([folder(tmp_path)]), [FIRST, AGAIN]) == ["other"]
