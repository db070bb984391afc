"""What a reader finds of each verdict: tables, sections, errata and matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.reports.entries import (
    CASE,
    ENTRIES,
    REFUTED_CONTROL,
    claim,
    entry,
    evidence,
    observed,
    report,
)
from theorycheck import reports
from theorycheck.claims.findings import Rejection
from theorycheck.errors import InputError


def section(kind: str) -> str:
    return "\n".join(reports.section(ENTRIES[kind]))


def test_every_section_has_its_parts() -> None:
    for found in ENTRIES.values():
        text = "\n".join(reports.section(found))
        for part in (
            f'<a id="{found.id}"></a>',
            f"### Title of {found.id}",
            f"**{found.verdict.upper()}** — {found.reason}.",
            r"$$\rho = 1$$",
            "What the property says.",
            "Hypotheses: first; second.",
            "Control: one less — ",
        ):
            assert part in text


def test_section_of_a_refuted_claim_prints_the_matrices() -> None:
    text = section("refuted")
    assert "> `7 ≤ 6` is false\n>\n> ReLU, width 2\n" in text
    assert "> W[1,0] = [  1  -1/2 ]\n>          [ 10   1/4 ]\n" in text
    assert "> weight_decay = 1/8\n" in text
    assert "Tightest" not in text


@pytest.mark.parametrize("verdict", ["refuted", "holds"])
def test_section_of_a_claim_links_its_certificate(verdict: str) -> None:
    name = f"certificates/{ENTRIES[verdict].id}.json"
    text = "\n".join(reports.section(replace(ENTRIES[verdict], certificate=name)))
    assert f"Certificate: [`{name}`]({name}), for `theorycheck verify`." in text
    assert "Certificate" not in section(verdict)


def test_section_of_a_claim_that_holds_prints_the_tightest_example() -> None:
    text = section("holds")
    assert "Source: toy2020, Eq. 2; toy2021, Theorem 1." in text
    assert (
        "Examples: 45 tried, 42 met the hypotheses (93.3%); 1 of them degenerate;"
        " 1 left open by rounding; 3 rejected: a unit is constant; decided in balls, rationals."
        in text
    )
    assert "Tightest example:\n\n> `1 ≤ 2` (ratio 0.5)\n" in text
    assert "> x = [   1  0 ]\n" in text
    assert "refuted after 1 example: 3 ≤ 2 is false." in text


def test_section_says_when_hypotheses_are_met_only_in_degenerate_cases() -> None:
    zero = observed(True, degenerate="zero weights", count=3)
    found = entry(claim("some-claim"), evidence(zero, Rejection("kink")), REFUTED_CONTROL)
    text = "\n".join(reports.section(found))
    assert "4 tried, 3 met the hypotheses (75.0%); met only in degenerate cases;" in text
    assert "of them degenerate" not in text


def test_section_gives_no_fraction_where_all_examples_met_the_hypotheses() -> None:
    assert "Examples: 1 tried, 1 met the hypotheses; decided in" in section("undecided")


def test_section_of_a_vacuous_claim_says_how_close_the_search_came() -> None:
    text = section("vacuous")
    assert "no closer than 0.125 (gradient norm)" in text
    assert "the same search met its hypotheses 1 times." in text


def test_section_of_an_undecided_claim_says_what_was_missing() -> None:
    assert "the check has no power" in section("undecided")
    assert "Control: one less — not refuted." in section("undecided")


def test_section_of_a_tendency_counts_pairs() -> None:
    text = section("tendency")
    assert "30 of 30 pairs show it, median 0.476 (99% interval 0." in text
    assert ") [rank, batch 4 against 16]." in text
    assert (
        "Medians over training: rank 1, 3; at epochs 0, 25 of the first 3 pairs that count." in text
    )
    assert "Control: one less — 0 of 30 pairs show it, median 1.5 (99% interval 1.5 to 1.5)" in text
    assert "Positive control" not in text


def test_section_of_a_tendency_names_populations_ties_and_sizes() -> None:
    text = section("refuted tendency")
    assert "**REFUTED** — it shows in only 0 of 30 pairs (mixtures); the positive" in text
    assert (
        "images: 3 of 3 pairs show it, median 0.5 (99% interval -inf to inf) [rank];"
        " mixtures: 0 of 30 pairs show it, 30 tied, median 1 (99% interval 1 to 1) [rank]." in text
    )
    assert "Control: one less — not refuted." in text
    assert (
        "Positive control: a larger factor — 30 of 30 pairs show it, median 0.25"
        " (99% interval 0.25 to 0.25) [rank]." in text
    )


def test_section_of_a_correction_links_what_it_corrects() -> None:
    assert "Source: a claim of our own." in section("corrected")
    assert "Corrects [`third-claim`](#third-claim)." in section("corrected")


@pytest.mark.parametrize(
    "changes", [{"network": {}}, {"inputs": [[["1/0"]]]}, {"parameters": None}, {"numbers": []}]
)
@pytest.mark.parametrize("verdict", ["holds", "refuted"])
def test_a_case_that_is_none_is_named_by_its_claim(verdict: str, changes: dict[str, Any]) -> None:
    found = ENTRIES[verdict]
    shown = found.counterexample or found.tightest
    assert shown is not None
    spoilt = replace(shown, case={**CASE.to_dict(), **changes})
    if found.counterexample is None:
        found = replace(found, tightest=spoilt)
    else:
        found = replace(found, counterexample=spoilt)
    with pytest.raises(InputError) as error:
        reports.render_markdown(report(found))
    assert str(error.value).startswith(f"claim '{found.id}' cannot be read: ")
    assert "\n" not in str(error.value)
