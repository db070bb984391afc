"""The certificates on record: those that the report names, and what the engine makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.claims.on_record import COMMITTED, ROOT, claims
from theorycheck import reports
from theorycheck.claims import certificates
from theorycheck.claims.outcomes import Answer, Stratum
from theorycheck.reports.replaying import replay_certificate

# issuing


def test_every_refutation_and_every_tightest_example_on_record_has_its_certificate() -> None:
    expected = {}
    for entry in reports.load_report(ROOT / "reports/claims.json").claims:
        word = None if entry.tightest is None else entry.tightest.kernel
        known = word is not None and word.answer is not Answer.OPEN
        bounds = entry.kind in ("inequality", "rank") and known
        if entry.verdict == "refuted":
            expected[entry.id] = "refuted"
        elif bounds:
            expected[entry.id] = "tight"
    record = reports.load_baseline(ROOT / "reports/baseline.json").verdicts
    refuted = {name for name, verdict in record.items() if verdict == "refuted"}
    assert refuted <= expected.keys()
    documents = {path.stem: certificates.load(path) for path in COMMITTED}
    assert {name: documents[name]["shows"] for name in expected} == expected


def counts(found: Mapping[str, Stratum]) -> list[tuple[int, int]]:
    return [(stratum.successes, stratum.failures) for stratum in found.values()]


def test_certificates_on_record_are_those_of_the_report() -> None:
    entries = {e.id: e for e in reports.load_report(ROOT / "reports/claims.json").claims}
    named = {e.certificate for e in entries.values() if e.certificate is not None}
    assert {f"certificates/{path.name}" for path in COMMITTED} == named
    versions = reports.load_baseline(ROOT / "reports/baseline.json").statements
    for path in COMMITTED:
        document, entry = certificates.load(path), entries[path.stem]
        assert document["claim"] == path.stem
        shown = entry.counterexample or entry.tightest
        if entry.kind == "tendency":
            counted, could = certificates.counted_pairs(document["case"]["numbers"])
            assert counts(counted) == counts(entry.examples.strata)
            assert entry.positive is not None
            assert counts(could) == counts(entry.positive.examples.strata)
        else:
            assert shown is not None
            assert document["case"] == shown.case
        assert document["version"] == entry.formal_version == versions[path.stem]
        assert document["version"] == certificates.statement_version(claims()[path.stem])


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_the_engine_agrees_with_every_certificate_on_record(path: Path) -> None:
    lines, reproduced = replay_certificate(path, claims().values())
    assert reproduced, lines
