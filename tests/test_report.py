"""Reports: files that cannot be used, and what a reader finds of each verdict."""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim, Kind, Paper
from theorycheck.claims.evidence import Evidence, Observation, Pair, Rejection, Unmet
from theorycheck.claims.examination import describe
from theorycheck.claims.verdicts import Verdict, judge
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network, mlp

PAPER = Paper("toy2020", "A toy", "N. N.", 2020)
OTHER = Paper("toy2021", "Another toy", "N. N.", 2021)


def check(setting: Any) -> Any:
    """What the property says."""


def claim(name: str, kind: Kind = "identity", **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": name,
        "title": f"Title of {name}",
        "kind": kind,
        "sources": (PAPER.at("Eq. 1"),),
        "statement": r"\rho = 1",
        "hypotheses": ("first", "second"),
        "control": "one less",
        "check": check,
        "enough": 1,
    }
    return Claim(**{**fields, **changes})


def observed(holds: bool | None, **changes: Any) -> Observation:
    fields = {"left": "7", "relation": "≤", "right": "6", "arithmetic": "rationals", **changes}
    return Observation(holds, **fields)


def evidence(*findings: Any) -> Evidence:
    gathered = Evidence()
    for finding in findings:
        gathered.add(finding)
    return gathered


def entry(about: Claim, found: Evidence, control: Evidence) -> reports.Entry:
    described = describe(about, judge(about.kind, about.enough, found, control), found, control)
    return {**described, "seconds": 1.25}


CASE = Case(
    mlp([2, 2, 1]),
    (
        np.array([[[1.0, -0.5], [10.0, 0.25]]]),
        np.array([[[Fraction(4, 3), Fraction(-1)]]], dtype=object),
    ),
    np.array([[[1.0, 0.0], [-12.0, 1.0]]]),
    np.array([[[1.0], [-1.0]]]),
    {"weight_decay": Fraction(1, 8), "batch_size": Fraction(2)},
)
REFUTED_CONTROL = evidence(observed(False, left="3", right="2"))
ENTRIES = {
    "proved": entry(claim("first-claim", "symbolic"), evidence(observed(True)), REFUTED_CONTROL),
    "holds": entry(
        claim("second-claim", "inequality", sources=(PAPER.at("Eq. 2"), OTHER.at("Theorem 1"))),
        evidence(
            observed(True, left="1", right="2", tightness=0.5, count=40, case=lambda: CASE),
            observed(True, left="1", right="4", tightness=0.25, degenerate="zero weights"),
            observed(None, arithmetic="balls"),
            Rejection("a unit is constant", 3),
        ),
        REFUTED_CONTROL,
    ),
    "refuted": entry(
        claim("third-claim", "inequality"),
        evidence(observed(False, tightness=7 / 6, case=lambda: CASE, note="ReLU, width 2")),
        REFUTED_CONTROL,
    ),
    "vacuous": entry(
        claim("fourth-claim"), evidence(Unmet(0.125, "gradient norm")), evidence(observed(True))
    ),
    "undecided": entry(claim("fifth-claim"), evidence(observed(True)), evidence(observed(True))),
    "corrected": entry(
        claim("sixth-claim", corrects="third-claim", sources=()),
        evidence(observed(True)),
        REFUTED_CONTROL,
    ),
    "own": entry(claim("seventh-claim", sources=()), REFUTED_CONTROL, REFUTED_CONTROL),
    "tendency": entry(
        claim("eighth-claim", "tendency"),
        evidence(*[Pair(True, "rank, batch 4 against 16")] * 30),
        evidence(*[Pair(False, "the other way round")] * 30),
    ),
}
RUN = {
    "profile": "default", "seed": 0, "device": "cpu", "images": "digits", "workers": 1,
    "finished": True, "started": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "versions": {},
}  # fmt: skip


def document(**entries: reports.Entry) -> dict[str, Any]:
    chosen = entries or ENTRIES
    loaded: dict[str, Any] = json.loads(reports.report_text(RUN, list(chosen.values())))
    return loaded


def section(kind: str) -> str:
    return "\n".join(reports.section(ENTRIES[kind]))


def test_entries_have_the_verdicts_that_they_are_named_after() -> None:
    verdicts = {name: ENTRIES[name]["verdict"] for name in reports.ORDER}
    assert verdicts == {name: name for name in reports.ORDER}
    assert ENTRIES["tendency"]["verdict"] == ENTRIES["corrected"]["verdict"] == "holds"
    assert set(reports.ORDER) == {str(verdict) for verdict in Verdict}


# files


