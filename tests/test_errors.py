"""Exit codes: those that the command documents, in their order."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

import pytest

from theorycheck.cli.arguments import EXIT_CODES
from theorycheck.errors import ExitCode, named


def test_exit_codes_are_documented_in_their_order() -> None:
    assert [int(code) for code in re.findall(r"^  (\d)  ", EXIT_CODES, re.MULTILINE)] == list(
        ExitCode
    )


def test_they_are_those_of_pytest_where_pytest_has_one() -> None:
    """So that `pytest properties/` and the command agree: tests failed, interrupted, usage."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": pytest.ExitCode.OK,
        "VERDICT_CHANGED": pytest.ExitCode.TESTS_FAILED,
        "INTERRUPTED": pytest.ExitCode.INTERRUPTED,
        "INTERNAL_ERROR": pytest.ExitCode.INTERNAL_ERROR,
        "BAD_INPUT": pytest.ExitCode.USAGE_ERROR,
    }
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["a", " ", "0", "None"])
def test_what_is_not_empty_is_a_name(text: str) -> None:
    assert named(text) == text
    with pytest.raises(ArgumentTypeError, match="given nothing"):
        named("")
