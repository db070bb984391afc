"""Both engines, one after the other, for the tests of what they share."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.training import engines


@pytest.fixture(params=["compiled", "stacked"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is about both engines; the compiled one is there for the CPU only."""

    def compiles(self: Any) -> bool:
        on_cpu: bool = self.cohort.inputs.device.type == "cpu"
        return on_cpu and request.param == "compiled"

    monkeypatch.setattr(engines.Training, "compiles", compiles)
    return str(request.param)
