"""Links in the words of claims: the id of another claim, in backticks, leads to it."""

from __future__ import annotations

import re
from dataclasses import replace

from theorycheck.reports.documents import Report

QUOTED = re.compile(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`")
"""What may be the id of a claim."""


def linked(report: Report) -> Report:
    """The same report, with links in the place of ids of its claims in their descriptions."""
    known = {entry.id for entry in report.claims}

    def link(found: re.Match[str]) -> str:
        return f"[{found[1]}](#{found[1]})" if found[1] in known else found[0]

    claims = tuple(replace(e, description=QUOTED.sub(link, e.description)) for e in report.claims)
    return replace(report, claims=claims)
