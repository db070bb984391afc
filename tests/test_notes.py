"""Notes that are made while a claim is checked reach the report."""

from __future__ import annotations

import pytest

from theorycheck import reports

pytest_plugins = ["pytester"]


PROPERTIES = """
import numpy as np
from theorycheck.claims import Paper, claim
from theorycheck.claims import equality
from theorycheck.notes import note

@claim("a-note", title="noted", kind="identity", sources=[Paper("p", "P", "A", 2020).at("1")],
       statement="1 = 1", hypotheses=["none"], control="1 = 2", on={})
def noted(setting):
    note("a piece was halved")
    note("a piece was halved")
    yield equality(np.array([1]), np.array([1 + setting.altered]), "integers")
"""


def test_notes_reach_the_report(pytester: pytest.Pytester, no_properties: None) -> None:
    (pytester.path / "properties").mkdir()
    (pytester.path / "properties/test_noted.py").write_text(PROPERTIES)
    pytester.runpytest_inprocess("properties", "-p", "no:xdist")
    document = reports.load_report(pytester.path / "reports/claims.json")
    assert document["run"]["notes"] == ["a-note: a piece was halved"]
    assert all(entry.keys() == reports.ENTRY_FIELDS for entry in document["claims"])
    text = (pytester.path / "reports/claims.md").read_text()
    assert "\n- a-note: a piece was halved\n" in text
