"""Notes that are made while a claim is checked reach the report."""

from __future__ import annotations

import dataclasses
import json

import pytest

from theorycheck import reports
from theorycheck.claims.entries import Entry

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
    path = pytester.path / "reports/claims.json"
    [run] = reports.load_report(path).runs
    assert run.notes == ("a-note: a piece was halved",)
    document = json.loads(path.read_text(encoding="utf-8"))
    fields = {field.name for field in dataclasses.fields(Entry)}
    assert all(entry.keys() == fields for entry in document["claims"])
    text = (pytester.path / "reports/claims.md").read_text()
    assert "\n- a-note: a piece was halved\n" in text
