"""Fixtures shared by the tests."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def no_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget this project's own claims, so that another folder ``properties`` can be imported."""
    for name in [name for name in sys.modules if name.split(".")[0] == "properties"]:
        monkeypatch.delitem(sys.modules, name)
