"""What all tests share: one thread, helpers whose assertions explain themselves, and fixtures."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent

# pytester forgets what is imported while a run of its own lasts: it would be loaded again by each,
# and NumPy's fft, which scipy.integrate imports, cannot be.
for module in (
    "scipy.integrate",
    "theorycheck.claims.comparisons",
    "theorycheck.claims.examination",
    "theorycheck.data.image_sets",
    "theorycheck.pytest_plugin.processes",
    "theorycheck.reports.html.page",
    "theorycheck.reports.terminal",
):
    import_module(module)

# Hypothesis reads the constants of all local modules, and keeps them: once for all processes that
# the tests start in folders of their own.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(HERE.parent / ".hypothesis")

# Other tests run on the other cores.
torch.set_num_threads(1)

# Outside of test modules, pytest explains a failed assertion only where it is told to.
pytest.register_assert_rewrite(*(f"tests.{p.parent.name}" for p in HERE.glob("*/__init__.py")))


def claims_modules() -> list[str]:
    """Names of the modules with claims that are loaded: all others here are in packages."""
    return [name for name in sys.modules if re.match(r"properties\b|test_", name)]


@pytest.fixture
def no_properties(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget this project's own claims, so that another folder ``properties`` can be imported.

    After the test that folder is forgotten, so that it is in nobody's way.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in claims_modules():
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in claims_modules():
        del sys.modules[name]
