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
