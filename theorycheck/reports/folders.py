"""Report folders: what a run writes, all of one run."""

from __future__ import annotations

from pathlib import Path

from msgspec import to_builtins

from theorycheck.reports.documents import Circumstances, Report, dumps, write_together
from theorycheck.reports.markdown import render_markdown
from theorycheck.reports.needs import load_needs

IGNORED = """\
# What differs from run to run, and reports on a part of the claims.
/.gitignore
/run.json
/partial/
"""


def write_report(folder: Path, report: Report, went: Circumstances | None = None) -> str:
    """Write ``claims.json``, ``claims.md`` and ``run.json``, all of one run, and say where.

    Without circumstances, as after merging, a ``run.json`` of an earlier run is removed. What is no
    part of the report is kept from git, unless the folder says itself what is.

    Raises:
        InputError: when the report of needs that is there cannot be read.
        OSError: when the folder or disk does not take it.
    """
    page = render_markdown(report, load_needs(folder))
    texts = {"claims.json": dumps(report.document()), "claims.md": page}
    apart = None if went is None else dumps(to_builtins(went))
    write_together(folder, {**texts, "run.json": apart})
    if not (folder / ".gitignore").exists():
        write_together(folder, {".gitignore": IGNORED})
    return f"report: {folder / 'claims.md'}, {folder / 'claims.json'}"
