"""The certificates that a report names: present, verified, and about what its entries show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_commands_merge import TOYS, run
from theorycheck import reports
from theorycheck.claims.outcomes import Answer, KernelWord
from theorycheck.claims.verdicts import Verdict
from theorycheck.errors import InputError
from theorycheck.reports import certified


def test_the_certificates_of_a_report_are_verified(tmp_path: Path) -> None:
    run(tmp_path, 1, TOYS[:3])
    report = reports.load_report(tmp_path / "claims.json")
    found = certified.of_report(tmp_path, report)
    assert sorted(found) == ["certificates/weight-bound.json", "certificates/wide-bound.json"]
    other = [replace(one, formal_version="0" * 16) for one in report.claims]
    with pytest.raises(InputError, match="which has another version"):
        certified.of_report(tmp_path, replace(report, claims=tuple(other)))
    bare = [replace(one, certificate=None) for one in report.claims]
    with pytest.raises(InputError, match="'weight-bound' is refuted without a certificate"):
        certified.of_report(tmp_path, replace(report, claims=tuple(bare)))


def test_a_counterexample_needs_its_certificate_whatever_the_verdict_says(tmp_path: Path) -> None:
    run(tmp_path, 1, TOYS[:3])
    report = reports.load_report(tmp_path / "claims.json")
    [shown] = [one for one in report.claims if one.verdict == "refuted"]
    for verdict in Verdict:
        bare = replace(shown, certificate=None, verdict=verdict)
        with pytest.raises(InputError, match="is refuted without a certificate"):
            certified.of_report(tmp_path, replace(report, claims=(bare,)))
    assert shown.counterexample is not None
    word = KernelWord(answer=Answer.OPEN, reason="too long")
    unsure = replace(shown.counterexample, kernel=word)
    open_ = replace(shown, certificate=None, verdict=Verdict.UNDECIDED, counterexample=unsure)
    assert certified.of_report(tmp_path, replace(report, claims=(open_,))) == {}


def test_the_kernel_confirms_nothing_of_a_claim_without_a_formula(tmp_path: Path) -> None:
    """An edited report, sealed again: a counterexample is put with a claim that has no formula."""
    run(tmp_path, 1, TOYS[:3])
    report = reports.load_report(tmp_path / "claims.json")
    [shown] = [one for one in report.claims if one.verdict == "refuted" and one.certificate]
    bare = replace(shown, formal_version=None, certificate=None)
    with pytest.raises(InputError, match="which has no formula; run the claims again"):
        certified.of_report(tmp_path, replace(report, claims=(bare,)))
    assert shown.counterexample is not None
    unasked = replace(shown.counterexample, kernel=None)
    own = replace(bare, counterexample=unasked)
    assert certified.of_report(tmp_path, replace(report, claims=(own,))) == {}
