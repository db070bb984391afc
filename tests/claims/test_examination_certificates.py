"""Examinations and the certificate on record, which is replayed first."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.claims.test_examination import (
    Watch,
    certificate,
    examined,
    harmless,
    tendency,
    watched,
    weight,
)
from tests.claims.toy_claims import scalar
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.findings import Findings, Rejection
from theorycheck.claims.outcomes import Stratum
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError


def test_the_certificate_on_record_is_looked_at_first_and_counts(tmp_path: Path) -> None:
    watch = Watch()
    about = watched(watch)
    found = examined(about, certificate=certificate(tmp_path, 40, about))
    assert weight(watch.asked[0][1]) == 40
    searched = next(s for s, _ in watch.asked[1:] if not s.altered)
    assert watch.asked[0][0] == replace(searched, replayed=True)
    assert found.entry.verdict is Verdict.REFUTED
    assert found.entry.reason == "counterexample: 40 ≤ 6 is false (integers)"
    assert found.certificate is not None
    assert found.certificate["left"] == "40"


def test_without_it_the_smallest_counterexample_counts(tmp_path: Path) -> None:
    assert examined(watched(Watch())).entry.reason == "counterexample: 7 ≤ 6 is false (integers)"


def test_it_counts_where_the_search_finds_nothing(tmp_path: Path) -> None:
    small = st.builds(lambda weight: scalar(1, weight=weight), st.integers(0, 3))
    about = watched(Watch(), on={"case": small})
    assert examined(about).entry.verdict is not Verdict.REFUTED
    found = examined(about, certificate=certificate(tmp_path, 40, about))
    assert found.entry.verdict is Verdict.REFUTED
    assert found.entry.counterexample is not None
    assert found.entry.counterexample.left == "40"


def test_its_example_is_no_evidence_of_this_run(tmp_path: Path) -> None:
    """Counts are those of the search, the same with a certificate and without one."""
    about = watched(Watch())
    with_it = examined(about, certificate=certificate(tmp_path, 40, about))
    assert with_it.entry.examples == examined(about).entry.examples


def test_a_certificate_that_cannot_be_read_ends_the_examination(tmp_path: Path) -> None:
    watch = Watch()
    path = tmp_path / "toy-claim.json"
    path.write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        examined(watched(watch), certificate=path)
    assert watch.asked == []


def test_a_certificate_of_an_earlier_statement_is_passed_over_and_said_so(tmp_path: Path) -> None:
    """It says nothing of this one. That the statement changed is for the record to say."""
    path = certificate(tmp_path, 40, watched(Watch()))
    found = examined(watched(Watch(), statement="1 = 2"), certificate=path)
    assert found.entry.counterexample is not None
    assert found.entry.counterexample.left == "7"
    assert found.notes == (
        "the certificate on record is about an earlier statement, and passed over",
    )


def test_a_certificate_of_another_claim_ends_the_examination(tmp_path: Path) -> None:
    other = replace(watched(Watch()), id="other-claim")
    with pytest.raises(InputError, match="is about other-claim; restore it"):
        examined(watched(Watch()), certificate=certificate(tmp_path, 40, other))


def test_the_example_of_a_tight_certificate_is_replayed_too(tmp_path: Path) -> None:
    """And refutes the claim where it no longer holds there."""
    path = tmp_path / "toy-claim.json"
    watch = Watch(harmless)
    about = watched(watch, "W[0][0][0] <= 60")
    path.write_text(json.dumps(certificates.issue(about, scalar(1, weight=40), "tight", {})))
    assert examined(about, certificate=path).entry.verdict is Verdict.HOLDS
    assert weight(watch.asked[0][1]) == 40
    small = st.builds(lambda weight: scalar(1, weight=weight), st.integers(0, 3))
    stricter = watched(Watch(), "W[0][0][0] <= 60", on={"case": small})
    found = examined(stricter, certificate=path).entry
    assert found.verdict is Verdict.UNDECIDED
    assert "the engine: 40 ≤ 6 is false (integers); the kernel: " in found.reason


def unmet(setting: Setting, case: Case) -> Findings:
    """Nothing meets the hypotheses."""
    yield Rejection("none")


def test_a_tight_certificate_whose_hypotheses_are_not_met_ends_the_examination(
    tmp_path: Path,
) -> None:
    path = tmp_path / "toy-claim.json"
    about = watched(Watch(unmet), "W[0][0][0] <= 60")
    path.write_text(json.dumps(certificates.issue(about, scalar(1, weight=40), "tight", {})))
    with pytest.raises(InputError, match="its example no longer meets what toy-claim assumes"):
        examined(about, certificate=path)


def test_a_certificate_that_violates_nothing_ends_the_examination(tmp_path: Path) -> None:
    watch = Watch(harmless)
    path = certificate(tmp_path, 40, watched(watch))
    with pytest.raises(InputError, match=re.escape(f"certificate {path}: its example no longer")):
        examined(watched(watch), certificate=path)
    assert [weight(case) for _, case in watch.asked] == [40]


def pairs(successes: int, failures: int) -> dict[str, Stratum]:
    one = Stratum(successes=successes, failures=failures, ties=0, effects={}, measured=())
    return {"all pairs": one}


def test_the_pairs_of_a_certificate_count_against_a_tendency(tmp_path: Path) -> None:
    """Whatever its own pairs show: somebody has to look at both."""
    path = tmp_path / "toy-claim.json"
    about = tendency(successes=40, positive="the other coin")
    issued = certificates.issue_contradicted(about, pairs(1, 39), pairs(30, 0))
    path.write_text(json.dumps(issued))
    assert examined(about).entry.verdict is Verdict.HOLDS
    found = examined(about, certificate=path).entry
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason.endswith("; but the certificate shows it in 1 of 40 pairs")
    against = tendency(failures=40, positive="the other coin")
    assert examined(against, certificate=path).entry.verdict is Verdict.REFUTED


@pytest.mark.parametrize("text", ["{", "[]", '{"claim": "toy-claim"}'])
def test_a_broken_certificate_of_a_tendency_ends_the_examination(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toy-claim.json"
    path.write_text(text)
    for about in (tendency(successes=40), tendency(failures=40, positive="the other coin")):
        with pytest.raises(InputError, match="restore it"):
            examined(about, certificate=path)