def test_written_files_can_be_read_by_everyone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "claims.md"
    reports.write_atomically(path, "ρ ≤ 1\n")
    assert path.read_bytes() == "ρ ≤ 1\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    reports.write_atomically(path, "again")
    assert path.read_text(encoding="utf-8") == "again"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        reports.write_atomically(tmp_path / "file" / "claims.md", "text")


def test_report_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    reports.write_atomically(path, reports.report_text(RUN, list(ENTRIES.values())))
    loaded = reports.load_report(path)
    assert loaded == {
        "schema_version": reports.SCHEMA_VERSION,
        "run": RUN,
        "claims": list(ENTRIES.values()),
    }


def written(**changes: Any) -> str:
    return json.dumps({**document(), **changes})


def changed_claim(**changes: Any) -> str:
    return written(claims=[{**ENTRIES["holds"], **changes}])


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "cannot be read"),
    "truncated": (reports.report_text(RUN, list(ENTRIES.values()))[:-20], "cannot be read"),
    "binary": (b"\xff\xfe\x00", "cannot be read"),
    "list": ("[]", "no schema_version"),
    "no version": ('{"run": {}, "claims": []}', "no schema_version"),
    "version as text": ('{"schema_version": "1"}', "no schema_version"),
    "version as truth": ('{"schema_version": true}', "no schema_version"),
    "newer": ('{"schema_version": 99}', "upgrade theorycheck"),
    "older": ('{"schema_version": 1}', "run the claims again"),
    "too deep": ("[" * 100_000, "cannot be read"),
    "not a number": (written(run={"seconds": math.nan}), "NaN is no finite number"),
    "too large": (written().replace("1.25", "1e999"), "1e999 is no finite number"),
    "no claims": (written(claims=None), "no list of claims"),
    "claims as object": (written(claims={}), "no list of claims"),
    "no run": (written(run=None), "no run"),
    "incomplete run": (written(run={"seed": 0}), "incomplete run"),
    "incomplete merged run": (written(run={"merged": [RUN, {}]}), "incomplete run"),
    "merged runs as text": (written(run={"merged": "two"}), "incomplete run"),
    "claim as text": (written(claims=["a"]), "incomplete claim"),
    "incomplete claim": (written(claims=[{}]), "incomplete claim"),
    "unknown verdict": (changed_claim(verdict="maybe"), "'maybe' is no verdict"),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_unusable_reports(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "claims.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as error:
        reports.load_report(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_report_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; run"):
        reports.load_report(tmp_path / "claims.json")
    with pytest.raises(InputError, match="cannot be read"):
        reports.load_report(tmp_path)


def test_baseline_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert reports.load_baseline(path) == {}
    path.write_text(reports.baseline_text({"b-claim": "holds", "a-claim": "refuted"}))
    assert list(reports.load_baseline(path).items()) == [
        ("a-claim", "refuted"),
        ("b-claim", "holds"),
    ]


@pytest.mark.parametrize("table", ["null", "[]", '{"a-claim": 1}'])
def test_baseline_without_a_table(tmp_path: Path, table: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(f'{{"schema_version": 1, "verdicts": {table}}}')
    with pytest.raises(InputError, match="no table of verdicts"):
        reports.load_baseline(path)


def test_numbers_that_json_lacks_are_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        reports.dumps({"seconds": float("nan")})


# differences


def test_differences_name_the_claim_and_both_verdicts() -> None:
    entries = [ENTRIES["holds"], ENTRIES["refuted"], ENTRIES["undecided"]]
    record = {"second-claim": "holds", "third-claim": "holds", "lost-claim": "proved"}
    changed, new, lost = reports.differences(entries, record)
    assert changed.startswith("third-claim: on record as holds, now refuted (counterexample: 7 ≤ 6")
    assert new.startswith("fifth-claim: no verdict on record, now undecided (the control")
    assert lost == "lost-claim: on record as proved, not in the report"
    assert reports.difference(ENTRIES["holds"], record) is None


def test_verdict_part_drops_seconds_and_the_run_only() -> None:
    slow = document(**{name: {**e, "seconds": 99.0} for name, e in ENTRIES.items()})
    slow["run"] = {**RUN, "device": "cuda"}
    assert reports.verdict_part(slow) == reports.verdict_part(document())
    kept = json.loads(reports.verdict_part(document()))
    assert all(e.keys() == reports.ENTRY_FIELDS - {"seconds"} for e in kept)
    for field in reports.ENTRY_FIELDS - {"seconds"}:
        other = document(holds={**ENTRIES["holds"], field: "changed"})
        assert reports.verdict_part(other) != reports.verdict_part(document(holds=ENTRIES["holds"]))


# text


def test_verdict_table_puts_failures_first_and_aligns() -> None:
    lines = reports.verdict_table(ENTRIES.values())
    assert [line.split()[0] for line in lines] == [
        "refuted", "refuted", "vacuous", "undecided", "holds", "holds", "holds", "proved",
    ]  # fmt: skip
    assert [line.split()[1] for line in lines[:2]] == ["seventh-claim", "third-claim"]
    assert lines[0] == "refuted    seventh-claim        1 examples     1.2 s"
    assert len({len(line) for line in lines}) == 1
    assert reports.verdict_table([]) == []


def test_verdicts_are_counted_from_best_to_worst() -> None:
    counts = reports.verdict_counts(ENTRIES.values())
    assert counts == "1 proved, 3 holds, 1 undecided, 1 vacuous, 2 refuted"


def test_every_section_has_its_parts() -> None:
    for found in ENTRIES.values():
        text = "\n".join(reports.section(found))
        for part in (
            f'<a id="{found["id"]}"></a>',
            f"### Title of {found['id']}",
            f"**{found['verdict'].upper()}** — {found['reason']}.",
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
    name = "certificates/third-claim.json"
    text = "\n".join(reports.section({**ENTRIES[verdict], "certificate": name}))
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
    assert "refuted after 1 examples: 3 ≤ 2 is false." in text


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
    assert "30 of 30 pairs show it (rank, batch 4 against 16)" in text
    assert "Control: one less — 0 of 30 pairs show it (the other way round)." in text


def test_section_of_a_correction_links_what_it_corrects() -> None:
    assert "Source: a claim of our own." in section("corrected")
    assert "Corrects [`third-claim`](#third-claim)." in section("corrected")


def part(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_markdown_has_summary_errata_overview_and_sections() -> None:
    text = reports.render_markdown(document())
    assert text.startswith("# Claim report\n\n8 claims: 1 proved, 3 holds, ")
    assert "Profile `default`, seed 0, device cpu." in text
    summary = part(text, "Summary")
    assert "| paper | refuted | vacuous | undecided | holds | proved |" in summary
    assert "| **toy2020** — A toy (2020) | 1 | 1 | 1 | 2 | 1 |" in summary
    assert "| **toy2021** — Another toy (2021) |  |  |  | 1 |  |" in summary
    assert "| **our own** | 1 |  |  | 1 |  |" in summary
    overview = part(text, "Overview")
    assert (
        "| [Title of second-claim](#second-claim) | **holds** | inequality |"
        " toy2020, Eq. 2; toy2021, Theorem 1 | 42 | 0.5 |" in overview
    )
    assert (
        "| [Title of sixth-claim](#sixth-claim) | **holds** | identity | our own | 1 |  |"
        in overview
    )
    assert [text.count(f"### Title of {e['id']}\n") for e in ENTRIES.values()] == [1] * 8


def test_markdown_names_every_run_that_was_merged() -> None:
    interrupted = {**RUN, "profile": "quick", "seed": 7, "device": "cuda", "finished": False}
    text = reports.render_markdown({**document(), "run": {"merged": [RUN, interrupted]}})
    assert (
        "Merged from 2 runs: profile `default`, seed 0, device cpu;"
        " profile `quick`, seed 7, device cuda (interrupted)." in text
    )
    assert reports.runs(document()) == [RUN]


def test_errata_list_what_papers_print_and_its_correction() -> None:
    """A refuted claim of our own is no error of a paper."""
    lines = part(reports.render_markdown(document()), "What is wrong as printed").split("\n")
    assert [line for line in lines if line.startswith("- ")] == [
        "- **refuted** [Title of third-claim](#third-claim), toy2020, Eq. 1."
        " Corrected form: [Title of sixth-claim](#sixth-claim), holds.",
        "- **vacuous** [Title of fourth-claim](#fourth-claim), toy2020, Eq. 1.",
    ]
    fine = reports.render_markdown(document(holds=ENTRIES["holds"]))
    assert "Nothing that was checked." in part(fine, "What is wrong as printed")


def test_refuted_tendencies_are_no_errata() -> None:
    refuted = {**ENTRIES["refuted"], "kind": "tendency"}
    text = reports.render_markdown(document(refuted=refuted))
    assert "Nothing that was checked." in part(text, "What is wrong as printed")
    listed = part(text, "Tendencies that did not show").split("\n")
    assert [line for line in listed if line.startswith("- ")] == [
        "- [Title of third-claim](#third-claim), toy2020, Eq. 1."
    ]
    assert "Tendencies that did not show" not in reports.render_markdown(document())


# matrices


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
