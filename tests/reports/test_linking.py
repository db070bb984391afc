"""Ids of claims in descriptions lead to them."""

from __future__ import annotations

from dataclasses import replace

from tests.reports.entries import ENTRIES, report
from theorycheck.reports import render_html, render_markdown
from theorycheck.reports.linking import linked

SAYS = "As `third-claim`, not `no-such-claim` or `f(n) - third-claim`; `batch` is a word."
ENTRY = replace(ENTRIES["holds"], description=SAYS)


def test_ids_of_known_claims_become_links() -> None:
    [first, second] = linked(report(ENTRY, ENTRIES["refuted"])).claims
    assert first.description == SAYS.replace("`third-claim`", "[third-claim](#third-claim)")
    assert second == ENTRIES["refuted"]


def test_of_a_claim_that_the_report_lacks_nothing_is_linked() -> None:
    [only] = linked(report(ENTRY)).claims
    assert only == ENTRY


def test_both_forms_of_a_report_have_them() -> None:
    whole = report(ENTRY, ENTRIES["refuted"])
    assert "As [third-claim](#third-claim), not `no-such" in render_markdown(whole)["claims.md"]
    assert ">third-claim</a>, not <code>no-such-claim</code>" in render_html(whole)
