"""A project with the toy claims, and their verdicts on record."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.projects import Project


@pytest.fixture
def project(pytester: pytest.Pytester, no_properties: None) -> Project:
    return Project(pytester)
