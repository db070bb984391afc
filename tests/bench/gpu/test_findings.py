"""What goes wrong in one subject is a finding like any other."""

from __future__ import annotations

import pytest

from theorycheck.bench.gpu.findings import Finding, examined


def test_what_work_finds_is_found() -> None:
    assert examined(lambda: Finding(True, figures={"a": 1})) == Finding(True, "", {"a": 1})


def test_an_exception_is_a_finding() -> None:
    found = examined(lambda: [][0])
    assert found == Finding(False, "IndexError: list index out of range")


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted() -> Finding:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examined(interrupted)
