"""Pages: what a reader finds on which, and links between them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from tests.reports.entries import (
    ENTRIES,
    RUN,
    report,
)
from theorycheck import reports
from theorycheck.claims.entries import Entry
from theorycheck.reports.markdown.pages import ONE_PAGE, page_of


def index(*entries: Entry, **metadata: Any) -> str:
    """The page that one begins with, of a report on a few claims."""
    return reports.render_markdown(report(*entries, **metadata))["claims.md"]


def test_markdown_explains_how_tendencies_are_decided_where_there_are_some() -> None:
    assert "- *tendency*: a statement about direction" in index()
    assert "*tendency*" not in index(ENTRIES["proved"])


def part(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_markdown_has_summary_errata_overview_and_sections() -> None:
    text = index()
    assert text.startswith("# Claim report\n\n9 claims: 1 proved, 3 holds, ")
    assert "Profile `default`, seed 0, device cpu, images `digits`." in text
    summary = part(text, "Summary")
    assert "| paper | refuted | vacuous | undecided | holds | proved |" in summary
    assert "| **toy2020** — A toy (2020) | 2 | 1 | 1 | 2 | 1 |" in summary
    assert "| **toy2021** — Another toy (2021) |  |  |  | 1 |  |" in summary
    assert "| **our own** | 1 |  |  | 1 |  |" in summary
    overview = part(text, "Overview")
    assert (
        "| [Title of second-claim](#second-claim) | **holds** | sampled |  | inequality |"
        " toy2020, Eq. 2; toy2021, Theorem 1 | 1 | 0.5 |" in overview
    )
    assert (
        "| [Title of sixth-claim](#sixth-claim) | **holds** | sampled |  | identity | our own | 1 |"
        "  |" in overview
    )
    assert [text.count(f"### Title of {e.id}\n") for e in ENTRIES.values()] == [1] * 9


def test_no_text_of_a_claim_is_html() -> None:
    hostile = replace(ENTRIES["refuted"], title="<script>", reason="<img>", hypotheses=("<b>",))
    text = index(hostile)
    assert "### \\<script>" in text
    assert re.findall("(?<!\\\\)<[A-Za-z!/?]", text) == ["<a", "</"]


def test_a_claim_without_hypotheses_names_none() -> None:
    assert "Hypotheses" not in index(replace(ENTRIES["refuted"], hypotheses=()))


def test_markdown_names_every_run_that_was_merged() -> None:
    interrupted = replaced(
        RUN, profile="quick", seed=7, device="cuda", images="mnist:here", finished=False
    )
    text = index(runs=(RUN, interrupted))
    assert (
        "Merged from 2 runs: profile `default`, seed 0, device cpu, images `digits`;"
        " profile `quick`, seed 7, device cuda, images `mnist:here`,"
        " strengths not examined (interrupted)." in text
    )


def test_a_report_on_a_part_says_of_how_many_claims() -> None:
    part = report(ENTRIES["holds"], runs=(replaced(RUN, omitted=11),))
    assert "\n1 of 12 claims: 1 holds. Profile" in reports.render_markdown(part)["claims.md"]
    assert "\n1 claim: 1 holds. Profile" in index(ENTRIES["holds"])


def test_errata_list_what_papers_print_and_its_correction() -> None:
    """A refuted claim of our own is no error of a paper."""
    lines = part(index(), "What fails as printed, or as we read it").split("\n")
    assert [line for line in lines if line.startswith("- ")] == [
        "- **refuted** [Title of third-claim](#third-claim), toy2020, Eq. 1."
        " Corrected form: [Title of sixth-claim](#sixth-claim), holds.",
        "- **vacuous** [Title of fourth-claim](#fourth-claim), toy2020, Eq. 1.",
    ]
    fine = index(ENTRIES["holds"])
    assert "Nothing that was checked." in part(fine, "What fails as printed, or as we read it")


def test_refuted_tendencies_are_no_errata() -> None:
    refuted = replace(ENTRIES["refuted"], kind="tendency")
    text = index(refuted)
    assert "Nothing that was checked." in part(text, "What fails as printed, or as we read it")
    listed = part(text, "Tendencies that did not show").split("\n")
    assert [line for line in listed if line.startswith("- ")] == [
        "- [Title of third-claim](#third-claim), toy2020, Eq. 1."
    ]
    shown = index(ENTRIES["tendency"])
    assert "Tendencies that did not show" not in shown


def many() -> list[Entry]:
    """Claims of two papers and of our own, more than fit on one page; the last corrects one."""
    copies = [
        replace(kind, id=f"{kind.id}-{number}", title=f"Title {number} | {kind.id}", corrects=None)
        for number in range(ONE_PAGE // 2)
        for kind in (ENTRIES["refuted"], ENTRIES["corrected"], ENTRIES["holds"])
    ]
    moved = replace(copies[2], sources=copies[2].sources[::-1])
    copies[0] = replace(copies[0], description=f"See [ours](#{copies[1].id}).")
    return [*copies[:2], moved, *copies[3:], replace(ENTRIES["corrected"], corrects=copies[0].id)]


def anchors(page: str) -> set[str]:
    return set(re.findall(r'<a id="([^"]+)"></a>', page))


def test_many_claims_have_a_page_for_each_paper() -> None:
    entries = many()
    pages = reports.render_markdown(report(*entries))
    papers = ("our-own", "toy2020", "toy2021")
    assert list(pages) == ["claims.md", *(f"claims-{paper}.md" for paper in papers)]
    assert not anchors(pages["claims.md"])
    found = [claim for page in pages.values() for claim in anchors(page)]
    assert sorted(found) == sorted(entry.id for entry in entries)
    assert pages["claims-toy2021.md"].startswith(
        "# Claims of toy2021 — Another toy (2021)\n\n1 claim: 1 holds. [Overview](claims.md)\n"
    )
    assert anchors(pages["claims-toy2021.md"]) == {entries[2].id}


def test_a_page_names_the_claims_that_its_paper_prints_as_well() -> None:
    entries = many()
    pages = reports.render_markdown(report(*entries))
    away = "Of this paper too, but on the page of another one and not counted here: "
    moved = entries[2]
    link = f"[{moved.title.replace('|', chr(92) + '|')}](claims-toy2021.md#{moved.id}) (holds)"
    assert f"\n{away}{link}.\n" in pages["claims-toy2020.md"]
    others = [e for e in entries if "toy2021" in [s.paper for s in e.sources[1:]]]
    assert len(others) == ONE_PAGE // 2 - 1
    [line] = [text for text in pages["claims-toy2021.md"].split("\n") if text.startswith(away)]
    assert re.findall(r"\(claims-toy2020\.md#([^)]+)\)", line) == [e.id for e in others]
    assert away not in pages["claims-our-own.md"]


def test_a_paper_that_no_claim_names_first_has_a_page() -> None:
    only = [e for e in many() if e.sources[:1] != ENTRIES["holds"].sources[1:]]
    page = reports.render_markdown(report(*only))["claims-toy2021.md"]
    assert page.startswith("# Claims of toy2021 — Another toy (2021)\n\nNo claim names")
    assert "Of this paper too" in page


def test_every_link_leads_to_a_claim() -> None:
    pages = reports.render_markdown(report(*many()))
    targets = []
    for name, page in pages.items():
        for file, claim in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page):
            assert claim in anchors(pages[file or name])
            targets.append(file or name)
    assert set(targets) == set(pages) - {"claims.md"}
    assert "See [ours](claims-our-own.md#sixth-claim-0)." in pages["claims-toy2020.md"]
    corrects = "Corrects [`third-claim-0`](claims-toy2020.md#third-claim-0)."
    assert corrects in pages["claims-our-own.md"]
    # Each row of a table has as many columns as the table.
    rows = [line for line in part(pages["claims.md"], "Overview").split("\n") if line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}


def test_the_items_of_a_paper_are_on_its_page(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    listed = 'paper = "{}"\n[[items]]\nlabel = "Eq. 1"\nwords = "and"\nsays = "one"\n'
    for paper in ("toy2020", "zoo2020"):
        (tmp_path / f"items/{paper}.toml").write_text(listed.format(paper))
    beside = reports.Companions(items=tuple(reports.load_items([tmp_path])))
    pages = reports.render_markdown(report(*many()), beside)
    assert "| toy2020 | 1 | 1 | 0 | 0 |" in pages["claims.md"]
    assert "### Items of" not in pages["claims.md"]
    own = pages["claims-toy2020.md"]
    assert "| Eq. 1 | one | [third-claim-0](#third-claim-0) refuted;" in own
    assert "# Claims of zoo2020\n\nNo claims." in pages["claims-zoo2020.md"]
    assert "| Eq. 1 | one | **open** |" in pages["claims-zoo2020.md"]
    few = reports.render_markdown(report(ENTRIES["refuted"]), beside)
    assert list(few) == ["claims.md"]
    assert "| Eq. 1 | one | [third-claim](#third-claim) refuted |" in few["claims.md"]


@pytest.mark.parametrize(
    ("paper", "name"),
    [
        ("toy2020", "claims-toy2020.md"),
        ("../a b", "claims--a-b.md"),
        ("our own", "claims-our-own.md"),
    ],
)
def test_names_of_pages_are_names_of_files(paper: str, name: str) -> None:
    assert page_of(paper) == name
