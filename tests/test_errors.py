"""Exit codes: those that the command documents. What an error quotes: one line."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from fractions import Fraction

import numpy as np
import pytest
import torch

from theorycheck.cli.arguments import EXIT_CODES
from theorycheck.errors import LONGEST_QUOTE, ExitCode, named, quoted


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


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [10**5000, Fraction(1, 10**5000), [10**5000], Broken(), np.eye(9), torch.eye(9), "a\nb" * 99],
    ids=["integer", "fraction", "list", "broken", "array", "tensor", "text"],
)
def test_every_value_is_quoted_in_one_line(value: object) -> None:
    text = quoted(value)
    assert 0 < len(text) <= LONGEST_QUOTE
    assert "\n" not in text


@pytest.mark.parametrize("value", [1, 2.5, "x", None, [1, 2], torch.tensor(2)])
def test_short_values_are_quoted_as_they_are(value: object) -> None:
    assert quoted(value) == repr(value)


@pytest.mark.parametrize("text", ["a", " ", "0", "None"])
def test_what_is_not_empty_is_a_name(text: str) -> None:
    assert named(text) == text
    with pytest.raises(ArgumentTypeError, match="given nothing"):
        named("")
