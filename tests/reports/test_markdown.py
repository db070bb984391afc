"""What a reader finds of each verdict: tables, sections, errata and matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as replaced

from tests.reports.entries import (
    CASE,
    ENTRIES,
    REFUTED_CONTROL,
    RUN,
    claim,
    entry,
    evidence,
    observed,
    report,
)
from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.findings import Rejection
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network, mlp


def section(kind: str) -> str:
    return "\n".join(reports.section(ENTRIES[kind]))


def test_verdicts_are_counted_from_best_to_worst() -> None:
    counts = reports.verdict_counts(ENTRIES.values())
    assert counts == "1 proved, 3 holds, 1 undecided, 1 vacuous, 3 refuted"


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
    assert "> `7 ≤ 6` is false (ratio 1.16667)\n>\n> ReLU, width 2\n" in text
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
    assert "30 of 30 pairs show it [rank, batch 4 against 16]" in text
    assert "Control: one less — 0 of 30 pairs show it [the other way round]." in text
    assert "Positive control" not in text


def test_section_of_a_tendency_names_populations_ties_and_sizes() -> None:
    text = section("refuted tendency")
    assert "**REFUTED** — it shows in only 0 of 30 pairs (mixtures); the positive" in text
    assert (
        "images: 3 of 3 pairs show it, median 0.5 (99% interval -inf to inf) [rank];"
        " mixtures: 0 of 30 pairs show it, 30 are ties, median 1 (99% interval 1 to 1) [rank]."
        in text
    )
    assert "Control: one less — not refuted." in text
    assert (
        "Positive control: a larger factor — 30 of 30 pairs show it, median 0.25"
        " (99% interval 0.25 to 0.25) [rank]." in text
    )


def test_markdown_explains_how_tendencies_are_decided_where_there_are_some() -> None:
    assert "- *tendency*: a statement about direction" in reports.render_markdown(report())
    assert "*tendency*" not in reports.render_markdown(report(ENTRIES["proved"]))


def test_section_of_a_correction_links_what_it_corrects() -> None:
    assert "Source: a claim of our own." in section("corrected")
    assert "Corrects [`third-claim`](#third-claim)." in section("corrected")


def part(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_markdown_has_summary_errata_overview_and_sections() -> None:
    text = reports.render_markdown(report())
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
        " toy2020, Eq. 2; toy2021, Theorem 1 | 42 | 0.5 |" in overview
    )
    assert (
        "| [Title of sixth-claim](#sixth-claim) | **holds** | sampled |  | identity | our own | 1 |"
        "  |" in overview
    )
    assert [text.count(f"### Title of {e.id}\n") for e in ENTRIES.values()] == [1] * 9


def test_markdown_names_every_run_that_was_merged() -> None:
    interrupted = replaced(
        RUN, profile="quick", seed=7, device="cuda", images="mnist:here", finished=False
    )
    text = reports.render_markdown(report(runs=(RUN, interrupted)))
    assert (
        "Merged from 2 runs: profile `default`, seed 0, device cpu, images `digits`;"
        " profile `quick`, seed 7, device cuda, images `mnist:here` (interrupted)." in text
    )


def test_a_report_on_a_part_says_of_how_many_claims() -> None:
    part = report(ENTRIES["holds"], runs=(replaced(RUN, omitted=11),))
    assert "\n1 of 12 claims: 1 holds. Profile" in reports.render_markdown(part)
    assert "\n1 claim: 1 holds. Profile" in reports.render_markdown(report(ENTRIES["holds"]))


def test_errata_list_what_papers_print_and_its_correction() -> None:
    """A refuted claim of our own is no error of a paper."""
    lines = part(reports.render_markdown(report()), "What is wrong as printed").split("\n")
    assert [line for line in lines if line.startswith("- ")] == [
        "- **refuted** [Title of third-claim](#third-claim), toy2020, Eq. 1."
        " Corrected form: [Title of sixth-claim](#sixth-claim), holds.",
        "- **vacuous** [Title of fourth-claim](#fourth-claim), toy2020, Eq. 1.",
    ]
    fine = reports.render_markdown(report(ENTRIES["holds"]))
    assert "Nothing that was checked." in part(fine, "What is wrong as printed")


def test_refuted_tendencies_are_no_errata() -> None:
    refuted = replace(ENTRIES["refuted"], kind="tendency")
    text = reports.render_markdown(report(refuted))
    assert "Nothing that was checked." in part(text, "What is wrong as printed")
    listed = part(text, "Tendencies that did not show").split("\n")
    assert [line for line in listed if line.startswith("- ")] == [
        "- [Title of third-claim](#third-claim), toy2020, Eq. 1."
    ]
    shown = reports.render_markdown(report(ENTRIES["tendency"]))
    assert "Tendencies that did not show" not in shown


def test_case_lines_align_columns() -> None:
    assert reports.case_lines(CASE.to_dict()) == [
        "network  2 -> relu 2 -> linear 1",
        "W[1,0] = [  1  -1/2 ]",
        "         [ 10   1/4 ]",
        "W[2,1] = [ 4/3  -1 ]",
        "x = [   1  0 ]",
        "    [ -12  1 ]",
        "y = [  1 ]",
        "    [ -1 ]",
        "batch_size = 2",
        "weight_decay = 1/8",
    ]


def test_case_lines_of_vectors_and_scalars() -> None:
    network = mlp([1, 2, 1], bias=True, normalisation="batch")
    arrays = tuple(np.full((1, *p.shape), 0.5) for p in network.parameters)
    lines = reports.case_lines(Case(network, arrays, np.ones((1, 2, 1))).to_dict())
    assert "bias[1] = [ 1/2  1/2 ]" in lines
    assert "gain[1] = 1/2" in lines
    assert not any(line.startswith("y") for line in lines)


def filled(network: Network, samples: int, number: float) -> Case:
    arrays = tuple(np.full((1, *p.shape), number) for p in network.parameters)
    return Case(network, arrays, np.full((1, samples, network.input_width), number))


@pytest.mark.parametrize(
    ("width", "samples", "shown"),
    [
        (12, 12, lambda lines: len(lines) == 1 + 1 + 12),
        (13, 1, lambda lines: lines[1:] == [named("W[1,0]", 1, 13), named("x", 1, 13)]),
        (1, 13, lambda lines: lines[1:] == ["W[1,0] = [ 1 ]", named("x", 13, 1)]),
    ],
)
def test_large_matrices_are_named_by_their_shape(
    width: int, samples: int, shown: Callable[[list[str]], bool]
) -> None:
    assert shown(reports.case_lines(filled(mlp([width, 1]), samples, 1.0).to_dict()))


def named(name: str, rows: int, columns: int) -> str:
    return f"{name} = ({rows} x {columns} matrix, see claims.json)"


def test_long_numbers_are_rounded_and_short_ones_exact() -> None:
    case = replace(CASE, numbers={})
    case = replace(case, inputs=np.array([[[0.1, 1 / 3], [123456789.0, -0.125]]]))
    lines = reports.case_lines(case.to_dict())
    assert "x = [       0.1  0.3333 ]" in lines
    assert "    [ 123456789    -1/8 ]" in lines


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
