"""Errors that a user can act on, and the exit codes of the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the ``theorycheck`` command and of ``pytest properties/``."""

    OK = 0
    """Every verdict and every statement is the one on record."""
    VERDICT_CHANGED = 1
    """A claim differs from the record, stayed undecided, or is on record and was not examined."""
    INTERRUPTED = 2
    """The run was interrupted; the report holds what was finished."""
    INTERNAL_ERROR = 3
    """theorycheck itself failed."""
    BAD_INPUT = 4
    """A claim id, option, file or folder that cannot be used."""


class InputError(Exception):
    """Input that cannot be used: one line that says what was wrong and what to do about it."""


LONGEST_QUOTE = 60
"""Definition: how many characters of a value an error message quotes."""


def quoted(value: object) -> str:
    """A value as an error message quotes it: in one line, and not in full where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        # Such as an integer of more digits than Python writes, which is no reason to fail here.
        text = f"a value of type {type(value).__name__} that cannot be printed"
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."


def named(text: str) -> str:
    """The value of an option that names something, for `argparse`: an empty one is an error.

    It would otherwise mean the same as no option, or the current folder.
    """
    if not text:
        raise ArgumentTypeError("is given nothing: name something, or leave it out")
    return text
