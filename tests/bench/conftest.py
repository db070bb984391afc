"""One thread for every test of the benchmark, and a peak that takes no time to measure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from theorycheck.bench import measure
from theorycheck.bench.measure import limited_to


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Other tests run on the other cores."""
    with limited_to(1):
        yield


@pytest.fixture
def short_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peak that takes no time to measure, and is none."""
    monkeypatch.setattr(measure, "PEAK_SIZES", {"cpu": (64,)})
