"""The page: templates, style and script made one file with what a report says."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from functools import cache
from hashlib import sha256
from importlib.resources import files

import minify_html
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from theorycheck import __version__
from theorycheck.claims.outcomes import Example
from theorycheck.reports.companions import NOTHING, Companions
from theorycheck.reports.coverage import Placed, covered
from theorycheck.reports.documents import ORDER, Report
from theorycheck.reports.glossary import TENDENCIES, TERMS, VERDICTS
from theorycheck.reports.html.anchors import item_anchors, paper_anchor
from theorycheck.reports.html.dependencies import Dependencies, by_fate, fate
from theorycheck.reports.html.evidence import conclusion, sureness
from theorycheck.reports.html.examples import numbers
from theorycheck.reports.html.experiments import decided, excluded, numbers_of, recipes
from theorycheck.reports.html.figures import curves, effects, slack, strata
from theorycheck.reports.html.formulas import formula
from theorycheck.reports.html.graph import drawn
from theorycheck.reports.html.paper_figures import paper_figures
from theorycheck.reports.html.papers import corrections, sheets
from theorycheck.reports.html.prose import inline, paragraphs
from theorycheck.reports.linking import linked
from theorycheck.reports.markdown.words import (
    control_words,
    details,
    how_many,
    provenance,
    verdict_counts,
)
from theorycheck.reports.needs import Row, said_of

MARKS = {"proved": "■", "holds": "✓", "refuted": "✗", "vacuous": "∅", "undecided": "?"}
"""A shape for each verdict, so that no reader needs its colour."""

CHANGED = "changed"
"""What is said of a claim that differs from the record, and what the filter calls it."""

STRENGTHS = ("general", "architectures", "sampled")


def render_html(report: Report, beside: Companions = NOTHING) -> str:
    """``claims.html``: one file, which fetches nothing and may not; the same for the same report.

    Args:
        beside: what is shown with it.

    Raises:
        InputError: when the case of an example is none, naming the claim.
    """
    # Without what minifying would take from them, which would change their hashes.
    style = "".join(map(_asset, ("page.css", "figures.css", "graph.css"))).strip()
    script = "".join(map(_asset, ("page.js", "graph.js", "cite.js"))).strip()
    report = linked(report)
    entries = report.claims
    tendencies = any(entry.kind == "tendency" for entry in entries)
    items = () if report.omitted else beside.items
    known = {entry.id: entry for entry in entries}
    coverage = covered(items, [Placed.reported(entry) for entry in entries])
    page = _environment().get_template("page.html").render(
        report=report,
        entries=entries,
        sheets=sheets(entries),
        corrected=corrections(entries),
        known=known,
        graph=drawn(known),
        dependencies=Dependencies.of(entries),
        coverage={one.paper: one for one in coverage},
        beside=beside,
        needed=lambda entry: _needed(beside.needs.of(entry), entry.tightest),
        filters=_filters(report, beside.changed),
        counts=f"{how_many(report)}: {verdict_counts(entries)}",
        made=provenance(report.runs),
        words={**VERDICTS, **TERMS, **(TENDENCIES if tendencies else {})},
        digest=report.document()["digest"],
        numbers_file=numbers_of(entries),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )  # fmt: skip
    # A fifteenth is quotation marks, white space, and tags that HTML may do without.
    return minify_html.minify(page, keep_html_and_head_opening_tags=True)


def _filters(report: Report, changed: Collection[str] | None) -> dict[str, list[str]]:
    """The values of each filter; one that tells no claims apart is left out.

    That of what changed since the record is there also where nothing did, which it then says.
    """
    entries = report.claims
    found: dict[str, list[str]] = {
        "paper": [sheet.key or "our own" for sheet in sheets(entries)],
        "verdict": [str(v) for v in ORDER if any(e.verdict == v for e in entries)],
        "strength": [str(s) for s in STRENGTHS if any(e.level == s for e in entries)],
        "kind": sorted({entry.kind for entry in entries}),
        "subject": sorted({entry.subject for entry in entries} - {""}),
    }
    found = {name: values for name, values in found.items() if len(values) > 1}
    return found if changed is None else {**found, "record": [CHANGED]}


def _needed(row: Row | None, tightest: Example | None) -> str:
    """What a claim needs, in words; the certificates that they link to hold the networks."""
    said = "" if row is None else said_of(row, tightest, networks=False)
    return said[:1].upper() + said[1:]


def _policy(style: str, script: str) -> str:
    """A content-security policy: this style, this script, and nothing from anywhere."""
    allowed = {"style-src": _hash(style), "script-src": _hash(script)}
    sources = "; ".join(f"{name} '{source}'" for name, source in allowed.items())
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        anchor=paper_anchor, formula=formula, inline=inline, paragraphs=paragraphs,
        sureness=sureness, conclusion=conclusion, details=details, control_words=control_words,
        curves=curves, effects=effects, slack=slack, strata=strata, recipes=recipes,
        excluded=excluded, decided=decided, paper_figures=paper_figures,
    )  # fmt: skip
    environment.globals.update(
        CHANGED=CHANGED, by_fate=by_fate, fate=fate, item_anchors=item_anchors, marks=MARKS,
        numbers=numbers, version=__version__,
    )  # fmt: skip
    return environment
