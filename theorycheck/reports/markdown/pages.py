"""The report in Markdown: ``claims.md``, and a page for each paper where one would be too long."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from theorycheck.claims.entries import Entry
from theorycheck.reports.companions import NOTHING, Companions
from theorycheck.reports.coverage import Coverage, Placed, coverage_section, covered, unlisted
from theorycheck.reports.documents import ORDER, Report
from theorycheck.reports.glossary import TENDENCIES, TERMS, VERDICTS
from theorycheck.reports.linking import linked
from theorycheck.reports.markdown.elements import Link, cell, without_markup
from theorycheck.reports.markdown.sections import section
from theorycheck.reports.markdown.words import (
    counted,
    how_many,
    places,
    provenance,
    verdict_counts,
    wrong_as_printed,
)

OWN = "our own"
"""Stands where the paper of a printed claim does."""
INDEX = "claims.md"
"""The page that one begins with."""
HEADING = "# Claims of "
"""Begins the other ones, with the paper."""
ELSEWHERE = "Of this paper too, but on the page of another one and not counted here"
"""Begins the line of such claims."""
ONE_PAGE = 100
"""Up to this many claims are on one page. Longer ones load slowly, and forges cut them off."""


@dataclass(frozen=True)
class Layout:
    """On which pages claims stand.

    Attributes:
        pages: the file name by claim id.
    """

    pages: Mapping[str, str]

    @property
    def is_one_page(self) -> bool:
        """Whether all stand on `INDEX`."""
        return {*self.pages.values()} <= {INDEX}

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Layout:
        """One page for a few claims; else each is on that of the first paper it is printed in."""
        if len(entries) <= ONE_PAGE:
            return cls({entry.id: INDEX for entry in entries})
        homes = {e.id: e.sources[0].paper if e.sources else OWN for e in entries}
        return cls({claim: page_of(paper) for claim, paper in homes.items()})

    def link(self, page: str) -> Link:
        """Links from a page."""

        def link(text: str, claim: str) -> str:
            there = self.pages.get(claim, page)
            return f"[{text}]({'' if there == page else there}#{claim})"

        return link


def page_of(paper: str) -> str:
    """The file name of the page of a paper."""
    return f"claims-{re.sub('[^A-Za-z0-9]+', '-', paper)}.md"


def render_markdown(report: Report, beside: Companions = NOTHING) -> dict[str, str]:
    """The pages by file name: `INDEX`, and where there are many claims one for each paper.

    Args:
        beside: what is shown with it.

    Raises:
        InputError: as `section`.
    """
    report = linked(report)
    entries, layout = report.claims, Layout.of(report.claims)
    lists = () if report.omitted else beside.items
    placed = [Placed.reported(entry) for entry in entries]
    found = covered(lists, placed)
    link = layout.link(INDEX)
    index = [*_index(report, link), *coverage_section(found, unlisted(lists, placed))]
    overview = _overview(entries, beside, link)
    if layout.is_one_page:
        return {INDEX: _text([*index, *_body(entries, found, beside, link, overview)])}
    pages = {INDEX: _text([*index, *overview])}
    # Papers have a page, whether or not they are the first that a claim names.
    cited = {source.paper for entry in entries for source in entry.sources}
    listed = {one.paper for one in found}
    for page in sorted({*layout.pages.values(), *map(page_of, cited | listed)}):
        here = [entry for entry in entries if layout.pages[entry.id] == page]
        away = [
            entry
            for entry in entries
            if layout.pages[entry.id] != page
            and page in [page_of(source.paper) for source in entry.sources]
        ]
        tables = [one for one in found if page_of(one.paper) == page]
        link = layout.link(page)
        heading = _heading(page, here, away, tables, link)
        pages[page] = _text([*heading, *_body(here, tables, beside, link)])
    return pages


def _text(lines: Sequence[str]) -> str:
    return "\n".join(without_markup("\n".join(lines))) + "\n"


def _body(
    entries: Sequence[Entry],
    tables: Sequence[Coverage],
    beside: Companions,
    link: Link,
    overview: Sequence[str] = (),
) -> Iterator[str]:
    """The items of papers, and sections of claims."""
    for one in tables:
        yield from one.table(link)
    yield from overview
    for entry in entries:
        yield from ("", *section(entry, beside, link))


def _heading(
    page: str, here: Sequence[Entry], away: Sequence[Entry], tables: Sequence[Coverage], link: Link
) -> list[str]:
    """The first lines of the page of a paper.

    Args:
        here: the claims of the page.
        away: those that the paper prints as well, and that stand on the page of another one.
    """
    sources = [source for entry in (*here, *away) for source in entry.sources]
    named = {one.paper: one.paper for one in tables}
    named |= {s.paper: f"{s.paper} — {s.title} ({s.year})" for s in sources}
    titles = [title for paper, title in named.items() if page_of(paper) == page]
    none = "No claim names this paper first" if away else "No claims"
    counts = f"{counted(here)}: {verdict_counts(here)}" if here else none
    lines = [HEADING + ("; ".join(titles) or OWN), "", f"{counts}. [Overview]({INDEX})", ""]
    if away:
        told = ", ".join(f"{link(cell(e.title), e.id)} ({e.verdict})" for e in away)
        lines += [f"{ELSEWHERE}: {told}.", ""]
    return lines


def _index(report: Report, link: Link) -> list[str]:
    """The first page, without coverage and what comes after it."""
    entries = report.claims
    return [
        "# Claim report",
        "",
        f"{how_many(report)}: {verdict_counts(entries)}. {provenance(report.runs)}",
        "",
        "| verdict | meaning |",
        "|---|---|",
        *(f"| {verdict} | {meaning} |" for verdict, meaning in VERDICTS.items()),
        "",
        *_words(TERMS),
        *(_words(TENDENCIES) if any(e.kind == "tendency" for e in entries) else []),
        "## Summary",
        "",
        *_summary(entries),
        "",
        "## What fails as printed, or as we read it",
        "",
        *_errata(entries, link),
        "",
        *_tendencies(entries, link),
    ]


def _overview(entries: Sequence[Entry], beside: Companions, link: Link) -> list[str]:
    """A table of all claims."""
    lines = [
        "## Overview",
        "",
        "| claim | verdict | strength | false neighbours refuted | kind | source"
        " | examples that count | tightest |",
        "|---|---|---|---|---|---|---:|---:|",
    ]
    for entry in entries:
        ratio = "" if entry.tightest is None else entry.tightest.ratio or ""
        count = entry.examples.met if entry.kind == "tendency" else entry.examples.counted
        lines.append(
            f"| {link(cell(entry.title), entry.id)} | **{entry.verdict}** | {entry.level or ''} |"
            f" {beside.powers.shown(entry)} | {entry.kind} |"
            f" {cell(places(entry)) or OWN} | {count} | {ratio} |"
        )
    return lines


def _words(explained: Mapping[str, str]) -> list[str]:
    return [*(f"- *{word}*: {meaning}." for word, meaning in explained.items()), ""]


def _summary(entries: Sequence[Entry]) -> list[str]:
    papers: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        for source in {source.paper: source for source in entry.sources}.values():
            papers.setdefault(source.paper, Counter())[entry.verdict] += 1
            titles[source.paper] = f" — {source.title} ({source.year})"
        if not entry.sources:
            papers.setdefault(OWN, Counter())[entry.verdict] += 1
            titles[OWN] = ""
    lines = ["| paper | " + " | ".join(ORDER) + " |", "|---|" + "---:|" * len(ORDER)]
    for paper in sorted(papers):
        counts = " | ".join(str(papers[paper][v] or "") for v in ORDER)
        lines.append(f"| **{cell(paper)}**{cell(titles[paper])} | {counts} |")
    return [*lines, "", "A claim printed in several papers counts once for each of them."]


def _errata(entries: Sequence[Entry], link: Link) -> list[str]:
    failed = wrong_as_printed(entries)
    if not failed:
        return ["Nothing that was checked."]
    lines = []
    for entry in failed:
        line = f"- **{entry.verdict}** {link(entry.title, entry.id)}, {places(entry)}."
        corrections = [other for other in entries if other.corrects == entry.id]
        if corrections:
            told = "; ".join(f"{link(e.title, e.id)}, {e.verdict}" for e in corrections)
            line += f" Corrected form{'s' * (len(corrections) > 1)}: {told}."
        lines.append(line)
    return [*lines, "", "What fails of our own, which nothing prints, is in the overview alone."]


def _tendencies(entries: Sequence[Entry], link: Link) -> list[str]:
    """Refuted tendencies: not errors of a formula, but effects that did not show."""
    failed = [e for e in entries if e.verdict == "refuted" and e.kind == "tendency"]
    if not failed:
        return []
    return [
        "## Tendencies that did not show",
        "",
        "In most pairs of trainings the effect is absent, or the contrary shows, beyond doubt; a"
        " positive control shows that the same test can find it. Each is decided under the protocol"
        " that its hypotheses name; another protocol is another claim.",
        "",
        *(f"- {link(e.title, e.id)}, {places(e) or OWN}." for e in failed),
        "",
    ]
