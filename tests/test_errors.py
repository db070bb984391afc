"""Exit codes: those that the command documents, in their order."""

from __future__ import annotations

import re

from theorycheck.cli.commands import EXIT_CODES
from theorycheck.errors import ExitCode


def test_exit_codes_are_documented_in_their_order() -> None:
    assert [int(code) for code in re.findall(r"^  (\d)  ", EXIT_CODES, re.MULTILINE)] == list(
        ExitCode
    )


def test_they_are_those_of_pytest_where_pytest_has_one() -> None:
    """So that `pytest properties/` and the command agree: tests failed, interrupted, usage."""
    assert ExitCode.VERDICT_CHANGED == 1
    assert ExitCode.INTERRUPTED == 2
    assert ExitCode.INTERNAL_ERROR == 3
    assert ExitCode.BAD_INPUT == 4
