"""Report folders: what a run writes, all of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import to_builtins

from theorycheck.reports.baseline import EMPTY, Baseline
from theorycheck.reports.companions import NOTHING, Companions
from theorycheck.reports.documents import Circumstances, Report, dumps, write_together
from theorycheck.reports.markdown.pages import HEADING, INDEX, render_markdown

IGNORED = """\
# What differs from run to run, and reports on a part of the claims.
/.gitignore
/run.json
/partial/
"""

SHOWN = ("claims.html", INDEX)
"""Pages to begin with."""


def pages(report: Report, beside: Companions = NOTHING) -> dict[str, str]:
    """The report for people, by file name: each says what ``claims.json`` says.

    Args:
        beside: what is shown with it.

    Raises:
        InputError: when the case of an example is none, naming the claim.
    """
    from theorycheck.reports.html.page import render_html

    return {**render_markdown(report, beside), "claims.html": render_html(report, beside)}


def replacing(folder: Path, pages: Mapping[str, str]) -> dict[str, str | None]:
    """Pages for a folder, and what is to be removed there: pages of papers that are no more."""
    old = [path for path in folder.glob("claims-*.md") if path.name not in pages]
    ours = [path.name for path in old if path.read_bytes().startswith(HEADING.encode())]
    return {**pages, **dict.fromkeys(ours)}


def write_report(
    folder: Path,
    report: Report,
    went: Circumstances | None = None,
    claims: Iterable[Path] = (),
    record: Baseline = EMPTY,
) -> str:
    """Write ``claims.json``, its pages for people and ``run.json``, all of one run, and say where.

    Pages show what else stands in the folder, as far as it can be read, and says so where not.
    Without circumstances, as after merging, a ``run.json`` of an earlier run is removed. What is no
    part of the report is kept from git, unless the folder says itself what is.

    Args:
        claims: the folders of the claims, with the lists of the items of papers.
        record: with which the report is compared.

    Raises:
        InputError: for a list of items that is none.
        OSError: when the folder or disk does not take it.
    """
    beside = Companions.of(folder, claims, record.differing(report.claims))
    made = pages(report, beside)
    texts = {"claims.json": dumps(report.document()), **replacing(folder, made)}
    apart = None if went is None else dumps(to_builtins(went))
    write_together(folder, {**texts, "run.json": apart})
    if not (folder / ".gitignore").exists():
        write_together(folder, {".gitignore": IGNORED})
    where = "report: " + ", ".join(str(folder / name) for name in (*SHOWN, "claims.json"))
    return "\n".join([where, *beside.unread])
