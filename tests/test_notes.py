"""Notes that are made while a claim is checked reach the user, and no report changes by them."""

from __future__ import annotations

import json

import pytest

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


def test_notes_reach_the_user(pytester: pytest.Pytester, no_properties: None) -> None:
    (pytester.path / "properties").mkdir()
    (pytester.path / "properties/test_noted.py").write_text(PROPERTIES)
    result = pytester.runpytest_inprocess("properties", "-p", "no:xdist")
    folder = pytester.path / "reports"
    went = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert went["notes"] == ["a-note: a piece was halved"]
    result.stdout.fnmatch_lines(["note: a-note: a piece was halved"])
    for name in ("claims.json", "claims.html", "claims.md"):
        assert "halved" not in (folder / name).read_text(encoding="utf-8")
