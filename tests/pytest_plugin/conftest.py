"""A project with the toy claims, and their verdicts on record."""

from __future__ import annotations

import pytest

# pytester forgets what is imported while a run of its own lasts, and NumPy's fft, which this
# imports, cannot be loaded twice.
import scipy.integrate  # noqa: F401

from tests.pytest_plugin.projects import Project


@pytest.fixture
def project(pytester: pytest.Pytester, no_properties: None) -> Project:
    return Project(pytester)
