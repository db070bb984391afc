"""Report folders: what a run writes, all of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import to_builtins

from theorycheck.reports.coverage import Items
from theorycheck.reports.documents import Circumstances, Report, dumps, write_together
from theorycheck.reports.markdown import render_markdown

IGNORED = """\
# What differs from run to run, and reports on a part of the claims.
/.gitignore
/run.json
/partial/
"""


def pages(report: Report, lists: Sequence[Items] = ()) -> dict[str, str]:
    """The report for people, by file name: each says what ``claims.json`` says.

    Args:
        lists: the items of papers, as of `render_markdown`.

    Raises:
        InputError: when the case of an example is none, naming the claim.
    """
    from theorycheck.reports.html.page import render_html

    return {"claims.md": render_markdown(report, lists), "claims.html": render_html(report)}


def write_report(
    folder: Path, report: Report, went: Circumstances | None = None, lists: Sequence[Items] = ()
) -> str:
    """Write ``claims.json``, its pages for people and ``run.json``, all of one run, and say where.

    Without circumstances, as after merging, a ``run.json`` of an earlier run is removed. What is no
    part of the report is kept from git, unless the folder says itself what is.

    Args:
        lists: the items of papers, for the coverage in ``claims.md``.

    Raises:
        OSError: when the folder or disk does not take it.
    """
    texts = {"claims.json": dumps(report.document()), **pages(report, lists)}
    apart = None if went is None else dumps(to_builtins(went))
    write_together(folder, {**texts, "run.json": apart})
    if not (folder / ".gitignore").exists():
        write_together(folder, {".gitignore": IGNORED})
    return "report: " + ", ".join(str(folder / name) for name in reversed(texts))
