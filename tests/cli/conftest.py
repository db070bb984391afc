"""What tests of commands must not leave to one another."""

from __future__ import annotations

import pytest

from theorycheck.pytest_plugin.collecting import claims_of_worker


@pytest.fixture(autouse=True)
def claims_are_collected_anew() -> None:
    """A worker keeps the claims of its folders, which tests here lay out in turn under one name."""
    claims_of_worker.cache_clear()
