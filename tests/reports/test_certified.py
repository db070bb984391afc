"""The certificates that a report names: present, verified, and about what its entries show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_commands_merge import TOYS, run
from theorycheck import reports
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
